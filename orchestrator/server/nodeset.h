/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each node should have (docs/protocol.md, section 5): its Node, the pods bound to it, exactly
 * the ConfigMaps and Secrets that these pods name, and every Service and EndpointSlice.
 *
 * A nodeset lives as long as its node's session. It starts from what the agent says it has, sends the
 * difference, and follows the published state from then on. Pure: objects in, messages out.
 *
 * The revision of a Pod or Node in these messages is a digest of all but status and managedFields:
 * an agent's own status reports do not come back to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "orchestrator/core/core.h"

struct nodesets; /* of all nodes, and who needs which object */
struct nodeset;	 /* of one */

/* Follows @core (borrowed) from now on; to be freed after it, or with it unused. */
int nodesets_new(struct core *core, struct nodesets **ret);
struct nodesets *nodesets_free(struct nodesets *sets);

/*
 * One `desired` message without its opening brace and seq: `"op":"set","kind":"Pod",…}`. Called
 * from nodeset_start() and while the core publishes; may not call back into the nodeset. @fields NULL:
 * memory is out, and the node would miss something: its session must end.
 */
typedef void nodeset_send_fn(void *data, const char *fields, size_t len);
int nodeset_new(struct nodesets *sets, const char *node, nodeset_send_fn *send, void *data,
		struct nodeset **ret);
struct nodeset *nodeset_free(struct nodeset *set);

/*
 * Send the difference to @objects, the agent's `have` list; afterwards changes go out as they are
 * published. Once. The Node object must be published.
 */
int nodeset_start(struct nodeset *set, const struct json_object *objects);

/* The pod with this uid, if it is bound to this node; borrowed until the next commit, or NULL. */
struct object *nodeset_pod(const struct nodeset *set, const char *namespace, const char *name,
			   const char *uid);
