/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/streams.h"

#include <string.h>

#include "base/json.h"
#include "orchestrator/server/nodefront.h"

/* What each kind is called on the wire, and which of the client's options go with it. */
static const struct {
	const char *name;
	const char *options[9];
	void (*start)(const struct streams_call *call);
} kinds[CORE_STREAM_COUNT] = {
	[CORE_EXEC] = { "exec", { "command", "stdin", "stdout", "stderr", "tty" }, remote_start },
	[CORE_ATTACH] = { "attach", { "stdin", "stdout", "stderr", "tty" }, remote_start },
	[CORE_LOG] = { "logs",
		       { "follow", "previous", "timestamps", "tailLines", "sinceTime",
			 "sinceSeconds", "limitBytes" },
		       logs_start },
	[CORE_PORTFORWARD] = { "portforward", { NULL }, forward_start },
	[CORE_PROXY] = { NULL, { NULL }, NULL }, /* to pods and nodes: not served yet */
};

static void put_text(struct buf *out, const char *key, const char *value)
{
	(void)buf_printf(out, ",\"%s\":", key);
	(void)json_write_string(out, value, strlen(value), JSON_COMPACT);
}

static int write_open(struct buf *out, const struct core_stream *stream)
{
	(void)buf_printf(out, "{\"kind\":\"%s\"", kinds[stream->kind].name);
	put_text(out, "namespace", stream->namespace);
	put_text(out, "pod", stream->pod);
	put_text(out, "uid", stream->uid);
	if (stream->container && *stream->container)
		put_text(out, "container", stream->container);
	for (const char *const *o = kinds[stream->kind].options; *o; o++) {
		if (!json_has(stream->options, *o))
			continue;
		(void)buf_printf(out, ",\"%s\":", *o);
		(void)json_write(out, json_get(stream->options, *o));
	}
	if (stream->kind == CORE_LOG && !json_has(stream->options, "tailLines"))
		(void)buf_puts(out, ",\"tailLines\":-1");
	return buf_error(out);
}

void streams_start(struct front_request *request, struct loop *loop,
		   const struct core_stream *stream, struct nodefront *nodes)
{
	auto_buf struct buf open = BUF_INIT(64 << 10);
	struct streams_call call = { request, loop, stream, nodes, NULL, &open };

	if (!kinds[stream->kind].start) {
		front_respond_status(request, 501, "NotImplemented",
				     "the proxy subresource is not served yet");
		return;
	}
	call.wire = nodefront_wire(nodes, stream->node);
	if (!call.wire)
		front_respond_status(request, 500, "InternalError",
				     "error dialing backend: node %s is not connected",
				     stream->node);
	else if (write_open(&open, stream) < 0)
		front_respond_status(request, 400, "BadRequest",
				     "the command and its options are too long");
	else
		kinds[stream->kind].start(&call);
}

bool streams_wants_spdy(const struct http_request *request)
{
	const char *upgrade = http_header_of(request, "upgrade");

	return upgrade && strcasecmp(upgrade, "spdy/3.1") == 0;
}

/* Is @name in the comma-separated list? */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && strncmp(list, name, n) == 0)
			return true;
		list += n;
	}
	return false;
}

const char *streams_spdy_protocol(const struct http_request *request, const char *const *known)
{
	for (; *known; known++)
		for (size_t i = 0; i < request->n_headers; i++)
			if (strcasecmp(request->headers[i].name, "x-stream-protocol-version") ==
				    0 &&
			    is_listed(request->headers[i].value, *known))
				return *known;
	return NULL;
}

void streams_refuse_upgrade(struct front_request *request, bool no_protocol)
{
	if (no_protocol)
		front_respond_status(request, 403, "Forbidden",
				     "unable to upgrade: none of the offered protocols is known");
	else
		front_respond_status(request, 400, "BadRequest", "Upgrade request required");
}
