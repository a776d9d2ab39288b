/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec and attach over SPDY/3.1: one SPDY stream for each sub-stream, named by its streamtype header.
 * The process is started when all that the client asked for are there.
 */
#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/server/remote.h"
#include "orchestrator/server/tunnel.h"

#define STREAMS_TIMEOUT_NS (30 * NS_PER_S)

const char *const remote_spdy_protocols[] = { "v4.channel.k8s.io", "v3.channel.k8s.io",
					      "v2.channel.k8s.io", "channel.k8s.io", NULL };

static const char *const stream_types[WIRE_SUB_COUNT] = {
	[WIRE_STDIN] = "stdin",	 [WIRE_STDOUT] = "stdout", [WIRE_STDERR] = "stderr",
	[WIRE_RESULT] = "error", [WIRE_RESIZE] = "resize",
};

struct remote_spdy {
	struct remote *remote;
	struct tunnel *tunnel;
	struct spdy_stream *streams[WIRE_SUB_COUNT];
	unsigned missing; /* bits of sub-streams that must come */
	bool json_status, begun;
	bool paused; /* the node is slow */
	struct loop_timer *timer;
};

/* ---- to the client ---- */

static void spdy_client_write(struct remote *remote, enum wire_sub sub, const void *bytes,
			      size_t len)
{
	struct remote_spdy *s = remote->client_data;

	if (s->streams[sub])
		(void)spdy_write(s->streams[sub], bytes, len);
}

static bool spdy_client_has_room(struct remote *remote)
{
	struct remote_spdy *s = remote->client_data;

	for (unsigned sub = WIRE_STDOUT; sub <= WIRE_STDERR; sub++)
		if (s->streams[sub] && spdy_queued(s->streams[sub]) >= STREAM_HIGH_WATER)
			return false;
	return tunnel_has_room(s->tunnel);
}

static void spdy_client_end(struct remote *remote, enum wire_sub sub)
{
	struct remote_spdy *s = remote->client_data;

	/* Finished by both sides, a stream is no longer there. */
	if (s->streams[sub])
		(void)spdy_finish(take_ptr(&s->streams[sub]));
}

static void spdy_client_resume(struct remote *remote)
{
	struct remote_spdy *s = remote->client_data;

	if (s->paused)
		tunnel_resume(s->tunnel);
	s->paused = false;
}

static void client_free(struct remote_spdy *s)
{
	(void)loop_timer_free(s->timer);
	tunnel_finish(s->tunnel);
	free(s);
}

static void spdy_client_finish(struct remote *remote, const struct buf *status, const char *message)
{
	struct remote_spdy *s = remote->client_data;
	struct spdy_stream *error = s->streams[WIRE_RESULT];

	if (error && s->json_status)
		(void)spdy_write(error, status->data, status->len);
	else if (error && message)
		(void)spdy_write(error, message, strlen(message));
	for (size_t i = 0; i < ARRAY_LEN(s->streams); i++)
		if (s->streams[i])
			(void)spdy_finish(s->streams[i]);
	client_free(s);
}

static const struct remote_client client = {
	.write = spdy_client_write,
	.has_room = spdy_client_has_room,
	.end = spdy_client_end,
	.finish = spdy_client_finish,
	.resume = spdy_client_resume,
};

/* ---- from the client ---- */

static const char *header_of(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

static void on_stream(struct spdy_stream *stream, const struct http_header *headers,
		      size_t n_headers, void *data)
{
	struct remote_spdy *s = data;
	const char *type = header_of(headers, n_headers, "streamtype");
	unsigned sub = 0;

	while (sub < WIRE_SUB_COUNT && (!type || strcmp(type, stream_types[sub]) != 0))
		sub++;
	if (sub == WIRE_SUB_COUNT || s->streams[sub]) {
		(void)spdy_reset(stream, 1); /* PROTOCOL_ERROR */
		return;
	}
	s->streams[sub] = stream;
	spdy_stream_set_data(stream, (void *)(uintptr_t)sub);
	(void)spdy_reply(stream);
	s->missing &= ~(1u << sub);
	if (s->missing || s->begun)
		return;
	s->begun = true;
	loop_timer_clear(s->timer);
	remote_begin(s->remote);
}

static void on_bytes(struct spdy_stream *stream, const void *bytes, size_t len, void *data)
{
	struct remote_spdy *s = data;

	switch ((uintptr_t)spdy_stream_data(stream)) {
	case WIRE_STDIN:
		if (!remote_stdin(s->remote, bytes, len) && !s->paused) {
			s->paused = true;
			tunnel_pause(s->tunnel);
		}
		break;
	case WIRE_RESIZE:
		remote_resize(s->remote, bytes, len);
		break;
	}
	spdy_consumed(stream, len); /* windows are not what holds a client back: the pause is */
}

static void on_writable(struct spdy_stream *stream, void *data)
{
	(void)stream;
	remote_drained(((struct remote_spdy *)data)->remote);
}

static void on_stream_end(struct spdy_stream *stream, int reason, void *data)
{
	struct remote_spdy *s = data;
	uintptr_t sub = (uintptr_t)spdy_stream_data(stream);

	if (s->streams[sub] != stream)
		return;
	if (reason < 0)
		s->streams[sub] = NULL; /* reset: it is gone */
	if (sub == WIRE_STDIN)
		remote_stdin_end(s->remote);
}

static void on_drain(void *data)
{
	remote_drained(((struct remote_spdy *)data)->remote);
}

static void on_end(void *data)
{
	struct remote_spdy *s = data;
	struct remote *remote = s->remote;

	client_free(s);
	remote_gone(remote);
}

static void on_timeout(struct loop *loop, void *data)
{
	(void)loop;
	on_end(data);
}

int remote_spdy_open(struct remote *remote, struct http_request *http, const char *protocol)
{
	static const struct tunnel_events events = { on_stream,	    on_bytes, on_writable,
						     on_stream_end, on_drain, on_end };
	struct http_header extra = { "X-Stream-Protocol-Version", protocol };
	struct remote_spdy *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->remote = remote;
	s->json_status = strncmp(protocol, "v4.", 3) == 0;
	s->missing = 1u << WIRE_RESULT | (unsigned)remote->wants_stdin << WIRE_STDIN |
		     (unsigned)remote->wants_stdout << WIRE_STDOUT |
		     (unsigned)(remote->wants_stderr && !remote->tty) << WIRE_STDERR |
		     (unsigned)(remote->tty && protocol[0] == 'v' && protocol[1] >= '3')
			     << WIRE_RESIZE;
	r = loop_timer_new(remote->loop, on_timeout, s, &s->timer);
	if (r == 0)
		r = tunnel_open(http, remote->loop, &extra, 1, &events, s, &s->tunnel);
	if (r < 0) {
		(void)loop_timer_free(s->timer);
		free(s);
		return r;
	}
	loop_timer_set_ns(s->timer, STREAMS_TIMEOUT_NS);
	remote->client = &client;
	remote->client_data = s;
	return 0;
}
