/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store's door: content-addressed blobs, unpacked layers, overlay mounts.
 *
 *	D/images/blobs/sha256/HEX	manifests, configs, layers as they came: the truth
 *	D/images/layers/HEX/		unpacked, named by diff id; made aside, synced, renamed
 *	D/images/refs.json		which names point to which manifest
 *
 * Written, fsynced, verified, renamed, only then referenced: after kill -9 or a power cut the store is
 * the old one or the new one, and all but the names can be rebuilt from the blobs (names too: each
 * imported manifest keeps its names beside it). image_import() reads hostile archives: it is to be
 * run in a worker process (image_worker_run()); the other calls are quick and for the agent's loop.
 *
 * Names are canonical: "nginx" is "docker.io/library/nginx:latest".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define IMAGE_REF_MAX	 512
#define IMAGE_DIGEST_MAX 80 /* "sha256:" and 64 hex digits */

struct image_store;

/* Make or open @dir (D/images). Cleans up what a crash left half-made. */
int image_store_open(const char *dir, struct image_store **ret, struct err *err);
struct image_store *image_store_close(struct image_store *store);
OWN_DEFINE(image_store, struct image_store *, image_store_close)
#define auto_image_store OWN(image_store)
/* Another process (an importer) may have changed the store: look again. Cheap when nothing changed. */
int image_store_refresh(struct image_store *store, struct err *err);

/* ---- names ---- */
struct image_ref {
	char canonical[IMAGE_REF_MAX]; /* "docker.io/library/nginx:latest" or "…@sha256:…" */
	bool has_tag,
		has_digest; /* as given; a missing tag became "latest" unless a digest is there */
	char tag[129];
};
int image_ref_parse(const char *text, struct image_ref *ret,
		    struct err *err); /* -EINVAL: InvalidImageName */

/* ---- what is here ---- */
struct image {
	char id[IMAGE_DIGEST_MAX];	 /* the config's digest, "sha256:…": the image ID */
	char manifest[IMAGE_DIGEST_MAX]; /* the manifest's digest */
	char **names;			 /* canonical, NULL-terminated */
	char **repo_digests;		 /* "docker.io/library/nginx@sha256:…", NULL-terminated */
	uint64_t size_bytes;		 /* of config and layers as stored */
	char *architecture, *os;
	int64_t created_ns;
	/* config */
	char **entrypoint, **cmd, **env; /* NULL-terminated; NULL: not given */
	char *user, *working_dir, *stop_signal;
	char **exposed_ports; /* "80/tcp" */
	char **volumes;
	char **layers; /* diff ids, bottom first */
};
/* By canonical name, digest or id prefix. -ENOENT. The caller frees. */
int image_find(struct image_store *store, const char *name, struct image **ret, struct err *err);
struct image *image_free(struct image *image);
OWN_DEFINE(image, struct image *, image_free)
#define auto_image OWN(image)
int image_list(struct image_store *store, struct image ***ret, size_t *ret_n, struct err *err);
void image_list_free(struct image **images, size_t n);
/* Manifest and config as JSON, for `image inspect`. */
int image_inspect(struct image_store *store, const char *name, struct buf *ret_json,
		  struct err *err);

/* ---- in and out ---- */
struct image_import_options {
	const char *name; /* give the (only) image this name as well; may be NULL */
	bool quiet;
};
/*
 * An OCI layout (directory, or tar of one) or a docker-save archive, plain, gzip or zstd. Every
 * digest is checked, every layer unpacked with whiteouts, opaque directories, hard links, xattrs,
 * ownership; a path that leads outside is refused. An error names the image and the layer, and
 * nothing of the archive is then in the store. Calls @imported per image (may be NULL).
 */
typedef void image_imported_fn(const char *name, const char *id, void *data);
int image_import(struct image_store *store, const char *path,
		 const struct image_import_options *options, image_imported_fn *imported,
		 void *data, struct err *err);
int image_remove(struct image_store *store, const char *name,
		 struct err *err); /* untag; frees unused content */
/* Remove blobs and layers that no name reaches and no container uses (@in_use: diff ids). */
int image_collect(struct image_store *store, const char *const *in_use, uint64_t *ret_freed_bytes,
		  struct err *err);

/* ---- a container's root ---- */
/*
 * Overlay of @image's layers with an upper directory below @dir (made: upper/, work/), as a detached
 * mount that belongs to no namespace until the container moves it in: nothing to unmount, ever.
 * Returns the mount's fd. @read_only: no upper at all.
 */
int image_rootfs_open(struct image_store *store, const struct image *image, const char *dir,
		      bool read_only, struct err *err);
/* Remove upper and work again. */
int image_rootfs_remove(const char *dir, struct err *err);

/*
 * USER of an image ("", "1000", "name", "name:group", "1000:1000") to ids, read from /etc/passwd and
 * /etc/group below @rootfs_fd with our own bounded parser; no code of the image runs. -ENOENT: no such
 * user. Refuses what does not fit in a uid_t.
 */
int image_user_lookup(int rootfs_fd, const char *user, uint32_t *ret_uid, uint32_t *ret_gid,
		      uint32_t *ret_groups, size_t *n_groups /* in: room, out: used */, char *home,
		      size_t home_size, struct err *err);
