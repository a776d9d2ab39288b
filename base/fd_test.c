/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/path.h"
#include "tests/unit/test.h"

TEST(fd_write_file_is_whole_or_untouched)
{
	auto_close int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char dir_path[PATH_FD_MAX];
	int fds;

	CHECK(fd_write_file_at(dir, "f", "old", 3, 0600, NULL) == 0);
	fds = open_fds();
	for (unsigned nth = 1;; nth++) {
		auto_buf struct buf text = { 0 };
		struct err err = { 0 };

		fault_arm(nth);
		int r = fd_write_file_at(dir, "f", "newer", 5, 0600, &err);
		bool failed = fault_disarm();

		CHECK(fd_read_file_at(dir, "f", &text, NULL) == 0);
		CHECK(open_fds() == fds && dir_entries(path_of_fd(dir, dir_path)) == 1);
		if (!failed) {
			CHECK(r == 0);
			CHECK_STR(buf_str(&text), "newer");
			return;
		}
		CHECK(r < 0 && err.code == r && err.text[0]);
		CHECK(strcmp(buf_str(&text), "old") == 0 || strcmp(buf_str(&text), "newer") == 0);
		CHECK(fd_write_file_at(dir, "f", "old", 3, 0600, NULL) == 0);
	}
}

TEST(fd_read_to_end_stops_at_its_bound)
{
	auto_close int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_buf struct buf fits = BUF_INIT(5), small = BUF_INIT(4);

	CHECK(fd_write_file_at(dir, "f", "12345", 5, 0600, NULL) == 0);
	CHECK(fd_read_file_at(dir, "f", &fits, NULL) == 0 && fits.len == 5);
	CHECK(fd_read_file_at(dir, "f", &small, NULL) == -E2BIG);
}

TEST(fd_passing_takes_no_more_than_asked_for)
{
	int pair[2], passed[3] = { 0, 1, 2 }, got[2];
	size_t n;
	char byte;
	int fds;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	fds = open_fds();
	CHECK(fd_send(pair[0], "x", 1, passed, 2) == 0);
	CHECK(fd_recv(pair[1], &byte, 1, got, 2, &n, 0) == 1 && n == 2);
	CHECK((fcntl(got[0], F_GETFD) & FD_CLOEXEC) != 0);
	(void)fd_close(got[0]);
	(void)fd_close(got[1]);
	CHECK(fd_send(pair[0], "x", 1, passed, 3) == 0);
	CHECK(fd_recv(pair[1], &byte, 1, got, 2, &n, 0) == -EMSGSIZE && n == 0);
	CHECK(fd_send(pair[0], "long", 4, NULL, 0) == 0);
	CHECK(fd_recv(pair[1], &byte, 1, got, 2, &n, 0) == -EMSGSIZE);
	CHECK(open_fds() == fds);
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
}
