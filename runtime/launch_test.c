/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever call fails on the way to a container: no process, mount, cgroup, file or fd is left. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/launch.h"
#include "runtime/runtime.h"

static const char config[] =
	"{\"ociVersion\":\"1.3.0\",\"hostname\":\"h\",\"root\":{\"path\":\"rootfs\"},"
	"\"process\":{\"cwd\":\"/\",\"args\":[\"true\"],\"env\":[\"PATH=/bin\"]},"
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
	"{\"destination\":\"/data\",\"source\":\"/tmp\",\"options\":[\"rbind\",\"ro\"]}],"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"},"
	"{\"type\":\"cgroup\"}],\"maskedPaths\":[\"/proc/keys\"],\"readonlyPaths\":[\"/proc/sys\"],"
	"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}}}";

struct bundle {
	char dir[128], root[160], cgroup[320];
	struct launch_options options;
};

static void bundle_open(struct bundle *b)
{
	char command[1024], path[160];
	struct cgroup_host host;
	FILE *f;

	if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0)
		SKIP("needs root and a static busybox");
	(void)snprintf(b->dir, sizeof(b->dir), "%s", test_dir());
	(void)snprintf(b->root, sizeof(b->root), "%s/state", b->dir);
	(void)snprintf(command, sizeof(command),
		       "mkdir -p %s/rootfs/bin && cp /bin/busybox %s/rootfs/bin/true", b->dir,
		       b->dir);
	if (system(command) != 0)
		fail_msg("%s", command);
	(void)snprintf(path, sizeof(path), "%s/config.json", b->dir);
	f = fopen(path, "we");
	CHECK(f && fputs(config, f) >= 0 && fclose(f) == 0);
	cgroup_host_probe(&host);
	(void)snprintf(b->cgroup, sizeof(b->cgroup), "%s/shallop-runtime/fault-%d", host.mount,
		       getpid());
	b->options = (struct launch_options){ .root = b->root, .bundle = b->dir };
}

static int children(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD ? 0 : 1;
}

static void check_nothing_left(const struct bundle *b, unsigned nth, int fds, int mounts)
{
	if (open_fds() != fds || mount_count() != mounts || children() != 0 ||
	    access(b->cgroup, F_OK) == 0 || dir_entries(b->root) > 0)
		fail_msg("call %u (%s): fds %d of %d, mounts %d of %d, children %d, cgroup %d, "
			 "records %d",
			 nth, fault_name(), open_fds(), fds, mount_count(), mounts, children(),
			 access(b->cgroup, F_OK) == 0, dir_entries(b->root));
}

static void break_every_call(struct bundle *b, bool start)
{
	int fds, mounts = mount_count();
	char id[32];

	(void)snprintf(id, sizeof(id), "fault-%d", getpid());
	b->options.id = id;
	b->options.start = start;
	/* What is kept for all containers is made by a first one. */
	struct record *r = NULL;
	struct launched launched;

	CHECK(launch_create(&b->options, &r, &launched, NULL) == 0);
	CHECK(launch_delete(r, b->root, true, NULL) == 0);
	(void)waitpid(launched.pid, NULL, 0);
	fds = open_fds();
	for (unsigned nth = 1; nth < 1000; nth++) {
		struct err err = { 0 };
		int code;
		bool hit;

		r = NULL;
		fault_arm(nth);
		code = launch_create(&b->options, &r, &launched, &err);
		hit = fault_disarm();
		if (code == 0) {
			CHECK(launch_delete(r, b->root, true, &err) == 0);
			(void)waitpid(launched.pid, NULL, 0);
		} else if (err.code >= 0 || !err.text[0]) {
			fail_msg("call %u (%s): %d without a sentence", nth, fault_name(), code);
		}
		check_nothing_left(b, nth, fds, mounts);
		if (!hit) {
			CHECK(code == 0);
			return;
		}
	}
	fail_msg("never a clean run");
}

TEST(launch_create_leaves_no_residue)
{
	struct bundle b;

	bundle_open(&b);
	break_every_call(&b, false);
}

TEST(launch_run_leaves_no_residue)
{
	struct bundle b;

	bundle_open(&b);
	break_every_call(&b, true);
}

/* The same for the child between clone and execve: it tells, and its parent cleans up. */
TEST(launch_survives_every_failed_call_of_the_child)
{
	unsigned failures = 0;
	struct bundle b;
	int fds, mounts;

	bundle_open(&b);
	b.options.id = "child";
	b.options.start = true;
	fds = open_fds();
	mounts = mount_count();
	for (unsigned nth = 1; nth < 150; nth++) {
		struct record *r = NULL;
		struct err err = { 0 };
		struct launched launched;
		int code;

		fault_arm_clones(nth);
		code = launch_create(&b.options, &r, &launched, &err);
		(void)fault_disarm();
		failures += code < 0;
		if (code == 0) {
			CHECK(launch_delete(r, b.root, true, &err) == 0);
			(void)waitpid(launched.pid, NULL, 0);
		} else if (!err.text[0] || err.code != code) {
			fail_msg("call %u: %d without a sentence", nth, code);
		}
		if (nth > 1) /* what is kept for all containers is there */
			check_nothing_left(&b, nth, fds, mounts);
		else
			fds = open_fds();
	}
	if (failures < 30)
		fail_msg("only %u failures: the faults miss the child", failures);
}

TEST(launch_created_container_obeys_a_signal)
{
	struct bundle b;
	struct record *r = NULL;
	struct launched launched;
	int status;

	bundle_open(&b);
	b.options.id = "sig";
	CHECK(launch_create(&b.options, &r, &launched, NULL) == 0);
	CHECK(record_status(r) == RECORD_CREATED);
	CHECK(launch_kill(r, SIGTERM, false, NULL) == 0);
	CHECK(waitpid(launched.pid, &status, 0) == launched.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM);
	CHECK(record_status(r) == RECORD_STOPPED);
	CHECK(launch_delete(r, b.root, false, NULL) == 0);
}

TEST(launch_pid_file_is_whole)
{
	char path[160], text[16] = "";
	auto_close int fd = -EBADF;
	struct err err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/pid", test_dir());
	CHECK(launch_write_pid(path, 12345, NULL) == 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof(text) - 1) == 5);
	CHECK_STR(text, "12345");
	CHECK(launch_write_pid(NULL, 1, NULL) == 0);
	CHECK(launch_write_pid("/no/such/dir/pid", 1, &err) == -ENOENT);
}

TEST(record_ids_are_file_names)
{
	static const char *const good[] = { "a", "web-0", "x_y.z+1", "..a", "0" };
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "ä", "a\n" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(record_id_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!record_id_is_valid(bad[i]));
}

TEST(record_knows_a_process_by_its_start)
{
	struct record r = { .pid = getpid(), .start_time = process_start_time(getpid()) };

	CHECK(r.start_time > 0 && record_alive(&r));
	r.start_time++; /* somebody else's, who got the pid later */
	CHECK(!record_alive(&r));
	r.pid = 0;
	CHECK(!record_alive(&r));
}
