/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a server (docs/protocol.md): dialled again whenever it ends, session of this node
 * while it lives. Desired state comes in by it, statuses, events and usage go out.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "orchestrator/agent/agent_state.h"
#include "orchestrator/agent/tokens.h"

struct uplink;

int uplink_new(struct agent *agent, struct uplink **ret, struct err *err);
struct uplink *uplink_free(struct uplink *uplink);
/* Dial now. */
void uplink_begin(struct uplink *uplink);

/* A Kubernetes Event about a pod, or about the node if @pod is NULL. Kept while there is no session. */
void uplink_event(struct uplink *uplink, const struct nodepod *pod, const char *field_path,
		  bool warning, const char *reason, const char *text);
/* 0: there is no session; ask again when one begins (nodepod_ask_tokens). */
uint64_t uplink_ask_token(struct uplink *uplink, const struct nodepod *pod,
			  const struct token *token);
/* Ask for a new certificate if it is time; looks once an hour at most. */
void uplink_renew(struct uplink *uplink);
/* The node's status may have changed: send it if so. */
void uplink_node_changed(struct uplink *uplink);
/* Usage, as `stats` wants it. */
void uplink_stats(struct uplink *uplink, const struct json_object *message);
/* At the end of a round: statuses and events that wait are sent. */
void uplink_flush(struct uplink *uplink);
/* All that was set before is on the disk: acknowledge it. */
void uplink_synced_to_disk(struct uplink *uplink);
/* Up to what has been received, for uplink_synced_to_disk() later. */
void uplink_note_sync(struct uplink *uplink);

/* For `shallop status`: "connected to 10.0.0.1:6444", or why not. */
void uplink_describe(const struct uplink *uplink, struct buf *out);
bool uplink_is_session(const struct uplink *uplink);
