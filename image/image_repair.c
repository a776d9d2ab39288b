/* SPDX-License-Identifier: Apache-2.0 */
/* From blobs alone: what can be checked is checked, what can be made again is made again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "image/image_layers.h"
#include "image/image_lookup.h"

#define READ_BYTES ((size_t)128 << 10)

struct repair {
	struct image_store *store;
	struct store_staging *staging;
	char *block;
	image_problem_fn *problem;
	void *data;
	int problems;
};

static void tell(struct repair *run, const struct image_name *item, const struct err *why)
{
	run->problems++;
	if (run->problem)
		run->problem(*item->name ? item->name : item->manifest, why->text, run->data);
}

/* Returns the blob's fd once all of it has been read and has the digest that its name says. */
static int open_checked(struct repair *run, const char *digest, struct err *err)
{
	auto_close int fd =
		openat(run->store->blobs_fd, digest_hex(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct sha256 *sha = NULL;
	char hex[SHA256_HEX];
	ssize_t n;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "blob %s", digest);
	r = sha256_new(&sha);
	if (r < 0)
		return err_set(err, r, "blob %s", digest);
	while ((n = fd_read_all(fd, run->block, READ_BYTES)) > 0)
		sha256_add(sha, run->block, (size_t)n);
	sha256_hex(sha, hex);
	(void)sha256_free(sha);
	if (n < 0)
		return err_set(err, (int)n, "read blob %s", digest);
	if (strcmp(hex, digest_hex(digest)) != 0)
		return err_say(err, -EBADMSG,
			       "blob %s is damaged: its content has digest sha256:%s", digest, hex);
	return take_fd(&fd);
}

static int move_layer_in(struct repair *run, const char *chain_id, struct err *err)
{
	auto_close int lock_fd = -EBADF;
	char name[LAYER_STAGED_NAME];

	if (syncfs(run->staging->fd) < 0)
		return err_set(err, -errno, "sync %s", run->store->dir);
	lock_fd = store_lock(run->store, err);
	if (lock_fd < 0)
		return lock_fd;
	/* Somebody else may have made it meanwhile; a directory that isn't empty stays as it is. */
	if (renameat(run->staging->fd, layer_staged_name(chain_id, name), run->store->layers_fd,
		     digest_hex(chain_id)) < 0 &&
	    errno != ENOTEMPTY && errno != EEXIST)
		return err_set(err, -errno, "move a layer into %s", run->store->dir);
	return fsync(run->store->layers_fd) < 0 ? err_set(err, -errno, "sync %s", run->store->dir)
						: 0;
}

/* Returns the layer's directory, unpacked now if it was not. */
static int open_layer(struct repair *run, const struct manifest *m, size_t i,
		      const struct layer_stack *below, struct err *err)
{
	auto_close int blob_fd = open_checked(run, m->layers[i].digest, err);
	auto_close int fd = openat(run->store->layers_fd, digest_hex(m->chain_ids[i]),
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (blob_fd < 0)
		return blob_fd;
	if (fd >= 0)
		return take_fd(&fd);
	if (errno != ENOENT)
		return err_set(err, -errno, "open its directory");
	fd = layer_stage(run->staging->fd, blob_fd, m->diff_ids[i], m->chain_ids[i], below, err);
	if (fd < 0)
		return fd;
	r = move_layer_in(run, m->chain_ids[i], err);
	return r < 0 ? r : take_fd(&fd);
}

static int repair_image(struct repair *run, const char *digest, struct err *err)
{
	auto_layer_stack struct layer_stack stack = { .n = 0 };
	auto_manifest struct manifest *m = NULL;
	int r = image_manifest_load(run->store->blobs_fd, digest, &m, err);

	for (size_t i = 0; r == 0 && i < m->n_layers; i++) {
		int fd = open_layer(run, m, i, &stack, err);

		if (fd < 0)
			r = err_prefix(err, fd, "layer %zu of %zu (%s)", i + 1, m->n_layers,
				       m->layers[i].digest);
		else
			layer_stack_push(&stack, fd);
	}
	return r;
}

int image_repair(struct image_store *store, image_problem_fn *problem, void *data, struct err *err)
{
	auto_staging struct store_staging *staging = NULL;
	auto_image_names struct image_names names = { 0 };
	auto_free char *block = malloc(READ_BYTES);
	struct repair run = { .store = store, .block = block, .problem = problem, .data = data };
	int r = block ? store_staging_create(store, &staging, err)
		      : err_set(err, -ENOMEM, "repair image store %s", store->dir);

	if (r < 0)
		return r;
	run.staging = staging;
	/* A copy: names may change while this reads for minutes. */
	r = image_names_copy(&store->names, &names);
	if (r < 0)
		return err_set(err, r, "repair image store %s", store->dir);
	for (size_t i = 0; i < names.n; i++) {
		struct err why = { 0 };
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen ||
			       strcmp(names.items[k].manifest, names.items[i].manifest) == 0;
		if (!seen && repair_image(&run, names.items[i].manifest, &why) < 0)
			tell(&run, &names.items[i], &why);
	}
	return run.problems;
}
