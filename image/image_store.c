/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/image_config.h"
#include "image/image_roots.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* ---- open and close ---- */

static int open_place(struct image_store *store, const char *path, int *ret_fd, struct err *err)
{
	if (mkdirat(store->dir_fd, path, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "make directory %s/%s", store->dir, path);
	*ret_fd = openat(store->dir_fd, path, DIR_FLAGS);
	if (*ret_fd < 0)
		return err_set(err, -errno, "open directory %s/%s", store->dir, path);
	return 0;
}

static int open_places(struct image_store *store, struct err *err)
{
	/* layers/ is 0700 for all that comes: a setuid program of an image is not the host's. */
	const struct {
		const char *path;
		int *fd;
	} places[] = {
		{ "blobs/sha256", &store->blobs_fd },
		{ "layers", &store->layers_fd },
		{ "roots", &store->roots_fd },
		{ "staging", &store->staging_fd },
	};
	static const char *const dirs[] = { "blobs", "empty" /* a layer with nothing in it */ };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(store->dir_fd, dirs[i], 0755) < 0 && errno != EEXIST)
			return err_set(err, -errno, "make directory %s/%s", store->dir, dirs[i]);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int r = open_place(store, places[i].path, places[i].fd, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void cache_drop(struct image_store *store)
{
	for (size_t i = 0; i < store->n_cache; i++)
		image_shared_unref(store->cache[i]);
	store->n_cache = 0;
}

struct image_store *image_store_close(struct image_store *store)
{
	if (!store)
		return NULL;
	cache_drop(store);
	free(store->cache);
	image_names_done(&store->names);
	(void)fd_close(store->staging_fd);
	(void)fd_close(store->roots_fd);
	(void)fd_close(store->layers_fd);
	(void)fd_close(store->blobs_fd);
	(void)fd_close(store->dir_fd);
	free(store->dir);
	free(store);
	return NULL;
}

/* A staging directory whose lock is free has lost its maker. Called under the store's lock, so that
 * nobody is between making his directory and locking it. */
static void sweep_staging(struct image_store *store)
{
	int fd = openat(store->staging_fd, ".", DIR_FLAGS);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		(void)fd_close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		auto_close int lost_fd = -EBADF;

		if (e->d_name[0] == '.')
			continue;
		lost_fd = openat(store->staging_fd, e->d_name, DIR_FLAGS | O_NOFOLLOW);
		if (lost_fd < 0 || flock(lost_fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		(void)path_remove_tree_at(store->staging_fd, e->d_name, NULL);
	}
	(void)closedir(dir);
}

static bool names_equal(const struct image_names *a, const struct image_names *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
		    strcmp(a->items[i].manifest, b->items[i].manifest) != 0 ||
		    strcmp(a->items[i].target, b->items[i].target) != 0)
			return false;
	return true;
}

/* refs.json is gone or unreadable: what the blobs say, as far as their manifests are here. */
static int rebuild_names(struct image_store *store, struct err *err)
{
	auto_image_names struct image_names names = { 0 };
	int r = image_names_rebuild(store->blobs_fd, &names, err);

	if (r < 0)
		return r;
	for (size_t i = names.n; i > 0; i--)
		if (faccessat(store->blobs_fd, digest_hex(names.items[i - 1].manifest), F_OK, 0) <
		    0)
			image_names_drop(&names, i - 1);
	r = image_names_save(store->dir_fd, &names, err);
	if (r < 0)
		return r;
	image_names_done(&store->names);
	store->names = names;
	names = (struct image_names){ 0 };
	return 0;
}

/* A crash between refs.json and the rows beside the manifests: refs.json is right. */
static int reconcile_names(struct image_store *store, struct err *err)
{
	auto_image_names struct image_names beside = { 0 };
	int r = image_names_rebuild(store->blobs_fd, &beside, err);

	if (r < 0 || names_equal(&beside, &store->names))
		return r;
	for (size_t i = 0; r == 0 && i < beside.n; i++)
		r = image_names_save_beside(store->blobs_fd, &store->names,
					    beside.items[i].manifest, err);
	for (size_t i = 0; r == 0 && i < store->names.n; i++)
		r = image_names_save_beside(store->blobs_fd, &store->names,
					    store->names.items[i].manifest, err);
	return r;
}

int image_store_refresh(struct image_store *store, struct err *err)
{
	struct image_names names;
	struct stat st = { 0 };
	int r;

	if (fstatat(store->dir_fd, "refs.json", &st, 0) < 0 && errno != ENOENT)
		return err_set(err, -errno, "look at %s/refs.json", store->dir);
	if (st.st_ino == store->seen_ino && st.st_mtim.tv_sec == store->seen_mtime.tv_sec &&
	    st.st_mtim.tv_nsec == store->seen_mtime.tv_nsec)
		return 0;
	r = image_names_load(store->dir_fd, &names, err);
	if (r < 0)
		return r == -ENOENT ? 0 : err_prefix(err, r, "image store %s", store->dir);
	cache_drop(store);
	image_names_done(&store->names);
	store->names = names;
	store->seen_ino = st.st_ino;
	store->seen_mtime = st.st_mtim;
	return 0;
}

static int first_look(struct image_store *store, struct err *err)
{
	auto_close int lock_fd = -EBADF;
	struct err why = { 0 };
	int r;

	lock_fd = openat(store->dir_fd, ".", DIR_FLAGS);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) < 0)
		return err_set(err, -errno, "lock image store %s", store->dir);
	sweep_staging(store);
	image_roots_sweep(store);
	r = image_names_load(store->dir_fd, &store->names, &why);
	if (r == -ENOENT || r == -EBADMSG)
		return rebuild_names(store, err);
	if (r < 0)
		return err_say(err, r, "image store %s: %s", store->dir, why.text);
	return reconcile_names(store, err);
}

int image_store_open(const char *dir, struct image_store **ret, struct err *err)
{
	auto_image_store struct image_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return err_set(err, -ENOMEM, "open image store %s", dir);
	store->dir_fd = store->blobs_fd = store->layers_fd = -EBADF;
	store->roots_fd = store->staging_fd = -EBADF;
	store->dir = strdup(dir);
	if (!store->dir)
		return err_set(err, -ENOMEM, "open image store %s", dir);
	r = path_mkdirs(dir, 0700, err);
	if (r < 0)
		return r;
	store->dir_fd = open(dir, DIR_FLAGS);
	if (store->dir_fd < 0)
		return err_set(err, -errno, "open image store %s", dir);
	r = open_places(store, err);
	if (r == 0)
		r = first_look(store, err);
	if (r < 0)
		return r;
	*ret = take_ptr(&store);
	return 0;
}

/* ---- changes ---- */

int store_lock(struct image_store *store, struct err *err)
{
	/* A new open file each time: flock belongs to that, so two users in one process exclude
	 * each other as well. */
	auto_close int fd = openat(store->dir_fd, ".", DIR_FLAGS);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "lock image store %s", store->dir);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_set(err, -errno, "lock image store %s", store->dir);
	r = image_store_refresh(store, err);
	return r < 0 ? r : take_fd(&fd);
}

int store_commit(struct image_store *store, struct image_names *names, const char *const *changed,
		 size_t n_changed, struct err *err)
{
	int r = 0;

	/* What a manifest gains is written before refs.json, what it loses after: if refs.json
	 * is lost in between, a name too many can be told by its generation, a lost one can't. */
	for (size_t i = 0; r == 0 && i < n_changed; i++)
		if (image_names_manifest(names, changed[i]))
			r = image_names_save_beside(store->blobs_fd, names, changed[i], err);
	if (r == 0)
		r = image_names_save(store->dir_fd, names, err);
	if (r < 0) {
		/* The old names hold, on disk too if only the last sync failed. Rows too many
		 * beside a manifest do no harm, and the next open removes them. */
		(void)image_names_save(store->dir_fd, &store->names, NULL);
		for (size_t i = 0; i < n_changed; i++)
			(void)image_names_save_beside(store->blobs_fd, &store->names, changed[i],
						      NULL);
		return r;
	}
	for (size_t i = 0; i < n_changed; i++)
		if (!image_names_manifest(names, changed[i]))
			(void)image_names_save_beside(store->blobs_fd, names, changed[i], NULL);
	cache_drop(store);
	image_names_done(&store->names);
	store->names = *names;
	*names = (struct image_names){ 0 };
	store->seen_ino = 0; /* the next look reads the file anew */
	return 0;
}

/* ---- staging ---- */

int store_staging_create(struct image_store *store, struct store_staging **ret, struct err *err)
{
	auto_staging struct store_staging *staging = calloc(1, sizeof(*staging));
	auto_close int lock_fd = -EBADF;
	unsigned char random[8];

	if (!staging)
		return err_set(err, -ENOMEM, "make a staging directory");
	staging->store = store;
	staging->fd = -EBADF;
	lock_fd = store_lock(store, err);
	if (lock_fd < 0)
		return lock_fd;
	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(staging->name + 2 * i, 3, "%02x", random[i]);
	if (mkdirat(store->staging_fd, staging->name, 0700) < 0)
		return err_set(err, -errno, "make directory %s/staging/%s", store->dir,
			       staging->name);
	staging->fd = openat(store->staging_fd, staging->name, DIR_FLAGS);
	if (staging->fd < 0 || flock(staging->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -errno, "open directory %s/staging/%s", store->dir,
			       staging->name);
	*ret = take_ptr(&staging);
	return 0;
}

struct store_staging *store_staging_destroy(struct store_staging *staging)
{
	if (!staging)
		return NULL;
	if (staging->store)
		(void)path_remove_tree_at(staging->store->staging_fd, staging->name, NULL);
	(void)fd_close(staging->fd);
	free(staging);
	return NULL;
}
