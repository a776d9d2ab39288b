/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod network against the real kernel. Each test runs in a forked child in a network namespace of
 * its own, with one more as "outside" behind an uplink, and one for each pod.
 */
#include "netns/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "netns/netns_node.h"
#include "tests/unit/test.h"

/* In the child there is no cmocka to jump to: say where, and end. */
#define WANT(truth)                                                                                \
	do {                                                                                       \
		if (!(truth)) {                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth);          \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct {
	int home_ns, outside_ns;
	const char *state_dir;
	struct err err;
} world;

static int new_namespace(void)
{
	int fd;

	WANT(unshare(CLONE_NEWNET) == 0);
	fd = netlink_self_ns();
	WANT(fd >= 0);
	if (world.home_ns > 0)
		WANT(setns(world.home_ns, CLONE_NEWNET) == 0);
	return fd;
}

static struct in_addr ip_of(const char *text)
{
	struct in_addr ip;

	WANT(inet_pton(AF_INET, text, &ip) == 1);
	return ip;
}

/* up0 198.51.100.1 here, eth0 198.51.100.2 outside, which knows no way to pods. */
static void make_outside(void)
{
	struct link_pair pair = { .name = "up0", .pod_ip = ip_of("198.51.100.2") };
	struct link_setting up = { .up = true };
	struct netlink here, there;
	struct netlink_batch batch;

	pair.netns_fd = world.outside_ns = new_namespace();
	WANT(netlink_open(NETLINK_ROUTE, &here) == 0);
	WANT(netlink_open_in(world.home_ns, world.outside_ns, NETLINK_ROUTE, &there) == 0);
	netlink_begin(&batch, &here);
	link_put_pair(&batch, &pair);
	WANT(netlink_run(&batch, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		const char *own = i ? "198.51.100.2" : "198.51.100.1";
		const char *other = i ? "198.51.100.1" : "198.51.100.2";
		struct netlink *nl = i ? &there : &here;
		int index = link_index(nl->fd, i ? "eth0" : "up0");
		struct link_route route = { .destination = ip_of(other),
					    .prefix = 32,
					    .type = RTN_UNICAST,
					    .scope = RT_SCOPE_LINK,
					    .ifindex = index };

		netlink_begin(&batch, nl);
		link_put_setting(&batch, 1, &up);
		link_put_setting(&batch, index, &up);
		link_put_address(&batch, index, ip_of(own), RT_SCOPE_UNIVERSE, NULL);
		link_put_route(&batch, &route);
		WANT(netlink_run(&batch, NULL) == 0);
		netlink_end(&batch);
	}
	(void)netlink_close(&here);
	(void)netlink_close(&there);
}

static void in_world(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root for network namespaces");
	world.state_dir = test_dir();
	(void)fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

		for (size_t i = 0; i < ARRAY_LEN(caught); i++)
			(void)signal(caught[i], SIG_DFL); /* cmocka would go on in the child */
		world.home_ns = new_namespace();
		make_outside();
		body();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

static struct netns_node *open_node(void)
{
	struct netns_options options = { .instance = "",
					 .pod_cidr = "10.244.0.0/24",
					 .cluster_cidr = "10.244.0.0/16",
					 .state_dir = world.state_dir };
	struct netns_node *node = NULL;
	int r = netns_node_open(&options, &node, &world.err);

	if (r < 0)
		(void)fprintf(stderr, "open: %s\n", world.err.text);
	WANT(r == 0 && node);
	return node;
}

static void attach(struct netns_node *node, const char *uid, int ns, const struct netns_port *ports,
		   size_t n, struct netns_pod *ret)
{
	int r = netns_pod_attach(node, uid, ns, ports, n, ret, &world.err);

	if (r < 0)
		(void)fprintf(stderr, "attach: %s\n", world.err.text);
	WANT(r == 0);
}

/* ---- talking ---- */

static int socket_in(int ns, int type)
{
	struct timeval patience = { .tv_sec = 1 };
	int fd = netns_socket(ns, AF_INET, type, 0), on = 1;

	WANT(fd >= 0);
	WANT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	WANT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	WANT(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
	return fd;
}

/*
 * A TCP connection from @client_ns to @to:@port that a listener in @server_ns on @listen_port takes;
 * and a byte each way. The client's address as the server saw it, or NULL: it did not get through.
 */
static const char *tcp_from(int client_ns, const char *to, uint16_t port, int server_ns,
			    uint16_t listen_port)
{
	static char seen[INET_ADDRSTRLEN];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(listen_port) };
	struct sockaddr_in goal = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = ip_of(to) };
	auto_close int server = socket_in(server_ns, SOCK_STREAM);
	auto_close int client = socket_in(client_ns, SOCK_STREAM);
	auto_close int peer = -EBADF;
	socklen_t len = sizeof(at);
	char c = 0;

	WANT(bind(server, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(server, 4) == 0);
	if (connect(client, (struct sockaddr *)&goal, sizeof(goal)) < 0)
		return NULL;
	peer = accept4(server, (struct sockaddr *)&at, &len, SOCK_CLOEXEC);
	if (peer < 0)
		return NULL;
	WANT(write(client, "x", 1) == 1 && read(peer, &c, 1) == 1 && c == 'x');
	WANT(write(peer, "y", 1) == 1 && read(client, &c, 1) == 1 && c == 'y');
	WANT(inet_ntop(AF_INET, &at.sin_addr, seen, sizeof(seen)));
	return seen;
}

static const char *udp_from(int client_ns, const char *to, uint16_t port, int server_ns,
			    uint16_t listen_port)
{
	static char seen[INET_ADDRSTRLEN];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(listen_port) };
	struct sockaddr_in goal = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = ip_of(to) };
	auto_close int server = socket_in(server_ns, SOCK_DGRAM);
	auto_close int client = socket_in(client_ns, SOCK_DGRAM);
	socklen_t len = sizeof(at);
	char c = 0;

	WANT(bind(server, (struct sockaddr *)&at, sizeof(at)) == 0);
	WANT(connect(client, (struct sockaddr *)&goal, sizeof(goal)) == 0);
	if (write(client, "x", 1) != 1 ||
	    recvfrom(server, &c, 1, 0, (struct sockaddr *)&at, &len) != 1)
		return NULL;
	WANT(sendto(server, "y", 1, 0, (struct sockaddr *)&at, len) == 1);
	if (read(client, &c, 1) != 1 || c != 'y')
		return NULL;
	WANT(inet_ntop(AF_INET, &at.sin_addr, seen, sizeof(seen)));
	return seen;
}

static bool is(const char *seen, const char *wanted)
{
	if (seen && strcmp(seen, wanted) == 0)
		return true;
	(void)fprintf(stderr, "saw %s, wanted %s\n", seen ? seen : "nothing", wanted);
	return false;
}

static int count_link(const struct link_seen *link, void *data)
{
	(void)link;
	++*(int *)data;
	return 0;
}

static int links(void)
{
	struct netlink rtnl;
	int n = 0;

	WANT(netlink_open(NETLINK_ROUTE, &rtnl) == 0);
	WANT(link_see_all(&rtnl, true, count_link, &n) == 0);
	(void)netlink_close(&rtnl);
	return n - 1; /* without the uplink */
}

static int count_route(const struct link_route_seen *route, void *data)
{
	*(int *)data += route->protocol == LINK_ROUTE_PROTOCOL && route->prefix == 32 &&
			(ntohl(route->destination.v4.s_addr) >> 16) == (10u << 8 | 244);
	return 0;
}

static int routes(void)
{
	struct netlink rtnl;
	int n = 0;

	WANT(netlink_open(NETLINK_ROUTE, &rtnl) == 0);
	WANT(link_see_routes(&rtnl, AF_INET, count_route, &n) == 0);
	(void)netlink_close(&rtnl);
	return n;
}

static int count_table(const char *name, void *data)
{
	*(int *)data += strcmp(name, "shallop") == 0;
	return 0;
}

static int tables(void)
{
	struct netlink nfnl;
	int n = 0;

	WANT(netlink_open(NETLINK_NETFILTER, &nfnl) == 0);
	WANT(nft_see_tables(&nfnl, count_table, &n) == 0);
	(void)netlink_close(&nfnl);
	return n;
}

/* ---- the tests ---- */

static void pods_talk(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace(), b = new_namespace();
	struct netns_pod pod_a, pod_b;

	attach(node, "a", a, NULL, 0, &pod_a);
	attach(node, "b", b, NULL, 0, &pod_b);
	WANT(pod_a.ip.s_addr == ip_of("10.244.0.2").s_addr);
	WANT(pod_b.ip.s_addr == ip_of("10.244.0.3").s_addr);
	WANT(strcmp(pod_a.link, "sh1") == 0 && links() == 2 && routes() == 2);

	WANT(is(tcp_from(a, "10.244.0.3", 80, b, 80), "10.244.0.2"));
	WANT(is(udp_from(b, "10.244.0.2", 53, a, 53), "10.244.0.3"));
	WANT(is(tcp_from(a, "127.0.0.1", 80, a, 80), "127.0.0.1"));
	WANT(is(tcp_from(a, "10.244.0.2", 80, a, 80), "10.244.0.2"));
	/* The host to a pod, and a pod to the host: no translation. */
	WANT(is(tcp_from(world.home_ns, "10.244.0.2", 80, a, 80), "10.244.0.1"));
	WANT(is(tcp_from(a, "198.51.100.1", 80, world.home_ns, 80), "10.244.0.2"));
	WANT(is(udp_from(a, "10.244.0.1", 80, world.home_ns, 80), "10.244.0.2"));
	/* Out of the node: only as the node. */
	WANT(is(tcp_from(a, "198.51.100.2", 80, world.outside_ns, 80), "198.51.100.1"));
	WANT(is(udp_from(b, "198.51.100.2", 80, world.outside_ns, 80), "198.51.100.1"));
	(void)netns_node_close(node);
}
TEST(netns_pods_talk_to_pods_host_and_outside)
{
	in_world(pods_talk);
}

static void nowhere_is_said_at_once(void)
{
	struct netns_node *node = open_node();
	struct sockaddr_in goal = { .sin_family = AF_INET, .sin_port = htons(80) };
	auto_close int fd = socket_in(world.home_ns, SOCK_STREAM);

	goal.sin_addr = ip_of("10.244.9.9");
	WANT(connect(fd, (struct sockaddr *)&goal, sizeof(goal)) < 0 && errno == EHOSTUNREACH);
	(void)netns_node_close(node);
}
TEST(netns_a_pod_address_that_is_nobodys_is_unreachable)
{
	in_world(nowhere_is_said_at_once);
}

static void spoof_is_dropped(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace(), b = new_namespace();
	struct link_setting up = { .up = true };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4000) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct netlink inside;
	struct netlink_batch batch;
	struct netns_pod pod;
	int server, client;
	char c;

	attach(node, "a", a, NULL, 0, &pod);
	attach(node, "b", b, NULL, 0, &pod);
	WANT(netlink_open_in(world.home_ns, a, NETLINK_ROUTE, &inside) == 0);
	netlink_begin(&batch, &inside);
	link_put_setting(&batch, 1, &up);
	link_put_address(&batch, 1, ip_of("10.244.0.77"), RT_SCOPE_UNIVERSE, NULL);
	WANT(netlink_run(&batch, NULL) == 0);
	server = socket_in(b, SOCK_DGRAM);
	client = socket_in(a, SOCK_DGRAM);
	WANT(bind(server, (struct sockaddr *)&to, sizeof(to)) == 0);
	from.sin_addr = ip_of("10.244.0.77");
	to.sin_addr = ip_of("10.244.0.3");
	WANT(bind(client, (struct sockaddr *)&from, sizeof(from)) == 0);
	WANT(sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1);
	WANT(recv(server, &c, 1, MSG_DONTWAIT) < 0);
	(void)netns_node_close(node);
}
TEST(netns_a_pod_cannot_use_anothers_address)
{
	in_world(spoof_is_dropped);
}

static void host_ports(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace(), b = new_namespace();
	struct netns_port ports[] = {
		{ .host_port = 8080, .pod_port = 80, .protocol = IPPROTO_TCP },
		{ .host_port = 5353, .pod_port = 53, .protocol = IPPROTO_UDP },
		{ .host_port = 9090,
		  .pod_port = 90,
		  .protocol = IPPROTO_TCP,
		  .host_ip = ip_of("198.51.100.1") },
		{ .host_port = 7070,
		  .pod_port = 70,
		  .protocol = IPPROTO_TCP,
		  .host_ip = ip_of("127.0.0.1") },
	};
	struct netns_pod pod;

	attach(node, "a", a, ports, ARRAY_LEN(ports), &pod);
	attach(node, "b", b, NULL, 0, &pod);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
	WANT(is(udp_from(world.outside_ns, "198.51.100.1", 5353, a, 53), "198.51.100.2"));
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 9090, a, 90), "198.51.100.2"));
	WANT(is(tcp_from(world.home_ns, "198.51.100.1", 8080, a, 80), "198.51.100.1"));
	WANT(is(tcp_from(world.home_ns, "127.0.0.1", 8080, a, 80), "10.244.0.1"));
	WANT(is(udp_from(world.home_ns, "127.0.0.1", 5353, a, 53), "10.244.0.1"));
	WANT(is(tcp_from(world.home_ns, "127.0.0.1", 7070, a, 70), "10.244.0.1"));
	WANT(is(tcp_from(b, "198.51.100.1", 8080, a, 80), "10.244.0.3"));
	WANT(is(tcp_from(b, "10.244.0.1", 8080, a, 80), "10.244.0.3"));
	/* A pod to itself by the host's port: hairpin. */
	WANT(is(tcp_from(a, "198.51.100.1", 8080, a, 80), "10.244.0.1"));
	WANT(is(udp_from(a, "198.51.100.1", 5353, a, 53), "10.244.0.1"));
	/* One address means one address. */
	WANT(!tcp_from(world.home_ns, "127.0.0.1", 9090, a, 90));
	WANT(!tcp_from(world.outside_ns, "198.51.100.1", 7070, a, 70));
	/* Other ports are the host's own. */
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 81, world.home_ns, 81), "198.51.100.2"));

	WANT(netns_pod_attach(node, "b", b, ports, 1, &pod, &world.err) == -EADDRINUSE);
	WANT(strstr(world.err.text, "host port 8080/TCP is taken by pod a"));
	WANT(netns_pod_find(node, "b", &pod) == 0);
	WANT(netns_pod_detach(node, "a", NULL) == 0);
	WANT(!tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80));
	attach(node, "b", b, ports, 1, &pod);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, b, 80), "198.51.100.2"));
	attach(node, "b", b, NULL, 0, &pod);
	WANT(!tcp_from(world.outside_ns, "198.51.100.1", 8080, b, 80));
	/* Detached and attached again while the namespace still has its old link. */
	WANT(netns_pod_detach(node, "b", NULL) == 0);
	attach(node, "c", b, NULL, 0, &pod);
	WANT(is(tcp_from(b, "198.51.100.2", 80, world.outside_ns, 80), "198.51.100.1"));
	(void)netns_node_close(node);
}
TEST(netns_host_ports_from_everywhere_and_hairpin)
{
	in_world(host_ports);
}

/* A client that sends all the time, from one port: it must meet each owner of the port in turn. */
static void udp_changes_hands(void)
{
	struct netns_node *node = open_node();
	int spaces[] = { new_namespace(), new_namespace() };
	struct netns_port port = { .host_port = 5353, .pod_port = 53, .protocol = IPPROTO_UDP };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in goal = { .sin_family = AF_INET,
				    .sin_port = htons(5353),
				    .sin_addr = ip_of("198.51.100.1") };
	int client = socket_in(world.outside_ns, SOCK_DGRAM);
	struct netns_pod pod;
	char c;

	WANT(sendto(client, "x", 1, 0, (struct sockaddr *)&goal, sizeof(goal)) == 1);
	for (int i = 0; i < 2; i++) {
		int server = socket_in(spaces[i], SOCK_DGRAM);

		WANT(bind(server, (struct sockaddr *)&at, sizeof(at)) == 0);
		attach(node, i ? "b" : "a", spaces[i], &port, 1, &pod);
		WANT(sendto(client, "x", 1, 0, (struct sockaddr *)&goal, sizeof(goal)) == 1);
		WANT(recv(server, &c, 1, 0) == 1);
		WANT(netns_pod_detach(node, i ? "b" : "a", NULL) == 0);
	}
	(void)netns_node_close(node);
}
TEST(netns_udp_flows_follow_a_port_that_changes_hands)
{
	in_world(udp_changes_hands);
}

/* route_localnet lets 127.0.0.1:PORT be translated; it must not open the node's loopback to pods. */
static void loopback_is_guarded(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace();
	struct netns_port port = { .host_port = 8080, .pod_port = 80, .protocol = IPPROTO_TCP };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(99) };
	struct link_route way = { .destination = ip_of("127.0.0.9"),
				  .gateway = ip_of("169.254.1.1"),
				  .prefix = 32,
				  .onlink = true,
				  .type = RTN_UNICAST };
	struct netlink inside;
	struct netlink_batch batch;
	struct netns_pod pod;
	int server, client;
	char c;

	attach(node, "a", a, &port, 1, &pod);
	WANT(netlink_open_in(world.home_ns, a, NETLINK_ROUTE, &inside) == 0);
	way.ifindex = link_index(inside.fd, "eth0");
	netlink_begin(&batch, &inside);
	/* A hostile pod: 127.0.0.0/8 is not local in it, and its link may carry it. */
	link_put_address_delete(&batch, 1, ip_of("127.0.0.1"), NULL);
	link_put_setting(&batch, way.ifindex,
			 &(struct link_setting){ .host_end = true, .route_localnet = true });
	link_put_route(&batch, &way);
	(void)netlink_run(&batch, NULL);
	server = socket_in(world.home_ns, SOCK_DGRAM);
	client = socket_in(a, SOCK_DGRAM);
	WANT(bind(server, (struct sockaddr *)&at, sizeof(at)) == 0);
	at.sin_addr = ip_of("127.0.0.9");
	(void)sendto(client, "x", 1, 0, (struct sockaddr *)&at, sizeof(at));
	WANT(recv(server, &c, 1, MSG_DONTWAIT) < 0);
	(void)netns_node_close(node);
}
TEST(netns_a_pod_with_host_ports_cannot_reach_the_nodes_loopback)
{
	in_world(loopback_is_guarded);
}

static void survives_restart(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace(), b = new_namespace(), again;
	struct netns_port port = { .host_port = 8080, .pod_port = 80, .protocol = IPPROTO_TCP };
	const char *const left[] = { "b" };
	struct netns_pod before, after;

	attach(node, "a", a, &port, 1, &before);
	attach(node, "b", b, NULL, 0, &after);
	(void)netns_node_close(node);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
	node = open_node();
	/* The table was made anew from the log, ports included. */
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
	WANT(netns_pod_adopt(node, "a", a, &after, NULL) == 0);
	WANT(before.ip.s_addr == after.ip.s_addr && strcmp(before.link, after.link) == 0);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
	attach(node, "a", a, &port, 1, &after);
	WANT(before.ip.s_addr == after.ip.s_addr && strcmp(before.link, after.link) == 0);
	WANT(links() == 2);
	/* The sandbox is made anew: the pod keeps its address and moves. */
	again = new_namespace();
	attach(node, "a", again, &port, 1, &after);
	WANT(before.ip.s_addr == after.ip.s_addr && strcmp(before.link, after.link) != 0);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, again, 80), "198.51.100.2"));
	WANT(links() == 3 && netns_node_repair(node, NULL) == 0 && links() == 2);

	WANT(netns_node_reconcile(node, left, 1, NULL) == 0);
	WANT(netns_pod_find(node, "a", &after) == -ENOENT &&
	     netns_pod_find(node, "b", &after) == 0);
	WANT(links() == 1 && routes() == 1);
	(void)netns_node_close(node);
}
TEST(netns_addresses_and_ports_survive_a_restart)
{
	in_world(survives_restart);
}

static void lost_log(void)
{
	struct netns_node *node = open_node();
	int a = new_namespace(), b = new_namespace(), c = new_namespace();
	struct netns_pod first, pod;

	attach(node, "x", c, NULL, 0, &pod);
	attach(node, "a", a, NULL, 0, &first);
	attach(node, "b", b, NULL, 0, &pod);
	(void)netns_node_close(node);
	WANT(chdir(world.state_dir) == 0 && unlink("ipam") == 0);
	node = open_node();
	WANT(netns_pod_adopt(node, "host", world.home_ns, &pod, NULL) == -ENOENT);
	WANT(netns_pod_adopt(node, "a", a, &pod, NULL) == 0); /* the kernel knows its address */
	WANT(pod.ip.s_addr == first.ip.s_addr && strcmp(pod.link, first.link) == 0);
	attach(node, "n", new_namespace(), NULL, 0, &pod);
	WANT(ntohl(pod.ip.s_addr) > ntohl(first.ip.s_addr) + 1); /* nor b's nor x's */
	WANT(links() == 4);
	WANT(netns_node_reconcile(node, (const char *const[]){ "n", "a" }, 2, NULL) == 0);
	WANT(links() == 2 && routes() == 2);
	WANT(is(tcp_from(world.home_ns, "10.244.0.3", 80, a, 80), "10.244.0.1"));
	(void)netns_node_close(node);
}
TEST(netns_a_lost_log_costs_nobody_an_address)
{
	in_world(lost_log);
}

static void foreign_flush(void)
{
	struct netns_node *node = open_node();
	struct netns_port port = { .host_port = 8080, .pod_port = 80, .protocol = IPPROTO_TCP };
	struct pollfd watch = { .fd = netns_node_fd(node), .events = POLLIN };
	int a = new_namespace();
	struct netns_pod pod;
	struct identity identity;

	attach(node, "a", a, &port, 1, &pod);
	WANT(netns_node_repair(node, NULL) == 0 && poll(&watch, 1, 0) == 0);
	WANT(identity_of("", &identity, NULL) == 0 && ruleset_delete(&identity, NULL) == 0);
	WANT(poll(&watch, 1, 0) == 1);
	WANT(!tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80));
	WANT(netns_node_repair(node, NULL) == 1);
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
	WANT(netns_node_repair(node, NULL) == 0 && poll(&watch, 1, 0) == 0);

	/* Somebody else's table is none of our business: looked at once, nothing mended. */
	WANT(identity_of("abcdef", &identity, NULL) == 0);
	{
		struct netlink_batch batch;
		struct netlink nfnl;

		WANT(netlink_open(NETLINK_NETFILTER, &nfnl) == 0);
		nft_begin(&batch, &nfnl);
		nft_put_table(&batch, identity.table);
		WANT(nft_commit(&batch, NULL) == 0);
		WANT(poll(&watch, 1, 0) == 1 && netns_node_repair(node, NULL) == 0);
		/* One element of ours gone. */
		netlink_end(&batch);
		nft_begin(&batch, &nfnl);
		nft_put_elements(&batch, NFT_MSG_DELSETELEM, "shallop",
				 &(struct nft_set){ .name = "hairpins",
						    .key = { NFT_FIELD_IPV4, NFT_FIELD_IPV4 } },
				 &(struct nft_element){ .key = { pod.ip.s_addr, pod.ip.s_addr } },
				 1);
		WANT(nft_commit(&batch, NULL) == 0);
		WANT(netns_node_repair(node, NULL) == 1 && netns_node_repair(node, NULL) == 0);
		/* Forwarding switched off. */
		WANT(fd_put_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "0") == 0);
		WANT(netns_node_repair(node, NULL) == 1 && netns_node_repair(node, NULL) == 0);
	}
	WANT(is(tcp_from(a, "198.51.100.1", 8080, a, 80), "10.244.0.1"));
	(void)netns_node_close(node);
}
TEST(netns_a_foreign_flush_is_noticed_and_mended)
{
	in_world(foreign_flush);
}

static void purge(void)
{
	/* A namespace begins with what the machine's own has. */
	int r = fd_put_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "0");
	struct netns_node *node = open_node();
	int a = new_namespace();
	struct netns_pod pod;
	char c = 0;
	int fd;

	WANT(r == 0);
	attach(node, "a", a, NULL, 0, &pod);
	(void)netns_node_close(node);
	WANT(tables() == 1 && links() == 1 && routes() == 2 - 1);
	WANT(netns_purge("", world.state_dir, &world.err) == 0);
	WANT(tables() == 0 && links() == 0 && routes() == 0);
	WANT(dir_entries(world.state_dir) == 0);
	fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY | O_CLOEXEC);
	WANT(read(fd, &c, 1) == 1 && c == '0');
	WANT(netns_purge("", world.state_dir, NULL) == 0);
	WANT(netns_purge("", "/nonexistent", NULL) == 0);
}
TEST(netns_purge_leaves_nothing)
{
	in_world(purge);
}

static void overlap(void)
{
	struct netns_node *node = open_node();
	char text[128], ip[INET6_ADDRSTRLEN];
	struct netns_pod pod;

	attach(node, "a", new_namespace(), NULL, 0, &pod);
	WANT(netns_cidr_overlap("10.244.0.0/16", "", text, sizeof(text), NULL) == 0);
	WANT(netns_cidr_overlap("10.244.7.0/24", "abcdef", text, sizeof(text), NULL) == 1);
	WANT(is(text, "10.244.0.0/16 of the default instance"));
	WANT(netns_cidr_overlap("10.96.0.0/12", "abcdef", text, sizeof(text), NULL) == 0);
	WANT(netns_cidr_overlap("198.51.0.0/16", "", text, sizeof(text), NULL) == 1);
	WANT(is(text, "route 198.51.100.2/32 dev up0"));
	WANT(netns_cidr_overlap("198.51.100.1/32", "", text, sizeof(text), NULL) == 1);
	WANT(is(text, "address 198.51.100.1/32 dev up0"));
	WANT(netns_cidr_overlap("nonsense", "", text, sizeof(text), &world.err) == -EINVAL);
	WANT(netns_node_address(ip, NULL) == 0 && is(ip, "198.51.100.1"));
	WANT(setns(new_namespace(), CLONE_NEWNET) == 0);
	WANT(netns_node_address(ip, NULL) == 0 && is(ip, "127.0.0.1"));
	(void)netns_node_close(node);
}
TEST(netns_overlap_names_who_has_the_range)
{
	in_world(overlap);
}

static void full(void)
{
	struct netns_options options = { .instance = "0a1b2c",
					 .pod_cidr = "10.7.0.0/29",
					 .state_dir = world.state_dir };
	struct netns_node *node = NULL;
	struct netns_pod pod;
	char uid[8];
	int ns = 0;

	WANT(netns_node_open(&options, &node, NULL) == 0);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(uid, sizeof(uid), "p%d", i);
		ns = new_namespace();
		attach(node, uid, ns, NULL, 0, &pod);
	}
	WANT(strcmp(pod.link, "sh0a1b2c5") == 0);
	WANT(netns_pod_attach(node, "p5", ns, NULL, 0, &pod, &world.err) == -ENOSPC);
	WANT(is(world.err.text, "pod p5: all 5 addresses of 10.7.0.0/29 are taken"));
	WANT(netns_pod_detach(node, "p2", NULL) == 0);
	attach(node, "p5", new_namespace(), NULL, 0, &pod);
	WANT(pod.ip.s_addr == ip_of("10.7.0.4").s_addr);
	/* A namespace with somebody's eth0 is not touched. */
	WANT(netns_pod_detach(node, "p5", NULL) == 0);
	WANT(netns_pod_attach(node, "p6", world.outside_ns, NULL, 0, &pod, &world.err) == -EEXIST);
	WANT(netns_pod_find(node, "p6", &pod) == -ENOENT);
	(void)netns_node_close(node);
}
TEST(netns_a_full_range_says_so)
{
	in_world(full);
}

/* ---- faults ---- */

static void attach_faults(void)
{
	struct netns_node *node = open_node();
	struct netns_port port = { .host_port = 8080, .pod_port = 80, .protocol = IPPROTO_TCP };
	int a = new_namespace(), fds = open_fds();
	struct netns_pod pod;

	for (unsigned nth = 1;; nth++) {
		int r;

		world.err.code = 0;
		fault_arm(nth);
		r = netns_pod_attach(node, "a", a, &port, 1, &pod, &world.err);
		if (!fault_disarm()) {
			WANT(r == 0 && nth > 10);
			break;
		}
		if (r < 0) {
			if (r != world.err.code || links() || routes())
				(void)fprintf(stderr, "%u: %s: %d %d %s\n", nth, fault_name(), r,
					      links(), world.err.text);
			WANT(r == world.err.code && links() == 0 && routes() == 0);
			WANT(netns_pod_find(node, "a", &pod) == -ENOENT);
		} else { /* a failure that was got over */
			WANT(netns_pod_detach(node, "a", NULL) == 0);
			WANT(netns_node_repair(node, NULL) >= 0 && links() == 0);
		}
		WANT(open_fds() == fds && netns_node_repair(node, NULL) >= 0);
		WANT(nth < 1000);
	}
	WANT(is(tcp_from(world.outside_ns, "198.51.100.1", 8080, a, 80), "198.51.100.2"));
}
TEST(netns_attach_leaves_nothing_behind_when_it_fails)
{
	in_world(attach_faults);
}

static void open_faults(void)
{
	struct netns_options options = { .instance = "",
					 .pod_cidr = "10.244.0.0/24",
					 .state_dir = world.state_dir };
	int fds = open_fds();

	for (unsigned nth = 1; nth < 1000; nth++) {
		struct netns_node *node = NULL;
		int r;

		fault_arm(nth);
		r = netns_node_open(&options, &node, &world.err);
		if (!fault_disarm()) {
			WANT(r == 0 && node && nth > 10);
			return;
		}
		WANT((r < 0 && !node) || (r == 0 && node));
		(void)netns_node_close(node);
		WANT(open_fds() == fds);
		(void)netns_purge("", world.state_dir, NULL);
	}
	WANT(false);
}
TEST(netns_open_leaves_nothing_behind_when_it_fails)
{
	in_world(open_faults);
}

/* ---- kill -9 ---- */

static void busy_agent(unsigned seed, const int *spaces, int n)
{
	struct netns_node *node = open_node();
	struct netns_pod pod;
	char uid[16];

	for (unsigned i = seed;; i = i * 1103515245u + 12345u) {
		int which = (int)(i >> 16) % n;

		(void)snprintf(uid, sizeof(uid), "pod-%d", which);
		if (i >> 28 & 1)
			(void)netns_pod_detach(node, uid, NULL);
		else
			(void)netns_pod_attach(node, uid, spaces[which], NULL, 0, &pod, NULL);
		if ((i >> 20) % 16 == 0)
			(void)netns_node_repair(node, NULL);
	}
}

static void killed_at_random(void)
{
	enum { N = 6, ROUNDS = 12 };
	int spaces[N];

	for (int i = 0; i < N; i++)
		spaces[i] = new_namespace();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct netns_node *node;
		const char *uids[N];
		char names[N][16];
		int status;
		pid_t pid = fork();

		WANT(pid >= 0);
		if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			busy_agent(round * 7919 + 1, spaces, N);
		(void)usleep(20000 + round * 3571 % 9000);
		WANT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
		node = open_node();
		WANT(netns_node_repair(node, NULL) >= 0);
		/* Whoever was there comes back, and all can talk: no two have one address. */
		for (int i = 0; i < N; i++) {
			struct netns_pod pod;
			char ip[INET_ADDRSTRLEN];

			(void)snprintf(names[i], sizeof(names[i]), "pod-%d", i);
			uids[i] = names[i];
			attach(node, uids[i], spaces[i], NULL, 0, &pod);
			WANT(inet_ntop(AF_INET, &pod.ip, ip, sizeof(ip)));
			WANT(is(tcp_from(world.home_ns, ip, 80, spaces[i], 80), "10.244.0.1"));
		}
		WANT(netns_node_reconcile(node, uids, N, NULL) == 0);
		WANT(links() == N && routes() == N);
		WANT(netns_node_reconcile(node, uids, round % N, NULL) == 0);
		WANT(links() == (int)round % N && routes() == (int)round % N);
		(void)netns_node_close(node);
	}
}
TEST(netns_kill_at_any_moment_leaks_nothing)
{
	in_world(killed_at_random);
}

/* ---- the bench ---- */

static int compare_ns(const void *a, const void *b)
{
	int64_t d = *(const int64_t *)a - *(const int64_t *)b;

	return d < 0 ? -1 : d > 0;
}

static void bench(void)
{
	enum { N = 100 };
	struct netns_node *node = open_node();
	int64_t attach_ns[N], detach_ns[N], start;
	int spaces[N];
	char uid[16];

	for (int i = 0; i < N; i++)
		spaces[i] = new_namespace();
	for (int i = 0; i < N; i++) {
		struct netns_pod pod;

		(void)snprintf(uid, sizeof(uid), "pod-%d", i);
		start = time_monotonic_ns();
		attach(node, uid, spaces[i], NULL, 0, &pod);
		attach_ns[i] = time_monotonic_ns() - start;
	}
	for (int i = 0; i < N; i++) {
		(void)snprintf(uid, sizeof(uid), "pod-%d", i);
		start = time_monotonic_ns();
		WANT(netns_pod_detach(node, uid, NULL) == 0);
		detach_ns[i] = time_monotonic_ns() - start;
	}
	start = time_monotonic_ns();
	WANT(netns_node_repair(node, NULL) == 0 && links() == 0);
	start = time_monotonic_ns() - start;
	qsort(attach_ns, N, sizeof(attach_ns[0]), compare_ns);
	qsort(detach_ns, N, sizeof(detach_ns[0]), compare_ns);
	(void)printf("attach: median %.0f us, 90th %.0f us; detach: median %.0f us; "
		     "deleting %d links in one go: %.1f ms\n",
		     attach_ns[N / 2] / 1e3, attach_ns[N * 9 / 10] / 1e3, detach_ns[N / 2] / 1e3, N,
		     start / 1e6);
	(void)fflush(stdout);
	WANT(attach_ns[N / 2] < 20 * NS_PER_MS);
	(void)netns_node_close(node);
}
TEST(netns_attach_takes_parts_of_a_millisecond)
{
	in_world(bench);
}
