/* SPDX-License-Identifier: Apache-2.0 */
/* Events: made about objects, merged with an equal recent one, and forgotten after an hour. */
#pragma once

#include "orchestrator/core/core.h"

struct recorder;

struct recorder *recorder_new(void);
struct recorder *recorder_free(struct recorder *recorder);
int recorder_start(struct core *core, struct recorder *recorder);
/* Let old events go, a bounded number; when to come again. */
int64_t recorder_step(struct core *core, struct recorder *recorder, bool *ret_more);
