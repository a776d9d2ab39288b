/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs beside the requests: controllers and the scheduler, one row each in controllers.c.
 *
 * A controller is level-triggered. start() is called once, at the end of core_loaded(): it makes
 * its state and calls core_listen() for the kinds it follows (existing objects come as CORE_ADDED).
 * Event callbacks note what is to be looked at again and do no work of their own; step() does the
 * work, a bounded piece at a time, over published state, and writes with core_create(),
 * core_update(), core_delete(), core_bind() and core_event() with the resourceVersion it saw.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/core/core.h"

struct controller {
	const char *name;
	int (*start)(struct core *core, int64_t now_ns, void **ret_data, struct err *err);
	/* Do what is due, at most about 1 ms of it; set *ret_more when something is left. Returns when
	 * to be called at the latest (absolute, ns; INT64_MAX: only after events). Called in each
	 * core_step(), so it must be cheap when nothing is due. */
	int64_t (*step)(struct core *core, void *data, int64_t now_ns, bool *ret_more);
	void (*stop)(void *data); /* free the state; @data may be NULL */
};

extern const struct controller *const controllers[];
extern const size_t controllers_count;

/* What controllers may ask beyond core.h. */
const struct core_options *core_options_of(const struct core *core);
int64_t core_now_ns(const struct core *core); /* the time of the call that is under way */
void core_random(struct core *core, void *bytes, size_t len);
