/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)8192)

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char data[];
};

static bool add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return false;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = 0;
	arena->size = size;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > arena->size - arena->used &&
	    !add_block(arena, size > BLOCK_SIZE ? size : BLOCK_SIZE))
		return NULL;
	p = arena->blocks->data + arena->used;
	arena->used += size;
	return memset(p, 0, size);
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	return copy ? memcpy(copy, text, len) : NULL;
}

/* Blocks of other than the usual size do not stay. */
void arena_clear(struct arena *arena)
{
	while (arena->blocks && (arena->blocks->next || arena->size != BLOCK_SIZE)) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		arena->size = arena->blocks ? BLOCK_SIZE : 0;
		free(block);
	}
	arena->used = 0;
}

void arena_done(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	*arena = (struct arena){ 0 };
}
