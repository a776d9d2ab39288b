/* SPDX-License-Identifier: Apache-2.0 */
/* nf_tables: what the kernel holds now, as numbers that are easy to compare. */
#include "netns/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define MESSAGE(type) (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (type))
#define DIGEST_START  14695981039346656037ull

static uint64_t digest(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211ull;
	return h;
}

static struct nlmsghdr *question(struct netlink_batch *batch, struct netlink *nfnl, uint16_t type,
				 uint16_t flags)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };

	netlink_begin(batch, nfnl);
	return netlink_add(batch, MESSAGE(type), flags, NULL, &head, sizeof(head));
}

static int see_generation(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, msg,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_GEN_ID) *
		(uint32_t *)data = ntohl(mnl_attr_get_u32(attr));
	return 0;
}

int nft_generation(struct netlink *nfnl, uint32_t *ret)
{
	auto_netlink_batch struct netlink_batch batch;

	(void)question(&batch, nfnl, NFT_MSG_GETGEN, 0);
	return netlink_ask(&batch, see_generation, NULL, ret);
}

struct rules_seen {
	const char *table;
	uint64_t digest;
	bool found;
};

/* Attributes that say what an object does; handles, counters and positions are left out. */
static const struct {
	uint16_t message, attr_table;
	uint16_t attrs[5];
} telling[] = {
	{ NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, { NFTA_TABLE_FLAGS } },
	{ NFT_MSG_NEWCHAIN,
	  NFTA_CHAIN_TABLE,
	  { NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE } },
	{ NFT_MSG_NEWRULE, NFTA_RULE_TABLE, { NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS } },
	{ NFT_MSG_NEWSET,
	  NFTA_SET_TABLE,
	  { NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_LEN, NFTA_SET_DATA_LEN } },
};

static bool tells(size_t row, uint16_t attr)
{
	for (size_t i = 0; i < ARRAY_LEN(telling[row].attrs); i++)
		if (telling[row].attrs[i] == attr)
			return true;
	return false;
}

static int see_object(const struct nlmsghdr *msg, void *data)
{
	struct rules_seen *seen = data;
	const struct nlattr *attr;
	uint64_t h = seen->digest;
	bool ours = false;
	size_t row;

	for (row = 0; row < ARRAY_LEN(telling); row++)
		if (msg->nlmsg_type == MESSAGE(telling[row].message))
			break;
	if (row == ARRAY_LEN(telling))
		return 0;
	mnl_attr_for_each(attr, msg, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == telling[row].attr_table)
			ours = strcmp(mnl_attr_get_str(attr), seen->table) == 0;
		if (mnl_attr_get_type(attr) && tells(row, mnl_attr_get_type(attr)))
			h = digest(h, attr, attr->nla_len);
	}
	if (ours) {
		seen->digest = h;
		seen->found = true;
	}
	return 0;
}

static void begin_again(void *data)
{
	((struct rules_seen *)data)->digest = DIGEST_START;
}

static int see_objects(struct netlink *nfnl, uint16_t type, struct rules_seen *seen)
{
	auto_netlink_batch struct netlink_batch batch;
	struct nlmsghdr *msg = question(&batch, nfnl, type, NLM_F_DUMP);

	/* Kernels that can, filter; the others send everybody's, and see_object() does. */
	if (type == NFT_MSG_GETRULE)
		mnl_attr_put_strz(msg, NFTA_RULE_TABLE, seen->table);
	if (type == NFT_MSG_GETSET)
		mnl_attr_put_strz(msg, NFTA_SET_TABLE, seen->table);
	seen->digest = DIGEST_START;
	return netlink_ask(&batch, see_object, begin_again, seen);
}

int nft_rules_digest(struct netlink *nfnl, const char *table, uint64_t *ret)
{
	static const uint16_t questions[] = { NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETSET,
					      NFT_MSG_GETRULE };
	struct rules_seen seen = { .table = table };
	uint64_t all = DIGEST_START;

	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		int r = see_objects(nfnl, questions[i], &seen);

		if (r < 0)
			return r;
		if (!seen.found)
			return -ENOENT;
		all = digest(all, &seen.digest, sizeof(seen.digest));
	}
	*ret = all;
	return 0;
}

/* ---- elements ---- */

static unsigned bytes_of(const enum nft_field fields[NFT_FIELDS_MAX])
{
	unsigned n = 0;

	while (n < NFT_FIELDS_MAX && fields[n])
		n++;
	return n * 4;
}

uint64_t nft_element_digest(const struct nft_set *set, const struct nft_element *element)
{
	uint64_t h = digest(DIGEST_START, set->name, strlen(set->name));

	h = digest(h, element->key, bytes_of(set->key));
	return digest(h, element->data, bytes_of(set->data));
}

struct elements_seen {
	const struct nft_set *set;
	uint64_t digest;
};

static void take_value(const struct nlattr *nest, uint32_t words[NFT_ELEMENT_WORDS])
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr,
				 nest) if (mnl_attr_get_type(attr) == NFTA_DATA_VALUE &&
					   mnl_attr_get_payload_len(attr) <= NFT_ELEMENT_WORDS * 4)
		memcpy(words, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
}

static void see_element(const struct nlattr *nest, struct elements_seen *seen)
{
	struct nft_element element = { 0 };
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_KEY)
			take_value(attr, element.key);
		if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_DATA)
			take_value(attr, element.data);
	}
	seen->digest += nft_element_digest(seen->set, &element);
}

static int see_elements(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr, *one;

	if (msg->nlmsg_type != MESSAGE(NFT_MSG_NEWSETELEM))
		return 0;
	mnl_attr_for_each(attr, msg, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) ==
								  NFTA_SET_ELEM_LIST_ELEMENTS)
		mnl_attr_for_each_nested(one, attr) see_element(one, data);
	return 0;
}

static void elements_begin_again(void *data)
{
	((struct elements_seen *)data)->digest = 0;
}

int nft_set_digest(struct netlink *nfnl, const char *table, const struct nft_set *set,
		   uint64_t *ret)
{
	struct elements_seen seen = { .set = set };
	auto_netlink_batch struct netlink_batch batch;
	struct nlmsghdr *msg = question(&batch, nfnl, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	int r;

	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_SET, set->name);
	r = netlink_ask(&batch, see_elements, elements_begin_again, &seen);
	if (r == 0)
		*ret = seen.digest;
	return r;
}

/* ---- tables ---- */

struct tables_seen {
	int (*see)(const char *name, void *data);
	void *data;
};

static int see_table(const struct nlmsghdr *msg, void *data)
{
	const struct tables_seen *seen = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, msg, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) ==
								  NFTA_TABLE_NAME) return seen
		->see(mnl_attr_get_str(attr), seen->data);
	return 0;
}

int nft_see_tables(struct netlink *nfnl, int (*see)(const char *name, void *data), void *data)
{
	struct tables_seen seen = { see, data };
	auto_netlink_batch struct netlink_batch batch;

	(void)question(&batch, nfnl, NFT_MSG_GETTABLE, NLM_F_DUMP);
	return netlink_ask(&batch, see_table, NULL, &seen);
}
