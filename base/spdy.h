/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDY/3.1 framing over any byte stream: what kubectl speaks for exec, attach and port-forward up
 * to 1.29, and, inside WebSocket messages, for port-forward ever since. Headers are zlib-packed with
 * SPDY/3's dictionary. Both roles; every length is bounded.
 *
 * Bytes come in by spdy_input() and leave by on_output, so that it runs on a stream and in
 * WebSocket messages alike.
 *
 * Flow control. The SPDY library of client-go has none: it neither keeps to windows nor grants any.
 * So ours are granted but not insisted on, and a peer's window binds us only once it has sent a
 * WINDOW_UPDATE or a SETTINGS with a window. What always works is the carrier's back pressure: call
 * spdy_hold(true) when it has much queued and spdy_hold(false) when it has drained, and stop
 * feeding spdy_input() (pause the carrier) while what came can't be passed on.
 *
 * A stream is gone after on_stream_gone: when both sides have finished, or one has reset it. Both
 * spdy_free() and resets are fine in every callback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/http.h"

struct spdy;
struct spdy_stream;

struct spdy_events {
	int (*on_output)(struct spdy *spdy, const void *bytes, size_t len, void *data);
	/* A peer opened a stream: answer with spdy_reply() or spdy_reset(). */
	void (*on_stream)(struct spdy *spdy, struct spdy_stream *stream,
			  const struct http_header *headers, size_t n_headers, void *data);
	void (*on_reply)(struct spdy *spdy, struct spdy_stream *stream,
			 void *data); /* client side */
	void (*on_bytes)(struct spdy *spdy, struct spdy_stream *stream, const void *bytes,
			 size_t len, void *data);
	/* Its queue has drained after spdy_queued() had been above 0. May be NULL. */
	void (*on_writable)(struct spdy *spdy, struct spdy_stream *stream, void *data);
	/* reason 0: the peer half-closed; negative: reset. */
	void (*on_stream_end)(struct spdy *spdy, struct spdy_stream *stream, int reason,
			      void *data);
	/* Last, for every stream; may be NULL. Not for those that spdy_free() takes along. */
	void (*on_stream_gone)(struct spdy *spdy, struct spdy_stream *stream, void *data);
	/* The peer broke the protocol (it was told by GOAWAY), on_output failed, or memory is out:
	 * nothing more will come. */
	void (*on_error)(struct spdy *spdy, const struct err *err, void *data);
};
int spdy_new(bool server, const struct spdy_events *events, void *data, struct spdy **ret);
struct spdy *spdy_free(struct spdy *spdy);
void spdy_hold(struct spdy *spdy, bool hold); /* queue instead of on_output */
/* 0, or a negative errno after on_error. */
int spdy_input(struct spdy *spdy, const void *bytes, size_t len);
int spdy_open(struct spdy *spdy, const struct http_header *headers, size_t n_headers, bool fin,
	      struct spdy_stream **ret);
int spdy_reply(struct spdy_stream *stream);
int spdy_write(struct spdy_stream *stream, const void *bytes,
	       size_t len); /* queues while held or beyond a window */
size_t spdy_queued(const struct spdy_stream *stream);
/* The receiver has used @len bytes: grant them to the peer again. */
void spdy_consumed(struct spdy_stream *stream, size_t len);
int spdy_finish(struct spdy_stream *stream); /* half-close after what is queued */
enum spdy_status {
	SPDY_PROTOCOL_ERROR = 1,
	SPDY_INVALID_STREAM = 2,
	SPDY_REFUSED_STREAM = 3,
	SPDY_CANCEL = 5,
	SPDY_INTERNAL_ERROR = 6,
	SPDY_FLOW_CONTROL_ERROR = 7,
};
int spdy_reset(struct spdy_stream *stream, unsigned status);
void *spdy_stream_data(const struct spdy_stream *stream);
void spdy_stream_set_data(struct spdy_stream *stream, void *data);
uint32_t spdy_stream_id(const struct spdy_stream *stream);
int spdy_goaway(struct spdy *spdy);
