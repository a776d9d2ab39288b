/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket messages on a stream (RFC 6455), both sides, after the HTTP upgrade. Fragments are
 * joined up to message_max (1 MiB unless set), pings answered, masks checked: a client's must be
 * there, a server's not.
 *
 * on_close comes once, for whatever end: the peer's close (answered already), a lost connection,
 * or a peer that broke the protocol (1006, and why). The websocket is then still the user's to free.
 * Every callback may free or close it.
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
	/* @code: the peer's close code (1005 none, 1006 connection lost). */
	void (*on_close)(struct websocket *ws, unsigned code, const char *text, void *data);
};

/* Is this request an upgrade to WebSocket, and which of @offered (NULL-terminated) does it want most?
 * NULL: not an upgrade; "": none in common. */
const char *websocket_choose(const struct http_request *request, const char *const *offered);
int websocket_accept(struct http_request *request, const char *protocol,
		     const struct websocket_events *events, void *data, struct websocket **ret);
/* Client: headers to send with GET, and the check of the answer. */
void websocket_key(char key[25]);
bool websocket_accepted(const struct http_response *response, const char *key);
/* Takes the stream over, also on failure. */
int websocket_new(struct stream *stream, bool server, const struct websocket_events *events,
		  void *data, struct websocket **ret);

int websocket_send(struct websocket *ws, enum websocket_kind kind, const void *bytes, size_t len);
/* A binary message of @channel and the bytes, as Kubernetes' channel protocols frame them. */
int websocket_send_channel(struct websocket *ws, unsigned char channel, const void *bytes,
			   size_t len);
int websocket_ping(struct websocket *ws);
void websocket_set_message_max(struct websocket *ws, size_t bytes);
size_t websocket_queued(const struct websocket *ws);
void websocket_pause(struct websocket *ws);
void websocket_resume(struct websocket *ws);
/* Sends what is queued and a close, then frees by itself; no callback comes any more. */
void websocket_close(struct websocket *ws, unsigned code, const char *text);
struct websocket *websocket_free(struct websocket *ws); /* at once */
