/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables as sentences, straight onto libmnl (libnftnl and libnftables are GPL).
 *
 * A transaction is a netlink batch between nft_begin() and nft_commit(): all of it happens, in one
 * step as packets see it, or none. The expressions below append to a rule that nft_rule() began and
 * nft_rule_end() ends. Registers are the 4-byte ones, 0 to 15; a concatenation lies in neighbouring
 * registers, one field each, which is also how keys and data of a set are laid out.
 */
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/netlink.h"

#define NFT_NAME_OF_TABLE_MAX 32

void nft_begin(struct netlink_batch *batch, struct netlink *nfnl);
int nft_commit(struct netlink_batch *batch, struct err *err);

void nft_put_table(struct netlink_batch *batch, const char *table);
void nft_put_table_delete(struct netlink_batch *batch, const char *table);

struct nft_chain {
	const char *name, *type; /* type: "filter" or "nat" */
	uint32_t hook;		 /* NF_INET_* */
	int32_t priority;
};
void nft_put_chain(struct netlink_batch *batch, const char *table, const struct nft_chain *chain);

/* Types as the `nft` program shows them; 4 bytes a field, whatever the field's own length. */
enum nft_field { NFT_FIELD_NONE, NFT_FIELD_IPV4 = 7, NFT_FIELD_PROTOCOL = 12, NFT_FIELD_PORT = 13 };
#define NFT_FIELDS_MAX 4
struct nft_set {
	const char *name;
	enum nft_field key[NFT_FIELDS_MAX], data[NFT_FIELDS_MAX]; /* data all NONE: a plain set */
	uint32_t id; /* within one transaction, to name a set that does not exist yet */
};
void nft_put_set(struct netlink_batch *batch, const char *table, const struct nft_set *set);

#define NFT_ELEMENT_WORDS NFT_FIELDS_MAX
struct nft_element {
	uint32_t key[NFT_ELEMENT_WORDS], data[NFT_ELEMENT_WORDS]; /* as in registers */
};
/* One request for up to NFT_ELEMENTS_MAX elements; @type is NFT_MSG_NEWSETELEM or DELSETELEM. */
#define NFT_ELEMENTS_MAX 48
void nft_put_elements(struct netlink_batch *batch, uint16_t type, const char *table,
		      const struct nft_set *set, const struct nft_element *elements, size_t n);

/* ---- rules ---- */

struct nft_rule {
	struct nlmsghdr *msg;
	struct nlattr *expressions;
};
struct nft_rule nft_rule(struct netlink_batch *batch, const char *table, const char *chain);
void nft_rule_end(struct nft_rule *rule);

void nft_meta(struct nft_rule *rule, enum nft_meta_keys key, unsigned reg);
void nft_payload(struct nft_rule *rule, enum nft_payload_bases base, uint32_t offset, uint32_t len,
		 unsigned reg);
void nft_fib_type(struct nft_rule *rule, unsigned reg); /* RTN_* of the destination */
void nft_cmp(struct nft_rule *rule, unsigned reg, enum nft_cmp_ops op, const void *data,
	     size_t len);
void nft_mask(struct nft_rule *rule, unsigned reg, uint32_t mask);
void nft_load(struct nft_rule *rule, unsigned reg, const void *data, size_t len);
/* Go on only if the key at @reg is in @set; with data, put it at @data_reg (else -1). */
void nft_lookup(struct nft_rule *rule, const struct nft_set *set, unsigned reg, int data_reg);
/* @type is NFT_NAT_SNAT or DNAT; @port_reg -1: leave the port. */
void nft_nat(struct nft_rule *rule, enum nft_nat_types type, unsigned ip_reg, int port_reg);
void nft_masquerade(struct nft_rule *rule);
void nft_drop(struct nft_rule *rule);

/* ---- asking ---- */

/* Changes with every transaction of anybody in this namespace. */
int nft_generation(struct netlink *nfnl, uint32_t *ret);
/*
 * A number for the chains and rules of @table as the kernel holds them: equal as long as nobody
 * touched them. -ENOENT: there is no such table.
 */
int nft_rules_digest(struct netlink *nfnl, const char *table, uint64_t *ret);
/* The same for the elements of a set, in any order: the sum of nft_element_digest() of each. */
int nft_set_digest(struct netlink *nfnl, const char *table, const struct nft_set *set,
		   uint64_t *ret);
uint64_t nft_element_digest(const struct nft_set *set, const struct nft_element *element);
/* Call @see with the name of every table of family ip. */
int nft_see_tables(struct netlink *nfnl, int (*see)(const char *name, void *data), void *data);
