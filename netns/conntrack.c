/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE(type) (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | (type))

struct tuple { /* network order */
	struct in_addr source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
};
struct flows {
	struct in_addr ip;
	uint16_t port; /* network order */
	struct tuple *tuples;
	size_t n, cap;
};

static void read_ip(const struct nlattr *nest, struct tuple *ret)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_IP_V4_SRC)
			ret->source.s_addr = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == CTA_IP_V4_DST)
			ret->destination.s_addr = mnl_attr_get_u32(attr);
	}
}

static void read_protocol(const struct nlattr *nest, struct tuple *ret)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_PROTO_NUM)
			ret->protocol = mnl_attr_get_u8(attr);
		if (mnl_attr_get_type(attr) == CTA_PROTO_SRC_PORT)
			ret->source_port = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTA_PROTO_DST_PORT)
			ret->destination_port = mnl_attr_get_u16(attr);
	}
}

static void read_tuple(const struct nlattr *nest, struct tuple *ret)
{
	const struct nlattr *attr;

	*ret = (struct tuple){ 0 };
	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_TUPLE_IP)
			read_ip(attr, ret);
		if (mnl_attr_get_type(attr) == CTA_TUPLE_PROTO)
			read_protocol(attr, ret);
	}
}

static int see_flow(const struct nlmsghdr *msg, void *data)
{
	struct flows *flows = data;
	const struct nlattr *attr;
	struct tuple tuple;

	mnl_attr_for_each(attr, msg, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != CTA_TUPLE_ORIG)
			continue;
		read_tuple(attr, &tuple);
		if (tuple.protocol != IPPROTO_UDP || tuple.destination_port != flows->port ||
		    (flows->ip.s_addr && tuple.destination.s_addr != flows->ip.s_addr) ||
		    flows->n == CONNTRACK_FORGET_MAX)
			return 0;
		if (array_grow(&flows->tuples, &flows->cap, flows->n + 1, sizeof(tuple)) < 0)
			return -ENOMEM;
		flows->tuples[flows->n++] = tuple;
	}
	return 0;
}

static int find_flows(struct netlink *nfnl, struct flows *flows)
{
	struct nfgenmsg head = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };
	auto_netlink_batch struct netlink_batch batch = { 0 };

	netlink_begin(&batch, nfnl);
	(void)netlink_add(&batch, MESSAGE(IPCTNL_MSG_CT_GET), NLM_F_DUMP, NULL, &head,
			  sizeof(head));
	return netlink_ask(&batch, see_flow, NULL, flows);
}

static void put_forget(struct netlink_batch *batch, const struct tuple *tuple)
{
	struct nfgenmsg head = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };
	struct nlmsghdr *msg = netlink_add(batch, MESSAGE(IPCTNL_MSG_CT_DELETE), 0, "forget flow",
					   &head, sizeof(head));
	struct nlattr *orig = mnl_attr_nest_start(msg, CTA_TUPLE_ORIG), *nest;

	nest = mnl_attr_nest_start(msg, CTA_TUPLE_IP);
	mnl_attr_put_u32(msg, CTA_IP_V4_SRC, tuple->source.s_addr);
	mnl_attr_put_u32(msg, CTA_IP_V4_DST, tuple->destination.s_addr);
	mnl_attr_nest_end(msg, nest);
	nest = mnl_attr_nest_start(msg, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(msg, CTA_PROTO_NUM, tuple->protocol);
	mnl_attr_put_u16(msg, CTA_PROTO_SRC_PORT, tuple->source_port);
	mnl_attr_put_u16(msg, CTA_PROTO_DST_PORT, tuple->destination_port);
	mnl_attr_nest_end(msg, nest);
	mnl_attr_nest_end(msg, orig);
}

int conntrack_forget_udp(struct in_addr ip, uint16_t port)
{
	auto_netlink struct netlink nfnl = NETLINK_CLOSED;
	auto_netlink_batch struct netlink_batch batch = { 0 };
	struct flows flows = { .ip = ip, .port = htons(port) };
	int r = netlink_open(NETLINK_NETFILTER, &nfnl);

	if (r == 0)
		r = find_flows(&nfnl, &flows);
	netlink_begin(&batch, &nfnl);
	for (size_t i = 0; r == 0 && i < flows.n; i++)
		put_forget(&batch, &flows.tuples[i]);
	if (r == 0)
		r = netlink_run(&batch, NULL);
	free(flows.tuples);
	return r == -ENOENT ? 0 : r; /* one ended by itself meanwhile */
}
