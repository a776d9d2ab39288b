/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking away: names, then what no name and no container root reaches any more.
 *
 * Under the lock garbage is only renamed into a staging directory; deleting it takes as long as it
 * takes afterwards, and a crash leaves it to the next open. A root that registers while we look
 * (image_rootfs_open() takes no lock) is seen by a second look after the renames, and gets its
 * layers back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/map.h"
#include "image/image_lookup.h"
#include "image/image_points.h"
#include "image/image_roots.h"

/* A blob or a layer, by its hex digits. */
struct thing {
	struct map_node node;
	char hex[DIGEST_HEX + 1];
};

struct collection {
	struct image_store *store;
	struct store_staging *staging;
	struct map blobs, layers; /* of things: what is reached */
	char (*roots)[IMAGE_DIGEST_MAX];
	size_t n_roots, cap_roots;
	uint64_t freed;
};

static void things_free(struct map *map)
{
	map_for_each (node, next, map) {
		map_remove(map, node);
		free(map_entry(node, struct thing, node));
	}
}

static inline void own_collection_done(struct collection *c)
{
	things_free(&c->blobs);
	things_free(&c->layers);
	free(c->roots);
	(void)store_staging_destroy(c->staging);
}

static int reach(struct map *map, const char *digest)
{
	struct thing *thing;

	if (map_find(map, digest_hex(digest)))
		return 0;
	thing = calloc(1, sizeof(*thing));
	if (!thing)
		return -ENOMEM;
	memcpy(thing->hex, digest_hex(digest), sizeof(thing->hex));
	(void)map_insert(map, &thing->node, thing->hex);
	return 0;
}

/* @digest and all that it needs. A manifest that is gone or damaged reaches nothing but itself. */
static int reach_manifest(struct collection *c, const char *digest)
{
	auto_manifest struct manifest *m = NULL;
	int r = reach(&c->blobs, digest);

	if (r < 0)
		return r;
	r = image_manifest_load(c->store->blobs_fd, digest, &m, NULL);
	if (r == -ENOENT || r == -EBADMSG || r == -EINVAL)
		return 0;
	if (r == 0)
		r = reach(&c->blobs, m->config.digest);
	for (size_t i = 0; r == 0 && i < m->n_layers; i++) {
		r = reach(&c->blobs, m->layers[i].digest);
		if (r == 0)
			r = reach(&c->layers, m->chain_ids[i]);
	}
	return r;
}

static int reach_all(struct collection *c, const char *const *in_use)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->store->names.n; i++) {
		const struct image_name *item = &c->store->names.items[i];

		r = reach_manifest(c, item->manifest);
		/* The index that it came from, which repo digests speak of. */
		if (r == 0)
			r = reach(&c->blobs, item->target);
	}
	for (size_t i = 0; r == 0 && in_use && in_use[i]; i++)
		r = digest_valid(in_use[i]) ? reach_manifest(c, in_use[i]) : 0;
	if (r == 0)
		r = image_roots_list(c->store, &c->roots, &c->n_roots, &c->cap_roots);
	for (size_t i = 0; r == 0 && i < c->n_roots; i++)
		r = reach_manifest(c, c->roots[i]);
	return r;
}

/* "HEX", "HEX.names" and "HEX.points" live as long as HEX does; anything else here is a leftover. */
static bool reached(const struct map *map, const char *name)
{
	char hex[DIGEST_HEX + 1];
	size_t len = strlen(name);

	if (len < DIGEST_HEX || (len > DIGEST_HEX && strcmp(name + DIGEST_HEX, ".names") != 0 &&
				 strcmp(name + DIGEST_HEX, POINTS_SUFFIX) != 0))
		return false;
	memcpy(hex, name, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	return map_find(map, hex);
}

static int sweep(struct collection *c, int dir_fd, const struct map *map, char kind)
{
	auto_close int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	(void)take_fd(&fd);
	while (r == 0 && (e = readdir(dir))) {
		char name[NAME_MAX + 2];
		struct stat st;

		if (e->d_name[0] == '.' || reached(map, e->d_name))
			continue;
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			c->freed += (uint64_t)st.st_blocks * 512;
		(void)snprintf(name, sizeof(name), "%c%s", kind, e->d_name);
		if (renameat(dir_fd, e->d_name, c->staging->fd, name) < 0 && errno != ENOENT)
			r = -errno;
	}
	(void)closedir(dir);
	return r;
}

/* Give @map's things back if they are in the staging directory. */
static void put_back(struct collection *c, const struct map *map, char kind, int dir_fd)
{
	map_for_each (node, next, map) {
		char name[DIGEST_HEX + sizeof(POINTS_SUFFIX) + 1];

		(void)snprintf(name, sizeof(name), "%c%s", kind, node->key);
		(void)renameat(c->staging->fd, name, dir_fd, node->key);
		(void)snprintf(name, sizeof(name), "%c%s%s", kind, node->key, POINTS_SUFFIX);
		(void)renameat(c->staging->fd, name, dir_fd, name + 1);
	}
}

static int collect(struct collection *c, const char *const *in_use)
{
	size_t before;
	int r = reach_all(c, in_use);

	if (r < 0)
		return r;
	before = c->n_roots;
	r = sweep(c, c->store->layers_fd, &c->layers, 'l');
	if (r < 0)
		return r;
	/* The second look. */
	r = image_roots_list(c->store, &c->roots, &c->n_roots, &c->cap_roots);
	for (size_t i = before; r == 0 && i < c->n_roots; i++)
		r = reach_manifest(c, c->roots[i]);
	put_back(c, &c->layers, 'l', c->store->layers_fd);
	return r < 0 ? r : sweep(c, c->store->blobs_fd, &c->blobs, 'b');
}

int image_collect(struct image_store *store, const char *const *in_use, uint64_t *ret_freed_bytes,
		  struct err *err)
{
	OWN(collection) struct collection c = { .store = store };
	auto_close int lock_fd = -EBADF;
	int r = store_staging_create(store, &c.staging, err);

	if (r < 0)
		return r;
	lock_fd = store_lock(store, err);
	if (lock_fd < 0)
		return lock_fd;
	r = collect(&c, in_use);
	if (r < 0)
		return err_set(err, r, "collect unused images in %s", store->dir);
	if (ret_freed_bytes)
		*ret_freed_bytes = c.freed;
	return 0;
}

/* ---- names ---- */

static int drop_names(struct image_store *store, const char *name, struct err *err)
{
	auto_image_names struct image_names names = { 0 };
	char manifest[IMAGE_DIGEST_MAX];
	const char *changed = manifest;
	const struct image_name *item;
	struct image_ref ref;
	bool one;
	int r = image_resolve(store, name, manifest, err);

	if (r == 0 && (r = image_names_copy(&store->names, &names)) < 0)
		return err_set(err, r, "remove image %s", name);
	if (r < 0)
		return r;
	/* A name takes itself away, an id or a digest all names of its image. */
	item = image_ref_parse(name, &ref, NULL) == 0 ? image_names_find(&names, ref.canonical)
						      : NULL;
	one = item && !ref.has_digest;
	for (size_t i = names.n; i > 0; i--)
		if (strcmp(names.items[i - 1].manifest, manifest) == 0 &&
		    (!one || strcmp(names.items[i - 1].name, ref.canonical) == 0))
			image_names_drop(&names, i - 1);
	names.generation++;
	return store_commit(store, &names, &changed, 1, err);
}

int image_remove(struct image_store *store, const char *name, struct err *err)
{
	auto_close int lock_fd = store_lock(store, err);
	int r;

	if (lock_fd < 0)
		return lock_fd;
	r = drop_names(store, name, err);
	if (r < 0)
		return r;
	lock_fd = fd_close(lock_fd);
	return image_collect(store, NULL, NULL, err);
}
