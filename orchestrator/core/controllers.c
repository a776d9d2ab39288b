/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/controller.h"

/* One a file: sched.c, ctl_*.c. */
extern const struct controller ctl_nsdefaults, ctl_namespace, ctl_node, ctl_evict, ctl_podgc,
	ctl_gc, ctl_kubernetes, ctl_tokens, sched_controller;

/* In the order in which they step. */
const struct controller *const controllers[] = {
	&ctl_nsdefaults, &ctl_namespace,  &ctl_node,   &ctl_evict,	  &ctl_podgc,
	&ctl_gc,	 &ctl_kubernetes, &ctl_tokens, &sched_controller, NULL, /* ends the list */
};
const size_t controllers_count = ARRAY_LEN(controllers) - 1;
