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

/* ---- destinations ---- */

static int open_destination(struct rootfs *fs, const char *path, bool dir)
{
	int fd = path_open_in_root(fs->root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	return dir ? path_mkdirs_in_root(fs->root_fd, path, 0755)
		   : rootfs_make_file(fs->root_fd, path, ROOTFS_LINKS_MAX);
}

/*
 * /proc and /sys must be where they seem to be: through a link, what is masked and read-only would
 * be another path than what the container uses.
 */
static int open_plain_directory(struct rootfs *fs, const char *path)
{
	auto_close int fd = path_open_in_root(fs->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd == -ENOENT)
		return path_mkdirs_in_root(fs->root_fd, path, 0755);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? take_fd(&fd) : -ENOTDIR;
}

/* ---- one mount ---- */

/* "size=64m,mode=755" to the file system, one by one. */
static int configure_all(int fs_fd, const char *data)
{
	char option[512];

	while (data && *data) {
		size_t len = strcspn(data, ",");
		char *value;
		int r;

		if (len >= sizeof(option))
			return -E2BIG;
		memcpy(option, data, len);
		option[len] = '\0';
		value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		r = value ? kernel_fsconfig(fs_fd, FSCONFIG_SET_STRING, option, value)
			  : kernel_fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL);
		if (r < 0)
			return -errno;
		data += len + (data[len] == ',');
	}
	return 0;
}

/* A detached mount of a new file system; -ENOSYS: this kernel has no mount API. */
int rootfs_fresh_mount(const char *type, const char *source, const char *data, uint64_t attr)
{
	auto_close int fs_fd = kernel_fsopen(type);
	int r;

	if (fs_fd < 0)
		return -errno;
	if (source && kernel_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source) < 0 &&
	    errno != EINVAL)
		return -errno;
	r = configure_all(fs_fd, data);
	if (r < 0)
		return r;
	if (kernel_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -errno;
	r = kernel_fsmount(fs_fd, (unsigned)attr);
	return r < 0 ? -errno : r;
}

int rootfs_fresh_mount_old(const char *type, const char *source, const char *data,
			   unsigned long ms_flags, int target_fd)
{
	char path[PATH_FD_MAX];

	return mount(source ? source : type, path_of_fd(target_fd, path), type, ms_flags, data) < 0
		       ? -errno
		       : 0;
}

/* Copy the plain content of @from_fd, which the tmpfs at @to_fd is about to cover. */
static int copy_up(int from_fd, int to_fd, unsigned depth);

static int copy_entry(int from_fd, int to_fd, const char *name, unsigned depth)
{
	struct stat st;
	char link[PATH_MAX];

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(from_fd, name, link, sizeof(link) - 1);

		if (n < 0)
			return -errno;
		link[n] = '\0';
		return symlinkat(link, to_fd, name) < 0 ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		auto_close int from =
			openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (from < 0 || (mkdirat(to_fd, name, st.st_mode & 07777) < 0 && errno != EEXIST))
			return -errno;
		auto_close int to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (to < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
		    fchmod(to, st.st_mode & 07777) < 0)
			return -errno;
		return depth ? copy_up(from, to, depth - 1) : -ELOOP;
	}
	if (!S_ISREG(st.st_mode))
		return mknodat(to_fd, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
	auto_close int in = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_close int out = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char chunk[8192];
	ssize_t n;

	if (in < 0 || out < 0)
		return -errno;
	while ((n = read(in, chunk, sizeof(chunk))) > 0) {
		int r = fd_write_all(out, chunk, (size_t)n);

		if (r < 0)
			return r;
	}
	if (n < 0 || fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

struct kernel_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

/* getdents64 by hand: readdir would allocate, and we are after the clone. */
static int copy_up(int from_fd, int to_fd, unsigned depth)
{
	_Alignas(8) char chunk[2048];
	long n;

	while ((n = syscall(SYS_getdents64, from_fd, chunk, sizeof(chunk))) > 0) {
		for (long at = 0; at < n;) {
			const struct kernel_dirent64 *e = (const void *)(chunk + at);
			int r = 0;

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				r = copy_entry(from_fd, to_fd, e->d_name, depth);
			if (r < 0)
				return r;
			at += e->d_reclen;
		}
	}
	return n < 0 ? -errno : 0;
}

static int fill_from_below(struct rootfs *fs, const char *destination, int below_fd)
{
	char path[PATH_FD_MAX];
	auto_close int from =
		openat(AT_FDCWD, path_of_fd(below_fd, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int to = path_open_in_root(fs->root_fd, destination, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;

	if (from < 0)
		return -errno;
	if (to < 0)
		return to;
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	return copy_up(from, to, 32);
}

static int mount_fresh(struct rootfs *fs, const struct plan_mount *m, const char *destination)
{
	const char *type = plan_text(fs->plan, m->type), *source = plan_text(fs->plan, m->source);
	const char *data = plan_text(fs->plan, m->data);
	bool copy = m->flags & PLAN_MOUNT_COPY_UP;
	uint64_t attr = copy ? m->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY : m->attr_set;
	bool plain = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	auto_close int target_fd = plain ? open_plain_directory(fs, destination)
					 : open_destination(fs, destination, true);
	auto_close int mount_fd = -EBADF;
	int r = 0;

	if (target_fd < 0)
		return err_set(fs->err, target_fd, "mount %s: open the directory", destination);
	mount_fd = rootfs_fresh_mount(type, source, data, attr);
	if (mount_fd >= 0)
		r = kernel_move_mount(mount_fd, target_fd) < 0 ? -errno : 0;
	else if (mount_fd == -ENOSYS || mount_fd == -EPERM)
		r = rootfs_fresh_mount_old(type, source, data, m->ms_flags, target_fd);
	else
		r = mount_fd;
	if (r < 0)
		return err_set(fs->err, r, "mount %s on %s%s%s", type, destination,
			       data ? " with " : "", data ? data : "");
	if (copy)
		r = fill_from_below(fs, destination, target_fd);
	if (r < 0)
		return err_set(fs->err, r, "copy what was in %s into its tmpfs", destination);
	return 0;
}

/* What the plan could not do in the host's name because the kernel lacks the mount API. */
static int bind_old(const char *source, const struct plan_mount *m, int target_fd)
{
	char path[PATH_FD_MAX];

	if (!source)
		return -ENOSYS;
	if (mount(source, path_of_fd(target_fd, path), NULL,
		  MS_BIND | (m->flags & PLAN_MOUNT_RECURSIVE ? MS_REC : 0), NULL) < 0)
		return -errno;
	return 0;
}

static int copy_link(struct rootfs *fs, const char *source, const char *destination)
{
	char link[PATH_MAX];
	const char *name = NULL;
	ssize_t n = readlinkat(AT_FDCWD, source, link, sizeof(link) - 1);
	auto_close int dir_fd = rootfs_open_parent(fs, destination, &name);

	if (n < 0 || dir_fd < 0)
		return n < 0 ? -ENOENT : dir_fd;
	link[n] = '\0';
	if (symlinkat(link, dir_fd, name) == 0)
		return 0;
	return errno == EEXIST ? 0 : -errno;
}

static int mount_bind(struct rootfs *fs, const struct plan_mount *m, const char *destination)
{
	const char *source = plan_text(fs->plan, m->source);
	auto_close int target_fd = -EBADF, again_fd = -EBADF;
	int fd = m->fd >= 0 ? fs->fds[m->fd] : -EBADF, r;

	if (m->flags & PLAN_MOUNT_COPY_LINK) {
		r = copy_link(fs, source, destination);
		return r < 0 ? err_set(fs->err, r, "copy link %s to %s", source, destination) : 0;
	}
	target_fd = open_destination(fs, destination, m->flags & PLAN_MOUNT_DIR);
	if (target_fd < 0)
		return err_set(fs->err, target_fd, "mount %s: open the destination", destination);
	if (fd >= 0) {
		/* Attributes and propagation were set on the copy before it came here. */
		if (kernel_move_mount(fd, target_fd) == 0)
			return 0;
		return err_set(fs->err, -errno, "bind %s to %s", source ? source : "a volume",
			       destination);
	}
	r = bind_old(source, m, target_fd);
	if (r < 0)
		return err_set(fs->err, r, "bind %s to %s", source ? source : "?", destination);
	again_fd = path_open_in_root(fs->root_fd, destination, O_PATH, 0);
	if (again_fd < 0)
		return err_set(fs->err, again_fd, "bind %s to %s", source, destination);
	r = rootfs_set_attr(again_fd, m->attr_set, m->attr_clr, m->propagation,
			    m->propagation & MS_REC ? AT_RECURSIVE : 0);
	if (r == 0)
		r = rootfs_set_attr(again_fd, m->rec_set, m->rec_clr, 0, AT_RECURSIVE);
	return r < 0 ? err_set(fs->err, r, "set options of %s", destination) : 0;
}

static int remount(struct rootfs *fs, const struct plan_mount *m, const char *destination)
{
	auto_close int fd = path_open_in_root(fs->root_fd, destination, O_PATH, 0);
	int r;

	if (fd < 0)
		return err_set(fs->err, fd, "remount %s", destination);
	r = rootfs_set_attr(fd, m->attr_set, m->attr_clr, m->propagation,
			    m->propagation & MS_REC ? AT_RECURSIVE : 0);
	return r < 0 ? err_set(fs->err, r, "remount %s", destination) : 0;
}

int rootfs_mount(struct rootfs *fs, const struct plan_mount *m)
{
	const char *destination = plan_text(fs->plan, m->destination);
	int r;

	switch ((enum plan_mount_kind)m->kind) {
	case PLAN_MOUNT_BIND:
		return mount_bind(fs, m, destination);
	case PLAN_MOUNT_REMOUNT:
		return remount(fs, m, destination);
	case PLAN_MOUNT_FRESH:
	case PLAN_MOUNT_CGROUP:
	case PLAN_MOUNT_KIND_COUNT:
		break;
	}
	r = mount_fresh(fs, m, destination);
	if (r == 0 && (m->propagation || m->rec_set || m->rec_clr)) {
		auto_close int fd = path_open_in_root(fs->root_fd, destination, O_PATH, 0);

		r = fd < 0 ? fd
			   : rootfs_set_attr(fd, m->rec_set, m->rec_clr, m->propagation,
					     AT_RECURSIVE);
		if (r < 0)
			return err_set(fs->err, r, "set options of %s", destination);
	}
	return r;
}
