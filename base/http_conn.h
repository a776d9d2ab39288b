/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the HTTP server, for base/http_*.c only: the connection (http_server.c), a request
 * taken apart (http_request.c), its answer (http_answer.c).
 */
#pragma once

#include "base/http_head.h"

#define HTTP_SKIP_MAX ((uint64_t)1 << 20) /* of a body nobody wants; above, the connection ends */

/* One delivered request: a single block with its head's text behind it. */
struct exchange {
	struct http_request request;
	struct http_body body;
	bool head_only;	 /* HEAD: no content is sent */
	bool expects;	 /* 100 Continue is owed */
	bool is_http10;	 /* never gets chunks */
	bool body_given; /* on_body was called */
	bool started, chunked;
	int64_t length_left; /* of an answer with a stated length; -1: not stated */
	uint64_t skipped;
	size_t paced;
	struct http_header headers[];
};

struct http_conn {
	struct stream *stream; /* NULL: handed over */
	struct loop *loop;
	const struct http_server_events *events;
	void *data;
	struct http_options options;
	struct exchange *now; /* being answered */
	size_t scanned;	      /* of the head that is coming */
	size_t served;
	bool closing;	/* no further request; close when the answer is out */
	bool advancing; /* inside conn_advance() */
	bool turn_pending;
	bool dead;
	int gone; /* why the peer is no longer there */
	struct loop_timer *timer;
	int64_t deadline_ns, armed_ns;
};

static inline struct exchange *exchange_of(struct http_request *request)
{
	return CONTAINER_OF(request, struct exchange, request);
}

/* From a head that http_head_find() has found; copied. -EBADMSG, -ENOMEM: @no says how to refuse. */
int exchange_new(struct http_conn *conn, const char *text, size_t len, struct exchange **ret,
		 struct http_refusal *no);
void exchange_free(struct exchange *x);

/* The connection's own answer to what it can't let through; the connection ends. */
void http_conn_refuse(struct http_conn *conn, int status, const char *why);
/* Everything that comes to an end here ends once, at the round's end, outside of the handler. */
void http_conn_end(struct http_conn *conn, int reason);
/* An answer is complete: go on, but not inside of the handler. */
void http_conn_answered(struct exchange *x);
