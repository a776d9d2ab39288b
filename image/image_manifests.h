/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images a source holds: index.json of an OCI layout with its nested indexes, or manifest.json
 * of `docker save`, brought to one form. Nothing is unpacked yet, but every file that an image needs
 * has been found, hashed and measured against its descriptor.
 */
#pragma once

#include "image/image_config.h"
#include "image/image_source.h"

struct pending_image {
	struct manifest *manifest; /* with its config */
	char digest[IMAGE_DIGEST_MAX], target[IMAGE_DIGEST_MAX];
	char **names; /* canonical */
	size_t n_names, cap_names;
	const struct source_file **blobs; /* all that it needs; layers last, bottom first */
	size_t n_blobs, cap_blobs;
};

struct pending_images {
	struct pending_image *items;
	size_t n, cap;
};

void pending_images_done(struct pending_images *images);
static inline void own_pending_images_done(struct pending_images *images)
{
	pending_images_done(images);
}
#define auto_pending_images OWN(pending_images)

int pending_images_read(struct image_source *source, struct pending_images *ret, struct err *err);
/* Give @image one more name, canonical already. */
int pending_image_name(struct pending_image *image, const char *name);
/* What to call it in a message. */
const char *pending_image_label(const struct pending_image *image);
const struct source_file *pending_image_layer(const struct pending_image *image, size_t i);
