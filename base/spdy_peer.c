/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer sends: frames put together, judged, and told. */
#include <string.h>

#include "base/spdy_impl.h"

static void peer_ended(struct spdy_stream *stream)
{
	struct spdy *spdy = stream->spdy;

	if (stream->ended || stream->gone || spdy->dead)
		return;
	stream->ended = true;
	if (spdy->events->on_stream_end)
		spdy->events->on_stream_end(spdy, stream, 0, spdy->data);
	if (!stream->gone && !spdy->dead)
		spdy_over_if_ended(stream);
}

/* Read, even if nobody wants it: the unpacker must see every block. */
static int take_block(struct spdy *spdy, const char *block, size_t len, struct buf *text,
		      struct http_header *headers, size_t *ret_n)
{
	int r = spdy_unpack(spdy->unpacker, block, len, text, headers, ret_n);

	if (r == -EPROTO)
		return spdy_broke(spdy, "a broken block of headers");
	return r < 0 ? spdy_fail(spdy, r, "unpack headers") : 0;
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
		return spdy_broke(spdy, "a short SYN_STREAM");
	id = spdy_read32(p) & ID_MAX;
	if (id % 2 != spdy->server || id <= spdy->last_peer_id)
		return spdy_broke(spdy, "a stream with a number that is not its own");
	r = take_block(spdy, p + 10, len - 10, &text, headers, &n);
	if (r < 0)
		return r;
	spdy->last_peer_id = id;
	if (spdy->going_away)
		return 0;
	if (spdy->n_streams >= STREAMS_MAX)
		return spdy_send_numbers(spdy, RST_STREAM, 2, id, SPDY_REFUSED_STREAM);
	if (spdy_stream_new(spdy, id, false, &stream) < 0)
		return spdy_fail(spdy, -ENOMEM, "open a stream");
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
		return spdy_broke(spdy, "a short SYN_REPLY");
	r = take_block(spdy, p + 4, len - 4, &text, headers, &n);
	stream = spdy_find(spdy, spdy_read32(p) & ID_MAX);
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
		return spdy_broke(spdy, "a short RST_STREAM");
	stream = spdy_find(spdy, spdy_read32(p) & ID_MAX);
	if (!stream)
		return 0;
	if (spdy->events->on_stream_end)
		spdy->events->on_stream_end(spdy, stream, -ECONNRESET, spdy->data);
	if (!spdy->dead)
		spdy_stream_gone(stream);
	return 0;
}

static int on_settings(struct spdy *spdy, const char *p, size_t len)
{
	size_t n = len >= 4 ? spdy_read32(p) : 0;

	if (len < 4 || n > (len - 4) / 8)
		return spdy_broke(spdy, "a short SETTINGS");
	for (size_t i = 0; i < n; i++) {
		const char *entry = p + 4 + i * 8;
		int64_t window = spdy_read32(entry + 4);

		if ((spdy_read32(entry) & 0xffffff) != SETTING_INITIAL_WINDOW)
			continue;
		if (window >= WINDOW_MAX)
			return spdy_broke(spdy, "a window that is too large");
		list_for_each (node, next, &spdy->streams)
			list_entry(node, struct spdy_stream, link)->window +=
				window - spdy->initial_window;
		spdy->initial_window = window;
		spdy->peer_has_windows = true;
	}
	spdy_flush_all(spdy);
	return 0;
}

static int on_window_update(struct spdy *spdy, const char *p, size_t len)
{
	struct spdy_stream *stream;
	uint32_t id, delta;

	if (len < 8)
		return spdy_broke(spdy, "a short WINDOW_UPDATE");
	id = spdy_read32(p) & ID_MAX;
	delta = spdy_read32(p + 4) & ID_MAX;
	spdy->peer_has_windows = true;
	if (!id)
		return 0; /* the whole session's, which SPDY/3.1 has too: the carrier bounds it */
	stream = spdy_find(spdy, id);
	if (!stream)
		return 0;
	stream->window += delta;
	if (stream->window >= WINDOW_MAX)
		return spdy_reset(stream, SPDY_FLOW_CONTROL_ERROR);
	return spdy_flush(stream);
}

static int on_ping(struct spdy *spdy, const char *p, size_t len)
{
	if (len < 4)
		return spdy_broke(spdy, "a short PING");
	if (spdy_read32(p) % 2 != spdy->server)
		return 0; /* the answer to one of ours */
	return spdy_send_numbers(spdy, PING, 1, spdy_read32(p), 0);
}

static int on_control(struct spdy *spdy)
{
	const char *header = spdy->frame.data, *p = header + FRAME_HEADER;
	size_t len = spdy->frame.len - FRAME_HEADER;
	unsigned flags = (unsigned char)header[4];

	switch ((enum control)(spdy_read32(header) & 0xffff)) {
	case SYN_STREAM:
		return on_syn_stream(spdy, flags, p, len);
	case SYN_REPLY:
	case HEADERS:
		return on_syn_reply(spdy, spdy_read32(header) & 0xffff, flags, p, len);
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
	struct spdy_stream *stream = spdy_find(spdy, spdy->data_stream);
	size_t n = MIN(len, (size_t)spdy->data_left);

	spdy->data_left -= (uint32_t)n;
	if (stream && !stream->ended && n && spdy->events->on_bytes)
		spdy->events->on_bytes(spdy, stream, bytes, n, spdy->data);
	if (spdy->data_left || spdy->dead)
		return n;
	spdy->in_data = false;
	stream = spdy_find(spdy, spdy->data_stream);
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
		need += spdy_read32(frame->data + 4) & 0xffffff;
	n = MIN(len, need - frame->len);
	if (buf_append(frame, bytes, n) < 0)
		return spdy_fail(spdy, -ENOMEM, "receive");
	if (frame->len < need)
		return (ssize_t)n;
	first = spdy_read32(frame->data);
	second = spdy_read32(frame->data + 4);
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
		return spdy_broke(spdy, "not SPDY/3");
	if ((second & 0xffffff) > CONTROL_MAX)
		return spdy_broke(spdy, "a control frame that is too large");
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

	spdy_enter(spdy);
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
	spdy_leave(spdy);
	return r;
}
