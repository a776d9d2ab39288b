/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of SPDY, for base/spdy*.c only: our side (spdy.c), what the peer sends (spdy_peer.c). */
#pragma once

#include <errno.h>

#include "base/list.h"
#include "base/spdy.h"
#include "base/spdy_headers.h"

#define FRAME_HEADER ((size_t)8)
#define CONTROL_MAX  ((size_t)64 << 10)
#define DATA_MAX     ((size_t)16 << 10) /* in one frame of ours */
#define STREAMS_MAX  1024
#define QUEUE_MAX    ((size_t)4 << 20) /* of one stream */
#define WINDOW	     ((int64_t)64 << 10)
#define WINDOW_MAX   ((int64_t)1 << 31)
#define ID_MAX	     0x7fffffffu

enum control {
	SYN_STREAM = 1,
	SYN_REPLY = 2,
	RST_STREAM = 3,
	SETTINGS = 4,
	PING = 6,
	GOAWAY = 7,
	HEADERS = 8,
	WINDOW_UPDATE = 9,
};
enum { FLAG_FIN = 1, FLAG_UNIDIRECTIONAL = 2 };
#define SETTING_INITIAL_WINDOW 7

struct spdy_stream {
	struct list link;
	struct spdy *spdy;
	uint32_t id;
	void *data;
	struct buf queue;
	int64_t window;	 /* what the peer takes; binds only if spdy->peer_has_windows */
	size_t consumed; /* not granted back yet */
	bool ours, replied;
	bool finish_asked, finish_sent; /* our half */
	bool ended;			/* theirs */
	bool waiting;			/* on_writable is owed */
	bool gone;
};

struct spdy {
	bool server;
	const struct spdy_events *events;
	void *data;
	struct list streams, gone;
	size_t n_streams;
	uint32_t next_id, last_peer_id;
	bool peer_has_windows, held, going_away;
	int64_t initial_window;
	struct spdy_packer *packer, *unpacker;
	unsigned depth; /* of our own callbacks and calls: what is freed waits for 0 */
	bool dead;
	int failed;

	struct buf frame; /* a control frame that has not come whole, or the header of any */
	uint32_t data_stream, data_left;
	bool in_data, data_fin;
};

static inline uint32_t spdy_read32(const void *from)
{
	const unsigned char *p = from;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Around everything that may call back: what is freed in between waits for the last to leave. */
void spdy_enter(struct spdy *spdy);
void spdy_leave(struct spdy *spdy);
/* The connection is of no use any more: on_error, once. Returns @code. */
int spdy_fail(struct spdy *spdy, int code, const char *why);
/* The peer has broken the protocol: it is told by GOAWAY, then as above. -EPROTO. */
int spdy_broke(struct spdy *spdy, const char *why);

struct spdy_stream *spdy_find(const struct spdy *spdy, uint32_t id);
int spdy_stream_new(struct spdy *spdy, uint32_t id, bool ours, struct spdy_stream **ret);
void spdy_stream_gone(struct spdy_stream *stream);
void spdy_over_if_ended(struct spdy_stream *stream); /* by both sides */

/* A control frame of @n numbers (1 or 2). */
int spdy_send_numbers(struct spdy *spdy, enum control type, unsigned n, uint32_t a, uint32_t b);
int spdy_flush(struct spdy_stream *stream);
void spdy_flush_all(struct spdy *spdy);
