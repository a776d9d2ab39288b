/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/controller.h"

/* One a file: sched.c, ctl_*.c. */
extern const struct controller sched_controller;

/* In the order in which they step. */
const struct controller *const controllers[] = {
	&sched_controller,
	NULL, /* ends the list */
};
const size_t controllers_count = ARRAY_LEN(controllers) - 1;
