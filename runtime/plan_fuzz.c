/* SPDX-License-Identifier: Apache-2.0 */
/* What a shim does with a plan before it trusts it: plan_view(), then every text and span is walked. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan.h"

static size_t walk(const struct plan *plan, struct plan_span span)
{
	const plan_str *items = plan_items(plan, span);
	size_t total = 0;

	for (uint32_t i = 0; i < span.n; i++)
		total += strlen(plan_text(plan, items[i]));
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t *aligned = malloc(size + 8);
	const struct plan *plan;
	size_t total = 0;

	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	if (size >= sizeof(*plan)) { /* past the first hurdle at once */
		struct plan *head = (struct plan *)aligned;

		head->magic = PLAN_MAGIC;
		head->version = PLAN_VERSION;
	}
	if (plan_view(aligned, size, &plan, NULL) == 0) {
		const struct plan_hook *hooks = plan_items(plan, plan->hooks_start);

		total += walk(plan, plan->process.args) + walk(plan, plan->process.env);
		total += walk(plan, plan->masked) + walk(plan, plan->readonly);
		for (uint32_t i = 0; i < plan->hooks_start.n; i++)
			total += walk(plan, hooks[i].args);
	}
	free(aligned);
	return total == SIZE_MAX ? -1 : 0; /* the sum must be used, or it is not made */
}
