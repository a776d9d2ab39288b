/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a resource as they are, or as they were at a revision inside the history. */
#pragma once

#include "orchestrator/core/selector.h"
#include "orchestrator/core/state.h"

struct snapshot_query {
	const char *namespace; /* "" : all */
	const struct selector *selector;
	uint64_t revision; /* as of then; 0: published state */
	const char *after; /* only keys (tails) beyond this one; NULL: from the start */
	size_t limit;	   /* 0: all */
};
struct snapshot {
	struct object **objects; /* referenced, in key order */
	size_t n, cap;
	size_t remaining; /* keys in reach beyond the limit, whatever the selector says */
};
/* 0, -ENOMEM, -ESTALE: the history does not reach back to the revision. */
int snapshot_take(const struct resource *resource, const struct snapshot_query *query,
		  struct snapshot *ret);
void snapshot_done(struct snapshot *snapshot);
