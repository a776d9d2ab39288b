/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "tests/unit/test.h"

/* ---- archives by hand: what no tar program would write ---- */

static int memory(const void *bytes, size_t len)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	CHECK(fd >= 0 && fd_write_all(fd, bytes, len) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void add(struct buf *archive, const char *name, char type, const char *link,
		const char *content, const char *size)
{
	char block[512] = { 0 };
	size_t len = strlen(content);
	unsigned sum = 0;

	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 100, 8, "0000644");
	if (size)
		(void)snprintf(block + 124, 12, "%s", size);
	else
		(void)snprintf(block + 124, 12, "%011zo", len);
	block[156] = type;
	(void)snprintf(block + 157, 100, "%s", link);
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	CHECK(buf_append(archive, block, sizeof(block)) == 0);
	memset(block, 0, sizeof(block));
	CHECK(buf_append(archive, content, len) == 0);
	if (len % 512)
		CHECK(buf_append(archive, block, 512 - len % 512) == 0);
}

static void finish(struct buf *archive)
{
	static const char zeros[1024];

	CHECK(buf_append(archive, zeros, sizeof(zeros)) == 0);
}

static int extract(const struct buf *archive, const char *prefix, const char *dest, struct err *err)
{
	auto_close int fd = memory(archive->data, archive->len);

	return tar_extract(fd, prefix, dest, err);
}

/* One directory for all of this file. */
static const char *home(void)
{
	static char dir[PATH_MAX];

	if (!*dir)
		(void)snprintf(dir, sizeof(dir), "%s", test_dir());
	return dir;
}

static const char *below(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, PATH_MAX, "%s/%s", home(), name);
	return p;
}

static const char *content(const char *path)
{
	static struct buf text;

	buf_clear(&text);
	return fd_read_file(path, &text, NULL) == 0 ? buf_str(&text) : "(none)";
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* ---- honest ones ---- */

TEST(tar_files_of_every_size_follow_each_other)
{
	auto_buf struct buf archive = { 0 }, text = { 0 };

	for (size_t n = 0; n < 1100; n += 73) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d/%zu", n);
		buf_clear(&text);
		for (size_t i = 0; i < n; i++)
			CHECK(buf_putc(&text, 'x') == 0);
		add(&archive, name, '0', "", buf_str(&text), NULL);
	}
	finish(&archive);
	CHECK(extract(&archive, "d", below("every"), NULL) == 16);
	CHECK(dir_entries(below("every")) == 16);
	CHECK(strlen(content(below("every/1095"))) == 1095);
}

TEST(tar_round_trip)
{
	char long_name[200];
	auto_close int fd = memfd_create("archive", MFD_CLOEXEC);
	char from[PATH_MAX], path[PATH_MAX + 300];

	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	(void)snprintf(from, sizeof(from), "%s", below("from"));
	CHECK(mkdir(from, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/sub", from);
	CHECK(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/sub/f", from);
	CHECK(fd_write_file_at(AT_FDCWD, path, "hello", 5, 0640, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/%s", from, long_name);
	CHECK(fd_write_file_at(AT_FDCWD, path, "", 0, 0600, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/link", from);
	CHECK(symlink("/etc/passwd", path) == 0);
	CHECK(tar_write(fd, from, "x", NULL) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(tar_extract(fd, "x", below("to"), NULL) == 4);
	CHECK_STR(content(below("to/sub/f")), "hello");
	(void)snprintf(path, sizeof(path), "to/%s", long_name);
	CHECK(exists(below(path)) && !exists(below("to/link")));
}

TEST(tar_one_file_takes_the_name_it_is_given)
{
	auto_buf struct buf archive = { 0 };

	add(&archive, "etc/hostname", '0', "", "box\n", NULL);
	finish(&archive);
	CHECK(extract(&archive, "etc/hostname", below("name"), NULL) == 1);
	CHECK_STR(content(below("name")), "box\n");
	CHECK(extract(&archive, "/etc", below("dir"), NULL) == 1);
	CHECK_STR(content(below("dir/hostname")), "box\n");
	CHECK(extract(&archive, "else", below("none"), NULL) == 0 && !exists(below("none")));
}

TEST(tar_reads_long_names_of_both_kinds)
{
	auto_buf struct buf archive = { 0 };

	add(&archive, "././@LongLink", 'L', "", "d/gnu-name", NULL);
	add(&archive, "short", '0', "", "1", NULL);
	add(&archive, "pax", 'x', "", "19 path=d/pax-name\n", NULL);
	add(&archive, "short", '0', "", "2", NULL);
	finish(&archive);
	CHECK(extract(&archive, "d", below("long"), NULL) == 2);
	CHECK_STR(content(below("long/gnu-name")), "1");
	CHECK_STR(content(below("long/pax-name")), "2");
}

/* ---- hostile ones ---- */

TEST(tar_stays_below_the_destination)
{
	static const char *const names[] = { "d/../../escaped", "d/x/../../../escaped",
					     "../escaped", "d/..", "d/a/.." };
	auto_buf struct buf archive = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		add(&archive, names[i], '0', "", "bad", NULL);
	add(&archive, "/d/absolute", '0', "", "fine", NULL);
	finish(&archive);
	CHECK(mkdir(below("jail"), 0755) == 0);
	CHECK(extract(&archive, "d", below("jail/d"), NULL) == 1);
	CHECK_STR(content(below("jail/d/absolute")), "fine");
	CHECK(!exists(below("escaped")) && !exists(below("jail/escaped")));
	CHECK(dir_entries(below("jail")) == 1 && dir_entries(below("jail/d")) == 1);
}

TEST(tar_neither_makes_nor_follows_links)
{
	auto_buf struct buf archive = { 0 };

	CHECK(mkdir(below("outside"), 0755) == 0 && mkdir(below("links"), 0755) == 0);
	CHECK(symlink(below("outside"), below("links/there")) == 0);
	CHECK(symlink(below("outside/file"), below("links/file")) == 0);
	add(&archive, "d/made", '2', "/etc/passwd", "", NULL);
	add(&archive, "d/hard", '1', "/etc/passwd", "", NULL);
	add(&archive, "d/file", '0', "", "replaced", NULL);
	add(&archive, "d/made/x", '0', "", "a directory by then", NULL);
	finish(&archive);
	CHECK(extract(&archive, "d", below("links"), NULL) == 2);
	CHECK(!exists(below("links/hard")) && !exists(below("outside/file")));
	CHECK_STR(content(below("links/file")), "replaced");
	CHECK_STR(content(below("links/made/x")), "a directory by then");
	buf_clear(&archive);
	add(&archive, "d/there/x", '0', "", "through a link", NULL);
	finish(&archive);
	(void)extract(&archive, "d", below("links"), NULL);
	CHECK(dir_entries(below("outside")) == 0);
}

TEST(tar_cut_off_anywhere_is_an_error_and_no_crash)
{
	auto_buf struct buf archive = { 0 };
	size_t content_end;

	add(&archive, "././@LongLink", 'L', "", "d/name", NULL);
	add(&archive, "d/f", '0', "", "some content", NULL);
	content_end = archive.len;
	finish(&archive);
	for (size_t len = 1; len < content_end; len += 37) {
		auto_close int fd = memory(archive.data, len);
		struct err err = { 0 };

		/* A whole number of entries is an end that some programs leave. */
		if (len % 512 == 0)
			continue;
		CHECK(tar_extract(fd, "d", below("cut"), &err) < 0 && *err.text);
	}
}

TEST(tar_refuses_numbers_that_are_none)
{
	static const char *const sizes[] = { "99999999999", "x", "77777777777" };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		auto_buf struct buf archive = { 0 };
		struct err err = { 0 };

		add(&archive, "d/f", '0', "", "12345", sizes[i]);
		finish(&archive);
		CHECK(extract(&archive, "d", below("sizes"), &err) < 0);
	}
}

TEST(tar_refuses_bad_sums_and_survives_bad_pax)
{
	static const char *const pax[] = { "0001 x",	 "9999 path=a\n", "1 ",
					   "x path=a\n", "5 =a\n",	  "8 path=\n" };
	auto_buf struct buf archive = { 0 };

	add(&archive, "d/f", '0', "", "1", NULL);
	archive.data[0] = 'e';
	finish(&archive);
	CHECK(extract(&archive, "d", below("sums"), NULL) < 0);
	for (size_t i = 0; i < ARRAY_LEN(pax); i++) {
		buf_clear(&archive);
		add(&archive, "pax", 'x', "", pax[i], NULL);
		add(&archive, "d/f", '0', "", "1", NULL);
		finish(&archive);
		CHECK(extract(&archive, "d", below("pax"), NULL) >= 0);
	}
}

TEST(tar_extract_survives_failures)
{
	auto_buf struct buf archive = { 0 };
	int fds = open_fds();

	add(&archive, "d/sub", '5', "", "", NULL);
	add(&archive, "d/sub/f", '0', "", "1", NULL);
	finish(&archive);
	for (unsigned nth = 1;; nth++) {
		int fd = memory(archive.data, archive.len), r;

		fault_arm(nth);
		r = tar_extract(fd, "d", below("faults"), NULL);
		if (!fault_disarm()) {
			(void)fd_close(fd);
			CHECK(r == 2);
			return;
		}
		(void)fd_close(fd);
		CHECK(open_fds() == fds);
	}
}
