/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: the opening, messages, whose turn it is to be sent, life and death. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "orchestrator/wire/wire_impl.h"

#define QUEUE_MAX  ((size_t)32 << 20) /* messages that wait */
#define QUEUE_HIGH ((size_t)1 << 20)
#define UNSENT_MAX (64u << 10) /* in the kernel */
#define INPUT_MAX  ((size_t)64 << 10)
#define HELLO_NS   (10 * NS_PER_S)
#define PING_NS	   (10 * NS_PER_S)
#define SILENT_NS  (30 * NS_PER_S)

static void wire_turn(struct loop *loop, void *data);

/* ---- the end ---- */

static void release(struct loop *loop, void *data)
{
	struct wire *wire = data;

	loop_defer_unreserve(loop, 2);
	list_for_each (node, next, &wire->messages)
		(void)wire_frame_free(list_entry(node, struct wire_frame, link));
	wire_channels_drop(wire);
	free(wire);
}

struct wire *wire_free(struct wire *wire)
{
	if (!wire || wire->dead)
		return NULL;
	wire->dead = wire->ended = true;
	wire->stream = stream_free(wire->stream);
	wire->timer = loop_timer_free(wire->timer);
	loop_defer(wire->loop, release, wire);
	return NULL;
}

void wire_later(struct wire *wire)
{
	if (wire->turn_pending || wire->dead)
		return;
	wire->turn_pending = true;
	loop_defer(wire->loop, wire_turn, wire);
}

void wire_fail(struct wire *wire, const struct err *err)
{
	if (wire->ended)
		return;
	wire->ended = true;
	wire->err = *err;
	loop_timer_clear(wire->timer);
	wire_later(wire);
}

static int send_refuse(struct wire *wire, const struct err *why)
{
	auto_buf struct buf json = BUF_INIT(WIRE_TEXT_MAX);
	const struct wire_header header = { .type = WIRE_REFUSE };
	struct wire_frame *frame;
	int r = wire_error_put(&json, why);

	if (r < 0)
		return r;
	frame = wire_frame_new(&header, NULL, json.data, json.len);
	if (!frame)
		return -ENOMEM;
	/* In front of what waits, but only between frames: the stream holds whole ones. */
	r = stream_write_shared(wire->stream, frame->bytes);
	(void)wire_frame_free(frame);
	return r;
}

int wire_refuse(struct wire *wire, const struct err *why)
{
	int r;

	if (wire->ended)
		return -EPIPE;
	r = send_refuse(wire, why);
	wire_fail(wire, why);
	return r;
}

static void wire_turn(struct loop *loop, void *data)
{
	struct wire *wire = data;

	(void)loop;
	wire->turn_pending = false;
	while (!wire->ended && !list_empty(&wire->notify))
		wire_channel_writable(list_entry(wire->notify.next, struct wire_channel, notify));
	if (!wire->ended && wire->high && wire->queued < QUEUE_HIGH) {
		wire->high = false;
		if (wire->events->on_drain)
			wire->events->on_drain(wire, wire->data);
	}
	if (!wire->ended || wire->dead || wire->told)
		return;
	wire->told = true;
	if (wire->stream)
		stream_finish(wire->stream);
	wire->stream = NULL;
	wire_channels_end(wire, &wire->err);
	if (!wire->dead && wire->events->on_end)
		wire->events->on_end(wire, &wire->err, wire->data);
}

/* ---- sending ---- */

static int send_message(struct wire *wire)
{
	struct wire_frame *frame = list_entry(wire->messages.next, struct wire_frame, link);
	int r;

	if (frame->bytes->len <= 512)
		r = stream_write(wire->stream, frame->bytes->data, frame->bytes->len);
	else
		r = stream_write_shared(wire->stream, frame->bytes);
	if (r < 0)
		return r;
	wire->queued -= frame->bytes->len;
	(void)wire_frame_free(frame);
	if (wire->high && wire->queued < QUEUE_HIGH)
		wire_later(wire);
	return 0;
}

/* Give the stream little at a time, so that a message overtakes what streams have queued. */
void wire_pump(struct wire *wire)
{
	int r = 0;

	while (r == 0 && !wire->ended && stream_queued(wire->stream) < STREAM_HIGH_WATER) {
		if (!list_empty(&wire->messages))
			r = send_message(wire);
		else if (!list_empty(&wire->ready))
			r = wire_channel_send(
				list_entry(wire->ready.next, struct wire_channel, ready));
		else
			break;
	}
	if (r < 0 && !wire->ended && stream_error(wire->stream)->code == 0) {
		struct err err = { 0 };

		(void)err_set(&err, r, "send to %s", stream_peer(wire->stream));
		wire_fail(wire, &err);
	}
}

static int queue_message(struct wire *wire, enum wire_message type, const char *text,
			 const char *json, size_t len)
{
	const struct wire_header header = { .type = (uint8_t)type };
	struct wire_frame *frame;

	if (len > WIRE_MESSAGE_MAX || (text && strlen(text) + len > WIRE_TEXT_MAX))
		return -E2BIG;
	if (wire->queued + len > QUEUE_MAX) {
		wire_fail(wire, &(struct err){ -ENOBUFS, "the peer takes no messages" });
		return -ENOBUFS;
	}
	frame = wire_frame_new(&header, text, json, len);
	if (!frame)
		return -ENOMEM;
	list_append(&wire->messages, &frame->link);
	wire->queued += frame->bytes->len;
	if (wire->queued >= QUEUE_HIGH)
		wire->high = true;
	wire_pump(wire);
	return 0;
}

/* The object @json with a field of ours in front. */
static int queue_with(struct wire *wire, enum wire_message type, const char *field,
		      const char *json, size_t len)
{
	char text[80];

	if (len < 2 || json[0] != '{')
		return -EINVAL;
	(void)snprintf(text, sizeof(text), "{%s%s", field,
		       json[1 + strspn(json + 1, " \t\r\n")] == '}' ? "" : ",");
	return queue_message(wire, type, text, json + 1, len - 1);
}

int wire_send(struct wire *wire, enum wire_message type, const char *json, size_t len)
{
	char field[64];
	int r;

	if (wire->ended)
		return -EPIPE;
	if (type == WIRE_HELLO) {
		if (wire->side != WIRE_AGENT || wire->state != OPENING)
			return -EALREADY;
		(void)snprintf(field, sizeof(field), "\"versions\":{\"min\":%d,\"max\":%d}",
			       WIRE_VERSION_MIN, WIRE_VERSION_MAX);
		r = queue_with(wire, type, field, json, len);
		if (r == 0)
			wire->state = HELLO_SENT;
		return r;
	}
	if (type == WIRE_WELCOME) {
		if (wire->side != WIRE_SERVER || wire->state != HELLO_GOT)
			return -EALREADY;
		(void)snprintf(field, sizeof(field), "\"version\":%u", wire->version);
		r = queue_with(wire, type, field, json, len);
		if (r == 0)
			wire->state = OPEN;
		return r;
	}
	if (wire->state != OPEN)
		return -ENOTCONN;
	return queue_message(wire, type, NULL, json, len);
}

size_t wire_queued(const struct wire *wire)
{
	return wire->queued;
}

unsigned wire_version(const struct wire *wire)
{
	return wire->version;
}

struct stream *wire_stream(struct wire *wire)
{
	return wire->stream;
}

/* ---- the opening: docs/protocol.md, section 3 ---- */

static int take_hello(struct wire *wire, const char *json, size_t len, struct err *err)
{
	auto_json struct json_object *hello = NULL;
	int64_t min, max;

	if (json_parse(json, len, &hello, NULL) < 0)
		return err_say(err, -EPROTO, "hello is not JSON");
	min = json_int_at(hello, "versions.min", 0);
	max = json_int_at(hello, "versions.max", 0);
	if (min < 1 || max < min)
		return err_say(err, -EPROTO, "hello without a range of versions");
	if (min > WIRE_VERSION_MAX || max < WIRE_VERSION_MIN)
		return err_say(err, -EPROTONOSUPPORT,
			       "the agent speaks versions %lld to %lld of the node protocol, this "
			       "server %d to %d; upgrade the older one",
			       (long long)min, (long long)max, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
	wire->version = (unsigned)MIN(max, WIRE_VERSION_MAX);
	wire->state = HELLO_GOT;
	return 0;
}

static int take_welcome(struct wire *wire, const char *json, size_t len, struct err *err)
{
	auto_json struct json_object *welcome = NULL;
	int64_t version;

	if (json_parse(json, len, &welcome, NULL) < 0)
		return err_say(err, -EPROTO, "welcome is not JSON");
	version = json_int_at(welcome, "version", 0);
	if (version < WIRE_VERSION_MIN || version > WIRE_VERSION_MAX)
		return err_say(err, -EPROTONOSUPPORT,
			       "the server chose version %lld of the node protocol, which this "
			       "agent does not speak",
			       (long long)version);
	wire->version = (unsigned)version;
	wire->state = OPEN;
	return 0;
}

/* Is this the message that may come now? Anything but the opening needs it to be done. */
static int check_order(struct wire *wire, const struct wire_header *h, const char *json,
		       struct err *err)
{
	if (wire->state == OPEN)
		return h->type == WIRE_HELLO || h->type == WIRE_WELCOME
			       ? err_say(err, -EPROTO, "a second %s", wire_message_name(h->type))
			       : 0;
	if (h->channel == 0 && h->type == WIRE_REFUSE)
		return 0;
	if (h->channel == 0 && wire->side == WIRE_SERVER && wire->state == OPENING &&
	    h->type == WIRE_HELLO)
		return take_hello(wire, json, h->len, err);
	if (h->channel == 0 && wire->side == WIRE_AGENT && wire->state == HELLO_SENT &&
	    h->type == WIRE_WELCOME)
		return take_welcome(wire, json, h->len, err);
	return err_say(err, -EPROTO, "a frame before the opening was done");
}

/* ---- receiving ---- */

static int take_message(struct wire *wire, const struct wire_header *h, const char *json)
{
	if (h->type == WIRE_PING)
		return queue_message(wire, WIRE_PONG, NULL, "{}", 2);
	if (h->type == WIRE_PONG || !wire_message_name(h->type))
		return 0;
	if (h->type == WIRE_REFUSE) {
		struct err why;

		wire_error_read(json, h->len, &why);
		if (why.code == 0)
			(void)err_say(&why, -EREMOTEIO, "refused without a reason");
		wire_fail(wire, &why);
		return 0;
	}
	wire->events->on_message(wire, h->type, json, h->len, wire->data);
	return 0;
}

/* The first frame of the input. 1: taken; 0: not all there; negative: broken, or out of memory. */
static int take_frame(struct wire *wire, struct buf *input, struct err *err)
{
	struct wire_header h;
	char *payload, after;
	size_t whole;
	int r;

	if (input->len < WIRE_HEADER)
		return 0;
	r = wire_header_read((const unsigned char *)input->data, &h, err);
	if (r < 0)
		return r;
	whole = WIRE_HEADER + h.len;
	if (whole > INPUT_MAX && wire->state != OPEN)
		return err_say(err, -EPROTO, "a frame before the opening was done");
	if (input->len < whole) {
		/* Only for the length of a large message may more than usual lie here. */
		stream_set_input_max(wire->stream, MAX(INPUT_MAX, whole));
		return 0;
	}
	payload = input->data + WIRE_HEADER;
	after = payload[h.len];
	payload[h.len] = '\0'; /* for the user's comfort; what follows is put back */
	r = check_order(wire, &h, payload, err);
	if (r == 0)
		r = h.channel ? wire_channel_frame(wire, &h, payload, err)
			      : take_message(wire, &h, payload);
	payload[h.len] = after;
	if (r < 0)
		return r;
	if (!wire->stream)
		return 1;
	buf_consume(input, whole);
	if (whole > INPUT_MAX)
		stream_set_input_max(wire->stream, INPUT_MAX);
	return 1;
}

static void on_data(struct stream *stream, void *data)
{
	struct wire *wire = data;
	struct err err = { 0 };
	int r;

	wire->heard_ns = loop_monotonic_ns(wire->loop);
	do
		r = wire->ended ? 0 : take_frame(wire, stream_input(stream), &err);
	while (r > 0);
	if (r < 0 && !wire->ended) {
		if (!err.code)
			(void)err_set(&err, r, "receive");
		(void)wire_refuse(wire, &err);
	}
	if (!wire->ended)
		wire_pump(wire);
}

static void on_drain(struct stream *stream, void *data)
{
	(void)stream;
	wire_pump(data);
}

static void on_end(struct stream *stream, int reason, void *data)
{
	struct err err = *stream_error(stream);

	if (reason == 0)
		(void)err_say(&err, -ECONNRESET, "%s has closed the connection",
			      stream_peer(stream));
	wire_fail(data, &err);
}

static const struct stream_events wire_stream_events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

/* ---- life ---- */

static void on_timer(struct loop *loop, void *data)
{
	struct wire *wire = data;
	int64_t silent_ns = loop_monotonic_ns(loop) - wire->heard_ns;
	struct err err = { 0 };

	if (wire->ended)
		return;
	if (wire->state != OPEN || silent_ns >= SILENT_NS) {
		(void)err_say(&err, -ETIMEDOUT, "%s: %s", stream_peer(wire->stream),
			      wire->state != OPEN ? "the opening took more than 10 s"
						  : "silent for 30 s");
		wire_fail(wire, &err);
		return;
	}
	/* Bytes that came since need no timer of their own: look again when they will be old. */
	if (silent_ns >= PING_NS)
		(void)queue_message(wire, WIRE_PING, NULL, "{}", 2);
	loop_timer_set_ns(wire->timer, silent_ns >= PING_NS ? PING_NS - silent_ns % PING_NS
							    : PING_NS - silent_ns);
}

int wire_new(struct stream *stream, enum wire_side side, const struct wire_events *events,
	     void *data, struct wire **ret)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	struct loop *loop = stream_loop(stream);

	assert(events->on_message && events->on_open);
	if (!wire || loop_timer_new(loop, on_timer, wire, &wire->timer) < 0) {
		free(wire);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	if (loop_defer_reserve(loop, 2) < 0) {
		(void)loop_timer_free(wire->timer);
		free(wire);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	wire->stream = stream;
	wire->loop = loop;
	wire->side = side;
	wire->events = events;
	wire->data = data;
	wire->heard_ns = loop_monotonic_ns(loop);
	list_init(&wire->messages);
	list_init(&wire->ready);
	list_init(&wire->notify);
	loop_timer_set_ns(wire->timer, HELLO_NS);
	stream_set_input_max(stream, INPUT_MAX);
	stream_set_unsent_max(stream, UNSENT_MAX);
	stream_set_events(stream, &wire_stream_events, wire);
	*ret = wire;
	return 0;
}
