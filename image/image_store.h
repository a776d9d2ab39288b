/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's directory, opened: its places as fds, its names as last seen, its one lock.
 *
 * Whoever changes names, or moves blobs and layers in or out, holds the lock for that moment only
 * (milliseconds); what takes long happens in a staging directory before, or after, outside it.
 */
#pragma once

#include <sys/stat.h>

#include "image/image_names.h"

struct image_shared;

struct image_store {
	char *dir;
	int dir_fd, blobs_fd, layers_fd, roots_fd, staging_fd;
	struct image_names names;
	struct timespec seen_mtime;  /* of the refs.json that names came from … */
	ino_t seen_ino;		     /* … and which file it was */
	struct image_shared **cache; /* images parsed since then */
	size_t n_cache, cap_cache;
};

/* Returns the fd that holds the lock; closing it lets go. Names are fresh then. */
int store_lock(struct image_store *store, struct err *err);
/* Under the lock: make @names the store's, durably, and remember them beside their manifests.
 * @changed: manifests whose rows differ. Takes @names over on success. */
int store_commit(struct image_store *store, struct image_names *names, const char *const *changed,
		 size_t n_changed, struct err *err);

/* ---- staging ---- */
struct store_staging {
	struct image_store *store;
	char name[24];
	int fd; /* the directory; its lock says that we live */
};
int store_staging_create(struct image_store *store, struct store_staging **ret, struct err *err);
struct store_staging *store_staging_destroy(struct store_staging *staging); /* with its content */
OWN_DEFINE(store_staging, struct store_staging *, store_staging_destroy)
#define auto_staging OWN(store_staging)
