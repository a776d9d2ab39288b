/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define PATH_LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

/*
 * The walk for kernels before 5.6. Holds an fd on every level, so that ".." pops the stack and
 * never asks the file system; a directory moved away meanwhile cannot lead outside.
 */
static int walk_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	char left[PATH_MAX], name[NAME_MAX + 1], link[PATH_MAX];
	int stack[64], depth = 0, links = 0, r = 0;

	if ((size_t)snprintf(left, sizeof(left), "%s", path) >= sizeof(left))
		return -ENAMETOOLONG;
	for (;;) {
		int at = depth ? stack[depth - 1] : root_fd;
		char *p = left + strspn(left, "/");
		size_t len = strcspn(p, "/");
		bool last = p[len + strspn(p + len, "/")] == '\0';
		int fd;

		if (len > NAME_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(name, p, len);
		name[len] = '\0';
		memmove(left, p + len, strlen(p + len) + 1);
		if (len == 0 || (strcmp(name, ".") == 0 && last)) {
			fd = openat(at, ".", flags & ~(O_CREAT | O_EXCL), mode);
			r = fd < 0 ? -errno : fd;
			break;
		}
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (depth)
				(void)fd_close(stack[--depth]);
			continue;
		}
		ssize_t n = readlinkat(at, name, link, sizeof(link) - 1);

		if (n >= 0 && !(last && (flags & O_NOFOLLOW))) {
			char rest[PATH_MAX];

			link[n] = '\0';
			if (++links > PATH_LINKS_MAX) {
				r = -ELOOP;
				break;
			}
			if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", link, left) >=
			    sizeof(rest)) {
				r = -ENAMETOOLONG;
				break;
			}
			memcpy(left, rest, strlen(rest) + 1);
			while (link[0] == '/' && depth)
				(void)fd_close(stack[--depth]);
			continue;
		}
		if (last) {
			fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
			r = fd < 0 ? -errno : fd;
			break;
		}
		if (depth == (int)ARRAY_LEN(stack)) {
			r = -ENAMETOOLONG;
			break;
		}
		fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			r = -errno;
			break;
		}
		stack[depth++] = fd;
	}
	while (depth)
		(void)fd_close(stack[--depth]);
	return r;
}

int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
				.mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? mode : 0,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	for (int tries = 0; tries < 100; tries++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS || errno == EPERM)
			return walk_in_root(root_fd, path, flags, mode);
		if (errno != EAGAIN &&
		    errno != EINTR) /* EAGAIN: a rename raced with "..", ask again */
			return -errno;
	}
	return -EAGAIN;
}

static int mkdirs_in_root(int root_fd, const char *path, mode_t mode, unsigned links);

/*
 * @name, the last part of @so_far, is a link that leads to nothing yet: make what it names, seen from
 * where it lies, and go on with @rest from there.
 */
static int mkdirs_through_link(int root_fd, int at, const char *so_far, const char *name,
			       const char *rest, mode_t mode, unsigned links)
{
	char link[PATH_MAX], next[PATH_MAX];
	ssize_t n = readlinkat(at, name, link, sizeof(link) - 1);
	int parent = (int)(strlen(so_far) - strlen(name));

	if (n < 0)
		return -ENOENT;
	if (links == 0)
		return -ELOOP;
	link[n] = '\0';
	n = snprintf(next, sizeof(next), "%.*s%s%s", link[0] == '/' ? 0 : parent, so_far, link,
		     rest);
	if (n >= (ssize_t)sizeof(next))
		return -ENAMETOOLONG;
	return mkdirs_in_root(root_fd, next, mode, links - 1);
}

static int mkdirs_in_root(int root_fd, const char *path, mode_t mode, unsigned links)
{
	char so_far[PATH_MAX];
	size_t len = 0;
	int fd;

	fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	/* Something is missing: from the left, open what is there and make what is not. */
	auto_close int at = path_open_in_root(root_fd, ".", O_PATH | O_DIRECTORY, 0);

	while (at >= 0) {
		const char *p = path + strspn(path, "/");
		size_t n = strcspn(p, "/");
		char name[NAME_MAX + 1];

		if (n == 0)
			return take_fd(&at);
		if (n > NAME_MAX || len + n + 2 > sizeof(so_far))
			return -ENAMETOOLONG;
		memcpy(name, p, n);
		name[n] = '\0';
		so_far[len++] = '/';
		memcpy(so_far + len, p, n + 1);
		len += n;
		so_far[len] = '\0';
		path = p + n;
		fd = path_open_in_root(root_fd, so_far, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT) {
			if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
				return -EINVAL;
			if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
				return -errno;
			fd = path_open_in_root(root_fd, so_far, O_PATH | O_DIRECTORY, 0);
		}
		if (fd == -ENOENT)
			return mkdirs_through_link(root_fd, at, so_far, name, path, mode, links);
		(void)fd_close(at);
		at = fd;
	}
	return at;
}

int path_mkdirs_in_root(int root_fd, const char *path, mode_t mode)
{
	return mkdirs_in_root(root_fd, path, mode, PATH_LINKS_MAX);
}

int path_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];

	for (const char *p = path + 1;; p++) {
		if (*p && *p != '/')
			continue;
		if ((size_t)(p - path) >= sizeof(part))
			return err_set(err, -ENAMETOOLONG, "make directory %s", path);
		memcpy(part, path, (size_t)(p - path));
		part[p - path] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(err, -errno, "make directory %s", part);
		if (!*p)
			return 0;
	}
}

/*
 * Iterative: a stack of open directories would be bounded by the fd limit, so each level is opened
 * anew from its parent and hostile depth costs time, not fds. @depth bounds the recursion.
 */
static int remove_children(int dir_fd, dev_t dev, unsigned depth)
{
	DIR *dir;
	struct dirent *e;
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir) {
		(void)fd_close(copy);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(dir))) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir_fd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			r = -errno;
			break;
		}
		auto_close int child =
			openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 || fstat(child, &st) < 0)
			r = -errno;
		else if (st.st_dev != dev)
			r = -EXDEV;
		else if (depth == 0)
			r = -ELOOP;
		else
			r = remove_children(child, dev, depth - 1);
		if (r == 0 && unlinkat(dir_fd, e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	(void)closedir(dir);
	return r;
}

int path_remove_tree_at(int dir_fd, const char *name, struct err *err)
{
	auto_close int fd = -EBADF;
	struct stat st;
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "remove %s", name);
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "remove %s", name);
	r = remove_children(fd, st.st_dev, 400);
	if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? err_set(err, r, "remove %s", name) : 0;
}

char *path_join(const char *dir, const char *name)
{
	char *path = NULL;

	name += strspn(name, "/");
	if (asprintf(&path, "%s%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/", name) <
	    0)
		return NULL;
	return path;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *path_of_fd(int fd, char text[PATH_FD_MAX])
{
	(void)snprintf(text, PATH_FD_MAX, "/proc/self/fd/%d", fd);
	return text;
}
