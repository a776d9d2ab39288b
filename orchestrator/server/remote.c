/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/websocket.h"
#include "orchestrator/server/nodefront.h"

#define RESULT_MAX    ((size_t)16 << 10)
#define SIZE_MAX_TEXT 256

/* ---- how it ended, as Kubernetes says it ---- */

static void status_success(struct buf *out)
{
	(void)buf_puts(out, "{\"metadata\":{},\"status\":\"Success\"}");
}

static void status_exit(struct buf *out, int64_t code)
{
	(void)buf_printf(out,
			 "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated "
			 "with non-zero exit code: exit status %" PRId64 "\",\"reason\":"
			 "\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
			 "\"message\":\"%" PRId64 "\"}]}}",
			 code, code);
}

static void status_error(struct buf *out, const char *message)
{
	(void)buf_puts(out, "{\"metadata\":{},\"status\":\"Failure\",\"message\":");
	(void)json_write_string(out, message, strlen(message), JSON_HTML_SAFE);
	(void)buf_puts(out, ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":");
	(void)json_write_string(out, message, strlen(message), JSON_HTML_SAFE);
	(void)buf_puts(out, "}]},\"code\":500}");
}

/* From the node's result, or else from how the channel was closed. */
static void write_status(struct remote *remote, const struct err *closed, struct buf *status,
			 char *message, size_t size)
{
	auto_json struct json_object *result = NULL;
	const char *said;
	int64_t code;

	*message = '\0';
	if (remote->result.len)
		(void)json_parse(remote->result.data, remote->result.len, &result, NULL);
	said = json_str(json_get(result, "message"));
	code = json_int(json_get(result, "exitCode"), -1);
	if (code == 0) {
		status_success(status);
	} else if (code > 0) {
		(void)snprintf(message, size,
			       "command terminated with non-zero exit code: exit status %" PRId64,
			       code);
		status_exit(status, code);
	} else {
		(void)snprintf(message, size,
			       "Internal error occurred: error executing command in container: %s",
			       said		  ? said
			       : closed->code < 0 ? closed->text
						  : "it ended without a result");
		status_error(status, message);
	}
}

/* ---- the end ---- */

static void remote_free(struct loop *loop, void *data)
{
	struct remote *remote = data;

	(void)loop;
	free(remote->node);
	outlet_done(&remote->in);
	buf_done(&remote->open);
	buf_done(&remote->result);
	buf_done(&remote->size);
	free(remote);
}

static void remote_over(struct remote *remote)
{
	if (remote->over)
		return;
	remote->over = true;
	loop_defer(remote->loop, remote_free, remote);
}

static void finish(struct remote *remote, const struct err *closed)
{
	auto_buf struct buf status = { 0 };
	char message[700];

	write_status(remote, closed, &status, message, sizeof(message));
	if (remote->client)
		remote->client->finish(remote, &status, *message ? message : NULL);
	remote->client = NULL;
	remote_over(remote);
}

void remote_gone(struct remote *remote)
{
	remote->client = NULL;
	if (remote->channel)
		wire_close(remote->channel, NULL); /* the node ends the process */
	remote->channel = remote->in.channel = NULL;
	remote_over(remote);
}

/* ---- the node's side ---- */

static void on_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len,
		    void *data)
{
	struct remote *remote = data;

	if (sub == WIRE_RESULT) { /* free of credit */
		(void)buf_append(&remote->result, bytes, len);
		return;
	}
	if (remote->client && (sub == WIRE_STDOUT || sub == WIRE_STDERR))
		remote->client->write(remote, sub, bytes, len);
	if (!remote->channel)
		return;
	if (remote->client && remote->client->has_room(remote))
		wire_consumed(channel, len);
	else
		remote->owed += len;
}

static void on_writable(struct wire_channel *channel, void *data)
{
	struct remote *remote = data;

	(void)channel;
	if (outlet_writable(&remote->in) && remote->client)
		remote->client->resume(remote);
}

static void on_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	struct remote *remote = data;

	(void)channel;
	if (remote->client && (sub == WIRE_STDOUT || sub == WIRE_STDERR))
		remote->client->end(remote, sub);
}

static void on_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct remote *remote = data;

	(void)channel;
	remote->channel = remote->in.channel = NULL;
	finish(remote, err);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_data,
	.on_writable = on_writable,
	.on_end = on_end,
	.on_close = on_close,
};

void remote_begin(struct remote *remote)
{
	struct err err = { 0 };
	struct wire *wire = nodefront_wire(remote->nodes, remote->node);
	int r = wire ? wire_open(wire, remote->open.data, remote->open.len, &channel_events, remote,
				 &remote->channel)
		     : -ENOTCONN;

	remote->in.channel = remote->channel;
	if (r < 0) {
		(void)err_set(&err, r, "open a stream to node %s", remote->node);
		finish(remote, &err);
	}
}

/* ---- the client's side ---- */

bool remote_stdin(struct remote *remote, const void *bytes, size_t len)
{
	return !remote->wants_stdin || outlet_write(&remote->in, bytes, len);
}

void remote_stdin_end(struct remote *remote)
{
	if (remote->wants_stdin)
		outlet_end(&remote->in);
}

static void send_size(struct remote *remote, const char *text, size_t len)
{
	auto_json struct json_object *size = NULL;
	char out[96];
	int n;

	if (!remote->channel || json_parse(text, len, &size, NULL) < 0)
		return;
	n = snprintf(out, sizeof(out), "{\"width\":%" PRId64 ",\"height\":%" PRId64 "}",
		     json_int(json_get(size, "Width"), 0), json_int(json_get(size, "Height"), 0));
	(void)wire_write(remote->channel, WIRE_RESIZE, out, (size_t)n);
}

void remote_resize(struct remote *remote, const void *bytes, size_t len)
{
	const char *end;

	if (buf_append(&remote->size, bytes, len) < 0)
		buf_clear(&remote->size); /* too long to be sizes */
	while (remote->size.len && (end = memchr(remote->size.data, '}', remote->size.len))) {
		size_t n = (size_t)(end - remote->size.data) + 1;

		send_size(remote, remote->size.data, n);
		buf_consume(&remote->size, n);
	}
}

void remote_drained(struct remote *remote)
{
	if (!remote->channel || !remote->owed || !remote->client->has_room(remote))
		return;
	wire_consumed(remote->channel, remote->owed);
	remote->owed = 0;
}

static struct remote *remote_new(const struct streams_call *call)
{
	const struct json_object *options = call->stream->options;
	struct remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	remote->loop = call->loop;
	remote->nodes = call->nodes;
	remote->node = strdup(call->stream->node);
	outlet_init(&remote->in);
	remote->result = BUF_INIT(RESULT_MAX);
	remote->size = BUF_INIT(SIZE_MAX_TEXT);
	remote->wants_stdin = json_truth(json_get(options, "stdin"), false);
	remote->wants_stdout = json_truth(json_get(options, "stdout"), false);
	remote->wants_stderr = json_truth(json_get(options, "stderr"), false);
	remote->tty = json_truth(json_get(options, "tty"), false);
	if (!remote->node || buf_append(&remote->open, call->open->data, call->open->len) < 0 ||
	    buf_putc(&remote->open, '}') < 0) {
		remote_free(call->loop, remote);
		return NULL;
	}
	return remote;
}

void remote_start(const struct streams_call *call)
{
	struct http_request *http = call->request->http;
	bool spdy = streams_wants_spdy(http);
	const char *protocol = spdy ? streams_spdy_protocol(http, remote_spdy_protocols)
				    : websocket_choose(http, remote_ws_protocols);
	struct remote *remote;
	int r;

	if (!protocol || (!spdy && !*protocol)) {
		streams_refuse_upgrade(call->request, spdy || protocol);
		return;
	}
	remote = remote_new(call);
	if (!remote) {
		front_respond_status(call->request, 500, "InternalError", "out of memory");
		return;
	}
	http = front_release(call->request);
	r = spdy ? remote_spdy_open(remote, http, protocol)
		 : remote_ws_open(remote, http, protocol);
	if (r < 0) {
		remote_free(call->loop, remote);
		(void)http_respond(http, 500, "text/plain", NULL, 0, "upgrade failed\n", 15);
	}
}
