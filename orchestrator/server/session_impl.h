/* SPDX-License-Identifier: Apache-2.0 */
/* What session.c and session_status.c share. */
#pragma once

#include "base/list.h"
#include "orchestrator/server/session.h"

/* A numbered message of the agent, until all that it asked for is durable. */
struct receipt {
	struct list node;
	struct session *session; /* NULL: it has ended */
	uint64_t seq;
	unsigned writes; /* under way, and one while the message is being read */
};

struct session {
	struct session_options options;
	const struct schema_kind *pods, *nodes, *leases, *events;
	char *node;
	struct nodeset *set;
	struct json_object *have; /* waits for the Node object */
	struct loop_timer *lease_timer;
	struct list receipts; /* in order of seq */
	uint64_t seq_out, seq_in;
	struct session_usage usage;
	bool has_usage;
	bool registered; /* the Node object is there and has had its labels */
	bool failed;	 /* ended by ourselves: only session_free() is left */
	bool started;	 /* the difference has been sent */
};

/* Room for the write in @receipt; to be given as data to core writes with session_written. */
struct receipt *receipt_use(struct receipt *receipt);
void session_written(struct core *core, int result, const char *sentence, struct object *object,
		     void *data);
/* The Node object is published. */
void session_registered(struct session *session);

void session_pod_status(struct session *session, const struct json_object *json,
			struct receipt *receipt);
int session_node_status(struct session *session, const struct json_object *json,
			struct receipt *receipt, struct err *err);
void session_events(struct session *session, const struct json_object *json);
void session_renew_lease(struct session *session);
