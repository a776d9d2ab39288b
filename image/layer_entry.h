/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a layer's tar, made real: file, directory, link, device, whiteout. */
#pragma once

#include "image/layer_tree.h"

struct archive_entry;
struct layer_stream;

/*
 * Apply @entry, whose data comes next in @stream. *bytes is what the layer has written so far.
 * Owner, mode, times and the extended attributes security.capability and user.* are as the archive
 * says; other attributes are dropped (trusted.overlay.* would speak to overlayfs in our name).
 * Devices and FIFOs are made, as Docker does: the container's device program decides about them.
 * The error says what and where ("path ../x leads outside the image"), not which layer.
 */
int layer_entry_apply(struct layer_tree *tree, struct layer_stream *stream,
		      struct archive_entry *entry, uint64_t *bytes, struct err *err);
