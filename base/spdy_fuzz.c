/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_output(struct spdy *spdy, const void *bytes, size_t len, void *data)
{
	(void)spdy;
	(void)bytes;
	*(size_t *)data += len;
	return 0;
}

static void on_stream(struct spdy *spdy, struct spdy_stream *stream,
		      const struct http_header *headers, size_t n_headers, void *data)
{
	(void)spdy;
	for (size_t i = 0; i < n_headers; i++)
		*(size_t *)data += strlen(headers[i].name) + strlen(headers[i].value);
	(void)spdy_reply(stream);
}

static void on_bytes(struct spdy *spdy, struct spdy_stream *stream, const void *bytes, size_t len,
		     void *data)
{
	(void)spdy;
	(void)data;
	spdy_consumed(stream, len);
	if (len % 7 == 3)
		(void)spdy_reset(stream, SPDY_CANCEL);
	else
		(void)spdy_write(stream, bytes, len);
}

static void on_stream_end(struct spdy *spdy, struct spdy_stream *stream, int reason, void *data)
{
	(void)spdy;
	(void)data;
	if (reason == 0)
		(void)spdy_finish(stream);
}

static const struct spdy_events events = { .on_output = on_output,
					   .on_stream = on_stream,
					   .on_bytes = on_bytes,
					   .on_stream_end = on_stream_end };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spdy *spdy;
	size_t out = 0, half;

	if (size < 2 || spdy_new(data[0] & 1, &events, &out, &spdy) < 0)
		return 0;
	half = data[0] / 2 % size;
	(void)spdy_input(spdy, data + 1, half);
	spdy_hold(spdy, data[0] & 2);
	(void)spdy_input(spdy, data + 1 + half, size - 1 - half);
	spdy_hold(spdy, false);
	(void)spdy_free(spdy);
	return 0;
}
