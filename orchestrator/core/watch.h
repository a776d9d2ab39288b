/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: a backlog that is written out as the client reads (the initial objects, or the history
 * since its resourceVersion), then a queue of frames that all watchers of the resource share.
 */
#pragma once

#include "orchestrator/core/request.h"

#define WATCH_EVENTS_MAX  1000
#define WATCH_BYTES_MAX	  ((size_t)1 << 20)
#define WATCH_BOOKMARK_NS ((int64_t)60 * 1000000000)

void watch_start(struct request *request);
void watch_fan_out(struct core *core, const struct change *change);
/* The core goes away: all watches end. */
void watch_done(struct core *core);
