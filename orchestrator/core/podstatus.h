/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a Pod's status that the server knows without asking a node. */
#pragma once

#include "base/json.h"

/* phase Pending and the quality of service class. */
int podstatus_initial(struct json_object *pod);
const char *
podstatus_qos(const struct json_object *pod); /* "Guaranteed", "Burstable", "BestEffort" */
/* Set (or add) the condition of @type; its lastTransitionTime moves only when its status does. */
int podstatus_condition(struct json_object *pod, const char *type, const char *status,
			const char *reason, const char *message, int64_t now_ns);
