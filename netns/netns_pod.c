/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod's link. From a namespace with nothing but lo to a connected pod the kernel is entered by
 * four sends: the pair, the host's end, the pod's end, and with host ports the maps.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "netns/conntrack.h"
#include "netns/netns_node.h"

enum { LOOPBACK_INDEX = 1 };

/* Where every pod's packets go first; no host has it, its neighbour entry is all there is to it. */
static const uint8_t gateway_bytes[4] = { 169, 254, 1, 1 };

static struct in_addr gateway(void)
{
	struct in_addr ip;

	memcpy(&ip.s_addr, gateway_bytes, 4);
	return ip;
}

static struct link_route pod_route(const struct netns_node *node, const struct ipam_record *record)
{
	return (struct link_route){ .destination = record->ip,
				    .prefix = 32,
				    .source = node->ip,
				    .type = RTN_UNICAST,
				    .scope = RT_SCOPE_LINK,
				    .ifindex = record->ifindex };
}

/* ---- making the two ends work ---- */

static int set_up_host_end(struct netns_node *node, const struct ipam_record *record,
			   struct err *err)
{
	struct link_setting setting = { .up = true,
					.host_end = true,
					.route_localnet = record->n_ports > 0,
					.no_ipv6_address = node->ipv6 };
	struct link_route route = pod_route(node, record);
	auto_netlink_batch struct netlink_batch batch = { 0 };
	uint8_t mac[LINK_MAC_LEN];

	link_pod_mac(record->ip, mac);
	netlink_begin(&batch, &node->rtnl);
	link_put_setting(&batch, record->ifindex, &setting);
	link_put_route(&batch, &route);
	link_put_neighbour(&batch, record->ifindex, record->ip, mac);
	return netlink_run(&batch, err);
}

static int set_up_pod_end(struct netns_node *node, struct netlink *inside,
			  const struct ipam_record *record, struct err *err)
{
	struct link_setting lo = { .up = true };
	struct link_setting setting = { .up = true, .no_ipv6_address = node->ipv6 };
	struct link_route route = { .gateway = gateway(),
				    .onlink = true,
				    .type = RTN_UNICAST,
				    .scope = RT_SCOPE_UNIVERSE };
	auto_netlink_batch struct netlink_batch batch = { 0 };

	route.ifindex = link_index(inside->fd, LINK_IN_POD);
	if (route.ifindex < 0)
		return err_set(err, route.ifindex, "find " LINK_IN_POD);
	netlink_begin(&batch, inside);
	link_put_setting(&batch, LOOPBACK_INDEX, &lo);
	link_put_setting(&batch, route.ifindex, &setting);
	link_put_address(&batch, route.ifindex, record->ip, RT_SCOPE_UNIVERSE, NULL);
	link_put_neighbour(&batch, route.ifindex, route.gateway, link_host_mac);
	link_put_route(&batch, &route);
	return netlink_run(&batch, err);
}

/* Both ends, on a pair that exists. Everything here may be done again. */
static int set_up(struct netns_node *node, struct netlink *inside, struct ipam_record *record,
		  struct err *err)
{
	int r = set_up_host_end(node, record, err);

	if (r == -EINVAL && netns_host_prepare(node, NULL, err) > 0)
		r = set_up_host_end(node, record, err); /* the node's address had been taken off */
	if (r == 0)
		r = set_up_pod_end(node, inside, record, err);
	if (r == 0) { /* the host's end, up first, has its carrier only now */
		auto_netlink_batch struct netlink_batch batch = { 0 };

		netlink_begin(&batch, &node->rtnl);
		link_put_settle(&batch, record->ifindex);
		r = netlink_run(&batch, err);
	}
	record->set_up = r == 0;
	return r;
}

/* ---- making, or finding, the pair ---- */

/* -EEXIST: the namespace has its link already, or somebody has a link of this name. */
static int make_pair(struct netns_node *node, int netns_fd, struct ipam_record *record,
		     struct err *err)
{
	struct link_pair pair = { .group = node->identity.group,
				  .netns_fd = netns_fd,
				  .pod_ip = record->ip,
				  .mtu = node->mtu };
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int r;

	identity_link_name(&node->identity, record->link, pair.name);
	netlink_begin(&batch, &node->rtnl);
	link_put_pair(&batch, &pair);
	r = netlink_run(&batch, err);
	if (r == -EEXIST)
		return r;
	/* Also after a failure: the answer may have been lost, not the request. */
	record->ifindex = MAX(link_index(node->rtnl.fd, pair.name), 0);
	if (r == 0 && !record->ifindex)
		r = err_set(err, -ENODEV, "find link %s", pair.name);
	return r;
}

/* The host's end of the pod's link, if it is one of ours in @group; its name goes to *ret. 0: no. */
static int find_host_end(struct netns_node *node, struct netlink *inside, uint32_t group,
			 struct link_seen *ret)
{
	struct link_seen pod = { 0 };
	int ifindex = link_index(inside->fd, LINK_IN_POD);

	if (ifindex < 0 || link_see(inside, ifindex, &pod) < 0 || !pod.peer_ifindex)
		return 0;
	if (link_see(&node->rtnl, pod.peer_ifindex, ret) < 0 || ret->group != group ||
	    ret->peer_ifindex != ifindex || !identity_link_number(&node->identity, ret->name))
		return 0;
	return ret->ifindex;
}

struct pod_address {
	int ifindex;
	struct in_addr ip;
};

static int see_pod_address(const struct link_address_seen *a, void *data)
{
	struct pod_address *found = data;

	if (a->ifindex == found->ifindex && a->scope == RT_SCOPE_UNIVERSE)
		found->ip = a->ip.v4;
	return 0;
}

static void forget_orphan(struct netns_node *node, int ifindex)
{
	for (size_t i = 0; i < node->n_orphans; i++)
		if (node->orphans[i].ifindex == ifindex)
			node->orphans[i] = node->orphans[--node->n_orphans];
}

/*
 * The namespace has a link of ours that the record does not know, because the log was lost: the
 * kernel's word counts, and the pod keeps the address that it has.
 */
static int adopt(struct netns_node *node, struct netlink *inside, struct ipam_record **record,
		 struct err *err)
{
	struct pod_address found = { .ifindex = link_index(inside->fd, LINK_IN_POD) };
	struct link_seen link = { 0 };
	char uid[IPAM_UID_MAX];
	int r;

	if (!find_host_end(node, inside, node->identity.group, &link))
		return err_say(err, -EEXIST,
			       "the pod's namespace has a link " LINK_IN_POD " that is not ours");
	r = link_see_addresses(inside, AF_INET, see_pod_address, &found);
	if (r < 0)
		return err_set(err, r, "list addresses of the pod");
	if (found.ip.s_addr && found.ip.s_addr != (*record)->ip.s_addr) {
		memcpy(uid, (*record)->uid, sizeof(uid));
		ipam_release(node->ipam, *record);
		*record = NULL;
		r = ipam_take(node->ipam, uid, found.ip, record, err);
		if (r < 0)
			return r;
	}
	(*record)->link = identity_link_number(&node->identity, link.name);
	(*record)->ifindex = link.ifindex;
	forget_orphan(node, link.ifindex);
	return 0;
}

/* A record's older link, in a namespace that the pod has left: it no longer counts. */
static void give_up_link(struct netns_node *node, int ifindex)
{
	auto_netlink_batch struct netlink_batch batch = { 0 };

	if (!ifindex)
		return;
	netlink_begin(&batch, &node->rtnl);
	link_put_group(&batch, ifindex, node->identity.dead_group);
	if (netlink_run(&batch, NULL) == 0) /* else it is dead already */
		node->n_given_up++;
}

static void delete_link(struct netns_node *node, struct ipam_record *record)
{
	auto_netlink_batch struct netlink_batch batch = { 0 };

	if (!record->ifindex)
		return;
	netlink_begin(&batch, &node->rtnl);
	link_put_delete(&batch, record->ifindex);
	(void)netlink_run(&batch, NULL);
	record->ifindex = 0;
}

#define NAME_TRIES 16

/* Note the link's number, then make it: a kill in between leaves a record without a link. */
static int make_noted_pair(struct netns_node *node, struct netlink *inside, int netns_fd,
			   struct ipam_record **record, struct err *err)
{
	int r = -EEXIST;

	for (unsigned tries = 0; r == -EEXIST && tries < NAME_TRIES; tries++) {
		struct link_seen link = { 0 };

		if (tries && link_index(inside->fd, LINK_IN_POD) > 0) {
			if (find_host_end(node, inside, node->identity.dead_group, &link)) {
				r = netns_sweep(node, err); /* detached a moment ago */
				r = r < 0 ? r : -EEXIST;
				continue;
			}
			r = adopt(node, inside, record, err);
			return r < 0 ? r : ipam_write(node->ipam, *record, err);
		}
		(*record)->link = ipam_next_link(node->ipam);
		r = ipam_write(node->ipam, *record, err);
		if (r == 0)
			r = make_pair(node, netns_fd, *record, err);
	}
	return r;
}

static int connect_pod(struct netns_node *node, int netns_fd, struct ipam_record **record,
		       struct err *err)
{
	auto_netlink struct netlink inside = NETLINK_CLOSED;
	int r = netlink_open_in(node->self_ns_fd, netns_fd, NETLINK_ROUTE, &inside);

	if (r < 0)
		return err_set(err, r, "enter the pod's network namespace");
	r = make_noted_pair(node, &inside, netns_fd, record, err);
	return r < 0 ? r : set_up(node, &inside, *record, err);
}

/* An earlier process may have been killed between making the pair and setting it up. */
static bool connected(struct netns_node *node, int netns_fd, struct ipam_record *record)
{
	auto_netlink struct netlink inside = NETLINK_CLOSED;
	struct link_seen link = { 0 };

	return record->ifindex &&
	       netlink_open_in(node->self_ns_fd, netns_fd, NETLINK_ROUTE, &inside) == 0 &&
	       find_host_end(node, &inside, node->identity.group, &link) == record->ifindex &&
	       (record->set_up || set_up(node, &inside, record, NULL) == 0);
}

/* ---- host ports ---- */

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP	  ? "TCP"
	       : protocol == IPPROTO_UDP  ? "UDP"
	       : protocol == IPPROTO_SCTP ? "SCTP"
					  : "?";
}

static int check_ports(struct netns_node *node, const struct ipam_record *record,
		       const struct netns_port *ports, size_t n, struct err *err)
{
	if (n > IPAM_PORTS_MAX)
		return err_say(err, -E2BIG, "%zu host ports: %d at most", n, IPAM_PORTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct netns_port *p = &ports[i];
		const struct ipam_record *owner = ipam_port_owner(node->ipam, p, record);

		if (!p->host_port || !p->pod_port || protocol_name(p->protocol)[0] == '?')
			return err_say(err, -EINVAL, "host port %u/%s: not a port", p->host_port,
				       protocol_name(p->protocol));
		if (owner)
			return err_say(err, -EADDRINUSE, "host port %u/%s is taken by pod %s",
				       p->host_port, protocol_name(p->protocol), owner->uid);
		for (size_t j = 0; j < i; j++)
			if (ports[j].host_port == p->host_port &&
			    ports[j].protocol == p->protocol &&
			    ports[j].host_ip.s_addr == p->host_ip.s_addr)
				return err_say(err, -EADDRINUSE,
					       "host port %u/%s is asked for twice", p->host_port,
					       protocol_name(p->protocol));
	}
	return 0;
}

static bool same_ports(const struct ipam_record *record, const struct netns_port *ports, size_t n)
{
	if (record->n_ports != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ports[i].host_port != record->ports[i].host_port ||
		    ports[i].pod_port != record->ports[i].pod_port ||
		    ports[i].protocol != record->ports[i].protocol ||
		    ports[i].host_ip.s_addr != record->ports[i].host_ip.s_addr)
			return false;
	return true;
}

/* Of those that change hands; nothing depends on it but clients that never stop sending. */
static void forget_flows(const struct netns_port *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i].protocol == IPPROTO_UDP)
			(void)conntrack_forget_udp(ports[i].host_ip, ports[i].host_port);
}

/* Give @record these ports; the maps follow. On failure it has none. */
static int take_ports(struct netns_node *node, struct ipam_record *record,
		      const struct netns_port *ports, size_t n, struct err *err)
{
	auto_free struct netns_port *old = take_ptr(&record->ports);
	size_t n_old = record->n_ports;
	int r;

	record->n_ports = 0;
	r = ipam_set_ports(record, ports, n);
	if (r < 0)
		(void)err_set(err, r, "take host ports");
	if (n_old || record->n_ports) {
		int changed = ruleset_change_ports(&node->rules, node->ipam, record, old, n_old,
						   r < 0 ? NULL : err);

		r = r < 0 ? r : changed;
		forget_flows(old, n_old);
		forget_flows(record->ports, record->n_ports);
	}
	if (r < 0) {
		free(take_ptr(&record->ports));
		record->n_ports = 0;
	}
	return r;
}

/* ---- the door ---- */

static void fill(const struct netns_node *node, const struct ipam_record *record,
		 struct netns_pod *ret)
{
	*ret = (struct netns_pod){ .ip = record->ip };
	if (record->link)
		identity_link_name(&node->identity, record->link, ret->link);
}

static int attach_record(struct netns_node *node, int netns_fd, struct ipam_record **record,
			 const struct netns_port *ports, size_t n, struct err *err)
{
	int old_ifindex = (*record)->ifindex, r;
	bool here = connected(node, netns_fd, *record);

	if (here && same_ports(*record, ports, n))
		return 0;
	if (!here)
		(*record)->ifindex = 0;
	/* Ports first: the line in the log and the link's settings tell them too. */
	r = same_ports(*record, ports, n) ? 0 : take_ports(node, *record, ports, n, err);
	if (r < 0)
		return r;
	if (here) {
		r = set_up_host_end(node, *record, err);
		return r < 0 ? r : ipam_write(node->ipam, *record, err);
	}
	r = connect_pod(node, netns_fd, record, err);
	if (r == 0)
		give_up_link(node, old_ifindex);
	return r;
}

int netns_pod_attach(struct netns_node *node, const char *uid, int netns_fd,
		     const struct netns_port *ports, size_t n_ports, struct netns_pod *ret,
		     struct err *err)
{
	struct ipam_record *record = ipam_find(node->ipam, uid);
	bool fresh = !record;
	int r = check_ports(node, record, ports, n_ports, err);

	if (r == 0 && fresh)
		r = ipam_take(node->ipam, uid, (struct in_addr){ INADDR_ANY }, &record, err);
	if (r < 0)
		return r;
	r = attach_record(node, netns_fd, &record, ports, n_ports, err);
	if (r < 0 && record) {
		delete_link(node, record);
		if (record->n_ports)
			(void)take_ports(node, record, NULL, 0, NULL);
		if (fresh)
			ipam_release(node->ipam, record);
	}
	if (r < 0)
		return err_prefix(err, r, "connect pod %s", uid);
	fill(node, record, ret);
	return 0;
}

/* Is the namespace's link one of ours that still counts? */
static bool has_our_link(struct netns_node *node, int netns_fd)
{
	auto_netlink struct netlink inside = NETLINK_CLOSED;
	struct link_seen link = { 0 };

	return netlink_open_in(node->self_ns_fd, netns_fd, NETLINK_ROUTE, &inside) == 0 &&
	       find_host_end(node, &inside, node->identity.group, &link);
}

int netns_pod_adopt(struct netns_node *node, const char *uid, int netns_fd, struct netns_pod *ret,
		    struct err *err)
{
	const struct ipam_record *record = ipam_find(node->ipam, uid);

	if (!record && (netns_fd < 0 || !has_our_link(node, netns_fd)))
		return err_say(err, -ENOENT, "pod %.80s is not on the pod network", uid);
	return netns_pod_attach(node, uid, netns_fd, record ? record->ports : NULL,
				record ? record->n_ports : 0, ret, err);
}

int netns_pod_detach(struct netns_node *node, const char *uid, struct err *err)
{
	struct ipam_record *record = ipam_find(node->ipam, uid);
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int r = 0;

	if (!record)
		return 0;
	if (record->n_ports)
		r = take_ports(node, record, NULL, 0, err);
	if (record->ifindex) {
		struct link_route route = pod_route(node, record);

		/* What fails here is gone already: the namespace may be dying right now. */
		netlink_begin(&batch, &node->rtnl);
		link_put_route_delete(&batch, &route);
		link_put_group(&batch, record->ifindex, node->identity.dead_group);
		(void)netlink_run(&batch, NULL);
		node->n_given_up++;
	}
	if (r < 0)
		(void)err_prefix(err, r, "disconnect pod %s", uid);
	ipam_release(node->ipam, record); /* @uid may have been the record's own */
	return r;
}

int netns_pod_find(struct netns_node *node, const char *uid, struct netns_pod *ret)
{
	struct ipam_record *record = ipam_find(node->ipam, uid);

	if (!record)
		return -ENOENT;
	fill(node, record, ret);
	return 0;
}

/* ---- namespaces of sandboxes ---- */

int netns_socket(int netns_fd, int domain, int type, int protocol)
{
	auto_close int self_ns_fd = netlink_self_ns();

	if (self_ns_fd < 0)
		return self_ns_fd;
	return netlink_socket_in(self_ns_fd, netns_fd, domain, type, protocol);
}

int netns_loopback_up(int netns_fd, struct err *err)
{
	auto_close int self_ns_fd = netlink_self_ns();
	auto_netlink struct netlink inside = NETLINK_CLOSED;
	auto_netlink_batch struct netlink_batch batch = { 0 };
	struct link_setting up = { .up = true };
	int r = self_ns_fd;

	if (r >= 0)
		r = netlink_open_in(self_ns_fd, netns_fd, NETLINK_ROUTE, &inside);
	if (r < 0)
		return err_set(err, r, "enter the network namespace");
	netlink_begin(&batch, &inside);
	link_put_setting(&batch, LOOPBACK_INDEX, &up);
	return netlink_run(&batch, err);
}
