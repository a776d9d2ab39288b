/* SPDX-License-Identifier: Apache-2.0 */
/* Server-side apply: a configuration merged into the object, with owners and conflicts. */
#pragma once

#include "orchestrator/core/request.h"

void serverapply_run(struct request *request);
