/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: for the many small nodes of one piece of work. After
 * arena_clear() the first block is kept, so that steady work allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *blocks; /* the newest first */
	size_t used, size;	    /* of the newest */
};

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned; NULL: out of memory */
char *arena_text(struct arena *arena, const char *text, size_t len); /* a copy, with a NUL */
void arena_clear(struct arena *arena);
void arena_done(struct arena *arena);
