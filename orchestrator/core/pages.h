/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a list, written out a piece at a time: the inside of core_pages. */
#pragma once

#include "orchestrator/core/answer.h"
#include "orchestrator/core/snapshot.h"

#define PAGES_PIECE ((size_t)64 << 10)

struct list_meta {
	uint64_t revision;
	const char *continue_token; /* NULL: none */
	int64_t remaining;	    /* -1: not said */
};
/* Takes the objects of @snapshot over, also when it fails. */
int pages_new(const struct schema_kind *kind, const struct answer_form *form,
	      const struct list_meta *meta, struct snapshot *snapshot, int64_t now_ns,
	      struct core_pages **ret);
/* All that is left, in one; NULL: out of memory. */
struct bytes *pages_rest(struct core_pages *pages);
/* About how long the whole will be. */
size_t pages_weight(const struct core_pages *pages);
OWN_DEFINE(pages, struct core_pages *, core_pages_free)
#define auto_pages OWN(pages)
