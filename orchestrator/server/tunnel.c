/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/tunnel.h"

#include <errno.h>
#include <stdlib.h>

#include "base/stream.h"

struct tunnel {
	struct loop *loop;
	struct spdy *spdy;
	struct stream *stream; /* one of the two */
	struct websocket *ws;
	const struct tunnel_events *events; /* NULL: finished */
	void *data;
	unsigned pauses;
	bool ended;
};

static void tunnel_free(struct loop *loop, void *data)
{
	struct tunnel *tunnel = data;

	(void)loop;
	(void)spdy_free(tunnel->spdy);
	free(tunnel);
}

static void tell_end(struct tunnel *tunnel)
{
	if (tunnel->ended)
		return;
	tunnel->ended = true;
	if (tunnel->events)
		tunnel->events->on_end(tunnel->data);
}

/* ---- SPDY's events ---- */

static int on_output(struct spdy *spdy, const void *bytes, size_t len, void *data)
{
	struct tunnel *tunnel = data;

	(void)spdy;
	if (tunnel->stream)
		return stream_write(tunnel->stream, bytes, len);
	if (tunnel->ws)
		return websocket_send(tunnel->ws, WEBSOCKET_BINARY, bytes, len);
	return -EPIPE;
}

static void on_stream(struct spdy *spdy, struct spdy_stream *stream,
		      const struct http_header *headers, size_t n_headers, void *data)
{
	struct tunnel *tunnel = data;

	(void)spdy;
	if (tunnel->events)
		tunnel->events->on_stream(stream, headers, n_headers, tunnel->data);
}

static void on_bytes(struct spdy *spdy, struct spdy_stream *stream, const void *bytes, size_t len,
		     void *data)
{
	struct tunnel *tunnel = data;

	(void)spdy;
	if (tunnel->events)
		tunnel->events->on_bytes(stream, bytes, len, tunnel->data);
}

static void on_writable(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	struct tunnel *tunnel = data;

	(void)spdy;
	if (tunnel->events)
		tunnel->events->on_writable(stream, tunnel->data);
}

static void on_stream_end(struct spdy *spdy, struct spdy_stream *stream, int reason, void *data)
{
	struct tunnel *tunnel = data;

	(void)spdy;
	if (tunnel->events)
		tunnel->events->on_stream_end(stream, reason, tunnel->data);
}

static void on_error(struct spdy *spdy, const struct err *err, void *data)
{
	(void)spdy;
	(void)err;
	tell_end(data);
}

static const struct spdy_events spdy_events = {
	.on_output = on_output,
	.on_stream = on_stream,
	.on_bytes = on_bytes,
	.on_writable = on_writable,
	.on_stream_end = on_stream_end,
	.on_error = on_error,
};

/* ---- the carrier ---- */

static void on_data(struct stream *stream, void *data)
{
	struct tunnel *tunnel = data;
	struct buf *input = stream_input(stream);
	size_t len = input->len;

	if (spdy_input(tunnel->spdy, input->data, len) < 0) {
		tell_end(tunnel);
		return;
	}
	if (tunnel->stream) /* else finished meanwhile */
		buf_consume(input, len);
}

static void on_drain(struct stream *stream, void *data)
{
	struct tunnel *tunnel = data;

	(void)stream;
	if (tunnel->events)
		tunnel->events->on_drain(tunnel->data);
}

static void on_end(struct stream *stream, int reason, void *data)
{
	(void)stream;
	(void)reason; /* a client that half-closes reads no answer either */
	tell_end(data);
}

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct tunnel *tunnel = data;

	(void)ws;
	(void)kind;
	if (spdy_input(tunnel->spdy, bytes, len) < 0)
		tell_end(tunnel);
}

static void on_ws_drain(struct websocket *ws, void *data)
{
	struct tunnel *tunnel = data;

	(void)ws;
	if (tunnel->events)
		tunnel->events->on_drain(tunnel->data);
}

static void on_ws_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	(void)ws;
	(void)code;
	(void)text;
	tell_end(data);
}

static const struct websocket_events websocket_events = {
	.on_message = on_message,
	.on_drain = on_ws_drain,
	.on_close = on_ws_close,
};

/* ---- life ---- */

static struct tunnel *tunnel_new(struct loop *loop, const struct tunnel_events *events, void *data)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	if (!tunnel)
		return NULL;
	if (spdy_new(true, &spdy_events, tunnel, &tunnel->spdy) < 0) {
		free(tunnel);
		return NULL;
	}
	tunnel->loop = loop;
	tunnel->events = events;
	tunnel->data = data;
	return tunnel;
}

int tunnel_open(struct http_request *http, struct loop *loop, const struct http_header *extra,
		size_t n_extra, const struct tunnel_events *events, void *data, struct tunnel **ret)
{
	struct http_header headers[4] = { { "Connection", "Upgrade" }, { "Upgrade", "SPDY/3.1" } };
	struct tunnel *tunnel = tunnel_new(loop, events, data);
	size_t n = 2;
	int r;

	if (!tunnel)
		return -ENOMEM;
	for (size_t i = 0; i < n_extra && n < ARRAY_LEN(headers); i++)
		headers[n++] = extra[i];
	r = http_upgrade(http, headers, n, &tunnel->stream);
	if (r < 0) {
		tunnel_free(loop, tunnel);
		return r;
	}
	*ret = tunnel;
	stream_set_events(tunnel->stream, &stream_events, tunnel);
	return 0;
}

int tunnel_open_websocket(struct http_request *http, struct loop *loop, const char *protocol,
			  const struct tunnel_events *events, void *data, struct tunnel **ret)
{
	struct tunnel *tunnel = tunnel_new(loop, events, data);
	int r;

	if (!tunnel)
		return -ENOMEM;
	r = websocket_accept(http, protocol, &websocket_events, tunnel, &tunnel->ws);
	if (r < 0) {
		tunnel_free(loop, tunnel);
		return r;
	}
	*ret = tunnel;
	return 0;
}

bool tunnel_has_room(const struct tunnel *tunnel)
{
	size_t queued = tunnel->stream ? stream_queued(tunnel->stream)
			: tunnel->ws   ? websocket_queued(tunnel->ws)
				       : 0;

	return queued < STREAM_HIGH_WATER;
}

void tunnel_pause(struct tunnel *tunnel)
{
	if (tunnel->pauses++)
		return;
	if (tunnel->stream)
		stream_pause(tunnel->stream);
	if (tunnel->ws)
		websocket_pause(tunnel->ws);
}

void tunnel_resume(struct tunnel *tunnel)
{
	if (--tunnel->pauses)
		return;
	if (tunnel->stream)
		stream_resume(tunnel->stream);
	if (tunnel->ws)
		websocket_resume(tunnel->ws);
}

void tunnel_finish(struct tunnel *tunnel)
{
	tunnel->events = NULL;
	if (!tunnel->ended)
		(void)spdy_goaway(tunnel->spdy);
	if (tunnel->stream)
		stream_finish(tunnel->stream);
	if (tunnel->ws)
		websocket_close(tunnel->ws, 1000, "");
	tunnel->stream = NULL;
	tunnel->ws = NULL;
	loop_defer(tunnel->loop, tunnel_free, tunnel);
}
