/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the machine's addresses and routes: before anything of ours is made. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netns/netns_node.h"

/* ---- overlap ---- */

struct overlap {
	struct cidr wanted;
	struct identity own;
	struct link_seen *links;
	size_t n_links, cap_links;
	char *text;
	size_t size;
	bool found;
};

static int keep_link(const struct link_seen *link, void *data)
{
	struct overlap *o = data;
	int r = array_grow(&o->links, &o->cap_links, o->n_links + 1, sizeof(*o->links));

	if (r == 0)
		o->links[o->n_links++] = *link;
	return r;
}

static const struct link_seen *link_of(const struct overlap *o, int ifindex)
{
	for (size_t i = 0; i < o->n_links; i++)
		if (o->links[i].ifindex == ifindex)
			return &o->links[i];
	return NULL;
}

static bool is_own(const struct overlap *o, const struct link_seen *link)
{
	return link && identity_owns_group(&o->own, link->group);
}

/* A name on two clusters' quarrel is worth more than a link's. */
static void name_range(struct overlap *o, const char *what, const struct cidr *range,
		       const struct link_seen *link, uint32_t group)
{
	char text[CIDR_TEXT_MAX], who[40];

	(void)cidr_format(range, text);
	if (identity_of_group(group, who, sizeof(who)))
		(void)snprintf(o->text, o->size, "%s of %s", text, who);
	else if (link)
		(void)snprintf(o->text, o->size, "%s %s dev %s", what, text, link->name);
	else
		(void)snprintf(o->text, o->size, "%s %s", what, text);
	o->found = true;
}

static int see_route(const struct link_route_seen *route, void *data)
{
	struct overlap *o = data;
	struct cidr range = { ntohl(route->destination.v4.s_addr), route->prefix };
	const struct link_seen *link = link_of(o, route->ifindex);
	uint32_t group = route->protocol == LINK_ROUTE_PROTOCOL ? route->metric : 0;

	/* Every machine has a default route; the local table repeats the addresses. */
	if (o->found || route->prefix == 0 || route->table == RT_TABLE_LOCAL ||
	    !cidr_overlaps(&range, &o->wanted) || is_own(o, link) || group == o->own.group)
		return 0;
	name_range(o, "route", &range, link, link ? link->group : group);
	return 0;
}

static int see_address(const struct link_address_seen *a, void *data)
{
	struct overlap *o = data;
	const struct link_seen *link = link_of(o, a->ifindex);
	struct cidr range = { ntohl(a->ip.v4.s_addr) & cidr_mask(a->prefix), a->prefix };

	if (o->found || !cidr_overlaps(&range, &o->wanted) || is_own(o, link) ||
	    strcmp(a->label, o->own.label) == 0)
		return 0;
	name_range(o, "address", &range, link, link ? link->group : 0);
	return 0;
}

int netns_cidr_overlap(const char *cidr, const char *own_instance, char *text, size_t size,
		       struct err *err)
{
	struct overlap o = { .text = text, .size = size };
	auto_netlink struct netlink rtnl = NETLINK_CLOSED;
	int r = identity_of(own_instance, &o.own, err);

	if (r < 0)
		return r;
	if (cidr_parse(cidr, &o.wanted) < 0)
		return err_say(err, -EINVAL, "range %.40s: want address/prefix, as 10.244.0.0/16",
			       cidr);
	r = netlink_open(NETLINK_ROUTE, &rtnl);
	if (r == 0)
		r = link_see_all(&rtnl, false, keep_link, &o);
	if (r == 0)
		r = link_see_routes(&rtnl, AF_INET, see_route, &o);
	if (r == 0)
		r = link_see_addresses(&rtnl, AF_INET, see_address, &o);
	free(o.links);
	return r < 0 ? err_set(err, r, "list addresses and routes") : o.found;
}

/* ---- the node's address ---- */

struct choice {
	int family;
	int ifindex; /* of the best default route; 0: none */
	uint32_t metric;
	bool has_source; /* the route says which address */
	struct link_address_seen best;
	int rank; /* of best: 3 on the default route's link, 2 elsewhere, 0: none yet */
};

static int see_default(const struct link_route_seen *route, void *data)
{
	struct choice *c = data;

	if (route->family != c->family || route->prefix != 0 || route->type != RTN_UNICAST ||
	    route->table != RT_TABLE_MAIN || !route->ifindex)
		return 0;
	if (c->ifindex && c->metric <= route->metric)
		return 0;
	c->ifindex = route->ifindex;
	c->metric = route->metric;
	c->has_source = route->has_source;
	if (route->has_source)
		memcpy(&c->best.ip, &route->source, sizeof(c->best.ip));
	return 0;
}

static int see_candidate(const struct link_address_seen *a, void *data)
{
	struct choice *c = data;
	int rank = a->ifindex == c->ifindex ? 3 : 2;

	if (a->family == c->family && a->scope == RT_SCOPE_UNIVERSE && rank > c->rank) {
		c->best = *a;
		c->rank = rank;
	}
	return 0;
}

/* 1: found. */
static int choose(struct netlink *rtnl, int family, char ip[INET6_ADDRSTRLEN])
{
	struct choice c = { .family = family };
	int r = link_see_routes(rtnl, family, see_default, &c);

	if (r == 0 && !c.has_source)
		r = link_see_addresses(rtnl, family, see_candidate, &c);
	if (r < 0)
		return r;
	if (!c.has_source && !c.rank)
		return 0;
	return inet_ntop(family, &c.best.ip, ip, INET6_ADDRSTRLEN) != NULL;
}

int netns_node_address(char ip[INET6_ADDRSTRLEN], struct err *err)
{
	auto_netlink struct netlink rtnl = NETLINK_CLOSED;
	int r = netlink_open(NETLINK_ROUTE, &rtnl);

	if (r == 0)
		r = choose(&rtnl, AF_INET, ip);
	if (r == 0)
		r = choose(&rtnl, AF_INET6, ip);
	if (r < 0)
		return err_set(err, r, "find the node's address");
	if (r == 0)
		(void)snprintf(ip, INET6_ADDRSTRLEN, "127.0.0.1");
	return 0;
}
