/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a stream, for base/stream*.c only: what all kinds share (stream.c), and what a kind
 * must bring: fds with or without TLS (stream_fd.c), memory (stream_memory.c).
 */
#pragma once

#include "base/byte_queue.h"
#include "base/stream.h"

#define STREAM_PEER_MAX 64

struct stream_kind {
	/* Send what is queued as far as it goes now; then the end, if that is asked for. Must not
	 * call back: stream_fail() and stream_later() instead. */
	void (*flush)(struct stream *stream);
	/* Something that decides whether to read has changed (stream_wants_input()). */
	void (*update)(struct stream *stream);
	/* Bytes that have come already and were not taken then, into input; may be NULL. */
	void (*pull)(struct stream *stream);
	/* Let go of fd, timers, the other end. The struct itself is freed later. */
	void (*close)(struct stream *stream);
};

struct stream {
	struct loop *loop;
	const struct stream_kind *kind;
	const struct stream_events *events;
	void *data;

	struct buf input;
	size_t input_max;
	struct byte_queue out;

	bool open;	   /* connected, TLS done */
	bool paused;	   /* the user does not want input */
	bool input_ended;  /* the peer has finished */
	bool write_only;   /* there never is input: an end that nobody is told */
	bool shut_asked;   /* the user has */
	bool shut_done;	   /* and the peer was told */
	bool high;	   /* the queue was above the mark: on_drain is owed */
	bool finishing;	   /* nobody listens any more: send, close, free */
	bool dead;	   /* freed for the user; the memory goes at the round's end */
	bool turn_pending; /* stream_turn() is deferred */
	bool owes_open, owes_data, owes_failure;
	bool end_told;	/* on_end(0) has been called */
	struct err err; /* code < 0: the connection is gone */
	struct loop_timer *finish_timer;
	struct loop_leftover leftover; /* while finishing */
	char peer[STREAM_PEER_MAX];
};

int stream_init(struct stream *stream, struct loop *loop, const struct stream_kind *kind);
void stream_abandon(struct stream *stream); /* of one that was never given out; frees it */
/* Run what is owed (callbacks, flush) at the end of the round. */
void stream_later(struct stream *stream);
/* The connection is gone. */
int stream_fail(struct stream *stream, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void stream_opened(struct stream *stream);
bool stream_wants_input(const struct stream *stream);
/* After input was appended or has ended: call back now. The stream may be dead afterwards. */
void stream_deliver(struct stream *stream);
/* After the queue has shrunk. */
void stream_drained(struct stream *stream);
/* All is sent and the peer has been told the end. */
void stream_shut_done(struct stream *stream);
