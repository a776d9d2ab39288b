/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer_tree.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/path.h"

#define TREE_LINKS_MAX 40 /* as the kernel's */
#define TREE_DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct dir_times {
	char *path;
	struct timespec times[2];
};

struct layer_tree {
	int root_fd;
	const int *below;
	size_t n_below;
	const struct layer_limits *limits;

	/* The directories from the root to where the last entry went: path[0..ends[i]) is open as
	 * fds[i]. Archives go depth first, so most entries find their parent on top. */
	int fds[TREE_DEPTH_MAX];
	size_t ends[TREE_DEPTH_MAX];
	size_t depth;
	char path[PATH_MAX];

	struct dir_times *dirs;
	size_t n_dirs, cap_dirs;
	uint64_t dir_bytes;
};

int layer_tree_new(int root_fd, const int *below, size_t n_below, const struct layer_limits *limits,
		   struct layer_tree **ret)
{
	struct layer_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	tree->root_fd = root_fd;
	tree->below = below;
	tree->n_below = n_below;
	tree->limits = limits;
	*ret = tree;
	return 0;
}

static void pop_to(struct layer_tree *tree, size_t depth)
{
	while (tree->depth > depth)
		(void)fd_close(tree->fds[--tree->depth]);
}

struct layer_tree *layer_tree_free(struct layer_tree *tree)
{
	if (!tree)
		return NULL;
	pop_to(tree, 0);
	for (size_t i = 0; i < tree->n_dirs; i++)
		free(tree->dirs[i].path);
	free(tree->dirs);
	free(tree);
	return NULL;
}

const struct layer_limits *layer_tree_limits(const struct layer_tree *tree)
{
	return tree->limits;
}

/* ---- names ---- */

int tree_path_clean(const char *path, char clean[PATH_MAX])
{
	size_t len = 0;

	for (;;) {
		path += strspn(path, "/");
		size_t n = strcspn(path, "/");

		if (n == 0)
			break;
		if (n == 2 && memcmp(path, "..", 2) == 0) {
			if (len == 0)
				return -EXDEV;
			while (len && clean[len - 1] != '/')
				len--;
			len -= len > 0;
		} else if (!(n == 1 && *path == '.')) {
			if (n > NAME_MAX || len + n + 2 > PATH_MAX)
				return -ENAMETOOLONG;
			if (len)
				clean[len++] = '/';
			memcpy(clean + len, path, n);
			len += n;
		}
		path += n;
	}
	clean[len] = '\0';
	return (int)len;
}

const char *tree_path_quote(const char *path, char text[TREE_PATH_QUOTED])
{
	size_t i;

	for (i = 0; path[i] && i < TREE_PATH_QUOTED - 4; i++)
		text[i] = (unsigned char)path[i] < 0x20 || path[i] == 0x7f ? '?' : path[i];
	memcpy(text + i, path[i] ? "..." : "", path[i] ? 4 : 1);
	return text;
}

/* ---- the walk ---- */

static int top_fd(const struct layer_tree *tree)
{
	return tree->depth ? tree->fds[tree->depth - 1] : tree->root_fd;
}

static size_t top_len(const struct layer_tree *tree)
{
	return tree->depth ? tree->ends[tree->depth - 1] : 0;
}

/* Takes over @fd. */
static int push(struct layer_tree *tree, int fd, const char *name, size_t n)
{
	size_t len = top_len(tree);

	if (tree->depth == TREE_DEPTH_MAX || len + n + 2 > sizeof(tree->path)) {
		(void)fd_close(fd);
		return -ENAMETOOLONG;
	}
	if (len)
		tree->path[len++] = '/';
	memcpy(tree->path + len, name, n);
	tree->ends[tree->depth] = len + n;
	tree->path[len + n] = '\0';
	tree->fds[tree->depth++] = fd;
	return 0;
}

/* Keep as much of the stack as @path begins with; returns how many bytes of @path that covers. The
 * stack holds real directories only, so walking there again would end at the same place. */
static size_t keep_prefix(struct layer_tree *tree, const char *path, size_t len)
{
	size_t depth = 0, covered = 0;

	while (depth < tree->depth) {
		size_t end = tree->ends[depth];

		if (end > len || (end < len && path[end] != '/') ||
		    memcmp(tree->path + covered, path + covered, end - covered) != 0)
			break;
		covered = end;
		depth++;
	}
	pop_to(tree, depth);
	return covered;
}

bool layer_tree_is_whiteout(mode_t mode, dev_t rdev)
{
	return S_ISCHR(mode) && rdev == makedev(0, 0);
}

/* What directory path (tree->path plus @name) looks like in the layers below. */
static void attributes_below(struct layer_tree *tree, const char *name, struct stat *st)
{
	char path[PATH_MAX];

	st->st_mode = 0755;
	st->st_uid = st->st_gid = 0;
	if ((size_t)snprintf(path, sizeof(path), "%.*s/%s", (int)top_len(tree), tree->path, name) >=
	    sizeof(path))
		return;
	for (size_t i = 0; i < tree->n_below; i++) {
		auto_close int fd = path_open_in_root(tree->below[i], path, O_PATH | O_NOFOLLOW, 0);
		struct stat there;

		if (fd < 0 || fstat(fd, &there) < 0)
			continue;
		if (S_ISDIR(there.st_mode))
			*st = there;
		return;
	}
}

/* Make directory @name in the top one, which the archive has not listed (yet). */
static int make_implied(struct layer_tree *tree, const char *name)
{
	auto_close int fd = -EBADF;
	struct stat st;

	attributes_below(tree, name, &st);
	if (mkdirat(top_fd(tree), name, 0700) < 0)
		return -errno;
	fd = openat(top_fd(tree), name, TREE_DIR_FLAGS);
	if (fd < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	return push(tree, take_fd(&fd), name, strlen(name));
}

/* Put what link @name says in front of @left, to be walked next. */
static int follow(struct layer_tree *tree, const char *name, char left[PATH_MAX])
{
	char link[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(top_fd(tree), name, link, sizeof(link) - 1);

	if (n < 0)
		return -errno;
	link[n] = '\0';
	if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", link, left) >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(left, rest, strlen(rest) + 1);
	if (link[0] == '/')
		pop_to(tree, 0);
	return 0;
}

/* One component down from the top. */
static int descend(struct layer_tree *tree, const char *name, bool make, char left[PATH_MAX],
		   unsigned *links)
{
	int fd = openat(top_fd(tree), name, TREE_DIR_FLAGS), r;
	struct stat st;

	if (fd >= 0)
		return push(tree, fd, name, strlen(name));
	if (errno == ENOENT)
		return make ? make_implied(tree, name) : -ENOENT;
	if (errno != ENOTDIR && errno != ELOOP)
		return -errno;
	if (fstatat(top_fd(tree), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode)) {
		if (++*links > TREE_LINKS_MAX)
			return -ELOOP;
		return follow(tree, name, left);
	}
	if (!make || !layer_tree_is_whiteout(st.st_mode, st.st_rdev))
		return -ENOTDIR;
	if (unlinkat(top_fd(tree), name, 0) < 0)
		return -errno;
	r = make_implied(tree, name);
	return r < 0 ? r : layer_tree_opaque(top_fd(tree));
}

/* Bring the directory @path[0..len) to the top of the stack. */
static int walk(struct layer_tree *tree, const char *path, size_t len, bool make)
{
	size_t covered = keep_prefix(tree, path, len);
	char left[PATH_MAX], name[NAME_MAX + 1];
	unsigned links = 0;
	char *p;

	memcpy(left, path + covered, len - covered);
	left[len - covered] = '\0';
	for (p = left; *(p += strspn(p, "/"));) {
		size_t n = strcspn(p, "/");
		int r;

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			pop_to(tree, tree->depth ? tree->depth - 1 : 0);
			continue;
		}
		memmove(left, p, strlen(p) + 1);
		p = left;
		r = descend(tree, name, make, left, &links);
		if (r < 0)
			return r;
	}
	return top_fd(tree);
}

static int locate(struct layer_tree *tree, const char *path, bool make, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	return walk(tree, path, slash ? (size_t)(slash - path) : 0, make);
}

int layer_tree_parent(struct layer_tree *tree, const char *path, const char **ret_name)
{
	return locate(tree, path, true, ret_name);
}

int layer_tree_find(struct layer_tree *tree, const char *path, const char **ret_name)
{
	return locate(tree, path, false, ret_name);
}

int layer_tree_open_below(struct layer_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->n_below; i++) {
		auto_close int fd = path_open_in_root(tree->below[i], path, O_PATH | O_NOFOLLOW, 0);
		struct stat st;
		int copy;

		if (fd == -ENOENT || fd == -ENOTDIR)
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return fd < 0 ? fd : -errno;
		if (!S_ISREG(st.st_mode))
			return -ENOENT;
		copy = path_open_in_root(tree->below[i], path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
					 0);
		return copy;
	}
	return -ENOENT;
}

/* ---- what is there already ---- */

int layer_tree_clear(int parent_fd, const char *name, bool dir, bool *ret_opaque)
{
	struct stat st;

	*ret_opaque = false;
	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode) && dir)
		return 1;
	*ret_opaque = layer_tree_is_whiteout(st.st_mode, st.st_rdev);
	if (!S_ISDIR(st.st_mode))
		return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
	/* The stack's top is the parent and stays: it does not lie in what is removed. */
	return path_remove_tree_at(parent_fd, name, NULL);
}

int layer_tree_opaque(int dir_fd)
{
	return fsetxattr(dir_fd, "trusted.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
}

int layer_tree_whiteout(struct layer_tree *tree, int parent_fd, const char *name)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		auto_close int fd = -EBADF;

		if (!S_ISDIR(st.st_mode))
			return 0; /* this layer's own file hides the one below */
		fd = openat(parent_fd, name, TREE_DIR_FLAGS);
		return fd < 0 ? -errno : layer_tree_opaque(fd);
	}
	if (errno != ENOENT)
		return -errno;
	/* Below the bottom layer there is nothing to hide. */
	if (tree->n_below == 0)
		return 0;
	return mknodat(parent_fd, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

/* ---- directory times ---- */

int layer_tree_later(struct layer_tree *tree, const char *path, const struct timespec times[2])
{
	size_t len = strlen(path) + 1;
	struct dir_times *d;

	if (tree->dir_bytes + len > tree->limits->path_bytes)
		return -E2BIG;
	if (array_grow(&tree->dirs, &tree->cap_dirs, tree->n_dirs + 1, sizeof(*tree->dirs)) < 0)
		return -ENOMEM;
	d = &tree->dirs[tree->n_dirs];
	d->path = strdup(path);
	if (!d->path)
		return -ENOMEM;
	memcpy(d->times, times, sizeof(d->times));
	tree->n_dirs++;
	tree->dir_bytes += len;
	return 0;
}

int layer_tree_finish(struct layer_tree *tree)
{
	for (size_t i = 0; i < tree->n_dirs; i++) {
		const struct dir_times *d = &tree->dirs[i];
		const char *name;
		int fd = layer_tree_find(tree, d->path, &name), r = 0;

		if (fd >= 0 && *name) /* a later entry may have replaced it: no matter */
			r = utimensat(fd, name, d->times, AT_SYMLINK_NOFOLLOW);
		else if (fd >= 0)
			r = futimens(fd, d->times);
		if ((fd < 0 && fd != -ENOENT && fd != -ENOTDIR) || (r < 0 && errno != ENOENT))
			return fd < 0 ? fd : -errno;
	}
	return 0;
}
