/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store's door: content-addressed blobs, unpacked layers, overlay mounts.
 *
 *	D/images/blobs/sha256/HEX	manifests, configs, layers as they came: the truth
 *	D/images/blobs/sha256/HEX.names	the names that point to manifest HEX
 *	D/images/layers/HEX/		unpacked, named by chain id (a layer and what lies below it)
 *	D/images/refs.json		which names point to which manifest; the index of all .names
 *	D/images/roots/			one link per container root in use: what may not be collected
 *	D/images/staging/		half-made things, each locked by its maker; swept when he is dead
 *
 * Written aside, verified, synced, renamed, only then referenced: after kill -9 or a power cut the
 * store is the old one or the new one. refs.json can be lost: it is made again from the blobs, and
 * image_repair() unpacks lost layers again. Several processes may use a store at once.
 *
 * What blocks: image_import(), image_repair(), image_remove() and image_collect() read, unpack,
 * sync or delete much: they are for a worker process or a command, never for the agent's loop. The
 * other calls are quick. image_import() reads hostile archives: see image_import_options.sandbox.
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

/* Make or open @dir (D/images). Sweeps what a crash left half-made. -EPROTONOSUPPORT: a newer store. */
int image_store_open(const char *dir, struct image_store **ret, struct err *err);
struct image_store *image_store_close(struct image_store *store);
OWN_DEFINE(image_store, struct image_store *, image_store_close)
#define auto_image_store OWN(image_store)
/* Another process may have changed the store: look again. One stat(2) when nothing changed;
 * image_find() and image_list() do it by themselves. */
int image_store_refresh(struct image_store *store, struct err *err);

/* ---- names ---- */
struct image_ref {
	char canonical[IMAGE_REF_MAX]; /* "docker.io/library/nginx:latest" or "…/nginx@sha256:…" */
	char name[256];		       /* "docker.io/library/nginx" */
	char tag[129]; /* "latest" if neither tag nor digest was given; else as given */
	char digest[IMAGE_DIGEST_MAX]; /* "" if none was given; it wins over a tag */
	bool has_tag, has_digest;      /* as given */
};
/* -EINVAL (reason InvalidImageName): the text is the distribution project's, word for word. */
int image_ref_parse(const char *text, struct image_ref *ret, struct err *err);

/* ---- what is here ---- */
/* Shared and immutable: image_free() gives the reference back. */
struct image {
	char id[IMAGE_DIGEST_MAX];	 /* the config's digest, "sha256:…": the image ID */
	char manifest[IMAGE_DIGEST_MAX]; /* the manifest's digest */
	char **names;			 /* canonical, NULL-terminated */
	char **repo_digests; /* "docker.io/library/nginx@sha256:…", NULL-terminated; may be empty */
	uint64_t size_bytes; /* of config and layers as stored */
	char *architecture, *os;
	int64_t created_ns;
	/* config */
	char **entrypoint, **cmd, **env; /* NULL-terminated; NULL: not given */
	char *user, *working_dir, *stop_signal;
	char **exposed_ports; /* "80/tcp" */
	char **volumes;
	char **layers; /* diff ids, bottom first */
};
/* By name (canonical or familiar), manifest digest, id, or a unique prefix of the id. -ENOENT. */
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
	/*
	 * This process does nothing else afterwards: once the files are open, give up the file
	 * system beyond the store (chroot), the network, new privileges and all capabilities that
	 * unpacking does not need, and cap its memory. For the worker and for the command.
	 */
	bool sandbox;
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
/* Take a name away (or every name, if @name is a digest or id), then collect. -ENOENT. */
int image_remove(struct image_store *store, const char *name, struct err *err);
/*
 * Remove blobs and layers that no name reaches and no container root uses. @in_use: manifest
 * digests to keep in any case, NULL-terminated; may be NULL.
 */
int image_collect(struct image_store *store, const char *const *in_use, uint64_t *ret_freed_bytes,
		  struct err *err);
/*
 * Check every blob that a name reaches against its digest and unpack layers that are missing. Each
 * thing that could not be made good is told as a sentence, with the image's name. Returns how many
 * there were.
 */
typedef void image_problem_fn(const char *image, const char *sentence, void *data);
int image_repair(struct image_store *store, image_problem_fn *problem, void *data, struct err *err);

/* ---- a container's root ---- */
/*
 * Overlay of @image's layers with an upper directory below @dir (made if missing, with upper/ and
 * work/), as a detached mount that belongs to no namespace until the container moves it in: nothing
 * to unmount, ever. Returns the mount's fd. @read_only: no upper at all. The image's content stays
 * until image_rootfs_forget(), whatever happens to its names. -EEXIST: @dir has a root already.
 * The calling process must be in the mount namespace that it opened the store in.
 */
int image_rootfs_open(struct image_store *store, const struct image *image, const char *dir,
		      bool read_only, struct err *err);
/* The root in @dir needs the image no more: quick. Removing upper and work is the caller's. */
void image_rootfs_forget(struct image_store *store, const char *dir);
/* Forget, and remove upper and work: as long as that takes. Nothing there is fine. */
int image_rootfs_remove(struct image_store *store, const char *dir, struct err *err);

/*
 * USER of an image ("", "1000", "name", "name:group", "1000:1000") to ids, read from /etc/passwd and
 * /etc/group below @rootfs_fd with our own bounded parser; no code of the image runs. A number needs
 * no entry. @ret_groups gets the groups that list the user, primary group first. -ENOENT: no such
 * user or group. -E2BIG: more groups than there is room. @home: "/" if unknown.
 */
int image_user_lookup(int rootfs_fd, const char *user, uint32_t *ret_uid, uint32_t *ret_gid,
		      uint32_t *ret_groups, size_t *n_groups /* in: room, out: used */, char *home,
		      size_t home_size, struct err *err);
