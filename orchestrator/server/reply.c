/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"

void reply_style_init(struct reply_style *style, struct loop *loop)
{
	random_bytes(&style->audit_state, sizeof(style->audit_state));
	random_uid(style->flow_uid);
	random_uid(style->level_uid);
	style->loop = loop;
}

void reply_style_done(struct reply_style *style)
{
	style->piece = bytes_unref(style->piece);
	style->chunk = bytes_unref(style->chunk);
}

/* ---- headers ---- */

#define CHUNK_MAX ((size_t)64 << 10)

struct headers {
	struct http_header list[REPLY_HEADERS_MAX];
	size_t n;
	char audit[40], retry[16], etag[160];
	char warnings[4096];
	size_t warnings_len;
};

static void put(struct headers *h, const char *name, const char *value)
{
	if (h->n < ARRAY_LEN(h->list))
		h->list[h->n++] = (struct http_header){ name, value };
}

/* splitmix64: a new id for each answer without a system call. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static const char *hex(char *at, uint64_t value, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; value >>= 4)
		at[i] = "0123456789abcdef"[value & 15];
	return at;
}

static void put_common(struct headers *h, struct reply_style *style)
{
	uint64_t a = next_random(&style->audit_state), b = next_random(&style->audit_state);

	(void)hex(h->audit, a >> 32, 8);
	(void)hex(h->audit + 9, a >> 16, 4);
	(void)hex(h->audit + 14, 0x4000 | (a & 0xfff), 4);
	(void)hex(h->audit + 19, 0x8000 | (b >> 48 & 0x3fff), 4);
	(void)hex(h->audit + 24, b, 12);
	h->audit[8] = h->audit[13] = h->audit[18] = h->audit[23] = '-';
	h->audit[36] = '\0';
	put(h, "Audit-Id", h->audit);
	put(h, "Cache-Control", "no-cache, private");
	put(h, "X-Kubernetes-Pf-Flowschema-Uid", style->flow_uid);
	put(h, "X-Kubernetes-Pf-Prioritylevel-Uid", style->level_uid);
}

/* `299 - "text"`, RFC 9111's quoted string. What does not fit is left out. */
static void put_warning(struct headers *h, const char *text)
{
	size_t left = sizeof(h->warnings) - h->warnings_len, n = 0;
	char *at = h->warnings + h->warnings_len;

	if (left < 12 || h->n == ARRAY_LEN(h->list))
		return;
	n = (size_t)snprintf(at, left, "299 - \"");
	for (; *text && n + 4 < left; text++) {
		if (*text == '"' || *text == '\\')
			at[n++] = '\\';
		at[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
	}
	if (*text)
		return;
	at[n++] = '"';
	at[n++] = '\0';
	h->warnings_len += n;
	put(h, "Warning", at);
}

static void put_answer(struct headers *h, const struct core_answer *answer)
{
	if (answer->etag) {
		(void)snprintf(h->etag, sizeof(h->etag), "%s", answer->etag);
		put(h, "Etag", h->etag);
		put(h, "Vary", "Accept");
	}
	if (answer->retry_after_s) {
		(void)snprintf(h->retry, sizeof(h->retry), "%u", answer->retry_after_s);
		put(h, "Retry-After", h->retry);
	}
	for (const char *const *w = answer->warnings; w && *w; w++)
		put_warning(h, *w);
}

static void headers_init(struct headers *h, struct reply_style *style, int status)
{
	h->n = h->warnings_len = 0;
	put_common(h, style);
	if (style->count)
		style->count(style->data, status);
}

/* ---- whole bodies ---- */

void reply_bytes(struct front_request *request, struct reply_style *style, int status,
		 const char *content_type, const void *body, size_t len)
{
	struct headers h;

	headers_init(&h, style, status);
	if (status == 401)
		put(&h, "Www-Authenticate", "Bearer");
	(void)http_respond(request->http, status, content_type, h.list, h.n, body, len);
}

void reply_status(struct front_request *request, struct reply_style *style, int code,
		  const char *reason, const char *message)
{
	auto_buf struct buf body = { 0 };

	(void)buf_puts(&body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
			      "\"status\":\"Failure\",\"message\":");
	(void)json_write_string(&body, message, strlen(message), JSON_HTML_SAFE);
	(void)buf_printf(&body, ",\"reason\":\"%s\",\"code\":%d}\n", reason, code);
	reply_bytes(request, style, code, "application/json", body.data, body.len);
}

int reply_start(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer, const char *encoding, int64_t length)
{
	struct headers h;

	headers_init(&h, style, answer->status);
	put_answer(&h, answer);
	if (encoding) {
		put(&h, "Content-Encoding", encoding);
		if (!answer->etag)
			put(&h, "Vary", "Accept-Encoding");
	}
	return http_respond_start(request->http, answer->status, answer->content_type, h.list, h.n,
				  length);
}

static void send_whole(struct front_request *request, struct reply_style *style,
		       const struct core_answer *answer)
{
	struct headers h;

	headers_init(&h, style, answer->status);
	put_answer(&h, answer);
	if (answer->body)
		(void)http_respond_shared(request->http, answer->status, answer->content_type,
					  h.list, h.n, answer->body);
	else
		(void)http_respond(request->http, answer->status, answer->content_type, h.list, h.n,
				   NULL, 0);
}

/* ---- long bodies: pieces are made as the client reads ---- */

static void pages_pump(struct front_request *request)
{
	while (front_has_room(request)) {
		auto_bytes struct bytes *piece = core_pages_next(request->data);

		if (!piece) {
			(void)http_respond_end(request->http);
			return;
		}
		if (http_respond_shared_bytes(request->http, piece) < 0)
			return; /* the connection is gone: on_gone comes */
	}
}

static void pages_gone(struct front_request *request)
{
	(void)core_pages_free(request->data);
	request->data = NULL;
}

static void send_pages(struct front_request *request, struct reply_style *style,
		       const struct core_answer *answer)
{
	static const struct front_handler handler = { pages_pump, pages_gone };

	request->handler = &handler;
	request->data = answer->pages;
	if (reply_start(request, style, answer, NULL, core_pages_length(answer->pages)) == 0)
		pages_pump(request);
}

/* ---- watches ---- */

/* As a chunk of HTTP/1.1, framed once for all who get it; NULL: out of memory, or too large to be
 * worth a copy. */
static struct bytes *chunk_of(struct reply_style *style, struct bytes *piece)
{
	if (piece == style->piece)
		return style->chunk;
	if (piece->len > CHUNK_MAX)
		return NULL;
	reply_style_done(style);
	style->chunk = http_chunk_new(piece->data, piece->len);
	if (style->chunk)
		style->piece = bytes_ref(piece);
	return style->chunk;
}

static int send_piece(struct front_request *request, struct bytes *piece)
{
	struct bytes *chunk = chunk_of(request->style, piece);

	return chunk ? http_respond_chunk(request->http, chunk)
		     : http_respond_shared_bytes(request->http, piece);
}

static void watch_pump(struct front_request *request)
{
	struct core_watch *watch = request->data;
	int64_t now = loop_now_ns(request->style->loop);

	while (front_has_room(request)) {
		auto_bytes struct bytes *piece = core_watch_next(watch, now);

		if (!piece) {
			if (core_watch_ended(watch))
				(void)http_respond_end(request->http);
			return;
		}
		if (send_piece(request, piece) < 0)
			return;
	}
}

/* Called while the core publishes: take the events when it has finished. */
static void on_watch(struct core_watch *watch, void *data)
{
	(void)watch;
	front_wake(data);
}

static void watch_gone(struct front_request *request)
{
	(void)core_watch_free(request->data);
	request->data = NULL;
}

static void send_watch(struct front_request *request, struct reply_style *style,
		       const struct core_answer *answer)
{
	static const struct front_handler handler = { watch_pump, watch_gone };

	request->handler = &handler;
	request->data = answer->watch;
	core_watch_notify(answer->watch, on_watch, request);
	if (reply_start(request, style, answer, NULL, -1) == 0)
		watch_pump(request);
}

void reply_send(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer)
{
	if (answer->type != CORE_WATCH && reply_gzip(request, style, answer))
		return;
	switch (answer->type) {
	case CORE_PAGES:
		send_pages(request, style, answer);
		break;
	case CORE_WATCH:
		send_watch(request, style, answer);
		break;
	default:
		send_whole(request, style, answer);
	}
}
