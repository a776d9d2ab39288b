/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths under a directory that somebody else may have filled: a container's root, a layer, a
 * volume. Such a path is the pair (root_fd, relative path), and ".." or a symbolic link in it never
 * leads outside. Gluing host paths together is how runtimes earn CVEs.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Open @path with the file system seen as if @root_fd were "/": links stay inside, magic links are
 * refused. Returns an O_CLOEXEC fd. openat2(2), RESOLVE_IN_ROOT; where the kernel has none, a
 * component-by-component walk that gives the same answers.
 */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/* As above, but makes missing directories (@mode) on the way, also those that a dangling link names;
 * returns an O_PATH directory fd. */
int path_mkdirs_in_root(int root_fd, const char *path, mode_t mode);

/* Plain mkdir -p for host paths that we own. Existing ones are left as they are. */
int path_mkdirs(const char *path, mode_t mode, struct err *err);

/* Remove a tree below @dir_fd without following links or crossing mounts. -ENOENT is success. */
int path_remove_tree_at(int dir_fd, const char *name, struct err *err);

/* "a" + "/" + "b", heap-allocated; an absolute @name is put below @dir all the same. */
char *path_join(const char *dir, const char *name);

/* The part after the last slash; borrowed. */
const char *path_base(const char *path);

/* /proc/self/fd/N as text, for calls that take only paths. */
#define PATH_FD_MAX 32
const char *path_of_fd(int fd, char text[PATH_FD_MAX]);
