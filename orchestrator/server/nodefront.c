/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/nodefront.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/list.h"
#include "base/time.h"
#include "orchestrator/server/dial.h"
#include "orchestrator/server/nodeset.h"
#include "orchestrator/server/session.h"

#define CONNECTIONS_MAX 20000
#define DNS_OFFSET	10 /* of the service range: the address of kube-dns */

struct nodefront {
	struct nodefront_options options;
	struct nodesets *sets;
	struct podranges *ranges;
	struct listener *listener;
	struct map nodes; /* struct node by name */
	struct list conns;
	size_t n_conns;
	char hostname[256], dns_address[64];
};

/* A node with at least one connection. */
struct node {
	struct map_node map_node;
	struct list conns; /* the session's first */
	char name[];
};

enum conn_role { ROLE_NONE, ROLE_SESSION, ROLE_STREAMS };

struct node_conn {
	struct list node, of_node;
	struct nodefront *front;
	struct wire *wire;
	struct node *of; /* NULL before its hello */
	enum conn_role role;
	struct session *session;
	char peer[64]; /* for the log: the stream is gone before the connection */
};

/* ---- connections and their nodes ---- */

static void conn_leave(struct node_conn *conn)
{
	struct node *node = conn->of;

	if (conn->session) {
		conn->session = session_free(conn->session);
		conn->front->options.metrics->node_sessions--;
	}
	if (!node)
		return;
	conn->of = NULL;
	list_remove(&conn->of_node);
	if (list_empty(&node->conns)) {
		map_remove(&conn->front->nodes, &node->map_node);
		free(node);
	}
}

static void conn_free(struct node_conn *conn)
{
	conn_leave(conn);
	list_remove(&conn->node);
	conn->front->n_conns--;
	(void)wire_free(conn->wire);
	free(conn);
}

static int conn_join(struct node_conn *conn, const char *name)
{
	struct nodefront *front = conn->front;
	struct map_node *found = map_find(&front->nodes, name);
	struct node *node = found ? map_entry(found, struct node, map_node) : NULL;

	if (!node) {
		node = calloc(1, sizeof(*node) + strlen(name) + 1);
		if (!node)
			return -ENOMEM;
		memcpy(node->name, name, strlen(name) + 1);
		list_init(&node->conns);
		(void)map_insert(&front->nodes, &node->map_node, node->name);
	}
	conn->of = node;
	if (conn->role == ROLE_SESSION)
		list_prepend(&node->conns, &conn->of_node);
	else
		list_append(&node->conns, &conn->of_node);
	return 0;
}

struct wire *nodefront_wire(struct nodefront *front, const char *node)
{
	struct map_node *found = map_find(&front->nodes, node);

	if (!found)
		return NULL;
	return list_entry(map_entry(found, struct node, map_node)->conns.next, struct node_conn,
			  of_node)
		->wire;
}

/* ---- the opening ---- */

/* "system:node:NAME" of group system:nodes, and @name is NAME. */
static int check_peer(struct node_conn *conn, const char *name, struct err *err)
{
	const struct tls *tls = stream_tls(wire_stream(conn->wire));
	struct tls_identity peer;
	char wanted[300];
	bool member = false;

	if (!tls || !tls_peer(tls, &peer))
		return err_say(
			err, -EACCES,
			"no valid client certificate: the node's certificate is missing, has "
			"expired or is another cluster's");
	for (unsigned i = 0; i < peer.n_organizations; i++)
		member |= strcmp(peer.organizations[i], "system:nodes") == 0;
	(void)snprintf(wanted, sizeof(wanted), "system:node:%s", name);
	if (!member || strcmp(peer.common_name, wanted) != 0)
		return err_say(err, -EACCES, "certificate of %s cannot be node %s",
			       peer.common_name, name);
	return 0;
}

static void put_text(struct buf *out, const char *key, const char *value)
{
	(void)buf_printf(out, ",\"%s\":", key);
	(void)json_write_string(out, value, strlen(value), JSON_COMPACT);
}

/* The cluster's identity is that of its first namespace. */
static const char *cluster_uid(struct nodefront *front)
{
	const struct schema_kind *kind = schema_kind_of_resource("", "v1", "namespaces");
	struct object *object =
		kind ? core_get(front->options.core, kind, "", "kube-system") : NULL;

	return object ? object_uid(object) : "";
}

static int send_welcome(struct node_conn *conn)
{
	struct nodefront *front = conn->front;
	const struct server_options *server = front->options.server;
	auto_buf struct buf text = { 0 };
	char now[TIME_TEXT_MAX], self[128];

	(void)snprintf(self, sizeof(self), strchr(server->address, ':') ? "[%s]:%u" : "%s:%u",
		       server->address, server->node_port);
	(void)buf_puts(&text, "{\"program\":\"" SHALLOP_VERSION "\"");
	put_text(&text, "server", front->hostname);
	put_text(&text, "time", time_format_micro(loop_now_ns(front->options.loop), now));
	put_text(&text, "cluster", cluster_uid(front));
	put_text(&text, "clusterDomain", server->cluster_domain);
	put_text(&text, "clusterCIDR", server->pod_cidr);
	put_text(&text, "serviceCIDR", server->service_cidr);
	put_text(&text, "dnsAddress", front->dns_address);
	(void)buf_printf(&text, ",\"servers\":[\"%s\"],\"capabilities\":[]}", self);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	return wire_send(conn->wire, WIRE_WELCOME, text.data, text.len);
}

/* Another session of this node is one whose end we have not noticed yet: the newest counts. */
static void end_older_session(struct node_conn *conn)
{
	struct nodefront *front = conn->front;

	list_for_each (at, next, &front->conns) {
		struct node_conn *other = list_entry(at, struct node_conn, node);

		if (other != conn && other->session && other->of == conn->of)
			conn_free(other);
	}
}

static int open_session(struct node_conn *conn, struct err *err)
{
	struct nodefront *front = conn->front;
	const struct session_options options = {
		.loop = front->options.loop,
		.core = front->options.core,
		.sets = front->sets,
		.pki = front->options.pki,
		.ranges = front->ranges,
		.wire = conn->wire,
		.node = conn->of->name,
	};
	int r;

	end_older_session(conn);
	r = session_new(&options, &conn->session);
	if (r < 0)
		return err_set(err, r, "open a session with node %s", conn->of->name);
	front->options.metrics->node_sessions++;
	log_info("node %s has a session, from %s", conn->of->name, conn->peer);
	return 0;
}

static int on_hello(struct node_conn *conn, const struct json_object *hello, struct err *err)
{
	static const struct {
		const char *name;
		enum conn_role role;
	} roles[] = { { "session", ROLE_SESSION }, { "streams", ROLE_STREAMS } };
	const char *name = json_str(json_get(hello, "node"));
	const char *role = json_str(json_get(hello, "role"));
	int r;

	for (size_t i = 0; role && i < ARRAY_LEN(roles); i++)
		if (strcmp(role, roles[i].name) == 0)
			conn->role = roles[i].role;
	if (conn->role == ROLE_NONE)
		return err_say(err, -EOPNOTSUPP, "role %s is not served by this server",
			       role ? role : "(none)");
	if (!name || !*name || strlen(name) > 253)
		return err_say(err, -EPROTO, "hello names no node");
	r = check_peer(conn, name, err);
	if (r < 0)
		return r;
	r = conn_join(conn, name);
	if (r == 0)
		r = send_welcome(conn);
	if (r < 0)
		return err_set(err, r, "welcome node %s", name);
	return conn->role == ROLE_SESSION ? open_session(conn, err) : 0;
}

/* ---- the wire's events ---- */

static void on_message(struct wire *wire, enum wire_message type, const char *text, size_t len,
		       void *data)
{
	struct node_conn *conn = data;
	auto_json struct json_object *json = NULL;
	struct err err = { 0 };
	int r = json_parse(text, len, &json, &err);

	if (r < 0)
		r = err_prefix(&err, -EPROTO, "message %d", (int)type);
	else if (type == WIRE_HELLO)
		r = conn->of ? err_say(&err, -EPROTO, "hello was sent twice")
			     : on_hello(conn, json, &err);
	else if (type == WIRE_REFUSE)
		log_warn("node %s refuses: %s", conn->of ? conn->of->name : "?", text);
	else if (conn->session)
		r = session_message(conn->session, type, json, &err);
	else
		r = err_say(&err, -EPROTO, "messages are for sessions");
	if (r >= 0)
		return;
	log_warn("%s: %s", conn->peer, err.text);
	(void)wire_refuse(wire, &err); /* on_end follows */
}

static void on_open(struct wire *wire, struct wire_channel *channel, const char *json, size_t len,
		    void *data)
{
	struct node_conn *conn = data;

	(void)wire;
	dial_start(conn->front->options.loop, channel, json, len,
		   conn->front->options.server->port);
}

static void on_end(struct wire *wire, const struct err *err, void *data)
{
	struct node_conn *conn = data;

	(void)wire;
	if (conn->session)
		log_info("the session of node %s has ended: %s", conn->of->name, err->text);
	else if (!conn->of)
		log_trace("%s: %s", conn->peer, err->text);
	conn_free(conn);
}

static int conn_open(struct nodefront *front, int fd, struct err *err)
{
	static const struct wire_events events = {
		.on_message = on_message,
		.on_open = on_open,
		.on_end = on_end,
	};
	auto_close int owned_fd = fd;
	struct node_conn *conn;
	struct stream *stream;
	struct tls *tls;
	int r = tls_new(front->options.tls, NULL, &tls, err);

	if (r < 0)
		return r;
	r = stream_of_fd(front->options.loop, take_fd(&owned_fd), tls, &stream, err);
	if (r < 0)
		return r;
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		(void)stream_free(stream);
		return err_set(err, -ENOMEM, "accept a node");
	}
	conn->front = front;
	list_init(&conn->of_node);
	(void)snprintf(conn->peer, sizeof(conn->peer), "%s", stream_peer(stream));
	r = wire_new(stream, WIRE_SERVER, &events, conn, &conn->wire);
	if (r < 0) {
		free(conn);
		return err_set(err, r, "accept a node");
	}
	list_append(&front->conns, &conn->node);
	front->n_conns++;
	return 0;
}

static void on_accept(struct listener *listener, int fd, const struct sockaddr *peer, void *data)
{
	struct nodefront *front = data;
	struct err err = { 0 };

	(void)listener;
	(void)peer;
	if (front->n_conns >= CONNECTIONS_MAX)
		(void)close(fd);
	else if (conn_open(front, fd, &err) < 0)
		log_warn("%s", err.text);
}

/* ---- what nodes use ---- */

static int64_t cpu_of(const struct session_usage *usage)
{
	return usage->cpu_nanos;
}
static int64_t memory_of(const struct session_usage *usage)
{
	return usage->memory_bytes;
}
static int64_t pods_of(const struct session_usage *usage)
{
	return (int64_t)usage->pods;
}

static const struct {
	const char *name, *type, *help;
	int64_t (*value)(const struct session_usage *usage);
} usages[] = {
	{ "shallop_node_cpu_nanoseconds_total", "counter", "CPU time that a node has used.",
	  cpu_of },
	{ "shallop_node_memory_bytes", "gauge", "Working set of a node.", memory_of },
	{ "shallop_node_pods", "gauge", "Pods that run on a node.", pods_of },
};

static void write_usage(void *data, struct buf *out)
{
	struct nodefront *front = data;

	for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
		(void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", usages[i].name,
				 usages[i].help, usages[i].name, usages[i].type);
		list_for_each (at, next, &front->conns) {
			struct node_conn *conn = list_entry(at, struct node_conn, node);
			struct session_usage usage;

			if (conn->session && session_usage(conn->session, &usage))
				(void)buf_printf(out, "%s{node=\"%s\"} %" PRId64 "\n",
						 usages[i].name, conn->of->name,
						 usages[i].value(&usage));
		}
	}
}

/* ---- life ---- */

int nodefront_new(const struct nodefront_options *options, struct nodefront **ret, struct err *err)
{
	struct nodefront *front = calloc(1, sizeof(*front));
	int r;

	if (!front)
		return err_set(err, -ENOMEM, "open the node front");
	front->options = *options;
	list_init(&front->conns);
	if (gethostname(front->hostname, sizeof(front->hostname) - 1) < 0)
		(void)snprintf(front->hostname, sizeof(front->hostname), "server");
	r = pki_cidr_address(options->server->service_cidr, DNS_OFFSET, front->dns_address,
			     sizeof(front->dns_address));
	if (r == 0)
		r = nodesets_new(options->core, &front->sets);
	if (r < 0) {
		(void)nodesets_free(front->sets);
		free(front);
		return err_set(err, r, "open the node front");
	}
	r = podranges_new(options->core, options->server->pod_cidr, &front->ranges, err);
	if (r < 0) {
		(void)nodefront_free(front);
		return r;
	}
	options->metrics->write_nodes = write_usage;
	options->metrics->nodes = front;
	*ret = front;
	return 0;
}

int nodefront_listen(struct nodefront *front, int fd, struct err *err)
{
	int r = listener_open(front->options.loop, fd, on_accept, front, &front->listener);

	return r < 0 ? err_set(err, r, "listen for nodes") : 0;
}

struct nodefront *nodefront_free(struct nodefront *front)
{
	if (!front)
		return NULL;
	front->options.metrics->write_nodes = NULL;
	(void)listener_close(front->listener);
	list_for_each (at, next, &front->conns)
		conn_free(list_entry(at, struct node_conn, node));
	(void)nodesets_free(front->sets);
	(void)podranges_free(front->ranges);
	free(front);
	return NULL;
}
