/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/log.h"
#include "base/time.h"
#include "orchestrator/server/session_impl.h"

#define LEASE_PERIOD_NS (10 * NS_PER_S)

/* ---- out ---- */

/* The node would miss something: it shall come again, and get the difference. */
static void give_up(struct session *s, const struct err *err)
{
	if (s->failed)
		return;
	s->failed = true;
	(void)wire_refuse(s->options.wire, err);
}

static void send_json(struct session *s, enum wire_message type, const struct buf *text)
{
	int r = buf_error(text);
	struct err err = { 0 };

	if (r == 0) { /* when the wire's queue is full, it ends by itself */
		(void)wire_send(s->options.wire, type, text->data, text->len);
		return;
	}
	(void)err_set(&err, r, "message to node %s", s->node);
	give_up(s, &err);
}

static void on_desired(void *data, const char *fields, size_t len)
{
	struct session *s = data;
	auto_buf struct buf text = BUF_INIT(WIRE_MESSAGE_MAX);

	(void)buf_printf(&text, "{\"seq\":%" PRIu64 ",", ++s->seq_out);
	if (fields)
		(void)buf_append(&text, fields, len);
	else
		text.failed = -ENOMEM;
	send_json(s, WIRE_DESIRED, &text);
}

static void send_synced(struct session *s)
{
	auto_buf struct buf text = { 0 };

	(void)buf_printf(&text, "{\"seq\":%" PRIu64 ",\"revision\":\"%" PRIu64 "\"}", ++s->seq_out,
			 core_revision(s->options.core));
	send_json(s, WIRE_SYNCED, &text);
}

static void send_failed(struct session *s, int64_t id, int code, const char *sentence)
{
	auto_buf struct buf text = { 0 };
	const char *name = strerrorname_np(-code);

	(void)buf_printf(&text, "{\"id\":%" PRId64 ",\"error\":\"%s\",\"message\":", id,
			 name ? name : "EIO");
	(void)json_write_string(&text, sentence, strlen(sentence), JSON_COMPACT);
	(void)buf_putc(&text, '}');
	send_json(s, WIRE_FAILED, &text);
}

/* ---- acknowledging ---- */

static void send_ack(struct session *s)
{
	auto_buf struct buf text = { 0 };
	uint64_t seq = 0;

	while (!list_empty(&s->receipts)) {
		struct receipt *receipt = list_entry(s->receipts.next, struct receipt, node);

		if (receipt->writes)
			break;
		seq = receipt->seq;
		list_remove(&receipt->node);
		free(receipt);
	}
	if (!seq || s->failed)
		return;
	(void)buf_printf(&text, "{\"seq\":%" PRIu64 "}", seq);
	send_json(s, WIRE_ACK, &text);
}

struct receipt *receipt_use(struct receipt *receipt)
{
	receipt->writes++;
	return receipt;
}

static void receipt_drop(struct receipt *receipt)
{
	if (--receipt->writes)
		return;
	if (receipt->session)
		send_ack(receipt->session);
	else
		free(receipt);
}

/* Is it worth trying again? A pod that is gone or a status that will never do is not. */
static bool is_transient(int result)
{
	switch (result) {
	case -ENOSPC:
	case -EIO:
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
	case -EROFS:
	case -ENOBUFS:
		return true;
	default:
		return false;
	}
}

void session_written(struct core *core, int result, const char *sentence, struct object *object,
		     void *data)
{
	struct receipt *receipt = data;
	struct session *s = receipt->session;
	struct err err = { 0 };

	(void)core;
	(void)object;
	if (result < 0 && s && is_transient(result)) {
		/* What is not acknowledged comes again with the next session. */
		(void)err_say(&err, result, "%s", sentence ? sentence : err_text(result));
		give_up(s, &err);
	} else if (result < 0 && result != -ENOENT && result != -ESTALE && s) {
		log_warn("node %s: %s", s->node, sentence ? sentence : err_text(result));
	}
	receipt_drop(receipt);
}

static int receipt_new(struct session *s, const struct json_object *json, struct receipt **ret,
		       struct err *err)
{
	int64_t seq = json_int(json_get(json, "seq"), 0);
	struct receipt *receipt;

	if (seq <= 0 || (uint64_t)seq != s->seq_in + 1)
		return err_say(err, -EPROTO, "message %" PRId64 " where %" PRIu64 " was due", seq,
			       s->seq_in + 1);
	receipt = calloc(1, sizeof(*receipt));
	if (!receipt)
		return err_set(err, -ENOMEM, "read a message");
	s->seq_in = (uint64_t)seq;
	receipt->session = s;
	receipt->seq = s->seq_in;
	receipt->writes = 1;
	list_append(&s->receipts, &receipt->node);
	*ret = receipt;
	return 0;
}

/* ---- the desired state ---- */

static int start_set(struct session *s, struct err *err)
{
	auto_json struct json_object *have = take_ptr(&s->have);
	int r = nodeset_start(s->set, json_get(have, "objects"));

	if (r < 0)
		return err_set(err, r, "node %s: make the difference", s->node);
	s->started = true;
	send_synced(s);
	return 0;
}

static int on_have(struct session *s, const struct json_object *json, struct err *err)
{
	if (s->have || s->started)
		return err_say(err, -EPROTO, "have was sent twice");
	s->have = json_copy(json);
	if (!s->have)
		return err_set(err, -ENOMEM, "read a message");
	return s->registered ? start_set(s, err) : 0;
}

void session_registered(struct session *s)
{
	struct err err = { 0 };

	s->registered = true;
	session_renew_lease(s);
	if (s->have && !s->started && start_set(s, &err) < 0)
		give_up(s, &err);
}

/* ---- tokens and certificates ---- */

struct token_call {
	struct session *session;
	int64_t id;
};

static void on_token(const struct core_answer *answer, void *data)
{
	struct token_call *call = data;
	struct session *s = call->session;
	auto_json struct json_object *json = NULL;
	auto_buf struct buf text = { 0 };
	const char *token = NULL, *until = NULL, *message = NULL;

	if (answer->body && json_parse(answer->body->data, answer->body->len, &json, NULL) == 0) {
		token = json_str_at(json, "status.token");
		until = json_str_at(json, "status.expirationTimestamp");
		message = json_str(json_get(json, "message"));
	}
	if (token && answer->status / 100 == 2) {
		(void)buf_printf(&text, "{\"id\":%" PRId64 ",\"token\":", call->id);
		(void)json_write_string(&text, token, strlen(token), JSON_COMPACT);
		(void)buf_printf(&text, ",\"expirationTimestamp\":\"%s\"}", until ? until : "");
		send_json(s, WIRE_TOKEN, &text);
	} else {
		send_failed(s, call->id, answer->status == 404 ? -ENOENT : -EIO,
			    message ? message : "the request for a token failed");
	}
}

static int token_body(const struct json_object *json, struct buf *ret)
{
	const struct json_object *audiences = json_get(json, "audiences");
	const char *pod = json_str(json_get(json, "podName"));
	const char *uid = json_str(json_get(json, "podUID"));

	(void)buf_puts(ret,
		       "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\","
		       "\"spec\":{\"audiences\":");
	if (json_kind(audiences) == JSON_ARRAY)
		(void)json_write(ret, audiences);
	else
		(void)buf_puts(ret, "[]");
	(void)buf_printf(ret, ",\"expirationSeconds\":%" PRId64,
			 json_int(json_get(json, "expirationSeconds"), 3600));
	(void)buf_puts(ret,
		       ",\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":");
	(void)json_write_string(ret, pod, strlen(pod), JSON_COMPACT);
	(void)buf_puts(ret, ",\"uid\":");
	(void)json_write_string(ret, uid, strlen(uid), JSON_COMPACT);
	(void)buf_puts(ret, "}}}");
	return buf_error(ret);
}

/* A node gets tokens for the pods that are bound to it, and for their own accounts. */
static bool may_have_token(struct session *s, const struct json_object *json)
{
	const char *namespace = json_str(json_get(json, "namespace"));
	const char *pod = json_str(json_get(json, "podName"));
	const char *uid = json_str(json_get(json, "podUID"));
	const char *account = json_str(json_get(json, "serviceAccount"));
	auto_json struct json_object *parsed = NULL;
	struct object *object;
	const char *own;

	if (!namespace || !pod || !uid || !account)
		return false;
	object = nodeset_pod(s->set, namespace, pod, uid);
	parsed = object ? object_parse(object) : NULL;
	if (!parsed)
		return false;
	own = json_str_at(parsed, "spec.serviceAccountName");
	return strcmp(own && *own ? own : "default", account) == 0;
}

static void on_token_request(struct session *s, const struct json_object *json)
{
	/* Whether the node may have it is decided here, by its pods; asked for by a node through
	 * the API, the core would refuse. */
	static const char *const groups[] = { "system:masters", "system:authenticated" };
	int64_t id = json_int(json_get(json, "id"), 0);
	auto_buf struct buf body = { 0 };
	struct token_call call = { s, id };
	char path[1024], user[300];
	uint64_t ticket;

	if (!may_have_token(s, json)) {
		send_failed(s, id, -EACCES,
			    "tokens are given for the accounts of this node's own pods only");
		return;
	}
	if (token_body(json, &body) < 0) {
		send_failed(s, id, -ENOMEM, "out of memory");
		return;
	}
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/serviceaccounts/%s/token",
		       json_str(json_get(json, "namespace")),
		       json_str(json_get(json, "serviceAccount")));
	(void)snprintf(user, sizeof(user), "system:node:%s", s->node);
	ticket = core_request(s->options.core,
			      &(struct core_request){ .method = "POST",
						      .path = path,
						      .query = "",
						      .accept = "application/json",
						      .content_type = "application/json",
						      .user_agent = "shallop-agent",
						      .body = body.data,
						      .body_len = body.len,
						      .user = { .name = user,
								.uid = "",
								.groups = groups,
								.n_groups = ARRAY_LEN(groups) },
						      .now_ns = loop_now_ns(s->options.loop) },
			      on_token, &call);
	/* Signing touches no state, so the answer is there already; it could not be waited for. */
	if (ticket) {
		core_cancel(s->options.core, ticket);
		send_failed(s, id, -EAGAIN, "the token is not ready");
	}
}

static void on_renew(struct session *s, const struct json_object *json)
{
	const char *key = json_str(json_get(json, "publicKey"));
	auto_buf struct buf pem = BUF_INIT(PKI_PEM_MAX), text = { 0 };
	int64_t id = json_int(json_get(json, "id"), 0);
	struct err err = { 0 };
	int r;

	/* A public key and nothing else: a private one is none of our business. */
	if (!key || !strstr(key, "BEGIN PUBLIC KEY")) {
		send_failed(s, id, -EINVAL, "renew carries no public key");
		return;
	}
	r = pki_issue_node(s->options.pki, s->node, key, &pem, &err);
	if (r < 0) {
		send_failed(s, id, r, err.text);
		return;
	}
	(void)buf_printf(&text, "{\"id\":%" PRId64 ",\"certificate\":", id);
	(void)json_write_string(&text, pem.data, pem.len, JSON_COMPACT);
	(void)buf_puts(&text, ",\"ca\":");
	(void)json_write_string(&text, s->options.pki->ca_crt.data, s->options.pki->ca_crt.len,
				JSON_COMPACT);
	(void)buf_putc(&text, '}');
	send_json(s, WIRE_CERTIFICATE, &text);
}

/* ---- usage ---- */

static void on_stats(struct session *s, const struct json_object *json)
{
	s->usage = (struct session_usage){
		.cpu_nanos = json_int_at(json, "node.cpuNanos", 0),
		.memory_bytes = json_int_at(json, "node.memoryBytes", 0),
		.pods = json_len(json_get(json, "pods")),
	};
	s->has_usage = true;
}

bool session_usage(const struct session *s, struct session_usage *ret)
{
	*ret = s->usage;
	return s->has_usage;
}

/* ---- in ---- */

int session_message(struct session *s, enum wire_message type, const struct json_object *json,
		    struct err *err)
{
	struct receipt *receipt = NULL;
	int r = 0;

	if (s->failed)
		return 0;
	switch (type) {
	case WIRE_HAVE:
		return on_have(s, json, err);
	case WIRE_POD_STATUS:
	case WIRE_NODE_STATUS:
		r = receipt_new(s, json, &receipt, err);
		if (r < 0)
			return r;
		if (type == WIRE_POD_STATUS)
			session_pod_status(s, json, receipt);
		else
			r = session_node_status(s, json, receipt, err);
		receipt_drop(receipt);
		return r;
	case WIRE_EVENT:
		session_events(s, json);
		return 0;
	case WIRE_TOKEN_REQUEST:
		on_token_request(s, json);
		return 0;
	case WIRE_RENEW:
		on_renew(s, json);
		return 0;
	case WIRE_STATS:
		on_stats(s, json);
		return 0;
	case WIRE_ACK: /* the next `have` says so too */
	case WIRE_FAILED:
		return 0;
	default:
		return err_say(err, -EPROTO, "message %s is not for a server",
			       wire_message_name(type) ? wire_message_name(type)
						       : "of unknown type");
	}
}

/* ---- life ---- */

static void on_lease_timer(struct loop *loop, void *data)
{
	struct session *s = data;

	(void)loop;
	if (s->registered && !s->failed)
		session_renew_lease(s);
	loop_timer_set_ns(s->lease_timer, LEASE_PERIOD_NS);
}

int session_new(const struct session_options *options, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->options = *options;
	list_init(&s->receipts);
	s->pods = schema_kind_of_resource("", "v1", "pods");
	s->nodes = schema_kind_of_resource("", "v1", "nodes");
	s->leases = schema_kind_of_resource("coordination.k8s.io", "v1", "leases");
	s->events = schema_kind_of_resource("", "v1", "events");
	s->node = strdup(options->node);
	r = s->node ? loop_timer_new(options->loop, on_lease_timer, s, &s->lease_timer) : -ENOMEM;
	if (r == 0)
		r = nodeset_new(options->sets, options->node, on_desired, s, &s->set);
	if (r < 0) {
		(void)session_free(s);
		return r;
	}
	loop_timer_set_ns(s->lease_timer, LEASE_PERIOD_NS);
	*ret = s;
	return 0;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	list_for_each (node, next, &s->receipts) {
		struct receipt *receipt = list_entry(node, struct receipt, node);

		list_remove(node);
		receipt->session = NULL;
		if (!receipt->writes)
			free(receipt);
	}
	(void)nodeset_free(s->set);
	(void)loop_timer_free(s->lease_timer);
	(void)json_unref(s->have);
	free(s->node);
	free(s);
	return NULL;
}
