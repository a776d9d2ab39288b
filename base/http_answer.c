/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: whole, in chunks, by reference; upgrades; refusals. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/http_conn.h"
#include "base/time.h"

#define DATE_MAX 40
/* Below, a copy beside its chunk's size costs less than a reference. */
#define SHARE_MIN ((size_t)1024)

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

void http_conn_refuse(struct http_conn *conn, int status, const char *why)
{
	auto_buf struct buf answer = BUF_INIT(0), text = BUF_INIT(0);

	if (conn->dead)
		return;
	conn->closing = true;
	if (conn->now && conn->now->started) { /* too late for another status */
		http_conn_end(conn, -EBADMSG);
		return;
	}
	if (buf_printf(&text, "%s\n", why) < 0 ||
	    put_head(conn, &answer, status, "text/plain; charset=utf-8", NULL, 0, (int64_t)text.len,
		     false) < 0 ||
	    buf_append(&answer, text.data, text.len) < 0 ||
	    stream_write(conn->stream, answer.data, answer.len) < 0) {
		http_conn_end(conn, -ENOMEM);
		return;
	}
	stream_finish(conn->stream);
	conn->stream = NULL;
	http_conn_end(conn, status == 413 ? -E2BIG : -EBADMSG);
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
	if ((x->body.state == HTTP_BODY_LENGTH && x->body.left > HTTP_SKIP_MAX) ||
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
		http_conn_answered(x);
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
		http_conn_answered(x);
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
	http_conn_answered(x);
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
	http_conn_end(conn, 0);
	*ret = stream;
	return 0;
}
