/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_layers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "image/layer.h"

void layer_stack_done(struct layer_stack *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		(void)fd_close(stack->fds[IMAGE_LAYERS_MAX - 1 - i]);
	stack->n = 0;
}

const int *layer_stack_top(const struct layer_stack *stack)
{
	return &stack->fds[IMAGE_LAYERS_MAX - stack->n];
}

void layer_stack_push(struct layer_stack *stack, int fd)
{
	assert(stack->n < IMAGE_LAYERS_MAX);
	stack->n++;
	stack->fds[IMAGE_LAYERS_MAX - stack->n] = fd;
}

const char *layer_staged_name(const char *chain_id, char name[LAYER_STAGED_NAME])
{
	(void)snprintf(name, LAYER_STAGED_NAME, "l%s", digest_hex(chain_id));
	return name;
}

int layer_stage(int staging_fd, int blob_fd, const char *diff_id, const char *chain_id,
		const struct layer_stack *stack, struct err *err)
{
	auto_close int fd = -EBADF;
	char name[LAYER_STAGED_NAME];
	int r;

	layer_staged_name(chain_id, name);
	if (mkdirat(staging_fd, name, 0700) < 0)
		return err_set(err, -errno, "make a directory");
	fd = openat(staging_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "open a directory");
	r = layer_unpack(blob_fd, diff_id, fd, layer_stack_top(stack), stack->n,
			 &layer_limits_default, err);
	return r < 0 ? r : take_fd(&fd);
}
