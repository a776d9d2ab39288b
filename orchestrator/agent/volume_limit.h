/* SPDX-License-Identifier: Apache-2.0 */
/* emptyDir.sizeLimit on a disk: measured now and then, beyond it the pod is evicted. */
#pragma once

#include "orchestrator/agent/nodepod.h"

/* Begin to measure what is due; answers come later. (A tmpfs keeps its limit by itself.) */
void volume_limit_check(struct nodepod *pod);
