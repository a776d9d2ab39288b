/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink as sentences: each link_put_* adds one request to a batch, each link_see_* asks.
 * Addresses and ports are in network order; an ifindex is the one of the batch's namespace.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/netlink.h"

#define LINK_MAC_LEN 6
#define LINK_IN_POD  "eth0"

/*
 * Every pair has the same MAC on the host's end, and one made from the address on the pod's: each
 * pair is a segment of its own, and both neighbour entries can be written without asking.
 */
extern const uint8_t link_host_mac[LINK_MAC_LEN];
void link_pod_mac(struct in_addr ip, uint8_t mac[LINK_MAC_LEN]);

struct link_pair {
	char name[IFNAMSIZ]; /* of the host's end */
	uint32_t group;	     /* of the host's end: whose link it is */
	int netns_fd;	     /* where the other end goes, as LINK_IN_POD */
	struct in_addr pod_ip;
	uint32_t mtu; /* 0: the kernel's */
};
void link_put_pair(struct netlink_batch *batch, const struct link_pair *pair);

/* What a link is to be like when it comes up. */
struct link_setting {
	bool up;
	bool host_end;	      /* forward, check the source strictly */
	bool route_localnet;  /* 127.0.0.0/8 may be translated to and from it */
	bool no_ipv6_address; /* no link-local address of its own, so no detection traffic */
};
void link_put_setting(struct netlink_batch *batch, int ifindex, const struct link_setting *setting);
/*
 * Wait until a link that just got its carrier really sends. The kernel starts its queue from a work
 * queue, and drops what is sent before: a first SYN lost, a second gone. Asking for the link makes it
 * do so at once, since Linux 6.8; older ones take some ten microseconds more, on their own.
 */
void link_put_settle(struct netlink_batch *batch, int ifindex);
void link_put_group(struct netlink_batch *batch, int ifindex, uint32_t group);
void link_put_delete(struct netlink_batch *batch, int ifindex);
void link_put_group_delete(struct netlink_batch *batch, uint32_t group);

/* @label may be NULL; @scope is RT_SCOPE_*. */
void link_put_address(struct netlink_batch *batch, int ifindex, struct in_addr ip, uint8_t scope,
		      const char *label);
void link_put_address_delete(struct netlink_batch *batch, int ifindex, struct in_addr ip,
			     const char *label);
void link_put_neighbour(struct netlink_batch *batch, int ifindex, struct in_addr ip,
			const uint8_t mac[LINK_MAC_LEN]);

struct link_route {
	struct in_addr destination, gateway, source; /* INADDR_ANY: none */
	uint8_t prefix, type, scope;		     /* RTN_*, RT_SCOPE_* */
	bool onlink;
	int ifindex;	 /* 0: none */
	uint32_t metric; /* 0: none */
};
#define LINK_ROUTE_PROTOCOL 83 /* of our routes, so that they can be told from others' */
void link_put_route(struct netlink_batch *batch, const struct link_route *route);
void link_put_route_delete(struct netlink_batch *batch, const struct link_route *route);

/* The ifindex of @name as @sock_fd (any socket) sees it, or -errno. One ioctl. */
int link_index(int sock_fd, const char *name);

struct link_seen {
	int ifindex, peer_ifindex;
	uint32_t group, mtu, flags;
	char name[IFNAMSIZ];
};
typedef int (*link_seen_fn)(const struct link_seen *link, void *data);
int link_see_all(struct netlink *rtnl, bool veth_only, link_seen_fn see, void *data);
int link_see(struct netlink *rtnl, int ifindex, struct link_seen *ret);

struct link_address_seen {
	int ifindex, family;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} ip;
	uint8_t prefix, scope;
	char label[IFNAMSIZ];
};
typedef int (*link_address_seen_fn)(const struct link_address_seen *address, void *data);
int link_see_addresses(struct netlink *rtnl, int family, link_address_seen_fn see, void *data);

struct link_route_seen {
	int ifindex, family;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} destination, source;
	uint8_t prefix, type, protocol;
	bool has_source;
	uint32_t metric, table;
};
typedef int (*link_route_seen_fn)(const struct link_route_seen *route, void *data);
int link_see_routes(struct netlink *rtnl, int family, link_route_seen_fn see, void *data);
