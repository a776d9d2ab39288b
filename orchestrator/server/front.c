/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/front.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/log.h"
#include "orchestrator/server/reply.h"
#include "orchestrator/server/metrics.h"
#include "orchestrator/server/streams.h"

#define LISTENERS_MAX 4

struct front {
	struct front_options options;
	struct reply_style style;
	struct listener *listeners[LISTENERS_MAX];
	size_t n_listeners;
	struct list connections;
	size_t n_connections;
	struct list awake; /* requests to be drained at the end of the round */
	bool draining;	   /* … is already arranged */
};

struct front_conn {
	struct list node;
	struct front *front;
	struct http_conn *http;
	struct identity *identity; /* of the certificate; NULL until the first request */
};

/* ---- requests ---- */

static struct front_request *request_new(struct front *front, struct http_request *http)
{
	struct front_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->front = front;
	request->http = http;
	request->style = &front->style;
	list_init(&request->awake);
	http->data = request;
	return request;
}

static void request_free(struct front_request *request)
{
	struct front *front = request->front;

	list_remove(&request->awake);
	if (request->ticket)
		core_cancel(front->options.core, request->ticket);
	if (request->handler)
		request->handler->on_gone(request);
	(void)identity_unref(request->identity);
	free(request);
}

bool front_has_room(const struct front_request *request)
{
	return http_respond_queued(request->http) < STREAM_HIGH_WATER;
}

/* Who wakes itself meanwhile waits for the next time. */
static void drain_awake(struct loop *loop, void *data)
{
	struct front *front = data;
	struct list now;

	(void)loop;
	front->draining = false;
	if (list_empty(&front->awake))
		return;
	list_append(&front->awake, &now); /* the head's place is taken … */
	list_remove(&front->awake);
	while (!list_empty(&now)) {
		struct front_request *request = list_entry(now.next, struct front_request, awake);

		list_remove(&request->awake);
		if (request->handler && request->handler->on_drain)
			request->handler->on_drain(request);
	}
}

void front_wake(struct front_request *request)
{
	struct front *front = request->front;

	if (list_empty(&request->awake))
		list_append(&front->awake, &request->awake);
	if (!front->draining) {
		front->draining = true;
		loop_defer(front->options.loop, drain_awake, front);
	}
}

void front_respond_status(struct front_request *request, int code, const char *reason,
			  const char *fmt, ...)
{
	char message[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	reply_status(request, request->style, code, reason, message);
}

int front_respond_start(struct front_request *request, int status, const char *content_type,
			int64_t length)
{
	const struct core_answer answer = { .status = status, .content_type = content_type };

	return reply_start(request, request->style, &answer, NULL, length);
}

struct http_request *front_release(struct front_request *request)
{
	struct http_request *http = request->http;

	request->style->count(request->style->data, 101);
	request->handler = NULL;
	http->data = NULL;
	request_free(request);
	return http;
}

/* ---- paths of the server itself ---- */

static void own_metrics(struct front_request *request)
{
	struct metrics *metrics = request->front->options.metrics;
	auto_buf struct buf text = { 0 };

	if (metrics_write(metrics, &text) < 0)
		front_respond_status(request, 500, "InternalError", "write metrics: out of memory");
	else
		reply_bytes(request, request->style, 200,
			    "text/plain; version=0.0.4; charset=utf-8", text.data, text.len);
}

static void own_health(struct front_request *request)
{
	struct metrics *metrics = request->front->options.metrics;
	const char *name = request->http->path + 1; /* "readyz" */
	const char *wrong = strcmp(name, "readyz") == 0 ? metrics_unready(metrics) : NULL;
	auto_free char *verbose = http_query_get(request->http->query, "verbose");
	char text[256];

	if (wrong)
		(void)snprintf(text, sizeof(text), "[-]%s\n%s check failed\n", wrong, name);
	else if (verbose)
		(void)snprintf(text, sizeof(text),
			       "[+]ping ok\n[+]store ok\n[+]loop ok\n%s check passed\n", name);
	else
		(void)snprintf(text, sizeof(text), "ok");
	reply_bytes(request, request->style, wrong ? 500 : 200, "text/plain; charset=utf-8", text,
		    strlen(text));
}

static void own_openid(struct front_request *request)
{
	const struct front_options *options = &request->front->options;
	auto_buf struct buf text = { 0 };
	const char *algorithm = "";

	(void)jwk_algorithm(options->sa_pub_pem, &algorithm);
	(void)buf_printf(&text,
			 "{\"issuer\":\"%s\",\"jwks_uri\":\"https://%s:%u/openid/v1/jwks\","
			 "\"response_types_supported\":[\"id_token\"],"
			 "\"subject_types_supported\":[\"public\"],"
			 "\"id_token_signing_alg_values_supported\":[\"%s\"]}",
			 options->issuer, options->address, options->port, algorithm);
	reply_bytes(request, request->style, 200, "application/json", text.data, text.len);
}

static void own_jwks(struct front_request *request)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	if (jwk_set(request->front->options.sa_pub_pem, &text, &err) < 0)
		front_respond_status(request, 500, "InternalError", "%s", err.text);
	else
		reply_bytes(request, request->style, 200, "application/jwk-set+json", text.data,
			    text.len);
}

/* @group: who may read it; NULL: everybody. */
static const struct {
	const char *path, *group;
	void (*answer)(struct front_request *request);
} own_paths[] = {
	{ "/metrics", "system:masters", own_metrics },
	{ "/healthz", NULL, own_health },
	{ "/livez", NULL, own_health },
	{ "/readyz", NULL, own_health },
	{ "/.well-known/openid-configuration", "system:authenticated", own_openid },
	{ "/openid/v1/jwks", "system:authenticated", own_jwks },
};

static bool is_member(const struct identity *identity, const char *group)
{
	for (size_t i = 0; i < identity->user.n_groups; i++)
		if (strcmp(identity->user.groups[i], group) == 0)
			return true;
	return false;
}

/* false: the path is not one of ours. */
static bool answer_own(struct front_request *request)
{
	const struct http_request *http = request->http;

	for (size_t i = 0; i < ARRAY_LEN(own_paths); i++) {
		if (strcmp(http->path, own_paths[i].path) != 0)
			continue;
		if (strcmp(http->method, "GET") != 0 && strcmp(http->method, "HEAD") != 0)
			return false; /* the core has the words for that */
		if (own_paths[i].group && !is_member(request->identity, own_paths[i].group))
			front_respond_status(request, 403, "Forbidden",
					     "forbidden: User \"%s\" cannot get path \"%s\"",
					     request->identity->user.name, http->path);
		else
			own_paths[i].answer(request);
		return true;
	}
	return false;
}

/* ---- from HTTP to the core ---- */

/* The user: a bearer token wins over no certificate, a certificate over everything. */
static int find_identity(struct front_conn *conn, struct front_request *request)
{
	const char *authorization = http_header_of(request->http, "authorization");
	struct front *front = conn->front;
	struct err err = { 0 };
	int r;

	if (!conn->identity) {
		const struct tls *tls = stream_tls(http_conn_stream(conn->http));
		struct tls_identity peer;

		conn->identity = auth_of_certificate(tls && tls_peer(tls, &peer) ? &peer : NULL);
		if (!conn->identity)
			return -ENOMEM;
	}
	if (!authorization || strncasecmp(authorization, "bearer ", 7) != 0 ||
	    strcmp(conn->identity->user.name, "system:anonymous") != 0) {
		request->identity = identity_ref(conn->identity);
		return 0;
	}
	r = auth_of_token(front->options.auth, authorization + 7 + strspn(authorization + 7, " "),
			  loop_now_ns(front->options.loop), &request->identity, &err);
	if (r == -EACCES)
		log_trace("%s: %s", stream_peer(http_conn_stream(conn->http)), err.text);
	return r;
}

static bool admit(struct front_conn *conn, struct front_request *request)
{
	int r = find_identity(conn, request);

	if (r == -EACCES)
		front_respond_status(request, 401, "Unauthorized", "Unauthorized");
	else if (r < 0)
		front_respond_status(request, 500, "InternalError", "out of memory");
	return r == 0;
}

static void on_answer(const struct core_answer *answer, void *data)
{
	struct front_request *request = data;

	request->ticket = 0;
	if (answer->type == CORE_STREAM)
		streams_start(request, request->front->options.loop, answer->stream,
			      request->front->options.nodes);
	else
		reply_send(request, &request->front->style, answer);
}

static const char *header_or_empty(const struct http_request *http, const char *name)
{
	const char *value = http_header_of(http, name);

	return value ? value : "";
}

static void ask_core(struct front_request *request)
{
	struct front *front = request->front;
	struct http_request *http = request->http;
	struct core_request ask = {
		.method = http->method,
		.path = http->path,
		.query = http->query,
		.accept = header_or_empty(http, "accept"),
		.content_type = header_or_empty(http, "content-type"),
		.user_agent = header_or_empty(http, "user-agent"),
		.if_none_match = http_header_of(http, "if-none-match"),
		.body = http->body.data,
		.body_len = http->body.len,
		.user = request->identity->user,
		.now_ns = loop_now_ns(front->options.loop),
	};
	uint64_t ticket = core_request(front->options.core, &ask, on_answer, request);

	if (ticket) /* else it is answered, and @request may be gone */
		request->ticket = ticket;
}

static void handle(struct front_conn *conn, struct http_request *http)
{
	struct front *front = conn->front;
	struct front_request *request = request_new(front, http);

	front->options.metrics->requests++;
	if (!request) {
		(void)http_respond(http, 500, "text/plain", NULL, 0, "out of memory\n", 14);
		return;
	}
	if (admit(conn, request) && !answer_own(request))
		ask_core(request);
}

static void on_request(struct http_request *http, void *data)
{
	bool bodyless = strcmp(http->method, "GET") == 0 || strcmp(http->method, "HEAD") == 0;

	if (bodyless || http_header_of(http, "upgrade"))
		handle(data, http); /* at once: the answer may be an upgrade */
	else
		http->collect_max = FRONT_BODY_MAX;
}

static void on_body(struct http_request *http, void *data)
{
	if (!http->data)
		handle(data, http);
}

static void on_drain(struct http_request *http, void *data)
{
	struct front_request *request = http->data;

	(void)data;
	if (request && request->handler && request->handler->on_drain)
		request->handler->on_drain(request);
}

static void on_gone(struct http_request *http, int reason, void *data)
{
	(void)reason;
	(void)data;
	if (http->data)
		request_free(http->data);
	http->data = NULL;
}

/* ---- connections ---- */

static void conn_free(struct front_conn *conn)
{
	list_remove(&conn->node);
	conn->front->n_connections--;
	conn->front->options.metrics->connections--;
	(void)identity_unref(conn->identity);
	free(conn);
}

static void on_close(struct http_conn *http, void *data)
{
	(void)http;
	conn_free(data);
}

static int conn_open(struct front *front, int fd, struct err *err)
{
	static const struct http_server_events events = { on_request, on_body, on_drain, on_gone,
							  on_close };
	static const struct http_options options = { .head_timeout_ms = 30000,
						     .idle_timeout_ms = 300000 };
	auto_close int owned_fd = fd;
	struct front_conn *conn;
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
		return err_set(err, -ENOMEM, "accept a connection");
	}
	conn->front = front;
	list_append(&front->connections, &conn->node);
	front->n_connections++;
	front->options.metrics->connections++;
	front->options.metrics->connections_total++;
	r = http_server_new(stream, &options, &events, conn, &conn->http);
	if (r < 0) {
		(void)stream_free(stream);
		conn_free(conn);
		return err_set(err, r, "accept a connection");
	}
	return 0;
}

static void on_accept(struct listener *listener, int fd, const struct sockaddr *peer, void *data)
{
	struct front *front = data;
	struct err err = { 0 };

	(void)listener;
	(void)peer;
	if (front->n_connections >= front->options.connections_max) {
		front->options.metrics->connections_refused++;
		(void)close(fd);
		return;
	}
	if (conn_open(front, fd, &err) < 0)
		log_warn("%s", err.text);
}

/* ---- the front ---- */

static void count_response(void *data, int code)
{
	struct metrics *metrics = data;
	unsigned class = (unsigned)code / 100;

	if (class < ARRAY_LEN(metrics->responses_by_class))
		metrics->responses_by_class[class]++;
}

int front_new(const struct front_options *options, struct front **ret, struct err *err)
{
	struct front *front = calloc(1, sizeof(*front));

	if (!front)
		return err_set(err, -ENOMEM, "open the API front");
	front->options = *options;
	list_init(&front->connections);
	list_init(&front->awake);
	reply_style_init(&front->style, options->loop);
	front->style.count = count_response;
	front->style.data = options->metrics;
	*ret = front;
	return 0;
}

int front_listen(struct front *front, int fd, struct err *err)
{
	int r = front->n_listeners == LISTENERS_MAX ? -EMFILE : 0;

	if (r < 0)
		(void)close(fd);
	else
		r = listener_open(front->options.loop, fd, on_accept, front,
				  &front->listeners[front->n_listeners]);
	if (r < 0)
		return err_set(err, r, "listen for the API");
	front->n_listeners++;
	return 0;
}

void front_close(struct front *front)
{
	for (size_t i = 0; i < front->n_listeners; i++)
		(void)listener_close(front->listeners[i]);
	front->n_listeners = 0;
	list_for_each (node, next, &front->connections)
		http_conn_close(list_entry(node, struct front_conn, node)->http);
}

size_t front_connections(const struct front *front)
{
	return front->n_connections;
}

struct front *front_free(struct front *front)
{
	if (!front)
		return NULL;
	front_close(front);
	reply_style_done(&front->style);
	if (list_empty(&front->connections))
		free(front);
	return NULL;
}
