/* SPDX-License-Identifier: Apache-2.0 */
/* Those inside the server who follow a kind: core_listen(). */
#pragma once

#include "orchestrator/core/state.h"

void listen_tell(struct core *core, const struct change *change);
void listen_done(struct core *core);
