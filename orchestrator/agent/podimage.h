/* SPDX-License-Identifier: Apache-2.0 */
/* Which image a container gets, by its name and its imagePullPolicy. */
#pragma once

#include "base/json.h"
#include "image/image.h"
#include "orchestrator/core/podmachine.h"

struct podimage {
	struct image *image;			     /* the caller's */
	char name[IMAGE_REF_MAX], id[IMAGE_REF_MAX]; /* status.image and .imageID */
	const char *reason;			     /* why not, as a container's waiting reason */
	bool asked;				     /* a registry would have been asked */
	char text[640];				     /* of the failure; else of a warning, or "" */
};

/*
 * Find @container's image in the store. 0: ret->image; a text is a warning (policy Always, and no
 * registry to ask). Otherwise a negative errno, reason and text.
 */
int podimage_find(struct image_store *store, const struct json_object *container,
		  struct podimage *ret);
