/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"

struct dial {
	struct loop *loop;
	struct stream *stream;
	struct wire_channel *channel; /* NULL: over */
	bool stream_ended, channel_ended, end_sent;
};

static void dial_free(struct loop *loop, void *data)
{
	(void)loop;
	free(data);
}

static void dial_end(struct dial *d, const struct err *why)
{
	if (d->channel)
		wire_close(d->channel, why);
	d->channel = NULL;
	if (d->stream) {
		if (why && why->code < 0)
			(void)stream_free(d->stream);
		else
			stream_finish(d->stream);
		d->stream = NULL;
		loop_defer(d->loop, dial_free, d);
	}
}

/* ---- the API's side ---- */

static void on_open(struct stream *stream, void *data)
{
	struct dial *d = data;

	(void)stream;
	(void)wire_accept(d->channel, NULL, 0);
}

/* From the API to the agent, as far as the channel takes it. */
static void pump(struct dial *d)
{
	struct buf *input = stream_input(d->stream);

	while (input->len && wire_channel_queued(d->channel) < WIRE_WINDOW) {
		size_t n = MIN(input->len, WIRE_DATA_MAX);

		if (wire_write(d->channel, WIRE_STDIN, input->data, n) < 0)
			break;
		buf_consume(input, n);
	}
	if (d->stream_ended && !input->len && !d->end_sent) {
		d->end_sent = true;
		(void)wire_end(d->channel, WIRE_STDIN);
		if (d->channel_ended)
			dial_end(d, NULL);
	}
}

static void on_data(struct stream *stream, void *data)
{
	pump(data);
	if (((struct dial *)data)->stream && stream_input(stream)->len)
		stream_pause(stream);
}

static void on_drain(struct stream *stream, void *data)
{
	(void)stream;
	(void)data; /* credit is given when bytes are taken: nothing waits for this */
}

static void on_end(struct stream *stream, int reason, void *data)
{
	struct dial *d = data;
	struct err err = { 0 };

	(void)stream;
	if (reason < 0) {
		(void)err_set(&err, reason, "connection to the API");
		dial_end(d, &err);
		return;
	}
	d->stream_ended = true;
	pump(d);
}

static const struct stream_events stream_events = { on_open, on_data, on_drain, on_end };

/* ---- the agent's side ---- */

static void on_channel_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			    size_t len, void *data)
{
	struct dial *d = data;

	(void)sub;
	if (d->stream && stream_write(d->stream, bytes, len) < 0) {
		dial_end(d, &(struct err){ -EPIPE, "connection to the API" });
		return;
	}
	wire_consumed(channel, len);
}

static void on_channel_writable(struct wire_channel *channel, void *data)
{
	struct dial *d = data;

	(void)channel;
	if (d->stream_ended)
		pump(d);
	else
		stream_resume(d->stream);
}

static void on_channel_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	struct dial *d = data;

	(void)channel;
	(void)sub;
	d->channel_ended = true;
	stream_shutdown(d->stream);
	if (d->end_sent)
		dial_end(d, NULL);
}

static void on_channel_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct dial *d = data;

	(void)channel;
	d->channel = NULL;
	dial_end(d, err);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_channel_data,
	.on_writable = on_channel_writable,
	.on_end = on_channel_end,
	.on_close = on_channel_close,
};

void dial_start(struct loop *loop, struct wire_channel *channel, const char *json, size_t len,
		unsigned port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	auto_json struct json_object *open = NULL;
	struct err err = { 0 };
	const char *kind, *target;
	struct dial *d;
	int r = json_parse(json, len, &open, &err);

	kind = json_str(json_get(open, "kind"));
	target = json_str(json_get(open, "target"));
	if (r == 0 && (!kind || strcmp(kind, "dial") != 0 || !target || strcmp(target, "api") != 0))
		r = err_say(&err, -EOPNOTSUPP, "an agent may dial the API only");
	d = r == 0 ? calloc(1, sizeof(*d)) : NULL;
	if (r == 0 && !d)
		r = err_set(&err, -ENOMEM, "dial the API");
	if (r == 0)
		r = stream_connect(loop, (struct sockaddr *)&addr, sizeof(addr), NULL, "api",
				   &d->stream, &err);
	if (r < 0) {
		free(d);
		wire_close(channel, &err);
		return;
	}
	d->loop = loop;
	d->channel = channel;
	stream_set_events(d->stream, &stream_events, d);
	wire_channel_bind(channel, &channel_events, d);
}
