/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names point to which manifest: refs.json, and beside each manifest blob a HEX.names with
 * the same rows, from which refs.json can be made again. Each row has a generation; where two
 * manifests claim a name, the higher one has it.
 */
#pragma once

#include <stdint.h>

#include "image/digest.h"

struct image_name {
	char *name;			 /* canonical; "": the image is kept without a name */
	char manifest[IMAGE_DIGEST_MAX]; /* what runs here */
	char target[IMAGE_DIGEST_MAX]; /* what the name means elsewhere: the manifest or an index */
	uint64_t generation;
};

struct image_names {
	struct image_name *items; /* by name, then manifest */
	size_t n, cap;
	uint64_t generation; /* the highest given out */
};

void image_names_done(struct image_names *names);
static inline void own_image_names_done(struct image_names *names)
{
	image_names_done(names);
}
#define auto_image_names OWN(image_names)

int image_names_copy(const struct image_names *names, struct image_names *ret);
/* Point @name ("" or canonical) to @manifest; an old row of the name goes away. A manifest that gets
 * a real name loses its "" row. -E2BIG at IMAGE_NAMES_MAX. */
int image_names_set(struct image_names *names, const char *name, const char *manifest,
		    const char *target);
void image_names_drop(struct image_names *names, size_t i);
const struct image_name *image_names_find(const struct image_names *names, const char *name);
bool image_names_manifest(const struct image_names *names, const char *manifest);

/* refs.json below @dir_fd. -ENOENT: none; -EBADMSG: unreadable; -EPROTONOSUPPORT: a newer one. */
int image_names_load(int dir_fd, struct image_names *ret, struct err *err);
int image_names_save(int dir_fd, const struct image_names *names, struct err *err);

/* HEX.names of @manifest: written, or removed if no row points to it. */
int image_names_save_beside(int blobs_fd, const struct image_names *names, const char *manifest,
			    struct err *err);
/* From all HEX.names; unreadable ones are left out. */
int image_names_rebuild(int blobs_fd, struct image_names *ret, struct err *err);
