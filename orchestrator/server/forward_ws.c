/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port-forward over plain WebSocket (v4.channel.k8s.io with ?ports=80,443), as other clients than
 * kubectl speak it: port number i has channel 2i for data and 2i+1 for errors, each opened by a
 * message with the port in two bytes, little-endian. One TCP connection for each port.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/websocket.h"
#include "orchestrator/server/forward.h"
#include "orchestrator/server/outlet.h"

#define PORTS_MAX 100 /* channels are bytes, and 255 is not one */

struct port {
	struct ports *all;
	unsigned number, index;
	struct wire_channel *channel; /* NULL: over */
	struct outlet out;
	size_t owed; /* held back from the node, because the client is slow */
};

struct ports {
	struct loop *loop;
	struct websocket *ws; /* NULL: over */
	bool paused;	      /* the client is, because a node is slow */
	unsigned n, open;
	struct port port[];
};

static void ports_free(struct loop *loop, void *data)
{
	struct ports *all = data;

	(void)loop;
	for (unsigned i = 0; i < all->n; i++)
		outlet_done(&all->port[i].out);
	free(all);
}

static void ports_end(struct ports *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		struct port *port = &all->port[i];

		port->out.channel = NULL;
		if (port->channel)
			wire_close(take_ptr(&port->channel), NULL);
	}
	if (all->ws)
		websocket_close(take_ptr(&all->ws), 1000, "");
	loop_defer(all->loop, ports_free, all);
}

/* ---- from the node ---- */

static bool has_room(const struct ports *all)
{
	return websocket_queued(all->ws) < STREAM_HIGH_WATER;
}

static void on_channel_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			    size_t len, void *data)
{
	struct port *port = data;

	(void)sub;
	(void)websocket_send_channel(port->all->ws, (unsigned char)(2 * port->index), bytes, len);
	if (has_room(port->all))
		wire_consumed(channel, len);
	else
		port->owed += len;
}

static bool any_is_full(const struct ports *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->port[i].channel &&
		    (all->port[i].out.rest.len ||
		     wire_channel_queued(all->port[i].channel) >= WIRE_WINDOW))
			return true;
	return false;
}

static void on_channel_writable(struct wire_channel *channel, void *data)
{
	struct port *port = data;
	struct ports *all = port->all;

	(void)channel;
	(void)outlet_writable(&port->out);
	if (!all->paused || any_is_full(all))
		return;
	all->paused = false;
	websocket_resume(all->ws);
}

static void on_channel_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	(void)channel;
	(void)sub;
	(void)data; /* this protocol has no half-close: the close follows */
	outlet_end(&((struct port *)data)->out);
}

static void on_channel_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct port *port = data;
	struct ports *all = port->all;
	char text[700];

	(void)channel;
	port->channel = port->out.channel = NULL;
	if (err->code < 0) {
		int n = snprintf(text, sizeof(text), "error forwarding port %u: %s", port->number,
				 err->text);

		(void)websocket_send_channel(all->ws, (unsigned char)(2 * port->index + 1), text,
					     MIN((size_t)n, sizeof(text) - 1));
	}
	if (--all->open == 0)
		ports_end(all);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_channel_data,
	.on_writable = on_channel_writable,
	.on_end = on_channel_end,
	.on_close = on_channel_close,
};

/* ---- from the client ---- */

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct ports *all = data;
	const unsigned char *at = bytes;
	struct port *port;

	(void)kind;
	if (!len || at[0] % 2 || at[0] / 2 >= all->n)
		return; /* nothing is read from error channels */
	port = &all->port[at[0] / 2];
	if (!outlet_write(&port->out, at + 1, len - 1) && !all->paused) {
		all->paused = true;
		websocket_pause(ws);
	}
}

static void on_drain(struct websocket *ws, void *data)
{
	struct ports *all = data;

	(void)ws;
	for (unsigned i = 0; i < all->n; i++) {
		struct port *port = &all->port[i];

		if (port->channel && port->owed)
			wire_consumed(port->channel, port->owed);
		port->owed = 0;
	}
}

static void on_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	struct ports *all = data;

	(void)code;
	(void)text;
	(void)websocket_free(ws);
	all->ws = NULL;
	ports_end(all);
}

/* ---- the beginning ---- */

static int open_port(struct port *port, const struct streams_call *call)
{
	unsigned char number[2] = { (unsigned char)port->number,
				    (unsigned char)(port->number >> 8) };
	auto_buf struct buf open = { 0 };
	int r;

	(void)buf_append(&open, call->open->data, call->open->len);
	(void)buf_printf(&open, ",\"port\":%u}", port->number);
	r = buf_error(&open);
	if (r == 0)
		r = wire_open(call->wire, open.data, open.len, &channel_events, port,
			      &port->channel);
	if (r < 0)
		return r;
	port->out.channel = port->channel;
	port->all->open++;
	for (unsigned i = 0; i < 2 && r == 0; i++)
		r = websocket_send_channel(port->all->ws, (unsigned char)(2 * port->index + i),
					   number, sizeof(number));
	return r;
}

/* "80", "80,443", several of them. The number of ports, or -EINVAL. */
static int read_ports(const struct json_object *list, unsigned numbers[PORTS_MAX])
{
	unsigned n = 0;

	for (size_t i = 0; i < json_len(list); i++) {
		const char *at = json_str(json_idx(list, i));

		while (at && *at) {
			char *end;
			unsigned long number = strtoul(at, &end, 10);

			if (end == at || (*end && *end != ',') || !number || number > 65535 ||
			    n == PORTS_MAX)
				return -EINVAL;
			numbers[n++] = (unsigned)number;
			at = *end ? end + 1 : end;
		}
	}
	return n ? (int)n : -EINVAL;
}

static int ports_new(const struct streams_call *call, struct ports **ret)
{
	unsigned numbers[PORTS_MAX];
	int n = read_ports(json_get(call->stream->options, "ports"), numbers);
	struct ports *all =
		n < 0 ? NULL : calloc(1, sizeof(*all) + (size_t)n * sizeof(struct port));

	if (!all)
		return n < 0 ? n : -ENOMEM;
	all->loop = call->loop;
	all->n = (unsigned)n;
	for (unsigned i = 0; i < all->n; i++) {
		struct port *port = &all->port[i];

		outlet_init(&port->out);
		port->all = all;
		port->index = i;
		port->number = numbers[i];
	}
	*ret = all;
	return 0;
}

void forward_ws_start(const struct streams_call *call, const char *protocol)
{
	static const struct websocket_events events = { on_message, on_drain, on_close };
	struct streams_call rest = *call;
	struct http_request *http;
	struct ports *all;
	int r = ports_new(call, &all);

	if (r == -ENOMEM) {
		front_respond_status(call->request, 500, "InternalError", "out of memory");
		return;
	}
	if (r < 0) {
		front_respond_status(call->request, 400, "BadRequest",
				     "query parameter \"ports\" must name 1 to %d ports",
				     PORTS_MAX);
		return;
	}
	http = front_release(call->request);
	rest.request = NULL;
	r = websocket_accept(http, protocol, &events, all, &all->ws);
	if (r < 0) {
		ports_free(call->loop, all);
		(void)http_respond(http, 500, "text/plain", NULL, 0, "upgrade failed\n", 15);
		return;
	}
	for (unsigned i = 0; i < all->n && r == 0; i++)
		r = open_port(&all->port[i], &rest);
	if (r < 0)
		ports_end(all);
}
