/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>

/* Locally administered ("0a"), then "S" for us; no pod has the address 0.0.0.1. */
const uint8_t link_host_mac[LINK_MAC_LEN] = { 0x0a, 0x53, 0, 0, 0, 1 };

void link_pod_mac(struct in_addr ip, uint8_t mac[LINK_MAC_LEN])
{
	mac[0] = 0x0a;
	mac[1] = 0x53;
	memcpy(mac + 2, &ip.s_addr, 4);
}

void link_put_pair(struct netlink_batch *batch, const struct link_pair *pair)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nlmsghdr *msg = netlink_add(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					   "make the pod's link pair", &head, sizeof(head));
	struct nlattr *info, *data, *peer;
	uint8_t mac[LINK_MAC_LEN];

	link_pod_mac(pair->pod_ip, mac);
	mnl_attr_put_strz(msg, IFLA_IFNAME, pair->name);
	mnl_attr_put(msg, IFLA_ADDRESS, LINK_MAC_LEN, link_host_mac);
	mnl_attr_put_u32(msg, IFLA_GROUP, pair->group);
	mnl_attr_put_u32(msg, IFLA_NUM_TX_QUEUES,
			 1); /* else one per possible CPU, made and freed */
	mnl_attr_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
	if (pair->mtu)
		mnl_attr_put_u32(msg, IFLA_MTU, pair->mtu);
	info = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_str(msg, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(head)), &head, sizeof(head));
	mnl_attr_put_strz(msg, IFLA_IFNAME, LINK_IN_POD);
	mnl_attr_put(msg, IFLA_ADDRESS, LINK_MAC_LEN, mac);
	mnl_attr_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)pair->netns_fd);
	mnl_attr_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
	if (pair->mtu)
		mnl_attr_put_u32(msg, IFLA_MTU, pair->mtu);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
}

/* The sysctls net.ipv4.conf.LINK.* in the same message: no file is opened for them. */
static void put_ipv4_conf(struct nlmsghdr *msg, const struct link_setting *setting)
{
	struct nlattr *inet = mnl_attr_nest_start(msg, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(msg, IFLA_INET_CONF);

	if (setting->host_end) {
		mnl_attr_put_u32(msg, IPV4_DEVCONF_FORWARDING, 1);
		mnl_attr_put_u32(msg, IPV4_DEVCONF_RP_FILTER, 1);
		mnl_attr_put_u32(msg, IPV4_DEVCONF_ROUTE_LOCALNET, setting->route_localnet);
	}
	mnl_attr_nest_end(msg, conf);
	mnl_attr_nest_end(msg, inet);
}

void link_put_setting(struct netlink_batch *batch, int ifindex, const struct link_setting *setting)
{
	unsigned up = setting->up ? IFF_UP : 0;
	struct ifinfomsg head = {
		.ifi_family = AF_UNSPEC, .ifi_index = ifindex, .ifi_flags = up, .ifi_change = up
	};
	struct nlmsghdr *msg =
		netlink_add(batch, RTM_NEWLINK, 0, "bring up the link", &head, sizeof(head));
	struct nlattr *spec;

	if (!setting->host_end && !setting->no_ipv6_address)
		return;
	spec = mnl_attr_nest_start(msg, IFLA_AF_SPEC);
	if (setting->host_end)
		put_ipv4_conf(msg, setting);
	if (setting->no_ipv6_address) {
		struct nlattr *inet6 = mnl_attr_nest_start(msg, AF_INET6);

		mnl_attr_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
		mnl_attr_nest_end(msg, inet6);
	}
	mnl_attr_nest_end(msg, spec);
}

void link_put_settle(struct netlink_batch *batch, int ifindex)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct nlmsghdr *msg =
		netlink_add(batch, RTM_GETLINK, 0, "look at the link", &head, sizeof(head));

	mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

void link_put_group(struct netlink_batch *batch, int ifindex, uint32_t group)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct nlmsghdr *msg =
		netlink_add(batch, RTM_NEWLINK, 0, "give the link up", &head, sizeof(head));

	mnl_attr_put_u32(msg, IFLA_GROUP, group);
}

void link_put_delete(struct netlink_batch *batch, int ifindex)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	(void)netlink_add(batch, RTM_DELLINK, 0, "delete link", &head, sizeof(head));
}

void link_put_group_delete(struct netlink_batch *batch, uint32_t group)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nlmsghdr *msg =
		netlink_add(batch, RTM_DELLINK, 0, "delete links", &head, sizeof(head));

	mnl_attr_put_u32(msg, IFLA_GROUP, group);
}

static void put_address(struct netlink_batch *batch, uint16_t type, uint16_t flags,
			const char *doing, const struct ifaddrmsg *head, struct in_addr ip,
			const char *label)
{
	struct nlmsghdr *msg = netlink_add(batch, type, flags, doing, head, sizeof(*head));

	mnl_attr_put_u32(msg, IFA_LOCAL, ip.s_addr);
	mnl_attr_put_u32(msg, IFA_ADDRESS, ip.s_addr);
	if (label)
		mnl_attr_put_strz(msg, IFA_LABEL, label);
}

void link_put_address(struct netlink_batch *batch, int ifindex, struct in_addr ip, uint8_t scope,
		      const char *label)
{
	struct ifaddrmsg head = { AF_INET, 32, IFA_F_PERMANENT, scope, (uint32_t)ifindex };

	put_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, "add address", &head, ip,
		    label);
}

void link_put_address_delete(struct netlink_batch *batch, int ifindex, struct in_addr ip,
			     const char *label)
{
	struct ifaddrmsg head = { AF_INET, 32, 0, 0, (uint32_t)ifindex };

	put_address(batch, RTM_DELADDR, 0, "delete address", &head, ip, label);
}

void link_put_neighbour(struct netlink_batch *batch, int ifindex, struct in_addr ip,
			const uint8_t mac[LINK_MAC_LEN])
{
	struct ndmsg head = { .ndm_family = AF_INET,
			      .ndm_ifindex = ifindex,
			      .ndm_state = NUD_PERMANENT };
	struct nlmsghdr *msg = netlink_add(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
					   "add neighbour", &head, sizeof(head));

	mnl_attr_put_u32(msg, NDA_DST, ip.s_addr);
	mnl_attr_put(msg, NDA_LLADDR, LINK_MAC_LEN, mac);
}

static void put_route(struct netlink_batch *batch, uint16_t type, uint16_t flags, const char *doing,
		      const struct link_route *route)
{
	struct rtmsg head = { .rtm_family = AF_INET,
			      .rtm_dst_len = route->prefix,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = LINK_ROUTE_PROTOCOL,
			      .rtm_scope = route->scope,
			      .rtm_type = route->type,
			      .rtm_flags = route->onlink ? RTNH_F_ONLINK : 0 };
	struct nlmsghdr *msg = netlink_add(batch, type, flags, doing, &head, sizeof(head));

	if (route->prefix)
		mnl_attr_put_u32(msg, RTA_DST, route->destination.s_addr);
	if (route->gateway.s_addr)
		mnl_attr_put_u32(msg, RTA_GATEWAY, route->gateway.s_addr);
	if (route->source.s_addr)
		mnl_attr_put_u32(msg, RTA_PREFSRC, route->source.s_addr);
	if (route->ifindex)
		mnl_attr_put_u32(msg, RTA_OIF, (uint32_t)route->ifindex);
	if (route->metric)
		mnl_attr_put_u32(msg, RTA_PRIORITY, route->metric);
}

void link_put_route(struct netlink_batch *batch, const struct link_route *route)
{
	put_route(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "add route", route);
}

void link_put_route_delete(struct netlink_batch *batch, const struct link_route *route)
{
	put_route(batch, RTM_DELROUTE, 0, "delete route", route);
}

int link_index(int sock_fd, const char *name)
{
	struct ifreq ask = { 0 };

	memcpy(ask.ifr_name, name, strnlen(name, sizeof(ask.ifr_name) - 1));
	return ioctl(sock_fd, SIOCGIFINDEX, &ask) < 0 ? -errno : ask.ifr_ifindex;
}

/* ---- asking ---- */

struct seeing {
	link_seen_fn link;
	link_address_seen_fn address;
	link_route_seen_fn route;
	void *data;
};

static int see_link_message(const struct nlmsghdr *msg, void *data)
{
	const struct seeing *seeing = data;
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(msg);
	struct link_seen link = { .ifindex = head->ifi_index, .flags = head->ifi_flags };
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWLINK)
		return 0;
	mnl_attr_for_each(attr, msg, sizeof(*head))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			(void)memcpy(link.name, mnl_attr_get_str(attr),
				     strnlen(mnl_attr_get_str(attr), sizeof(link.name) - 1));
			break;
		case IFLA_GROUP:
			link.group = mnl_attr_get_u32(attr);
			break;
		case IFLA_MTU:
			link.mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK:
			link.peer_ifindex = (int)mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
	return seeing->link(&link, seeing->data);
}

int link_see_all(struct netlink *rtnl, bool veth_only, link_seen_fn see, void *data)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct seeing seeing = { .link = see, .data = data };
	auto_netlink_batch struct netlink_batch batch;
	struct nlmsghdr *msg;

	netlink_begin(&batch, rtnl);
	msg = netlink_add(&batch, RTM_GETLINK, NLM_F_DUMP, NULL, &head, sizeof(head));
	mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (veth_only) {
		struct nlattr *info = mnl_attr_nest_start(msg, IFLA_LINKINFO);

		mnl_attr_put_str(msg, IFLA_INFO_KIND, "veth");
		mnl_attr_nest_end(msg, info);
	}
	return netlink_ask(&batch, see_link_message, NULL, &seeing);
}

static int keep_link(const struct link_seen *link, void *data)
{
	*(struct link_seen *)data = *link;
	return 0;
}

int link_see(struct netlink *rtnl, int ifindex, struct link_seen *ret)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct seeing seeing = { .link = keep_link, .data = ret };
	auto_netlink_batch struct netlink_batch batch;
	struct nlmsghdr *msg;

	netlink_begin(&batch, rtnl);
	msg = netlink_add(&batch, RTM_GETLINK, 0, NULL, &head, sizeof(head));
	mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_ask(&batch, see_link_message, NULL, &seeing);
}

/* Copy an address attribute of the right length for @family; others are left out. */
static bool take_ip(const struct nlattr *attr, int family, void *ip)
{
	size_t len = family == AF_INET ? 4 : 16;

	if (mnl_attr_get_payload_len(attr) != len)
		return false;
	memcpy(ip, mnl_attr_get_payload(attr), len);
	return true;
}

static int see_address_message(const struct nlmsghdr *msg, void *data)
{
	const struct seeing *seeing = data;
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(msg);
	struct link_address_seen a = { .ifindex = (int)head->ifa_index,
				       .family = head->ifa_family,
				       .prefix = head->ifa_prefixlen,
				       .scope = head->ifa_scope };
	bool local = false;
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWADDR || (a.family != AF_INET && a.family != AF_INET6))
		return 0;
	mnl_attr_for_each(attr, msg, sizeof(*head))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL: /* on a point-to-point link IFA_ADDRESS is the other end */
			local = take_ip(attr, a.family, &a.ip);
			break;
		case IFA_ADDRESS:
			if (!local)
				(void)take_ip(attr, a.family, &a.ip);
			break;
		case IFA_LABEL:
			(void)memcpy(a.label, mnl_attr_get_str(attr),
				     strnlen(mnl_attr_get_str(attr), sizeof(a.label) - 1));
			break;
		default:
			break;
		}
	}
	return seeing->address(&a, seeing->data);
}

int link_see_addresses(struct netlink *rtnl, int family, link_address_seen_fn see, void *data)
{
	struct ifaddrmsg head = { .ifa_family = (uint8_t)family };
	struct seeing seeing = { .address = see, .data = data };
	auto_netlink_batch struct netlink_batch batch;

	netlink_begin(&batch, rtnl);
	(void)netlink_add(&batch, RTM_GETADDR, NLM_F_DUMP, NULL, &head, sizeof(head));
	return netlink_ask(&batch, see_address_message, NULL, &seeing);
}

static int see_route_message(const struct nlmsghdr *msg, void *data)
{
	const struct seeing *seeing = data;
	const struct rtmsg *head = mnl_nlmsg_get_payload(msg);
	struct link_route_seen route = { .family = head->rtm_family,
					 .prefix = head->rtm_dst_len,
					 .type = head->rtm_type,
					 .protocol = head->rtm_protocol,
					 .table = head->rtm_table };
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWROUTE || (head->rtm_flags & RTM_F_CLONED))
		return 0;
	mnl_attr_for_each(attr, msg, sizeof(*head))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			(void)take_ip(attr, route.family, &route.destination);
			break;
		case RTA_PREFSRC:
			route.has_source = take_ip(attr, route.family, &route.source);
			break;
		case RTA_OIF:
			route.ifindex = (int)mnl_attr_get_u32(attr);
			break;
		case RTA_PRIORITY:
			route.metric = mnl_attr_get_u32(attr);
			break;
		case RTA_TABLE:
			route.table = mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
	return seeing->route(&route, seeing->data);
}

int link_see_routes(struct netlink *rtnl, int family, link_route_seen_fn see, void *data)
{
	struct rtmsg head = { .rtm_family = (uint8_t)family };
	struct seeing seeing = { .route = see, .data = data };
	auto_netlink_batch struct netlink_batch batch;

	netlink_begin(&batch, rtnl);
	(void)netlink_add(&batch, RTM_GETROUTE, NLM_F_DUMP, NULL, &head, sizeof(head));
	return netlink_ask(&batch, see_route_message, NULL, &seeing);
}
