/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recent past of one resource: a ring of its published changes, so that watches resume, and
 * continued or exact lists are answered, inside the window. Bounded by age and bytes.
 */
#pragma once

#include "orchestrator/core/core.h"

#define HISTORY_NS_MAX	  ((int64_t)300 * 1000000000)
#define HISTORY_BYTES_MAX ((size_t)8 << 20)

struct past {
	enum core_event_type type;
	struct object
		*object;    /* after it; of a deletion: the last state at the deletion's revision */
	struct object *old; /* before it; NULL on creation */
	int64_t at_ns;
};
struct history {
	struct past *ring;
	size_t cap, head, n; /* @cap is a power of two */
	size_t bytes;
	uint64_t floor; /* what came after this revision is all here */
};

/* References on @object and @old are taken. 0 or -ENOMEM: then the ring is emptied, floor raised. */
int history_add(struct history *history, enum core_event_type type, struct object *object,
		struct object *old, int64_t now_ns);
void history_trim(struct history *history, int64_t now_ns);
void history_done(struct history *history);
const struct past *history_at(const struct history *history, size_t i); /* 0: the oldest */
size_t history_after(const struct history *history, uint64_t revision); /* first index beyond it */
