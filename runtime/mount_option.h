/* SPDX-License-Identifier: Apache-2.0 */
/* The words of mount(8) and the OCI spec, and what they ask of the kernel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/spec.h"

struct mount_options {
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_* of this mount */
	uint64_t rec_set, rec_clr;   /* of the whole tree: "rro" and its like */
	unsigned long ms_flags;	     /* MS_*: the same for mount(2), and for the superblock */
	unsigned propagation;	     /* MS_PRIVATE … with MS_REC; 0: not given */
	unsigned bind;		     /* 0, MS_BIND or MS_BIND | MS_REC */
	bool remount, copy_up, copy_link, idmap, ridmap;
};

/* Everything unknown is for the file system and is appended to @data, with commas. */
int mount_options_parse(const struct spec_strings *options, struct mount_options *ret,
			struct buf *data, struct err *err);
/* The names in the table, for `features`: NULL past the end. */
const char *mount_option_name(size_t i);
