/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system, built by its own child in its own mount namespace.
 *
 * The root may be hostile: every name below it is resolved with the root as "/", and what was found is
 * used as an fd from then on. /proc/self/fd is the host's until pivot_root, so the fallbacks for
 * kernels without the mount API may pass fds to mount(2) by it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/rootfs.h"

/* Old kernels: everything mount_setattr() can say about one mount, said to mount(2). */
unsigned long rootfs_attr_to_ms(uint64_t attr)
{
	static const struct {
		uint64_t attr;
		unsigned long ms;
	} rows[] = {
		{ MOUNT_ATTR_RDONLY, MS_RDONLY },
		{ MOUNT_ATTR_NOSUID, MS_NOSUID },
		{ MOUNT_ATTR_NODEV, MS_NODEV },
		{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
		{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
		{ MOUNT_ATTR_NOATIME, MS_NOATIME },
		{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	};
	unsigned long ms = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (attr & rows[i].attr)
			ms |= rows[i].ms;
	return ms;
}

int rootfs_set_attr(int fd, uint64_t set, uint64_t clr, unsigned propagation, unsigned flags)
{
	struct kernel_mount_attr attr = { .attr_set = set,
					  .attr_clr = clr,
					  .propagation = propagation & ~(unsigned)MS_REC };
	char path[PATH_FD_MAX];

	if (!set && !clr && !propagation)
		return 0;
	if (set & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (kernel_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr) == 0)
		return 0;
	if (errno != ENOSYS || (flags & AT_RECURSIVE && (set || clr)))
		return -errno;
	(void)path_of_fd(fd, path);
	if (propagation && mount(NULL, path, NULL, propagation | (flags ? MS_REC : 0), NULL) < 0)
		return -errno;
	if ((set || clr) &&
	    mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | rootfs_attr_to_ms(set), NULL) < 0)
		return -errno;
	return 0;
}

/* ---- destinations ---- */

/* "a/b" → "a" in @parent, and "b". */
static int split_path(const char *path, char parent[PATH_MAX], const char **ret_name)
{
	const char *name = path_base(path);

	if ((size_t)(name - path) >= PATH_MAX || !*name)
		return -EINVAL;
	(void)snprintf(parent, PATH_MAX, "%.*s", (int)(name - path), path);
	*ret_name = name;
	return 0;
}

/* An empty file to mount on. Images like /etc/resolv.conf to be a link to where nothing is yet: then
 * the file is made there, inside. */
int rootfs_make_file(int root_fd, const char *path, unsigned links)
{
	char parent[PATH_MAX], link[PATH_MAX], next[PATH_MAX];
	const char *name;
	int r = split_path(path, parent, &name), fd;
	ssize_t n;

	if (r < 0)
		return r;
	auto_close int dir_fd = path_mkdirs_in_root(root_fd, *parent ? parent : ".", 0755);

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return -errno;
	(void)fd_close(fd);
	fd = path_open_in_root(root_fd, path, O_PATH, 0);
	if (fd != -ENOENT)
		return fd;
	n = readlinkat(dir_fd, name, link, sizeof(link) - 1);
	if (n < 0)
		return -ENOENT;
	if (links == 0)
		return -ELOOP;
	link[n] = '\0';
	n = snprintf(next, sizeof(next), "%s%s", link[0] == '/' ? "" : parent, link);
	return n >= (ssize_t)sizeof(next) ? -ENAMETOOLONG
					  : rootfs_make_file(root_fd, next, links - 1);
}

int rootfs_open_parent(struct rootfs *fs, const char *path, const char **ret_name)
{
	char parent[PATH_MAX];
	int r = split_path(path, parent, ret_name);

	return r < 0 ? r : path_mkdirs_in_root(fs->root_fd, *parent ? parent : ".", 0755);
}

/* ---- the whole ---- */

/* The directory that @given_fd was, by its name in this namespace: kernels without the mount API. */
static int attach_root_old(int given_fd)
{
	char link[PATH_FD_MAX], path[PATH_MAX];
	ssize_t n = readlinkat(AT_FDCWD, path_of_fd(given_fd, link), path, sizeof(path) - 1);
	int fd;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Make the root a mount of this namespace. The detached mount is moved in, over "/": it covers
 * nothing, since everybody's "/" stays what it was.
 */
static int attach_root(struct rootfs *fs, int given_fd)
{
	auto_close int slash_fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (slash_fd < 0)
		return -errno;
	/* The child's copy of the fd: nobody else minds that it is used up. */
	if (kernel_move_mount(given_fd, slash_fd) == 0) {
		fs->root_fd = given_fd;
	} else {
		if (errno != ENOSYS)
			return -errno;
		fs->root_fd = attach_root_old(given_fd);
		if (fs->root_fd < 0)
			return fs->root_fd;
	}
	return rootfs_set_attr(fs->root_fd, 0, 0, MS_PRIVATE, AT_RECURSIVE);
}

int rootfs_make(const struct plan *plan, const int *fds, int *ret_root_fd, struct err *err)
{
	struct rootfs fs = { .plan = plan, .fds = fds, .root_fd = -EBADF, .err = err };
	const struct plan_mount *mounts = plan_items(plan, plan->mounts);
	int r;

	if (mount(NULL, "/", NULL, plan->host_propagation | MS_REC, NULL) < 0)
		return err_set(err, -errno, "cut mount propagation to the host");
	if (plan->root_fd < 0)
		return err_say(err, -EINVAL, "the container has no root file system");
	r = attach_root(&fs, fds[plan->root_fd]);
	if (r < 0)
		return err_set(err, r, "attach the root file system");
	for (uint32_t i = 0; i < plan->mounts.n && r == 0; i++)
		r = rootfs_mount(&fs, &mounts[i]);
	if (r == 0)
		r = rootfs_make_devices(&fs);
	if (r == 0)
		r = rootfs_cover(&fs);
	*ret_root_fd = fs.root_fd;
	return r;
}

int rootfs_console(int root_fd, int slave_fd, struct err *err)
{
	auto_close int target_fd =
		path_open_in_root(root_fd, "dev/console", O_PATH | O_NOFOLLOW, 0);
	int r;

	if (target_fd == -ENOENT)
		target_fd = rootfs_make_file(root_fd, "dev/console", 0);
	if (target_fd < 0)
		return err_set(err, target_fd, "make /dev/console");
	r = rootfs_bind_fd(slave_fd, target_fd, 0, 0);
	return r < 0 ? err_set(err, r, "put the terminal on /dev/console") : 0;
}

/* pivot_root can't leave an initramfs: cover it, and step in. Nothing of it can be reached by name. */
static int enter_by_chroot(void)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 && errno != EINVAL)
		return -errno;
	return chroot(".") < 0 ? -errno : 0;
}

int rootfs_enter(const struct plan *plan, int root_fd, bool keep_host_root, struct err *err)
{
	int r = 0;

	if (fchdir(root_fd) < 0)
		return err_set(err, -errno, "enter the root file system");
	if (keep_host_root) {
		r = enter_by_chroot();
	} else if (kernel_pivot_root(".", ".") == 0) {
		/* The old root now lies on top of the new one at "."; gone once it is let go. */
		r = umount2(".", MNT_DETACH) < 0 ? -errno : 0;
	} else {
		r = errno == EINVAL ? enter_by_chroot() : -errno;
	}
	if (r < 0)
		return err_set(err, r, "change the root");
	if (chdir("/") < 0)
		return err_set(err, -errno, "change to the new root");
	r = rootfs_set_attr(root_fd, plan->root_readonly ? MOUNT_ATTR_RDONLY : 0, 0, 0, 0);
	if (r == 0 && plan->root_propagation)
		r = rootfs_set_attr(root_fd, 0, 0, plan->root_propagation,
				    plan->root_propagation & MS_REC ? AT_RECURSIVE : 0);
	return r < 0 ? err_set(err, r, "set options of the root") : 0;
}
