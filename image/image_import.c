/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/image_manifests.h"
#include "image/image_sandbox.h"
#include "image/image_layers.h"
#include "image/limits.h"

#define IMPORT_TRIES 3 /* a cleaner may take away what we counted on */

/* One run: everything is staged, then moved in. */
struct importing {
	struct image_store *store;
	struct store_staging *staging;
	struct pending_images images;
	/* What was moved into the store by this run, to be moved out if the end fails. */
	char (*moved)[IMAGE_DIGEST_MAX + 1]; /* 'b' or 'l', then the digest */
	size_t n_moved, cap_moved;
};

/* ---- unpacking ---- */

static int open_layer(struct importing *run, const char *chain_id)
{
	char name[DIGEST_HEX + 2];
	int fd = openat(run->store->layers_fd, digest_hex(chain_id),
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = openat(run->staging->fd, layer_staged_name(chain_id, name),
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int stage_image(struct importing *run, struct image_source *source,
		       const struct pending_image *image, struct err *err)
{
	auto_layer_stack struct layer_stack stack = { .n = 0 };
	const struct manifest *m = image->manifest;

	for (size_t i = 0; i < m->n_layers; i++) {
		int fd = open_layer(run, m->chain_ids[i]);

		if (fd == -ENOENT) {
			auto_close int blob_fd =
				image_source_open_file(source, pending_image_layer(image, i));

			fd = blob_fd < 0 ? err_set(err, blob_fd, "open its blob")
					 : layer_stage(run->staging->fd, blob_fd, m->diff_ids[i],
						       m->chain_ids[i], &stack, err);
		} else if (fd < 0) {
			(void)err_set(err, fd, "open its directory");
		}
		if (fd < 0)
			return err_prefix(err, fd, "image %s: layer %zu of %zu (%s)",
					  pending_image_label(image), i + 1, m->n_layers,
					  m->layers[i].digest);
		layer_stack_push(&stack, fd);
	}
	return 0;
}

/* ---- moving in ---- */

static int remember(struct importing *run, char kind, const char *digest)
{
	if (array_grow(&run->moved, &run->cap_moved, run->n_moved + 1, sizeof(*run->moved)) < 0)
		return -ENOMEM;
	(void)snprintf(run->moved[run->n_moved++], sizeof(*run->moved), "%c%s", kind, digest);
	return 0;
}

/* Rename @from in the staging directory to be @digest's content, unless that is here already. */
static int move_in(struct importing *run, char kind, const char *from, const char *digest)
{
	int to_fd = kind == 'b' ? run->store->blobs_fd : run->store->layers_fd;
	int r;

	if (faccessat(to_fd, digest_hex(digest), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = remember(run, kind, digest);
	if (r < 0)
		return r;
	if (renameat(run->staging->fd, from, to_fd, digest_hex(digest)) == 0)
		return 0;
	run->n_moved--;
	return errno == ENOENT ? -EAGAIN : -errno;
}

static void move_out(struct importing *run)
{
	for (size_t i = run->n_moved; i > 0; i--) {
		const char *digest = run->moved[i - 1] + 1;
		char name[DIGEST_HEX + 2];

		if (run->moved[i - 1][0] == 'b')
			(void)unlinkat(run->store->blobs_fd, digest_hex(digest), 0);
		else
			(void)renameat(run->store->layers_fd, digest_hex(digest), run->staging->fd,
				       layer_staged_name(digest, name));
	}
	run->n_moved = 0;
}

/* -EAGAIN: something that was here, and so was not staged, has been cleaned away since. */
static int move_image(struct importing *run, const struct pending_image *image)
{
	const struct manifest *m = image->manifest;
	char name[DIGEST_HEX + 2];
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->n_blobs; i++) {
		const struct source_file *file = image->blobs[i];

		r = move_in(run, 'b', file->in_store ? "gone" : file->staged, file->digest);
	}
	for (size_t i = 0; r == 0 && i < m->n_layers; i++)
		r = move_in(run, 'l', layer_staged_name(m->chain_ids[i], name), m->chain_ids[i]);
	return r;
}

static int name_images(struct importing *run, struct err *err)
{
	auto_image_names struct image_names names = { 0 };
	const char **changed = NULL;
	size_t n = 0, most = run->images.n;
	int r = image_names_copy(&run->store->names, &names);

	if (r < 0)
		return err_set(err, r, "name images");
	/* Manifests that lose a name change too. */
	for (size_t i = 0; i < run->images.n; i++)
		most += run->images.items[i].n_names;
	changed = calloc(most, sizeof(*changed));
	if (!changed)
		return err_set(err, -ENOMEM, "name images");
	for (size_t i = 0; r == 0 && i < run->images.n; i++) {
		const struct pending_image *image = &run->images.items[i];

		changed[n++] = image->digest;
		if (image->n_names == 0)
			r = image_names_set(&names, "", image->digest, image->target);
		for (size_t k = 0; r == 0 && k < image->n_names; k++) {
			const struct image_name *old =
				image_names_find(&run->store->names, image->names[k]);

			if (old && strcmp(old->manifest, image->digest) != 0)
				changed[n++] = old->manifest;
			r = image_names_set(&names, image->names[k], image->digest, image->target);
		}
	}
	r = r < 0 ? err_set(err, r, "name images")
		  : store_commit(run->store, &names, changed, n, err);
	free(changed);
	return r;
}

static int move_all(struct importing *run, struct err *err)
{
	/* One sync for all that was written, before the first of it gets its name. */
	auto_close int lock_fd = -EBADF;
	int r = syncfs(run->staging->fd) < 0 ? -errno : 0;

	if (r < 0)
		return err_set(err, r, "sync %s", run->store->dir);
	lock_fd = store_lock(run->store, err);
	if (lock_fd < 0)
		return lock_fd;
	for (size_t i = 0; r == 0 && i < run->images.n; i++)
		r = move_image(run, &run->images.items[i]);
	if (r == 0 && run->n_moved &&
	    (fsync(run->store->blobs_fd) < 0 || fsync(run->store->layers_fd) < 0))
		r = -errno;
	if (r < 0)
		(void)err_set(err, r, "move into %s", run->store->dir);
	else
		r = name_images(run, err);
	if (r < 0)
		move_out(run);
	return r;
}

/* ---- the whole ---- */

static int add_wanted_name(struct pending_images *images, const char *name, struct err *err)
{
	struct image_ref ref;
	int r;

	if (!name)
		return 0;
	if (images->n != 1)
		return err_say(err, -EINVAL, "it holds %zu images: one name does not fit all",
			       images->n);
	r = image_ref_parse(name, &ref, err);
	if (r < 0)
		return err_prefix(err, r, "name \"%.100s\"", name);
	r = pending_image_name(&images->items[0], ref.canonical);
	return r < 0 ? err_set(err, r, "name \"%.100s\"", name) : 0;
}

static int import_once(struct image_store *store, int fd,
		       const struct image_import_options *options, struct pending_images *ret,
		       struct err *err)
{
	auto_staging struct store_staging *staging = NULL;
	auto_image_source struct image_source *source = NULL;
	struct importing run = { .store = store };
	int r = store_staging_create(store, &staging, err);

	if (r < 0)
		return r;
	run.staging = staging;
	r = image_source_open(store, staging, fd, &source, err);
	if (r == 0)
		r = pending_images_read(source, &run.images, err);
	if (r == 0)
		r = add_wanted_name(&run.images, options->name, err);
	for (size_t i = 0; r == 0 && i < run.images.n; i++)
		r = stage_image(&run, source, &run.images.items[i], err);
	if (r == 0)
		r = move_all(&run, err);
	free(run.moved);
	if (r < 0) {
		pending_images_done(&run.images);
		return r;
	}
	/* The files behind it are gone with the source: names and digests are what is left. */
	*ret = run.images;
	return 0;
}

int image_import(struct image_store *store, const char *path,
		 const struct image_import_options *options, image_imported_fn *imported,
		 void *data, struct err *err)
{
	static const struct image_import_options none = { 0 };
	auto_pending_images struct pending_images images = { 0 };
	/* Non-blocking, lest a FIFO hold us; it says nothing about files and directories. */
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = -EAGAIN;

	options = options ? options : &none;
	if (fd < 0)
		return err_set(err, -errno, "open %s", path);
	if (options->sandbox) {
		r = image_sandbox_enter(store->dir_fd, err);
		if (r < 0)
			return r;
		r = -EAGAIN;
	}
	for (int tries = 0; r == -EAGAIN && tries < IMPORT_TRIES; tries++)
		r = import_once(store, fd, options, &images, err);
	if (r < 0)
		return err_prefix(err, r, "%s", path);
	for (size_t i = 0; imported && i < images.n; i++) {
		const struct pending_image *image = &images.items[i];

		for (size_t k = 0; k < image->n_names; k++)
			imported(image->names[k], image->manifest->config.digest, data);
		if (image->n_names == 0)
			imported(NULL, image->manifest->config.digest, data);
	}
	return 0;
}
