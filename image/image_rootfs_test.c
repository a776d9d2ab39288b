/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "image/fixture_test.h"
#include "image/image.h"
#include "image/limits.h"
#include "tests/unit/test.h"

/* A store with an image of @n layers, each with a file of its own that replaces "top". */
struct setup {
	char store_dir[PATH_MAX], root_dir[PATH_MAX], archive[PATH_MAX];
	struct test_layer layers[IMAGE_LAYERS_MAX];
	size_t n;
	struct image_store *store;
	struct image *image;
};

static void setup_make(struct setup *s, size_t n)
{
	const char *dir = test_dir();
	struct test_image image = { .name = "app", .layers = s->layers, .n_layers = n };
	struct err err = { 0 };

	if (geteuid() != 0)
		SKIP("overlayfs is mounted as root only");
	for (size_t i = 0; i < n; i++) {
		char own[32], text[32];
		struct tar_entry entries[] = {
			{ .path = own, .type = 'f', .data = text },
			{ .path = "top", .type = 'f', .data = text },
			{ .path = i == 1 ? "dir/.wh.hidden" : "dir/hidden", .type = 'f' },
			{ .path = "./", .type = 'd', .mode = 0751, .uid = 12 },
		};

		(void)snprintf(own, sizeof(own), "file%zu", i);
		(void)snprintf(text, sizeof(text), "%zu", i);
		test_layer_make(&s->layers[i], entries, i < 2 ? 4 : 2, TAR_PLAIN);
	}
	s->n = n;
	(void)snprintf(s->store_dir, sizeof(s->store_dir), "%s/images", dir);
	(void)snprintf(s->root_dir, sizeof(s->root_dir), "%s/container", dir);
	(void)snprintf(s->archive, sizeof(s->archive), "%s/image.tar", dir);
	CHECK(mkdir(s->root_dir, 0755) == 0);
	test_image_write(s->archive, &image);
	if (image_store_open(s->store_dir, &s->store, &err) < 0 ||
	    image_import(s->store, s->archive, NULL, NULL, NULL, &err) < 0 ||
	    image_find(s->store, "app", &s->image, &err) < 0)
		fail_msg("%s", err.text);
}

static void setup_done(struct setup *s)
{
	s->image = image_free(s->image);
	s->store = image_store_close(s->store);
	for (size_t i = 0; i < s->n; i++)
		test_layer_done(&s->layers[i]);
}

static int open_root(struct setup *s, bool read_only)
{
	struct err err = { 0 };
	int fd = image_rootfs_open(s->store, s->image, s->root_dir, read_only, &err);

	if (fd == -ENODEV)
		SKIP("%s", err.text);
	if (fd < 0)
		fail_msg("%s", err.text);
	return fd;
}

static bool content_is(int root_fd, const char *path, const char *text)
{
	auto_buf struct buf buf = BUF_INIT(0);

	return fd_read_file_at(root_fd, path, &buf, NULL) == 0 && strcmp(buf_str(&buf), text) == 0;
}

/* Others mount and unmount meanwhile: only what lies in our directory counts. */
static bool is_mounted_below(const char *dir)
{
	auto_buf struct buf text = BUF_INIT(0);

	return fd_read_file("/proc/self/mountinfo", &text, NULL) < 0 || strstr(buf_str(&text), dir);
}

TEST(root_shows_the_image_and_takes_writes_beside_it)
{
	static struct setup s;
	struct stat st;
	char path[2 * PATH_MAX];

	setup_make(&s, 2);
	auto_close int root = open_root(&s, false);

	CHECK(!is_mounted_below(s.root_dir)); /* it belongs to no namespace */
	CHECK(content_is(root, "file0", "0") && content_is(root, "file1", "1"));
	CHECK(content_is(root, "top", "1"));
	CHECK(faccessat(root, "dir/hidden", F_OK, 0) < 0 && errno == ENOENT);
	CHECK(fstat(root, &st) == 0 && (st.st_mode & 07777) == 0751 && st.st_uid == 12);
	CHECK(mkdirat(root, "new", 0755) == 0 && unlinkat(root, "file0", 0) == 0);
	(void)snprintf(path, sizeof(path), "%s/upper/new", s.root_dir);
	CHECK(access(path, F_OK) == 0);
	/* A second container has its own. */
	(void)snprintf(path, sizeof(path), "%s2", s.root_dir);
	CHECK(mkdir(path, 0755) == 0);
	auto_close int other = image_rootfs_open(s.store, s.image, path, false, NULL);

	CHECK(other >= 0 && content_is(other, "file0", "0"));
	CHECK(faccessat(other, "new", F_OK, 0) < 0);
	root = fd_close(root);
	CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
	CHECK(dir_entries(s.root_dir) == 0);
	CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
	setup_done(&s);
}

TEST(read_only_root_refuses_writes_and_has_no_upper)
{
	for (size_t n = 1; n <= 2; n++) {
		static struct setup s;

		setup_make(&s, n);
		auto_close int root = open_root(&s, true);

		CHECK(content_is(root, "file0", "0"));
		CHECK(mkdirat(root, "new", 0755) < 0 && errno == EROFS);
		CHECK(dir_entries(s.root_dir) == 0);
		root = fd_close(root);
		CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
		setup_done(&s);
	}
}

TEST(root_of_as_many_layers_as_are_allowed)
{
	static struct setup s;

	setup_make(&s, IMAGE_LAYERS_MAX);
	auto_close int root = open_root(&s, false);

	CHECK(content_is(root, "top", "126") && content_is(root, "file0", "0") &&
	      content_is(root, "file63", "63"));
	setup_done(&s);
}

TEST(a_directory_holds_one_root_at_a_time)
{
	static struct setup s;
	struct err err = { 0 };

	setup_make(&s, 1);
	auto_close int root = open_root(&s, false);

	CHECK(image_rootfs_open(s.store, s.image, s.root_dir, false, &err) == -EEXIST);
	CHECK(mkdirat(root, "still-there", 0755) == 0);
	root = fd_close(root);
	CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
	root = open_root(&s, false);
	CHECK(faccessat(root, "still-there", F_OK, 0) < 0);
	root = fd_close(root);
	/* Somebody removed all of it behind our back: there is room for the next. */
	CHECK(path_remove_tree_at(AT_FDCWD, s.root_dir, NULL) == 0);
	root = open_root(&s, false);
	CHECK(image_rootfs_open(s.store, s.image, "/proc/nonexistent", false, &err) < 0);
	image_rootfs_forget(s.store, s.root_dir);
	setup_done(&s);
}

TEST(mount_points_are_made_once_for_an_image)
{
	static const char *const points[] = { "etc/hosts", "etc/hostname", "etc/resolv.conf",
					      "proc" };
	static struct setup s;
	char upper[2 * PATH_MAX], layers[2 * PATH_MAX];

	setup_make(&s, 2);
	(void)snprintf(layers, sizeof(layers), "%s/layers", s.store_dir);
	(void)snprintf(upper, sizeof(upper), "%s/upper", s.root_dir);
	for (unsigned round = 0; round < 2; round++) {
		auto_close int root = open_root(&s, false);

		for (size_t i = 0; i < ARRAY_LEN(points); i++)
			CHECK(faccessat(root, points[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0);
		CHECK(dir_entries(upper) == 0 && dir_entries(layers) == 3);
		CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
	}
	setup_done(&s);
}

TEST(what_a_root_uses_is_not_collected)
{
	static struct setup s;
	char layers[2 * PATH_MAX], blobs[2 * PATH_MAX], roots[2 * PATH_MAX];

	setup_make(&s, 2);
	(void)snprintf(layers, sizeof(layers), "%s/layers", s.store_dir);
	(void)snprintf(blobs, sizeof(blobs), "%s/blobs/sha256", s.store_dir);
	(void)snprintf(roots, sizeof(roots), "%s/roots", s.store_dir);
	auto_close int root = open_root(&s, false);
	auto_image_store struct image_store *command = NULL;

	/* Another process, which knows nothing of our containers. */
	CHECK(image_store_open(s.store_dir, &command, NULL) == 0);
	CHECK(image_remove(command, "app", NULL) == 0);
	CHECK(dir_entries(layers) == 3 && content_is(root, "file0", "0")); /* one: mount points */
	CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
	CHECK(dir_entries(roots) == 0);
	uint64_t freed = 0;

	CHECK(image_collect(command, NULL, &freed, NULL) == 0);
	CHECK(dir_entries(layers) == 0 && dir_entries(blobs) == 0 && freed > 0);
	setup_done(&s);
}

TEST(collect_keeps_what_it_is_told_to_and_forgets_stale_roots)
{
	static struct setup s;
	char layers[2 * PATH_MAX], roots[2 * PATH_MAX];

	setup_make(&s, 2);
	const char *const keep[] = { s.image->manifest, "nonsense", NULL };

	(void)snprintf(layers, sizeof(layers), "%s/layers", s.store_dir);
	(void)snprintf(roots, sizeof(roots), "%s/roots", s.store_dir);
	auto_close int root = open_root(&s, true);

	CHECK(image_remove(s.store, "app", NULL) == 0);
	CHECK(rmdir(s.root_dir) == 0); /* the container is gone, with nobody saying so */
	CHECK(image_collect(s.store, keep, NULL, NULL) == 0);
	CHECK(dir_entries(layers) == 2 && dir_entries(roots) == 0);
	CHECK(image_collect(s.store, NULL, NULL, NULL) == 0);
	CHECK(dir_entries(layers) == 0);
	setup_done(&s);
}

/* ---- older kernels: system calls and keys taken away by a filter, in a child ---- */

static bool forbid(int nr, int second_arg, int code)
{
	/* Without a second argument to look for, any (all are >= 0) will do. */
	unsigned compare = second_arg < 0 ? BPF_JGE : BPF_JEQ;
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | compare | BPF_K, (unsigned)MAX(second_arg, 0), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ARRAY_LEN(program), program };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(root_opens_on_kernels_without_the_newer_calls)
{
	static const struct {
		int nr, second_arg, code;
	} rows[] = {
		{ SYS_fsopen, -1, ENOSYS }, /* before 5.2 the API, before 6.5 overlayfs */
		{ SYS_fsconfig, 5 /* SET_FD */, EINVAL }, /* before 6.13 */
		{ SYS_fsconfig, 1 /* SET_STRING */, EINVAL },
		{ SYS_fsconfig, 0 /* SET_FLAG */, EINVAL }, /* no volatile: before 5.10 */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 1; n <= IMAGE_LAYERS_MAX; n += IMAGE_LAYERS_MAX - 1)
			for (int read_only = 0; read_only < 2; read_only++) {
				static struct setup s;
				int status;
				pid_t pid;

				setup_make(&s, n);
				pid = fork();
				CHECK(pid >= 0);
				if (pid == 0) {
					struct err err = { 0 };
					int fd;

					if (unshare(CLONE_NEWNS) < 0 ||
					    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
						_exit(10);
					/* overlayfs takes layers of its own namespace only. */
					if (image_store_open(s.store_dir, &s.store, NULL) < 0 ||
					    image_find(s.store, "app", &s.image, NULL) < 0)
						_exit(16);
					if (!forbid(rows[i].nr, rows[i].second_arg, rows[i].code))
						_exit(11);
					fd = image_rootfs_open(s.store, s.image, s.root_dir,
							       read_only, &err);
					if (fd < 0) {
						(void)fprintf(stderr, "%s\n", err.text);
						_exit(12);
					}
					if (!content_is(fd, "file0", "0"))
						_exit(13);
					if ((mkdirat(fd, "new", 0755) == 0) == (bool)read_only)
						_exit(14);
					_exit(is_mounted_below(s.root_dir) ? 15 : 0);
				}
				CHECK(waitpid(pid, &status, 0) == pid);
				if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
					fail_msg("row %zu, %zu layers, read-only %d: %d", i, n,
						 read_only, WEXITSTATUS(status));
				setup_done(&s);
			}
}

TEST(root_open_fails_clean_at_every_step)
{
	static struct setup s;
	char roots[2 * PATH_MAX];

	setup_make(&s, 2);
	(void)snprintf(roots, sizeof(roots), "%s/roots", s.store_dir);
	for (unsigned nth = 1;; nth++) {
		struct err err = { 0 };
		int fds = open_fds(), fd;
		bool failed;

		fault_arm(nth);
		fd = image_rootfs_open(s.store, s.image, s.root_dir, false, &err);
		failed = fault_disarm();
		if (fd >= 0) {
			/* Options that older kernels lack may fail. */
			(void)fd_close(fd);
			CHECK(image_rootfs_remove(s.store, s.root_dir, NULL) == 0);
		} else {
			CHECK(fd == err.code && strstr(err.text, s.image->id));
		}
		CHECK(open_fds() == fds && !is_mounted_below(s.root_dir));
		CHECK(dir_entries(s.root_dir) == 0 && dir_entries(roots) == 0);
		if (!failed) {
			CHECK(fd >= 0);
			break;
		}
	}
	setup_done(&s);
}

/* ---- users ---- */

TEST(users_are_found_as_the_image_lists_them)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
				     "# a comment\n"
				     "broken\n"
				     "app:x:1000:2000:App:/home/app:/bin/sh\n"
				     "5:x:77:78:five:/five:\n"
				     "nohome:x:9:9::\n"
				     "huge:x:4294967295:0:::\n"
				     "last:x:10:11:no newline:/last:";
	static const char group[] = "root:x:0:\n"
				    "web:x:33:other,app\n"
				    "db:x:44:app\n"
				    "app:x:2000:app\n"
				    "prefix:x:55:apple,xapp\n";
	static const struct {
		const char *user;
		int r;
		uint32_t uid, gid;
		const char *groups, *home;
	} rows[] = {
		{ "", 0, 0, 0, "0", "/root" },
		{ "root", 0, 0, 0, "0", "/root" },
		{ "app", 0, 1000, 2000, "2000,33,44", "/home/app" },
		{ "1000", 0, 1000, 2000, "2000,33,44", "/home/app" },
		{ "app:web", 0, 1000, 33, "33,44,2000", "/home/app" },
		{ "app:7", 0, 1000, 7, "7,33,44,2000", "/home/app" },
		{ "4711", 0, 4711, 0, "0", "/" },
		{ "4711:4712", 0, 4711, 4712, "4712", "/" },
		{ "5", 0, 77, 78, "78", "/five" },
		{ "nohome", 0, 9, 9, "9", "/" },
		{ "last", 0, 10, 11, "11", "/last" },
		{ ":web", 0, 0, 33, "33", "/root" },
		{ "nobody", -ENOENT, 0, 0, "", "" },
		{ "app:nogroup", -ENOENT, 0, 0, "", "" },
		{ "huge", -ENOENT, 0, 0, "", "" },
		{ "4294967295", -ERANGE, 0, 0, "", "" },
		{ "99999999999999999999", -ERANGE, 0, 0, "", "" },
		{ "1:4294967296", -ERANGE, 0, 0, "", "" },
		{ "-1", -ENOENT, 0, 0, "", "" },
	};
	char path[PATH_MAX];
	const char *dir = test_dir();

	(void)snprintf(path, sizeof(path), "%s/etc", dir);
	CHECK(mkdir(path, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", dir);
	test_write_file(path, passwd, strlen(passwd));
	(void)snprintf(path, sizeof(path), "%s/etc/group", dir);
	test_write_file(path, group, strlen(group));
	auto_close int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf text = BUF_INIT(0);
		uint32_t uid = 1, gid = 1, groups[8];
		size_t n = ARRAY_LEN(groups);
		char home[64] = "";
		struct err err = { 0 };
		int r = image_user_lookup(root, rows[i].user, &uid, &gid, groups, &n, home,
					  sizeof(home), &err);

		if (r != rows[i].r)
			fail_msg("%s: %d %s", rows[i].user, r, err.text);
		if (r < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			(void)buf_printf(&text, "%s%u", k ? "," : "", groups[k]);
		CHECK_STR(buf_str(&text), rows[i].groups);
		CHECK_STR(home, rows[i].home);
		CHECK(uid == rows[i].uid && gid == rows[i].gid);
	}
	uint32_t uid, gid, groups[2];
	size_t n = 2;

	CHECK(image_user_lookup(root, "app", &uid, &gid, groups, &n, NULL, 0, NULL) == -E2BIG);
}

TEST(user_files_that_would_hang_or_lead_out_are_refused)
{
	uint32_t uid, gid, groups[8];
	size_t n = ARRAY_LEN(groups);
	char path[PATH_MAX];
	struct err err = { 0 };
	const char *dir = test_dir();
	auto_close int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* No files at all: numbers work, names don't. */
	CHECK(image_user_lookup(root, "12:13", &uid, &gid, groups, &n, NULL, 0, &err) == 0);
	n = ARRAY_LEN(groups);
	CHECK(image_user_lookup(root, "app", &uid, &gid, groups, &n, NULL, 0, &err) == -ENOENT);
	CHECK_STR(err.text, "unable to find user app: no matching entries in passwd file");
	(void)snprintf(path, sizeof(path), "%s/etc", dir);
	CHECK(mkdir(path, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", dir);
	CHECK(mkfifo(path, 0644) == 0);
	CHECK(image_user_lookup(root, "app", &uid, &gid, groups, &n, NULL, 0, &err) == -EINVAL);
	CHECK(unlink(path) == 0 && symlink("/../../../../../etc/passwd", path) == 0);
	/* The link leads to itself inside the root, not to the host's file. */
	CHECK(image_user_lookup(root, "daemon", &uid, &gid, groups, &n, NULL, 0, &err) == -ELOOP);
	CHECK(unlink(path) == 0);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CHECK(ftruncate(fd, (1 << 20) + 1) == 0);
	CHECK(image_user_lookup(root, "app", &uid, &gid, groups, &n, NULL, 0, &err) == -E2BIG);
}
