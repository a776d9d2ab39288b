/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "base/tls.h"
#include "orchestrator/agent/eventmemory.h"
#include "orchestrator/agent/nodecert.h"
#include "orchestrator/agent/nodelog.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestatus.h"
#include "orchestrator/agent/nodestream.h"
#include "orchestrator/wire/wire.h"

#define EVENTS_MAX     1000
#define BATCH_BYTES    ((size_t)1 << 20) /* of one pod_status message; the wire takes 4 MiB */
#define PEM_MAX	       ((size_t)256 << 10)
#define DIAL_FIRST_MS  10
#define DIAL_MAX_MS    10000
#define RENEW_LOOK_NS  (3600 * NS_PER_S)
#define SEND_STATUS_NS (300 * NS_PER_S) /* at least so often */
#define HOLD_NS	       (100 * NS_PER_MS)

enum uplink_state { UPLINK_DOWN, UPLINK_DIALLING, UPLINK_OPENING, UPLINK_SESSION };

struct uplink {
	struct eventmemory told;
	struct agent *agent;
	enum uplink_state state;
	struct stream *stream; /* while dialling */
	struct wire *wire;
	struct loop_timer *redial;
	struct loop_timer *held; /* statuses of pods that are about to run */
	int64_t dial_ms;	 /* the next pause */
	struct err why;		 /* what ended the last connection */
	char server[300];
	/* sequence numbers of this connection */
	uint64_t sent, received, on_disk, acked_by_us;
	uint64_t noted; /* received when the fsync under way was begun */
	bool synced;
	struct json_object **events; /* waiting, oldest first */
	size_t n_events, dropped_events;
	uint64_t requests;
	struct json_object *node; /* as last sent on this connection */
	int64_t node_sent_ns;
	int64_t renew_look_ns; /* when the certificate is looked at again (monotonic) */
};

static void dial(struct uplink *u);

/* ---- messages ---- */

static int send_json(struct uplink *u, enum wire_message type, const struct json_object *json)
{
	auto_buf struct buf text = BUF_INIT(WIRE_MESSAGE_MAX);
	int r = json_write(&text, json);

	if (r == 0)
		r = wire_send(u->wire, type, text.data, text.len);
	if (r < 0)
		log_warn("send %s: %s", wire_message_name(type), err_text(r));
	return r;
}

static void send_hello(struct uplink *u)
{
	auto_json struct json_object *hello = json_new_object();
	auto_buf struct buf boot = BUF_INIT(128);
	char now[TIME_TEXT_MAX];

	(void)fd_read_file("/proc/sys/kernel/random/boot_id", &boot, NULL);
	(void)json_put_str(hello, "role", "session");
	(void)json_put_str(hello, "node", u->agent->options.node_name);
	(void)json_put_str(hello, "program", SHALLOP_VERSION);
	(void)json_put_str(hello, "time", time_format_micro(loop_now_ns(u->agent->loop), now));
	(void)json_put(hello, "bootID",
		       json_new_string_len(buf_str(&boot), strcspn(buf_str(&boot), "\n")));
	(void)json_put(hello, "capabilities", json_new_array());
	(void)send_json(u, WIRE_HELLO, hello);
}

static void send_node(struct uplink *u, struct json_object *node /* taken */)
{
	auto_json struct json_object *message = json_new_object();

	(void)json_put_int(message, "seq", (int64_t)++u->sent);
	(void)json_put(message, "node", json_ref(node));
	json_unref(u->node);
	u->node = node;
	u->node_sent_ns = loop_monotonic_ns(u->agent->loop);
	(void)send_json(u, WIRE_NODE_STATUS, message);
}

void uplink_node_changed(struct uplink *u)
{
	struct json_object *node;

	if (u->state != UPLINK_SESSION)
		return;
	node = nodestatus_make(u->agent);
	if (u->node && nodestatus_equal(u->node, node) &&
	    loop_monotonic_ns(u->agent->loop) - u->node_sent_ns < SEND_STATUS_NS)
		json_unref(node);
	else
		send_node(u, node);
}

static struct json_object *pod_entry(const struct nodepod *pod)
{
	struct json_object *json = json_new_object();

	(void)json_put_str(json, "namespace", pod->namespace);
	(void)json_put_str(json, "name", pod->name);
	(void)json_put_str(json, "uid", pod->uid);
	(void)json_put_bool(json, "ended", pod->ended_unsent || pod->ended_sent);
	(void)json_put(json, "status", json_ref(podmachine_status(pod->machine)));
	return json;
}

static void send_pods(struct uplink *u, struct json_object *pods /* taken */)
{
	auto_json struct json_object *message = json_new_object();

	(void)json_put_int(message, "seq", (int64_t)++u->sent);
	(void)json_put(message, "pods", pods);
	(void)send_json(u, WIRE_POD_STATUS, message);
}

/*
 * A pod usually runs a few milliseconds after it came: what it is until then is told only if it takes
 * longer. Each status is a write of the server's, with an fsync that the next one has to wait for.
 */
static bool is_held(struct uplink *u, struct nodepod *pod)
{
	const char *phase = podmachine_phase(pod->machine);
	int64_t left_ns;

	if (pod->ended_unsent || !phase || strcmp(phase, "Pending") != 0)
		return false;
	left_ns = pod->began_ns + HOLD_NS - loop_monotonic_ns(u->agent->loop);
	if (left_ns <= 0)
		return false;
	if (!loop_timer_armed(u->held))
		loop_timer_set_ns(u->held, left_ns);
	return true;
}

static void flush_statuses(struct uplink *u)
{
	struct json_object *list = NULL;
	size_t bytes = 0;

	map_for_each (node, next, &u->agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		if (!pod->status_unsent || pod->removed || !podmachine_status(pod->machine) ||
		    is_held(u, pod))
			continue;
		if (!list)
			list = json_new_array();
		(void)json_add(list, pod_entry(pod));
		pod->ended_sent = pod->ended_sent || pod->ended_unsent;
		pod->status_unsent = pod->ended_unsent = false;
		bytes += (size_t)4096 *
			 (1 + json_len(json_at(podmachine_pod(pod->machine), "spec.containers")));
		if (bytes > BATCH_BYTES) {
			send_pods(u, take_ptr(&list));
			bytes = 0;
		}
	}
	if (list)
		send_pods(u, list);
}

/* ---- events ---- */

static void event_drop_oldest(struct uplink *u)
{
	json_unref(u->events[0]);
	memmove(u->events, u->events + 1, --u->n_events * sizeof(*u->events));
	u->dropped_events++;
}

static struct json_object *involved(const struct uplink *u, const struct nodepod *pod,
				    const char *field_path)
{
	struct json_object *json = json_new_object();

	if (!pod) {
		(void)json_put_str(json, "kind", "Node");
		(void)json_put_str(json, "name", u->agent->options.node_name);
		(void)json_put_str(json, "uid", u->agent->options.node_name);
		return json;
	}
	(void)json_put_str(json, "kind", "Pod");
	(void)json_put_str(json, "namespace", pod->namespace);
	(void)json_put_str(json, "name", pod->name);
	(void)json_put_str(json, "uid", pod->uid);
	(void)json_put_str(json, "apiVersion", "v1");
	(void)json_put_str(json, "resourceVersion",
			   json_str_at(podmachine_pod(pod->machine), "metadata.resourceVersion"));
	if (field_path)
		(void)json_put_str(json, "fieldPath", field_path);
	return json;
}

void uplink_event(struct uplink *u, const struct nodepod *pod, const char *field_path, bool warning,
		  const char *reason, const char *text)
{
	struct json_object *event = json_new_object(), *source = json_new_object();
	struct json_object *metadata = json_new_object();

	(void)json_put_str(metadata, "namespace", pod ? pod->namespace : "default");
	(void)json_put(event, "metadata", metadata);
	(void)json_put(event, "involvedObject", involved(u, pod, field_path));
	(void)json_put_str(event, "reason", reason);
	(void)json_put_str(event, "message", text);
	(void)json_put_str(source, "component", "kubelet");
	(void)json_put_str(source, "host", u->agent->options.node_name);
	(void)json_put(event, "source", source);
	(void)json_put_str(event, "type", warning ? "Warning" : "Normal");
	(void)json_put_str(event, "reportingComponent", "kubelet");
	(void)json_put_str(event, "reportingInstance", u->agent->options.node_name);
	(void)eventmemory_stamp(&u->told, event, agent_now_ns(u->agent));
	if (u->n_events == EVENTS_MAX)
		event_drop_oldest(u);
	u->events[u->n_events++] = event;
}

static void flush_events(struct uplink *u)
{
	auto_json struct json_object *message = NULL;
	struct json_object *list;

	if (u->n_events == 0)
		return;
	message = json_new_object();
	list = json_new_array();
	for (size_t i = 0; i < u->n_events; i++)
		(void)json_add(list, u->events[i]);
	u->n_events = 0;
	(void)json_put(message, "events", list);
	(void)send_json(u, WIRE_EVENT, message);
}

void uplink_flush(struct uplink *u)
{
	if (u->state != UPLINK_SESSION || !u->synced)
		return;
	flush_statuses(u);
	flush_events(u);
}

void uplink_stats(struct uplink *u, const struct json_object *message)
{
	if (u->state == UPLINK_SESSION)
		(void)send_json(u, WIRE_STATS, message);
}

/* ---- tokens ---- */

uint64_t uplink_ask_token(struct uplink *u, const struct nodepod *pod, const struct token *token)
{
	auto_json struct json_object *request = NULL;
	const char *account = json_str_at(podmachine_pod(pod->machine), "spec.serviceAccountName");
	struct json_object *audiences;

	if (u->state != UPLINK_SESSION)
		return 0;
	request = json_new_object();
	audiences = json_new_array();
	if (*token->audience)
		(void)json_add(audiences, json_new_string(token->audience));
	(void)json_put_int(request, "id", (int64_t)++u->requests);
	(void)json_put_str(request, "podUID", pod->uid);
	(void)json_put_str(request, "namespace", pod->namespace);
	(void)json_put_str(request, "podName", pod->name);
	(void)json_put_str(request, "serviceAccount", account ? account : "default");
	(void)json_put(request, "audiences", audiences);
	(void)json_put_int(request, "expirationSeconds", token->seconds);
	if (send_json(u, WIRE_TOKEN_REQUEST, request) < 0)
		return 0;
	stream_flush(wire_stream(u->wire)); /* signed there while the sandbox is made here */
	return u->requests;
}

static void on_token(struct uplink *u, const struct json_object *message, bool failed)
{
	uint64_t id = (uint64_t)json_int_at(message, "id", 0);
	const char *sentence = json_str_at(message, "message");

	map_for_each (node, next, &u->agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		if (failed ? nodepod_token_refused(pod, id, sentence ? sentence : "refused")
			   : nodepod_token_given(pod, id, message))
			return;
	}
}

/* ---- the node's certificate ---- */

void uplink_renew(struct uplink *u)
{
	auto_buf struct buf request = BUF_INIT(WIRE_MESSAGE_MAX);
	int64_t now_ns = loop_monotonic_ns(u->agent->loop);
	struct err err = { 0 };
	int r;

	if (u->state != UPLINK_SESSION || now_ns < u->renew_look_ns)
		return;
	u->renew_look_ns = now_ns + RENEW_LOOK_NS;
	r = nodecert_request(u->agent->options.data_dir, ++u->requests, agent_now_ns(u->agent),
			     &request, &err);
	if (r < 0)
		log_warn("certificate: %s", err.text);
	if (r > 0)
		(void)wire_send(u->wire, WIRE_RENEW, request.data, request.len);
}

static void on_certificate(struct uplink *u, const struct json_object *message)
{
	struct err err = { 0 };

	if (nodecert_install(u->agent->options.data_dir, message, &err) < 0)
		log_warn("certificate: %s", err.text);
	else
		log_info("the node's certificate was renewed");
}

/* ---- desired state ---- */

static void set_object(struct uplink *u, const struct json_object *message, const char *kind,
		       const char *namespace, const char *name)
{
	struct agent *agent = u->agent;
	struct json_object *object = json_get(message, "object");
	int r = desired_set(agent->desired, kind, namespace, name, json_str_at(message, "uid"),
			    json_str_at(message, "revision"), object);

	if (r < 0) {
		log_error("%s %s/%s: could not be noted: %s", kind, namespace, name, err_text(r));
		return;
	}
	if (strcmp(kind, "Pod") == 0)
		agent_pod_set(agent, object);
	else if (strcmp(kind, "Node") == 0)
		agent_node_changed(agent);
	else if (strcmp(kind, "ConfigMap") == 0 || strcmp(kind, "Secret") == 0)
		agent_input_changed(agent, kind, namespace, name);
}

static void remove_object(struct uplink *u, const struct json_object *message, const char *kind,
			  const char *namespace, const char *name)
{
	struct agent *agent = u->agent;
	const struct desired_object *old = desired_find(agent->desired, kind, namespace, name);
	const char *uid = json_str_at(message, "uid");
	char old_uid[NODEPOD_UID_MAX + 1] = "";

	if (!old || (uid && *uid && strcmp(old->uid, uid) != 0))
		return; /* of an earlier object of that name */
	(void)snprintf(old_uid, sizeof(old_uid), "%s", old->uid);
	(void)desired_remove(agent->desired, kind, namespace, name);
	if (strcmp(kind, "Pod") == 0)
		agent_pod_removed(agent, old_uid);
}

static int take_seq(struct uplink *u, const struct json_object *message)
{
	uint64_t seq = (uint64_t)json_int_at(message, "seq", 0);

	if (seq != u->received + 1)
		return -EPROTO;
	u->received = seq;
	u->agent->sync_wanted = true;
	return 0;
}

static int on_desired(struct uplink *u, const struct json_object *message)
{
	const char *op = json_str_at(message, "op"), *kind = json_str_at(message, "kind");
	const char *namespace = json_str_at(message, "namespace");
	const char *name = json_str_at(message, "name");
	int r = take_seq(u, message);

	if (r < 0 || !op || !kind || !name)
		return -EPROTO;
	if (strcmp(op, "set") == 0)
		set_object(u, message, kind, namespace ? namespace : "", name);
	else if (strcmp(op, "remove") == 0)
		remove_object(u, message, kind, namespace ? namespace : "", name);
	else
		return -EPROTO;
	return 0;
}

static int on_synced(struct uplink *u, const struct json_object *message)
{
	int r = take_seq(u, message);

	if (r < 0)
		return r;
	u->synced = true;
	agent_say_ready(u->agent);
	map_for_each (node, next, &u->agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		pod->status_unsent = true;
		nodepod_ask_tokens(pod);
	}
	return 0;
}

void uplink_note_sync(struct uplink *u)
{
	u->noted = u->received;
}

void uplink_synced_to_disk(struct uplink *u)
{
	char text[64];
	int n;

	if (u->state != UPLINK_SESSION || u->noted <= u->acked_by_us)
		return;
	u->acked_by_us = u->noted;
	n = snprintf(text, sizeof(text), "{\"seq\":%llu}", (unsigned long long)u->acked_by_us);
	(void)wire_send(u->wire, WIRE_ACK, text, (size_t)n);
}

/* ---- the conversation ---- */

static void send_have(struct uplink *u)
{
	auto_buf struct buf have = BUF_INIT(WIRE_MESSAGE_MAX);
	int r = desired_have(u->agent->desired, &have);

	if (r == 0)
		r = wire_send(u->wire, WIRE_HAVE, have.data, have.len);
	if (r < 0)
		log_warn("send have: %s", err_text(r));
}

static int on_welcome(struct uplink *u, struct json_object *message, struct err *err)
{
	struct agent *agent = u->agent;
	const char *ours = agent_cluster_text(agent, "cluster");
	const char *theirs = json_str_at(message, "cluster");

	if (ours && *ours && theirs && strcmp(ours, theirs) != 0)
		return err_say(err, -EPERM,
			       "the server at %s belongs to another cluster (%s, not %s)",
			       u->server, theirs, ours);
	json_del(message, "time"); /* differs each time, and is not worth a write */
	(void)desired_set_cluster(agent->desired, message);
	u->state = UPLINK_SESSION;
	u->dial_ms = DIAL_FIRST_MS;
	u->why = (struct err){ 0 };
	log_info("connected to the server at %s", u->server);
	send_node(u, nodestatus_make(agent));
	send_have(u);
	uplink_renew(u);
	return 0;
}

static int dispatch(struct uplink *u, enum wire_message type, struct json_object *message,
		    struct err *err)
{
	int r = 0;

	switch (type) {
	case WIRE_WELCOME:
		return on_welcome(u, message, err);
	case WIRE_DESIRED:
		r = on_desired(u, message);
		break;
	case WIRE_SYNCED:
		r = on_synced(u, message);
		break;
	case WIRE_TOKEN:
		on_token(u, message, false);
		break;
	case WIRE_CERTIFICATE:
		on_certificate(u, message);
		break;
	case WIRE_FAILED:
		on_token(u, message, true);
		break;
	default: /* ack, and what later versions bring */
		break;
	}
	return r < 0 ? err_say(err, r, "%s: not as agreed", wire_message_name(type)) : 0;
}

static void end(struct uplink *u, const struct err *why)
{
	struct loop_timer *timer = u->redial;
	unsigned char jitter;

	if (u->state == UPLINK_SESSION)
		log_warn("the connection to %s ended: %s", u->server, why->text);
	else if (u->why.code != why->code) /* each new reason once, not each attempt */
		log_warn("no connection to %s: %s", u->server, why->text);
	u->why = *why;
	u->state = UPLINK_DOWN;
	u->synced = false;
	u->wire = wire_free(u->wire);
	u->stream = stream_free(u->stream);
	u->node = json_unref(u->node);
	map_for_each (node, next, &u->agent->pods)
		tokens_forget_requests(&map_entry(node, struct nodepod, node)->tokens);
	random_bytes(&jitter, sizeof(jitter));
	loop_timer_set_ms(timer, u->dial_ms * (192 + jitter / 2) / 256);
	u->dial_ms = MIN(u->dial_ms * 2, DIAL_MAX_MS);
}

static void on_message(struct wire *wire, enum wire_message type, const char *text, size_t len,
		       void *data)
{
	struct uplink *u = data;
	auto_json struct json_object *message = NULL;
	struct err err = { 0 };

	if (json_parse(text, len, &message, &err) == 0 && dispatch(u, type, message, &err) == 0)
		return;
	(void)wire_refuse(wire, &err);
}

static void on_open_channel(struct wire *wire, struct wire_channel *channel, const char *text,
			    size_t len, void *data)
{
	struct uplink *u = data;
	auto_json struct json_object *open = NULL;
	struct err err = { 0 };

	(void)wire;
	if (json_parse(text, len, &open, &err) < 0) {
		wire_close(channel, &err);
		return;
	}
	nodestream_open(u->agent, channel, open);
}

static void on_wire_end(struct wire *wire, const struct err *err, void *data)
{
	(void)wire;
	end(data, err);
}

static const struct wire_events wire_callbacks = { .on_message = on_message,
						   .on_open = on_open_channel,
						   .on_end = on_wire_end };

static void on_connected(struct stream *stream, void *data)
{
	struct uplink *u = data;
	struct err err = { 0 };
	int r;

	u->stream = NULL;
	r = wire_new(stream, WIRE_AGENT, &wire_callbacks, u, &u->wire);
	if (r < 0) {
		(void)err_set(&err, r, "speak with %s", u->server);
		end(u, &err);
		return;
	}
	u->state = UPLINK_OPENING;
	u->sent = u->received = u->on_disk = u->acked_by_us = u->noted = 0;
	send_hello(u);
}

static void on_not_connected(struct stream *stream, int reason, void *data)
{
	struct err err = *stream_error(stream);

	if (!err.code)
		(void)err_set(&err, reason ? reason : -ECONNRESET, "connect");
	end(data, &err);
}

static void on_early_data(struct stream *stream, void *data)
{
	(void)stream;
	(void)data;
}

/* ---- dialling ---- */

static int read_pem(const struct uplink *u, const char *name, struct buf *out, struct err *err)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/agent/pki/%s", u->agent->options.data_dir, name);
	return fd_read_file(path, out, err);
}

/* Read anew for each connection: certificates are renewed while we run. */
static int make_tls(const struct uplink *u, const char *host, struct tls **ret, struct err *err)
{
	auto_buf struct buf ca = BUF_INIT(PEM_MAX), crt = BUF_INIT(PEM_MAX),
			    key = BUF_INIT(PEM_MAX);
	struct tls_context *context;
	int r = read_pem(u, "ca.crt", &ca, err);

	if (r == 0)
		r = read_pem(u, "node.crt", &crt, err);
	if (r == 0)
		r = read_pem(u, "node.key", &key, err);
	if (r < 0)
		return r;
	r = tls_context_new(&(struct tls_options){ .cert_pem = buf_str(&crt),
						   .key_pem = buf_str(&key),
						   .ca_pem = buf_str(&ca),
						   .tls13_only = true },
			    &context, err);
	if (r < 0)
		return r;
	r = tls_new(context, host, ret, err);
	tls_context_free(context);
	return r;
}

static int connect_to(struct uplink *u, const char *host, unsigned port, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found = NULL;
	struct tls *tls;
	char service[16];
	int r;

	(void)snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(host, service, &hints, &found);
	if (r != 0) {
		hints.ai_flags = AI_ADDRCONFIG; /* a name: the resolver's few seconds, at most */
		r = getaddrinfo(host, service, &hints, &found);
	}
	if (r != 0)
		return err_say(err, -EHOSTUNREACH, "look up %s: %s", host, gai_strerror(r));
	r = make_tls(u, host, &tls, err);
	if (r == 0)
		r = stream_connect(u->agent->loop, found->ai_addr, found->ai_addrlen, tls,
				   u->server, &u->stream, err);
	freeaddrinfo(found);
	return r;
}

static void dial(struct uplink *u)
{
	static const struct stream_events events = { .on_open = on_connected,
						     .on_data = on_early_data,
						     .on_end = on_not_connected };
	const struct agent_options *o = &u->agent->options;
	struct err err = { 0 };
	int r;

	u->state = UPLINK_DIALLING;
	(void)snprintf(u->server, sizeof(u->server),
		       strchr(o->server_host, ':') ? "[%s]:%u" : "%s:%u", o->server_host,
		       o->server_port);
	r = connect_to(u, o->server_host, o->server_port, &err);
	if (r < 0) {
		end(u, &err);
		return;
	}
	stream_set_events(u->stream, &events, u);
}

static void on_held(struct loop *loop, void *data)
{
	(void)loop;
	uplink_flush(data);
}

static void on_redial(struct loop *loop, void *data)
{
	(void)loop;
	dial(data);
}

void uplink_begin(struct uplink *u)
{
	dial(u);
}

int uplink_new(struct agent *agent, struct uplink **ret, struct err *err)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (!u)
		return err_set(err, -ENOMEM, "uplink");
	u->agent = agent;
	u->dial_ms = DIAL_FIRST_MS;
	u->events = calloc(EVENTS_MAX, sizeof(struct json_object *));
	if (!u->events || loop_timer_new(agent->loop, on_redial, u, &u->redial) < 0 ||
	    loop_timer_new(agent->loop, on_held, u, &u->held) < 0) {
		uplink_free(u);
		return err_set(err, -ENOMEM, "uplink");
	}
	*ret = u;
	return 0;
}

struct uplink *uplink_free(struct uplink *u)
{
	if (!u)
		return NULL;
	loop_timer_free(u->redial);
	loop_timer_free(u->held);
	wire_free(u->wire);
	stream_free(u->stream);
	for (size_t i = 0; i < u->n_events; i++)
		json_unref(u->events[i]);
	free(u->events);
	json_unref(u->node);
	free(u);
	return NULL;
}

bool uplink_is_session(const struct uplink *u)
{
	return u->state == UPLINK_SESSION;
}

void uplink_describe(const struct uplink *u, struct buf *out)
{
	if (u->state == UPLINK_SESSION)
		(void)buf_printf(out, "connected to %s", u->server);
	else if (u->why.code)
		(void)buf_printf(out, "not connected to %s: %s", u->server, u->why.text);
	else
		(void)buf_printf(out, "connecting to %s", u->server);
}
