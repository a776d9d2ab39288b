/* SPDX-License-Identifier: Apache-2.0 */
/* What an image may cost us at most. Past a bound the answer is -E2BIG and a sentence. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define IMAGE_LAYERS_MAX	  127		    /* as Docker; overlayfs takes 500 */
#define IMAGE_JSON_MAX		  ((size_t)4 << 20) /* manifest, index, config: as registries */
#define IMAGE_INDEX_DEPTH_MAX	  4
#define IMAGE_MANIFESTS_MAX	  1024	/* in one index, and images in one archive */
#define IMAGE_ARCHIVE_ENTRIES_MAX 16384 /* of an import: 3 files a layer at most */
#define IMAGE_ARCHIVE_BYTES_MAX	  ((uint64_t)64 << 30)
#define IMAGE_NAMES_MAX		  65536		     /* in the store */
#define IMAGE_NAMES_BYTES_MAX	  ((size_t)32 << 20) /* of refs.json */
#define IMAGE_PATH_MAX		  4095

struct layer_limits {
	uint64_t entries;     /* files of all kinds */
	uint64_t bytes;	      /* unpacked, holes not counted */
	uint64_t path_bytes;  /* of directory names, which are remembered until the end */
	uint64_t ratio;	      /* most bytes out of one compressed byte … */
	uint64_t ratio_after; /* … once so many have come out */
};

extern const struct layer_limits layer_limits_default; /* layer.c */
