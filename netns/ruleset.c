/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

enum { IP_SOURCE = 12, IP_DESTINATION = 16 }; /* offsets in the IPv4 header */
enum { TRANSPORT_DESTINATION = 2 };
enum { RAW = -300, DSTNAT = -100, SRCNAT = 100 }; /* hook priorities, NF_IP_PRI_* */

enum { SET_HOST_PORTS, SET_ADDRESS_PORTS, SET_HAIRPINS, SET_COUNT };
static const struct nft_set sets[] = {
	[SET_HOST_PORTS] = { "host_ports",
			     { NFT_FIELD_PROTOCOL, NFT_FIELD_PORT },
			     { NFT_FIELD_IPV4, NFT_FIELD_PORT },
			     1 },
	[SET_ADDRESS_PORTS] = { "address_ports",
				{ NFT_FIELD_IPV4, NFT_FIELD_PROTOCOL, NFT_FIELD_PORT },
				{ NFT_FIELD_IPV4, NFT_FIELD_PORT },
				2 },
	[SET_HAIRPINS] = { "hairpins", { NFT_FIELD_IPV4, NFT_FIELD_IPV4 }, { 0 }, 3 },
};
_Static_assert(ARRAY_LEN(sets) == SET_COUNT, "every set has a row");

enum { CHAIN_GUARD, CHAIN_INWARD, CHAIN_LOCAL, CHAIN_OUTWARD, CHAIN_COUNT };
static const struct nft_chain chains[] = {
	[CHAIN_GUARD] = { "guard", "filter", NF_INET_PRE_ROUTING, RAW },
	[CHAIN_INWARD] = { "inward", "nat", NF_INET_PRE_ROUTING, DSTNAT },
	[CHAIN_LOCAL] = { "local", "nat", NF_INET_LOCAL_OUT, DSTNAT },
	[CHAIN_OUTWARD] = { "outward", "nat", NF_INET_POST_ROUTING, SRCNAT },
};
_Static_assert(ARRAY_LEN(chains) == CHAIN_COUNT, "every chain has a row");

/*
 * A socket that becomes readable when nftables changed. The filter lets through only the message
 * that ends each transaction, so that somebody's reload of ten thousand elements costs us one.
 */
static int open_watch(int *ret_fd)
{
	uint16_t wanted = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(wanted), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { ARRAY_LEN(code), code };
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int group = NFNLGRP_NFTABLES;
	auto_close int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int ruleset_open(struct ruleset *ret, const struct identity *identity, const struct cidr *pods,
		 const struct cidr *cluster, struct in_addr node_ip, struct err *err)
{
	int r;

	*ret = (struct ruleset){ .nfnl = NETLINK_CLOSED,
				 .watch_fd = -EBADF,
				 .identity = *identity,
				 .pods = *pods,
				 .cluster = *cluster,
				 .node_ip = node_ip };
	r = netlink_open(NETLINK_NETFILTER, &ret->nfnl);
	if (r == 0)
		r = open_watch(&ret->watch_fd);
	if (r < 0) {
		ruleset_close(ret);
		return err_set(err, r, "open nftables");
	}
	return 0;
}

void ruleset_close(struct ruleset *rules)
{
	(void)netlink_close(&rules->nfnl);
	rules->watch_fd = fd_close(rules->watch_fd);
}

/* ---- the rules ---- */

static void match_range(struct nft_rule *rule, uint32_t offset, enum nft_cmp_ops op,
			const struct cidr *range)
{
	uint32_t base = htonl(range->base), mask = htonl(cidr_mask(range->prefix));

	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, 4, 0);
	if (range->prefix < 32)
		nft_mask(rule, 0, mask);
	nft_cmp(rule, 0, op, &base, sizeof(base));
}

static const struct cidr loopback = { 127u << 24, 8 };

static void put_guard(struct netlink_batch *batch, const struct ruleset *rules)
{
	struct nft_rule rule = nft_rule(batch, rules->identity.table, chains[CHAIN_GUARD].name);

	nft_meta(&rule, NFT_META_IIFGROUP, 0);
	nft_cmp(&rule, 0, NFT_CMP_EQ, &rules->identity.group, 4);
	match_range(&rule, IP_DESTINATION, NFT_CMP_EQ, &loopback);
	nft_drop(&rule);
	nft_rule_end(&rule);
}

/* The same two rules before routing and on the node's own way out. */
static void put_port_rules(struct netlink_batch *batch, const struct ruleset *rules, int chain)
{
	struct nft_rule rule = nft_rule(batch, rules->identity.table, chains[chain].name);
	uint32_t local = RTN_LOCAL;

	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP_DESTINATION, 4, 0);
	nft_meta(&rule, NFT_META_L4PROTO, 1);
	nft_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_DESTINATION, 2, 2);
	nft_lookup(&rule, &sets[SET_ADDRESS_PORTS], 0, 0);
	nft_nat(&rule, NFT_NAT_DNAT, 0, 1);
	nft_rule_end(&rule);

	rule = nft_rule(batch, rules->identity.table, chains[chain].name);
	nft_fib_type(&rule, 0);
	nft_cmp(&rule, 0, NFT_CMP_EQ, &local, sizeof(local));
	nft_meta(&rule, NFT_META_L4PROTO, 0);
	nft_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_DESTINATION, 2, 1);
	nft_lookup(&rule, &sets[SET_HOST_PORTS], 0, 0);
	nft_nat(&rule, NFT_NAT_DNAT, 0, 1);
	nft_rule_end(&rule);
}

static void put_outward(struct netlink_batch *batch, const struct ruleset *rules)
{
	const char *table = rules->identity.table, *chain = chains[CHAIN_OUTWARD].name;
	struct nft_rule rule = nft_rule(batch, table, chain);

	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP_SOURCE, 4, 0);
	nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, IP_DESTINATION, 4, 1);
	nft_lookup(&rule, &sets[SET_HAIRPINS], 0, -1);
	nft_load(&rule, 0, &rules->node_ip, 4);
	nft_nat(&rule, NFT_NAT_SNAT, 0, -1);
	nft_rule_end(&rule);

	rule = nft_rule(batch, table, chain);
	match_range(&rule, IP_SOURCE, NFT_CMP_EQ, &loopback);
	match_range(&rule, IP_DESTINATION, NFT_CMP_EQ, &rules->pods);
	nft_load(&rule, 0, &rules->node_ip, 4);
	nft_nat(&rule, NFT_NAT_SNAT, 0, -1);
	nft_rule_end(&rule);

	rule = nft_rule(batch, table, chain);
	match_range(&rule, IP_SOURCE, NFT_CMP_EQ, &rules->pods);
	match_range(&rule, IP_DESTINATION, NFT_CMP_NEQ, &rules->cluster);
	nft_masquerade(&rule);
	nft_rule_end(&rule);
}

/* ---- the elements ---- */

static uint32_t word_of_protocol(uint8_t protocol)
{
	uint32_t word = 0;

	memcpy(&word, &protocol, 1);
	return word;
}

static uint32_t word_of_port(uint16_t port)
{
	uint16_t wire = htons(port);
	uint32_t word = 0;

	memcpy(&word, &wire, 2);
	return word;
}

/* Which set a port goes into, and as what. */
static int element_of(struct in_addr pod, const struct netns_port *port, struct nft_element *ret)
{
	uint32_t protocol = word_of_protocol(port->protocol),
		 number = word_of_port(port->host_port);
	int set = port->host_ip.s_addr ? SET_ADDRESS_PORTS : SET_HOST_PORTS;

	*ret = (struct nft_element){ .data = { pod.s_addr, word_of_port(port->pod_port) } };
	if (set == SET_ADDRESS_PORTS)
		memcpy(ret->key, (uint32_t[]){ port->host_ip.s_addr, protocol, number }, 12);
	else
		memcpy(ret->key, (uint32_t[]){ protocol, number }, 8);
	return set;
}

/* Elements are gathered per set and written in requests of up to NFT_ELEMENTS_MAX. */
struct gathering {
	struct netlink_batch *batch;
	const char *table;
	uint16_t type;
	size_t n[SET_COUNT];
	struct nft_element elements[SET_COUNT][NFT_ELEMENTS_MAX];
};

static void flush(struct gathering *g, int set)
{
	if (g->n[set])
		nft_put_elements(g->batch, g->type, g->table, &sets[set], g->elements[set],
				 g->n[set]);
	g->n[set] = 0;
}

static void gather(struct gathering *g, int set, const struct nft_element *element)
{
	g->elements[set][g->n[set]++] = *element;
	if (g->n[set] == NFT_ELEMENTS_MAX)
		flush(g, set);
}

static void gather_ports(struct gathering *g, struct in_addr pod, const struct netns_port *ports,
			 size_t n)
{
	struct nft_element element = { .key = { pod.s_addr, pod.s_addr } };

	if (n)
		gather(g, SET_HAIRPINS, &element);
	for (size_t i = 0; i < n; i++) {
		int set = element_of(pod, &ports[i], &element);

		gather(g, set, &element);
	}
}

static void gather_end(struct gathering *g)
{
	for (int set = 0; set < SET_COUNT; set++)
		flush(g, set);
}

static void sum_ports(const struct ipam_record *record, uint64_t sums[SET_COUNT])
{
	struct nft_element element = { .key = { record->ip.s_addr, record->ip.s_addr } };

	if (record->n_ports)
		sums[SET_HAIRPINS] += nft_element_digest(&sets[SET_HAIRPINS], &element);
	for (size_t i = 0; i < record->n_ports; i++) {
		int set = element_of(record->ip, &record->ports[i], &element);

		sums[set] += nft_element_digest(&sets[set], &element);
	}
}

/* ---- transactions ---- */

static uint32_t next_generation(uint32_t generation)
{
	return generation + 1 ? generation + 1 : 1; /* the kernel leaves out 0 */
}

int ruleset_replace(struct ruleset *rules, const struct ipam *ipam, struct err *err)
{
	const char *table = rules->identity.table;
	auto_netlink_batch struct netlink_batch batch = { 0 };
	auto_free struct gathering *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return err_set(err, -ENOMEM, "make nftables table %s", table);
	nft_begin(&batch, &rules->nfnl);
	nft_put_table(&batch, table); /* so that there is one to delete */
	nft_put_table_delete(&batch, table);
	nft_put_table(&batch, table);
	for (int i = 0; i < SET_COUNT; i++)
		nft_put_set(&batch, table, &sets[i]);
	for (int i = 0; i < CHAIN_COUNT; i++)
		nft_put_chain(&batch, table, &chains[i]);
	put_guard(&batch, rules);
	put_port_rules(&batch, rules, CHAIN_INWARD);
	put_port_rules(&batch, rules, CHAIN_LOCAL);
	put_outward(&batch, rules);
	*g = (struct gathering){ .batch = &batch, .table = table, .type = NFT_MSG_NEWSETELEM };
	for (struct ipam_record *rec = ipam_first(ipam); rec; rec = ipam_next(rec))
		gather_ports(g, rec->ip, rec->ports, rec->n_ports);
	gather_end(g);
	/* Read first: what somebody else changes meanwhile makes the numbers differ. */
	r = nft_generation(&rules->nfnl, &rules->generation);
	if (r == 0)
		r = nft_commit(&batch, err);
	rules->generation = next_generation(rules->generation);
	if (r == 0)
		r = nft_rules_digest(&rules->nfnl, table, &rules->digest);
	return r < 0 ? err_prefix(err, r, "table %s", table) : 0;
}

int ruleset_change_ports(struct ruleset *rules, const struct ipam *ipam,
			 const struct ipam_record *record, const struct netns_port *old,
			 size_t n_old, struct err *err)
{
	const char *table = rules->identity.table;
	auto_netlink_batch struct netlink_batch batch = { 0 };
	auto_free struct gathering *g = calloc(1, sizeof(*g));
	uint32_t now = 0;
	int r;

	if (!g)
		return err_set(err, -ENOMEM, "change table %s", table);
	nft_begin(&batch, &rules->nfnl);
	*g = (struct gathering){ .batch = &batch, .table = table, .type = NFT_MSG_DELSETELEM };
	gather_ports(g, record->ip, old, n_old);
	gather_end(g);
	g->type = NFT_MSG_NEWSETELEM;
	gather_ports(g, record->ip, record->ports, record->n_ports);
	gather_end(g);
	r = nft_commit(&batch, NULL);
	if (r < 0) /* somebody took elements or the table away: all anew */
		return ruleset_replace(rules, ipam, err);
	/* One step on: our own. More: somebody else's too, left for the next check to look at. */
	if (nft_generation(&rules->nfnl, &now) == 0 && now == next_generation(rules->generation))
		rules->generation = now;
	return 0;
}

static void drain(int fd)
{
	char waste[4096];

	while (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
}

int ruleset_check(struct ruleset *rules, const struct ipam *ipam, struct err *err)
{
	const char *table = rules->identity.table;
	uint64_t sums[SET_COUNT] = { 0 }, digest = 0;
	uint32_t now = 0;
	int r;

	drain(rules->watch_fd);
	r = nft_generation(&rules->nfnl, &now);
	if (r == 0 && now == rules->generation)
		return 1;
	if (r == 0)
		r = nft_rules_digest(&rules->nfnl, table, &digest);
	if (r == -ENOENT || (r == 0 && digest != rules->digest))
		return 0;
	for (struct ipam_record *rec = ipam_first(ipam); rec; rec = ipam_next(rec))
		sum_ports(rec, sums);
	for (int set = 0; r == 0 && set < SET_COUNT; set++) {
		r = nft_set_digest(&rules->nfnl, table, &sets[set], &digest);
		if (r == -ENOENT || (r == 0 && digest != sums[set]))
			return 0;
	}
	if (r < 0)
		return err_set(err, r, "look at table %s", table);
	rules->generation = now;
	return 1;
}

int ruleset_delete(const struct identity *identity, struct err *err)
{
	auto_netlink struct netlink nfnl = NETLINK_CLOSED;
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int r = netlink_open(NETLINK_NETFILTER, &nfnl);

	if (r < 0)
		return err_set(err, r, "open nftables");
	nft_begin(&batch, &nfnl);
	nft_put_table_delete(&batch, identity->table);
	r = nft_commit(&batch, err);
	return r == -ENOENT ? 0 : r;
}
