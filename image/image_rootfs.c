/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root: overlayfs mounted through the mount API, so that it belongs to no namespace
 * and no path until the container takes it.
 *
 * Layers are handed over as fds where the kernel takes them (6.13), else as /proc/self/fd/N, which
 * is short whatever the store's path is: "lowerdir+" one by one (6.7), else one "lowerdir" string,
 * which mount(2) bounds at a page: 127 layers fit. The upper directory is "volatile" where the
 * kernel has it (5.10): its content ends with the container, so nothing of it needs to be synced
 * when it is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/image_config.h"
#include "image/image_mount.h"
#include "image/image_points.h"
#include "image/image_roots.h"
#include "image/image_store.h"
#include "image/limits.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What goes into the mount, opened. */
struct rootfs {
	int dir_fd;			  /* the container's: upper and work */
	int upper_fd, work_fd;		  /* -EBADF: read-only */
	int layers[IMAGE_LAYERS_MAX + 2]; /* topmost first */
	size_t n_layers;
	bool made_upper, made_work, registered;
	bool done;
};

static inline void own_rootfs_done(struct rootfs *root)
{
	for (size_t i = 0; i < root->n_layers; i++)
		(void)fd_close(root->layers[i]);
	(void)fd_close(root->upper_fd);
	(void)fd_close(root->work_fd);
	if (!root->done && root->made_upper)
		(void)path_remove_tree_at(root->dir_fd, "upper", NULL);
	if (!root->done && root->made_work)
		(void)path_remove_tree_at(root->dir_fd, "work", NULL);
	(void)fd_close(root->dir_fd);
}

/* ---- directories ---- */

static size_t count_layers(const struct image *image)
{
	const struct image_shared *shared = image_shared_of(image);
	size_t n = 0;

	while (shared->chain_ids[n])
		n++;
	return n;
}

/* @points_fd: the layer of mount points, taken over; or negative: without. */
static int open_layers(struct image_store *store, const struct image *image, int points_fd,
		       bool read_only, struct rootfs *root, struct err *err)
{
	const struct image_shared *shared = image_shared_of(image);
	size_t n = count_layers(image);

	if (points_fd >= 0)
		root->layers[root->n_layers++] = points_fd;
	for (size_t i = n; i > 0; i--) {
		int fd = openat(store->layers_fd, digest_hex(shared->chain_ids[i - 1]), DIR_FLAGS);

		if (fd < 0)
			return err_set(err, -errno, "layer %zu of %zu (%s) is not unpacked", i, n,
				       image->layers[i - 1]);
		root->layers[root->n_layers++] = fd;
	}
	/* overlayfs wants one layer below an upper, two without; an empty one makes it up. */
	if (root->n_layers + !read_only < 2) {
		int fd = openat(store->dir_fd, "empty", DIR_FLAGS);

		if (fd < 0)
			return err_set(err, -errno, "open %s/empty", store->dir);
		root->layers[root->n_layers++] = fd;
	}
	return 0;
}

static int make_dir(struct rootfs *root, const char *name, bool *made, int *ret_fd, struct err *err)
{
	if (mkdirat(root->dir_fd, name, 0700) < 0)
		return err_set(err, -errno, "make directory %s", name);
	*made = true;
	*ret_fd = openat(root->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_set(err, -errno, "open directory %s", name) : 0;
}

/* The merged root looks as its topmost directory does, so upper takes the image's looks on. */
static int make_upper(struct rootfs *root, struct err *err)
{
	struct stat st;
	int r = make_dir(root, "upper", &root->made_upper, &root->upper_fd, err);

	if (r == 0)
		r = make_dir(root, "work", &root->made_work, &root->work_fd, err);
	if (r < 0)
		return r;
	if (fstat(root->layers[0], &st) < 0 || fchown(root->upper_fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(root->upper_fd, st.st_mode & 07777) < 0)
		return err_set(err, -errno, "set attributes of upper");
	return 0;
}

/* ---- the mount ---- */

static int set_layer(int fs_fd, const char *key, int dir_fd)
{
	char path[PATH_FD_MAX];
	int r = image_fs_set_fd(fs_fd, key, dir_fd);

	return r == -EINVAL ? image_fs_set_text(fs_fd, key, path_of_fd(dir_fd, path)) : r;
}

static int configure(int fs_fd, const struct rootfs *root)
{
	int r = image_fs_set_text(fs_fd, "source", "overlay");

	for (size_t i = 0; r == 0 && i < root->n_layers; i++)
		r = set_layer(fs_fd, "lowerdir+", root->layers[i]);
	if (r == 0 && root->upper_fd >= 0) {
		r = set_layer(fs_fd, "upperdir", root->upper_fd);
		if (r == 0)
			r = set_layer(fs_fd, "workdir", root->work_fd);
		(void)image_fs_set_flag(fs_fd, "volatile");
	}
	return r == 0 ? image_fs_create(fs_fd) : r;
}

static int mount_by_fds(const struct rootfs *root)
{
	auto_close int fs_fd = image_fsopen("overlay");
	int r = fs_fd < 0 ? fs_fd : configure(fs_fd, root);

	return r < 0 ? r : image_fsmount(fs_fd, root->upper_fd < 0);
}

static int options_text(const struct rootfs *root, const char *extra, struct buf *text)
{
	char path[PATH_FD_MAX];

	(void)buf_puts(text, "lowerdir=");
	for (size_t i = 0; i < root->n_layers; i++)
		(void)buf_printf(text, "%s%s", i ? ":" : "", path_of_fd(root->layers[i], path));
	if (root->upper_fd >= 0) {
		(void)buf_printf(text, ",upperdir=%s", path_of_fd(root->upper_fd, path));
		(void)buf_printf(text, ",workdir=%s%s", path_of_fd(root->work_fd, path), extra);
	}
	return buf_error(text);
}

/*
 * Kernels before 6.7: mount(2) onto the container's own directory, take a detached copy, unmount.
 * (By its name: /proc/self/fd/N would lead below what is mounted there.)
 */
static int mount_by_text(const struct rootfs *root, const char *dir)
{
	static const char *const extras[] = { ",volatile", "" };
	int r = -EINVAL;

	for (size_t i = 0; r == -EINVAL && i < ARRAY_LEN(extras); i++) {
		auto_buf struct buf text = BUF_INIT(4095);

		r = options_text(root, extras[i], &text);
		if (r == 0 && mount("overlay", dir, "overlay", root->upper_fd < 0 ? MS_RDONLY : 0,
				    buf_str(&text)) < 0)
			r = -errno;
	}
	if (r < 0)
		return r;
	r = image_open_tree(dir);
	(void)umount2(dir, MNT_DETACH);
	return r;
}

static int mount_root(const struct rootfs *root, const char *dir, struct err *err)
{
	int fd = mount_by_fds(root);

	/* -EOPNOTSUPP: what a file system of the old kind says to a descriptor, as overlay was up to 6.4. */
	if (fd == -EINVAL || fd == -ENOSYS || fd == -EOPNOTSUPP)
		fd = mount_by_text(root, dir);
	if (fd == -ENODEV)
		return err_say(err, fd,
			       "the kernel has no overlayfs: load its module (modprobe overlay)");
	return fd < 0 ? err_set(err, fd, "mount overlay") : fd;
}

/* ---- mount points ---- */

/* Through a root of the image that nobody else sees, whose upper directory becomes the layer. */
static int stage_points(struct image_store *store, const struct image *image,
			const struct store_staging *staging, struct err *err)
{
	OWN(rootfs) struct rootfs root = { .upper_fd = -EBADF, .work_fd = -EBADF };
	auto_close int fd = -EBADF;
	char path[PATH_FD_MAX];
	int r;

	root.dir_fd = openat(staging->fd, ".", DIR_FLAGS);
	if (root.dir_fd < 0)
		return err_set(err, -errno, "open staging directory");
	r = open_layers(store, image, -EBADF, false, &root, err);
	if (r == 0)
		r = make_upper(&root, err);
	if (r == 0)
		r = fd = mount_root(&root, path_of_fd(root.dir_fd, path), err);
	if (r >= 0)
		r = image_points_make(fd);
	root.done = true; /* it goes with the staging directory */
	return r;
}

/*
 * The layer of mount points of an image with layers of its own; made for its first container. One
 * that can't be made is no loss: then every root has its own.
 */
static int ensure_points(struct image_store *store, const struct image *image)
{
	const struct image_shared *shared = image_shared_of(image);
	size_t n = count_layers(image);
	auto_staging struct store_staging *staging = NULL;
	char name[DIGEST_HEX + sizeof(POINTS_SUFFIX)];
	int fd;

	if (n == 0 || n >= IMAGE_LAYERS_MAX)
		return -ENOENT;
	fd = image_points_open(store, shared->chain_ids[n - 1]);
	if (fd != -ENOENT || store_staging_create(store, &staging, NULL) < 0 ||
	    stage_points(store, image, staging, NULL) < 0)
		return fd;
	(void)snprintf(name, sizeof(name), "%s%s", digest_hex(shared->chain_ids[n - 1]),
		       POINTS_SUFFIX);
	/* Somebody else's, which is as good, stays. */
	(void)renameat(staging->fd, "upper", store->layers_fd, name);
	return image_points_open(store, shared->chain_ids[n - 1]);
}

int image_rootfs_open(struct image_store *store, const struct image *image, const char *dir,
		      bool read_only, struct err *err)
{
	OWN(rootfs) struct rootfs root = { .upper_fd = -EBADF, .work_fd = -EBADF };
	int r, fd;

	root.dir_fd = open(dir, DIR_FLAGS);
	if (root.dir_fd == -1 && errno == ENOENT) {
		r = path_mkdirs(dir, 0700, err);
		if (r < 0)
			return err_prefix(err, r, "root of image %s", image->id);
		root.dir_fd = open(dir, DIR_FLAGS);
	}
	if (root.dir_fd < 0)
		return err_set(err, -errno, "root of image %s: open %s", image->id, dir);
	/* Registered first: from here on a cleaner leaves the layers alone. */
	r = image_roots_add(store, dir, image->manifest);
	if (r == -EEXIST && faccessat(root.dir_fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		/* The one before has been removed without a word. */
		image_roots_remove(store, dir);
		r = image_roots_add(store, dir, image->manifest);
	}
	if (r < 0)
		return err_set(err, r, "root of image %s: register %s", image->id, dir);
	r = open_layers(store, image, read_only ? -EBADF : ensure_points(store, image), read_only,
			&root, err);
	if (r == 0 && !read_only)
		r = make_upper(&root, err);
	fd = r < 0 ? r : mount_root(&root, dir, err);
	root.done = fd >= 0;
	if (fd < 0) {
		image_roots_remove(store, dir);
		return err_prefix(err, fd, "root of image %s below %s", image->id, dir);
	}
	return fd;
}

void image_rootfs_forget(struct image_store *store, const char *dir)
{
	image_roots_remove(store, dir);
}

int image_rootfs_remove(struct image_store *store, const char *dir, struct err *err)
{
	static const char *const parts[] = { "upper", "work" };
	auto_close int dir_fd = open(dir, DIR_FLAGS);
	int r = 0;

	if (dir_fd < 0 && errno != ENOENT)
		return err_set(err, -errno, "remove root %s", dir);
	for (size_t i = 0; r == 0 && dir_fd >= 0 && i < ARRAY_LEN(parts); i++)
		r = path_remove_tree_at(dir_fd, parts[i], err);
	if (r < 0)
		return err_prefix(err, r, "remove root %s", dir);
	image_roots_remove(store, dir);
	return 0;
}
