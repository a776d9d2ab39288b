/* SPDX-License-Identifier: Apache-2.0 */
/* The query of an API request: decoded once into a struct of options, by a table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define APIQUERY_MAX ((size_t)64 << 10)

struct apiquery {
	/* NULL: not given */
	const char *label_selector, *field_selector, *continue_token;
	const char *resource_version, *resource_version_match;
	const char *field_manager, *field_validation, *propagation, *dry_run, *include_object;
	const char *container, *since_time, *path; /* of subresources */
	int64_t limit, timeout_s, grace_s;	   /* -1: not given */
	int64_t since_s, tail_lines, limit_bytes;
	bool watch, allow_bookmarks, force, pretty, orphan, follow, previous, timestamps;
	bool standard_in, standard_out, standard_error, tty, verbose;
	bool has_send_initial, send_initial, has_force, has_orphan, has_pretty;
	const char **commands, **ports, **excludes; /* arrays, in order */
	size_t n_commands, n_ports, n_excludes;
	char *text; /* owned; what the others point into */
};

/* -EINVAL with the sentence of a 400, -E2BIG, -ENOMEM. Unknown options are ignored. */
int apiquery_parse(const char *query, struct apiquery *ret, struct err *err);
void apiquery_done(struct apiquery *query);
