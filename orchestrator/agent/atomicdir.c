/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/atomicdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"

#define FILES_MAX   4096
#define CONTENT_MAX ((size_t)4 << 20)

void atomicdir_done(struct atomicdir *dir)
{
	for (size_t i = 0; i < dir->n; i++) {
		free(dir->files[i].path);
		buf_done(&dir->files[i].content);
	}
	free(dir->files);
	dir->files = NULL;
	dir->n = dir->cap = 0;
}

static bool is_safe(const char *path)
{
	if (*path == '/' || *path == '\0' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *part = path; part;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || len > NAME_MAX || (len == 2 && memcmp(part, "..", 2) == 0) ||
		    (len == 1 && *part == '.'))
			return false;
		part = part[len] ? part + len + 1 : NULL;
	}
	return strncmp(path, "..", 2) != 0; /* those names are the writer's own */
}

struct atomicdir_file *atomicdir_add(struct atomicdir *dir, const char *path, mode_t mode,
				     struct err *err)
{
	struct atomicdir_file *f;

	if (!is_safe(path)) {
		(void)err_say(err, -EINVAL, "invalid path \"%s\" in a volume", path);
		return NULL;
	}
	for (size_t i = 0; i < dir->n; i++)
		if (strcmp(dir->files[i].path, path) == 0) {
			buf_clear(&dir->files[i].content);
			dir->files[i].mode = mode;
			return &dir->files[i];
		}
	if (dir->n == FILES_MAX ||
	    array_grow(&dir->files, &dir->cap, dir->n + 1, sizeof(*dir->files)) < 0) {
		(void)err_set(err, dir->n == FILES_MAX ? -E2BIG : -ENOMEM, "file %s", path);
		return NULL;
	}
	f = &dir->files[dir->n];
	*f = (struct atomicdir_file){
		.path = strdup(path), .content = BUF_INIT(CONTENT_MAX), .mode = mode, .uid = -1
	};
	if (!f->path) {
		(void)err_set(err, -ENOMEM, "file %s", path);
		return NULL;
	}
	dir->n++;
	return f;
}

/* ---- has anything changed? ---- */

static bool same_file(int data_fd, const struct atomicdir_file *f, const struct atomicdir *dir)
{
	auto_buf struct buf old = BUF_INIT(CONTENT_MAX + 1);
	auto_close int fd = openat(data_fd, f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & 07777) != f->mode ||
	    (dir->gid >= 0 && st.st_gid != (gid_t)dir->gid) || (size_t)st.st_size != f->content.len)
		return false;
	return fd_read_to_end(fd, &old) == 0 && old.len == f->content.len &&
	       memcmp(buf_str(&old), buf_str(&f->content), old.len) == 0;
}

/* Files below @dir_fd, with those in subdirectories. */
static size_t count_files(int dir_fd, int depth)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;
	size_t n = 0;

	if (!d) {
		fd_close(copy);
		return 0;
	}
	while ((entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_DIR && depth < 32) {
			auto_close int sub =
				openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			n += sub >= 0 ? count_files(sub, depth + 1) : 0;
		} else {
			n++;
		}
	}
	(void)closedir(d);
	return n;
}

static bool is_same(const struct atomicdir *dir, int dir_fd)
{
	auto_close int data_fd = openat(dir_fd, "..data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (data_fd < 0 || count_files(data_fd, 0) != dir->n)
		return false;
	for (size_t i = 0; i < dir->n; i++)
		if (!same_file(data_fd, &dir->files[i], dir))
			return false;
	return true;
}

/* ---- writing ---- */

static int write_one(const struct atomicdir *dir, int root_fd, const struct atomicdir_file *f,
		     struct err *err)
{
	auto_free char *parent = strdup(f->path);
	auto_close int parent_fd = -EBADF, fd = -EBADF;
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int r;

	if (!parent)
		return err_set(err, -ENOMEM, "file %s", f->path);
	if (slash)
		*slash = '\0';
	parent_fd = path_mkdirs_in_root(root_fd, slash ? parent : ".", 0755);
	if (parent_fd < 0)
		return err_set(err, parent_fd, "make the directory of %s", f->path);
	fd = openat(parent_fd, path_base(f->path),
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "create %s", f->path);
	r = fd_write_all(fd, buf_str(&f->content), f->content.len);
	if (r < 0)
		return err_set(err, r, "write %s", f->path);
	if ((dir->gid >= 0 || f->uid >= 0) &&
	    fchown(fd, f->uid >= 0 ? (uid_t)f->uid : 0, dir->gid >= 0 ? (gid_t)dir->gid : 0) < 0)
		return err_set(err, -errno, "chown %s", f->path);
	if (fchmod(fd, f->mode) < 0)
		return err_set(err, -errno, "chmod %s", f->path);
	return 0;
}

static void stamp(int64_t now_ns, char name[64])
{
	time_t s = (time_t)(now_ns / NS_PER_S);
	struct tm tm;
	char text[40];

	(void)gmtime_r(&s, &tm);
	(void)strftime(text, sizeof(text), "%Y_%m_%d_%H_%M_%S", &tm);
	(void)snprintf(name, 64, "..%s.%09lld", text, (long long)(now_ns % NS_PER_S));
}

static int swap_data(int dir_fd, const char *name, struct err *err)
{
	(void)unlinkat(dir_fd, "..data_tmp", 0);
	if (symlinkat(name, dir_fd, "..data_tmp") < 0)
		return err_set(err, -errno, "link ..data_tmp");
	if (renameat(dir_fd, "..data_tmp", dir_fd, "..data") < 0)
		return err_set(err, -errno, "replace ..data");
	return 0;
}

/* The names that the container sees: the first part of each path. */
static int link_names(const struct atomicdir *dir, int dir_fd, struct err *err)
{
	for (size_t i = 0; i < dir->n; i++) {
		char name[NAME_MAX + 1], target[NAME_MAX + 16];

		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(dir->files[i].path, "/"),
			       dir->files[i].path);
		(void)snprintf(target, sizeof(target), "..data/%s", name);
		if (symlinkat(target, dir_fd, name) < 0 && errno != EEXIST)
			return err_set(err, -errno, "link %s", name);
	}
	return 0;
}

static bool is_wanted(const struct atomicdir *dir, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < dir->n; i++)
		if (strcspn(dir->files[i].path, "/") == len &&
		    memcmp(dir->files[i].path, name, len) == 0)
			return true;
	return false;
}

/* Links to what is no more, and earlier contents. */
static void sweep(const struct atomicdir *dir, int dir_fd, const char *current)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!d) {
		fd_close(copy);
		return;
	}
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "..data") == 0 || strcmp(name, current) == 0)
			continue;
		if (strncmp(name, "..", 2) == 0)
			(void)path_remove_tree_at(dir_fd, name, NULL);
		else if (entry->d_type == DT_LNK && !is_wanted(dir, name))
			(void)unlinkat(dir_fd, name, 0);
	}
	(void)closedir(d);
}

int atomicdir_write(const struct atomicdir *dir, int dir_fd, int64_t now_ns, struct err *err)
{
	auto_close int new_fd = -EBADF;
	char name[64];
	int r = 0;

	if (is_same(dir, dir_fd))
		return 0;
	stamp(now_ns, name);
	if (mkdirat(dir_fd, name, 0755) < 0)
		return err_set(err, -errno, "make %s", name);
	new_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (new_fd < 0 || fchmod(new_fd, 0755) < 0)
		r = err_set(err, -errno, "open %s", name);
	if (r == 0 && dir->gid >= 0 && fchown(new_fd, (uid_t)-1, (gid_t)dir->gid) < 0)
		r = err_set(err, -errno, "chown %s", name);
	for (size_t i = 0; i < dir->n && r == 0; i++)
		r = write_one(dir, new_fd, &dir->files[i], err);
	if (r == 0)
		r = swap_data(dir_fd, name, err);
	if (r < 0) {
		(void)path_remove_tree_at(dir_fd, name, NULL);
		return r;
	}
	r = link_names(dir, dir_fd, err);
	sweep(dir, dir_fd, name);
	return r < 0 ? r : 1;
}
