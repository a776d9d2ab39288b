/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/time.h"
#include "base/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	(void)data;
	(void)websocket_send(ws, kind, bytes, len);
}

static const struct websocket_events events = { .on_message = on_message };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct websocket *ws;
	struct stream *a, *b;
	struct loop *loop;
	size_t half;

	if (size < 2 || loop_new_virtual(0, &loop, NULL) < 0)
		return 0;
	half = data[0] / 2 % size;
	if (stream_pair(loop, 0, &a, &b) == 0 &&
	    websocket_new(a, data[0] & 1, &events, NULL, &ws) == 0) {
		websocket_set_message_max(ws, 1000);
		(void)stream_write(b, data + 1, half);
		(void)loop_run_until(loop, NS_PER_MS);
		(void)stream_write(b, data + 1 + half, size - 1 - half);
		(void)loop_run_until(loop, NS_PER_S);
		(void)websocket_free(ws);
		(void)stream_free(b);
	}
	(void)loop_free(loop);
	return 0;
}
