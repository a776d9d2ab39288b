/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec and attach over WebSocket: binary messages whose first byte is the channel. v5 adds the end of
 * a channel: byte 255, then its number.
 */
#include <errno.h>

#include "base/websocket.h"
#include "orchestrator/server/remote.h"

#define CHANNEL_END 255

const char *const remote_ws_protocols[] = { "v5.channel.k8s.io", "v4.channel.k8s.io", NULL };

static void send_channel(struct remote *remote, enum wire_sub sub, const void *bytes, size_t len)
{
	(void)websocket_send_channel(remote->client_data, (unsigned char)sub, bytes, len);
}

static bool ws_has_room(struct remote *remote)
{
	return websocket_queued(remote->client_data) < STREAM_HIGH_WATER;
}

static void ws_end(struct remote *remote, enum wire_sub sub)
{
	(void)remote;
	(void)sub; /* the end of the output is the end of the connection */
}

static void ws_finish(struct remote *remote, const struct buf *status, const char *message)
{
	(void)message;
	send_channel(remote, WIRE_RESULT, status->data, status->len);
	websocket_close(remote->client_data, 1000, "");
}

static void ws_resume(struct remote *remote)
{
	websocket_resume(remote->client_data);
}

static const struct remote_client client = {
	.write = send_channel,
	.has_room = ws_has_room,
	.end = ws_end,
	.finish = ws_finish,
	.resume = ws_resume,
};

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct remote *remote = data;
	const unsigned char *at = bytes;

	(void)kind;
	if (!len)
		return;
	switch (at[0]) {
	case WIRE_STDIN:
		if (!remote_stdin(remote, at + 1, len - 1))
			websocket_pause(ws);
		break;
	case WIRE_RESIZE:
		remote_resize(remote, at + 1, len - 1);
		break;
	case CHANNEL_END:
		if (len == 2 && at[1] == WIRE_STDIN)
			remote_stdin_end(remote);
		break;
	}
}

static void on_drain(struct websocket *ws, void *data)
{
	(void)ws;
	remote_drained(data);
}

static void on_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	(void)code;
	(void)text;
	(void)websocket_free(ws);
	remote_gone(data);
}

int remote_ws_open(struct remote *remote, struct http_request *http, const char *protocol)
{
	static const struct websocket_events events = { on_message, on_drain, on_close };
	struct websocket *ws;
	int r = websocket_accept(http, protocol, &events, remote, &ws);

	if (r < 0)
		return r;
	remote->client = &client;
	remote->client_data = ws;
	/* An empty message on the lowest output tells the client that it is connected. */
	send_channel(remote,
		     remote->wants_stdout   ? WIRE_STDOUT
		     : remote->wants_stderr ? WIRE_STDERR
					    : WIRE_RESULT,
		     NULL, 0);
	remote_begin(remote);
	return 0;
}
