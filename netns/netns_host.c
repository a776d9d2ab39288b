/* SPDX-License-Identifier: Apache-2.0 */
/* The node's side of the pod network that does not depend on any pod; and its removal. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "netns/netns_node.h"

#define FORWARDING	"/proc/sys/net/ipv4/ip_forward"
#define FORWARDING_FILE "ip_forward" /* in the state directory: what it was before us */

enum { LOOPBACK_INDEX = 1 }; /* in every network namespace */

/* ---- forwarding ---- */

static int read_forwarding(bool *ret)
{
	auto_close int fd = open(FORWARDING, O_RDONLY | O_CLOEXEC);
	char c;

	if (fd < 0)
		return -errno;
	if (fd_read_all(fd, &c, 1) != 1)
		return -EIO;
	*ret = c != '0';
	return 0;
}

/* 1: it was off. Then that is noted first, so that netns_purge() can put it back. */
static int forward_packets(const char *state_dir, struct err *err)
{
	auto_close int dir_fd = -EBADF;
	bool on = true;
	int r = read_forwarding(&on);

	if (r < 0)
		return err_set(err, r, "read " FORWARDING);
	if (on)
		return 0;
	dir_fd = state_dir ? open(state_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -EBADF;
	if (dir_fd >= 0) {
		r = fd_write_file_at(dir_fd, FORWARDING_FILE, "0\n", 2, 0600, err);
		if (r < 0)
			return r;
	}
	r = fd_put_at(AT_FDCWD, FORWARDING, "1");
	return r < 0 ? err_set(err, r, "set " FORWARDING) : 1;
}

static int count_instance(const char *name, void *data)
{
	if (strncmp(name, "shallop", 7) == 0 && (!name[7] || name[7] == '-'))
		++*(int *)data;
	return 0;
}

/* Our table is gone by now: is there another instance's in this namespace? */
static bool last_instance(void)
{
	auto_netlink struct netlink nfnl = NETLINK_CLOSED;
	int n = 0;

	return netlink_open(NETLINK_NETFILTER, &nfnl) == 0 &&
	       nft_see_tables(&nfnl, count_instance, &n) == 0 && n == 0;
}

static void restore_forwarding(const char *state_dir)
{
	auto_close int dir_fd = open(state_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	if (dir_fd < 0 || faccessat(dir_fd, FORWARDING_FILE, F_OK, 0) < 0)
		return;
	if (last_instance())
		(void)fd_put_at(AT_FDCWD, FORWARDING, "0");
	(void)unlinkat(dir_fd, FORWARDING_FILE, 0);
}

/* ---- address and route ---- */

struct host_state {
	const struct identity *identity;
	struct in_addr ip;
	bool address, route, found;
	struct link_route stray;
};

static int see_own_address(const struct link_address_seen *a, void *data)
{
	struct host_state *state = data;

	if (a->family == AF_INET && strcmp(a->label, state->identity->label) == 0) {
		if (state->ip.s_addr == a->ip.v4.s_addr)
			state->address = true;
		else
			state->ip = a->ip.v4, state->found = true;
	}
	return 0;
}

/*
 * The rest of the cluster range is unreachable until routes to other nodes say otherwise: a pod that
 * is gone must not be looked for by the default route, on the internet. The metric, beside making it
 * the last resort, tells whose it is.
 */
static struct link_route last_resort(const struct identity *identity, const struct cidr *cluster)
{
	return (struct link_route){ .destination.s_addr = htonl(cluster->base),
				    .prefix = cluster->prefix,
				    .type = RTN_UNREACHABLE,
				    .scope = RT_SCOPE_UNIVERSE,
				    .metric = identity->group };
}

int netns_host_prepare(struct netns_node *node, const char *state_dir, struct err *err)
{
	struct host_state state = { .identity = &node->identity, .ip = node->ip };
	struct link_route route = last_resort(&node->identity, &node->cluster);
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int changed = forward_packets(state_dir, err), r;

	if (changed < 0)
		return changed;
	r = link_see_addresses(&node->rtnl, AF_INET, see_own_address, &state);
	if (r < 0)
		return err_set(err, r, "list addresses");
	netlink_begin(&batch, &node->rtnl);
	if (state.found) /* of another pod range, from an earlier life */
		link_put_address_delete(&batch, LOOPBACK_INDEX, state.ip, node->identity.label);
	if (!state.address) {
		struct link_setting up = { .up = true };

		link_put_setting(&batch, LOOPBACK_INDEX, &up);
		link_put_address(&batch, LOOPBACK_INDEX, node->ip, RT_SCOPE_HOST,
				 node->identity.label);
	}
	link_put_route(&batch, &route);
	r = netlink_run(&batch, err);
	return r < 0 ? r : changed || !state.address;
}

static int see_last_resort(const struct link_route_seen *route, void *data)
{
	struct host_state *state = data;

	if (route->family != AF_INET || route->metric != state->identity->group ||
	    route->protocol != LINK_ROUTE_PROTOCOL)
		return 0;
	state->route = true;
	state->stray = (struct link_route){ .destination = route->destination.v4,
					    .prefix = route->prefix,
					    .type = route->type,
					    .scope = RT_SCOPE_UNIVERSE,
					    .metric = route->metric };
	return 0;
}

/* One of each at most exists; more would be left by ranges that changed, so look until none is. */
static int undo_one(struct netlink *rtnl, const struct identity *identity, struct err *err)
{
	struct host_state state = { .identity = identity };
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int r = link_see_addresses(rtnl, AF_INET, see_own_address, &state);

	if (r == 0)
		r = link_see_routes(rtnl, AF_INET, see_last_resort, &state);
	if (r < 0)
		return err_set(err, r, "list addresses and routes");
	netlink_begin(&batch, rtnl);
	if (state.found)
		link_put_address_delete(&batch, LOOPBACK_INDEX, state.ip, identity->label);
	if (state.route)
		link_put_route_delete(&batch, &state.stray);
	r = netlink_run(&batch, err);
	return r < 0 ? r : state.found || state.route;
}

int netns_host_undo(struct netlink *rtnl, const struct identity *identity, const char *state_dir,
		    struct err *err)
{
	int r = 1;

	for (unsigned tries = 0; r > 0 && tries < 64; tries++)
		r = undo_one(rtnl, identity, err);
	if (r >= 0)
		restore_forwarding(state_dir);
	return r < 0 ? r : 0;
}

int netns_purge(const char *instance, const char *state_dir, struct err *err)
{
	auto_netlink struct netlink rtnl = NETLINK_CLOSED;
	struct identity identity;
	auto_close int dir_fd = -EBADF;
	int r = identity_of(instance, &identity, err);

	if (r < 0)
		return r;
	r = netlink_open(NETLINK_ROUTE, &rtnl);
	if (r < 0)
		return err_set(err, r, "open rtnetlink");
	for (int i = 0; i < 2; i++) {
		auto_netlink_batch struct netlink_batch batch = { 0 };

		netlink_begin(&batch, &rtnl);
		link_put_group_delete(&batch, i ? identity.dead_group : identity.group);
		r = netlink_run(&batch, err);
		if (r < 0 && r != -ENODEV)
			return r;
	}
	r = ruleset_delete(&identity, err);
	if (r == 0)
		r = netns_host_undo(&rtnl, &identity, state_dir, err);
	if (r < 0)
		return r;
	dir_fd = open(state_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir_fd >= 0 && unlinkat(dir_fd, "ipam", 0) < 0 && errno != ENOENT)
		return err_set(err, -errno, "remove %s/ipam", state_dir);
	return 0;
}
