/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/rootfs.h"

int rootfs_bind_fd(int source_fd, int target_fd, unsigned recursive, uint64_t attr)
{
	char from[PATH_FD_MAX], to[PATH_FD_MAX];
	auto_close int copy_fd = kernel_open_tree(
		source_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);

	if (copy_fd >= 0) {
		int r = rootfs_set_attr(copy_fd, attr, 0, 0, recursive);

		if (r < 0 && r != -ENOSYS) /* before 5.12: make_readonly() sees to it */
			return r;
		return kernel_move_mount(copy_fd, target_fd) < 0 ? -errno : 0;
	}
	if (errno != ENOSYS)
		return -errno;
	if (mount(path_of_fd(source_fd, from), path_of_fd(target_fd, to), NULL,
		  MS_BIND | (recursive ? MS_REC : 0), NULL) < 0)
		return -errno;
	return 0;
}

static bool is_absent(int code)
{
	return code == -ENOENT || code == -ENOTDIR;
}

static int mask(struct rootfs *fs, const char *path, int null_fd)
{
	auto_close int fd = path_open_in_root(fs->root_fd, path, O_PATH, 0);
	auto_close int tmpfs_fd = -EBADF;
	uint64_t attr =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	struct stat st;

	if (is_absent(fd))
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return rootfs_bind_fd(null_fd, fd, 0, 0);
	tmpfs_fd = rootfs_fresh_mount("tmpfs", "tmpfs", "size=0,nr_inodes=2", attr);
	if (tmpfs_fd == -ENOSYS)
		return rootfs_fresh_mount_old("tmpfs", "tmpfs", "size=0,nr_inodes=2",
					      rootfs_attr_to_ms(attr), fd);
	if (tmpfs_fd < 0)
		return tmpfs_fd;
	return kernel_move_mount(tmpfs_fd, fd) < 0 ? -errno : 0;
}

static int make_readonly(struct rootfs *fs, const char *path)
{
	auto_close int fd = path_open_in_root(fs->root_fd, path, O_PATH, 0), again_fd = -EBADF;
	int r;

	if (is_absent(fd))
		return 0;
	if (fd < 0)
		return fd;
	r = rootfs_bind_fd(fd, fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	if (r < 0)
		return r;
	again_fd = path_open_in_root(fs->root_fd, path, O_PATH, 0);
	/* Where the copy could not get it on its way (no mount API): now. The flags that the mount
	 * has from below must be repeated, or the kernel takes them for an attempt to drop them. */
	if (again_fd >= 0) {
		struct statfs sfs;
		char text[PATH_FD_MAX];

		if (fstatfs(again_fd, &sfs) == 0 && !(sfs.f_flags & MS_RDONLY) &&
		    mount(NULL, path_of_fd(again_fd, text), NULL,
			  MS_REMOUNT | MS_BIND | MS_RDONLY |
				  ((unsigned long)sfs.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC)),
			  NULL) < 0)
			return -errno;
	}
	return again_fd < 0 ? again_fd : 0;
}

static int open_null(struct rootfs *fs)
{
	int fd = openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(fs->err, -errno, "open /dev/null");
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
		(void)fd_close(fd);
		return err_say(fs->err, -ENODEV, "/dev/null is not the null device");
	}
	return fd;
}

int rootfs_cover(struct rootfs *fs)
{
	const plan_str *readonly = plan_items(fs->plan, fs->plan->readonly);
	const plan_str *masked = plan_items(fs->plan, fs->plan->masked);
	auto_close int null_fd = -EBADF;

	for (uint32_t i = 0; i < fs->plan->readonly.n; i++) {
		const char *path = plan_text(fs->plan, readonly[i]);
		int r = make_readonly(fs, path);

		if (r < 0)
			return err_set(fs->err, r, "make %s read-only", path);
	}
	if (fs->plan->masked.n == 0)
		return 0;
	null_fd = open_null(fs);
	for (uint32_t i = 0; i < fs->plan->masked.n && null_fd >= 0; i++) {
		const char *path = plan_text(fs->plan, masked[i]);
		int r = mask(fs, path, null_fd);

		if (r < 0)
			return err_set(fs->err, r, "mask %s", path);
	}
	return null_fd < 0 ? null_fd : 0;
}
