/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of an open node share; others see netns.h. */
#pragma once

#include "netns/identity.h"
#include "netns/ipam.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "netns/ruleset.h"

/* A living link of ours that no record knows: the log was lost. Its pod may still come for it. */
struct netns_orphan {
	int ifindex;
	struct in_addr ip; /* INADDR_ANY: it has no route */
};

struct netns_node {
	struct identity identity;
	struct cidr pods, cluster;
	struct netlink rtnl;
	struct ruleset rules;
	struct ipam *ipam;
	struct in_addr ip; /* the node's own address in the pod range */
	int self_ns_fd;
	uint32_t mtu;	     /* of pod links; 0: the kernel's */
	bool ipv6;	     /* the kernel speaks it: keep it from making addresses on our links */
	unsigned n_given_up; /* links in the dead group, to be deleted by the next repair */
	struct netns_orphan *orphans;
	size_t n_orphans, cap_orphans;
};

/* Delete the links that were given up. */
int netns_sweep(struct netns_node *node, struct err *err);

/* What the node needs beside its pods: forwarding, its address on lo, the route that says that the
 * rest of the cluster range is nowhere. 1: something was missing. */
int netns_host_prepare(struct netns_node *node, const char *state_dir, struct err *err);
/* Take it back, forwarding too if no other instance is left. */
int netns_host_undo(struct netlink *rtnl, const struct identity *identity, const char *state_dir,
		    struct err *err);
