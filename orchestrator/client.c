/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/http.h"
#include "base/loop.h"
#include "base/stream.h"
#include "base/tls.h"

#define ANSWER_MAX ((size_t)64 << 20)

struct call {
	struct loop *loop;
	struct http_client *http;
	const char *path;
	struct buf body;
	int status;
	int result; /* 1: under way, 0: complete, negative: failed */
	struct err *err;
};

static void call_end(struct call *call, int result)
{
	call->result = result;
	loop_stop(call->loop);
}

static void on_response(struct http_client *client, const struct http_response *response,
			void *data)
{
	struct call *call = data;

	(void)client;
	call->status = response->status;
}

static void on_body(struct http_client *client, const void *bytes, size_t len, void *data)
{
	struct call *call = data;

	(void)client;
	(void)buf_append(&call->body, bytes, len);
}

static void on_done(struct http_client *client, int reason, void *data)
{
	struct call *call = data;

	if (reason < 0 && call->err)
		*call->err = *http_client_error(client);
	call_end(call, reason);
}

static void on_timeout(struct loop *loop, void *data)
{
	struct call *call = data;

	(void)loop;
	call_end(call, err_say(call->err, -ETIMEDOUT, "the server does not answer"));
}

/* TLS with the admin's certificate, from the instance's own files. */
static int admin_tls(const struct instance *in, struct tls_context **ret, struct err *err)
{
	static const char *const names[] = { "server/pki/ca.crt", "server/pki/admin.crt",
					     "server/pki/admin.key" };
	struct buf pem[ARRAY_LEN(names)] = { 0 };
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
		instance_data_path(in, names[i], path, sizeof(path));
		r = fd_read_file(path, &pem[i], err);
	}
	if (r == 0) {
		struct tls_options options = { .ca_pem = buf_str(&pem[0]),
					       .cert_pem = buf_str(&pem[1]),
					       .key_pem = buf_str(&pem[2]),
					       .alpn = "http/1.1" };
		r = tls_context_new(&options, ret, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_done(&pem[i]);
	return r;
}

static int call_start(struct call *call, const struct instance *in, struct tls_context *context,
		      struct err *err)
{
	static const struct http_client_events events = { on_response, on_body, on_done };
	static const struct http_header accept = { "Accept", "application/json" };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)in->port) };
	const char *ip = *in->address ? in->address : "127.0.0.1";
	struct stream *stream;
	struct tls *tls;
	int r;

	if (inet_pton(AF_INET, ip, &addr.sin_addr) != 1)
		return err_say(err, -EINVAL, "%s is not an IPv4 address", ip);
	r = tls_new(context, ip, &tls, err);
	if (r < 0)
		return r;
	r = stream_connect(call->loop, (struct sockaddr *)&addr, sizeof(addr), tls, ip, &stream,
			   err);
	if (r < 0)
		return r;
	r = http_client_new(stream, ip, &events, call, &call->http);
	if (r < 0) {
		(void)stream_free(stream);
		return err_set(err, r, "speak HTTP to %s", ip);
	}
	return http_client_send(call->http, "GET", call->path, &accept, 1, NULL, 0);
}

static int call_result(struct call *call, struct json_object **ret, struct err *err)
{
	auto_json struct json_object *json = NULL;
	const char *said;
	int r;

	if (call->result < 0)
		return call->result;
	r = buf_error(&call->body);
	if (r < 0)
		return err_set(err, r, "read %s", call->path);
	r = json_parse(buf_str(&call->body), call->body.len, &json, err);
	if (r < 0)
		return err_prefix(err, r, "answer to %s", call->path);
	if (call->status < 200 || call->status > 299) {
		said = json_str_at(json, "message");
		return err_say(err, call->status == 404 ? -ENOENT : -EREMOTEIO, "%s",
			       said ? said : http_status_text(call->status));
	}
	*ret = take_ptr(&json);
	return 0;
}

int client_get(const struct instance *in, const char *path, int timeout_ms,
	       struct json_object **ret, struct err *err)
{
	struct call call = { .path = path, .result = 1, .err = err };
	struct tls_context *context = NULL;
	struct loop_timer *timer = NULL;
	auto_loop struct loop *loop = NULL;
	int r;

	call.body.max = ANSWER_MAX;
	r = loop_new(&loop, err);
	if (r < 0)
		return r;
	call.loop = loop;
	r = admin_tls(in, &context, err);
	if (r == 0)
		r = loop_timer_new(loop, on_timeout, &call, &timer);
	if (r == 0) {
		loop_timer_set_ms(timer, timeout_ms);
		r = call_start(&call, in, context, err);
	}
	if (r >= 0 && call.result == 1)
		r = loop_run(loop, err);
	if (r >= 0)
		r = call_result(&call, ret, err);
	(void)loop_timer_free(timer);
	if (call.http)
		(void)http_client_free(call.http);
	(void)tls_context_free(context);
	buf_done(&call.body);
	return r;
}
