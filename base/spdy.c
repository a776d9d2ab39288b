/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of SPDY: life, frames out, what the user does. */
#include <assert.h>
#include <string.h>

#include "base/spdy_impl.h"

/* ---- life: nothing goes away while one of us is on the stack ---- */

static void really_free(struct spdy *spdy)
{
	list_for_each (node, next, &spdy->streams) {
		struct spdy_stream *stream = list_entry(node, struct spdy_stream, link);

		buf_done(&stream->queue);
		free(stream);
	}
	list_for_each (node, next, &spdy->gone)
		free(list_entry(node, struct spdy_stream, link));
	(void)spdy_packer_free(spdy->packer);
	(void)spdy_packer_free(spdy->unpacker);
	buf_done(&spdy->frame);
	free(spdy);
}

void spdy_enter(struct spdy *spdy)
{
	spdy->depth++;
}

void spdy_leave(struct spdy *spdy)
{
	if (--spdy->depth)
		return;
	if (spdy->dead) {
		really_free(spdy);
		return;
	}
	list_for_each (node, next, &spdy->gone) {
		list_remove(node);
		free(list_entry(node, struct spdy_stream, link));
	}
}

struct spdy *spdy_free(struct spdy *spdy)
{
	if (!spdy || spdy->dead)
		return NULL;
	spdy->dead = true;
	if (!spdy->depth)
		really_free(spdy);
	return NULL;
}

int spdy_new(bool server, const struct spdy_events *events, void *data, struct spdy **ret)
{
	struct spdy *spdy = calloc(1, sizeof(*spdy));

	if (!spdy)
		return -ENOMEM;
	spdy->server = server;
	spdy->events = events;
	spdy->data = data;
	spdy->next_id = server ? 2 : 1;
	spdy->initial_window = WINDOW;
	spdy->frame = BUF_INIT(FRAME_HEADER + CONTROL_MAX);
	list_init(&spdy->streams);
	list_init(&spdy->gone);
	if (spdy_packer_new(false, &spdy->packer) < 0 ||
	    spdy_packer_new(true, &spdy->unpacker) < 0) {
		really_free(spdy);
		return -ENOMEM;
	}
	*ret = spdy;
	return 0;
}

void spdy_stream_gone(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;

	if (stream->gone)
		return;
	stream->gone = true;
	list_remove(&stream->link);
	spdy->n_streams--;
	buf_done(&stream->queue);
	list_append(&spdy->gone, &stream->link);
	if (!spdy->dead && spdy->events->on_stream_gone)
		spdy->events->on_stream_gone(spdy, stream, spdy->data);
}

int spdy_stream_new(struct spdy *spdy, uint32_t id, bool ours, struct spdy_stream **ret)
{
	struct spdy_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->spdy = spdy;
	stream->id = id;
	stream->ours = ours;
	stream->window = spdy->initial_window;
	stream->queue = BUF_INIT(QUEUE_MAX);
	list_append(&spdy->streams, &stream->link);
	spdy->n_streams++;
	*ret = stream;
	return 0;
}

struct spdy_stream *spdy_find(const struct spdy *spdy, uint32_t id)
{
	list_for_each (node, next, &spdy->streams) {
		struct spdy_stream *stream = list_entry(node, struct spdy_stream, link);

		if (stream->id == id)
			return stream;
	}
	return NULL;
}

/* ---- numbers and frames ---- */

static void write32(void *to, uint32_t n)
{
	unsigned char *p = to;

	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

int spdy_fail(struct spdy *spdy, int code, const char *why)
{
	struct err err = { 0 };

	if (spdy->failed || spdy->dead)
		return code;
	spdy->failed = code;
	if (code == -EPROTO)
		(void)err_say(&err, code, "SPDY: %s", why);
	else
		(void)err_set(&err, code, "SPDY: %s", why);
	if (spdy->events->on_error)
		spdy->events->on_error(spdy, &err, spdy->data);
	return code;
}

static int output(struct spdy *spdy, const void *bytes, size_t len)
{
	int r;

	if (spdy->failed || spdy->dead)
		return spdy->failed ? spdy->failed : -EPIPE;
	r = spdy->events->on_output(spdy, bytes, len, spdy->data);
	return r < 0 ? spdy_fail(spdy, r, "send") : 0;
}

static void control_header(unsigned char *to, enum control type, unsigned flags, size_t len)
{
	write32(to, 0x80030000u | (uint32_t)type);
	write32(to + 4, (uint32_t)flags << 24 | (uint32_t)len);
}

/* A control frame of one or two numbers. */
int spdy_send_numbers(struct spdy *spdy, enum control type, unsigned n, uint32_t a, uint32_t b)
{
	unsigned char frame[FRAME_HEADER + 8];

	control_header(frame, type, 0, n * (size_t)4);
	write32(frame + 8, a);
	write32(frame + 12, b);
	return output(spdy, frame, FRAME_HEADER + n * (size_t)4);
}

int spdy_broke(struct spdy *spdy, const char *why)
{
	if (!spdy->failed && !spdy->dead)
		(void)spdy_send_numbers(spdy, GOAWAY, 2, spdy->last_peer_id, SPDY_PROTOCOL_ERROR);
	return spdy_fail(spdy, -EPROTO, why);
}

/* SYN_STREAM and SYN_REPLY: numbers, then a block of headers. */
static int send_headers(struct spdy *spdy, enum control type, unsigned flags, uint32_t id,
			const struct http_header *headers, size_t n)
{
	auto_buf struct buf frame = BUF_INIT(CONTROL_MAX);
	unsigned char front[FRAME_HEADER + 10] = { 0 };
	size_t front_len = FRAME_HEADER + (type == SYN_STREAM ? 10 : 4);
	int r;

	write32(front + 8, id);
	r = buf_append(&frame, front, front_len);
	if (r == 0)
		r = spdy_pack(spdy->packer, headers, n, &frame);
	if (r < 0) /* the packer's state and the peer's differ from now on */
		return spdy_fail(spdy, r, "pack headers");
	control_header((unsigned char *)frame.data, type, flags, frame.len - FRAME_HEADER);
	return output(spdy, frame.data, frame.len);
}

/* ---- sending data ---- */

static size_t may_send(const struct spdy_stream *stream)
{
	const struct spdy *spdy = stream->spdy;
	int64_t n = (int64_t)stream->queue.len;

	if (spdy->held)
		return 0;
	if (spdy->peer_has_windows)
		n = MIN(n, MAX(stream->window, 0));
	return (size_t)MIN(n, (int64_t)DATA_MAX);
}

static int send_data(struct spdy_stream *stream, const void *bytes, size_t len, bool fin)
{
	unsigned char frame[FRAME_HEADER + DATA_MAX];

	write32(frame, stream->id);
	write32(frame + 4, (fin ? (uint32_t)FLAG_FIN << 24 : 0) | (uint32_t)len);
	if (len)
		memcpy(frame + FRAME_HEADER, bytes, len);
	stream->window -= (int64_t)len;
	if (fin)
		stream->finish_sent = true;
	return output(stream->spdy, frame, FRAME_HEADER + len);
}

void spdy_over_if_ended(struct spdy_stream *stream)
{
	if (stream->ended && stream->finish_sent)
		spdy_stream_gone(stream);
}

int spdy_flush(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;
	size_t n;
	int r = 0;

	while (r == 0 && !spdy->dead && !stream->gone && (n = may_send(stream)) > 0) {
		bool fin = stream->finish_asked && n == stream->queue.len;

		r = send_data(stream, stream->queue.data, n, fin);
		if (!stream->gone)
			buf_consume(&stream->queue, n);
	}
	if (r < 0 || spdy->dead || stream->gone || stream->queue.len)
		return r;
	if (stream->finish_asked && !stream->finish_sent && !spdy->held)
		r = send_data(stream, NULL, 0, true);
	if (stream->waiting && !spdy->dead && !stream->gone) {
		stream->waiting = false;
		if (!stream->finish_asked && spdy->events->on_writable)
			spdy->events->on_writable(spdy, stream, spdy->data);
	}
	if (!stream->gone)
		spdy_over_if_ended(stream);
	return r;
}

void spdy_flush_all(struct spdy *spdy)
{
	/* A callback may make streams go away; then begin again, until none has anything to do. */
	for (bool again = true; again && !spdy->dead && !spdy->held;) {
		again = false;
		list_for_each (node, next, &spdy->streams) {
			struct spdy_stream *stream = list_entry(node, struct spdy_stream, link);
			bool fin_waits = stream->finish_asked && !stream->finish_sent;

			if (!may_send(stream) && !(fin_waits && !stream->queue.len) &&
			    !(stream->waiting && !stream->queue.len))
				continue;
			(void)spdy_flush(stream);
			again = !spdy->failed;
			break;
		}
	}
}

void spdy_hold(struct spdy *spdy, bool hold)
{
	spdy_enter(spdy);
	spdy->held = hold;
	spdy_flush_all(spdy);
	spdy_leave(spdy);
}

/* ---- what the user does ---- */

int spdy_open(struct spdy *spdy, const struct http_header *headers, size_t n_headers, bool fin,
	      struct spdy_stream **ret)
{
	struct spdy_stream *stream;
	int r;

	if (spdy->failed || spdy->going_away || spdy->next_id > ID_MAX)
		return -EPIPE;
	if (spdy->n_streams >= STREAMS_MAX)
		return -EMFILE;
	r = spdy_stream_new(spdy, spdy->next_id, true, &stream);
	if (r < 0)
		return r;
	spdy->next_id += 2;
	stream->finish_asked = stream->finish_sent = fin;
	spdy_enter(spdy);
	r = send_headers(spdy, SYN_STREAM, fin ? FLAG_FIN : 0, stream->id, headers, n_headers);
	if (r < 0) { /* nobody has seen it */
		stream->gone = true;
		list_remove(&stream->link);
		spdy->n_streams--;
		list_append(&spdy->gone, &stream->link);
	}
	spdy_leave(spdy);
	if (r == 0)
		*ret = stream;
	return r;
}

int spdy_reply(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->ours || stream->replied || stream->gone)
		return -EALREADY;
	stream->replied = true;
	spdy_enter(spdy);
	r = send_headers(spdy, SYN_REPLY, 0, stream->id, NULL, 0);
	spdy_leave(spdy);
	return r;
}

int spdy_write(struct spdy_stream *stream, const void *bytes, size_t len)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->finish_asked || stream->gone || spdy->failed)
		return -EPIPE;
	r = buf_append(&stream->queue, bytes, len);
	if (r < 0) {
		stream->queue.failed = 0;
		return r == -E2BIG ? -EAGAIN : r;
	}
	spdy_enter(spdy);
	r = spdy_flush(stream);
	if (!stream->gone && stream->queue.len)
		stream->waiting = true;
	spdy_leave(spdy);
	return r;
}

size_t spdy_queued(const struct spdy_stream *stream)
{
	return stream->queue.len;
}

void spdy_consumed(struct spdy_stream *stream, size_t len)
{
	struct spdy *spdy = stream->spdy;

	if (stream->gone || stream->ended)
		return;
	stream->consumed += len;
	if (stream->consumed < (size_t)WINDOW / 2)
		return;
	spdy_enter(spdy);
	(void)spdy_send_numbers(spdy, WINDOW_UPDATE, 2, stream->id, (uint32_t)stream->consumed);
	stream->consumed = 0;
	spdy_leave(spdy);
}

int spdy_finish(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->finish_asked || stream->gone || spdy->failed)
		return -EPIPE;
	stream->finish_asked = true;
	spdy_enter(spdy);
	r = spdy_flush(stream);
	spdy_leave(spdy);
	return r;
}

int spdy_reset(struct spdy_stream *stream, unsigned status)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->gone)
		return -EPIPE;
	spdy_enter(spdy);
	r = spdy_send_numbers(spdy, RST_STREAM, 2, stream->id, status);
	spdy_stream_gone(stream);
	spdy_leave(spdy);
	return r;
}

int spdy_goaway(struct spdy *spdy)
{
	int r;

	spdy_enter(spdy);
	spdy->going_away = true;
	r = spdy_send_numbers(spdy, GOAWAY, 2, spdy->last_peer_id, 0);
	spdy_leave(spdy);
	return r;
}

void *spdy_stream_data(const struct spdy_stream *stream)
{
	return stream->data;
}

void spdy_stream_set_data(struct spdy_stream *stream, void *data)
{
	stream->data = data;
}

uint32_t spdy_stream_id(const struct spdy_stream *stream)
{
	return stream->id;
}
