/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that a Kubernetes API server makes when it starts and does not find them. */
#pragma once

#include "orchestrator/core/core.h"

int bootstrap(struct core *core, struct err *err);
