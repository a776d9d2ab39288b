/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/rootfs.h"

/* In a user namespace nobody may mknod: lend the host's node, if it is the one that is meant. */
static int bind_device(int dir_fd, const char *name, const char *path, uint64_t rdev)
{
	auto_close int source_fd = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	auto_close int target_fd = -EBADF;
	char from[PATH_FD_MAX], to[PATH_FD_MAX];
	struct stat st;
	int fd;

	if (source_fd < 0 || fstat(source_fd, &st) < 0)
		return -errno;
	if (st.st_rdev != rdev)
		return -ENODEV;
	fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return -errno;
	(void)fd_close(fd);
	target_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target_fd < 0)
		return -errno;
	return mount(path_of_fd(source_fd, from), path_of_fd(target_fd, to), NULL, MS_BIND, NULL) <
			       0
		       ? -errno
		       : 0;
}

static int make_device(struct rootfs *fs, const struct plan_device *d)
{
	const char *path = plan_text(fs->plan, d->path), *name = NULL;
	auto_close int dir_fd = rootfs_open_parent(fs, path, &name);
	struct stat st;
	int r = 0;

	if (dir_fd < 0)
		return err_set(fs->err, dir_fd, "make device %s", path);
	if (mknodat(dir_fd, name, d->mode, (dev_t)d->rdev) == 0) {
		if ((d->uid || d->gid) &&
		    fchownat(dir_fd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	} else if (errno == EEXIST) {
		/* The image's or the user's own: only as long as it is the same thing. */
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if ((st.st_mode & S_IFMT) != (d->mode & S_IFMT) ||
			 (!S_ISFIFO(d->mode) && st.st_rdev != d->rdev))
			r = -EEXIST;
	} else if (errno == EPERM) {
		r = bind_device(dir_fd, name, path, d->rdev);
	} else {
		r = -errno;
	}
	return r < 0 ? err_set(fs->err, r, "make device %s", path) : 0;
}

static int make_dev_links(struct rootfs *fs)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
		{ "core", "/proc/kcore" },	 { "ptmx", "pts/ptmx" },
	};
	auto_close int dev_fd = path_open_in_root(fs->root_fd, "dev", O_PATH | O_DIRECTORY, 0);

	if (dev_fd < 0)
		return 0; /* an image without /dev, and nobody asked for one */
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i].target, dev_fd, links[i].name) < 0 && errno != EEXIST &&
		    errno != EROFS)
			return err_set(fs->err, -errno, "link /dev/%s", links[i].name);
	return 0;
}

int rootfs_make_devices(struct rootfs *fs)
{
	const struct plan_device *devices = plan_items(fs->plan, fs->plan->devices);
	int r = 0;

	for (uint32_t i = 0; i < fs->plan->devices.n && r == 0; i++)
		r = make_device(fs, &devices[i]);
	return r < 0 || fs->plan->devices.n == 0 ? r : make_dev_links(fs);
}
