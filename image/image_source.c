/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "image/layer_stream.h"
#include "image/layer_tree.h"
#include "image/limits.h"

#define BLOB_PREFIX "blobs/sha256/"
#define LINKS_MAX   8
#define COPY_BYTES  ((size_t)128 << 10)

struct source_node {
	struct map_node node;
	struct source_file file;
	char *path;
	char *link; /* clean path of another node; NULL: a file */
};

struct image_source {
	struct image_store *store;
	struct store_staging *staging;
	int dir_fd; /* borrowed; -EBADF: an archive, all of which is in nodes */
	struct map nodes;
	unsigned n_staged;
	uint64_t bytes;
};

/* An archive may be larger than one layer, and consist of nothing but layers. */
static const struct layer_limits archive_limits = { .bytes = IMAGE_ARCHIVE_BYTES_MAX,
						    .ratio = 2000,
						    .ratio_after = 256 << 20 };

static struct source_node *node_free(struct source_node *node)
{
	if (!node)
		return NULL;
	free(node->path);
	free(node->link);
	free(node);
	return NULL;
}
OWN_DEFINE(node, struct source_node *, node_free)

struct image_source *image_source_close(struct image_source *source)
{
	if (!source)
		return NULL;
	map_for_each (node, next, &source->nodes) {
		map_remove(&source->nodes, node);
		(void)node_free(map_entry(node, struct source_node, node));
	}
	free(source);
	return NULL;
}

/* ---- nodes ---- */

static int node_new(const char *path, struct source_node **ret)
{
	struct source_node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->path = strdup(path);
	node->file.path = node->path;
	if (!node->path) {
		(void)node_free(node);
		return -ENOMEM;
	}
	*ret = node;
	return 0;
}

/* As tar does: of two entries with one path the later counts. */
static int node_add(struct image_source *source, struct source_node **node)
{
	struct map_node *old = map_find(&source->nodes, (*node)->path);

	if (old) {
		map_remove(&source->nodes, old);
		(void)node_free(map_entry(old, struct source_node, node));
	}
	if (source->nodes.count == IMAGE_ARCHIVE_ENTRIES_MAX)
		return -E2BIG;
	(void)map_insert(&source->nodes, &(*node)->node, (*node)->path);
	*node = NULL;
	return 0;
}

/* The digest that a file's path promises, or NULL. */
static const char *promised(const char *path)
{
	const char *hex = path + strlen(BLOB_PREFIX);

	return strncmp(path, BLOB_PREFIX, strlen(BLOB_PREFIX)) == 0 && digest_hex_valid(hex) ? hex
											     : NULL;
}

/* Is it in the store already? Then its bytes need not be looked at. */
static bool stored_already(struct image_source *source, struct source_node *node)
{
	const char *hex = promised(node->path);
	struct stat st;

	if (!hex || fstatat(source->store->blobs_fd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	digest_set(node->file.digest, hex);
	node->file.size = (uint64_t)st.st_size;
	node->file.in_store = true;
	return true;
}

/* ---- copying in ---- */

struct staging_copy {
	int fd;
	struct sha256 *sha;
	uint64_t size;
};

static void copy_done(struct staging_copy *copy)
{
	(void)fd_close(copy->fd);
	(void)sha256_free(copy->sha);
}
static inline void own_copy_done(struct staging_copy *copy)
{
	copy_done(copy);
}

static int copy_start(struct image_source *source, struct source_node *node,
		      struct staging_copy *copy, struct err *err)
{
	int r = sha256_new(&copy->sha);

	if (r < 0)
		return err_set(err, r, "hash %s", node->path);
	(void)snprintf(node->file.staged, sizeof(node->file.staged), "b%u", source->n_staged++);
	copy->fd = openat(source->staging->fd, node->file.staged,
			  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (copy->fd < 0)
		return err_set(err, -errno, "create %s/staging/%s/%s", source->store->dir,
			       source->staging->name, node->file.staged);
	return 0;
}

static int copy_add(struct image_source *source, struct staging_copy *copy, const void *data,
		    size_t len, struct err *err)
{
	int r;

	source->bytes += len;
	if (source->bytes > IMAGE_ARCHIVE_BYTES_MAX)
		return err_say(err, -E2BIG, "the archive is larger than is allowed");
	sha256_add(copy->sha, data, len);
	copy->size += len;
	r = fd_write_all(copy->fd, data, len);
	return r < 0 ? err_set(err, r, "write to %s", source->store->dir) : 0;
}

static void copy_finish(struct source_node *node, struct staging_copy *copy)
{
	char hex[SHA256_HEX];

	sha256_hex(copy->sha, hex);
	digest_set(node->file.digest, hex);
	node->file.size = copy->size;
}

static int stage_fd(struct image_source *source, struct source_node *node, int from_fd,
		    struct err *err)
{
	OWN(copy) struct staging_copy copy = { .fd = -EBADF };
	auto_free char *block = malloc(COPY_BYTES);
	int r = block ? copy_start(source, node, &copy, err) : err_set(err, -ENOMEM, "read");

	while (r == 0) {
		ssize_t n = fd_read_all(from_fd, block, COPY_BYTES);

		if (n < 0)
			return err_set(err, (int)n, "read %s", node->path);
		if (n == 0) {
			copy_finish(node, &copy);
			return 0;
		}
		r = copy_add(source, &copy, block, (size_t)n, err);
	}
	return r;
}

static int stage_entry(struct image_source *source, struct source_node *node,
		       struct layer_stream *stream, struct err *err)
{
	OWN(copy) struct staging_copy copy = { .fd = -EBADF };
	int r = copy_start(source, node, &copy, err);

	while (r == 0) {
		const void *block;
		size_t len;
		la_int64_t offset;

		r = archive_read_data_block(layer_stream_tar(stream), &block, &len, &offset);
		if (r == ARCHIVE_EOF) {
			copy_finish(node, &copy);
			return 0;
		}
		if (r < ARCHIVE_WARN) {
			r = layer_stream_failed(stream, err);
			return err_prefix(err, r, "%s", node->path);
		}
		if (offset != (la_int64_t)copy.size)
			return err_say(err, -EBADMSG, "%s is a sparse file", node->path);
		r = copy_add(source, &copy, block, len, err);
	}
	return r;
}

int image_source_add(struct image_source *source, const char *path, const struct buf *content,
		     const struct source_file **ret, struct err *err)
{
	OWN(copy) struct staging_copy copy = { .fd = -EBADF };
	OWN(node) struct source_node *node = NULL;
	int r = node_new(path, &node);

	if (r < 0)
		return err_set(err, r, "add %s", path);
	r = copy_start(source, node, &copy, err);
	if (r == 0)
		r = copy_add(source, &copy, content->data, content->len, err);
	if (r < 0)
		return r;
	copy_finish(node, &copy);
	*ret = &node->file;
	r = node_add(source, &node);
	return r < 0 ? err_set(err, r, "add %s", path) : 0;
}

/* ---- archives ---- */

/* A link's target as a clean path: a symbolic link's is relative to where it lies. */
static int read_link(struct source_node *node, const char *symbolic, const char *hard)
{
	const char *slash = strrchr(node->path, '/');
	char joined[2 * PATH_MAX], clean[PATH_MAX];
	int r;

	if (symbolic && *symbolic != '/')
		(void)snprintf(joined, sizeof(joined), "%.*s/%s",
			       slash ? (int)(slash - node->path) : 0, node->path, symbolic);
	else
		(void)snprintf(joined, sizeof(joined), "%s", symbolic ? symbolic : hard);
	r = tree_path_clean(joined, clean);
	if (r < 0)
		return r;
	node->link = strdup(clean);
	return node->link ? 0 : -ENOMEM;
}

static int read_entry(struct image_source *source, struct layer_stream *stream,
		      struct archive_entry *entry, struct err *err)
{
	const char *name = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);
	const char *symbolic = archive_entry_symlink(entry);
	char clean[PATH_MAX], quoted[TREE_PATH_QUOTED];
	OWN(node) struct source_node *node = NULL;
	int r;

	if (!name)
		return err_say(err, -EBADMSG, "an entry has no name");
	tree_path_quote(name, quoted);
	r = tree_path_clean(name, clean);
	if (r == -EXDEV)
		return err_say(err, r, "path %s leads outside the archive", quoted);
	if (r < 0)
		return err_set(err, r, "path %s", quoted);
	if (!hard && !symbolic && archive_entry_filetype(entry) != AE_IFREG)
		return 0; /* directories say nothing, and nothing else belongs here */
	r = node_new(clean, &node);
	if (r == 0 && (hard || symbolic))
		r = read_link(node, symbolic, hard);
	if (r < 0)
		return err_set(err, r, "path %s", quoted);
	if (!node->link && !stored_already(source, node)) {
		r = stage_entry(source, node, stream, err);
		if (r < 0)
			return r;
	}
	r = node_add(source, &node);
	return r == -E2BIG ? err_say(err, r, "it has more than %d files", IMAGE_ARCHIVE_ENTRIES_MAX)
			   : r;
}

static int read_archive(struct image_source *source, int fd, struct err *err)
{
	auto_layer_stream struct layer_stream *stream = NULL;
	struct archive_entry *entry;
	int r = layer_stream_open(fd, false, &archive_limits, &stream, err);

	if (r < 0)
		return r;
	for (unsigned n = 0;; n++) {
		r = archive_read_next_header(layer_stream_tar(stream), &entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return layer_stream_failed(stream, err);
		if (n == 2 * IMAGE_ARCHIVE_ENTRIES_MAX)
			return err_say(err, -E2BIG, "it has more than %u entries", n);
		r = read_entry(source, stream, entry, err);
		if (r < 0)
			return r;
	}
}

int image_source_open(struct image_store *store, struct store_staging *staging, int fd,
		      struct image_source **ret, struct err *err)
{
	auto_image_source struct image_source *source = calloc(1, sizeof(*source));
	struct stat st;
	int r = 0;

	if (!source)
		return err_set(err, -ENOMEM, "open");
	source->store = store;
	source->staging = staging;
	source->dir_fd = -EBADF;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "open");
	if (S_ISDIR(st.st_mode))
		source->dir_fd = fd;
	else if (S_ISREG(st.st_mode))
		r = read_archive(source, fd, err);
	else
		r = err_say(err, -EINVAL, "neither a file nor a directory");
	if (r < 0)
		return r;
	*ret = take_ptr(&source);
	return 0;
}

/* ---- finding ---- */

/* A directory's files are read when they are asked for. */
static int find_in_dir(struct image_source *source, const char *path,
		       const struct source_file **ret, struct err *err)
{
	OWN(node) struct source_node *node = NULL;
	auto_close int fd = -EBADF;
	struct stat st;
	int r = node_new(path, &node);

	if (r < 0)
		return err_set(err, r, "read %s", path);
	fd = path_open_in_root(source->dir_fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, fd, "open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_say(err, -EINVAL, "%s is not a regular file", path);
	if (!stored_already(source, node)) {
		r = stage_fd(source, node, fd, err);
		if (r < 0)
			return r;
	}
	*ret = &node->file;
	r = node_add(source, &node);
	return r < 0 ? err_set(err, r, "read %s", path) : 0;
}

int image_source_find(struct image_source *source, const char *path, const struct source_file **ret,
		      struct err *err)
{
	char clean[PATH_MAX];
	const char *at = clean;
	int r = tree_path_clean(path, clean);

	if (r < 0)
		return err_say(err, -EXDEV, "path %.100s leads outside the archive", path);
	for (int links = 0; links < LINKS_MAX; links++) {
		struct map_node *found = map_find(&source->nodes, at);

		if (!found && source->dir_fd >= 0)
			return find_in_dir(source, clean, ret, err);
		if (!found)
			return err_say(err, -ENOENT, "%s is not in the archive", clean);
		struct source_node *node = map_entry(found, struct source_node, node);

		if (!node->link) {
			*ret = &node->file;
			return 0;
		}
		at = node->link;
	}
	return err_set(err, -ELOOP, "open %s", clean);
}

int image_source_find_blob(struct image_source *source, const char *digest,
			   const struct source_file **ret, struct err *err)
{
	char path[sizeof(BLOB_PREFIX) + DIGEST_HEX];

	(void)snprintf(path, sizeof(path), BLOB_PREFIX "%s", digest_hex(digest));
	return image_source_find(source, path, ret, err);
}

int image_source_open_file(struct image_source *source, const struct source_file *file)
{
	int fd = file->in_store ? openat(source->store->blobs_fd, digest_hex(file->digest),
					 O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
				: openat(source->staging->fd, file->staged,
					 O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int image_source_read(struct image_source *source, const struct source_file *file, struct buf *ret,
		      struct err *err)
{
	auto_close int fd = image_source_open_file(source, file);
	int r = fd;

	ret->max = IMAGE_JSON_MAX;
	if (fd >= 0)
		r = fd_read_to_end(fd, ret);
	return r < 0 ? err_set(err, r, "read %s", file->path) : 0;
}
