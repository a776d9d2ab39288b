/* SPDX-License-Identifier: Apache-2.0 */
#include "base/websocket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/crypt.h"
#include "base/http_head.h"

#define MESSAGE_MAX_DEFAULT ((size_t)1 << 20)
#define CONTROL_MAX	    125
#define HEADER_MAX	    14
#define SMALL		    512 /* below, frames are gathered by the stream; above, sent by reference */

enum opcode {
	OP_CONTINUATION = 0,
	OP_TEXT = 1,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10,
};

struct websocket {
	struct stream *stream; /* NULL: the end was sent or is there */
	struct loop *loop;
	const struct websocket_events *events;
	void *data;
	size_t message_max;
	bool server, paused, dead;
	struct buf message; /* fragments so far, and of the current frame what has come */
	enum opcode kind;   /* of the message; OP_CONTINUATION: none begun */
	/* the frame that is coming */
	bool in_frame, fin;
	enum opcode opcode;
	uint64_t left;
	unsigned char mask[4];
	unsigned mask_at;
};

/* ---- the handshake ---- */

static const char *const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static void accept_of(const char *key, char accept[32])
{
	auto_buf struct buf text = BUF_INIT(64);
	unsigned char digest[20];
	char joined[64];
	int n = snprintf(joined, sizeof(joined), "%.24s%s", key, magic);

	sha1_of(joined, (size_t)n, digest);
	(void)base64_encode(&text, digest, sizeof(digest));
	(void)snprintf(accept, 32, "%s", buf_str(&text));
}

void websocket_key(char key[25])
{
	auto_buf struct buf text = BUF_INIT(64);
	unsigned char bytes[16];

	random_bytes(bytes, sizeof(bytes));
	(void)base64_encode(&text, bytes, sizeof(bytes));
	(void)snprintf(key, 25, "%s", buf_str(&text));
}

static bool is_upgrade(const struct http_header *headers, size_t n)
{
	return http_has_word(http_find_header(headers, n, "Upgrade"), "websocket") &&
	       http_has_word(http_find_header(headers, n, "Connection"), "upgrade");
}

const char *websocket_choose(const struct http_request *request, const char *const *offered)
{
	const char *version = http_header_of(request, "Sec-WebSocket-Version");
	const char *key = http_header_of(request, "Sec-WebSocket-Key");

	if (!is_upgrade(request->headers, request->n_headers) || strcmp(request->method, "GET") ||
	    !version || strcmp(version, "13") || !key || strlen(key) != 24)
		return NULL;
	for (size_t i = 0; i < request->n_headers; i++) {
		const char *p = request->headers[i].value;

		if (strcasecmp(request->headers[i].name, "Sec-WebSocket-Protocol"))
			continue;
		while (*p) {
			size_t len;

			p += strspn(p, ", \t");
			len = strcspn(p, ", \t");
			for (const char *const *o = offered; len && *o; o++) {
				if (strlen(*o) == len && !strncmp(*o, p, len))
					return *o;
			}
			p += len;
		}
	}
	return "";
}

int websocket_accept(struct http_request *request, const char *protocol,
		     const struct websocket_events *events, void *data, struct websocket **ret)
{
	const char *key = http_header_of(request, "Sec-WebSocket-Key");
	struct stream *stream;
	char accept[32];
	int r;

	assert(key);
	accept_of(key, accept);
	const struct http_header headers[] = {
		{ "Upgrade", "websocket" },
		{ "Connection", "Upgrade" },
		{ "Sec-WebSocket-Accept", accept },
		{ "Sec-WebSocket-Protocol", protocol },
	};

	r = http_upgrade(request, headers, protocol && *protocol ? 4 : 3, &stream);
	return r < 0 ? r : websocket_new(stream, true, events, data, ret);
}

bool websocket_accepted(const struct http_response *response, const char *key)
{
	const char *got = http_response_header(response, "Sec-WebSocket-Accept");
	char accept[32];

	accept_of(key, accept);
	return response->status == 101 && is_upgrade(response->headers, response->n_headers) &&
	       got && !strcmp(got, accept);
}

/* ---- sending ---- */

static void apply_mask(unsigned char *p, size_t len, const unsigned char mask[4], unsigned *at)
{
	unsigned i = *at;
	uint64_t wide;

	while (len && i % 4) {
		*p++ ^= mask[i++ % 4];
		len--;
	}
	memcpy(&wide, mask, 4);
	memcpy((char *)&wide + 4, mask, 4);
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t eight;

		memcpy(&eight, p, 8);
		eight ^= wide;
		memcpy(p, &eight, 8);
	}
	while (len--)
		*p++ ^= mask[i++ % 4];
	*at = i % 4;
}

static size_t put_header(const struct websocket *ws, unsigned char *to, enum opcode opcode,
			 size_t len, unsigned char mask[4])
{
	unsigned char masked = ws->server ? 0 : 0x80;
	size_t n = 2;

	to[0] = (unsigned char)(0x80 | opcode);
	if (len < 126) {
		to[1] = (unsigned char)(masked | len);
	} else {
		unsigned bytes = len < 65536 ? 2 : 8;

		to[1] = masked | (len < 65536 ? 126 : 127);
		for (unsigned i = 0; i < bytes; i++)
			to[n++] = (unsigned char)((uint64_t)len >> 8 * (bytes - 1 - i));
	}
	if (masked) {
		random_bytes(mask, 4);
		memcpy(to + n, mask, 4);
		n += 4;
	}
	return n;
}

/* One frame: @channel (-1: none) and the bytes. */
static int send_frame(struct websocket *ws, enum opcode opcode, int channel, const void *bytes,
		      size_t len)
{
	unsigned char small[HEADER_MAX + 1 + SMALL], mask[4], *to = small;
	size_t extra = channel >= 0, n;
	struct bytes *large = NULL;
	unsigned mask_at = 0;
	int r;

	if (!ws->stream)
		return -EPIPE;
	if (len > SMALL) {
		large = bytes_new(NULL, HEADER_MAX + 1 + len);
		if (!large)
			return -ENOMEM;
		to = (unsigned char *)large->data;
	}
	n = put_header(ws, to, opcode, len + extra, mask);
	if (extra)
		to[n] = (unsigned char)channel;
	if (len)
		memcpy(to + n + extra, bytes, len);
	if (!ws->server)
		apply_mask(to + n, len + extra, mask, &mask_at);
	n += len + extra;
	if (!large)
		return stream_write(ws->stream, small, n);
	large->len = n;
	r = stream_write_shared(ws->stream, large);
	(void)bytes_unref(large);
	return r;
}

int websocket_send(struct websocket *ws, enum websocket_kind kind, const void *bytes, size_t len)
{
	return send_frame(ws, (enum opcode)kind, -1, bytes, len);
}

int websocket_send_channel(struct websocket *ws, unsigned char channel, const void *bytes,
			   size_t len)
{
	return send_frame(ws, OP_BINARY, channel, bytes, len);
}

int websocket_ping(struct websocket *ws)
{
	return send_frame(ws, OP_PING, -1, NULL, 0);
}

size_t websocket_queued(const struct websocket *ws)
{
	return ws->stream ? stream_queued(ws->stream) : 0;
}

static void send_close(struct websocket *ws, unsigned code, const char *text)
{
	unsigned char payload[CONTROL_MAX];
	size_t n = 0, len = text ? strlen(text) : 0;

	if (code != 1005) {
		payload[n++] = (unsigned char)(code >> 8);
		payload[n++] = (unsigned char)code;
		len = MIN(len, sizeof(payload) - n);
		while (len && text && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--; /* not in the middle of a character */
		if (len)
			memcpy(payload + n, text, len);
		n += len;
	}
	(void)send_frame(ws, OP_CLOSE, -1, payload, n);
}

/* ---- ends ---- */

static void release(struct loop *loop, void *data)
{
	struct websocket *ws = data;

	loop_defer_unreserve(loop, 1);
	buf_done(&ws->message);
	free(ws);
}

struct websocket *websocket_free(struct websocket *ws)
{
	if (!ws || ws->dead)
		return NULL;
	ws->dead = true;
	ws->stream = stream_free(ws->stream);
	loop_defer(ws->loop, release, ws);
	return NULL;
}

static void finish_stream(struct websocket *ws)
{
	stream_finish(ws->stream);
	ws->stream = NULL;
}

void websocket_close(struct websocket *ws, unsigned code, const char *text)
{
	if (ws->dead)
		return;
	if (ws->stream) {
		send_close(ws, code, text);
		finish_stream(ws);
	}
	(void)websocket_free(ws);
}

static void closed(struct websocket *ws, unsigned code, const char *text)
{
	if (ws->stream)
		finish_stream(ws);
	if (!ws->dead && ws->events->on_close)
		ws->events->on_close(ws, code, text, ws->data);
}

static void broke(struct websocket *ws, unsigned code, const char *why)
{
	send_close(ws, code, why);
	closed(ws, 1006, why);
}

/* ---- receiving ---- */

/* No overlong forms, no surrogates, nothing beyond U+10FFFF: RFC 3629. */
static bool is_utf8(const unsigned char *p, size_t len)
{
	const unsigned char *end = p + len;

	while (p < end) {
		unsigned char c = *p++;
		unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

		if (c > 0xf4 || more == 9 || (size_t)(end - p) < more)
			return false;
		if ((c == 0xe0 && *p < 0xa0) || (c == 0xed && *p > 0x9f) ||
		    (c == 0xf0 && *p < 0x90) || (c == 0xf4 && *p > 0x8f))
			return false;
		for (; more; more--) {
			if ((*p++ & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

static bool is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

static void on_close_frame(struct websocket *ws, const unsigned char *payload, size_t len)
{
	char text[CONTROL_MAX] = "";
	unsigned code = 1005;

	if (len == 1) {
		broke(ws, 1002, "a close frame of one byte");
		return;
	}
	if (len >= 2) {
		code = (unsigned)payload[0] << 8 | payload[1];
		if (!is_close_code(code) || !is_utf8(payload + 2, len - 2)) {
			broke(ws, 1002, "a close frame without a proper code and text");
			return;
		}
		memcpy(text, payload + 2, len - 2);
		text[len - 2] = '\0';
	}
	send_close(ws, code, NULL);
	closed(ws, code, text);
}

static void on_control(struct websocket *ws, const unsigned char *payload, size_t len)
{
	if (ws->opcode == OP_CLOSE)
		on_close_frame(ws, payload, len);
	else if (ws->opcode == OP_PING && stream_queued(ws->stream) < STREAM_HIGH_WATER)
		(void)send_frame(ws, OP_PONG, -1, payload, len); /* who floods gets fewer */
}

static void deliver(struct websocket *ws, const char *bytes, size_t len)
{
	enum opcode kind = ws->kind;

	ws->kind = OP_CONTINUATION;
	if (kind == OP_TEXT && !is_utf8((const unsigned char *)bytes, len)) {
		broke(ws, 1007, "text that is not UTF-8");
		return;
	}
	ws->events->on_message(ws, (enum websocket_kind)kind, bytes, len, ws->data);
}

/* The header of the next frame. 1: there; 0: not yet; -1: broken, and told so. */
static int read_header(struct websocket *ws, struct buf *input)
{
	const unsigned char *p = (const unsigned char *)input->data;
	size_t need = 2;
	uint64_t len;

	if (input->len < 2)
		return 0;
	len = p[1] & 0x7f;
	need += len == 126 ? 2 : len == 127 ? 8 : 0;
	need += p[1] & 0x80 ? 4 : 0;
	if (input->len < need)
		return 0;
	ws->fin = p[0] & 0x80;
	ws->opcode = p[0] & 0x0f;
	if (len >= 126) {
		unsigned bytes = len == 126 ? 2 : 8;

		len = 0;
		for (unsigned i = 0; i < bytes; i++)
			len = len << 8 | p[2 + i];
	}
	if (p[0] & 0x70)
		broke(ws, 1002, "reserved bits are set");
	else if (!(p[1] & 0x80) == ws->server)
		broke(ws, 1002, ws->server ? "a frame without a mask" : "a frame with a mask");
	else if (ws->opcode >= OP_CLOSE ? ws->opcode > OP_PONG || !ws->fin || len > CONTROL_MAX
					: ws->opcode > OP_BINARY)
		broke(ws, 1002, "not a frame of RFC 6455");
	else if (ws->opcode < OP_CLOSE &&
		 (ws->opcode == OP_CONTINUATION) == (ws->kind == OP_CONTINUATION))
		broke(ws, 1002, "fragments out of order");
	else if (ws->opcode < OP_CLOSE &&
		 (len > ws->message_max || ws->message.len > ws->message_max - len))
		broke(ws, 1009, "the message is too large");
	else
		ws->in_frame = true;
	if (!ws->in_frame)
		return -1;
	if (p[1] & 0x80)
		memcpy(ws->mask, p + need - 4, 4);
	if (ws->opcode == OP_TEXT || ws->opcode == OP_BINARY)
		ws->kind = ws->opcode;
	ws->mask_at = 0;
	ws->left = len;
	buf_consume(input, need);
	return 1;
}

/* Bytes of the current frame. False: more must come. */
static bool read_payload(struct websocket *ws, struct buf *input)
{
	size_t n = (size_t)MIN((uint64_t)input->len, ws->left);
	bool control = ws->opcode >= OP_CLOSE;

	/* Whole or not at all, so that control frames need no buffer of their own. */
	if (control && n < ws->left)
		return false;
	if (ws->server && n)
		apply_mask((unsigned char *)input->data, n, ws->mask, &ws->mask_at);
	ws->left -= n;
	if (control) {
		ws->in_frame = false;
		on_control(ws, (const unsigned char *)buf_str(input), n);
	} else if (!ws->left && ws->fin && !ws->message.len) { /* the usual case: in one piece */
		ws->in_frame = false;
		deliver(ws, buf_str(input), n);
	} else if (buf_append(&ws->message, buf_str(input), n) < 0) {
		broke(ws, 1011, "out of memory");
	} else if (!ws->left) {
		ws->in_frame = false;
		if (ws->fin) {
			deliver(ws, buf_str(&ws->message), ws->message.len);
			if (!ws->dead)
				buf_done(&ws->message);
		}
	}
	if (ws->stream)
		buf_consume(input, n);
	return ws->stream && (n || !ws->in_frame);
}

static void on_data(struct stream *stream, void *data)
{
	struct websocket *ws = data;
	struct buf *input = stream_input(stream);

	while (!ws->dead && ws->stream && !ws->paused) {
		if (!ws->in_frame && read_header(ws, input) <= 0)
			return;
		if (!read_payload(ws, input))
			return;
	}
}

static void on_drain(struct stream *stream, void *data)
{
	struct websocket *ws = data;

	(void)stream;
	if (ws->events->on_drain)
		ws->events->on_drain(ws, ws->data);
}

static void on_end(struct stream *stream, int reason, void *data)
{
	struct websocket *ws = data;

	closed(ws, 1006, reason < 0 ? stream_error(stream)->text : "the peer has gone");
}

static const struct stream_events websocket_stream_events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

int websocket_new(struct stream *stream, bool server, const struct websocket_events *events,
		  void *data, struct websocket **ret)
{
	struct websocket *ws = calloc(1, sizeof(*ws));

	assert(events->on_message);
	if (!ws || loop_defer_reserve(stream_loop(stream), 1) < 0) {
		free(ws);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	ws->stream = stream;
	ws->loop = stream_loop(stream);
	ws->events = events;
	ws->data = data;
	ws->server = server;
	websocket_set_message_max(ws, MESSAGE_MAX_DEFAULT);
	stream_set_events(stream, &websocket_stream_events, ws);
	*ret = ws;
	return 0;
}

void websocket_set_message_max(struct websocket *ws, size_t bytes)
{
	ws->message_max = bytes;
	ws->message.max = bytes + 1;
}

void websocket_pause(struct websocket *ws)
{
	ws->paused = true;
	if (ws->stream)
		stream_pause(ws->stream);
}

void websocket_resume(struct websocket *ws)
{
	ws->paused = false;
	if (ws->stream)
		stream_resume(ws->stream);
}
