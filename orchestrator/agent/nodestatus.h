/* SPDX-License-Identifier: Apache-2.0 */
/* The Node object as this node sees itself: capacity, conditions, addresses, images, what it runs. */
#pragma once

#include "orchestrator/agent/agent_state.h"

/* Measure what does not change while the agent runs: cpus, memory, storage. Fills agent's members. */
void nodestatus_measure(struct agent *agent);
/* {"metadata", "spec", "status"} for `node_status`; heartbeat times are now. The caller's. */
struct json_object *nodestatus_make(struct agent *agent);
/* Equal but for heartbeat times? */
bool nodestatus_equal(const struct json_object *a, const struct json_object *b);
