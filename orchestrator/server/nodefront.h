/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node front: agents' connections (docs/protocol.md), their sessions, and what goes over them.
 *
 * A session gives its node what it should run (nodeset.h), takes statuses, events and token requests
 * and turns them into core writes, acknowledged only when they are durable, and keeps the node's
 * Lease. Streams to a node go over its session or another of its connections.
 */
#pragma once

#include "base/tls.h"
#include "orchestrator/core/core.h"
#include "orchestrator/server/metrics.h"
#include "orchestrator/server/pki.h"
#include "orchestrator/wire/wire.h"

struct nodefront;

struct nodefront_options {
	struct loop *loop;
	struct core *core;
	struct metrics *metrics;
	struct tls_context *tls; /* TLS 1.3, asks for client certificates; borrowed */
	const struct pki *pki;	 /* issues certificates; borrowed */
	const struct server_options *server;
};
int nodefront_new(const struct nodefront_options *options, struct nodefront **ret, struct err *err);
int nodefront_listen(struct nodefront *front, int fd, struct err *err);
struct nodefront *nodefront_free(struct nodefront *front);

/* A connection to @node for a new stream; NULL: none is connected. */
struct wire *nodefront_wire(struct nodefront *front, const char *node);
