/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API front: HTTPS in, core requests out, answers back.
 *
 * A connection's user is taken once from its certificate, or from each request's bearer token. What
 * the core answers is written as a kube-apiserver would: whole bodies, long bodies in pieces as the
 * client reads, watches that end or stop growing when the client falls behind, streams that
 * are handed to streams.h.
 */
#pragma once

#include <stdint.h>

#include "base/http.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/tls.h"
#include "orchestrator/core/core.h"
#include "orchestrator/server/auth.h"

#define FRONT_BODY_MAX ((size_t)3 << 20) /* as a kube-apiserver: 413 above it */

struct front;
struct front_request;
struct reply_style; /* reply.h */
struct streams;	    /* streams.h */
struct nodefront;   /* nodefront.h */
struct metrics;	    /* metrics.h */

struct front_options {
	struct loop *loop;
	struct core *core;
	struct auth *auth;
	struct metrics *metrics;
	struct nodefront *nodes; /* where streams go */
	struct tls_context *tls; /* borrowed; asks for client certificates */
	const char *issuer;	 /* of tokens, for OpenID discovery */
	const char *sa_pub_pem;
	const char *address; /* of this server, as clients know it */
	unsigned port;
	size_t connections_max;
};
int front_new(const struct front_options *options, struct front **ret, struct err *err);
/* Serve a listening socket (taken over). May be called for several addresses. */
int front_listen(struct front *front, int fd, struct err *err);
/* Accept no more, and close each connection after what is queued for it: takes some rounds. */
void front_close(struct front *front);
size_t front_connections(const struct front *front);
/* Connections that are still there then, are left to the end of the process. */
struct front *front_free(struct front *front);

/* ---- for those that answer piece by piece (front.c itself, streams) ---- */

struct front_handler {
	/* There is room again, or front_wake() was called. May be NULL. */
	void (*on_drain)(struct front_request *request);
	/* The client left, or the answer is complete: free what hangs on ->data. */
	void (*on_gone)(struct front_request *request);
};
struct front_request {
	struct front *front;
	struct http_request *http;
	struct identity *identity;
	uint64_t ticket; /* waits in the core */
	const struct front_handler *handler;
	void *data;
	struct reply_style *style;
	struct list awake; /* in the front's list of those to be drained at the end of the round */
};

/* A Status of Kubernetes' form. @reason: "Forbidden", "InternalError", … */
void front_respond_status(struct front_request *request, int code, const char *reason,
			  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The head of a streamed answer, with the headers of every answer. @length -1: chunked. */
int front_respond_start(struct front_request *request, int status, const char *content_type,
			int64_t length);
/* The request is about to become something else (an upgrade): it is gone as far as the front goes,
 * its handler is not called again. The HTTP request is the caller's to answer, now. */
struct http_request *front_release(struct front_request *request);
/* Call on_drain at the end of this round. */
void front_wake(struct front_request *request);
/* Room for more without queueing beyond the high-water mark? */
bool front_has_room(const struct front_request *request);
