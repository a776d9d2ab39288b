/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams between an API client and a node: exec, attach, logs, port-forward. The client's side is
 * WebSocket, SPDY/3.1 or chunked HTTP; the node's side is one wire channel per stream. Bytes wait on
 * the side that is slow, and the other side is not read meanwhile.
 *
 *	streams.c	which kind, which protocol, which node
 *	remote.c	exec and attach
 *	forward.c	port-forward
 *	logs.c		logs
 *	tunnel.c	SPDY/3.1 on an upgraded connection or in WebSocket messages
 */
#pragma once

#include "base/buf.h"
#include "base/loop.h"
#include "orchestrator/server/front.h"
#include "orchestrator/wire/wire.h"

/* Answer @request with @stream: by an upgrade, by a streamed body, or by a Status. */
void streams_start(struct front_request *request, struct loop *loop,
		   const struct core_stream *stream, struct nodefront *nodes);

/* ---- within ---- */

/* One call of a client, ready to be started. */
struct streams_call {
	struct front_request *request;
	struct loop *loop;
	const struct core_stream *stream;
	struct nodefront *nodes;
	struct wire *wire; /* of the pod's node, now */
	struct buf *open;  /* the wire's open message, without its closing brace */
};
void remote_start(const struct streams_call *call);
void forward_start(const struct streams_call *call);
void logs_start(const struct streams_call *call);

bool streams_wants_spdy(const struct http_request *request);
/* The first of @known (NULL-terminated, best first) that the client offers in its
 * X-Stream-Protocol-Version headers; NULL: none. */
const char *streams_spdy_protocol(const struct http_request *request, const char *const *known);
/* 400 for a client that asks for no upgrade, 403 for one with no protocol in common: as Kubernetes. */
void streams_refuse_upgrade(struct front_request *request, bool no_protocol);
