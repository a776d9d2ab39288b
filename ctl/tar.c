/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

#define BLOCK 512

/* POSIX.1-1988 ustar, one block. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

enum type {
	TYPE_FILE = '0',
	TYPE_HARDLINK = '1',
	TYPE_SYMLINK = '2',
	TYPE_DIR = '5',
	TYPE_LONG_NAME = 'L',
	TYPE_LONG_LINK = 'K',
	TYPE_PAX = 'x',
	TYPE_PAX_GLOBAL = 'g'
};

/* ---- writing ---- */

static void put_octal(char *field, size_t size, uint64_t value)
{
	if (value >> (3 * (size - 1))) { /* too large for octal digits: GNU's base 256 */
		for (size_t i = size; i-- > 1; value >>= 8)
			field[i] = (char)(value & 0xff);
		field[0] = (char)0x80;
		return;
	}
	(void)snprintf(field, size, "%0*llo", (int)size - 1, (unsigned long long)value);
}

static int write_header(int fd, const char *name, const struct stat *st, enum type type,
			const char *link, uint64_t size)
{
	struct header h = { 0 };
	unsigned sum = 0;

	memcpy(h.name, name, MIN(strlen(name), sizeof(h.name)));
	put_octal(h.mode, sizeof(h.mode), st->st_mode & 07777);
	put_octal(h.uid, sizeof(h.uid), st->st_uid);
	put_octal(h.gid, sizeof(h.gid), st->st_gid);
	put_octal(h.size, sizeof(h.size), size);
	put_octal(h.mtime, sizeof(h.mtime), (uint64_t)MAX(st->st_mtime, 0));
	h.type = (char)type;
	memcpy(h.link, link, MIN(strlen(link), sizeof(h.link)));
	memcpy(h.magic, "ustar  ", sizeof(h.magic)); /* GNU's, for its long names */
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((unsigned char *)&h)[i];
	(void)snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	return fd_write_all(fd, &h, sizeof(h));
}

static int pad_to_block(int fd, uint64_t size)
{
	static const char zero[BLOCK];

	return size % BLOCK ? fd_write_all(fd, zero, BLOCK - size % BLOCK) : 0;
}

/* A name that does not fit goes in front, as the content of an entry of its own. */
static int write_long(int fd, const char *text, enum type type, const struct stat *st)
{
	size_t len = strlen(text) + 1;
	int r = write_header(fd, "././@LongLink", st, type, "", len);

	if (r == 0)
		r = fd_write_all(fd, text, len);
	return r == 0 ? pad_to_block(fd, len) : r;
}

static int write_entry(int fd, const char *name, const struct stat *st, enum type type,
		       const char *link, uint64_t size)
{
	int r = 0;

	if (strlen(name) > 100)
		r = write_long(fd, name, TYPE_LONG_NAME, st);
	if (r == 0 && strlen(link) > 100)
		r = write_long(fd, link, TYPE_LONG_LINK, st);
	return r == 0 ? write_header(fd, name, st, type, link, size) : r;
}

/* Exactly st_size bytes, whatever happens to the file meanwhile: the header has promised them. */
static int write_content(int fd, const char *path, uint64_t size)
{
	auto_close int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t left = size;
	char block[65536];

	if (file < 0)
		return -errno;
	while (left) {
		size_t want = (size_t)MIN(left, (uint64_t)sizeof(block));
		ssize_t n = fd_read_all(file, block, want);
		int r;

		if (n < 0)
			return (int)n;
		memset(block + n, 0, want - (size_t)n);
		r = fd_write_all(fd, block, want);
		if (r < 0)
			return r;
		left -= want;
	}
	return pad_to_block(fd, size);
}

static int write_tree(int fd, const char *path, const char *name, unsigned depth, struct err *err);

static int write_directory(int fd, const char *path, const char *name, const struct stat *st,
			   unsigned depth, struct err *err)
{
	auto_free char *with_slash = NULL;
	struct dirent **entries;
	int n, r;

	if (asprintf(&with_slash, "%s/", name) < 0)
		return err_set(err, -ENOMEM, "archive %s", path);
	r = write_entry(fd, with_slash, st, TYPE_DIR, "", 0);
	if (r < 0)
		return err_set(err, r, "send %s", path);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return err_set(err, -errno, "read directory %s", path);
	for (int i = 0; i < n; i++) {
		const char *entry = entries[i]->d_name;
		auto_free char *child = path_join(path, entry),
			       *child_name = path_join(name, entry);

		if (r == 0 && strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0)
			r = child && child_name ? write_tree(fd, child, child_name, depth + 1, err)
						: err_set(err, -ENOMEM, "archive %s", path);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int write_tree(int fd, const char *path, const char *name, unsigned depth, struct err *err)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	if (depth > 200)
		return err_say(err, -ELOOP, "%s: nested too deeply", path);
	if (lstat(path, &st) < 0)
		return err_set(err, -errno, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return write_directory(fd, path, name, &st, depth, err);
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			return err_set(err, -errno, "read link %s", path);
		link[n] = '\0';
		r = write_entry(fd, name, &st, TYPE_SYMLINK, link, 0);
	} else if (S_ISREG(st.st_mode)) {
		r = write_entry(fd, name, &st, TYPE_FILE, "", (uint64_t)st.st_size);
		if (r == 0)
			r = write_content(fd, path, (uint64_t)st.st_size);
	} else {
		return 0; /* sockets, devices: kubectl leaves them out too */
	}
	return r < 0 ? err_set(err, r, "send %s", path) : 0;
}

int tar_write(int fd, const char *path, const char *name, struct err *err)
{
	static const char end[2 * BLOCK];
	int r = write_tree(fd, path, name, 0, err);

	if (r < 0)
		return r;
	r = fd_write_all(fd, end, sizeof(end));
	return r < 0 ? err_set(err, r, "send %s", path) : 0;
}

/* ---- reading ---- */

struct entry {
	char name[PATH_MAX], link[PATH_MAX];
	char type;
	mode_t mode;
	uint64_t size;
};

static bool get_number(const char *field, size_t size, uint64_t *ret)
{
	uint64_t value = 0;

	if ((unsigned char)field[0] & 0x80) {
		if ((unsigned char)field[0] & 0x40)
			return false; /* negative */
		for (size_t i = 1; i < size; i++) {
			if (value >> 55)
				return false;
			value = value << 8 | (unsigned char)field[i];
		}
		*ret = value;
		return true;
	}
	for (size_t i = 0; i < size && field[i] && field[i] != ' '; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		value = value << 3 | (uint64_t)(field[i] - '0');
	}
	*ret = value;
	return true;
}

static bool checksum_fits(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t said;
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += i >= offsetof(struct header, checksum) && i < offsetof(struct header, type)
			       ? ' '
			       : p[i];
	return get_number(h->checksum + strspn(h->checksum, " "), 7, &said) && said == sum;
}

static int skip_exactly(int fd, uint64_t size)
{
	char block[65536];

	while (size) {
		size_t want = (size_t)MIN(size, (uint64_t)sizeof(block));
		ssize_t n = fd_read_all(fd, block, want);

		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return -EPIPE;
		size -= want;
	}
	return 0;
}

/* The content of an entry, with what fills its last block. */
static int skip_bytes(int fd, uint64_t size)
{
	return skip_exactly(fd, (size + BLOCK - 1) / BLOCK * BLOCK);
}

/* The content of a small entry (a long name, pax records) as text. */
static int read_text(int fd, uint64_t size, char *text, size_t max)
{
	uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
	ssize_t n;

	if (padded >= max)
		return -E2BIG;
	n = fd_read_all(fd, text, (size_t)padded);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n < padded)
		return -EPIPE;
	text[size] = '\0';
	return 0;
}

/* "27 path=some/long/name\n": the two that matter here. */
static void take_pax(const char *text, size_t len, struct entry *next)
{
	while (len) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		const char *equals;

		if (n == 0 || n > len || *end != ' ' || (size_t)(end - text) >= n)
			return;
		equals = memchr(end, '=', n - (size_t)(end - text));
		if (equals) {
			size_t value = n - (size_t)(equals + 1 - text) - 1;
			char *to = strncmp(end + 1, "path=", 5) == 0	   ? next->name
				   : strncmp(end + 1, "linkpath=", 9) == 0 ? next->link
									   : NULL;

			if (to && value < PATH_MAX)
				(void)snprintf(to, PATH_MAX, "%.*s", (int)value, equals + 1);
		}
		text += n;
		len -= n;
	}
}

static void take_names(const struct header *h, struct entry *e)
{
	if (!*e->name && strncmp(h->magic, "ustar", 6) == 0 && *h->prefix)
		(void)snprintf(e->name, sizeof(e->name), "%.155s/%.100s", h->prefix, h->name);
	else if (!*e->name)
		(void)snprintf(e->name, sizeof(e->name), "%.100s", h->name);
	if (!*e->link)
		(void)snprintf(e->link, sizeof(e->link), "%.100s", h->link);
}

/* 1: an entry; 0: the end of the archive. */
static int next_entry(int fd, struct entry *e)
{
	struct header h;
	char text[16384];

	*e = (struct entry){ 0 };
	for (;;) {
		ssize_t n = fd_read_all(fd, &h, sizeof(h));
		uint64_t mode;
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		if ((size_t)n < sizeof(h))
			return -EPIPE;
		if (h.name[0] == '\0' && h.magic[0] == '\0')
			return 0; /* a block of zeros */
		if (!checksum_fits(&h) || !get_number(h.size, sizeof(h.size), &e->size) ||
		    !get_number(h.mode, sizeof(h.mode), &mode))
			return -EBADMSG;
		switch (h.type) {
		case TYPE_LONG_NAME:
		case TYPE_LONG_LINK:
			r = read_text(fd, e->size, text, sizeof(text));
			if (r < 0)
				return r;
			(void)snprintf(h.type == TYPE_LONG_NAME ? e->name : e->link, PATH_MAX, "%s",
				       text);
			continue;
		case TYPE_PAX:
			r = read_text(fd, e->size, text, sizeof(text));
			if (r < 0)
				return r;
			take_pax(text, (size_t)e->size, e);
			continue;
		case TYPE_PAX_GLOBAL:
			r = skip_bytes(fd, e->size);
			if (r < 0)
				return r;
			continue;
		default:
			e->type = h.type ? h.type : TYPE_FILE;
			e->mode = (mode_t)mode & 07777;
			take_names(&h, e);
			return 1;
		}
	}
}

static int extract_file(int fd, int dir_fd, const char *name, const struct entry *e)
{
	uint64_t left = e->size;
	char block[65536];
	auto_close int file = -EBADF;
	int r;

	/* A link that is in the way is replaced, not followed. */
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	file = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      e->mode & 0777);
	if (file < 0)
		return -errno;
	while (left) {
		size_t want = (size_t)MIN(left, (uint64_t)sizeof(block));
		ssize_t n = fd_read_all(fd, block, want);

		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return -EPIPE;
		r = fd_write_all(file, block, want);
		if (r < 0)
			return r;
		left -= want;
	}
	return e->size % BLOCK ? skip_exactly(fd, BLOCK - e->size % BLOCK) : 0;
}

/* Where an entry goes below dest: NULL, nowhere. Refuses "..", and names outside the prefix. */
static const char *place_of(const char *name, const char *prefix)
{
	size_t n;

	name += strspn(name, "/");
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	prefix += strspn(prefix, "/");
	while (strncmp(prefix, "./", 2) == 0)
		prefix += 2;
	n = strlen(prefix);
	while (n && prefix[n - 1] == '/')
		n--;
	if (strcmp(prefix, ".") == 0)
		n = 0;
	if (strncmp(name, prefix, n) != 0 || (n && name[n] && name[n] != '/'))
		return NULL;
	name += n;
	name += strspn(name, "/");
	for (const char *p = name; *p; p += strcspn(p, "/"), p += strspn(p, "/"))
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
			return NULL;
	return name;
}

/* Make the parent of @place below @root_fd and point *ret_name at the last part. */
static int open_parent(int root_fd, const char *place, const char **ret_name)
{
	const char *slash = strrchr(place, '/');
	char parent[PATH_MAX];

	*ret_name = slash ? slash + 1 : place;
	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - place) : 1,
		       slash ? place : ".");
	return path_mkdirs_in_root(root_fd, parent, 0755);
}

static int extract_entry(int fd, int root_fd, const struct entry *e, char *place)
{
	auto_close int parent_fd = -EBADF;
	const char *name;
	size_t len = strlen(place);

	while (len && place[len - 1] == '/')
		place[--len] = '\0';
	parent_fd = open_parent(root_fd, place, &name);
	if (parent_fd < 0)
		return parent_fd;
	if (e->type == TYPE_DIR) {
		if (mkdirat(parent_fd, name, e->mode & 0777) < 0 && errno != EEXIST)
			return -errno;
		return skip_bytes(fd, e->size);
	}
	return extract_file(fd, parent_fd, name, e);
}

int tar_extract(int fd, const char *prefix, const char *dest, struct err *err)
{
	const char *slash = strrchr(dest, '/');
	auto_close int root_fd = -EBADF;
	char parent[PATH_MAX], place[PATH_MAX];
	struct entry e;
	size_t taken = 0;
	int r;

	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)MAX(slash - dest, 1) : 1,
		       slash ? dest : ".");
	r = path_mkdirs(parent, 0755, err);
	if (r < 0 && *parent == '/')
		return r;
	root_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(err, -errno, "open %s", parent);
	while ((r = next_entry(fd, &e)) > 0) {
		const char *below = place_of(e.name, prefix);

		if (!below || (e.type != TYPE_FILE && e.type != TYPE_DIR)) {
			if (e.type == TYPE_SYMLINK || e.type == TYPE_HARDLINK)
				(void)fprintf(stderr,
					      "warning: skipping symlink: \"%s\" -> \"%s\"\n",
					      e.name, e.link);
			else if (!below)
				(void)fprintf(stderr,
					      "warning: file \"%s\" is outside target destination, "
					      "skipping\n",
					      e.name);
			r = skip_bytes(fd, e.size);
		} else {
			(void)snprintf(place, sizeof(place), "%s%s%s", slash ? slash + 1 : dest,
				       *below ? "/" : "", below);
			r = extract_entry(fd, root_fd, &e, place);
			taken++;
		}
		if (r < 0)
			return err_set(err, r, "extract %s", e.name);
	}
	if (r < 0)
		return err_set(err, r, "read the archive");
	return (int)taken;
}
