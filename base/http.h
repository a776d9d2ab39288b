/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1, both sides, on http-parser behind our own refusals: request smuggling (Content-Length
 * with Transfer-Encoding, bare CR or LF, obs-fold), HTTP/0.9, a missing Host, heads over 64 KiB.
 *
 * Server. http_server_new() speaks on a stream; each request is delivered when its head is
 * complete. A handler that sets ->collect_max gets the whole body at once by on_body (413 above
 * it; 100 Continue is sent if asked for); any other body is skipped. The handler answers once,
 * now or later: http_respond(), or http_respond_start() with http_respond_bytes() …
 * http_respond_end() for watches and logs (chunked; Content-Length with length >= 0). Requests of
 * one connection are answered in order, the next is not delivered before. A client that leaves, or
 * half-closes, before the answer is complete: on_gone. http_upgrade() answers 101 and hands over
 * the stream.
 *
 * A refused request is answered by this room itself (400, 408, 413, 417, 431, 501, 505; a sentence
 * as text/plain) and the connection closed.
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

#define HTTP_HEAD_MAX	 ((size_t)64 << 10)
#define HTTP_HEADERS_MAX 100

struct http_header {
	const char *name, *value;
};

/* ---- server ---- */
struct http_conn;
struct http_request {
	struct http_conn *conn;
	const char *method, *target; /* as sent */
	const char *path;	     /* percent-decoded, without the query; "." and ".." refused */
	const char *query;	     /* raw, without "?"; "" if none */
	const struct http_header *headers; /* in order */
	size_t n_headers;
	struct buf body;    /* what has been collected */
	size_t collect_max; /* set in on_request to have the body collected */
	bool keep_alive;
	bool answered; /* the answer is complete as far as the handler goes */
	void *data;    /* the handler's */
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
	/* Once for each request that was delivered, never inside http_respond*(): the peer left before
	 * the answer was complete, or was refused for its body (negative); or the answer is done and
	 * queued (0). The request is freed after this. */
	void (*on_gone)(struct http_request *request, int reason, void *data);
	/* The connection itself has ended and is freed after this. May be NULL. */
	void (*on_close)(struct http_conn *conn, void *data);
};
struct http_options {
	int64_t head_timeout_ms; /* a head must arrive within (30 s) */
	int64_t idle_timeout_ms; /* between requests (5 min) */
	size_t requests_max;	 /* per connection; 0: no bound */
};
/* Takes the stream over, also on failure. @options NULL: the defaults above. */
int http_server_new(struct stream *stream, const struct http_options *options,
		    const struct http_server_events *events, void *data, struct http_conn **ret);
void http_conn_close(struct http_conn *conn); /* after what is queued; on_gone, on_close come */
/* No further requests: close now if idle, else after the answer being given (a server that stops). */
void http_conn_retire(struct http_conn *conn);
struct stream *http_conn_stream(struct http_conn *conn); /* NULL after an upgrade */
void *http_conn_data(const struct http_conn *conn);	 /* as given to http_server_new() */

/* @extra: further headers, may be NULL with n 0. Date and Content-Length are added. HEAD: no body sent.
 * -EINVAL: a header with control characters; nothing was sent. -EALREADY: answered before. */
int http_respond(struct http_request *request, int status, const char *content_type,
		 const struct http_header *extra, size_t n_extra, const void *body, size_t len);
int http_respond_shared(struct http_request *request, int status, const char *content_type,
			const struct http_header *extra, size_t n_extra, struct bytes *body);
int http_respond_start(struct http_request *request, int status, const char *content_type,
		       const struct http_header *extra, size_t n_extra, int64_t length);
int http_respond_bytes(struct http_request *request, const void *data, size_t len);
int http_respond_shared_bytes(struct http_request *request, struct bytes *bytes);
/* A chunk framed once, for the same event to many watchers without a copy. */
struct bytes *http_chunk_new(const void *data, size_t len);
int http_respond_chunk(struct http_request *request, struct bytes *chunk);
int http_respond_end(struct http_request *request);
size_t http_respond_queued(const struct http_request *request);
/* 101 with @extra headers; afterwards the stream (with any bytes already read) is the caller's, who
 * sets his events on it. Request and connection end as ever (on_gone 0, on_close), at the end of
 * the round. -EBUSY: the request has a body that has not come yet. */
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
/* The client may be freed in every callback. */
struct http_client_events {
	/* Head of the answer; @response is there until on_done. 100 Continue is not shown. */
	void (*on_response)(struct http_client *client, const struct http_response *response,
			    void *data);
	void (*on_body)(struct http_client *client, const void *data_bytes, size_t len, void *data);
	/* reason 0: the response is complete. Negative: it will not be (http_client_error()); also when
	 * an idle connection is closed by the server, -EPIPE. */
	void (*on_done)(struct http_client *client, int reason, void *data);
};
/* Takes the stream over, also on failure. @host: for the Host header. */
int http_client_new(struct stream *stream, const char *host,
		    const struct http_client_events *events, void *data, struct http_client **ret);
struct http_client *http_client_free(struct http_client *client); /* and its stream */
/* -EBUSY: a request is under way. Host and Content-Length are added. */
int http_client_send(struct http_client *client, const char *method, const char *target,
		     const struct http_header *headers, size_t n_headers, const void *body,
		     size_t len);
/* After a 101 in on_response: the stream with any bytes that followed; the client is spent. */
struct stream *http_client_take_stream(struct http_client *client);
struct stream *http_client_stream(struct http_client *client); /* to pause and resume it */
bool http_client_reusable(const struct http_client *client);   /* idle, and the server keeps it */
const struct err *http_client_error(const struct http_client *client);
