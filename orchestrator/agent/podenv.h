/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment: envFrom, env with its sources, the services' variables. */
#pragma once

#include "base/err.h"
#include "orchestrator/agent/desired.h"
#include "orchestrator/agent/downward.h"
#include "orchestrator/agent/envlist.h"

/*
 * Fill @env for @container of the pod in @of. ConfigMaps, Secrets and Services come from @desired.
 * Errors are the kubelet's sentences, fit for CreateContainerConfigError: 'configmap "c" not found',
 * "couldn't find key k in ConfigMap default/c".
 */
int podenv_make(const struct desired *desired, const struct downward *of,
		const struct json_object *container, struct envlist *env, struct err *err);
/* Only literal values, for exec probes' $(NAME). */
void podenv_static(const struct json_object *container, struct envlist *env);
