/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked layers of an image as a stack of directories, and a new one on top of them. */
#pragma once

#include "image/image_store.h"
#include "image/limits.h"

/* Filled from the end, so that the open ones are topmost first for who looks down through them. */
struct layer_stack {
	int fds[IMAGE_LAYERS_MAX];
	size_t n;
};
void layer_stack_done(struct layer_stack *stack);
static inline void own_layer_stack_done(struct layer_stack *stack)
{
	layer_stack_done(stack);
}
#define auto_layer_stack OWN(layer_stack)
const int *layer_stack_top(const struct layer_stack *stack);
void layer_stack_push(struct layer_stack *stack,
		      int fd); /* takes @fd over; at most IMAGE_LAYERS_MAX */

#define LAYER_STAGED_NAME (DIGEST_HEX + 2)
const char *layer_staged_name(const char *chain_id, char name[LAYER_STAGED_NAME]);

/* Unpack @blob_fd on top of @stack into the staging directory. Returns the new directory's fd. */
int layer_stage(int staging_fd, int blob_fd, const char *diff_id, const char *chain_id,
		const struct layer_stack *stack, struct err *err);
