/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "image/fixture_test.h"
#include "image/layer_tree.h"
#include "tests/unit/test.h"

/* A directory to unpack into, and what came of it. */
struct unpacked {
	const char *dir;
	int fd;
	int r;
	struct err err;
};

static int make_root(const char *dir, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(mkdir(path, 0700) == 0);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int unpack_into(int root_fd, const struct tar_entry *entries, size_t n, const int *below,
		       size_t n_below, struct err *err)
{
	struct test_layer layer;
	int fd, r;

	test_layer_make(&layer, entries, n, TAR_PLAIN);
	fd = test_layer_fd(&layer);
	r = layer_unpack(fd, layer.diff_id, root_fd, below, n_below, &layer_limits_default, err);
	(void)fd_close(fd);
	test_layer_done(&layer);
	return r;
}

static void unpack_ok(int root_fd, const struct tar_entry *entries, size_t n, const int *below,
		      size_t n_below)
{
	struct err err = { 0 };

	if (unpack_into(root_fd, entries, n, below, n_below, &err) < 0)
		fail_msg("unpack: %s", err.text);
}

static struct stat look(int root_fd, const char *path)
{
	struct stat st;

	if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static bool is_missing(int root_fd, const char *path)
{
	struct stat st;

	return fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool is_whiteout(int root_fd, const char *path)
{
	struct stat st = look(root_fd, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool is_opaque(int root_fd, const char *path)
{
	auto_close int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char value[8];

	return fd >= 0 && fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

static bool content_is(int root_fd, const char *path, const char *text)
{
	auto_buf struct buf buf = BUF_INIT(0);

	return fd_read_file_at(root_fd, path, &buf, NULL) == 0 && strcmp(buf_str(&buf), text) == 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		SKIP("unpacking keeps owners and devices: it needs root");
}

/* ---- what a layer says is what there is ---- */

TEST(layer_keeps_modes_owners_times_and_wanted_attributes)
{
	static const struct tar_entry entries[] = {
		{ .path = "./", .type = 'd', .mode = 0751, .uid = 3, .gid = 4, .mtime = 99 },
		{ .path = "bin/", .type = 'd', .mode = 0700, .mtime = 1000 },
		{ .path = "bin/su",
		  .type = 'f',
		  .data = "#!",
		  .mode = 04755,
		  .uid = 7,
		  .gid = 8,
		  .mtime = 2000 },
		{ .path = "tmp", .type = 'd', .mode = 01777 },
		{ .path = "ping", .type = 'f', .xattr = "user.note", .value = "kept" },
		{ .path = "evil", .type = 'f', .xattr = "trusted.overlay.redirect", .value = "/" },
		{ .path = "evil2", .type = 'd', .xattr = "user.overlay.opaque", .value = "y" },
		{ .path = "evil3", .type = 'f', .xattr = "security.selinux", .value = "x" },
		{ .path = "link", .type = 'l', .data = "/nowhere", .uid = 9, .mtime = 3000 },
		{ .path = "fifo", .type = 'p', .mode = 0600 },
		{ .path = "null", .type = 'c', .mode = 0666, .major = 1, .minor = 3 },
		{ .path = "empty", .type = 'f' },
	};
	char value[16];
	struct stat st;

	need_root();
	auto_close int root = make_root(test_dir(), "root");

	unpack_ok(root, entries, ARRAY_LEN(entries), NULL, 0);
	st = look(root, ".");
	CHECK((st.st_mode & 07777) == 0751 && st.st_uid == 3 && st.st_gid == 4);
	CHECK(st.st_mtime == 99);
	st = look(root, "bin/su");
	CHECK((st.st_mode & 07777) == 04755 && st.st_uid == 7 && st.st_gid == 8);
	CHECK(st.st_mtime == 2000 && st.st_size == 2);
	CHECK(look(root, "bin").st_mtime == 1000); /* though a file came in later */
	CHECK((look(root, "tmp").st_mode & 07777) == 01777);
	st = look(root, "link");
	CHECK(S_ISLNK(st.st_mode) && st.st_uid == 9 && st.st_mtime == 3000);
	CHECK(S_ISFIFO(look(root, "fifo").st_mode));
	st = look(root, "null");
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) && (st.st_mode & 0777) == 0666);
	CHECK(look(root, "empty").st_size == 0);

	auto_close int ping = openat(root, "ping", O_RDONLY | O_CLOEXEC);
	CHECK(fgetxattr(ping, "user.note", value, sizeof(value)) == 4);
	for (const char *const *name = (const char *const[]){ "evil", "evil2", "evil3", NULL };
	     *name; name++) {
		auto_close int fd = openat(root, *name, O_RDONLY | O_CLOEXEC);

		CHECK(fd >= 0 && flistxattr(fd, NULL, 0) == 0);
	}
}

TEST(layer_reads_gzip_zstd_and_plain)
{
	static const struct tar_entry entries[] = {
		{ .path = "a", .type = 'f', .data = "0123456789", .repeat = 100000 },
		{ .path = "b", .type = 'f', .data = "b" },
	};

	need_root();
	for (int compression = TAR_PLAIN; compression <= TAR_ZSTD; compression++) {
		auto_close int root = make_root(test_dir(), "root");
		struct err err = { 0 };
		struct test_layer layer;

		test_layer_make(&layer, entries, ARRAY_LEN(entries), compression);
		auto_close int fd = test_layer_fd(&layer);

		if (layer_unpack(fd, layer.diff_id, root, NULL, 0, &layer_limits_default, &err) < 0)
			fail_msg("compression %d: %s", compression, err.text);
		CHECK(look(root, "a").st_size == 1000000);
		CHECK(content_is(root, "b", "b"));
		test_layer_done(&layer);
	}
}

TEST(layer_keeps_holes_and_long_names)
{
	char component[256], path[900], unicode[] = "d/\xc3\xa9-e\xcc\x81-\xe6\x97\xa5";
	struct tar_entry entries[] = {
		{ .path = "sparse", .type = 'f', .data = "end", .hole = 8 << 20 },
		{ .path = path, .type = 'f', .data = "long" },
		{ .path = unicode, .type = 'f', .data = "bytes" },
		{ .path = "far", .type = 'l', .data = path },
	};
	struct stat st;

	need_root();
	memset(component, 'n', 255);
	component[255] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s/%s", component, component, component);
	auto_close int root = make_root(test_dir(), "root");

	unpack_ok(root, entries, ARRAY_LEN(entries), NULL, 0);
	st = look(root, "sparse");
	CHECK(st.st_size == (8 << 20) + 3 && st.st_blocks < 64);
	CHECK(content_is(root, path, "long"));
	CHECK(content_is(root, "far", "long"));
	CHECK(content_is(root, unicode, "bytes"));
}

TEST(layer_entry_replaces_what_an_earlier_one_made)
{
	static const struct tar_entry entries[] = {
		{ .path = "a/x", .type = 'f', .data = "old" },
		{ .path = "a", .type = 'f', .data = "now a file" },
		{ .path = "b", .type = 'f', .data = "file" },
		{ .path = "b", .type = 'd', .mode = 0711 },
		{ .path = "c", .type = 'd', .mode = 0700 },
		{ .path = "c/kept", .type = 'f' },
		{ .path = "c", .type = 'd', .mode = 0755, .mtime = 7 },
		{ .path = "d", .type = 'l', .data = "b" },
		{ .path = "d", .type = 'f', .data = "not through the link" },
		{ .path = "e", .type = 'f', .data = "1" },
		{ .path = "f", .type = 'h', .data = "e" },
		{ .path = "e", .type = 'f', .data = "2" },
	};

	need_root();
	auto_close int root = make_root(test_dir(), "root");

	unpack_ok(root, entries, ARRAY_LEN(entries), NULL, 0);
	CHECK(content_is(root, "a", "now a file"));
	CHECK((look(root, "b").st_mode & 07777) == 0711);
	CHECK(look(root, "c/kept").st_size == 0);
	CHECK((look(root, "c").st_mode & 07777) == 0755 && look(root, "c").st_mtime == 7);
	CHECK(S_ISREG(look(root, "d").st_mode));
	CHECK(content_is(root, "e", "2") && content_is(root, "f", "1"));
}

/* ---- layers above one another ---- */

TEST(whiteouts_hide_what_lies_below_and_nothing_of_their_own_layer)
{
	static const struct tar_entry bottom[] = {
		{ .path = "a/1", .type = 'f' },	    { .path = "a/2", .type = 'f' },
		{ .path = "b/1", .type = 'f' },	    { .path = "c", .type = 'f' },
		{ .path = "d/old", .type = 'f' },   { .path = "e/old", .type = 'f' },
		{ .path = "f/g/old", .type = 'f' },
	};
	static const struct tar_entry top[] = {
		{ .path = "a/.wh.1", .type = 'f' },
		{ .path = "b", .type = 'd' },
		{ .path = "b/.wh..wh..opq", .type = 'f' },
		{ .path = "b/new", .type = 'f' },
		/* The file of this layer wins, in whichever order. */
		{ .path = "c", .type = 'f', .data = "new" },
		{ .path = ".wh.c", .type = 'f' },
		{ .path = "d/new", .type = 'f' },
		{ .path = ".wh.d", .type = 'f' },
		{ .path = ".wh.e", .type = 'f' },
		{ .path = "e", .type = 'd' },
		{ .path = "e/new", .type = 'f' },
		/* A parent that was whited out and comes back in passing. */
		{ .path = "f/.wh.g", .type = 'f' },
		{ .path = "f/g/new", .type = 'f' },
		{ .path = ".wh..wh.plnk", .type = 'd' }, /* AUFS' own */
	};

	need_root();
	const char *dir = test_dir();
	auto_close int below = make_root(dir, "below");
	auto_close int root = make_root(dir, "root");

	unpack_ok(below, bottom, ARRAY_LEN(bottom), NULL, 0);
	unpack_ok(root, top, ARRAY_LEN(top), &below, 1);
	CHECK(is_whiteout(root, "a/1") && is_missing(root, "a/2"));
	CHECK(is_opaque(root, "b") && look(root, "b/new").st_size == 0);
	CHECK(is_missing(root, "b/.wh..wh..opq"));
	CHECK(content_is(root, "c", "new"));
	CHECK(is_opaque(root, "d") && look(root, "d/new").st_size == 0);
	CHECK(is_opaque(root, "e") && look(root, "e/new").st_size == 0);
	CHECK(is_opaque(root, "f/g") && !is_opaque(root, "f"));
	CHECK(is_missing(root, ".wh..wh.plnk"));
}

TEST(whiteouts_of_a_bottom_layer_leave_nothing)
{
	static const struct tar_entry entries[] = { { .path = "a/.wh.x", .type = 'f' } };

	need_root();
	auto_close int root = make_root(test_dir(), "root");

	unpack_ok(root, entries, 1, NULL, 0);
	CHECK(is_missing(root, "a/x") && is_missing(root, "a/.wh.x"));
}

TEST(a_directory_named_in_passing_looks_as_below)
{
	static const struct tar_entry bottom[] = {
		{ .path = "./", .type = 'd', .mode = 0750, .gid = 5 },
		{ .path = "tmp", .type = 'd', .mode = 01777, .uid = 11 },
	};
	static const struct tar_entry top[] = {
		{ .path = "tmp/new", .type = 'f' },
		{ .path = "opt/new", .type = 'f' },
	};

	need_root();
	const char *dir = test_dir();
	auto_close int below = make_root(dir, "below");
	auto_close int root = make_root(dir, "root");

	unpack_ok(below, bottom, ARRAY_LEN(bottom), NULL, 0);
	unpack_ok(root, top, ARRAY_LEN(top), &below, 1);
	CHECK((look(root, "tmp").st_mode & 07777) == 01777 && look(root, "tmp").st_uid == 11);
	CHECK((look(root, "opt").st_mode & 07777) == 0755 && look(root, "opt").st_uid == 0);
	CHECK((look(root, ".").st_mode & 07777) == 0750 && look(root, ".").st_gid == 5);
}

TEST(a_hard_link_into_a_layer_below_becomes_a_copy)
{
	static const struct tar_entry bottom[] = {
		{ .path = "bin/a",
		  .type = 'f',
		  .data = "program",
		  .mode = 04711,
		  .uid = 5,
		  .mtime = 77 },
	};
	static const struct tar_entry top[] = {
		{ .path = "bin/b", .type = 'h', .data = "bin/a" },
		{ .path = "bin/c", .type = 'h', .data = "/bin/b" },
	};
	struct stat st;

	need_root();
	const char *dir = test_dir();
	auto_close int below = make_root(dir, "below");
	auto_close int root = make_root(dir, "root");

	unpack_ok(below, bottom, ARRAY_LEN(bottom), NULL, 0);
	unpack_ok(root, top, ARRAY_LEN(top), &below, 1);
	st = look(root, "bin/b");
	CHECK((st.st_mode & 07777) == 04711 && st.st_uid == 5 && st.st_mtime == 77);
	CHECK(content_is(root, "bin/b", "program"));
	CHECK(st.st_nlink == 2 && look(root, "bin/c").st_ino == st.st_ino);
}

/* ---- hostile layers ---- */

TEST(links_in_a_path_stay_inside)
{
	static const struct tar_entry entries[] = {
		{ .path = "abs", .type = 'l', .data = "/tmp" },
		{ .path = "abs/one", .type = 'f', .data = "1" },
		{ .path = "up", .type = 'l', .data = "../../../../../../../../tmp" },
		{ .path = "up/two", .type = 'f', .data = "2" },
		{ .path = "x/y", .type = 'd' },
		{ .path = "x/y/back", .type = 'l', .data = "../../up/../etc" },
		{ .path = "x/y/back/three", .type = 'f', .data = "3" },
		{ .path = "passwd", .type = 'h', .data = "abs/one" },
		{ .path = "usr/lib", .type = 'd' },
		{ .path = "lib", .type = 'l', .data = "usr/lib" },
		{ .path = "lib/so", .type = 'f', .data = "4" },
	};

	need_root();
	const char *dir = test_dir();
	auto_close int root = make_root(dir, "root");
	int before = dir_entries(dir);

	unpack_ok(root, entries, ARRAY_LEN(entries), NULL, 0);
	CHECK(content_is(root, "tmp/one", "1"));
	CHECK(content_is(root, "tmp/two", "2"));
	CHECK(content_is(root, "etc/three", "3"));
	CHECK(content_is(root, "usr/lib/so", "4"));
	CHECK(look(root, "passwd").st_ino == look(root, "tmp/one").st_ino);
	CHECK(dir_entries(dir) == before);
	CHECK(access("/tmp/one", F_OK) < 0 && access("/tmp/two", F_OK) < 0);
}

TEST(hostile_layers_are_refused_and_told_about)
{
	static char deep[2 * 300], long_name[400];
	static const struct {
		struct tar_entry entries[3];
		int code;
		const char *why; /* part of the sentence */
	} rows[] = {
		{ { { .path = "../x", .type = 'f' } }, -EXDEV, "../x leads outside the image" },
		{ { { .path = "a/../../x", .type = 'f' } }, -EXDEV, "leads outside the image" },
		{ { { .path = "/../x", .type = 'f' } }, -EXDEV, "leads outside the image" },
		{ { { .path = "..", .type = 'd' } }, -EXDEV, "leads outside the image" },
		{ { { .path = "\x1b[2Jx/../../y\n", .type = 'f' } },
		  -EXDEV,
		  "path ?[2Jx/../../y? " },
		{ { { .path = "h", .type = 'h', .data = "../../etc/passwd" } },
		  -EXDEV,
		  "path h: its hard link to ../../etc/passwd leads outside the image" },
		{ { { .path = "h", .type = 'h', .data = "/etc/shadow" } },
		  -ENOENT,
		  "path h: its hard link target /etc/shadow does not exist" },
		{ { { .path = "etc", .type = 'l', .data = "/etc" },
		    { .path = "h", .type = 'h', .data = "etc/passwd" } },
		  -ENOENT,
		  "etc/passwd does not exist" },
		{ { { .path = "d", .type = 'd' }, { .path = "h", .type = 'h', .data = "d" } },
		  -EPERM,
		  "path h: hard link to d" },
		{ { { .path = "a", .type = 'l', .data = "b" },
		    { .path = "b", .type = 'l', .data = "a" },
		    { .path = "a/x", .type = 'f' } },
		  -ELOOP,
		  "path a/x" },
		{ { { .path = "f", .type = 'f' }, { .path = "f/x", .type = 'f' } },
		  -ENOTDIR,
		  "path f/x" },
		{ { { .path = deep, .type = 'f' } }, -ENAMETOOLONG, "path d/d/d" },
		{ { { .path = long_name, .type = 'f' } }, -ENAMETOOLONG, "path nnn" },
		{ { { .path = "c", .type = 'c' } }, -EBADMSG, "overlayfs' own mark" },
		{ { { .path = "o", .type = 'f', .uid = 0xffffffff } },
		  -EBADMSG,
		  "owner 4294967295:0 is out of range" },
		{ { { .path = "o", .type = 'f', .gid = 1L << 40 } }, -EBADMSG, "out of range" },
		{ { { .path = ".wh.", .type = 'f' } }, -EBADMSG, "whiteout of nothing" },
		{ { { .path = "a/.wh..", .type = 'f' } }, -EBADMSG, "whiteout of nothing" },
		{ { { .path = ".wh...", .type = 'f' } }, -EBADMSG, "whiteout of nothing" },
		{ { { .path = ".", .type = 'f' } }, -EBADMSG, "the root is no directory" },
	};

	need_root();
	for (size_t i = 0; i + 1 < sizeof(deep); i++)
		deep[i] = i % 2 ? '/' : 'd';
	memset(long_name, 'n', sizeof(long_name) - 1);
	const char *dir = test_dir();
	auto_buf struct buf etc_before = BUF_INIT(0), etc_after = BUF_INIT(0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_close int root = make_root(dir, "root");
		struct err err = { 0 };
		size_t n = 0;
		int r;

		while (n < 3 && rows[i].entries[n].path)
			n++;
		r = unpack_into(root, rows[i].entries, n, NULL, 0, &err);
		if (r != rows[i].code || !strstr(err.text, rows[i].why))
			fail_msg("row %zu: %d %s", i, r, err.text);
		CHECK(err.code == r);
		CHECK(path_remove_tree_at(AT_FDCWD, dir, NULL) == 0 && mkdir(dir, 0700) == 0);
	}
}

TEST(layer_limits_hold)
{
	static const struct tar_entry entries[] = {
		{ .path = "a", .type = 'd' },
		{ .path = "b", .type = 'f', .data = "0123456789abcdef", .repeat = 65536 },
		{ .path = "c", .type = 'd' },
	};
	static const struct {
		struct layer_limits limits;
		int code;
		const char *why;
	} rows[] = {
		{ { 3, 1 << 20, 100, 2000, 1 << 30 }, 0, "" },
		{ { 2, 1 << 20, 100, 2000, 1 << 30 }, -E2BIG, "more than 2 entries" },
		{ { 3, (1 << 20) - 1, 100, 2000, 1 << 30 }, -E2BIG, "path b: it unpacks to more" },
		{ { 3, 1 << 20, 3, 2000, 1 << 30 }, -E2BIG, "path c" },
		{ { 3, 1 << 20, 100, 2, 0 }, -E2BIG, "it unpacks to more than is allowed" },
		{ { 3, 1000, 100, 2000, 1 << 30 }, -E2BIG, "it unpacks to more than is allowed" },
	};
	struct test_layer layer;

	need_root();
	test_layer_make(&layer, entries, ARRAY_LEN(entries), TAR_GZIP);
	auto_close int fd = test_layer_fd(&layer);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_close int root = make_root(test_dir(), "root");
		struct err err = { 0 };
		int r = layer_unpack(fd, layer.diff_id, root, NULL, 0, &rows[i].limits, &err);

		if (r != rows[i].code || !strstr(err.text, rows[i].why))
			fail_msg("row %zu: %d %s", i, r, err.text);
	}
	test_layer_done(&layer);
}

TEST(a_wrong_diff_id_is_noticed)
{
	static const struct tar_entry entries[] = { { .path = "a", .type = 'f', .data = "x" } };
	struct err err = { 0 };
	struct test_layer layer;

	need_root();
	auto_close int root = make_root(test_dir(), "root");

	test_layer_make(&layer, entries, 1, TAR_GZIP);
	auto_close int fd = test_layer_fd(&layer);

	CHECK(layer_unpack(fd, layer.digest, root, NULL, 0, &layer_limits_default, &err) ==
	      -EBADMSG);
	CHECK(strstr(err.text, layer.diff_id) && strstr(err.text, "not the diff id"));
	test_layer_done(&layer);
}

/* Whatever is cut off or flipped: an error or the right content, never another one. */
TEST(damaged_layers_never_pass)
{
	static const struct tar_entry entries[] = {
		{ .path = "dir/a", .type = 'f', .data = "some text", .repeat = 400 },
		{ .path = "dir/b", .type = 'h', .data = "dir/a" },
		{ .path = "dir/c", .type = 'l', .data = "a" },
		{ .path = "dir/d", .type = 'f', .data = "more", .xattr = "user.x", .value = "y" },
	};
	unsigned random = 12345;

	need_root();
	const char *dir = test_dir();

	for (int compression = TAR_PLAIN; compression <= TAR_ZSTD; compression++) {
		struct test_layer layer;
		size_t len;

		test_layer_make(&layer, entries, ARRAY_LEN(entries), compression);
		len = layer.blob.len;
		for (unsigned i = 0; i < 150; i++) {
			auto_close int root = make_root(dir, "root");
			size_t cut = len, at;

			random = random * 1103515245 + 12345;
			at = (random >> 8) % len;
			if (i % 3 == 0)
				cut = at;
			else
				layer.blob.data[at] ^= (char)(1 << (random >> 4) % 8);
			layer.blob.len = cut;
			int fd = test_layer_fd(&layer), fds = open_fds();
			int r = layer_unpack(fd, layer.diff_id, root, NULL, 0,
					     &layer_limits_default, NULL);

			CHECK(open_fds() == fds);
			/* gzip's and zstd's own headers have bytes that change no content. */
			CHECK(r < 0 || (compression != TAR_PLAIN && cut == len));
			(void)fd_close(fd);
			layer.blob.len = len;
			if (i % 3)
				layer.blob.data[at] ^= (char)(1 << (random >> 4) % 8);
			CHECK(path_remove_tree_at(AT_FDCWD, dir, NULL) == 0 &&
			      mkdir(dir, 0700) == 0);
		}
		test_layer_done(&layer);
	}
}

TEST(layer_unpack_fails_clean_at_every_step)
{
	static const struct tar_entry entries[] = {
		{ .path = "d/a", .type = 'f', .data = "x" },
		{ .path = "d/b", .type = 'h', .data = "d/a" },
		{ .path = "e", .type = 'l', .data = "d" },
		{ .path = "e/.wh.gone", .type = 'f' },
		{ .path = "f", .type = 'd', .xattr = "user.x", .value = "y" },
	};
	static const struct tar_entry bottom[] = { { .path = "d/gone", .type = 'f' } };
	struct test_layer layer;

	need_root();
	const char *dir = test_dir();
	auto_close int below = make_root(dir, "below");

	unpack_ok(below, bottom, 1, NULL, 0);
	test_layer_make(&layer, entries, ARRAY_LEN(entries), TAR_GZIP);
	auto_close int fd = test_layer_fd(&layer);

	for (unsigned nth = 1;; nth++) {
		char name[32];
		struct err err = { 0 };
		int fds, r;

		(void)snprintf(name, sizeof(name), "root%u", nth);
		auto_close int root = make_root(dir, name);

		fds = open_fds();
		fault_arm(nth);
		r = layer_unpack(fd, layer.diff_id, root, &below, 1, &layer_limits_default, &err);
		bool failed = fault_disarm();

		CHECK(open_fds() == fds);
		if (!failed) {
			CHECK(r == 0 && is_whiteout(root, "d/gone"));
			break;
		}
		if (r != err.code)
			fail_msg("%u: %s: %d %s", nth, fault_name(), r, err.text);
		CHECK(nth < 1000);
	}
	test_layer_done(&layer);
}

/* ---- names ---- */

TEST(paths_are_cleaned_as_text)
{
	static const struct {
		const char *path, *clean; /* NULL: leads outside */
	} rows[] = {
		{ "", "" },	   { ".", "" },		 { "/", "" },
		{ "a", "a" },	   { "./a/", "a" },	 { "//a///b", "a/b" },
		{ "a/../b", "b" }, { "a/..", "" },	 { "a/./b", "a/b" },
		{ "..", NULL },	   { "a/../..", NULL },	 { "/..", NULL },
		{ "...", "..." },  { "a/..b", "a/..b" }, { "aa/bb/../cc", "aa/cc" },
	};
	char clean[PATH_MAX];
	static char over[2 * PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = tree_path_clean(rows[i].path, clean);

		if (rows[i].clean ? r < 0 || strcmp(clean, rows[i].clean) != 0 : r != -EXDEV)
			fail_msg("%s gave %d %s", rows[i].path, r, clean);
	}
	for (size_t i = 0; i + 1 < sizeof(over); i++)
		over[i] = i % 2 ? '/' : 'a';
	CHECK(tree_path_clean(over, clean) == -ENAMETOOLONG);
}
