/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log: the node's bytes as a chunked text. */
#include <errno.h>

#include "orchestrator/server/streams.h"

struct logs {
	struct front_request *request;
	struct wire_channel *channel; /* NULL: the node has finished */
	size_t owed;		      /* bytes taken and not given back yet: the client is slow */
	bool started;
};

static void logs_begin(struct logs *logs)
{
	if (!logs->started && front_respond_start(logs->request, 200, "text/plain", -1) == 0)
		logs->started = true;
}

static void on_accept(struct wire_channel *channel, const char *json, size_t len, void *data)
{
	(void)channel;
	(void)json;
	(void)len;
	logs_begin(data);
}

static void on_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len,
		    void *data)
{
	struct logs *logs = data;

	(void)sub;
	logs_begin(logs);
	(void)http_respond_bytes(logs->request->http, bytes, len); /* gone: on_gone comes */
	if (front_has_room(logs->request))
		wire_consumed(channel, len);
	else
		logs->owed += len;
}

static void on_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	(void)channel;
	(void)sub;
	(void)data; /* the close follows, and says whether all went well */
}

/* How the node's errors look to a client that has had no answer yet. */
static void say_failure(struct front_request *request, const struct err *err)
{
	static const struct {
		int code, status;
		const char *reason;
	} table[] = {
		{ -EINVAL, 400, "BadRequest" },
		{ -ENOENT, 404, "NotFound" },
		{ -EAGAIN, 400, "BadRequest" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].code == err->code) {
			front_respond_status(request, table[i].status, table[i].reason, "%s",
					     err->text);
			return;
		}
	front_respond_status(request, 500, "InternalError", "Internal error occurred: %s",
			     err->text);
}

static void on_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct logs *logs = data;

	(void)channel;
	logs->channel = NULL;
	if (err->code < 0 && !logs->started) {
		say_failure(logs->request, err);
		return;
	}
	logs_begin(logs);
	(void)http_respond_end(logs->request->http);
}

static const struct wire_channel_events channel_events = {
	.on_accept = on_accept,
	.on_data = on_data,
	.on_end = on_end,
	.on_close = on_close,
};

static void client_drain(struct front_request *request)
{
	struct logs *logs = request->data;

	if (!logs->channel || !logs->owed)
		return;
	wire_consumed(logs->channel, logs->owed);
	logs->owed = 0;
}

static void client_gone(struct front_request *request)
{
	struct logs *logs = request->data;

	if (logs->channel)
		wire_close(logs->channel, NULL);
	free(logs);
}

void logs_start(const struct streams_call *call)
{
	static const struct front_handler handler = { client_drain, client_gone };
	struct logs *logs = calloc(1, sizeof(*logs));
	int r = logs ? buf_putc(call->open, '}') : -ENOMEM;

	if (r == 0)
		r = wire_open(call->wire, call->open->data, call->open->len, &channel_events, logs,
			      &logs->channel);
	if (r < 0) {
		free(logs);
		front_respond_status(call->request, 500, "InternalError", "open the log: %s",
				     err_text(r));
		return;
	}
	logs->request = call->request;
	call->request->handler = &handler;
	call->request->data = logs;
}
