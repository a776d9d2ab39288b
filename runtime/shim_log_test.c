/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "runtime/shim.h"

struct fixture {
	char path[128];
	struct shim_log log;
};

static void log_begin(struct fixture *f)
{
	*f = (struct fixture){ .log.fd = -EBADF };
	(void)snprintf(f->path, sizeof(f->path), "%s/log", test_dir());
	CHECK(shim_log_open(&f->log, f->path) == 0);
}

static void say(struct fixture *f, enum shim_stream stream, const char *text)
{
	shim_log_write(&f->log, stream, text, strlen(text), 1000000001);
}

static const char *content(struct fixture *f)
{
	static struct buf buf;

	buf_clear(&buf);
	CHECK(fd_read_file(f->path, &buf, NULL) == 0);
	return buf_str(&buf);
}

#define T "1970-01-01T00:00:01.000000001Z "

TEST(shim_log_writes_cri_lines)
{
	struct fixture f;

	log_begin(&f);
	say(&f, SHIM_STDOUT, "one\ntwo\n");
	say(&f, SHIM_STDERR, "bad\n");
	say(&f, SHIM_STDOUT, "\n");
	CHECK_STR(content(&f),
		  T "stdout F one\n" T "stdout F two\n" T "stderr F bad\n" T "stdout F \n");
	shim_log_done(&f.log);
}

TEST(shim_log_joins_pieces_of_a_line_by_stream)
{
	struct fixture f;

	log_begin(&f);
	say(&f, SHIM_STDOUT, "hel");
	say(&f, SHIM_STDERR, "oo");
	CHECK_STR(content(&f), "");
	say(&f, SHIM_STDOUT, "lo\nrest");
	CHECK_STR(content(&f), T "stdout F hello\n");
	shim_log_flush(&f.log, 1000000001);
	CHECK_STR(content(&f), T "stdout F hello\n" T "stdout F rest\n" T "stderr F oo\n");
	CHECK(!f.log.partial[0].text && !f.log.partial[1].text);
	shim_log_done(&f.log);
}

/* Whatever the pieces, a reader that joins P parts gets the bytes back. */
TEST(shim_log_splits_long_lines_and_loses_nothing)
{
	static const size_t lengths[] = { SHIM_LOG_LINE_MAX - 1, SHIM_LOG_LINE_MAX,
					  SHIM_LOG_LINE_MAX + 1, 3 * SHIM_LOG_LINE_MAX, 50000 };
	static char line[60000], joined[60000];

	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = (char)('a' + i % 26);
	for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
		for (size_t piece = 1000; piece < 20000; piece += 7321) {
			struct fixture f;
			size_t n = 0, finals = 0;

			log_begin(&f);
			for (size_t at = 0; at < lengths[k]; at += piece)
				shim_log_write(&f.log, SHIM_STDOUT, line + at,
					       MIN(piece, lengths[k] - at), 1);
			shim_log_write(&f.log, SHIM_STDOUT, "\n", 1, 1);
			for (const char *at = content(&f); *at;) {
				size_t len = strcspn(at, "\n");

				CHECK(len >= 40 && len - 40 <= SHIM_LOG_LINE_MAX);
				memcpy(joined + n, at + 40, len - 40);
				n += len - 40;
				finals += at[38] == 'F';
				at += len + 1;
			}
			CHECK_INT(n, lengths[k]);
			CHECK(memcmp(joined, line, n) == 0);
			CHECK_INT(finals, 1);
			shim_log_done(&f.log);
		}
	}
}

TEST(shim_log_counts_what_a_full_disk_loses)
{
	struct shim_log log = { .fd = -EBADF };

	CHECK(shim_log_open(&log, "/dev/full") == 0);
	shim_log_write(&log, SHIM_STDOUT, "a\nb\nc", 5, 1);
	CHECK_INT(log.dropped_lines, 2);
	shim_log_flush(&log, 1);
	CHECK_INT(log.dropped_lines, 3);
	shim_log_done(&log);
}

/* A file size limit makes the kernel write a part, as a disk does that fills up under the write. */
TEST(shim_log_leaves_no_half_entry)
{
	struct rlimit before, small = { 0 };
	struct fixture f;

	log_begin(&f);
	say(&f, SHIM_STDOUT, "whole\n");
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	small.rlim_cur = strlen(content(&f)) + 10;
	small.rlim_max = before.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	say(&f, SHIM_STDOUT, "torn\ntorn too\n");
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	CHECK_INT(f.log.dropped_lines, 2);
	say(&f, SHIM_STDOUT, "again\n");
	CHECK_STR(content(&f), T "stdout F whole\n" T "stdout F again\n");
	shim_log_done(&f.log);
}

TEST(shim_log_times_are_those_of_base)
{
	static const int64_t days[] = { 0, 59, 60, 365, 789, 11016, 11017, 20781, 25508, 47482 };

	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		int64_t ns = days[i] * 86400 * INT64_C(1000000000) + INT64_C(43261123456789);
		char text[TIME_TEXT_MAX];
		struct fixture f;

		log_begin(&f);
		shim_log_write(&f.log, SHIM_STDOUT, "\n", 1, ns);
		(void)time_format_nano(ns, text);
		CHECK(strncmp(content(&f), text, 30) == 0);
		shim_log_done(&f.log);
	}
}

TEST(shim_log_opens_no_link)
{
	struct shim_log log = { .fd = -EBADF };
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/link", test_dir());
	CHECK(symlink("/tmp/elsewhere", path) == 0);
	CHECK_INT(shim_log_open(&log, path), -ELOOP);
	shim_log_write(&log, SHIM_STDOUT, "a\nb\n", 4, 1); /* nowhere to go, but not unnoticed */
	CHECK_INT(log.dropped_lines, 2);
}
