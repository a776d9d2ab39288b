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
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/enact.h"
#include "runtime/kernel.h"

#define LINKS_MAX 40 /* as the kernel's */

struct rootfs {
	const struct plan *plan;
	const int *fds;
	int root_fd;
	struct err *err;
};

/* Old kernels: everything mount_setattr() can say about one mount, said to mount(2). */
static unsigned long attr_to_ms(uint64_t attr)
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

static int set_attr(int fd, uint64_t set, uint64_t clr, unsigned propagation, unsigned flags)
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
	    mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | attr_to_ms(set), NULL) < 0)
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
static int make_file_in_root(int root_fd, const char *path, unsigned links)
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
					  : make_file_in_root(root_fd, next, links - 1);
}

static int open_parent_of(struct rootfs *fs, const char *path, const char **ret_name)
{
	char parent[PATH_MAX];
	int r = split_path(path, parent, ret_name);

	return r < 0 ? r : path_mkdirs_in_root(fs->root_fd, *parent ? parent : ".", 0755);
}

static int open_destination(struct rootfs *fs, const char *path, bool dir)
{
	int fd = path_open_in_root(fs->root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	return dir ? path_mkdirs_in_root(fs->root_fd, path, 0755)
		   : make_file_in_root(fs->root_fd, path, LINKS_MAX);
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
static int fresh_mount(const char *type, const char *source, const char *data, uint64_t attr)
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

static int fresh_mount_old(const char *type, const char *source, const char *data,
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
	mount_fd = fresh_mount(type, source, data, attr);
	if (mount_fd >= 0)
		r = kernel_move_mount(mount_fd, target_fd) < 0 ? -errno : 0;
	else if (mount_fd == -ENOSYS || mount_fd == -EPERM)
		r = fresh_mount_old(type, source, data, m->ms_flags, target_fd);
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
	unsigned long ms = m->ms_flags & ~(unsigned long)(MS_REC | MS_BIND);

	if (!source)
		return -ENOSYS;
	if (mount(source, path_of_fd(target_fd, path), NULL,
		  MS_BIND | (m->flags & PLAN_MOUNT_RECURSIVE ? MS_REC : 0), NULL) < 0)
		return -errno;
	(void)ms;
	return 0;
}

static int copy_link(struct rootfs *fs, const char *source, const char *destination)
{
	char link[PATH_MAX];
	const char *name = NULL;
	ssize_t n = readlinkat(AT_FDCWD, source, link, sizeof(link) - 1);
	auto_close int dir_fd = open_parent_of(fs, destination, &name);

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
	r = set_attr(again_fd, m->attr_set, m->attr_clr, m->propagation,
		     m->propagation & MS_REC ? AT_RECURSIVE : 0);
	if (r == 0)
		r = set_attr(again_fd, m->rec_set, m->rec_clr, 0, AT_RECURSIVE);
	return r < 0 ? err_set(fs->err, r, "set options of %s", destination) : 0;
}

static int remount(struct rootfs *fs, const struct plan_mount *m, const char *destination)
{
	auto_close int fd = path_open_in_root(fs->root_fd, destination, O_PATH, 0);
	int r;

	if (fd < 0)
		return err_set(fs->err, fd, "remount %s", destination);
	r = set_attr(fd, m->attr_set, m->attr_clr, m->propagation,
		     m->propagation & MS_REC ? AT_RECURSIVE : 0);
	return r < 0 ? err_set(fs->err, r, "remount %s", destination) : 0;
}

static int mount_one(struct rootfs *fs, const struct plan_mount *m)
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
			   : set_attr(fd, m->rec_set, m->rec_clr, m->propagation, AT_RECURSIVE);
		if (r < 0)
			return err_set(fs->err, r, "set options of %s", destination);
	}
	return r;
}

/* ---- devices ---- */

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
	auto_close int dir_fd = open_parent_of(fs, path, &name);
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

static int make_devices(struct rootfs *fs)
{
	const struct plan_device *devices = plan_items(fs->plan, fs->plan->devices);
	int r = 0;

	for (uint32_t i = 0; i < fs->plan->devices.n && r == 0; i++)
		r = make_device(fs, &devices[i]);
	return r < 0 || fs->plan->devices.n == 0 ? r : make_dev_links(fs);
}

/* ---- what must not be seen, or not be written ---- */

static int bind_fd(int source_fd, int target_fd, unsigned recursive, uint64_t attr)
{
	char from[PATH_FD_MAX], to[PATH_FD_MAX];
	auto_close int copy_fd = kernel_open_tree(
		source_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);

	if (copy_fd >= 0) {
		int r = set_attr(copy_fd, attr, 0, 0, recursive);

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
		return bind_fd(null_fd, fd, 0, 0);
	tmpfs_fd = fresh_mount("tmpfs", "tmpfs", "size=0,nr_inodes=2", attr);
	if (tmpfs_fd == -ENOSYS)
		return fresh_mount_old("tmpfs", "tmpfs", "size=0,nr_inodes=2", attr_to_ms(attr),
				       fd);
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
	r = bind_fd(fd, fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
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

static int cover(struct rootfs *fs)
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
	return set_attr(fs->root_fd, 0, 0, MS_PRIVATE, AT_RECURSIVE);
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
		r = mount_one(&fs, &mounts[i]);
	if (r == 0)
		r = make_devices(&fs);
	if (r == 0)
		r = cover(&fs);
	*ret_root_fd = fs.root_fd;
	return r;
}

int rootfs_console(int root_fd, int slave_fd, struct err *err)
{
	auto_close int target_fd =
		path_open_in_root(root_fd, "dev/console", O_PATH | O_NOFOLLOW, 0);
	int r;

	if (target_fd == -ENOENT)
		target_fd = make_file_in_root(root_fd, "dev/console", 0);
	if (target_fd < 0)
		return err_set(err, target_fd, "make /dev/console");
	r = bind_fd(slave_fd, target_fd, 0, 0);
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
	r = set_attr(root_fd, plan->root_readonly ? MOUNT_ATTR_RDONLY : 0, 0, 0, 0);
	if (r == 0 && plan->root_propagation)
		r = set_attr(root_fd, 0, 0, plan->root_propagation,
			     plan->root_propagation & MS_REC ? AT_RECURSIVE : 0);
	return r < 0 ? err_set(err, r, "set options of the root") : 0;
}
