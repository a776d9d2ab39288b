/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node's session (docs/protocol.md, sections 4 to 6) on a wire that nodefront.c has opened: the
 * desired state out; statuses, events and token requests in, as core writes. Writes are acknowledged
 * in order, when they are durable. What cannot be kept now (a full store or queue) ends the
 * session: the agent comes back with everything it has.
 */
#pragma once

#include "base/json.h"
#include "orchestrator/server/nodefront.h"
#include "orchestrator/server/nodeset.h"
#include "orchestrator/server/podranges.h"
#include "orchestrator/wire/wire.h"

struct session;

struct session_options {
	struct loop *loop;
	struct core *core;
	struct nodesets *sets;
	const struct pki *pki;
	struct podranges *ranges;
	struct wire *wire; /* borrowed; ended by session_free's caller */
	const char *node;
};
int session_new(const struct session_options *options, struct session **ret);
/* Writes under way go on; nobody is told of their end. */
struct session *session_free(struct session *session);

/* What the node's last `stats` said; false: none came yet. */
struct session_usage {
	int64_t cpu_nanos, memory_bytes; /* since its start; working set */
	size_t pods;
};
bool session_usage(const struct session *session, struct session_usage *ret);

/* A message after the welcome. A negative result with its sentence ends the connection. */
int session_message(struct session *session, enum wire_message type, const struct json_object *json,
		    struct err *err);
