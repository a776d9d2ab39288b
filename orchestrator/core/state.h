/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core knows: published objects per resource, and the batch of staged writes over them.
 *
 * Published state changes only in core_commit(). A staged write is seen by later writes of the same
 * batch (state_see()), by nobody else. While a batch is being made durable nothing can be staged:
 * writes wait in the core's queue (state_busy()).
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "orchestrator/core/arena.h"
#include "orchestrator/core/core.h"
#include "orchestrator/core/history.h"
#include "orchestrator/core/objectmap.h"
#include "orchestrator/core/timers.h"

#define QUEUE_MAX	((size_t)4096)
#define QUEUE_BYTES_MAX ((size_t)16 << 20)
#define STATE_TRIM_NS	((int64_t)30 * 1000000000) /* how often old history is looked for */

struct resource {
	const struct schema_kind *kind;
	struct map published; /* objects by their tail */
	struct map staged;    /* the newest change of each key in the batch */
	struct history history;
	struct list watches;   /* struct core_watch */
	struct list listeners; /* struct listener_row */
	struct buf columns;    /* JSON of its Table columns, once asked for */
	bool volatile_too;     /* some of its writes may be lost in a crash */
};
struct change {
	struct map_node node; /* in resource->staged */
	struct resource *resource;
	enum core_event_type type;
	struct object *object, *old; /* as in struct past */
	bool durable;
};
/* Somebody whose answer depends on the batch; embedded in what waits. */
struct waiter {
	struct list node;
	/* @code 0: it is durable and published; else -errno and the store's sentence. Not linked any
	 * more when called. */
	void (*settle)(struct core *core, struct waiter *waiter, int code, const char *sentence);
};
struct batch {
	struct change **changes;
	struct core_record *records;
	size_t n, changes_cap, records_cap;
	struct list waiters;
	struct core_batch view;
};
struct recorder;
struct core {
	struct core_options options; /* texts are owned */
	struct resource *resources;  /* in the order of schema_kinds */
	uint64_t revision;	     /* published */
	uint64_t last_revision;	     /* handed out */
	struct batch batch;
	bool in_flight;	   /* the batch is the store's now */
	struct list queue; /* struct request, waiting for their turn to write */
	size_t queued, queued_bytes;
	struct list parked; /* struct request: pods whose service account is about to be made */
	uint64_t last_ticket;
	int64_t now_ns;
	struct timers timers;
	struct arena arena; /* of the write that is under way */
	int64_t trim_at_ns; /* INT64_MAX: there is no history */
	void **controllers; /* their data, in the order of the table */
	size_t controllers_started;
	struct recorder *recorder;
	bool loaded;
	struct core_stats stats;
};

struct resource *state_resource(struct core *core, const struct schema_kind *kind);
struct object *state_published(const struct resource *resource, const char *tail);
/* Published, or what the batch makes of it; *saw_staged is set (never cleared) if it did. */
struct object *state_see(const struct resource *resource, const char *tail, bool *saw_staged);

/* No write can be staged now. */
bool state_busy(const struct core *core);
/*
 * Stage the creation or replacement of an object by @object, or its deletion (@object NULL).
 * @old: as state_see() gave it, NULL for a creation. @object gets its revision here; the batch takes
 * its own reference. On failure nothing is staged. *ret is borrowed, as long as the batch lives:
 * @object, or the deleted state at the revision of the deletion.
 */
int state_stage(struct core *core, struct resource *resource, struct object *old,
		struct object *object, bool durable, struct object **ret);
void state_wait(struct core *core, struct waiter *waiter); /* for the batch */
bool state_staged_any(const struct core *core);

void state_done(struct core *core);
