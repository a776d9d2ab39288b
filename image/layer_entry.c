/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer_entry.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "image/layer_stream.h"

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define FILE_SIZE_MAX	((int64_t)1 << 40) /* apparent: holes cost nothing */

/* What is being made, and all that its steps need. */
struct making {
	struct layer_tree *tree;
	struct layer_stream *stream;
	struct archive_entry *entry;
	const struct layer_limits *limits;
	uint64_t *bytes;
	char path[PATH_MAX]; /* clean */
	const char *name;    /* its last part */
	int parent_fd;	     /* borrowed from tree */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct timespec times[2];
	struct err *err;
};

static const char *const xattrs_kept[] = { "security.capability", "user." };
static const char *const xattrs_dropped[] = { "user.overlay." };

static bool xattr_wanted(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(xattrs_dropped); i++)
		if (strncmp(name, xattrs_dropped[i], strlen(xattrs_dropped[i])) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(xattrs_kept); i++) {
		size_t n = strlen(xattrs_kept[i]);

		if (strncmp(name, xattrs_kept[i], n) == 0 &&
		    (xattrs_kept[i][n - 1] == '.' || name[n] == '\0'))
			return true;
	}
	return false;
}

static int set_xattrs(struct making *m, int fd)
{
	const char *name;
	const void *value;
	size_t size;

	(void)archive_entry_xattr_reset(m->entry);
	while (archive_entry_xattr_next(m->entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_wanted(name))
			continue;
		if (fsetxattr(fd, name, value, size, 0) < 0 && errno != ENOTSUP)
			return -errno;
	}
	return 0;
}

/* chown takes setuid bits and capabilities away, so it comes first. */
static int set_attributes(struct making *m, int fd)
{
	int r;

	if (fchown(fd, m->uid, m->gid) < 0 || fchmod(fd, m->mode) < 0)
		return -errno;
	r = set_xattrs(m, fd);
	if (r < 0)
		return r;
	return futimens(fd, m->times) < 0 ? -errno : 0;
}

static int set_attributes_at(struct making *m)
{
	if (fchownat(m->parent_fd, m->name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* fchmodat follows links; nothing but a device that we have just made comes here with one. */
	if (archive_entry_filetype(m->entry) != AE_IFLNK &&
	    fchmodat(m->parent_fd, m->name, m->mode, 0) < 0)
		return -errno;
	return utimensat(m->parent_fd, m->name, m->times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* ---- regular files ---- */

static int pwrite_all(int fd, const char *p, size_t len, int64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_blocks(struct making *m, int fd)
{
	struct archive *tar = layer_stream_tar(m->stream);
	const void *block;
	la_int64_t offset, end = 0, size = archive_entry_size(m->entry);
	size_t len;
	int r;

	for (;;) {
		r = archive_read_data_block(tar, &block, &len, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return layer_stream_failed(m->stream, m->err);
		if (offset < 0 || offset > size || (int64_t)len > size - offset)
			return err_say(m->err, -EBADMSG, "it has more data than its header says");
		*m->bytes += len;
		if (*m->bytes > m->limits->bytes)
			return err_say(m->err, -E2BIG, "it unpacks to more than is allowed");
		r = pwrite_all(fd, block, len, offset);
		if (r < 0)
			return err_set(m->err, r, "write");
		end = offset + (la_int64_t)len;
	}
	if (end < size && ftruncate(fd, size) < 0) /* the last piece is a hole */
		return err_set(m->err, -errno, "write");
	return 0;
}

static int make_file(struct making *m)
{
	auto_close int fd = openat(m->parent_fd, m->name,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	la_int64_t size = archive_entry_size(m->entry);
	int r;

	if (fd < 0)
		return err_set(m->err, -errno, "create");
	if (size < 0 || size > FILE_SIZE_MAX)
		return err_say(m->err, -E2BIG, "a size of %lld bytes is more than is allowed",
			       (long long)size);
	r = size ? write_blocks(m, fd) : 0;
	if (r < 0)
		return r;
	r = set_attributes(m, fd);
	return r < 0 ? err_set(m->err, r, "set attributes") : 0;
}

/* ---- hard links ---- */

/* The target lies in a layer below: this layer gets its own copy, as overlayfs would make one. */
static int copy_up(struct making *m, int from_fd)
{
	auto_close int fd = openat(m->parent_fd, m->name,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct timespec times[2];
	char caps[64];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(from_fd, &st) < 0)
		return -errno;
	*m->bytes += (uint64_t)st.st_blocks * 512;
	if (*m->bytes > m->limits->bytes)
		return -E2BIG;
	for (off_t left = st.st_size; left > 0; left -= n) {
		n = copy_file_range(from_fd, NULL, fd, NULL, (size_t)left, 0);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	n = fgetxattr(from_fd, "security.capability", caps, sizeof(caps));
	if (n > 0 && fsetxattr(fd, "security.capability", caps, (size_t)n, 0) < 0)
		return -errno;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return futimens(fd, times) < 0 ? -errno : 0;
}

static int link_below(struct making *m, const char *target)
{
	auto_close int from_fd = layer_tree_open_below(m->tree, target);

	return from_fd < 0 ? from_fd : copy_up(m, from_fd);
}

static int make_hard_link(struct making *m, const char *to)
{
	char target[PATH_MAX], quoted[TREE_PATH_QUOTED];
	auto_close int target_fd = -EBADF;
	const char *target_name;
	struct stat st;
	int fd, r = tree_path_clean(to, target);

	tree_path_quote(to, quoted);
	if (r == -EXDEV || r == 0)
		return err_say(m->err, -EXDEV, "its hard link to %s leads outside the image",
			       quoted);
	if (r < 0)
		return err_set(m->err, r, "hard link to %s", quoted);
	fd = layer_tree_find(m->tree, target, &target_name);
	/* Walking to the entry's own parent ends the loan of fd. */
	target_fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	m->parent_fd = layer_tree_parent(m->tree, m->path, &m->name);
	if (m->parent_fd < 0)
		return err_set(m->err, m->parent_fd, "make its directory");
	if (target_fd >= 0 && fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !layer_tree_is_whiteout(st.st_mode, st.st_rdev))
		r = linkat(target_fd, target_name, m->parent_fd, m->name, 0) < 0 ? -errno : 0;
	else
		r = link_below(m, target);
	if (r == -ENOENT)
		return err_say(m->err, -ENOENT, "its hard link target %s does not exist", quoted);
	return r < 0 ? err_set(m->err, r, "hard link to %s", quoted) : 0;
}

/* ---- the rest ---- */

static int make_dir(struct making *m, bool exists, bool opaque)
{
	auto_close int fd = -EBADF;
	int r = 0;

	if (!exists && mkdirat(m->parent_fd, m->name, 0700) < 0)
		return err_set(m->err, -errno, "create directory");
	fd = openat(m->parent_fd, *m->name ? m->name : ".",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(m->err, -errno, "open directory");
	if (opaque)
		r = layer_tree_opaque(fd);
	if (r == 0)
		r = set_attributes(m, fd);
	if (r == 0)
		r = layer_tree_later(m->tree, m->path, m->times);
	return r < 0 ? err_set(m->err, r, "set attributes") : 0;
}

static int make_symlink(struct making *m)
{
	const char *to = archive_entry_symlink(m->entry);
	int r;

	if (!to || !*to)
		return err_say(m->err, -EBADMSG, "it is a symbolic link to nothing");
	r = symlinkat(to, m->parent_fd, m->name) < 0 ? -errno : set_attributes_at(m);
	return r < 0 ? err_set(m->err, r, "create symbolic link") : 0;
}

static int make_node(struct making *m, mode_t type)
{
	dev_t dev = type == S_IFIFO ? 0
				    : makedev((unsigned)archive_entry_rdevmajor(m->entry),
					      (unsigned)archive_entry_rdevminor(m->entry));
	int r;

	if (layer_tree_is_whiteout(type, dev))
		return err_say(m->err, -EBADMSG, "character device 0:0 is overlayfs' own mark");
	r = mknodat(m->parent_fd, m->name, type | 0600, dev) < 0 ? -errno : set_attributes_at(m);
	return r < 0 ? err_set(m->err, r, "create device") : 0;
}

static int make_whiteout(struct making *m)
{
	const char *hidden = m->name + strlen(WHITEOUT_PREFIX);
	int r;

	if (strcmp(m->name, WHITEOUT_OPAQUE) == 0)
		r = layer_tree_opaque(m->parent_fd);
	else if (strncmp(hidden, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		r = 0; /* AUFS' own bookkeeping */
	else if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return err_say(m->err, -EBADMSG, "it is a whiteout of nothing");
	else
		r = layer_tree_whiteout(m->tree, m->parent_fd, hidden);
	return r < 0 ? err_set(m->err, r, "mark as deleted") : 0;
}

static int make(struct making *m)
{
	mode_t type = archive_entry_filetype(m->entry);
	const char *hard_link = archive_entry_hardlink(m->entry);
	bool opaque = false;
	int r;

	if (strncmp(m->name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		return make_whiteout(m);
	if (!*m->name) /* the root itself */
		return type == AE_IFDIR ? make_dir(m, true, false)
					: err_say(m->err, -EBADMSG, "the root is no directory");
	r = layer_tree_clear(m->parent_fd, m->name, type == AE_IFDIR && !hard_link, &opaque);
	if (r < 0)
		return err_set(m->err, r, "replace");
	if (hard_link)
		return make_hard_link(m, hard_link);
	switch (type) {
	case AE_IFREG:
		return make_file(m);
	case AE_IFDIR:
		return make_dir(m, r == 1, opaque);
	case AE_IFLNK:
		return make_symlink(m);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		return make_node(m, type);
	default:
		return err_say(m->err, -EBADMSG, "type %o is unknown", (unsigned)type);
	}
}

static int read_header(struct making *m)
{
	la_int64_t uid = archive_entry_uid(m->entry), gid = archive_entry_gid(m->entry);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_say(m->err, -EBADMSG, "owner %lld:%lld is out of range", (long long)uid,
			       (long long)gid);
	m->uid = (uid_t)uid;
	m->gid = (gid_t)gid;
	m->mode = archive_entry_perm(m->entry) & 07777;
	m->times[1].tv_sec = archive_entry_mtime(m->entry);
	m->times[1].tv_nsec = archive_entry_mtime_nsec(m->entry);
	m->times[0] = m->times[1];
	return 0;
}

int layer_entry_apply(struct layer_tree *tree, struct layer_stream *stream,
		      struct archive_entry *entry, uint64_t *bytes, struct err *err)
{
	struct making m = { .tree = tree,
			    .stream = stream,
			    .entry = entry,
			    .limits = layer_tree_limits(tree),
			    .bytes = bytes,
			    .err = err };
	const char *path = archive_entry_pathname(entry);
	char quoted[TREE_PATH_QUOTED];
	int r;

	if (!path || !*path)
		return err_say(err, -EBADMSG, "an entry has no name");
	tree_path_quote(path, quoted);
	r = tree_path_clean(path, m.path);
	if (r == -EXDEV)
		return err_say(err, r, "path %s leads outside the image", quoted);
	if (r < 0)
		return err_set(err, r, "path %s", quoted);
	m.parent_fd = layer_tree_parent(tree, m.path, &m.name);
	if (m.parent_fd < 0)
		return err_set(err, m.parent_fd, "path %s: make its directory", quoted);
	r = read_header(&m);
	if (r == 0)
		r = make(&m);
	return r < 0 ? err_prefix(err, r, "path %s", quoted) : 0;
}
