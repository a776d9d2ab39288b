/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket messages on a stream (RFC 6455), both sides, after the HTTP upgrade. Fragments are
 * joined up to message_max, pings answered, masks checked: a client's must be there, a server's not.
 */
#pragma once

#include "base/http.h"
#include "base/stream.h"

struct websocket;
enum websocket_kind { WEBSOCKET_TEXT = 1, WEBSOCKET_BINARY = 2 };

struct websocket_events {
	void (*on_message)(struct websocket *ws, enum websocket_kind kind, const void *bytes,
			   size_t len, void *data);
	void (*on_drain)(struct websocket *ws, void *data); /* may be NULL */
	/* code: the peer's close code (1005 none, 1006 connection lost). Called once. */
	void (*on_close)(struct websocket *ws, unsigned code, const char *text, void *data);
};

/* Is this request an upgrade to WebSocket, and which of @offered (NULL-terminated, best first by the
 * client's order) does it want? NULL: not an upgrade; "": none in common. */
const char *websocket_choose(const struct http_request *request, const char *const *offered);
int websocket_accept(struct http_request *request, const char *protocol,
		     const struct websocket_events *events, void *data, struct websocket **ret);
/* Client: headers to send with GET, and the check of the answer. */
void websocket_key(char key[25]);
bool websocket_accepted(const struct http_response *response, const char *key);
int websocket_new(struct stream *stream, bool server, const struct websocket_events *events,
		  void *data, struct websocket **ret); /* takes the stream */

int websocket_send(struct websocket *ws, enum websocket_kind kind, const void *bytes, size_t len);
int websocket_ping(struct websocket *ws);
size_t websocket_queued(const struct websocket *ws);
void websocket_pause(struct websocket *ws);
void websocket_resume(struct websocket *ws);
void websocket_close(struct websocket *ws, unsigned code,
		     const char *text);			/* sends close, frees later */
struct websocket *websocket_free(struct websocket *ws); /* at once */
