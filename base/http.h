/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1, both sides, on http-parser behind our own refusals: request smuggling (Content-Length
 * with Transfer-Encoding, bare CR or LF, obs-fold), HTTP/0.9, a missing Host, heads over 64 KiB.
 *
 * Server. http_server_new() speaks on a stream; each request is delivered when its head is
 * complete, then body bytes (a handler that sets ->collect_max gets the whole body at once, 413
 * above it). The handler answers once, now or later: http_respond(), or http_respond_start() with
 * http_respond_bytes() … http_respond_end() for watches and logs (chunked; Content-Length with
 * length >= 0). Requests of one connection are answered in order, the next is not delivered
 * before. A client that leaves: on_gone. http_upgrade() answers 101 (or a CONNECT-like success)
 * and hands over the stream.
 *
 * Client. http_client_new() on a stream; one request at a time; keep-alive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"

#define HTTP_HEAD_MAX ((size_t)64 << 10)

struct http_header {
	const char *name, *value;
};

/* ---- server ---- */
struct http_conn;
struct http_request {
	struct http_conn *conn;
	const char *method, *target; /* as sent */
	const char *path;	     /* percent-decoded, without the query; "." segments refused */
	const char *query;	     /* raw, without "?"; "" if none */
	const struct http_header *headers; /* in order */
	size_t n_headers;
	struct buf body;    /* what has been collected */
	size_t collect_max; /* set in on_request to have the body collected */
	bool keep_alive;
	void *data; /* the handler's */
};
const char *http_header_of(const struct http_request *request,
			   const char *name); /* first, or NULL */
/* Walk a query or form: decodes into @key and @value (heap, caller frees); false at the end. */
bool http_query_next(const char **query, char **key, char **value);
char *http_query_get(const char *query, const char *key); /* first value, heap, or NULL */

struct http_server_events {
	/* Head complete. Set ->collect_max and return; or answer at once. */
	void (*on_request)(struct http_request *request, void *data);
	/* Body complete (collected). */
	void (*on_body)(struct http_request *request, void *data);
	/* The queue of a streamed answer has drained below the high water mark. May be NULL. */
	void (*on_drain)(struct http_request *request, void *data);
	/* The peer left before the answer was complete, or the answer is done (reason 0). The request
	 * is freed after this. */
	void (*on_gone)(struct http_request *request, int reason, void *data);
	/* The connection itself has ended. */
	void (*on_close)(struct http_conn *conn, void *data);
};
struct http_options {
	int64_t head_timeout_ms; /* a head must arrive within (30 s) */
	int64_t idle_timeout_ms; /* between requests (5 min) */
	size_t requests_max;	 /* per connection; 0: no bound */
};
int http_server_new(struct stream *stream, const struct http_options *options,
		    const struct http_server_events *events, void *data, struct http_conn **ret);
void http_conn_close(struct http_conn *conn); /* after what is queued */
struct stream *http_conn_stream(struct http_conn *conn);

/* @extra: further headers, may be NULL with n 0. Date and Content-Length are added. HEAD: no body sent. */
int http_respond(struct http_request *request, int status, const char *content_type,
		 const struct http_header *extra, size_t n_extra, const void *body, size_t len);
int http_respond_shared(struct http_request *request, int status, const char *content_type,
			const struct http_header *extra, size_t n_extra, struct bytes *body);
int http_respond_start(struct http_request *request, int status, const char *content_type,
		       const struct http_header *extra, size_t n_extra, int64_t length);
int http_respond_bytes(struct http_request *request, const void *data, size_t len);
int http_respond_shared_bytes(struct http_request *request, struct bytes *bytes);
int http_respond_end(struct http_request *request);
size_t http_respond_queued(const struct http_request *request);
/* 101 with @extra headers; afterwards the stream (with any bytes already read) is the caller's. */
int http_upgrade(struct http_request *request, const struct http_header *extra, size_t n_extra,
		 struct stream **ret);
const char *http_status_text(int status);

/* ---- client ---- */
struct http_client;
struct http_response {
	int status;
	const struct http_header *headers;
	size_t n_headers;
};
const char *http_response_header(const struct http_response *response, const char *name);
struct http_client_events {
	void (*on_response)(struct http_client *client, const struct http_response *response,
			    void *data);
	void (*on_body)(struct http_client *client, const void *data_bytes, size_t len, void *data);
	/* reason 0: the response is complete. */
	void (*on_done)(struct http_client *client, int reason, void *data);
};
int http_client_new(struct stream *stream, const char *host,
		    const struct http_client_events *events, void *data, struct http_client **ret);
struct http_client *http_client_free(struct http_client *client); /* and its stream */
int http_client_send(struct http_client *client, const char *method, const char *target,
		     const struct http_header *headers, size_t n_headers, const void *body,
		     size_t len);
/* After a 101 in on_response: the stream with any bytes that followed; the client is spent. */
struct stream *http_client_take_stream(struct http_client *client);
const struct err *http_client_error(const struct http_client *client);
