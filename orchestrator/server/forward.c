/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port-forward: SPDY/3.1, by POST or inside of WebSocket. Each TCP connection of the client is a pair
 * of SPDY streams with one requestid, "error" and "data"; each pair is one channel to the node.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "orchestrator/server/forward.h"
#include "orchestrator/server/nodefront.h"
#include "orchestrator/server/outlet.h"
#include "orchestrator/server/streams.h"
#include "orchestrator/server/tunnel.h"

#define PAIRS_MAX      512
#define REQUEST_ID_MAX 64

struct forward {
	struct loop *loop;
	struct nodefront *nodes;
	struct tunnel *tunnel;
	char *node, *pod, *uid;
	struct buf open; /* the wire's open message, without port and closing brace */
	struct list pairs;
	size_t n_pairs;
};

struct pair {
	struct list node;
	struct forward *forward;
	char request_id[REQUEST_ID_MAX];
	unsigned port;
	struct spdy_stream *error, *data; /* NULL: not there yet, or finished */
	struct wire_channel *channel;	  /* NULL: not open yet, or over */
	struct outlet out;		  /* the client's bytes, on their way */
	bool paused;			  /* the client is, because the node is slow */
	size_t node_owed;		  /* held back from the node, because the client is slow */
};

static const char *const protocols[] = { "portforward.k8s.io", NULL };
static const char *const ws_protocols[] = { "SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io",
					    NULL };

/* ---- pairs ---- */

static void pair_free(struct pair *pair)
{
	struct spdy_stream *streams[] = { pair->error, pair->data };

	if (pair->paused)
		tunnel_resume(pair->forward->tunnel);
	if (pair->channel)
		wire_close(pair->channel, NULL);
	outlet_done(&pair->out);
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		if (streams[i]) {
			spdy_stream_set_data(streams[i], NULL);
			(void)spdy_finish(streams[i]);
		}
	list_remove(&pair->node);
	pair->forward->n_pairs--;
	free(pair);
}

/* The last words on the error stream; kubectl shows them as they are. */
static void pair_fail(struct pair *pair, const char *why)
{
	char text[900];
	int n = snprintf(text, sizeof(text), "error forwarding port %u to pod %s, uid %s: %s",
			 pair->port, pair->forward->pod, pair->forward->uid, why);

	if (pair->error)
		(void)spdy_write(pair->error, text, MIN((size_t)n, sizeof(text) - 1));
	pair_free(pair);
}

/* ---- from the node ---- */

static void give_back(struct pair *pair)
{
	if (!pair->channel || !pair->node_owed || !tunnel_has_room(pair->forward->tunnel) ||
	    (pair->data && spdy_queued(pair->data) >= STREAM_HIGH_WATER))
		return;
	wire_consumed(pair->channel, pair->node_owed);
	pair->node_owed = 0;
}

static void on_channel_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			    size_t len, void *data)
{
	struct pair *pair = data;

	(void)channel;
	(void)sub;
	if (pair->data)
		(void)spdy_write(pair->data, bytes, len);
	pair->node_owed += len;
	give_back(pair);
}

static void on_channel_writable(struct wire_channel *channel, void *data)
{
	struct pair *pair = data;

	(void)channel;
	if (!outlet_writable(&pair->out) || !pair->paused)
		return;
	pair->paused = false;
	tunnel_resume(pair->forward->tunnel);
}

static void on_channel_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	struct pair *pair = data;

	(void)channel;
	(void)sub;
	if (pair->data) {
		spdy_stream_set_data(pair->data, NULL);
		(void)spdy_finish(take_ptr(&pair->data));
	}
}

static void on_channel_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct pair *pair = data;

	(void)channel;
	pair->channel = pair->out.channel = NULL;
	if (err->code < 0)
		pair_fail(pair, err->text);
	else
		pair_free(pair);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_channel_data,
	.on_writable = on_channel_writable,
	.on_end = on_channel_end,
	.on_close = on_channel_close,
};

static void pair_begin(struct pair *pair)
{
	struct forward *forward = pair->forward;
	struct wire *wire = nodefront_wire(forward->nodes, forward->node);
	auto_buf struct buf open = { 0 };
	int r = -ENOTCONN;

	(void)buf_append(&open, forward->open.data, forward->open.len);
	(void)buf_printf(&open, ",\"port\":%u}", pair->port);
	if (wire && buf_error(&open) == 0)
		r = wire_open(wire, open.data, open.len, &channel_events, pair, &pair->channel);
	pair->out.channel = pair->channel;
	if (r < 0)
		pair_fail(pair, wire ? err_text(r) : "its node is not connected");
}

/* ---- from the client ---- */

static const char *header_of(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return "";
}

static struct pair *pair_get(struct forward *forward, const char *request_id, unsigned port)
{
	struct pair *pair;

	list_for_each (node, next, &forward->pairs) {
		pair = list_entry(node, struct pair, node);
		if (strcmp(pair->request_id, request_id) == 0)
			return pair;
	}
	pair = forward->n_pairs < PAIRS_MAX ? calloc(1, sizeof(*pair)) : NULL;
	if (!pair)
		return NULL;
	outlet_init(&pair->out);
	pair->forward = forward;
	pair->port = port;
	(void)snprintf(pair->request_id, sizeof(pair->request_id), "%s", request_id);
	list_append(&forward->pairs, &pair->node);
	forward->n_pairs++;
	return pair;
}

static void on_stream(struct spdy_stream *stream, const struct http_header *headers,
		      size_t n_headers, void *data)
{
	const char *type = header_of(headers, n_headers, "streamtype");
	const char *request_id = header_of(headers, n_headers, "requestid");
	unsigned long port = strtoul(header_of(headers, n_headers, "port"), NULL, 10);
	bool is_data = strcmp(type, "data") == 0;
	struct pair *pair = NULL;

	if ((is_data || strcmp(type, "error") == 0) && port > 0 && port < 65536 &&
	    strlen(request_id) < REQUEST_ID_MAX)
		pair = pair_get(data, request_id, (unsigned)port);
	if (!pair || (is_data ? pair->data : pair->error)) {
		(void)spdy_reset(stream, pair ? 1 /* PROTOCOL_ERROR */ : 3 /* REFUSED_STREAM */);
		return;
	}
	spdy_stream_set_data(stream, pair);
	(void)spdy_reply(stream);
	if (is_data)
		pair->data = stream;
	else
		pair->error = stream;
	if (pair->data && pair->error)
		pair_begin(pair);
}

static void on_bytes(struct spdy_stream *stream, const void *bytes, size_t len, void *data)
{
	struct pair *pair = spdy_stream_data(stream);

	(void)data;
	spdy_consumed(stream, len);
	if (!pair || stream != pair->data || !pair->channel)
		return;
	if (!outlet_write(&pair->out, bytes, len) && !pair->paused) {
		pair->paused = true;
		tunnel_pause(pair->forward->tunnel);
	}
	if (outlet_broken(&pair->out))
		pair_fail(pair, "the client sends faster than the node takes it");
}

static void on_writable(struct spdy_stream *stream, void *data)
{
	struct pair *pair = spdy_stream_data(stream);

	(void)data;
	if (pair)
		give_back(pair);
}

static void on_stream_end(struct spdy_stream *stream, int reason, void *data)
{
	struct pair *pair = spdy_stream_data(stream);

	(void)data;
	if (!pair)
		return;
	if (reason < 0) { /* reset: the stream is gone, and so is the connection */
		if (stream == pair->data)
			pair->data = NULL;
		else
			pair->error = NULL;
		pair_free(pair);
		return;
	}
	if (stream == pair->data)
		outlet_end(&pair->out);
}

static void on_drain(void *data)
{
	struct forward *forward = data;

	list_for_each (node, next, &forward->pairs)
		give_back(list_entry(node, struct pair, node));
}

/* ---- life ---- */

static void forward_free(struct forward *forward)
{
	free(forward->node);
	free(forward->pod);
	free(forward->uid);
	buf_done(&forward->open);
	free(forward);
}

static void on_end(void *data)
{
	struct forward *forward = data;

	list_for_each (node, next, &forward->pairs)
		pair_free(list_entry(node, struct pair, node));
	tunnel_finish(forward->tunnel);
	forward_free(forward);
}

static struct forward *forward_new(const struct streams_call *call)
{
	struct forward *forward = calloc(1, sizeof(*forward));

	if (!forward)
		return NULL;
	list_init(&forward->pairs);
	forward->loop = call->loop;
	forward->nodes = call->nodes;
	forward->node = strdup(call->stream->node);
	forward->pod = strdup(call->stream->pod);
	forward->uid = strdup(call->stream->uid);
	if (!forward->node || !forward->pod || !forward->uid ||
	    buf_append(&forward->open, call->open->data, call->open->len) < 0) {
		forward_free(forward);
		return NULL;
	}
	return forward;
}

void forward_start(const struct streams_call *call)
{
	static const struct tunnel_events events = { on_stream,	    on_bytes, on_writable,
						     on_stream_end, on_drain, on_end };
	struct http_request *http = call->request->http;
	bool spdy = streams_wants_spdy(http);
	const char *protocol = spdy ? streams_spdy_protocol(http, protocols)
				    : websocket_choose(http, ws_protocols);
	struct forward *forward;
	int r;

	if (!protocol || (!spdy && !*protocol)) {
		streams_refuse_upgrade(call->request, spdy || protocol);
		return;
	}
	if (protocol == ws_protocols[1]) {
		forward_ws_start(call, protocol);
		return;
	}
	forward = forward_new(call);
	if (!forward) {
		front_respond_status(call->request, 500, "InternalError", "out of memory");
		return;
	}
	http = front_release(call->request);
	if (spdy)
		r = tunnel_open(http, call->loop,
				&(struct http_header){ "X-Stream-Protocol-Version", protocol }, 1,
				&events, forward, &forward->tunnel);
	else
		r = tunnel_open_websocket(http, call->loop, protocol, &events, forward,
					  &forward->tunnel);
	if (r < 0) {
		forward_free(forward);
		(void)http_respond(http, 500, "text/plain", NULL, 0, "upgrade failed\n", 15);
	}
}
