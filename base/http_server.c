/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the server: what comes, in which order, and how long that may take. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/http_conn.h"
#include "base/time.h"

#define HEAD_TIMEOUT_MS ((int64_t)30000)
#define IDLE_TIMEOUT_MS ((int64_t)300000)
/* A body may take as long as a head, and a second more for each of these: no slower. */
#define BODY_PACE ((size_t)16 << 10)
#define NEVER	  INT64_MAX

static void conn_advance(struct http_conn *conn);

/* ---- time-outs: one timer, moved only when it has fired or must fire sooner ---- */

static void set_deadline(struct http_conn *conn, int64_t in_ms)
{
	int64_t now_ns = loop_monotonic_ns(conn->loop);

	conn->deadline_ns = in_ms < 0 ? NEVER : now_ns + in_ms * NS_PER_MS;
	if (conn->deadline_ns < conn->armed_ns) {
		conn->armed_ns = conn->deadline_ns;
		loop_timer_set_ns(conn->timer, conn->deadline_ns - now_ns);
	}
}

static void on_timer(struct loop *loop, void *data)
{
	struct http_conn *conn = data;
	int64_t now_ns = loop_monotonic_ns(loop);

	conn->armed_ns = NEVER;
	if (conn->dead || conn->deadline_ns == NEVER)
		return;
	if (conn->deadline_ns > now_ns) {
		conn->armed_ns = conn->deadline_ns;
		loop_timer_set_ns(conn->timer, conn->deadline_ns - now_ns);
		return;
	}
	if (conn->now || stream_input(conn->stream)->len)
		http_conn_refuse(conn, 408, "the request takes too long to come");
	else
		http_conn_end(conn, 0);
}

/* ---- life ---- */

static void conn_release(struct loop *loop, void *data)
{
	struct http_conn *conn = data;
	struct exchange *x = conn->now;

	conn->now = NULL;
	if (x) {
		if (conn->events->on_gone)
			conn->events->on_gone(&x->request, conn->gone, conn->data);
		exchange_free(x);
	}
	if (conn->events->on_close)
		conn->events->on_close(conn, conn->data);
	loop_defer_unreserve(loop, 2);
	free(conn);
}

void http_conn_end(struct http_conn *conn, int reason)
{
	if (conn->dead)
		return;
	conn->dead = true;
	conn->gone = reason;
	conn->timer = loop_timer_free(conn->timer);
	if (conn->stream && reason == 0)
		stream_finish(conn->stream);
	else
		(void)stream_free(conn->stream);
	conn->stream = NULL;
	loop_defer(conn->loop, conn_release, conn);
}

void http_conn_close(struct http_conn *conn)
{
	if (conn->dead)
		return;
	/* What is queued still leaves, but whoever waits for an answer is told that there is none. */
	if (conn->stream) {
		stream_finish(conn->stream);
		conn->stream = NULL;
	}
	http_conn_end(conn, conn->now && !conn->now->request.answered ? -ECANCELED : 0);
}

void http_conn_retire(struct http_conn *conn)
{
	conn->closing = true;
	if (!conn->now && !conn->dead)
		http_conn_end(conn, 0);
}

struct stream *http_conn_stream(struct http_conn *conn)
{
	return conn->stream;
}

void *http_conn_data(const struct http_conn *conn)
{
	return conn->data;
}

/* ---- requests coming in ---- */

/* True: a request was delivered. False: nothing more to do now, or the connection is ending. */
static bool next_request(struct http_conn *conn)
{
	struct buf *input = stream_input(conn->stream);
	struct http_refusal no;
	struct exchange *x;
	ssize_t len;
	int r;

	/* An empty line or two before a request is an old client's habit: RFC 9112, 2.2. */
	while (!conn->scanned && input->len >= 2 && input->data[0] == '\r' &&
	       input->data[1] == '\n')
		buf_consume(input, 2);
	if (!input->len)
		return false;
	if (!conn->scanned && !conn->closing)
		set_deadline(conn, conn->options.head_timeout_ms);
	len = http_head_find(input->data, input->len, &conn->scanned, &no);
	if (len == 0) {
		conn->scanned = MAX(conn->scanned, (size_t)1); /* the deadline stands */
		return false;
	}
	r = len < 0 ? -EBADMSG : exchange_new(conn, input->data, (size_t)len, &x, &no);
	if (r < 0) {
		http_conn_refuse(conn, no.status, no.why);
		return false;
	}
	buf_consume(input, (size_t)len);
	conn->scanned = 0;
	conn->now = x;
	conn->served++;
	if (conn->options.requests_max && conn->served >= conn->options.requests_max)
		conn->closing = true;
	if (http_body_done(&x->body))
		set_deadline(conn, -1);
	conn->events->on_request(&x->request, conn->data);
	return true;
}

static void take_content(struct http_conn *conn, struct exchange *x, const char *data, size_t len)
{
	struct http_request *request = &x->request;

	x->paced += len;
	if (x->paced >= BODY_PACE) {
		if (conn->deadline_ns != NEVER)
			conn->deadline_ns += (int64_t)(x->paced / BODY_PACE) * NS_PER_S;
		x->paced %= BODY_PACE;
	}
	if (!request->collect_max || request->answered) {
		x->skipped += len;
		if (x->skipped > HTTP_SKIP_MAX)
			conn->closing = true;
		return;
	}
	if (request->body.len + len > request->collect_max) {
		http_conn_refuse(conn, 413, "the request's body is too large");
		return;
	}
	if (buf_append(&request->body, data, len) < 0)
		http_conn_refuse(conn, 503, "out of memory");
}

/* Body bytes of the current request. False: more must come first, or the connection is ending. */
static bool read_body(struct http_conn *conn)
{
	struct buf *input = stream_input(conn->stream);
	struct exchange *x = conn->now;

	if (x->request.collect_max && !x->request.answered) {
		if (x->body.state == HTTP_BODY_LENGTH &&
		    x->body.left > x->request.collect_max - x->request.body.len) {
			http_conn_refuse(conn, 413, "the request's body is too large");
			return false;
		}
		if (x->expects && !input->len)
			(void)stream_write(conn->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
		x->expects = false;
	}
	while (!http_body_done(&x->body)) {
		const char *data;
		ssize_t used;
		size_t len;

		if (!input->len)
			return false;
		used = http_body_next(&x->body, input->data, input->len, &data, &len);
		if (used < 0) {
			http_conn_refuse(conn, 400, "the body's chunks are broken");
			return false;
		}
		take_content(conn, x, data, len);
		if (conn->dead)
			return false;
		buf_consume(input, (size_t)used);
	}
	set_deadline(conn, -1);
	return true;
}

/* The answer is queued and the body has been read: what comes next? */
static void finish_exchange(struct http_conn *conn)
{
	struct exchange *x = conn->now;

	if (conn->events->on_gone)
		conn->events->on_gone(&x->request, 0, conn->data);
	conn->now = NULL;
	exchange_free(x);
	if (conn->dead)
		return;
	if (conn->closing)
		http_conn_end(conn, 0);
	else
		set_deadline(conn, conn->options.idle_timeout_ms);
}

/* The one place that moves a connection on: parse, deliver, skip, finish, until it must wait. */
static void conn_advance(struct http_conn *conn)
{
	if (conn->advancing)
		return;
	conn->advancing = true;
	while (!conn->dead) {
		struct exchange *x = conn->now;

		if (!x) {
			if (!next_request(conn))
				break;
			continue;
		}
		if (!http_body_done(&x->body)) {
			if (x->request.answered && conn->closing) {
				finish_exchange(conn);
				break;
			}
			if (!read_body(conn))
				break;
		}
		if (!x->request.answered && x->request.collect_max && !x->body_given) {
			x->body_given = true;
			conn->events->on_body(&x->request, conn->data);
			continue;
		}
		if (!x->request.answered)
			break;
		finish_exchange(conn);
	}
	conn->advancing = false;
}

static void conn_turn(struct loop *loop, void *data)
{
	struct http_conn *conn = data;

	(void)loop;
	conn->turn_pending = false;
	if (!conn->dead)
		conn_advance(conn);
}

void http_conn_answered(struct exchange *x)
{
	struct http_conn *conn = x->request.conn;

	x->request.answered = true;
	if (conn->advancing || conn->turn_pending)
		return;
	conn->turn_pending = true;
	loop_defer(conn->loop, conn_turn, conn);
}

/* ---- the stream's events ---- */

static void on_data(struct stream *stream, void *data)
{
	(void)stream;
	conn_advance(data);
}

static void on_drain(struct stream *stream, void *data)
{
	struct http_conn *conn = data;

	(void)stream;
	if (conn->now && !conn->now->request.answered && conn->events->on_drain)
		conn->events->on_drain(&conn->now->request, conn->data);
}

static void on_end(struct stream *stream, int reason, void *data)
{
	struct http_conn *conn = data;

	(void)stream;
	if (reason < 0)
		http_conn_end(conn, reason);
	else
		http_conn_end(conn, conn->now && !conn->now->request.answered ? -ECONNRESET : 0);
}

static const struct stream_events conn_stream_events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

int http_server_new(struct stream *stream, const struct http_options *options,
		    const struct http_server_events *events, void *data, struct http_conn **ret)
{
	struct http_conn *conn = calloc(1, sizeof(*conn));
	struct loop *loop = stream_loop(stream);

	assert(events->on_request && events->on_body);
	if (!conn || loop_timer_new(loop, on_timer, conn, &conn->timer) < 0) {
		free(conn);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	if (loop_defer_reserve(loop, 2) < 0) {
		(void)loop_timer_free(conn->timer);
		free(conn);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	conn->stream = stream;
	conn->loop = loop;
	conn->events = events;
	conn->data = data;
	if (options)
		conn->options = *options;
	if (!conn->options.head_timeout_ms)
		conn->options.head_timeout_ms = HEAD_TIMEOUT_MS;
	if (!conn->options.idle_timeout_ms)
		conn->options.idle_timeout_ms = IDLE_TIMEOUT_MS;
	conn->armed_ns = NEVER;
	set_deadline(conn, conn->options.head_timeout_ms); /* the TLS handshake counts */
	stream_set_input_max(stream, HTTP_HEAD_MAX + 1);
	stream_set_events(stream, &conn_stream_events, conn);
	*ret = conn;
	return 0;
}
