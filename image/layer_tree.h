/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory that a layer is unpacked into, while it fills: where an entry's parent is, what
 * lies there already, what overlayfs must be told.
 *
 * Names come from a hostile archive. They are cleaned as text first (".." may not lead above the
 * root), then walked one component at a time with O_NOFOLLOW on a stack of open directories: a
 * symbolic link is read and walked the same way with the layer's root as "/", and ".." pops the
 * stack. So no name, however spelled, leads outside, on any kernel; and no tree gets deeper than
 * can be removed again (TREE_DEPTH_MAX, which openat2's RESOLVE_IN_ROOT would not bound).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "image/limits.h"

#define TREE_DEPTH_MAX 200

struct layer_tree;

/* @root_fd: the empty root (borrowed). @below: roots of the layers below, topmost first (borrowed):
 * a directory that the layer names only in passing looks as it does there. */
int layer_tree_new(int root_fd, const int *below, size_t n_below, const struct layer_limits *limits,
		   struct layer_tree **ret);
struct layer_tree *layer_tree_free(struct layer_tree *tree);
OWN_DEFINE(layer_tree, struct layer_tree *, layer_tree_free)
#define auto_layer_tree OWN(layer_tree)
const struct layer_limits *layer_tree_limits(const struct layer_tree *tree);

/*
 * "./a//b/../c/" to "a/c"; the root is "". Returns the length; -EXDEV: leads outside;
 * -ENAMETOOLONG.
 */
int tree_path_clean(const char *path, char clean[PATH_MAX]);
/* @path for a message: bounded, and without anything that could drive a terminal. */
#define TREE_PATH_QUOTED 160
const char *tree_path_quote(const char *path, char text[TREE_PATH_QUOTED]);

/* Where clean @path is to be made: a borrowed directory fd, valid until the next call, and in
 * *ret_name the last component (part of @path). Missing parents are made. */
int layer_tree_parent(struct layer_tree *tree, const char *path, const char **ret_name);
/* The same for something that must be there: makes nothing. */
int layer_tree_find(struct layer_tree *tree, const char *path, const char **ret_name);

/*
 * Make room for an entry: whatever @name is goes away, unless it is a directory and @dir. Returns
 * 1 if a directory was kept. *ret_opaque: a whiteout of this layer was there, so a directory made
 * now hides what lies below.
 */
int layer_tree_clear(int parent_fd, const char *name, bool dir, bool *ret_opaque);

/* .wh.NAME and .wh..wh..opq. Whiteouts hide what lies below, never this layer's own files. */
int layer_tree_whiteout(struct layer_tree *tree, int parent_fd, const char *name);
int layer_tree_opaque(int dir_fd);
bool layer_tree_is_whiteout(mode_t mode, dev_t rdev);

/* Find a regular file in the layers below: for a hard link across layers. An fd, or -ENOENT. */
int layer_tree_open_below(struct layer_tree *tree, const char *path);

/* A directory's times are set when nothing is put into it any more. */
int layer_tree_later(struct layer_tree *tree, const char *path, const struct timespec times[2]);
int layer_tree_finish(struct layer_tree *tree);
