/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our nftables table of one instance: what it translates, and nothing is filtered but one thing.
 *
 *	map host_ports      protocol . port           → pod address . port    any address of the node
 *	map address_ports   address . protocol . port → pod address . port    one address
 *	set hairpins        pod address . itself      pods with host ports
 *
 *	guard       prerouting, raw: a pod's packet to 127.0.0.0/8 is dropped (see below)
 *	inward      prerouting, dstnat: both maps
 *	local       output, dstnat: both maps, for the node's own connections
 *	outward     postrouting, srcnat:
 *	              a pod that reached itself by a host port, and the node's 127.0.0.1, come from the
 *	              node's address in the pod range;
 *	              a pod that leaves the cluster range is masqueraded.
 *
 * The maps hold data, not verdicts: a port more or less is one element, and no rule changes.
 * The guard is there because the link of a pod with host ports has route_localnet set, without which
 * 127.0.0.1:PORT could not be translated; it would let that pod reach the node's loopback listeners.
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/cidr.h"
#include "netns/identity.h"
#include "netns/ipam.h"
#include "netns/netlink.h"

struct ruleset {
	struct netlink nfnl;
	int watch_fd; /* readable after anybody's change of nftables; -EBADF: not opened */
	struct identity identity;
	struct cidr pods, cluster;
	struct in_addr node_ip;
	uint32_t generation; /* of nftables when the table was last known to be whole */
	uint64_t digest;     /* of our rules then */
};

/* Sockets only; the table is made by ruleset_replace(). */
int ruleset_open(struct ruleset *ret, const struct identity *identity, const struct cidr *pods,
		 const struct cidr *cluster, struct in_addr node_ip, struct err *err);
void ruleset_close(struct ruleset *rules);
/* Make the table what the records say, in one transaction, whatever it was before. */
int ruleset_replace(struct ruleset *rules, const struct ipam *ipam, struct err *err);
/* The ports of @record, which is in @ipam, were @old and are now record->ports. */
int ruleset_change_ports(struct ruleset *rules, const struct ipam *ipam,
			 const struct ipam_record *record, const struct netns_port *old,
			 size_t n_old, struct err *err);
/* Is the table whole? 1: yes; 0: no. Free of charge while nobody changed nftables. */
int ruleset_check(struct ruleset *rules, const struct ipam *ipam, struct err *err);
/* Delete an instance's table; without one it is done. */
int ruleset_delete(const struct identity *identity, struct err *err);
