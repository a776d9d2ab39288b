/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run outside of the container. OCI config.md, "POSIX-platform Hooks". */
#pragma once

#include "base/err.h"
#include "runtime/spec.h"

/* One after another, @state on their stdin, in directory @bundle; stops at the first that fails. */
int hook_run_all(const struct spec_hooks *hooks, const char *kind, const char *state,
		 const char *bundle, struct err *err);
