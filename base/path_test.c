/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* root/{real/file, abs -> /real, up -> ../../../real, loop -> loop, out -> /etc/../../etc} */
static int make_root(void)
{
	int root = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(root >= 0 && mkdirat(root, "real", 0755) == 0);
	CHECK(fd_write_file_at(root, "real/file", "in", 2, 0600, NULL) == 0);
	CHECK(symlinkat("/real", root, "abs") == 0 && symlinkat("../../../real", root, "up") == 0);
	CHECK(symlinkat("loop", root, "loop") == 0 &&
	      symlinkat("/etc/../../etc", root, "out") == 0);
	return root;
}

TEST(path_in_root_never_leads_outside)
{
	static const char *const inside[] = { "real/file",   "/real/file",	"abs/file",
					      "up/file",     "../../real/file", "abs/../real/file",
					      "./real//file" };
	auto_close int root = make_root();

	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		auto_buf struct buf text = { 0 };
		auto_close int fd = path_open_in_root(root, inside[i], O_RDONLY, 0);

		CHECK(fd >= 0 && fd_read_to_end(fd, &text) == 0);
		CHECK_STR(buf_str(&text), "in");
	}
	CHECK(path_open_in_root(root, "out/passwd", O_RDONLY, 0) == -ENOENT);
	CHECK(path_open_in_root(root, "loop", O_RDONLY, 0) == -ELOOP);
	CHECK(path_open_in_root(root, "/proc/self/exe", O_RDONLY, 0) == -ENOENT);
}

TEST(path_mkdirs_in_root_follows_links_inside_only)
{
	auto_close int root = make_root();
	struct stat st;
	int fd;

	fd = path_mkdirs_in_root(root, "abs/a/b/c", 0755);
	CHECK(fd >= 0);
	(void)fd_close(fd);
	CHECK(fstatat(root, "real/a/b/c", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
	fd = path_mkdirs_in_root(root, "real/file/x", 0755);
	CHECK(fd == -ENOTDIR);
	/* A dangling link: made inside the root, or refused; never outside. */
	CHECK(symlinkat("/nowhere-outside", root, "dangling") == 0);
	fd = path_mkdirs_in_root(root, "dangling/x", 0755);
	(void)fd_close(fd);
	CHECK(access("/nowhere-outside", F_OK) < 0);
}

TEST(path_remove_tree_follows_no_link)
{
	auto_close int root = make_root();

	CHECK(mkdirat(root, "tree", 0700) == 0 && symlinkat("../real", root, "tree/link") == 0);
	CHECK(mkdirat(root, "tree/deep", 0700) == 0);
	CHECK(path_remove_tree_at(root, "tree", NULL) == 0);
	CHECK(faccessat(root, "tree", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(faccessat(root, "real/file", F_OK, 0) == 0);
	CHECK(path_remove_tree_at(root, "tree", NULL) == 0); /* again: nothing to do */
}
