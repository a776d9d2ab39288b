/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "base/tls.h"

#define INPUT_MAX_DEFAULT ((size_t)64 << 10)
#define FINISH_MS	  10000
/* After the last byte, so that a close with unread input does not tear down what we sent. */
#define LINGER_MS 2000

static const struct stream_events no_events;

int stream_init(struct stream *stream, struct loop *loop, const struct stream_kind *kind)
{
	/* Two pieces of deferred work at a time: the turn, and the free. */
	int r = loop_defer_reserve(loop, 2);

	if (r < 0)
		return r;
	stream->loop = loop;
	stream->kind = kind;
	stream->events = &no_events;
	stream->input_max = INPUT_MAX_DEFAULT;
	stream->input = BUF_INIT(0);
	list_init(&stream->leftover.link);
	return 0;
}

static void stream_release(struct loop *loop, void *data)
{
	struct stream *stream = data;

	loop_defer_unreserve(loop, 2);
	buf_done(&stream->input);
	byte_queue_done(&stream->out);
	free(stream);
}

void stream_abandon(struct stream *stream)
{
	stream->dead = true;
	stream->kind->close(stream);
	if (stream->turn_pending)
		loop_defer(stream->loop, stream_release, stream);
	else
		stream_release(stream->loop, stream);
}

struct stream *stream_free(struct stream *stream)
{
	if (!stream || stream->dead)
		return NULL;
	stream->dead = true;
	stream->events = &no_events;
	stream->finish_timer = loop_timer_free(stream->finish_timer);
	list_remove(&stream->leftover.link);
	stream->kind->close(stream);
	loop_defer(stream->loop, stream_release, stream);
	return NULL;
}

void stream_set_events(struct stream *stream, const struct stream_events *events, void *data)
{
	assert(!stream->dead);
	stream->events = events ? events : &no_events;
	stream->data = data;
	/* A protocol that takes over finds bytes that the last one left. */
	if (stream->input.len || (stream->input_ended && !stream->write_only)) {
		stream->end_told = false;
		stream->owes_data = true;
		stream_later(stream);
	}
	stream->kind->update(stream);
}

void stream_set_input_max(struct stream *stream, size_t bytes)
{
	stream->input_max = bytes;
	stream->kind->update(stream);
}

void *stream_data(const struct stream *stream)
{
	return stream->data;
}

struct loop *stream_loop(const struct stream *stream)
{
	return stream->loop;
}

struct buf *stream_input(struct stream *stream)
{
	return &stream->input;
}

const struct err *stream_error(const struct stream *stream)
{
	return &stream->err;
}

const char *stream_peer(const struct stream *stream)
{
	return stream->peer;
}

/* ---- what is owed to the user, at the end of the round ---- */

static void stream_turn(struct loop *loop, void *data)
{
	struct stream *stream = data;

	(void)loop;
	stream->turn_pending = false;
	if (stream->dead)
		return;
	if (stream->err.code == 0)
		stream->kind->flush(stream);
	if (stream->kind->pull && stream_wants_input(stream))
		stream->kind->pull(stream);
	if (stream->owes_open) {
		stream->owes_open = false;
		if (stream->events->on_open)
			stream->events->on_open(stream, stream->data);
	}
	if (!stream->dead && stream->owes_data && !stream->paused) {
		stream->owes_data = false;
		stream_deliver(stream);
	}
	if (!stream->dead && stream->high && !stream->out.len && stream->err.code == 0) {
		stream->high = false;
		if (stream->events->on_drain)
			stream->events->on_drain(stream, stream->data);
	}
	if (!stream->dead && stream->owes_failure) {
		stream->owes_failure = false;
		if (stream->finishing)
			(void)stream_free(stream);
		else if (stream->events->on_end)
			stream->events->on_end(stream, stream->err.code, stream->data);
	}
}

void stream_flush(struct stream *stream)
{
	if (!stream->dead && stream->open && stream->err.code == 0)
		stream->kind->flush(stream);
}

void stream_later(struct stream *stream)
{
	if (stream->turn_pending || stream->dead)
		return;
	stream->turn_pending = true;
	loop_defer(stream->loop, stream_turn, stream);
}

int stream_fail(struct stream *stream, int code, const char *fmt, ...)
{
	char text[400];
	va_list args;

	assert(code < 0);
	if (stream->err.code < 0)
		return code;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)err_set(&stream->err, code, "%s", text);
	byte_queue_done(&stream->out);
	stream->owes_failure = true;
	stream->kind->update(stream);
	stream_later(stream);
	return code;
}

void stream_opened(struct stream *stream)
{
	stream->open = true;
	stream->owes_open = true;
	stream_later(stream);
}

/* ---- reading ---- */

bool stream_wants_input(const struct stream *stream)
{
	return !stream->dead && stream->err.code == 0 && !stream->input_ended && !stream->paused &&
	       stream->input.len < stream->input_max;
}

void stream_deliver(struct stream *stream)
{
	if (stream->finishing) {
		buf_clear(&stream->input);
		if (stream->input_ended && stream->shut_done)
			(void)stream_free(stream);
		return;
	}
	if (stream->paused) {
		stream->owes_data = true;
		return;
	}
	if (stream->input.len && stream->events->on_data)
		stream->events->on_data(stream, stream->data);
	if (stream->dead)
		return;
	/* An idle stream keeps no large buffer. */
	if (!stream->input.len && stream->input.cap > 2048)
		buf_done(&stream->input);
	if (stream->paused) {
		stream->owes_data = true;
	} else if (stream->input_ended && !stream->end_told) {
		stream->end_told = true;
		if (stream->events->on_end)
			stream->events->on_end(stream, 0, stream->data);
		if (stream->dead)
			return;
	}
	stream->kind->update(stream);
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	stream->kind->update(stream);
}

void stream_resume(struct stream *stream)
{
	stream->paused = false;
	if (stream->input.len || stream->owes_data || (stream->input_ended && !stream->end_told)) {
		stream->owes_data = true;
		stream_later(stream);
	}
	stream->kind->update(stream);
}

/* ---- writing ---- */

static int may_write(const struct stream *stream)
{
	if (stream->dead || stream->shut_asked)
		return -EPIPE;
	return stream->err.code;
}

static void wrote(struct stream *stream)
{
	if (stream->out.len >= STREAM_HIGH_WATER) {
		stream->high = true;
		if (stream->open) /* don't let a round's writing pile up what could be on its way */
			stream->kind->flush(stream);
	}
	stream_later(stream);
}

int stream_write(struct stream *stream, const void *data, size_t len)
{
	int r = may_write(stream);

	if (r == 0)
		r = byte_queue_add(&stream->out, data, len, loop_monotonic_ns(stream->loop));
	if (r < 0)
		return r;
	wrote(stream);
	return 0;
}

int stream_write_shared(struct stream *stream, struct bytes *bytes)
{
	int r = may_write(stream);

	if (r == 0)
		r = byte_queue_add_shared(&stream->out, bytes, loop_monotonic_ns(stream->loop));
	if (r < 0)
		return r;
	wrote(stream);
	return 0;
}

size_t stream_queued(const struct stream *stream)
{
	return stream->out.len;
}

void stream_drained(struct stream *stream)
{
	if (!stream->out.len && stream->high)
		stream_later(stream);
}

/* ---- ending ---- */

void stream_shutdown(struct stream *stream)
{
	if (stream->shut_asked || stream->err.code < 0)
		return;
	stream->shut_asked = true;
	stream_later(stream);
}

void stream_shut_done(struct stream *stream)
{
	stream->shut_done = true;
	if (!stream->finishing)
		return;
	if (stream->input_ended)
		(void)stream_free(stream);
	else
		loop_timer_set_ms(stream->finish_timer, LINGER_MS);
}

static void on_finish_timer(struct loop *loop, void *data)
{
	(void)loop;
	(void)stream_free(data);
}

static void free_leftover(struct loop_leftover *leftover)
{
	(void)stream_free(CONTAINER_OF(leftover, struct stream, leftover));
}

void stream_finish(struct stream *stream)
{
	if (stream->dead || stream->finishing)
		return;
	stream->events = &no_events;
	if (stream->err.code < 0 || !stream->open ||
	    loop_timer_new(stream->loop, on_finish_timer, stream, &stream->finish_timer) < 0) {
		(void)stream_free(stream);
		return;
	}
	stream->finishing = true;
	stream->leftover.free = free_leftover;
	loop_adopt(stream->loop, &stream->leftover);
	stream->paused = false;
	buf_clear(&stream->input);
	loop_timer_set_ms(stream->finish_timer, FINISH_MS);
	stream_shutdown(stream);
	if (stream->shut_done)
		stream_shut_done(stream);
	else
		stream->kind->update(stream);
}
