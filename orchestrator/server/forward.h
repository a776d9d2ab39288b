/* SPDX-License-Identifier: Apache-2.0 */
/* The second way of port-forward (forward_ws.c), for forward.c that chooses. */
#pragma once

#include "orchestrator/server/streams.h"

void forward_ws_start(const struct streams_call *call, const char *protocol);
