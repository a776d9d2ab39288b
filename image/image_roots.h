/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container roots are in use: below roots/ a symbolic link per root, named after its
 * directory, that says "MANIFEST DIRECTORY". One system call to make, one to remove, never synced:
 * no root survives a reboot. A link whose directory is gone is stale.
 */
#pragma once

#include "image/image_store.h"

/* -EEXIST: that directory has a root. */
int image_roots_add(struct image_store *store, const char *dir, const char *manifest);
void image_roots_remove(struct image_store *store, const char *dir);
/* Forget the roots whose directories are gone. */
void image_roots_sweep(struct image_store *store);
/* Add the manifests in use to *list (array of digests); forget stale links. */
int image_roots_list(struct image_store *store, char (**list)[IMAGE_DIGEST_MAX], size_t *n,
		     size_t *cap);
