/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/http_head.h"
#include "base/time.h"

#define HEAD_TIMEOUT_MS ((int64_t)30000)
#define IDLE_TIMEOUT_MS ((int64_t)300000)
/* A body may take as long as a head, and a second more for each of these: no slower. */
#define BODY_PACE ((size_t)16 << 10)
#define SKIP_MAX  ((uint64_t)1 << 20) /* of a body nobody wants; above, the connection ends */
#define DATE_MAX  40
#define SHARE_MIN                                                                                  \
	((size_t)1024) /* below, a copy beside its chunk's size costs less than a reference */
#define NEVER INT64_MAX

/* One delivered request: a single block with its head's text behind it. */
struct exchange {
	struct http_request request;
	struct http_body body;
	bool head_only;	 /* HEAD: no content is sent */
	bool expects;	 /* 100 Continue is owed */
	bool is_http10;	 /* never gets chunks */
	bool body_given; /* on_body was called */
	bool started, chunked;
	int64_t length_left; /* of an answer with a stated length; -1: not stated */
	uint64_t skipped;
	size_t paced;
	struct http_header headers[];
};

struct http_conn {
	struct stream *stream; /* NULL: handed over */
	struct loop *loop;
	const struct http_server_events *events;
	void *data;
	struct http_options options;
	struct exchange *now; /* being answered */
	size_t scanned;	      /* of the head that is coming */
	size_t served;
	bool closing;	/* no further request; close when the answer is out */
	bool advancing; /* inside conn_advance() */
	bool turn_pending;
	bool dead;
	int gone; /* why the peer is no longer there */
	struct loop_timer *timer;
	int64_t deadline_ns, armed_ns;
};

static void conn_advance(struct http_conn *conn);
static void conn_end(struct http_conn *conn, int reason);

static struct exchange *exchange_of(struct http_request *request)
{
	return CONTAINER_OF(request, struct exchange, request);
}

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

static void refuse(struct http_conn *conn, int status, const char *why);

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
		refuse(conn, 408, "the request takes too long to come");
	else
		conn_end(conn, 0);
}

/* ---- life ---- */

static void exchange_free(struct exchange *x)
{
	buf_done(&x->request.body);
	free(x);
}

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

/* Everything that comes to an end here ends once, at the round's end, outside of the handler. */
static void conn_end(struct http_conn *conn, int reason)
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
	conn_end(conn, conn->now && !conn->now->request.answered ? -ECANCELED : 0);
}

void http_conn_retire(struct http_conn *conn)
{
	conn->closing = true;
	if (!conn->now && !conn->dead)
		conn_end(conn, 0);
}

struct stream *http_conn_stream(struct http_conn *conn)
{
	return conn->stream;
}

void *http_conn_data(const struct http_conn *conn)
{
	return conn->data;
}

/* ---- answering ---- */

static const char *date_now(int64_t now_ns)
{
	static char text[DATE_MAX];
	static time_t last = -1;
	time_t now = (time_t)(now_ns / NS_PER_S);
	struct tm tm;

	if (now != last) {
		(void)gmtime_r(&now, &tm);
		(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		last = now;
	}
	return text;
}

static bool has_content(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* Everything up to the empty line. @length -1: chunked, or up to the end for HTTP/1.0. */
static int put_head(struct http_conn *conn, struct buf *head, int status, const char *content_type,
		    const struct http_header *extra, size_t n_extra, int64_t length, bool chunked)
{
	int r;

	if (buf_reserve(head, 256) < 0)
		return -ENOMEM;
	(void)buf_printf(head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_text(status),
			 date_now(loop_now_ns(conn->loop)));
	if (content_type) {
		struct http_header type = { "Content-Type", content_type };

		r = http_put_headers(head, &type, 1);
		if (r < 0)
			return r;
	}
	r = http_put_headers(head, extra, n_extra);
	if (r < 0)
		return r;
	if (length >= 0 && has_content(status))
		(void)buf_printf(head, "Content-Length: %lld\r\n", (long long)length);
	else if (chunked)
		(void)buf_puts(head, "Transfer-Encoding: chunked\r\n");
	if (conn->closing && status >= 200)
		(void)buf_puts(head, "Connection: close\r\n");
	else if (conn->now && conn->now->is_http10)
		(void)buf_puts(head, "Connection: keep-alive\r\n");
	return buf_puts(head, "\r\n") < 0 ? -ENOMEM : buf_error(head);
}

/* The connection's own answer to what it can't let through. */
static void refuse(struct http_conn *conn, int status, const char *why)
{
	auto_buf struct buf answer = BUF_INIT(0), text = BUF_INIT(0);

	if (conn->dead)
		return;
	conn->closing = true;
	if (conn->now && conn->now->started) { /* too late for another status */
		conn_end(conn, -EBADMSG);
		return;
	}
	if (buf_printf(&text, "%s\n", why) < 0 ||
	    put_head(conn, &answer, status, "text/plain; charset=utf-8", NULL, 0, (int64_t)text.len,
		     false) < 0 ||
	    buf_append(&answer, text.data, text.len) < 0 ||
	    stream_write(conn->stream, answer.data, answer.len) < 0) {
		conn_end(conn, -ENOMEM);
		return;
	}
	stream_finish(conn->stream);
	conn->stream = NULL;
	conn_end(conn, status == 413 ? -E2BIG : -EBADMSG);
}

static void conn_turn(struct loop *loop, void *data)
{
	struct http_conn *conn = data;

	(void)loop;
	conn->turn_pending = false;
	if (!conn->dead)
		conn_advance(conn);
}

static void answered(struct exchange *x)
{
	struct http_conn *conn = x->request.conn;

	x->request.answered = true;
	if (conn->advancing || conn->turn_pending)
		return;
	conn->turn_pending = true;
	loop_defer(conn->loop, conn_turn, conn);
}

static int start(struct exchange *x, int status, const char *content_type,
		 const struct http_header *extra, size_t n_extra, int64_t length)
{
	struct http_conn *conn = x->request.conn;
	auto_buf struct buf head = BUF_INIT(0);
	int r;

	if (x->started || x->request.answered)
		return -EALREADY;
	if (conn->dead)
		return -EPIPE;
	x->chunked = length < 0 && has_content(status) && !x->is_http10;
	if (!x->request.keep_alive || (length < 0 && !x->chunked && has_content(status)))
		conn->closing = true;
	/* A body that is too long to skip, or that may not be sent at all, since 100 Continue was not
	 * said: what follows could not be told from the next request. */
	if ((x->body.state == HTTP_BODY_LENGTH && x->body.left > SKIP_MAX) ||
	    (x->expects && !http_body_done(&x->body)))
		conn->closing = true;
	r = put_head(conn, &head, status, content_type, extra, n_extra, length, x->chunked);
	if (r == 0)
		r = stream_write(conn->stream, head.data, head.len);
	if (r < 0)
		return r;
	x->started = true;
	x->length_left = length;
	if (!has_content(status))
		x->head_only = true;
	return 0;
}

int http_respond(struct http_request *request, int status, const char *content_type,
		 const struct http_header *extra, size_t n_extra, const void *body, size_t len)
{
	struct exchange *x = exchange_of(request);
	int r = start(x, status, content_type, extra, n_extra, (int64_t)len);

	if (r == 0 && !x->head_only)
		r = stream_write(request->conn->stream, body, len);
	if (r == 0)
		answered(x);
	return r;
}

int http_respond_shared(struct http_request *request, int status, const char *content_type,
			const struct http_header *extra, size_t n_extra, struct bytes *body)
{
	struct exchange *x = exchange_of(request);
	int r = start(x, status, content_type, extra, n_extra, (int64_t)body->len);

	if (r == 0 && !x->head_only)
		r = stream_write_shared(request->conn->stream, body);
	if (r == 0)
		answered(x);
	return r;
}

int http_respond_start(struct http_request *request, int status, const char *content_type,
		       const struct http_header *extra, size_t n_extra, int64_t length)
{
	return start(exchange_of(request), status, content_type, extra, n_extra, length);
}

static int may_continue(const struct exchange *x, size_t len)
{
	if (!x->started || x->request.answered)
		return -EALREADY;
	if (x->request.conn->dead)
		return -EPIPE;
	if (x->length_left >= 0 && (size_t)x->length_left < len)
		return -E2BIG;
	return 0;
}

static int put_bytes(struct exchange *x, const void *data, size_t len, struct bytes *shared)
{
	struct stream *stream = x->request.conn->stream;
	char size[24];
	int r = may_continue(x, len);

	if (r < 0 || x->head_only || !len)
		return r;
	if (x->length_left >= 0)
		x->length_left -= (int64_t)len;
	if (x->chunked)
		r = stream_write(stream, size,
				 (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
	if (r == 0)
		r = shared && len > SHARE_MIN ? stream_write_shared(stream, shared)
					      : stream_write(stream, data, len);
	if (r == 0 && x->chunked)
		r = stream_write(stream, "\r\n", 2);
	return r;
}

int http_respond_bytes(struct http_request *request, const void *data, size_t len)
{
	return put_bytes(exchange_of(request), data, len, NULL);
}

int http_respond_shared_bytes(struct http_request *request, struct bytes *bytes)
{
	return put_bytes(exchange_of(request), bytes->data, bytes->len, bytes);
}

struct bytes *http_chunk_new(const void *data, size_t len)
{
	char size[24];
	size_t n = (size_t)snprintf(size, sizeof(size), "%zx\r\n", len);
	struct bytes *chunk = bytes_new(NULL, n + len + 2);

	if (!chunk)
		return NULL;
	memcpy(chunk->data, size, n);
	memcpy(chunk->data + n, data, len);
	memcpy(chunk->data + n + len, "\r\n", 2);
	return chunk;
}

int http_respond_chunk(struct http_request *request, struct bytes *chunk)
{
	struct exchange *x = exchange_of(request);
	const char *content = memchr(chunk->data, '\n', chunk->len);
	int r;

	assert(content && chunk->len >= 5);
	if (!x->chunked)
		return put_bytes(x, content + 1,
				 chunk->len - (size_t)(content + 1 - chunk->data) - 2, NULL);
	r = may_continue(x, 0);
	return r < 0 || x->head_only ? r : stream_write_shared(request->conn->stream, chunk);
}

int http_respond_end(struct http_request *request)
{
	struct exchange *x = exchange_of(request);
	int r = may_continue(x, 0);

	if (r == 0 && x->chunked && !x->head_only)
		r = stream_write(request->conn->stream, "0\r\n\r\n", 5);
	if (r < 0)
		return r;
	/* Fewer bytes than were announced: the client must not wait for the rest. */
	if (!x->head_only && x->length_left > 0)
		request->conn->closing = true;
	answered(x);
	return 0;
}

size_t http_respond_queued(const struct http_request *request)
{
	return request->conn->dead ? 0 : stream_queued(request->conn->stream);
}

int http_upgrade(struct http_request *request, const struct http_header *extra, size_t n_extra,
		 struct stream **ret)
{
	struct exchange *x = exchange_of(request);
	struct http_conn *conn = request->conn;
	struct stream *stream = conn->stream;
	int r;

	if (!http_body_done(&x->body))
		return -EBUSY;
	r = start(x, 101, NULL, extra, n_extra, 0);
	if (r < 0)
		return r;
	request->answered = true;
	conn->stream = NULL;
	stream_set_events(stream, NULL, NULL);
	conn_end(conn, 0);
	*ret = stream;
	return 0;
}

/* ---- requests coming in ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode [@from, @end) into @to; refuses what a path of ours never has. */
static int decode_path(const char *from, const char *end, char *to)
{
	char *start_of_segment = to;

	if (from == end || *from != '/')
		return -EINVAL;
	for (; from < end; from++) {
		char c = *from;

		if (c == '%') {
			int high = end - from > 2 ? hex_value(from[1]) : -1;
			int low = end - from > 2 ? hex_value(from[2]) : -1;

			if (high < 0 || low < 0 || (!high && !low))
				return -EINVAL;
			c = (char)(high << 4 | low);
			from += 2;
		}
		*to = c;
		if (c == '/' || from + 1 == end) {
			size_t n = (size_t)(to - start_of_segment) + (c != '/');

			if ((n == 1 && start_of_segment[0] == '.') ||
			    (n == 2 && start_of_segment[0] == '.' && start_of_segment[1] == '.'))
				return -EINVAL;
			start_of_segment = to + 1;
		}
		to++;
	}
	*to = '\0';
	return 0;
}

/* "https://host/path" is as good as "/path": RFC 9112, 3.2.2. */
static const char *origin_form(const char *target)
{
	const char *host = NULL;

	if (!strncasecmp(target, "http://", 7))
		host = target + 7;
	else if (!strncasecmp(target, "https://", 8))
		host = target + 8;
	if (!host)
		return target;
	host += strcspn(host, "/?");
	return *host == '/' ? host : "/";
}

static int exchange_new(struct http_conn *conn, const char *text, size_t len, struct exchange **ret,
			struct http_refusal *no)
{
	struct http_head head;
	size_t headers_max = HTTP_HEADERS_MAX;
	struct exchange *x;
	const char *target, *query;
	char *copy;

	/* Lines are at least four bytes long ("a:\r\n"), so short heads take short blocks. */
	headers_max = MIN(headers_max, len / 4);
	x = malloc(sizeof(*x) + headers_max * sizeof(struct http_header) + 2 * (len + 1));
	*no = (struct http_refusal){ 503, "out of memory" };
	if (!x)
		return -ENOMEM;
	*x = (struct exchange){ .request = { .conn = conn }, .length_left = -1 };
	copy = (char *)(x->headers + headers_max);
	memcpy(copy, text, len);
	if (http_head_parse(copy, len, true, &head, no) < 0) {
		free(x);
		return -EBADMSG;
	}
	memcpy(x->headers, head.headers, head.n_headers * sizeof(struct http_header));
	target = origin_form(head.target);
	query = strchr(target, '?');
	if (decode_path(target, query ? query : target + strlen(target), copy + len + 1) < 0) {
		*no = (struct http_refusal){ 400, "the path is not one that could be here" };
		free(x);
		return -EBADMSG;
	}
	x->request.method = head.method;
	x->request.target = head.target;
	x->request.path = copy + len + 1;
	x->request.query = query ? query + 1 : "";
	x->request.headers = x->headers;
	x->request.n_headers = head.n_headers;
	x->request.keep_alive = head.keep_alive;
	x->head_only = !strcmp(head.method, "HEAD");
	x->is_http10 = head.minor == 0;
	x->expects = head.expect_continue && !x->is_http10;
	http_body_start(&x->body, &head);
	*ret = x;
	return 0;
}

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
		refuse(conn, no.status, no.why);
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
		if (x->skipped > SKIP_MAX)
			conn->closing = true;
		return;
	}
	if (request->body.len + len > request->collect_max) {
		refuse(conn, 413, "the request's body is too large");
		return;
	}
	if (buf_append(&request->body, data, len) < 0)
		refuse(conn, 503, "out of memory");
}

/* Body bytes of the current request. False: more must come first, or the connection is ending. */
static bool read_body(struct http_conn *conn)
{
	struct buf *input = stream_input(conn->stream);
	struct exchange *x = conn->now;

	if (x->request.collect_max && !x->request.answered) {
		if (x->body.state == HTTP_BODY_LENGTH &&
		    x->body.left > x->request.collect_max - x->request.body.len) {
			refuse(conn, 413, "the request's body is too large");
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
			refuse(conn, 400, "the body's chunks are broken");
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
		conn_end(conn, 0);
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
		conn_end(conn, reason);
	else
		conn_end(conn, conn->now && !conn->now->request.answered ? -ECONNRESET : 0);
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
