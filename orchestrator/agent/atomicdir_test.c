/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/atomicdir.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

static void put(struct atomicdir *dir, const char *path, const char *text)
{
	struct atomicdir_file *f = atomicdir_add(dir, path, 0640, NULL);

	CHECK(f && buf_puts(&f->content, text) == 0);
}

static void content_is(int dir_fd, const char *path, const char *expected)
{
	auto_buf struct buf text = BUF_INIT(0);

	CHECK(fd_read_file_at(dir_fd, path, &text, NULL) == 0);
	CHECK_STR(buf_str(&text), expected);
}

TEST(a_directory_changes_all_at_once)
{
	const char *path = test_dir();
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char first[64] = "", second[64] = "";
	struct stat st;

	{
		auto_atomicdir struct atomicdir dir = { .gid = -1 };

		put(&dir, "a", "1");
		put(&dir, "deep/b", "2");
		CHECK(atomicdir_write(&dir, fd, 1000 * NS_PER_S, NULL) == 1);
		content_is(fd, "a", "1");
		content_is(fd, "deep/b", "2");
		CHECK(fstatat(fd, "a", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
		CHECK(readlinkat(fd, "..data", first, sizeof(first) - 1) > 0);
		CHECK(atomicdir_write(&dir, fd, 1001 * NS_PER_S, NULL) == 0); /* nothing changed */
	}
	auto_atomicdir struct atomicdir dir = { .gid = -1 };

	put(&dir, "a", "one");
	put(&dir, "c", "3");
	CHECK(atomicdir_write(&dir, fd, 1002 * NS_PER_S, NULL) == 1);
	content_is(fd, "a", "one");
	content_is(fd, "c", "3");
	CHECK(faccessat(fd, "deep", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(readlinkat(fd, "..data", second, sizeof(second) - 1) > 0);
	CHECK(strcmp(first, second) != 0);
	CHECK(faccessat(fd, first, F_OK, 0) < 0); /* the earlier content is gone */
	CHECK_INT(dir_entries(path), 4);	  /* a, c, ..data, the content */
}

TEST(paths_that_lead_outside_are_refused)
{
	static const char *const bad[] = { "",	   "/etc/passwd", "../x",   "a/../../x",
					   "a//b", ".",		  "..data", "a/./b" };
	auto_atomicdir struct atomicdir dir = { .gid = -1 };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(!atomicdir_add(&dir, bad[i], 0644, &err));
		CHECK_INT(err.code, -EINVAL);
	}
	CHECK(atomicdir_add(&dir, "..a", 0644, NULL) == NULL);
	CHECK(atomicdir_add(&dir, "a..b/c.d", 0644, NULL) != NULL);
}

TEST(a_failed_write_never_shows_half)
{
	const char *path = test_dir();
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_atomicdir struct atomicdir old = { .gid = -1 };

	put(&old, "a", "old");
	CHECK(atomicdir_write(&old, fd, NS_PER_S, NULL) == 1);
	for (unsigned nth = 1;; nth++) {
		auto_atomicdir struct atomicdir dir = { .gid = -1 };
		struct err err = { 0 };
		int fds = open_fds(), r;

		put(&dir, "a", "new");
		fault_arm(nth);
		r = atomicdir_write(&dir, fd, (nth + 1) * NS_PER_S, &err);
		bool failed = fault_disarm();

		CHECK_INT(open_fds(), fds);
		if (!failed) {
			CHECK(r == 1);
			content_is(fd, "a", "new");
			return;
		}
		/* The old or the new, whole; whatever it is, the next write mends it. */
		auto_buf struct buf text = BUF_INIT(0);

		CHECK(fd_read_file_at(fd, "a", &text, NULL) == 0);
		CHECK(strcmp(buf_str(&text), "old") == 0 || strcmp(buf_str(&text), "new") == 0);
		CHECK(atomicdir_write(&old, fd, (nth + 2) * NS_PER_S + 1, NULL) >= 0);
		content_is(fd, "a", "old");
	}
}
