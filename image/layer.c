/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "image/layer_entry.h"
#include "image/layer_stream.h"
#include "image/layer_tree.h"

const struct layer_limits layer_limits_default = {
	.entries = 2 << 20,
	.bytes = (uint64_t)32 << 30,
	.path_bytes = 64 << 20,
	.ratio = 2000, /* gzip ends at 1032; zstd does more, but not for files that mean anything */
	.ratio_after = 256 << 20,
};

/* A root that the layer doesn't list looks like the one below. */
static int inherit_root(int root_fd, const int *below, size_t n_below)
{
	struct stat st = { .st_mode = 0755 };

	if (n_below && fstat(below[0], &st) < 0)
		return -errno;
	if (fchown(root_fd, st.st_uid, st.st_gid) < 0 || fchmod(root_fd, st.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

static int apply_all(struct layer_tree *tree, struct layer_stream *stream,
		     const struct layer_limits *limits, struct err *err)
{
	struct archive *tar = layer_stream_tar(stream);
	struct archive_entry *entry;
	uint64_t bytes = 0;
	int r;

	for (uint64_t n = 0;; n++) {
		r = archive_read_next_header(tar, &entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return layer_stream_failed(stream, err);
		if (n == limits->entries)
			return err_say(err, -E2BIG, "it has more than %llu entries",
				       (unsigned long long)n);
		r = layer_entry_apply(tree, stream, entry, &bytes, err);
		if (r < 0)
			return r;
	}
}

int layer_unpack(int blob_fd, const char *diff_id, int root_fd, const int *below, size_t n_below,
		 const struct layer_limits *limits, struct err *err)
{
	auto_layer_stream struct layer_stream *stream = NULL;
	auto_layer_tree struct layer_tree *tree = NULL;
	char digest[IMAGE_DIGEST_MAX];
	int r;

	r = layer_stream_open(blob_fd, true, limits, &stream, err);
	if (r < 0)
		return r;
	r = layer_tree_new(root_fd, below, n_below, limits, &tree);
	if (r == 0)
		r = inherit_root(root_fd, below, n_below);
	if (r < 0)
		return err_set(err, r, "unpack");
	r = apply_all(tree, stream, limits, err);
	if (r == 0)
		r = layer_stream_digest(stream, digest, err);
	if (r < 0)
		return r;
	if (strcmp(digest, diff_id) != 0)
		return err_say(err, -EBADMSG, "its content has digest %s, not the diff id %s",
			       digest, diff_id);
	r = layer_tree_finish(tree);
	return r < 0 ? err_set(err, r, "set directory times") : 0;
}
