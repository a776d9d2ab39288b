/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points of every container, made once for an image instead of in each root: a layer "HEX.points"
 * on top of the image's own (HEX: the topmost chain id), of empty files and directories where the
 * image has none. What is mounted there covers them all.
 */
#pragma once

#include "image/image_store.h"

#define POINTS_SUFFIX ".points"

/* The layer's directory, if it has been made; or -ENOENT. */
int image_points_open(const struct image_store *store, const char *chain_id);
/* Make it below @root_fd, a writable root of the image. */
int image_points_make(int root_fd);
