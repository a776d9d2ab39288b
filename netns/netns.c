/* SPDX-License-Identifier: Apache-2.0 */
/* An open node: what it loads, keeps whole, and gives up. */
#include "netns/netns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "netns/netns_node.h"

struct netns_node *netns_node_close(struct netns_node *node)
{
	if (!node)
		return NULL;
	(void)netlink_close(&node->rtnl);
	ruleset_close(&node->rules);
	(void)ipam_close(node->ipam);
	(void)fd_close(node->self_ns_fd);
	free(node->orphans);
	free(node);
	return NULL;
}

/* ---- what an earlier life left ---- */

static struct ipam_record *record_of_link(const struct ipam *ipam, uint32_t number)
{
	for (struct ipam_record *r = ipam_first(ipam); r; r = ipam_next(r))
		if (r->link == number)
			return r;
	return NULL;
}

static int see_own_link(const struct link_seen *link, void *data)
{
	struct netns_node *node = data;
	struct ipam_record *record;
	uint32_t number = identity_link_number(&node->identity, link->name);
	int r;

	if (link->group == node->identity.dead_group)
		node->n_given_up++;
	if (link->group != node->identity.group)
		return 0;
	record = number ? record_of_link(node->ipam, number) : NULL;
	if (record) {
		record->ifindex = link->ifindex;
		return 0;
	}
	for (size_t i = 0; i < node->n_orphans; i++) /* a dump may begin again */
		if (node->orphans[i].ifindex == link->ifindex)
			return 0;
	r = array_grow(&node->orphans, &node->cap_orphans, node->n_orphans + 1,
		       sizeof(*node->orphans));
	if (r < 0)
		return r;
	node->orphans[node->n_orphans++] = (struct netns_orphan){ .ifindex = link->ifindex };
	return 0;
}

static int see_orphan_route(const struct link_route_seen *route, void *data)
{
	struct netns_node *node = data;

	for (size_t i = 0; i < node->n_orphans; i++)
		if (node->orphans[i].ifindex == route->ifindex && route->prefix == 32) {
			node->orphans[i].ip = route->destination.v4;
			ipam_block(node->ipam, route->destination.v4);
		}
	return 0;
}

static int find_links(struct netns_node *node, struct err *err)
{
	int r = link_see_all(&node->rtnl, true, see_own_link, node);

	if (r == 0 && node->n_orphans)
		r = link_see_routes(&node->rtnl, AF_INET, see_orphan_route, node);
	return r < 0 ? err_set(err, r, "list links") : 0;
}

/* Pods get the MTU of the way out. */
struct way_out {
	int ifindex;
	uint32_t metric;
};

static int see_default_route(const struct link_route_seen *route, void *data)
{
	struct way_out *out = data;

	if (route->prefix == 0 && route->type == RTN_UNICAST && route->table == RT_TABLE_MAIN &&
	    route->ifindex && (!out->ifindex || route->metric < out->metric))
		*out = (struct way_out){ route->ifindex, route->metric };
	return 0;
}

static uint32_t find_mtu(struct netlink *rtnl)
{
	struct way_out out = { 0 };
	struct link_seen link = { 0 };

	if (link_see_routes(rtnl, AF_INET, see_default_route, &out) < 0 || !out.ifindex ||
	    link_see(rtnl, out.ifindex, &link) < 0)
		return 0;
	return link.mtu >= 1280 && link.mtu <= 65535 ? link.mtu : 0;
}

/* ---- opening ---- */

static int parse(const struct netns_options *options, struct netns_node *node, struct err *err)
{
	const char *cluster = options->cluster_cidr ? options->cluster_cidr : options->pod_cidr;
	int r = identity_of(options->instance, &node->identity, err);

	if (r < 0)
		return r;
	if (cidr_parse(options->pod_cidr, &node->pods) < 0)
		return err_say(err, -EINVAL,
			       "pod range %.40s: want address/prefix, as 10.244.0.0/24",
			       options->pod_cidr);
	if (cidr_parse(cluster, &node->cluster) < 0)
		return err_say(err, -EINVAL,
			       "cluster range %.40s: want address/prefix, as 10.244.0.0/16",
			       cluster);
	if (node->cluster.prefix > node->pods.prefix ||
	    !cidr_holds(&node->cluster, node->pods.base))
		return err_say(err, -EINVAL, "pod range %.40s is not in the cluster's, %.40s",
			       options->pod_cidr, cluster);
	return 0;
}

static int open_sockets(struct netns_node *node, struct err *err)
{
	int r = netlink_open(NETLINK_ROUTE, &node->rtnl);

	if (r < 0)
		return err_set(err, r, "open rtnetlink");
	node->self_ns_fd = netlink_self_ns();
	if (node->self_ns_fd < 0)
		return err_set(err, node->self_ns_fd, "open network namespace");
	return ruleset_open(&node->rules, &node->identity, &node->pods, &node->cluster, node->ip,
			    err);
}

int netns_node_open(const struct netns_options *options, struct netns_node **ret, struct err *err)
{
	auto_netns_node struct netns_node *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return err_set(err, -ENOMEM, "open pod network");
	node->rtnl.fd = node->rules.nfnl.fd = node->rules.watch_fd = node->self_ns_fd = -EBADF;
	r = parse(options, node, err);
	if (r == 0)
		r = ipam_open(options->state_dir, &node->pods, &node->ipam, err);
	if (r < 0)
		return r;
	node->ip = ipam_node_address(node->ipam);
	node->ipv6 = access("/proc/sys/net/ipv6/conf", F_OK) == 0;
	r = open_sockets(node, err);
	if (r == 0)
		r = find_links(node, err);
	if (r == 0)
		r = netns_host_prepare(node, options->state_dir, err);
	if (r >= 0)
		r = ruleset_replace(&node->rules, node->ipam, err);
	if (r < 0)
		return r;
	node->mtu = find_mtu(&node->rtnl);
	*ret = take_ptr(&node);
	return 0;
}

int netns_node_fd(const struct netns_node *node)
{
	return node->rules.watch_fd;
}

/* ---- keeping it whole ---- */

int netns_sweep(struct netns_node *node, struct err *err)
{
	auto_netlink_batch struct netlink_batch batch = { 0 };
	int r;

	if (!node->n_given_up)
		return 0;
	netlink_begin(&batch, &node->rtnl);
	link_put_group_delete(&batch, node->identity.dead_group);
	r = netlink_run(&batch, err);
	if (r < 0 && r != -ENODEV) /* none: they died with their namespaces */
		return r;
	node->n_given_up = 0;
	return 0;
}

int netns_node_repair(struct netns_node *node, struct err *err)
{
	int mended = netns_host_prepare(node, NULL, err), r;

	if (mended < 0)
		return mended;
	r = ruleset_check(&node->rules, node->ipam, err);
	if (r == 0) {
		mended = 1;
		r = ruleset_replace(&node->rules, node->ipam, err);
	}
	if (r >= 0)
		r = netns_sweep(node, err);
	if (r >= 0)
		r = ipam_tidy(node->ipam, err);
	return r < 0 ? r : mended;
}

static int compare_uids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Links that no pod came for. */
static int drop_orphans(struct netns_node *node, struct err *err)
{
	auto_netlink_batch struct netlink_batch batch = { 0 };

	netlink_begin(&batch, &node->rtnl);
	for (size_t i = 0; i < node->n_orphans; i++) {
		link_put_group(&batch, node->orphans[i].ifindex, node->identity.dead_group);
		ipam_unblock(node->ipam, node->orphans[i].ip);
		node->n_given_up++;
	}
	node->n_orphans = 0;
	if (netlink_run(&batch, err) < 0 && err)
		err->code = 0; /* some died on their own; the sweep takes the rest */
	return netns_sweep(node, err);
}

int netns_node_reconcile(struct netns_node *node, const char *const *uids, size_t n,
			 struct err *err)
{
	auto_free const char **sorted = reallocarray(NULL, n ? n : 1, sizeof(*sorted));
	struct ipam_record *record, *next;
	int result = 0;

	if (!sorted)
		return err_set(err, -ENOMEM, "reconcile addresses");
	memcpy(sorted, uids, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_uids);
	for (record = ipam_first(node->ipam); record; record = next) {
		const char *uid = record->uid;

		next = ipam_next(record);
		if (!bsearch(&uid, sorted, n, sizeof(*sorted), compare_uids)) {
			int r = netns_pod_detach(node, uid, err);

			result = result ? result : r;
		}
	}
	return result ? result : drop_orphans(node, err);
}
