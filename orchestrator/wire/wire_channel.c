/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams. A channel lives until both sides have sent close; its user may have let go of it long
 * before. What it sends waits in its own queue, so that one frame of each channel leaves in turn.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "orchestrator/wire/wire_impl.h"

#define CREDIT_MAX ((int64_t)1 << 30)

static bool is_counted(enum wire_sub sub)
{
	return sub < WIRE_RESULT;
}

struct wire *wire_of(const struct wire_channel *channel)
{
	return channel->wire;
}

void *wire_channel_data(const struct wire_channel *channel)
{
	return channel->data;
}

size_t wire_channel_queued(const struct wire_channel *channel)
{
	return channel->queued;
}

static struct wire_channel *channel_at(const struct wire *wire, unsigned number)
{
	return number < wire->channels_cap ? wire->channels[number] : NULL;
}

/* ---- life ---- */

static void drop_frames(struct wire_channel *channel)
{
	list_for_each (node, next, &channel->frames)
		(void)wire_frame_free(list_entry(node, struct wire_frame, link));
	channel->queued = 0;
	channel->close_queued = false;
}

static void channel_free(struct wire_channel *channel)
{
	struct wire *wire = channel->wire;

	drop_frames(channel);
	list_remove(&channel->ready);
	list_remove(&channel->notify);
	wire->channels[channel->number] = NULL;
	wire->n_channels--;
	free(channel);
}

static void free_if_over(struct wire_channel *channel)
{
	if (channel->close_sent && channel->close_got && channel->let_go)
		channel_free(channel);
}

static int channel_new(struct wire *wire, unsigned number, bool ours, struct wire_channel **ret)
{
	struct wire_channel *channel = calloc(1, sizeof(*channel));
	size_t old = wire->channels_cap;

	if (!channel || array_grow(&wire->channels, &wire->channels_cap, number + 1,
				   sizeof(struct wire_channel *)) < 0) {
		free(channel);
		return -ENOMEM;
	}
	memset(wire->channels + old, 0, (wire->channels_cap - old) * sizeof(struct wire_channel *));
	channel->wire = wire;
	channel->number = (uint16_t)number;
	channel->ours = ours;
	channel->credit = channel->granted = (int64_t)WIRE_WINDOW;
	list_init(&channel->frames);
	list_init(&channel->ready);
	list_init(&channel->notify);
	wire->channels[number] = channel;
	wire->n_channels++;
	*ret = channel;
	return 0;
}

/* ---- what may be sent, and whose turn it is ---- */

static struct wire_frame *first_frame(const struct wire_channel *channel)
{
	return list_empty(&channel->frames)
		       ? NULL
		       : list_entry(channel->frames.next, struct wire_frame, link);
}

/* After our close the peer needs no more, and may have forgotten the channel. */
static bool owes_credit(const struct wire_channel *channel)
{
	return channel->owed >= WIRE_WINDOW / 2 && !channel->close_sent;
}

static bool may_send(const struct wire_channel *channel)
{
	const struct wire_frame *frame = first_frame(channel);

	if (owes_credit(channel))
		return true;
	if (!frame)
		return false;
	return frame->header.type != FRAME_DATA || !is_counted(frame->header.flags) ||
	       channel->credit >= (int64_t)frame->header.len;
}

static void get_in_line(struct wire_channel *channel)
{
	if (list_empty(&channel->ready) && may_send(channel))
		list_append(&channel->wire->ready, &channel->ready);
}

static int queue_frame(struct wire_channel *channel, enum wire_frame_type type, enum wire_sub sub,
		       const void *data, size_t len)
{
	const struct wire_header header = { .channel = channel->number,
					    .type = (uint8_t)type,
					    .flags = (uint8_t)sub };
	struct wire_frame *frame = wire_frame_new(&header, NULL, data, len);

	if (!frame)
		return -ENOMEM;
	list_append(&channel->frames, &frame->link);
	get_in_line(channel);
	return 0;
}

static int send_credit(struct wire_channel *channel)
{
	const struct wire_header header = { 4, channel->number, FRAME_CREDIT, 0 };
	unsigned char frame[WIRE_HEADER + 4];
	uint32_t n = (uint32_t)channel->owed;

	wire_header_put(&header, frame);
	for (int i = 0; i < 4; i++)
		frame[WIRE_HEADER + (size_t)i] = (unsigned char)(n >> (24 - 8 * i));
	channel->granted += (int64_t)channel->owed;
	channel->owed = 0;
	return stream_write(channel->wire->stream, frame, sizeof(frame));
}

static void sent(struct wire_channel *channel, const struct wire_frame *frame)
{
	if (frame->header.type == FRAME_CLOSE)
		channel->close_sent = true;
	if (frame->header.type != FRAME_DATA)
		return;
	channel->queued -= frame->header.len;
	if (is_counted(frame->header.flags))
		channel->credit -= (int64_t)frame->header.len;
	if (channel->queued || !channel->high)
		return;
	channel->high = false;
	if (!channel->let_go && list_empty(&channel->notify)) {
		list_append(&channel->wire->notify, &channel->notify);
		wire_later(channel->wire);
	}
}

int wire_channel_send(struct wire_channel *channel)
{
	struct wire_frame *frame;
	int r;

	list_remove(&channel->ready);
	if (owes_credit(channel)) {
		r = send_credit(channel);
		get_in_line(channel);
		return r;
	}
	frame = first_frame(channel);
	if (!frame)
		return 0;
	/* Small frames leave in one piece with their neighbours, large ones without another copy. */
	if (frame->bytes->len <= 512)
		r = stream_write(channel->wire->stream, frame->bytes->data, frame->bytes->len);
	else
		r = stream_write_shared(channel->wire->stream, frame->bytes);
	if (r < 0)
		return r;
	sent(channel, frame);
	(void)wire_frame_free(frame);
	get_in_line(channel);
	free_if_over(channel);
	return 0;
}

void wire_channel_writable(struct wire_channel *channel)
{
	list_remove(&channel->notify);
	if (!channel->let_go && channel->events && channel->events->on_writable)
		channel->events->on_writable(channel, channel->data);
}

/* ---- what the user does ---- */

static int may_act(const struct wire *wire)
{
	if (wire->ended)
		return -EPIPE;
	return wire->state == OPEN ? 0 : -ENOTCONN;
}

int wire_open(struct wire *wire, const char *json, size_t len,
	      const struct wire_channel_events *events, void *data, struct wire_channel **ret)
{
	unsigned number = wire->side == WIRE_AGENT ? 1 : 2;
	struct wire_channel *channel;
	int r = may_act(wire);

	if (r < 0)
		return r;
	if (len > WIRE_TEXT_MAX)
		return -E2BIG;
	if (wire->n_channels >= WIRE_CHANNELS_MAX)
		return -EMFILE;
	while (channel_at(wire, number))
		number += 2;
	r = channel_new(wire, number, true, &channel);
	if (r < 0)
		return r;
	channel->events = events;
	channel->data = data;
	r = queue_frame(channel, FRAME_OPEN, 0, json, len);
	if (r < 0) {
		channel_free(channel);
		return r;
	}
	wire_pump(wire);
	*ret = channel;
	return 0;
}

void wire_channel_bind(struct wire_channel *channel, const struct wire_channel_events *events,
		       void *data)
{
	channel->events = events;
	channel->data = data;
}

int wire_accept(struct wire_channel *channel, const char *json, size_t len)
{
	int r = may_act(channel->wire);

	if (r < 0)
		return r;
	assert(!channel->ours);
	if (channel->accepted)
		return -EALREADY;
	if (len > WIRE_TEXT_MAX)
		return -E2BIG;
	r = queue_frame(channel, FRAME_ACCEPT, 0, json, json ? len : 0);
	if (r < 0)
		return r;
	channel->accepted = true;
	wire_pump(channel->wire);
	return 0;
}

int wire_write(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len)
{
	const char *p = bytes;
	int r = may_act(channel->wire);

	if (r < 0)
		return r;
	if (channel->let_go || channel->ended_by_us & (1u << sub))
		return -EPIPE;
	if (!is_counted(sub) && len > WIRE_CONTROL_MAX)
		return -E2BIG;
	if (len > WIRE_QUEUE_MAX - MIN(channel->queued, WIRE_QUEUE_MAX))
		return -EAGAIN;
	while (len) {
		size_t n = MIN(len, WIRE_DATA_MAX);

		r = queue_frame(channel, FRAME_DATA, sub, p, n);
		if (r < 0)
			return r;
		channel->queued += n;
		p += n;
		len -= n;
	}
	if (channel->queued >= WIRE_WINDOW)
		channel->high = true;
	wire_pump(channel->wire);
	return 0;
}

void wire_consumed(struct wire_channel *channel, size_t len)
{
	assert(len <= channel->unconsumed);
	channel->unconsumed -= len;
	channel->owed += len;
	get_in_line(channel);
	wire_pump(channel->wire);
}

int wire_end(struct wire_channel *channel, enum wire_sub sub)
{
	int r = may_act(channel->wire);

	if (r < 0)
		return r;
	if (channel->let_go || channel->ended_by_us & (1u << sub))
		return -EPIPE;
	r = queue_frame(channel, FRAME_END, sub, NULL, 0);
	if (r < 0)
		return r;
	channel->ended_by_us |= (uint8_t)(1u << sub);
	wire_pump(channel->wire);
	return 0;
}

static void queue_close(struct wire_channel *channel, const struct err *why)
{
	auto_buf struct buf json = BUF_INIT(WIRE_TEXT_MAX);

	if (channel->close_queued || channel->close_sent)
		return;
	channel->close_queued = true;
	if (why && why->code < 0)
		(void)wire_error_put(&json, why);
	if (queue_frame(channel, FRAME_CLOSE, 0, json.data, json.len) < 0)
		wire_fail(channel->wire, &(struct err){ -ENOMEM, "close a stream: out of memory" });
}

void wire_close(struct wire_channel *channel, const struct err *why)
{
	struct wire *wire = channel->wire;

	if (channel->let_go)
		return;
	channel->let_go = true;
	channel->events = NULL;
	list_remove(&channel->notify);
	if (wire->ended)
		return; /* it goes with the connection */
	/* Nobody takes what may still come, so the peer must not wait for credit before it closes. */
	channel->owed += channel->unconsumed;
	channel->unconsumed = 0;
	queue_close(channel, why);
	wire_pump(wire);
}

/* ---- what the peer does ---- */

static int refuse_stream(struct wire_channel *channel, int code, const char *why)
{
	struct err err = { 0 };

	(void)err_say(&err, code, "%s", why);
	channel->let_go = true;
	channel->events = NULL;
	queue_close(channel, &err);
	wire_pump(channel->wire);
	return 0;
}

static int on_open_frame(struct wire *wire, const struct wire_header *h, const char *payload,
			 struct err *err)
{
	bool odd = h->channel & 1;
	struct wire_channel *channel;
	bool let_go;

	if (odd == (wire->side == WIRE_AGENT))
		return err_say(err, -EPROTO, "open of channel %u, which is ours to open",
			       h->channel);
	if (channel_at(wire, h->channel) || wire->n_channels >= (size_t)2 * WIRE_CHANNELS_MAX)
		return err_say(err, -EPROTO, "open of channel %u, which is open", h->channel);
	if (channel_new(wire, h->channel, false, &channel) < 0)
		return err_set(err, -ENOMEM, "open a stream");
	if (wire->n_channels > WIRE_CHANNELS_MAX)
		return refuse_stream(channel, -EMFILE, "too many streams are open");
	wire->events->on_open(wire, channel, payload, h->len, wire->data);
	if (wire->ended || wire->dead)
		return 0;
	/* It may have been closed, and even be gone by now; else somebody must listen. */
	channel = channel_at(wire, h->channel);
	let_go = !channel || channel->let_go;
	return let_go || channel->events ? 0
					 : refuse_stream(channel, -EOPNOTSUPP,
							 "streams of this kind are not known here");
}

static int on_data_frame(struct wire_channel *channel, const struct wire_header *h,
			 const char *payload, struct err *err)
{
	enum wire_sub sub = h->flags;

	if (channel->ended_by_peer & (1u << sub))
		return err_say(err, -EPROTO, "data after the end of sub-stream %u", sub);
	if (!is_counted(sub) && h->len > WIRE_CONTROL_MAX)
		return err_say(err, -EPROTO, "%u bytes at once on sub-stream %u", h->len, sub);
	if (is_counted(sub)) {
		channel->granted -= (int64_t)h->len;
		if (channel->granted < 0)
			return err_say(err, -EPROTO, "more data than channel %u has credit for",
				       h->channel);
	}
	if (channel->let_go) {
		if (is_counted(sub))
			channel->owed += h->len; /* dropped is consumed */
		get_in_line(channel);
		wire_pump(channel->wire);
		return 0;
	}
	if (is_counted(sub))
		channel->unconsumed += h->len;
	if (channel->events && channel->events->on_data)
		channel->events->on_data(channel, sub, payload, h->len, channel->data);
	return 0;
}

static int on_credit_frame(struct wire_channel *channel, const unsigned char *p, struct err *err)
{
	uint32_t n = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	channel->credit += n;
	if (!n || channel->credit > CREDIT_MAX)
		return err_say(err, -EPROTO, "credit of %u on channel %u", n, channel->number);
	get_in_line(channel);
	wire_pump(channel->wire);
	return 0;
}

static int on_close_frame(struct wire_channel *channel, const char *payload, size_t len)
{
	struct wire *wire = channel->wire;
	unsigned number = channel->number;
	struct err why;

	wire_error_read(payload, len, &why);
	channel->close_got = true;
	if (!channel->close_sent) { /* what we had to say is of no interest any more */
		drop_frames(channel);
		queue_close(channel, NULL);
	}
	if (!channel->let_go) {
		const struct wire_channel_events *events = channel->events;

		channel->let_go = true;
		if (events && events->on_close)
			events->on_close(channel, &why, channel->data);
	}
	if (wire->ended || wire->dead)
		return 0;
	channel = channel_at(wire, number);
	if (channel)
		free_if_over(channel);
	wire_pump(wire);
	return 0;
}

int wire_channel_frame(struct wire *wire, const struct wire_header *h, const char *payload,
		       struct err *err)
{
	struct wire_channel *channel = channel_at(wire, h->channel);

	if (h->type == FRAME_OPEN)
		return on_open_frame(wire, h, payload, err);
	if (!channel || channel->close_got)
		return err_say(err, -EPROTO, "frame for channel %u, which is not open", h->channel);
	switch ((enum wire_frame_type)h->type) {
	case FRAME_ACCEPT:
		if (!channel->ours || channel->accepted)
			return err_say(err, -EPROTO, "accept of channel %u", h->channel);
		channel->accepted = true;
		if (!channel->let_go && channel->events && channel->events->on_accept)
			channel->events->on_accept(channel, payload, h->len, channel->data);
		return 0;
	case FRAME_DATA:
		return on_data_frame(channel, h, payload, err);
	case FRAME_CREDIT:
		return on_credit_frame(channel, (const unsigned char *)payload, err);
	case FRAME_END:
		if (channel->ended_by_peer & (1u << h->flags))
			return err_say(err, -EPROTO, "a second end of sub-stream %u", h->flags);
		channel->ended_by_peer |= (uint8_t)(1u << h->flags);
		if (!channel->let_go && channel->events && channel->events->on_end)
			channel->events->on_end(channel, h->flags, channel->data);
		return 0;
	default:
		return on_close_frame(channel, payload, h->len);
	}
}

/* ---- the end of all ---- */

void wire_channels_end(struct wire *wire, const struct err *err)
{
	for (size_t i = 0; i < wire->channels_cap && !wire->dead; i++) {
		struct wire_channel *channel = wire->channels[i];

		if (!channel || channel->let_go)
			continue;
		channel->let_go = true;
		if (channel->events && channel->events->on_close)
			channel->events->on_close(channel, err, channel->data);
	}
}

void wire_channels_drop(struct wire *wire)
{
	for (size_t i = 0; i < wire->channels_cap; i++) {
		if (wire->channels[i])
			channel_free(wire->channels[i]);
	}
	free(wire->channels);
	wire->channels = NULL;
	wire->channels_cap = 0;
}
