/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/time.h"
#include "orchestrator/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len,
		    void *data)
{
	(void)data;
	if (sub < WIRE_RESULT)
		wire_consumed(channel, len);
	if (len % 7 == 3)
		wire_close(channel, &(struct err){ -5, "fuzz" });
	else
		(void)wire_write(channel, WIRE_STDOUT, bytes, len);
}

static const struct wire_channel_events channel_events = { .on_data = on_data };

static void on_message(struct wire *wire, enum wire_message type, const char *json, size_t len,
		       void *data)
{
	struct wire_channel *channel;

	(void)data;
	if (type == WIRE_HELLO)
		(void)wire_send(wire, WIRE_WELCOME, "{}", 2);
	else if (wire_open(wire, json, len, &channel_events, NULL, &channel) == 0)
		(void)wire_write(channel, WIRE_STDIN, json, len);
}

static void on_open(struct wire *wire, struct wire_channel *channel, const char *json, size_t len,
		    void *data)
{
	(void)wire;
	(void)json;
	(void)data;
	if (len % 3 == 0)
		return;
	wire_channel_bind(channel, &channel_events, NULL);
	(void)wire_accept(channel, NULL, 0);
}

static const struct wire_events events = { .on_message = on_message, .on_open = on_open };

/* After an opening that is right, since a fuzzer would seldom get beyond it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "\0\0\0\x22\0\0\x10\0{\"versions\": {\"min\": 1, \"max\": 1}}";
	struct stream *a, *b;
	struct loop *loop;
	struct wire *wire;
	size_t half;

	if (size < 2 || loop_new_virtual(0, &loop, NULL) < 0)
		return 0;
	half = data[0] / 2 % size;
	if (stream_pair(loop, 0, &a, &b) == 0 &&
	    wire_new(a, WIRE_SERVER, &events, NULL, &wire) == 0) {
		if (data[0] & 1)
			(void)stream_write(b, hello, sizeof(hello) - 1);
		(void)stream_write(b, data + 1, half);
		(void)loop_run_until(loop, NS_PER_MS);
		(void)stream_write(b, data + 1 + half, size - 1 - half);
		(void)loop_run_until(loop, 50 * NS_PER_S);
		(void)wire_free(wire);
		(void)stream_free(b);
	}
	(void)loop_free(loop);
	return 0;
}
