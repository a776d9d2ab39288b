/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that a server opens to this node (docs/protocol.md, section 8): exec and attach into a
 * container (nodeexec.c), port-forward and dial (nodedial.c), logs (nodelog.c).
 *
 * Each kind embeds a struct nodestream, which hangs on its pod: when the pod goes, or a container of
 * it ends, the stream is told.
 */
#pragma once

#include "base/json.h"
#include "base/list.h"
#include "base/stream.h"
#include "orchestrator/agent/agent_state.h"
#include "orchestrator/wire/wire.h"

struct nodestream;
struct nodestream_ops {
	/* The pod goes: close the channel and free yourself. */
	void (*end)(struct nodestream *stream);
	/* A container of the pod has ended. May be NULL. */
	void (*poke)(struct nodestream *stream);
};
struct nodestream {
	struct list link; /* nodepod->streams, or alone */
	const struct nodestream_ops *ops;
	struct agent *agent;
	struct nodepod *pod;	      /* NULL: of none */
	struct wire_channel *channel; /* NULL: over */
};

/* Takes the channel: serves or closes it. */
void nodestream_open(struct agent *agent, struct wire_channel *channel,
		     const struct json_object *open);
void nodestream_poke(struct nodepod *pod);

/* A way between a byte stream and one direction each of a channel, with back pressure. */
struct bridge {
	struct stream *stream;
	struct wire_channel *channel;
	enum wire_sub out; /* what is read from the stream goes here */
	size_t owed;	   /* bytes taken from the channel that wait in the stream */
	bool ended;	   /* the stream gives no more */
};
void bridge_pull(struct bridge *bridge); /* from on_data and on_writable: stream → channel */
/* From on_data of the channel: channel → stream. */
void bridge_push(struct bridge *bridge, const void *bytes, size_t len);
void bridge_drained(struct bridge *bridge); /* from the stream's on_drain */

/* The kinds. Each takes the channel, also on failure; @pod is there unless the kind needs none. */
typedef int nodestream_fn(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
			  const struct json_object *open, struct err *err);
nodestream_fn nodeexec_open, nodeattach_open, nodelog_open, nodeforward_open, nodedial_open;
