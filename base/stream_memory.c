/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two streams that are each other's wire: for the simulator, and for tests of everything that is
 * spoken on a stream. Between them lie two ways, each with its own queue, as a kernel has them:
 * bytes arrive when their time has come and the reader has room, also after the writer was freed.
 */
#include <errno.h>
#include <stdio.h>

#include "base/stream_impl.h"

#define WAY_MAX ((size_t)64 << 10)

struct way {
	struct loop *loop;
	struct stream *writer, *reader; /* NULL: freed. Both: so is the way */
	struct byte_queue queue;
	int64_t delay_ns;
	bool ended; /* nothing comes after the queue */
	int64_t end_at_ns;
	struct loop_timer *timer;
};

struct memory_stream {
	struct stream stream;
	struct way *out, *in;
};

static struct memory_stream *memory_of(const struct stream *stream)
{
	return CONTAINER_OF(stream, struct memory_stream, stream);
}

static struct way *way_free(struct way *way)
{
	if (!way)
		return NULL;
	(void)loop_timer_free(way->timer);
	byte_queue_done(&way->queue);
	free(way);
	return NULL;
}

static void way_wait(struct way *way, int64_t at_ns)
{
	loop_timer_set_ns(way->timer, at_ns - loop_monotonic_ns(way->loop));
}

static bool takes_input(const struct stream *reader)
{
	return reader->finishing || stream_wants_input(reader);
}

/* What has arrived by now, into the reader's input. Returns whether there was any. */
static bool way_arrive(struct way *way, struct stream *reader, int64_t now_ns)
{
	bool any = false;

	while (way->queue.len && takes_input(reader)) {
		size_t len;
		const char *bytes = byte_queue_peek(&way->queue, &len);
		int64_t at_ns = byte_queue_at_ns(&way->queue);

		if (at_ns > now_ns) {
			way_wait(way, at_ns);
			break;
		}
		if (!reader->finishing)
			len = MIN(len, reader->input_max - reader->input.len);
		if (!reader->finishing && buf_append(&reader->input, bytes, len) < 0) {
			(void)stream_fail(reader, -ENOMEM, "receive from memory");
			return false;
		}
		byte_queue_drop(&way->queue, len);
		any = true;
	}
	return any;
}

static void on_way_timer(struct loop *loop, void *data)
{
	int64_t now_ns = loop_monotonic_ns(loop);
	struct way *way = data;
	struct stream *reader = way->reader;
	bool any;

	if (!reader || reader->err.code < 0)
		return;
	any = way_arrive(way, reader, now_ns);
	if (!way->queue.len && way->ended && !reader->input_ended) {
		if (way->end_at_ns > now_ns)
			way_wait(way, way->end_at_ns);
		else
			reader->input_ended = any = true;
	}
	if (any) {
		reader->owes_data = true;
		stream_later(reader);
	}
	if (way->writer && way->writer->out.len)
		stream_later(way->writer);
}

static int way_take(struct way *way, struct stream *writer, size_t max)
{
	int64_t at_ns = loop_monotonic_ns(way->loop) + way->delay_ns;

	while (writer->out.len && way->queue.len < max) {
		size_t len;
		const char *bytes = byte_queue_peek(&writer->out, &len);

		len = MIN(len, max - way->queue.len);
		if (byte_queue_add(&way->queue, bytes, len, at_ns) < 0)
			return -ENOMEM;
		byte_queue_drop(&writer->out, len);
		if (!loop_timer_armed(way->timer))
			way_wait(way, byte_queue_at_ns(&way->queue));
	}
	return 0;
}

static void way_end(struct way *way)
{
	way->ended = true;
	way->end_at_ns = loop_monotonic_ns(way->loop) + way->delay_ns;
	if (!loop_timer_armed(way->timer))
		way_wait(way, way->end_at_ns);
}

static void memory_flush(struct stream *stream)
{
	struct way *way = memory_of(stream)->out;

	if (!way->reader && stream->out.len) {
		(void)stream_fail(stream, -EPIPE, "send to memory");
		return;
	}
	if (way_take(way, stream, WAY_MAX) < 0) {
		(void)stream_fail(stream, -ENOMEM, "send to memory");
		return;
	}
	stream_drained(stream);
	if (!stream->out.len && stream->shut_asked && !stream->shut_done) {
		way_end(way);
		stream_shut_done(stream);
	}
}

static void memory_update(struct stream *stream)
{
	struct way *way = memory_of(stream)->in;

	if (takes_input(stream) && (way->queue.len || way->ended) && !loop_timer_armed(way->timer))
		way_wait(way, 0);
}

static void memory_close(struct stream *stream)
{
	struct memory_stream *m = memory_of(stream);

	if (m->out) {
		m->out->writer = NULL;
		if (m->out->reader) {
			(void)way_take(m->out, stream, SIZE_MAX);
			if (!m->out->ended)
				way_end(m->out);
		} else {
			m->out = way_free(m->out);
		}
	}
	if (m->in) {
		m->in->reader = NULL;
		loop_timer_clear(m->in->timer);
		byte_queue_done(&m->in->queue);
		if (!m->in->writer)
			m->in = way_free(m->in);
	}
}

static const struct stream_kind memory_kind = {
	.flush = memory_flush,
	.update = memory_update,
	.close = memory_close,
};

static struct way *way_new(struct loop *loop, int64_t delay_ns)
{
	struct way *way = calloc(1, sizeof(*way));

	if (!way)
		return NULL;
	way->loop = loop;
	way->delay_ns = delay_ns;
	if (loop_timer_new(loop, on_way_timer, way, &way->timer) < 0)
		return way_free(way);
	return way;
}

static struct memory_stream *memory_new(struct loop *loop)
{
	struct memory_stream *m = calloc(1, sizeof(*m));

	if (!m || stream_init(&m->stream, loop, &memory_kind) < 0) {
		free(m);
		return NULL;
	}
	(void)snprintf(m->stream.peer, sizeof(m->stream.peer), "memory");
	return m;
}

int stream_pair(struct loop *loop, int64_t delay_ns, struct stream **ret_a, struct stream **ret_b)
{
	struct memory_stream *a = memory_new(loop), *b = memory_new(loop);
	struct way *there = way_new(loop, delay_ns), *back = way_new(loop, delay_ns);

	if (!a || !b || !there || !back) {
		if (a)
			stream_abandon(&a->stream);
		if (b)
			stream_abandon(&b->stream);
		(void)way_free(there);
		(void)way_free(back);
		return -ENOMEM;
	}
	there->writer = back->reader = &a->stream;
	there->reader = back->writer = &b->stream;
	a->out = b->in = there;
	a->in = b->out = back;
	stream_opened(&a->stream);
	stream_opened(&b->stream);
	*ret_a = &a->stream;
	*ret_b = &b->stream;
	return 0;
}
