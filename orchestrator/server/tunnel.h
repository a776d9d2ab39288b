/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's SPDY/3.1 connection, on the stream that an upgrade has left or inside of binary
 * WebSocket messages (where it is a byte stream in pieces of any size).
 */
#pragma once

#include "base/http.h"
#include "base/spdy.h"
#include "base/websocket.h"

struct tunnel;

/* The events of a SPDY connection, with the tunnel's owner as their data. */
struct tunnel_events {
	void (*on_stream)(struct spdy_stream *stream, const struct http_header *headers,
			  size_t n_headers, void *data);
	void (*on_bytes)(struct spdy_stream *stream, const void *bytes, size_t len, void *data);
	void (*on_writable)(struct spdy_stream *stream, void *data);
	void (*on_stream_end)(struct spdy_stream *stream, int reason, void *data);
	/* There is room again: tunnel_has_room(). */
	void (*on_drain)(void *data);
	/* The connection is gone or broken. Once; the tunnel is still there, to be freed. */
	void (*on_end)(void *data);
};
/* Answer @http with an upgrade to SPDY, with @extra headers. */
int tunnel_open(struct http_request *http, struct loop *loop, const struct http_header *extra,
		size_t n_extra, const struct tunnel_events *events, void *data,
		struct tunnel **ret);
/* … or to WebSocket with @protocol. */
int tunnel_open_websocket(struct http_request *http, struct loop *loop, const char *protocol,
			  const struct tunnel_events *events, void *data, struct tunnel **ret);
bool tunnel_has_room(const struct tunnel *tunnel);
/* Read no more from the client; as often resumed as paused. What has been read is still delivered:
 * windows would not hold a client back, client-go knows none. */
void tunnel_pause(struct tunnel *tunnel);
void tunnel_resume(struct tunnel *tunnel);
/* Say goodbye, send what is queued, close, free: nothing is called any more. */
void tunnel_finish(struct tunnel *tunnel);
