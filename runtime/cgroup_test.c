/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cgroup.h"

struct place {
	struct cgroup_host host;
	char top[64], path[96];
	int fd;
};

static void place_open(struct place *p)
{
	struct err err = { 0 };

	cgroup_host_probe(&p->host);
	if (geteuid() != 0 || !p->host.mount[0])
		SKIP("needs root and cgroup2");
	(void)snprintf(p->top, sizeof(p->top), "/shallop-cgtest-%d", getpid());
	(void)snprintf(p->path, sizeof(p->path), "%s/a", p->top);
	p->fd = cgroup_open(&p->host, p->path, NULL, NULL, &err);
	if (p->fd < 0)
		fail_msg("%s", err.text);
}

static void place_close(struct place *p)
{
	struct err err = { 0 };
	char full[512];

	(void)fd_close(p->fd);
	if (cgroup_remove(&p->host, p->top, &err) < 0)
		fail_msg("%s", err.text);
	(void)snprintf(full, sizeof(full), "%s%s", p->host.mount, p->top);
	CHECK(access(full, F_OK) < 0);
}

static pid_t sleeper_in(int cgroup_fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fd_put_at(cgroup_fd, "cgroup.procs", "0") < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	for (int i = 0; i < 2000; i++) {
		auto_buf struct buf procs = BUF_INIT(4096);

		CHECK(fd_read_file_at(cgroup_fd, "cgroup.procs", &procs, NULL) == 0);
		if (procs.len)
			break;
		usleep(1000);
	}
	return pid;
}

TEST(cgroup_kills_and_removes_a_tree)
{
	struct place p;
	int status;
	pid_t pid;

	place_open(&p);
	CHECK(mkdirat(p.fd, "deeper", 0755) == 0);
	auto_close int deeper = openat(p.fd, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	pid = sleeper_in(deeper);
	place_close(&p); /* with all in it */
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(cgroup_freezes_and_thaws)
{
	struct pollfd poll_fd = { .events = POLLIN };
	char chunk[4096];
	struct place p;
	int ends[2];
	pid_t pid;

	place_open(&p);
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	pid = fork();
	if (pid == 0) {
		if (fd_put_at(p.fd, "cgroup.procs", "0") < 0)
			_exit(1);
		for (;; usleep(500))
			(void)!write(ends[1], "x", 1);
	}
	poll_fd.fd = ends[0];
	CHECK(poll(&poll_fd, 1, 5000) == 1);
	CHECK(cgroup_freeze(p.fd, true, NULL) == 0);
	while (read(ends[0], chunk, sizeof(chunk)) > 0)
		;
	CHECK(poll(&poll_fd, 1, 30) == 0); /* not a word */
	CHECK(cgroup_freeze(p.fd, false, NULL) == 0);
	CHECK(poll(&poll_fd, 1, 5000) == 1);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	(void)close(ends[0]);
	(void)close(ends[1]);
	place_close(&p);
}

TEST(cgroup_says_what_it_cannot_enforce)
{
	struct cgroup_limits limits = { .memory_max_bytes = 1 << 20, .pids_max = 10 };
	auto_spec struct spec *spec = spec_new();
	struct err err = { 0 };
	bool unenforced = false;
	struct place p;
	int fd;

	place_open(&p);
	if (p.host.memory && p.host.pids) {
		place_close(&p);
		SKIP("this machine has the controllers");
	}
	fd = cgroup_open(&p.host, p.path, &limits, &unenforced, &err);
	CHECK(fd >= 0 && unenforced);
	spec->resources.memory.limit = 1 << 20;
	CHECK_INT(cgroup_apply(fd, &spec->resources, true, NULL, &err), -EOPNOTSUPP);
	CHECK(strstr(err.text, "set memory.max to 1048576"));
	unenforced = false;
	CHECK(cgroup_apply(fd, &spec->resources, false, &unenforced, &err) == 0 && unenforced);
	(void)fd_close(fd);
	place_close(&p);
}

TEST(cgroup_refuses_path_tricks)
{
	struct place p;

	place_open(&p);
	CHECK(cgroup_open(&p.host, "/x/../../etc", NULL, NULL, NULL) == -EINVAL);
	CHECK(cgroup_remove(&p.host, "/", NULL) == -EINVAL);
	CHECK(cgroup_remove(&p.host, "..", NULL) == -EINVAL);
	CHECK(cgroup_remove(&p.host, "/no-such-group-here", NULL) == 0);
	(void)cgroup_remove(&p.host, "/x", NULL);
	place_close(&p);
}

/* Whether a process in the cgroup may open a node of that device. */
static bool may_open(int cgroup_fd, const char *path, int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (fd_put_at(cgroup_fd, "cgroup.procs", "0") < 0)
			_exit(2);
		int fd = open(path, flags | O_CLOEXEC);

		_exit(fd >= 0 || (errno != EPERM && errno != EACCES) ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

TEST(cgroup_devices_are_what_the_rules_say)
{
	const struct spec_device_rule rules[] = {
		{ .type = 'a',
		  .major = -1,
		  .minor = -1,
		  .read = true,
		  .write = true,
		  .mknod = true },
		{ .allow = true, .type = 'c', .major = 10, .minor = 229, .read = true },
		{ .allow = true,
		  .type = 'c',
		  .major = 1,
		  .minor = 11,
		  .read = true,
		  .write = true },
		{ .allow = false, .type = 'c', .major = 1, .minor = 11, .write = true },
	};
	char kmsg[160];
	struct place p;
	struct err err = { 0 };

	place_open(&p);
	(void)snprintf(kmsg, sizeof(kmsg), "%s/kmsg", test_dir());
	if (mknod(kmsg, S_IFCHR | 0666, makedev(1, 11)) < 0)
		SKIP("no device can be made here");
	if (cgroup_set_devices(p.fd, rules, ARRAY_LEN(rules), &err) < 0)
		fail_msg("%s", err.text);
	CHECK(may_open(p.fd, "/dev/null", O_RDWR)); /* always */
	CHECK(may_open(p.fd, "/dev/zero", O_RDONLY));
	CHECK(may_open(p.fd, kmsg, O_RDONLY | O_NONBLOCK));
	CHECK(!may_open(p.fd, kmsg, O_WRONLY));
	CHECK(!may_open(p.fd, "/dev/mem", O_RDONLY) || access("/dev/mem", F_OK) < 0);
	place_close(&p);
}
