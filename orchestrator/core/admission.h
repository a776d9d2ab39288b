/* SPDX-License-Identifier: Apache-2.0 */
/* In-tree admission, in Kubernetes' order. Each refuses with Kubernetes' words. */
#pragma once

#include "orchestrator/core/request.h"

int admission_start(struct core *core);
/* NamespaceLifecycle: creation needs a namespace that exists and is not going away. */
bool admission_namespace(struct request *request, const struct json_object *json);
/* All that change or refuse an object; @old NULL: create. false: the request has been ended. */
bool admission_mutate(struct request *request, struct json_object *json,
		      const struct json_object *old);
