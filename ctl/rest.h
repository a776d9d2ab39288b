/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to an API server, one after another on a kept-alive connection, each waited for. What comes
 * in pieces (watches, followed logs) is given to a callback as it comes; an upgraded connection (exec,
 * port-forward) is handed over with the loop that drives it.
 *
 * Failures are sentences as the real kubectl prints them: a Status of the server becomes
 * `Error from server (NotFound): pods "x" not found`, a refused connection
 * `The connection to the server HOST:PORT was refused - did you specify the right host or port?`
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/http.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/stream.h"
#include "ctl/kubeconfig.h"

struct rest;

/* @timeout_ns: --request-timeout, 0: none. Connects when the first request is made. */
int rest_new(const struct kubeconfig_target *target, int64_t timeout_ns, struct rest **ret,
	     struct err *err);
struct rest *rest_free(struct rest *rest);
OWN_DEFINE(rest, struct rest *, rest_free)
#define auto_rest OWN(rest)
struct loop *rest_loop(struct rest *rest);
const char *rest_server(const struct rest *rest); /* "https://127.0.0.1:6443" */

struct rest_request {
	const char *method, *path; /* path with query, as it goes on the wire */
	const char *accept;	   /* NULL: application/json */
	const char *content_type;  /* of the body */
	const void *body;
	size_t body_len;
	/* Pieces of a successful answer as they come; a non-zero return ends the request with it. NULL: the
	 * whole body is collected. */
	int (*on_piece)(const char *bytes, size_t len, void *data);
	void *data;
};
/*
 * Returns the HTTP status (also 4xx and 5xx: the caller decides), or -errno with a sentence that needs
 * no "error: " in front. Warning headers are printed to stderr, once each, as kubectl does.
 */
int rest_call(struct rest *rest, const struct rest_request *request, struct buf *ret_body,
	      struct err *err);
/* GET, and parse; a status other than 2xx becomes -errno (-ENOENT for 404) and its sentence. */
int rest_get(struct rest *rest, const char *path, const char *accept, struct json_object **ret,
	     struct err *err);
/*
 * The sentence for an answer that is not 2xx; returns -ENOENT, -EEXIST, -EACCES, … @context goes where
 * kubectl puts it (`error when creating "x.yaml": `); NULL: none.
 */
int rest_problem(int status, const struct rest_request *request, const struct buf *body,
		 const char *context, struct err *err);

/*
 * All that a server said: a struct err holds 507 bytes of a sentence, and the causes of a 422 may be many. The
 * whole text of the last rest_problem() if @err begins as that does, else @err's own.
 */
const char *rest_text(const struct err *err);

/*
 * A connection of its own, upgraded: @protocols is the value of Sec-WebSocket-Protocol. On 101 *ret is the
 * stream, *ret_protocol what the server chose. Else as rest_call().
 */
int rest_websocket(struct rest *rest, const char *path, const char *protocols, struct stream **ret,
		   char *ret_protocol, size_t protocol_size, struct err *err);

/* Percent-encode one path segment or query value, appended to @buf. */
int rest_escape(struct buf *buf, const char *text);
