/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/controller.h"

/* In the order in which they step. */
const struct controller *const controllers[] = {
	NULL, /* ends the list */
};
const size_t controllers_count = ARRAY_LEN(controllers) - 1;
