/* SPDX-License-Identifier: Apache-2.0 */
/* config.json, and process JSON behind it; then the parts of the plan that open nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <linux/filter.h>

#include "runtime/config.h"
#include "runtime/mount_option.h"
#include "runtime/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_spec struct spec *spec = spec_new();
	struct err err = { 0 };

	if (!spec)
		return 0;
	if (size && data[0] == 'p') {
		(void)config_parse_process(spec, (const char *)data + 1, size - 1, &err);
	} else if (config_parse(spec, (const char *)data, size, &err) == 0) {
		struct plan_made made = { 0 };
		struct sock_filter *code = NULL;
		uint32_t flags;
		size_t n;

		for (size_t i = 0; i < spec->n_mounts; i++) {
			auto_buf struct buf rest = BUF_INIT(65536);
			struct mount_options o;

			(void)mount_options_parse(&spec->mounts[i].options, &o, &rest, &err);
		}
		if (spec->seccomp.given &&
		    seccomp_compile(&spec->seccomp, &code, &n, &flags, &err) == 0)
			free(code);
		spec->seccomp.given = false;
		if (plan_make_process(spec, &made, &err) == 0) {
			const struct plan *plan;

			if (plan_view(made.data, made.size, &plan, &err) < 0)
				abort(); /* we don't understand ourselves */
			plan_made_done(&made);
		}
	}
	return 0;
}
