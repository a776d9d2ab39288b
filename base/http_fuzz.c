/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from a client to a server that answers in every way it can; and from a server to a client. */
#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_request(struct http_request *request, void *data)
{
	struct stream *stream;
	char *value;

	(void)data;
	free(http_query_get(request->query, "watch"));
	(void)http_header_of(request, "accept");
	value = http_query_get(request->query, "");
	free(value);
	if (strlen(request->path) % 5 == 0)
		request->collect_max = 100;
	else if (strlen(request->path) % 5 == 1)
		(void)http_respond(request, 200, "text/plain", NULL, 0, request->path,
				   strlen(request->path));
	else if (strlen(request->path) % 5 == 2 && http_upgrade(request, NULL, 0, &stream) == 0)
		(void)stream_free(stream);
	else if (http_respond_start(request, 200, NULL, NULL, 0, -1) == 0)
		(void)http_respond_end(request);
}

static void on_body(struct http_request *request, void *data)
{
	(void)data;
	(void)http_respond(request, 201, NULL, NULL, 0, request->body.data, request->body.len);
}

static void on_answer(struct http_client *client, const void *bytes, size_t len, void *data)
{
	(void)client;
	(void)bytes;
	*(size_t *)data += len;
}

static const struct http_server_events server_events = { .on_request = on_request,
							 .on_body = on_body };
static const struct http_client_events client_events = { .on_body = on_answer };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_client *client;
	struct http_conn *conn;
	struct stream *a, *b;
	struct loop *loop;
	size_t half, got = 0;

	if (size < 2 || loop_new_virtual(0, &loop, NULL) < 0)
		return 0;
	half = data[0] % size; /* in two pieces, split anywhere */
	if (stream_pair(loop, 0, &a, &b) == 0) {
		if (data[1] & 1) {
			if (http_server_new(a, NULL, &server_events, NULL, &conn) == 0)
				(void)stream_write(b, data + 1, half);
		} else if (http_client_new(a, "h", &client_events, &got, &client) == 0) {
			(void)http_client_send(client, "GET", "/", NULL, 0, NULL, 0);
			(void)stream_write(b, data + 1, half);
		}
		(void)loop_run_until(loop, NS_PER_MS);
		(void)stream_write(b, data + 1 + half, size - 1 - half);
		stream_shutdown(b);
		(void)loop_run_until(loop, 1000 * NS_PER_S);
		(void)stream_free(b);
		if (!(data[1] & 1))
			(void)http_client_free(client);
	}
	(void)loop_run_until(loop, 2000 * NS_PER_S);
	(void)loop_free(loop);
	return 0;
}
