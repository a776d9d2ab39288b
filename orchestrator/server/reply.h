/* SPDX-License-Identifier: Apache-2.0 */
/* The core's answers as HTTP: headers, Status objects, long bodies, watches. Part of the front. */
#pragma once

#include "orchestrator/server/front.h"

#define REPLY_HEADERS_MAX 16

/* What every answer of one server shares. */
struct reply_style {
	uint64_t audit_state;		     /* of the generator of Audit-Ids: unique, not secret */
	char flow_uid[37], level_uid[37];    /* X-Kubernetes-PF-* */
	void (*count)(void *data, int code); /* each answer's status, for the metrics */
	void *data;
	struct loop *loop;
	/* The event that went out last and its frame: watchers of one thing get it one after another. */
	struct bytes *piece, *chunk;
};
void reply_style_done(struct reply_style *style);
void reply_style_init(struct reply_style *style, struct loop *loop);

/* The core's answer; a CORE_STREAM is not for here. */
void reply_send(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer);
/* A whole body of our own. */
void reply_bytes(struct front_request *request, struct reply_style *style, int status,
		 const char *content_type, const void *body, size_t len);
void reply_status(struct front_request *request, struct reply_style *style, int code,
		  const char *reason, const char *message);
/* The head of a streamed answer; @encoding is the Content-Encoding or NULL, @length -1: chunked. */
int reply_start(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer, const char *encoding, int64_t length);
/* Take a long answer over, if the client is better off with it packed; false: it is not. */
bool reply_gzip(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer);
