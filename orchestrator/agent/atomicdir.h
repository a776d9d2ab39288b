/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of small files that changes all at once, as the kubelet's atomic writer makes them:
 *
 *	DIR/..2026_11_24_10_05_16.123456789/app.conf	the content
 *	DIR/..data -> ..2026_11_24_10_05_16.123456789	replaced by rename(2)
 *	DIR/app.conf -> ..data/app.conf			what the container opens
 *
 * A reader sees all old files or all new ones. Nothing is written when nothing changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct atomicdir_file {
	char *path; /* relative, may have directories; owned */
	struct buf content;
	mode_t mode;
	int64_t uid; /* owner; -1: root */
};
struct atomicdir {
	struct atomicdir_file *files;
	size_t n, cap;
	int64_t gid; /* fsGroup: files belong to it; -1: none */
};

void atomicdir_done(struct atomicdir *dir);
static inline void own_atomicdir_done(struct atomicdir *dir)
{
	atomicdir_done(dir);
}
#define auto_atomicdir OWN(atomicdir)

/* The file to fill, or NULL with @err: -EINVAL for a path that is absolute or has "..", -ENOMEM.
 * A path given again is the same file, emptied: the last projection wins. */
struct atomicdir_file *atomicdir_add(struct atomicdir *dir, const char *path, mode_t mode,
				     struct err *err);

/* Make @dir_fd hold exactly these. Returns 1 if anything changed, 0 if not. */
int atomicdir_write(const struct atomicdir *dir, int dir_fd, int64_t now_ns, struct err *err);
