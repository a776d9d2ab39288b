/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod network's door: links, addresses, routes and nftables of one node, on libmnl.
 *
 * Routed, no bridge: a pod has a point-to-point veth, its address/32, and a default route by
 * 169.254.1.1 with a permanent neighbour entry; the host has one /32 route per pod. So each packet
 * crosses the IP hooks. Our rules live in one table "shallop[-id]" per family; they match this
 * instance's links and addresses only, and filter nothing (one guard apart, see ruleset.h).
 * The first address of the node's range is the node's own, on lo: pods see it as the host's.
 *
 * Addresses are remembered in D/agent/state/ipam, a log that is not synced on a pod's way (ipam.h
 * says why that is enough), and survive restarts; a pod keeps its address as long as its UID is not
 * released. If the log is lost, a connected pod keeps its address all the same: the kernel's state
 * is read back when the pod is attached again.
 *
 * Everything here happens in the network namespace that the calling thread was in at
 * netns_node_open(). netns_pod_attach() visits the pod's namespace for an instant: no other thread
 * may rely on the calling one. Calls block for parts of a millisecond (netlink to the kernel); none
 * waits for a peer.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct netns_node;

struct netns_options {
	const char *instance;	  /* "" or 6 hex digits: names of links and tables derive from it */
	const char *pod_cidr;	  /* this node's share, "10.244.0.0/24" */
	const char *cluster_cidr; /* all pods', not masqueraded: "10.244.0.0/16" */
	const char *state_dir;	  /* D/agent/state */
};
/* Load addresses, set what forwarding needs, make the table. Idempotent. */
int netns_node_open(const struct netns_options *options, struct netns_node **ret, struct err *err);
struct netns_node *netns_node_close(struct netns_node *node);
OWN_DEFINE(netns_node, struct netns_node *, netns_node_close)
#define auto_netns_node OWN(netns_node)

struct netns_port {
	uint16_t host_port, pod_port;
	uint8_t protocol;	/* IPPROTO_TCP, UDP, SCTP */
	struct in_addr host_ip; /* INADDR_ANY: every address of the node */
};
struct netns_pod {
	struct in_addr ip;
	char link[16]; /* the host's end: "sh<id><n>" */
};
/*
 * Give the pod @uid an address (the one it had, if it had one) and connect @netns_fd; lo comes up too.
 * Idempotent for a connected pod, whose host ports become @ports; a pod in a new namespace moves
 * there. @uid: up to 63 of [A-Za-z0-9._-]. On failure nothing is left, and a pod that had an address
 * before keeps it, unconnected. -ENOSPC: no address free. -EADDRINUSE: a host port is taken, by whom
 * is in @err. -EEXIST: the namespace has an eth0 of somebody else.
 */
int netns_pod_attach(struct netns_node *node, const char *uid, int netns_fd,
		     const struct netns_port *ports, size_t n_ports, struct netns_pod *ret,
		     struct err *err);
/*
 * For a pod that another process of ours connected, and its namespace lives on: find it, complete
 * what that process may have been killed in, keep its host ports. Knows pods whose record was lost by
 * their link (not their host ports: those come back with netns_pod_attach()). -ENOENT: neither record nor link (host network, or never connected); nothing is made.
 */
int netns_pod_adopt(struct netns_node *node, const char *uid, int netns_fd, struct netns_pod *ret,
		    struct err *err);
/*
 * The address, the route and the host ports go back at once; -ENOENT never: an unknown pod is done.
 * The link dies with its namespace. If that lives on, the next netns_node_repair() deletes the link,
 * together with others in one go: a deletion by itself keeps the caller for 18 ms.
 */
int netns_pod_detach(struct netns_node *node, const char *uid, struct err *err);
int netns_pod_find(struct netns_node *node, const char *uid, struct netns_pod *ret); /* -ENOENT */
/* Release what belongs to no UID of @uids (sorted or not): after a restart, once every adopted pod was
 * attached again. Links that nobody came for are deleted. */
int netns_node_reconcile(struct netns_node *node, const char *const *uids, size_t n,
			 struct err *err);
/* Readable when somebody, perhaps ourselves, changed nftables; then call netns_node_repair(), which
 * empties it. Borrowed. */
int netns_node_fd(const struct netns_node *node);
/*
 * Verify that our table, address and forwarding are whole and put back what is not; delete the links
 * of detached pods; shorten the log. 1: something had to be mended. Call it when netns_node_fd() says
 * so and after detaching pods whose namespaces stay; may sync the disk and take 20 ms.
 */
int netns_node_repair(struct netns_node *node, struct err *err);

/* Remove every link, route and table of an instance: `down --purge`. No open node needed. */
int netns_purge(const char *instance, const char *state_dir, struct err *err);

/* Bring lo up inside a namespace (every sandbox without host network). */
int netns_loopback_up(int netns_fd, struct err *err);
/* A socket that lives in @netns_fd: for port-forward and probes "from inside". */
int netns_socket(int netns_fd, int domain, int type, int protocol);

/* For `up`: does @cidr overlap an address or route of this machine (or another instance)? 1: yes, and
 * @text names it ("route 10.0.0.0/8 dev eth0"). */
int netns_cidr_overlap(const char *cidr, const char *own_instance, char *text, size_t size,
		       struct err *err);
/* The address that other hosts reach this node by: source of the default route, else the first
 * global address, else loopback. */
int netns_node_address(char ip[INET6_ADDRSTRLEN], struct err *err);
