/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node protocol (docs/protocol.md is the law) on a stream: frames, order, credit, life.
 *
 * A struct wire is one connection. It carries messages on channel 0 and any number of streams,
 * which either side opens. This room knows frames and the order of the conversation; what a message
 * or a stream means is the business of server/ and agent/.
 *
 * The opening is done here as far as it concerns versions: WIRE_HELLO and WIRE_WELCOME get their
 * version field from this room, a hello is delivered only if the ranges overlap (wire_version()
 * says what was taken), and anything else before is refused. Ping and pong are answered here and
 * not seen by the user.
 *
 * Memory: what waits is bounded (docs/protocol.md, section 10). Nothing blocks. The wire may be
 * freed inside its callbacks; so may a channel be closed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/stream.h"

#define WIRE_VERSION_MIN 1
#define WIRE_VERSION_MAX 1
#define WIRE_MESSAGE_MAX ((size_t)4 << 20)
#define WIRE_DATA_MAX	 ((size_t)16 << 10)
#define WIRE_WINDOW	 ((size_t)64 << 10)
#define WIRE_QUEUE_MAX	 ((size_t)256 << 10) /* of one channel */

struct wire;
struct wire_channel;

enum wire_side { WIRE_SERVER, WIRE_AGENT };

enum wire_message {
	WIRE_HELLO = 16,
	WIRE_WELCOME = 17,
	WIRE_REFUSE = 18,
	WIRE_JOIN = 19,
	WIRE_RENEW = 20,
	WIRE_CERTIFICATE = 21,
	WIRE_PING = 22,
	WIRE_PONG = 23,
	WIRE_ACK = 24,
	WIRE_FAILED = 25,
	WIRE_HAVE = 32,
	WIRE_DESIRED = 33,
	WIRE_SYNCED = 34,
	WIRE_POD_STATUS = 40,
	WIRE_NODE_STATUS = 41,
	WIRE_EVENT = 42,
	WIRE_STATS = 43,
	WIRE_TOKEN_REQUEST = 44,
	WIRE_TOKEN = 45,
};
const char *wire_message_name(enum wire_message type); /* "pod_status"; NULL: no such */

/* Sub-streams of exec and attach; all other kinds use 0 both ways. */
enum wire_sub { WIRE_STDIN, WIRE_STDOUT, WIRE_STDERR, WIRE_RESULT, WIRE_RESIZE, WIRE_SUB_COUNT };

/* ---- one connection ---- */

struct wire_events {
	/* @json: @len bytes, NUL-terminated after them, this call's only. Not yet parsed. */
	void (*on_message)(struct wire *wire, enum wire_message type, const char *json, size_t len,
			   void *data);
	/* The peer opens a stream: wire_channel_bind() it, or wire_close() it. */
	void (*on_open)(struct wire *wire, struct wire_channel *channel, const char *json,
			size_t len, void *data);
	/* Fewer than 1 MiB of messages wait, after there were more. May be NULL. */
	void (*on_drain)(struct wire *wire, void *data);
	/* Once. @err says why; -ECONNRESET and the like, or what the peer's refuse said. Channels
	 * have been told by on_close before. The wire is still the user's, to be freed. */
	void (*on_end)(struct wire *wire, const struct err *err, void *data);
};

/* Takes the stream over, also on failure. The clock of the stream's loop is used. */
int wire_new(struct stream *stream, enum wire_side side, const struct wire_events *events,
	     void *data, struct wire **ret);
struct wire *wire_free(struct wire *wire); /* at once; no on_end, no on_close */
OWN_DEFINE(wire, struct wire *, wire_free)
#define auto_wire OWN(wire)

/*
 * Messages. @json is one JSON object, copied. -E2BIG: above 4 MiB; -ENOBUFS: 32 MiB wait already,
 * and the wire ends by itself. For WIRE_HELLO and WIRE_WELCOME the field of versions is put in front
 * of the given object by this room; all others are sent as they are.
 */
int wire_send(struct wire *wire, enum wire_message type, const char *json, size_t len);
int wire_refuse(struct wire *wire, const struct err *why); /* refuse, then the end */
size_t wire_queued(const struct wire *wire);		   /* bytes of messages that wait */
unsigned wire_version(const struct wire *wire);		   /* 0 before the opening is done */
struct stream *wire_stream(struct wire *wire);		   /* for tls_peer(), stream_peer() */

/* {"error":"ENOENT","message":"…"}, as in refuse, failed and close, appended to @json; and back. */
int wire_error_put(struct buf *json, const struct err *err);
void wire_error_read(const char *json, size_t len, struct err *ret);

/* ---- streams ---- */

struct wire_channel_events {
	/* The other side has started it; to the opener only. May be NULL. */
	void (*on_accept)(struct wire_channel *channel, const char *json, size_t len, void *data);
	/* Bytes came. Give them back with wire_consumed() when used: 64 KiB stand out at most. */
	void (*on_data)(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			size_t len, void *data);
	/* All that was queued has been sent, after wire_channel_queued() had been >= 64 KiB. */
	void (*on_writable)(struct wire_channel *channel, void *data);
	/* The peer sends no more on @sub. */
	void (*on_end)(struct wire_channel *channel, enum wire_sub sub, void *data);
	/* Last: over, for both. err->code 0: all went well. Not called for one's own wire_close(). */
	void (*on_close)(struct wire_channel *channel, const struct err *err, void *data);
};

/* @json: {"kind": …}. -EMFILE: 1 024 are open. Until on_close or wire_close() the channel is there. */
int wire_open(struct wire *wire, const char *json, size_t len,
	      const struct wire_channel_events *events, void *data, struct wire_channel **ret);
/* For a channel from on_open: who listens. Then, at once or later, wire_accept(). */
void wire_channel_bind(struct wire_channel *channel, const struct wire_channel_events *events,
		       void *data);
int wire_accept(struct wire_channel *channel, const char *json, size_t len); /* @json may be NULL */

/*
 * Queue bytes; sent in turn as credit allows. -EAGAIN: would go beyond WIRE_QUEUE_MAX, nothing was
 * taken; stop at 64 KiB and wait for on_writable instead. -EPIPE: ended. Sub-streams 3 and 4 take
 * at most 4 096 bytes a call.
 */
int wire_write(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len);
size_t wire_channel_queued(const struct wire_channel *channel);
void wire_consumed(struct wire_channel *channel, size_t len);
int wire_end(struct wire_channel *channel, enum wire_sub sub); /* after what is queued */
/* After what is queued. @why NULL or code 0: all went well. The channel is gone for the caller. */
void wire_close(struct wire_channel *channel, const struct err *why);
void *wire_channel_data(const struct wire_channel *channel);
struct wire *wire_of(const struct wire_channel *channel);
