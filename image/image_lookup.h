/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to the image, through the store's cache. */
#pragma once

#include "image/image_config.h"
#include "image/image_store.h"

/* Read blob @digest whole and check that it is what it says. @what: "manifest", for the message. */
int image_blob_read(int blobs_fd, const char *digest, const char *what, struct buf *ret,
		    struct err *err);
/* The parsed manifest and configuration of @digest, from the blobs. */
int image_manifest_load(int blobs_fd, const char *digest, struct manifest **ret, struct err *err);
/* The manifest that @name means; -ENOENT. Names must be fresh. */
int image_resolve(struct image_store *store, const char *name, char ret_manifest[IMAGE_DIGEST_MAX],
		  struct err *err);
