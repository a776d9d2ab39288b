/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/nft.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define MESSAGE(type) (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (type))

static struct nlmsghdr *put(struct netlink_batch *batch, uint16_t type, uint16_t flags,
			    const char *doing)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };

	return netlink_add(batch, MESSAGE(type), flags, doing, &head, sizeof(head));
}

static void put_u32(struct nlmsghdr *msg, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(msg, type, htonl(value));
}

/* ---- transactions ---- */

static void put_fence(struct netlink_batch *batch, uint16_t type)
{
	struct nfgenmsg head = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_add_fence(batch, type, &head, sizeof(head));
}

void nft_begin(struct netlink_batch *batch, struct netlink *nfnl)
{
	netlink_begin(batch, nfnl);
	put_fence(batch, NFNL_MSG_BATCH_BEGIN);
}

int nft_commit(struct netlink_batch *batch, struct err *err)
{
	put_fence(batch, NFNL_MSG_BATCH_END);
	return netlink_run(batch, err);
}

void nft_put_table(struct netlink_batch *batch, const char *table)
{
	struct nlmsghdr *msg = put(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, "make nftables table");

	mnl_attr_put_strz(msg, NFTA_TABLE_NAME, table);
}

void nft_put_table_delete(struct netlink_batch *batch, const char *table)
{
	struct nlmsghdr *msg = put(batch, NFT_MSG_DELTABLE, 0, "delete nftables table");

	mnl_attr_put_strz(msg, NFTA_TABLE_NAME, table);
}

void nft_put_chain(struct netlink_batch *batch, const char *table, const struct nft_chain *chain)
{
	struct nlmsghdr *msg = put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "make nftables chain");
	struct nlattr *hook;

	mnl_attr_put_strz(msg, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_CHAIN_NAME, chain->name);
	hook = mnl_attr_nest_start(msg, NFTA_CHAIN_HOOK);
	put_u32(msg, NFTA_HOOK_HOOKNUM, chain->hook);
	put_u32(msg, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	mnl_attr_nest_end(msg, hook);
	mnl_attr_put_strz(msg, NFTA_CHAIN_TYPE, chain->type);
}

/* ---- sets and maps ---- */

static unsigned field_count(const enum nft_field fields[NFT_FIELDS_MAX])
{
	unsigned n = 0;

	while (n < NFT_FIELDS_MAX && fields[n])
		n++;
	return n;
}

/* A concatenated type is six bits a field, for the eyes of the `nft` program only. */
static uint32_t field_types(const enum nft_field fields[NFT_FIELDS_MAX])
{
	uint32_t types = 0;

	for (unsigned i = 0; i < field_count(fields); i++)
		types = types << 6 | (uint32_t)fields[i];
	return types;
}

void nft_put_set(struct netlink_batch *batch, const char *table, const struct nft_set *set)
{
	struct nlmsghdr *msg = put(batch, NFT_MSG_NEWSET, NLM_F_CREATE, "make nftables set");
	unsigned n_data = field_count(set->data);

	mnl_attr_put_strz(msg, NFTA_SET_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_SET_NAME, set->name);
	put_u32(msg, NFTA_SET_ID, set->id);
	put_u32(msg, NFTA_SET_FLAGS, n_data ? NFT_SET_MAP : 0);
	put_u32(msg, NFTA_SET_KEY_TYPE, field_types(set->key));
	put_u32(msg, NFTA_SET_KEY_LEN, field_count(set->key) * 4);
	if (n_data) {
		put_u32(msg, NFTA_SET_DATA_TYPE, field_types(set->data));
		put_u32(msg, NFTA_SET_DATA_LEN, n_data * 4);
	}
}

static void put_value(struct nlmsghdr *msg, uint16_t type, const void *data, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(msg, type);

	mnl_attr_put(msg, NFTA_DATA_VALUE, len, data);
	mnl_attr_nest_end(msg, nest);
}

void nft_put_elements(struct netlink_batch *batch, uint16_t type, const char *table,
		      const struct nft_set *set, const struct nft_element *elements, size_t n)
{
	struct nlmsghdr *msg = put(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
				   "change nftables elements");
	unsigned n_key = field_count(set->key), n_data = field_count(set->data);
	struct nlattr *list;

	assert(n <= NFT_ELEMENTS_MAX);
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_SET, set->name);
	put_u32(msg, NFTA_SET_ELEM_LIST_SET_ID, set->id);
	list = mnl_attr_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < n; i++) {
		struct nlattr *one = mnl_attr_nest_start(msg, (uint16_t)(i + 1));

		put_value(msg, NFTA_SET_ELEM_KEY, elements[i].key, n_key * 4);
		if (n_data && type == NFT_MSG_NEWSETELEM)
			put_value(msg, NFTA_SET_ELEM_DATA, elements[i].data, n_data * 4);
		mnl_attr_nest_end(msg, one);
	}
	mnl_attr_nest_end(msg, list);
}

/* ---- rules ---- */

struct nft_rule nft_rule(struct netlink_batch *batch, const char *table, const char *chain)
{
	struct nft_rule rule = { .msg = put(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
					    "make nftables rule") };

	mnl_attr_put_strz(rule.msg, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(rule.msg, NFTA_RULE_CHAIN, chain);
	rule.expressions = mnl_attr_nest_start(rule.msg, NFTA_RULE_EXPRESSIONS);
	return rule;
}

void nft_rule_end(struct nft_rule *rule)
{
	mnl_attr_nest_end(rule->msg, rule->expressions);
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression expression(struct nft_rule *rule, const char *name)
{
	struct expression e;

	e.element = mnl_attr_nest_start(rule->msg, NFTA_LIST_ELEM);
	mnl_attr_put_strz(rule->msg, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(rule->msg, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct nft_rule *rule, const struct expression *e)
{
	mnl_attr_nest_end(rule->msg, e->data);
	mnl_attr_nest_end(rule->msg, e->element);
}

static void put_register(struct nft_rule *rule, uint16_t attr, unsigned reg)
{
	put_u32(rule->msg, attr, NFT_REG32_00 + reg);
}

void nft_meta(struct nft_rule *rule, enum nft_meta_keys key, unsigned reg)
{
	struct expression e = expression(rule, "meta");

	put_register(rule, NFTA_META_DREG, reg);
	put_u32(rule->msg, NFTA_META_KEY, key);
	expression_end(rule, &e);
}

void nft_payload(struct nft_rule *rule, enum nft_payload_bases base, uint32_t offset, uint32_t len,
		 unsigned reg)
{
	struct expression e = expression(rule, "payload");

	put_register(rule, NFTA_PAYLOAD_DREG, reg);
	put_u32(rule->msg, NFTA_PAYLOAD_BASE, base);
	put_u32(rule->msg, NFTA_PAYLOAD_OFFSET, offset);
	put_u32(rule->msg, NFTA_PAYLOAD_LEN, len);
	expression_end(rule, &e);
}

void nft_fib_type(struct nft_rule *rule, unsigned reg)
{
	struct expression e = expression(rule, "fib");

	put_register(rule, NFTA_FIB_DREG, reg);
	put_u32(rule->msg, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_u32(rule->msg, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expression_end(rule, &e);
}

void nft_cmp(struct nft_rule *rule, unsigned reg, enum nft_cmp_ops op, const void *data, size_t len)
{
	struct expression e = expression(rule, "cmp");

	put_register(rule, NFTA_CMP_SREG, reg);
	put_u32(rule->msg, NFTA_CMP_OP, op);
	put_value(rule->msg, NFTA_CMP_DATA, data, len);
	expression_end(rule, &e);
}

void nft_mask(struct nft_rule *rule, unsigned reg, uint32_t mask)
{
	struct expression e = expression(rule, "bitwise");
	uint32_t zero = 0;

	put_register(rule, NFTA_BITWISE_SREG, reg);
	put_register(rule, NFTA_BITWISE_DREG, reg);
	put_u32(rule->msg, NFTA_BITWISE_LEN, 4);
	put_value(rule->msg, NFTA_BITWISE_MASK, &mask, 4);
	put_value(rule->msg, NFTA_BITWISE_XOR, &zero, 4);
	expression_end(rule, &e);
}

void nft_load(struct nft_rule *rule, unsigned reg, const void *data, size_t len)
{
	struct expression e = expression(rule, "immediate");

	put_register(rule, NFTA_IMMEDIATE_DREG, reg);
	put_value(rule->msg, NFTA_IMMEDIATE_DATA, data, len);
	expression_end(rule, &e);
}

void nft_lookup(struct nft_rule *rule, const struct nft_set *set, unsigned reg, int data_reg)
{
	struct expression e = expression(rule, "lookup");

	mnl_attr_put_strz(rule->msg, NFTA_LOOKUP_SET, set->name);
	put_u32(rule->msg, NFTA_LOOKUP_SET_ID, set->id);
	put_register(rule, NFTA_LOOKUP_SREG, reg);
	if (data_reg >= 0)
		put_register(rule, NFTA_LOOKUP_DREG, (unsigned)data_reg);
	expression_end(rule, &e);
}

void nft_nat(struct nft_rule *rule, enum nft_nat_types type, unsigned ip_reg, int port_reg)
{
	struct expression e = expression(rule, "nat");

	put_u32(rule->msg, NFTA_NAT_TYPE, type);
	put_u32(rule->msg, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	put_register(rule, NFTA_NAT_REG_ADDR_MIN, ip_reg);
	if (port_reg >= 0)
		put_register(rule, NFTA_NAT_REG_PROTO_MIN, (unsigned)port_reg);
	expression_end(rule, &e);
}

void nft_masquerade(struct nft_rule *rule)
{
	struct expression e = expression(rule, "masq");

	/* Two connections that race for one port would otherwise lose a packet. */
	put_u32(rule->msg, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
	expression_end(rule, &e);
}

void nft_drop(struct nft_rule *rule)
{
	struct expression e = expression(rule, "immediate");
	struct nlattr *data, *verdict;

	put_u32(rule->msg, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(rule->msg, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(rule->msg, NFTA_DATA_VERDICT);
	put_u32(rule->msg, NFTA_VERDICT_CODE, NF_DROP);
	mnl_attr_nest_end(rule->msg, verdict);
	mnl_attr_nest_end(rule->msg, data);
	expression_end(rule, &e);
}
