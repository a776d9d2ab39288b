/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the wire, for this room only: frames (wire_frame.c), one connection (wire.c), the
 * streams on it (wire_channel.c).
 */
#pragma once

#include "base/list.h"
#include "orchestrator/wire/wire.h"

/* ---- frames ---- */

#define WIRE_HEADER   ((size_t)8)
#define WIRE_TEXT_MAX ((size_t)64 << 10) /* of open, accept and close */

enum wire_frame_type {
	FRAME_OPEN = 1,
	FRAME_ACCEPT = 2,
	FRAME_DATA = 3,
	FRAME_CREDIT = 4,
	FRAME_END = 5,
	FRAME_CLOSE = 6,
};

struct wire_header {
	uint32_t len;
	uint16_t channel;
	uint8_t type, flags;
};
void wire_header_put(const struct wire_header *header, unsigned char to[WIRE_HEADER]);
/* Reads and judges a header by its type's row. -EPROTO, with a sentence: it breaks the protocol. */
int wire_header_read(const unsigned char from[WIRE_HEADER], struct wire_header *ret,
		     struct err *err);

/* A whole frame that waits to be sent. */
struct wire_frame {
	struct list link;
	struct wire_header header;
	struct bytes *bytes; /* header and payload */
};
/* @text (NULL: none) is put in front of @data. NULL: out of memory. */
struct wire_frame *wire_frame_new(const struct wire_header *header, const char *text,
				  const void *data, size_t len);
struct wire_frame *wire_frame_free(struct wire_frame *frame);

/* ---- streams ---- */

#define WIRE_CHANNELS_MAX 1024
#define WIRE_CONTROL_MAX  ((size_t)4 << 10) /* one frame of sub-streams 3 and 4 */

struct wire_channel {
	struct wire *wire;
	uint16_t number;
	const struct wire_channel_events *events;
	void *data;

	struct list frames; /* to be sent, in order */
	size_t queued;	    /* payload bytes of data frames among them */
	int64_t credit;	    /* the peer takes so many more */
	int64_t granted;    /* we take so many more */
	size_t unconsumed;  /* delivered, not given back by the user */
	size_t owed;	    /* given back by the user, not yet told to the peer */
	struct list ready;  /* in wire->ready: has something that may be sent now */
	struct list notify; /* in wire->notify: on_writable is owed */

	bool ours;	     /* we opened it */
	bool accepted;	     /* by the side that did not open it */
	bool high;	     /* the queue was at or above WIRE_WINDOW */
	bool let_go;	     /* the user has closed it, or was told that it is closed */
	bool close_sent;     /* the last of our frames has left */
	bool close_got;	     /* and the peer's */
	bool close_queued;   /* it is among the frames */
	uint8_t ended_by_us; /* bits: sub-streams */
	uint8_t ended_by_peer;
};

int wire_channel_frame(struct wire *wire, const struct wire_header *header, const char *payload,
		       struct err *err);
/* Send one frame of it, or the credit it owes. */
int wire_channel_send(struct wire_channel *channel);
void wire_channel_writable(struct wire_channel *channel);
/* The connection is gone: tell all users; free all. */
void wire_channels_end(struct wire *wire, const struct err *err);
void wire_channels_drop(struct wire *wire);

/* ---- one connection ---- */

struct wire {
	struct stream *stream; /* NULL: gone */
	struct loop *loop;
	enum wire_side side;
	const struct wire_events *events;
	void *data;

	unsigned version;
	enum { OPENING, HELLO_SENT, HELLO_GOT, OPEN } state;
	bool ended, dead, turn_pending, told;
	struct err err;

	struct list messages; /* frames to be sent */
	size_t queued;
	bool high;

	struct wire_channel **channels; /* by number */
	size_t channels_cap, n_channels;
	struct list ready, notify;

	struct loop_timer *timer;
	int64_t heard_ns; /* when the last byte came */
	int64_t pinged_ns;
};

void wire_pump(struct wire *wire);
void wire_later(struct wire *wire);
/* End it, at the end of the round; the first reason stays. */
void wire_fail(struct wire *wire, const struct err *err);
