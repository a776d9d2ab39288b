/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spdy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/list.h"
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
	uint32_t next_id, last_peer_id, next_ping;
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

static void enter(struct spdy *spdy)
{
	spdy->depth++;
}

static void leave(struct spdy *spdy)
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
	spdy->next_ping = spdy->next_id;
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

static void stream_gone(struct spdy_stream *stream)
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

static int stream_new(struct spdy *spdy, uint32_t id, bool ours, struct spdy_stream **ret)
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

static struct spdy_stream *find(const struct spdy *spdy, uint32_t id)
{
	list_for_each (node, next, &spdy->streams) {
		struct spdy_stream *stream = list_entry(node, struct spdy_stream, link);

		if (stream->id == id)
			return stream;
	}
	return NULL;
}

/* ---- numbers and frames ---- */

static uint32_t read32(const void *from)
{
	const unsigned char *p = from;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write32(void *to, uint32_t n)
{
	unsigned char *p = to;

	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

static int fail(struct spdy *spdy, int code, const char *why)
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
	return r < 0 ? fail(spdy, r, "send") : 0;
}

static void control_header(unsigned char *to, enum control type, unsigned flags, size_t len)
{
	write32(to, 0x80030000u | (uint32_t)type);
	write32(to + 4, (uint32_t)flags << 24 | (uint32_t)len);
}

/* A control frame of one or two numbers. */
static int send_numbers(struct spdy *spdy, enum control type, unsigned n, uint32_t a, uint32_t b)
{
	unsigned char frame[FRAME_HEADER + 8];

	control_header(frame, type, 0, n * (size_t)4);
	write32(frame + 8, a);
	write32(frame + 12, b);
	return output(spdy, frame, FRAME_HEADER + n * (size_t)4);
}

static int broke(struct spdy *spdy, const char *why)
{
	if (!spdy->failed && !spdy->dead)
		(void)send_numbers(spdy, GOAWAY, 2, spdy->last_peer_id, SPDY_PROTOCOL_ERROR);
	return fail(spdy, -EPROTO, why);
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
		return fail(spdy, r, "pack headers");
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

static void over_if_both_ended(struct spdy_stream *stream)
{
	if (stream->ended && stream->finish_sent)
		stream_gone(stream);
}

static int flush(struct spdy_stream *stream)
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
		over_if_both_ended(stream);
	return r;
}

static void flush_all(struct spdy *spdy)
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
			(void)flush(stream);
			again = !spdy->failed;
			break;
		}
	}
}

void spdy_hold(struct spdy *spdy, bool hold)
{
	enter(spdy);
	spdy->held = hold;
	flush_all(spdy);
	leave(spdy);
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
	r = stream_new(spdy, spdy->next_id, true, &stream);
	if (r < 0)
		return r;
	spdy->next_id += 2;
	stream->finish_asked = stream->finish_sent = fin;
	enter(spdy);
	r = send_headers(spdy, SYN_STREAM, fin ? FLAG_FIN : 0, stream->id, headers, n_headers);
	if (r < 0) { /* nobody has seen it */
		stream->gone = true;
		list_remove(&stream->link);
		spdy->n_streams--;
		list_append(&spdy->gone, &stream->link);
	}
	leave(spdy);
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
	enter(spdy);
	r = send_headers(spdy, SYN_REPLY, 0, stream->id, NULL, 0);
	leave(spdy);
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
	enter(spdy);
	r = flush(stream);
	if (!stream->gone && stream->queue.len)
		stream->waiting = true;
	leave(spdy);
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
	enter(spdy);
	(void)send_numbers(spdy, WINDOW_UPDATE, 2, stream->id, (uint32_t)stream->consumed);
	stream->consumed = 0;
	leave(spdy);
}

int spdy_finish(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->finish_asked || stream->gone || spdy->failed)
		return -EPIPE;
	stream->finish_asked = true;
	enter(spdy);
	r = flush(stream);
	leave(spdy);
	return r;
}

int spdy_reset(struct spdy_stream *stream, unsigned status)
{
	struct spdy *spdy = stream->spdy;
	int r;

	if (stream->gone)
		return -EPIPE;
	enter(spdy);
	r = send_numbers(spdy, RST_STREAM, 2, stream->id, status);
	stream_gone(stream);
	leave(spdy);
	return r;
}

int spdy_goaway(struct spdy *spdy)
{
	int r;

	enter(spdy);
	spdy->going_away = true;
	r = send_numbers(spdy, GOAWAY, 2, spdy->last_peer_id, 0);
	leave(spdy);
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

/* ---- what the peer sends ---- */

static void peer_ended(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;

	if (stream->ended || stream->gone || spdy->dead)
		return;
	stream->ended = true;
	if (spdy->events->on_stream_end)
		spdy->events->on_stream_end(spdy, stream, 0, spdy->data);
	if (!stream->gone && !spdy->dead)
		over_if_both_ended(stream);
}

/* Read, even if nobody wants it: the unpacker must see every block. */
static int take_block(struct spdy *spdy, const char *block, size_t len, struct buf *text,
		      struct http_header *headers, size_t *ret_n)
{
	int r = spdy_unpack(spdy->unpacker, block, len, text, headers, ret_n);

	if (r == -EPROTO)
		return broke(spdy, "a broken block of headers");
	return r < 0 ? fail(spdy, r, "unpack headers") : 0;
}

static int on_syn_stream(struct spdy *spdy, unsigned flags, const char *p, size_t len)
{
	auto_buf struct buf text = BUF_INIT(SPDY_HEADER_BYTES_MAX);
	struct http_header headers[SPDY_HEADERS_MAX];
	struct spdy_stream *stream;
	uint32_t id;
	size_t n;
	int r;

	if (len < 10)
		return broke(spdy, "a short SYN_STREAM");
	id = read32(p) & ID_MAX;
	if (id % 2 != spdy->server || id <= spdy->last_peer_id)
		return broke(spdy, "a stream with a number that is not its own");
	r = take_block(spdy, p + 10, len - 10, &text, headers, &n);
	if (r < 0)
		return r;
	spdy->last_peer_id = id;
	if (spdy->going_away)
		return 0;
	if (spdy->n_streams >= STREAMS_MAX)
		return send_numbers(spdy, RST_STREAM, 2, id, SPDY_REFUSED_STREAM);
	if (stream_new(spdy, id, false, &stream) < 0)
		return fail(spdy, -ENOMEM, "open a stream");
	if (flags & FLAG_UNIDIRECTIONAL)
		stream->finish_asked = stream->finish_sent = true;
	if (spdy->events->on_stream)
		spdy->events->on_stream(spdy, stream, headers, n, spdy->data);
	if (flags & FLAG_FIN)
		peer_ended(stream);
	return 0;
}

static int on_syn_reply(struct spdy *spdy, enum control type, unsigned flags, const char *p,
			size_t len)
{
	auto_buf struct buf text = BUF_INIT(SPDY_HEADER_BYTES_MAX);
	struct http_header headers[SPDY_HEADERS_MAX];
	struct spdy_stream *stream;
	size_t n;
	int r;

	if (len < 4)
		return broke(spdy, "a short SYN_REPLY");
	r = take_block(spdy, p + 4, len - 4, &text, headers, &n);
	stream = find(spdy, read32(p) & ID_MAX);
	if (r < 0 || !stream)
		return r;
	if (type == SYN_REPLY && stream->ours && !stream->replied) {
		stream->replied = true;
		if (spdy->events->on_reply)
			spdy->events->on_reply(spdy, stream, spdy->data);
	}
	if (flags & FLAG_FIN)
		peer_ended(stream);
	return 0;
}

static int on_reset(struct spdy *spdy, const char *p, size_t len)
{
	struct spdy_stream *stream;

	if (len < 8)
		return broke(spdy, "a short RST_STREAM");
	stream = find(spdy, read32(p) & ID_MAX);
	if (!stream)
		return 0;
	if (spdy->events->on_stream_end)
		spdy->events->on_stream_end(spdy, stream, -ECONNRESET, spdy->data);
	if (!spdy->dead)
		stream_gone(stream);
	return 0;
}

static int on_settings(struct spdy *spdy, const char *p, size_t len)
{
	size_t n = len >= 4 ? read32(p) : 0;

	if (len < 4 || n > (len - 4) / 8)
		return broke(spdy, "a short SETTINGS");
	for (size_t i = 0; i < n; i++) {
		const char *entry = p + 4 + i * 8;
		int64_t window = read32(entry + 4);

		if ((read32(entry) & 0xffffff) != SETTING_INITIAL_WINDOW)
			continue;
		if (window >= WINDOW_MAX)
			return broke(spdy, "a window that is too large");
		list_for_each (node, next, &spdy->streams)
			list_entry(node, struct spdy_stream, link)->window +=
				window - spdy->initial_window;
		spdy->initial_window = window;
		spdy->peer_has_windows = true;
	}
	flush_all(spdy);
	return 0;
}

static int on_window_update(struct spdy *spdy, const char *p, size_t len)
{
	struct spdy_stream *stream;
	uint32_t id, delta;

	if (len < 8)
		return broke(spdy, "a short WINDOW_UPDATE");
	id = read32(p) & ID_MAX;
	delta = read32(p + 4) & ID_MAX;
	spdy->peer_has_windows = true;
	if (!id)
		return 0; /* the whole session's, which SPDY/3.1 has too: the carrier bounds it */
	stream = find(spdy, id);
	if (!stream)
		return 0;
	stream->window += delta;
	if (stream->window >= WINDOW_MAX)
		return spdy_reset(stream, SPDY_FLOW_CONTROL_ERROR);
	return flush(stream);
}

static int on_ping(struct spdy *spdy, const char *p, size_t len)
{
	if (len < 4)
		return broke(spdy, "a short PING");
	if (read32(p) % 2 != spdy->server)
		return 0; /* the answer to one of ours */
	return send_numbers(spdy, PING, 1, read32(p), 0);
}

static int on_control(struct spdy *spdy)
{
	const char *header = spdy->frame.data, *p = header + FRAME_HEADER;
	size_t len = spdy->frame.len - FRAME_HEADER;
	unsigned flags = (unsigned char)header[4];

	switch ((enum control)(read32(header) & 0xffff)) {
	case SYN_STREAM:
		return on_syn_stream(spdy, flags, p, len);
	case SYN_REPLY:
	case HEADERS:
		return on_syn_reply(spdy, read32(header) & 0xffff, flags, p, len);
	case RST_STREAM:
		return on_reset(spdy, p, len);
	case SETTINGS:
		return on_settings(spdy, p, len);
	case PING:
		return on_ping(spdy, p, len);
	case GOAWAY:
		spdy->going_away = true;
		return 0;
	case WINDOW_UPDATE:
		return on_window_update(spdy, p, len);
	}
	return 0; /* unknown types are to be ignored */
}

/* Bytes of the data frame that is coming; returns how many were used. */
static size_t take_data(struct spdy *spdy, const char *bytes, size_t len)
{
	struct spdy_stream *stream = find(spdy, spdy->data_stream);
	size_t n = MIN(len, (size_t)spdy->data_left);

	spdy->data_left -= (uint32_t)n;
	if (stream && !stream->ended && n && spdy->events->on_bytes)
		spdy->events->on_bytes(spdy, stream, bytes, n, spdy->data);
	if (spdy->data_left || spdy->dead)
		return n;
	spdy->in_data = false;
	stream = find(spdy, spdy->data_stream);
	if (stream && spdy->data_fin)
		peer_ended(stream);
	return n;
}

/* Bytes towards a header or a whole control frame; returns how many were used, or -errno. */
static ssize_t take_frame(struct spdy *spdy, const char *bytes, size_t len)
{
	struct buf *frame = &spdy->frame;
	size_t need = FRAME_HEADER, n;
	uint32_t first, second;
	int r;

	if (frame->len >= FRAME_HEADER)
		need += read32(frame->data + 4) & 0xffffff;
	n = MIN(len, need - frame->len);
	if (buf_append(frame, bytes, n) < 0)
		return fail(spdy, -ENOMEM, "receive");
	if (frame->len < need)
		return (ssize_t)n;
	first = read32(frame->data);
	second = read32(frame->data + 4);
	if (!(first & 0x80000000u)) {
		spdy->in_data = true;
		spdy->data_stream = first;
		spdy->data_left = second & 0xffffff;
		spdy->data_fin = second >> 24 & FLAG_FIN;
		buf_clear(frame);
		if (!spdy->data_left)
			(void)take_data(spdy, NULL, 0);
		return (ssize_t)n;
	}
	if ((first >> 16 & 0x7fff) != 3)
		return broke(spdy, "not SPDY/3");
	if ((second & 0xffffff) > CONTROL_MAX)
		return broke(spdy, "a control frame that is too large");
	if (frame->len < FRAME_HEADER + (second & 0xffffff))
		return (ssize_t)n;
	r = on_control(spdy);
	buf_clear(frame);
	return r < 0 ? r : (ssize_t)n;
}

int spdy_input(struct spdy *spdy, const void *bytes, size_t len)
{
	const char *p = bytes;
	int r = spdy->failed;

	enter(spdy);
	while (len && r == 0 && !spdy->dead) {
		ssize_t n =
			spdy->in_data ? (ssize_t)take_data(spdy, p, len) : take_frame(spdy, p, len);

		if (n < 0) {
			r = (int)n;
			break;
		}
		p += n;
		len -= (size_t)n;
		r = spdy->failed;
	}
	if (spdy->dead)
		r = 0;
	leave(spdy);
	return r;
}
