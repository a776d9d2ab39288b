/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tar, unpacked into a directory that overlayfs can use as it is. */
#pragma once

#include "base/err.h"
#include "image/limits.h"

/*
 * Unpack @blob_fd (gzip, zstd or plain tar) into the empty directory @root_fd and check that its
 * uncompressed bytes have digest @diff_id. @below: roots of the layers below, topmost first. On
 * failure the directory is partly filled and the caller's to remove. -EBADMSG: the archive is
 * broken or not what @diff_id says; -EXDEV: a path leads outside; -E2BIG: a limit. Syncs nothing.
 */
int layer_unpack(int blob_fd, const char *diff_id, int root_fd, const int *below, size_t n_below,
		 const struct layer_limits *limits, struct err *err);
