/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/seal.h"
#include "tests/unit/test.h"

struct bench {
	struct loop *loop;
	struct store *store;
	struct err err;
	unsigned done;
	/* what load gave */
	char keys[64][32];
	uint64_t revisions[64];
	char bodies[64][32];
	size_t n;
	uint64_t floor, durable;
};

static void on_done(const struct err *err, void *data)
{
	struct bench *b = data;

	b->err = *err;
	b->done++;
}

static int on_load(const char *key, uint64_t revision, const void *json, size_t len, void *data,
		   struct err *err)
{
	struct bench *b = data;

	if (b->n == 64)
		return err_say(err, -E2BIG, "too many");
	(void)snprintf(b->keys[b->n], 32, "%s", key);
	(void)snprintf(b->bodies[b->n], 32, "%.*s", (int)len, (const char *)json);
	b->revisions[b->n++] = revision;
	return 0;
}

static int open_at(struct bench *b, const char *path, struct err *err)
{
	int r;

	memset(b, 0, sizeof(*b));
	CHECK_INT(loop_new(&b->loop, NULL), 0);
	r = path ? store_sqlite_open(b->loop, path, &b->store, err)
		 : store_memory_open(b->loop, 0, &b->store);
	if (r == 0)
		r = b->store->ops->load(b->store, on_load, b, &b->floor, &b->durable, err);
	return r;
}

static void close_bench(struct bench *b)
{
	b->store = store_close(b->store);
	b->loop = loop_free(b->loop);
}

/* One batch, waited for. @json NULL: a delete. */
static void write_one(struct bench *b, uint64_t revision, const char *key, const char *json,
		      bool durable)
{
	struct core_record record = { key, revision, json, json ? strlen(json) : 0, durable };
	struct core_batch batch = { &record, 1, revision, durable };
	unsigned before = b->done;

	b->store->ops->submit(b->store, &batch, on_done, b);
	for (unsigned i = 0; b->done == before && i < 100; i++)
		CHECK(loop_step(b->loop, 100) >= 0);
	CHECK_INT(b->done, before + 1);
}

static const char *fresh_path(void)
{
	static char path[PATH_MAX];
	static unsigned n;

	(void)snprintf(path, sizeof(path), "%s/store-%u.db", test_dir(), n++);
	return path;
}

TEST(store_gives_back_what_it_took)
{
	const char *path = fresh_path();
	struct bench b;
	struct stat st;

	CHECK_INT(open_at(&b, path, NULL), 0);
	CHECK_INT(b.n, 0);
	CHECK_INT(b.durable, 0);
	write_one(&b, b.floor + 1, "pods/default/a", "{\"a\":1}", true);
	write_one(&b, b.floor + 2, "pods/default/b", "{\"b\":1}", true);
	write_one(&b, b.floor + 3, "pods/default/a", "{\"a\":2}", true);
	write_one(&b, b.floor + 4, "pods/default/b", NULL, true);
	CHECK_INT(b.err.code, 0);
	close_bench(&b);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);

	CHECK_INT(open_at(&b, path, NULL), 0);
	CHECK_INT(b.n, 1);
	CHECK_STR(b.keys[0], "pods/default/a");
	CHECK_STR(b.bodies[0], "{\"a\":2}");
	CHECK_INT(b.revisions[0], 3);
	CHECK_INT(b.durable, 4);
	CHECK(b.floor >= 4);
	close_bench(&b);
}

TEST(store_answers_volatile_batches_at_once_and_keeps_them_over_a_clean_end)
{
	const char *path = fresh_path();
	struct bench b;
	struct core_record record = { "events/default/e", 1, "{}", 2, false };
	struct core_batch batch = { &record, 1, 1, false };

	CHECK_INT(open_at(&b, path, NULL), 0);
	record.revision = batch.last_revision = b.floor + 1;
	b.store->ops->submit(b.store, &batch, on_done, &b);
	CHECK_INT(b.done, 1); /* inside submit() */
	close_bench(&b);
	CHECK_INT(open_at(&b, path, NULL), 0);
	CHECK_INT(b.n, 1);
	CHECK_INT(b.durable, 0);
	close_bench(&b);
}

TEST(store_never_lets_revisions_go_back)
{
	const char *path = fresh_path();
	uint64_t last = 0;
	struct bench b;

	for (unsigned round = 0; round < 4; round++) {
		CHECK_INT(open_at(&b, path, NULL), 0);
		CHECK(b.floor >= last);
		for (unsigned i = 0; i < 50; i++)
			write_one(&b, b.floor + 1 + i * 900, "pods/default/a", "{}", i % 2);
		last = b.floor + 1 + 49 * 900;
		close_bench(&b);
	}
}

TEST(store_refuses_a_newer_format_and_a_foreign_file_with_a_sentence)
{
	const char *path = fresh_path();
	struct err err = { 0 };
	struct bench b;
	sqlite3 *db;

	CHECK_INT(open_at(&b, path, NULL), 0);
	close_bench(&b);
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	CHECK_INT(open_at(&b, path, &err), -EPROTONOSUPPORT);
	CHECK(strstr(err.text, "newer shallop") && strstr(err.text, path));
	close_bench(&b);

	path = fresh_path();
	CHECK_INT(fd_write_file_at(AT_FDCWD, path, "certainly no database, but long enough to look",
				   46, 0600, NULL),
		  0);
	CHECK_INT(open_at(&b, path, &err), -EBADMSG);
	CHECK(strstr(err.text, "not a Shallop store") && strstr(err.text, path));
	close_bench(&b);
}

static bool file_has(const char *path, const char *text)
{
	auto_buf struct buf content = { 0 };

	return fd_read_file(path, &content, NULL) == 0 &&
	       memmem(content.data, content.len, text, strlen(text)) != NULL;
}

TEST(store_seals_secrets)
{
	const char *path = fresh_path();
	char wal[PATH_MAX], key[PATH_MAX];
	struct err err = { 0 };
	struct bench b;
	struct stat st;

	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	(void)snprintf(key, sizeof(key), "%s.key", path);
	CHECK_INT(open_at(&b, path, NULL), 0);
	write_one(&b, b.floor + 1, "secrets/default/s", "{\"p\":\"hunter2\"}", true);
	write_one(&b, b.floor + 2, "configmaps/default/c", "{\"p\":\"open\"}", true);
	CHECK(file_has(wal, "open") && !file_has(wal, "hunter2"));
	close_bench(&b);
	CHECK(file_has(path, "open") && !file_has(path, "hunter2"));
	CHECK(stat(key, &st) == 0 && (st.st_mode & 0777) == 0600);

	CHECK_INT(open_at(&b, path, NULL), 0);
	CHECK_INT(b.n, 2);
	CHECK_STR(b.bodies[0], "{\"p\":\"hunter2\"}");
	close_bench(&b);

	CHECK_INT(unlink(key), 0);
	CHECK_INT(open_at(&b, path, &err), -ENOENT);
	CHECK(strstr(err.text, key) && strstr(err.text, "backup"));
	close_bench(&b);
	CHECK(stat(key, &st) < 0); /* no other is put in its place */
	CHECK_INT(fd_write_file_at(AT_FDCWD, key, "another key of thirty-two bytes.", SEAL_KEY,
				   0600, NULL),
		  0);
	CHECK_INT(open_at(&b, path, &err), -EBADMSG);
	CHECK(strstr(err.text, "secrets/default/s") && strstr(err.text, key));
	close_bench(&b);
}

TEST(store_says_when_another_server_has_it)
{
	const char *path = fresh_path();
	struct err err = { 0 };
	struct bench a, b;

	CHECK_INT(open_at(&a, path, NULL), 0);
	CHECK_INT(open_at(&b, path, &err), -EBUSY);
	CHECK(strstr(err.text, "another server"));
	close_bench(&b);
	close_bench(&a);
}

TEST(store_open_leaves_nothing_behind_when_it_fails)
{
	struct loop *loop;
	int fds;

	CHECK_INT(loop_new(&loop, NULL), 0);
	fds = open_fds();
	for (unsigned nth = 1;; nth++) {
		struct store *store = NULL;
		struct err err = { 0 };
		int r;

		fault_arm(nth);
		r = store_sqlite_open(loop, fresh_path(), &store, &err);
		if (!fault_disarm()) {
			CHECK(r == 0 && store);
			(void)store_close(store);
			break;
		}
		if (r == 0) { /* a failure that could be borne */
			(void)store_close(store);
			continue;
		}
		CHECK(r == err.code && !store && *err.text);
		CHECK_INT(open_fds(), fds);
	}
	(void)loop_free(loop);
}

/* ---- kill -9: whatever was acknowledged is there ---- */

/* Writes without end, and says each acknowledged revision on @fd. */
static void writer(const char *path, int fd)
{
	struct bench b;
	char key[32], json[64];

	if (open_at(&b, path, NULL) < 0)
		_exit(1);
	for (uint64_t revision = b.floor + 1;; revision++) {
		(void)snprintf(key, sizeof(key), "pods/default/p%u", (unsigned)(revision % 40));
		(void)snprintf(json, sizeof(json), "{\"r\":%" PRIu64 "}", revision);
		write_one(&b, revision, key, json, true);
		if (b.err.code < 0 || write(fd, &revision, sizeof(revision)) != sizeof(revision))
			_exit(1);
	}
}

static uint64_t run_and_kill(const char *path, unsigned ms)
{
	uint64_t revision, last = 0;
	int pipe_fd[2];
	pid_t pid;

	CHECK_INT(pipe2(pipe_fd, O_CLOEXEC), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		writer(path, pipe_fd[1]);
	(void)close(pipe_fd[1]);
	(void)usleep(ms * 1000);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	while (read(pipe_fd[0], &revision, sizeof(revision)) == sizeof(revision))
		last = revision;
	(void)close(pipe_fd[0]);
	return last;
}

TEST(store_loses_nothing_acknowledged_to_kill_9)
{
	const char *path = fresh_path();
	uint64_t acknowledged = 0;

	for (unsigned round = 0; round < 30; round++) {
		uint64_t last = run_and_kill(path, 5 + round * 7 % 31), highest = 0;
		struct bench b;

		acknowledged = last ? last : acknowledged;
		CHECK_INT(open_at(&b, path, NULL), 0);
		for (size_t i = 0; i < b.n; i++) {
			char json[64];

			(void)snprintf(json, sizeof(json), "{\"r\":%" PRIu64 "}", b.revisions[i]);
			CHECK_STR(b.bodies[i], json); /* whole, never torn */
			highest = b.revisions[i] > highest ? b.revisions[i] : highest;
		}
		/* One write may be there that nobody was told of. */
		CHECK(highest >= acknowledged);
		CHECK(b.floor >= highest && b.durable == highest);
		close_bench(&b);
	}
	CHECK(acknowledged > 0);
}

/* ---- a full disk: a small tmpfs in a mount namespace of a child ---- */

static void fill_disk(const char *dir)
{
	char path[PATH_MAX], block[4096];
	int fd;

	memset(block, 'x', sizeof(block));
	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (size_t size = sizeof(block); fd >= 0 && size; size /= 2)
		while (write(fd, block, size) == (ssize_t)size)
			;
	(void)close(fd);
}

/* Returns 0 when all went as it must, else the line that did not. */
static int on_full_disk(const char *dir)
{
	char path[PATH_MAX], key[32], *body = calloc(1, 8192);
	struct bench b;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=2m") < 0)
		return 77;
	memset(body, 'j', 8191);
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	if (open_at(&b, path, NULL) < 0)
		return __LINE__;
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(key, sizeof(key), "pods/default/p%u", i);
		write_one(&b, b.floor + 1 + i, key, body, true);
	}
	if (b.err.code < 0)
		return __LINE__;
	fill_disk(dir);
	for (unsigned i = 0; i < 100 && b.err.code == 0; i++)
		write_one(&b, b.floor + 100 + i, "pods/default/new", body, true);
	if (b.err.code != -ENOSPC || !strstr(b.err.text, path))
		return __LINE__;
	for (unsigned i = 0; i < 8; i++) { /* deletes still go through */
		(void)snprintf(key, sizeof(key), "pods/default/p%u", i);
		write_one(&b, b.floor + 300 + i, key, NULL, true);
		if (b.err.code < 0)
			return __LINE__;
	}
	close_bench(&b);
	if (open_at(&b, path, NULL) < 0) /* and a full disk is no reason not to start */
		return __LINE__;
	for (size_t i = 0; i < b.n; i++)
		if (strcmp(b.keys[i], "pods/default/new") != 0)
			return __LINE__;
	return 0;
}

TEST(store_on_a_full_disk_refuses_all_but_deletes)
{
	char dir[PATH_MAX];
	int status;
	pid_t pid;

	(void)snprintf(dir, sizeof(dir), "%s/full", test_dir());
	CHECK_INT(mkdir(dir, 0700), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int line = on_full_disk(dir);

		if (line && line != 77)
			print_message("line %d\n", line);
		_exit(line == 77 ? 77 : line != 0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("needs the right to mount");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- the memory backend ---- */

TEST(store_memory_fails_where_it_is_told_to)
{
	struct bench b = { 0 };

	CHECK_INT(loop_new(&b.loop, NULL), 0);
	CHECK_INT(store_memory_open(b.loop, 2, &b.store), 0);
	write_one(&b, 1, "pods/default/a", "{}", true);
	CHECK_INT(b.err.code, 0);
	write_one(&b, 2, "pods/default/b", "{}", true);
	CHECK_INT(b.err.code, -EIO);
	CHECK(*b.err.text);
	write_one(&b, 3, "pods/default/c", "{}", true);
	CHECK_INT(b.store->ops->load(b.store, on_load, &b, &b.floor, &b.durable, NULL), 0);
	CHECK_INT(b.n, 2);
	CHECK_INT(b.durable, 3);
	close_bench(&b);
}
