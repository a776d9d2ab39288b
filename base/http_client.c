/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/http.h"
#include "base/http_head.h"

struct http_client {
	struct stream *stream;
	struct loop *loop;
	char *host;
	const struct http_client_events *events;
	void *data;
	bool busy;	/* a request is under way */
	bool head_only; /* it is a HEAD: the answer has no content */
	bool in_body;	/* the answer's head has come */
	bool reusable, dead, ended;
	size_t scanned;
	struct http_head head;
	char *head_text; /* what the headers point into */
	struct http_response response;
	struct http_body body;
	struct err err;
};

static void client_release(struct loop *loop, void *data)
{
	struct http_client *client = data;

	loop_defer_unreserve(loop, 1);
	free(client->head_text);
	free(client->host);
	free(client);
}

struct http_client *http_client_free(struct http_client *client)
{
	if (!client || client->dead)
		return NULL;
	client->dead = true;
	client->stream = stream_free(client->stream);
	loop_defer(client->loop, client_release, client);
	return NULL;
}

const struct err *http_client_error(const struct http_client *client)
{
	return &client->err;
}

struct stream *http_client_stream(struct http_client *client)
{
	return client->stream;
}

bool http_client_reusable(const struct http_client *client)
{
	return client->stream && client->reusable && !client->busy && !client->ended;
}

static void done(struct http_client *client, int reason)
{
	client->busy = false;
	client->in_body = false;
	client->scanned = 0;
	if (client->events->on_done)
		client->events->on_done(client, reason, client->data);
}

static void fail(struct http_client *client, int code, const char *why)
{
	client->reusable = false;
	client->ended = true;
	(void)err_say(&client->err, code, "%s: %s", stream_peer(client->stream), why);
	done(client, code);
}

/* ---- sending ---- */

int http_client_send(struct http_client *client, const char *method, const char *target,
		     const struct http_header *headers, size_t n_headers, const void *body,
		     size_t len)
{
	auto_buf struct buf head = BUF_INIT(0);
	struct http_header host = { "Host", client->host };
	int r;

	if (client->busy)
		return -EBUSY;
	if (!client->stream || client->ended)
		return -EPIPE;
	for (const char *p = target; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return -EINVAL;
	}
	if (buf_printf(&head, "%s %s HTTP/1.1\r\n", method, target) < 0)
		return -ENOMEM;
	r = http_put_headers(&head, &host, 1);
	if (r == 0)
		r = http_put_headers(&head, headers, n_headers);
	if (r == 0 && (len || (strcmp(method, "GET") && strcmp(method, "HEAD"))))
		r = buf_printf(&head, "Content-Length: %zu\r\n", len);
	if (r == 0)
		r = buf_puts(&head, "\r\n");
	if (r == 0)
		r = stream_write(client->stream, head.data, head.len);
	if (r == 0)
		r = stream_write(client->stream, body, len);
	if (r < 0)
		return r;
	client->busy = true;
	client->head_only = !strcmp(method, "HEAD");
	return 0;
}

/* ---- the answer ---- */

static void start_body(struct http_client *client)
{
	int status = client->head.status;

	http_body_start(&client->body, &client->head);
	if (client->head_only || status < 200 || status == 204 || status == 304) {
		client->body.state = HTTP_BODY_NONE;
	} else if (!client->head.chunked && client->head.content_length < 0) {
		client->body.state = HTTP_BODY_TO_END;
		client->reusable = false;
	}
}

/* True: there is a head. False: not yet, or it failed. */
static bool read_head(struct http_client *client)
{
	struct buf *input = stream_input(client->stream);
	struct http_refusal no;
	ssize_t len = http_head_find(input->data, input->len, &client->scanned, &no);

	if (len == 0)
		return false;
	free(client->head_text);
	client->head_text = len > 0 ? malloc((size_t)len) : NULL;
	if (len < 0) {
		fail(client, -EPROTO, no.why);
		return false;
	}
	if (!client->head_text) {
		fail(client, -ENOMEM, err_text(-ENOMEM));
		return false;
	}
	memcpy(client->head_text, input->data, (size_t)len);
	buf_consume(input, (size_t)len);
	client->scanned = 0;
	if (http_head_parse(client->head_text, (size_t)len, false, &client->head, &no) < 0) {
		fail(client, -EPROTO, no.why);
		return false;
	}
	return true;
}

static bool is_interim(int status)
{
	return status >= 100 && status < 200 && status != 101;
}

/* Content that has come. False: more must come, or the user has freed us. */
static bool read_content(struct http_client *client)
{
	while (!http_body_done(&client->body)) {
		struct buf *input = stream_input(client->stream);
		const char *bytes;
		ssize_t used;
		size_t len;

		if (!input->len)
			return false;
		used = http_body_next(&client->body, input->data, input->len, &bytes, &len);
		if (used < 0) {
			fail(client, -EPROTO, "the answer's chunks are broken");
			return false;
		}
		if (len && client->events->on_body)
			client->events->on_body(client, bytes, len, client->data);
		if (client->dead || !client->stream)
			return false;
		buf_consume(input, (size_t)used);
	}
	return true;
}

static void on_data(struct stream *stream, void *data)
{
	struct http_client *client = data;

	while (!client->dead && client->stream == stream && !client->ended) {
		if (!client->busy) {
			if (stream_input(stream)->len)
				fail(client, -EPROTO, "bytes that nobody asked for");
			return;
		}
		if (!client->in_body) {
			if (!read_head(client))
				return;
			if (is_interim(client->head.status))
				continue;
			client->in_body = true;
			client->reusable = client->head.keep_alive;
			start_body(client);
			client->response =
				(struct http_response){ client->head.status, client->head.headers,
							client->head.n_headers };
			if (client->events->on_response)
				client->events->on_response(client, &client->response,
							    client->data);
			continue;
		}
		if (!read_content(client))
			return;
		done(client, 0);
		return; /* what on_done sent is answered later */
	}
}

static void on_end(struct stream *stream, int reason, void *data)
{
	struct http_client *client = data;

	if (client->ended)
		return;
	if (reason == 0 && client->in_body && client->body.state == HTTP_BODY_TO_END) {
		client->ended = true;
		done(client, 0);
		return;
	}
	client->ended = true;
	client->reusable = false;
	if (reason < 0)
		client->err = *stream_error(stream);
	else
		(void)err_say(&client->err, -EPIPE, "%s: the server has closed the connection",
			      stream_peer(stream));
	done(client, client->err.code);
}

static const struct stream_events client_stream_events = {
	.on_data = on_data,
	.on_end = on_end,
};

int http_client_new(struct stream *stream, const char *host,
		    const struct http_client_events *events, void *data, struct http_client **ret)
{
	struct http_client *client = calloc(1, sizeof(*client));
	char *host_copy = client ? strdup(host) : NULL;

	if (!host_copy || loop_defer_reserve(stream_loop(stream), 1) < 0) {
		free(host_copy);
		free(client);
		(void)stream_free(stream);
		return -ENOMEM;
	}
	client->stream = stream;
	client->loop = stream_loop(stream);
	client->host = host_copy;
	client->events = events;
	client->data = data;
	client->reusable = true;
	stream_set_input_max(stream, HTTP_HEAD_MAX + 1);
	stream_set_events(stream, &client_stream_events, client);
	*ret = client;
	return 0;
}

struct stream *http_client_take_stream(struct http_client *client)
{
	struct stream *stream = client->stream;

	assert(client->in_body && client->head.status == 101);
	client->stream = NULL;
	client->ended = true;
	stream_set_events(stream, NULL, NULL);
	return stream;
}
