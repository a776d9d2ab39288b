/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `shallop down`: keeper, server and agent end, then the pods: SIGTERM, the grace period, SIGKILL. What
 * is on disk stays, and `up` starts the same pods again. `--purge` leaves nothing of the instance.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "netns/netns.h"
#include "orchestrator/userconfig.h"
#include "orchestrator/verbs.h"
#include "runtime/runtime.h"

#define ROLE_END_MS 10000 /* then SIGKILL: both keep everything that matters on disk */

/* SIGTERM, wait, SIGKILL; by pidfd, so that a pid used anew is never hit. */
static int end_role(const struct instance *in, enum role role, struct err *err)
{
	pid_t pid = instance_holder(in, role);
	struct pollfd wait = { .events = POLLIN };
	auto_close int fd = -EBADF;

	if (!pid)
		return 0;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH ? 0 : err_set(err, -errno, "open pid %d", (int)pid);
	if (instance_holder(in, role) != pid)
		return 0;
	wait.fd = fd;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
	if (poll(&wait, 1, ROLE_END_MS) > 0)
		return 0;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	if (poll(&wait, 1, ROLE_END_MS) > 0)
		return 0;
	return err_say(err, -ETIMEDOUT, "the %s (pid %d) does not end, not even by SIGKILL",
		       role_name(role), (int)pid);
}

/* Drain one sandbox's events; returns how many containers run. */
static int count_running(struct sandbox *sandbox, int running, bool *gone)
{
	struct sandbox_event event;

	while (sandbox_next_event(sandbox, &event) > 0) {
		if (event.type == SANDBOX_KNOWN && event.running) {
			(void)sandbox_signal(sandbox, event.id, SIGTERM, NULL);
			running++;
		} else if (event.type == SANDBOX_EXITED) {
			running--;
		} else if (event.type == SANDBOX_GONE) {
			*gone = true;
		}
	}
	return running;
}

struct ending {
	struct sandbox *sandbox;
	int running;
	bool gone;
};

/* Wait for all sandboxes at once until nothing runs or the grace period is over. */
static void wait_for_end(struct ending *endings, size_t n, int64_t grace_ns)
{
	int64_t deadline_ns = time_monotonic_ns() + grace_ns;
	auto_free struct pollfd *polls = calloc(n ? n : 1, sizeof(*polls));

	if (!polls)
		return; /* then they get SIGKILL at once */
	for (;;) {
		int64_t left_ms = (deadline_ns - time_monotonic_ns()) / NS_PER_MS;
		size_t busy = 0;

		for (size_t i = 0; i < n; i++) {
			struct ending *e = &endings[i];

			e->running = count_running(e->sandbox, e->running, &e->gone);
			if (e->running > 0 && !e->gone)
				polls[busy++] = (struct pollfd){ .fd = sandbox_fd(e->sandbox),
								 .events = POLLIN };
		}
		if (busy == 0 || left_ms <= 0)
			return;
		(void)poll(polls, busy, (int)left_ms);
	}
}

/* The uid of R/shim/UID.sock, or false. */
static bool shim_uid(const char *name, char uid[64])
{
	size_t len = strlen(name);

	if (len < 6 || len - 5 >= 64 || strcmp(name + len - 5, ".sock") != 0)
		return false;
	(void)snprintf(uid, 64, "%.*s", (int)(len - 5), name);
	return true;
}

static int end_pods(const struct instance *in, int grace_s, struct err *err)
{
	auto_free struct ending *endings = NULL;
	size_t n = 0, cap = 0;
	char path[PATH_MAX], uid[64];
	struct dirent *e;
	DIR *dir;
	int r = 0;

	instance_run_path(in, "shim", path, sizeof(path));
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_set(err, -errno, "open %s", path);
	while (r == 0 && (e = readdir(dir))) {
		struct sandbox *sandbox;

		if (!shim_uid(e->d_name, uid))
			continue;
		if (sandbox_adopt(in->run_dir, uid, &sandbox, NULL) < 0) {
			r = sandbox_forget(in->run_dir, uid, -EBADF, err);
			continue;
		}
		r = array_grow(&endings, &cap, n + 1, sizeof(*endings));
		if (r == 0)
			endings[n++] = (struct ending){ .sandbox = sandbox };
	}
	(void)closedir(dir);
	/* A fresh handle first hears of its containers; a moment is always given for that. */
	wait_for_end(endings, n, MAX(grace_s, 1) * NS_PER_S);
	for (size_t i = 0; i < n; i++) {
		int bad = sandbox_destroy(endings[i].sandbox, r == 0 ? err : NULL);

		if (bad < 0 && r == 0)
			r = bad;
	}
	return r;
}

/* The cgroup below the cgroup2 mount where all pods of the instance live (agent/ makes it). */
static int remove_cgroup(const struct instance *in, struct err *err)
{
	struct cgroup_host host;
	char name[64];

	cgroup_host_probe(&host);
	if (!*host.mount)
		return 0;
	instance_title(in, name, sizeof(name));
	return cgroup_remove(&host, name, err);
}

/* Everything in @dir and @dir itself, unless it is a mount point (a disk of its own): that stays, empty. */
static int remove_dir(const char *dir, struct err *err)
{
	int r = path_remove_tree_at(AT_FDCWD, dir, err);
	auto_close int fd = -EBADF;
	struct stat st, parent;

	if (r != -EBUSY)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || fstatat(fd, "..", &parent, 0) < 0)
		return r;
	return st.st_dev != parent.st_dev ? 0 : r;
}

static int purge(const struct instance *in, struct err *err)
{
	char state[PATH_MAX], pins[PATH_MAX];
	int r;

	instance_data_path(in, "agent/state", state, sizeof(state));
	/* With the id lost, its names are too; those of the default instance are not ours to take. */
	if (in->known || strcmp(in->data_dir, INSTANCE_DATA_DIR) == 0) {
		r = netns_purge(in->id, state, err);
		if (r == 0)
			r = remove_cgroup(in, err);
		if (r < 0)
			return r;
	}
	userconfig_forget(in);
	instance_run_path(in, "ns", pins, sizeof(pins));
	if (umount2(pins, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return err_set(err, -errno, "unmount %s", pins);
	r = remove_dir(in->data_dir, err);
	if (r < 0)
		return r;
	/* Last, for the lock of `up` and `down` is in it: once that is gone the next `up` may begin. */
	r = remove_dir(in->run_dir, err);
	return r == -ENOTEMPTY ? 0 : r;
}

int verb_down(struct verb_options *options, int argc, char **argv)
{
	static const enum role order[] = { ROLE_KEEPER, ROLE_AGENT, ROLE_SERVER };
	const struct instance *in = &options->instance;
	auto_close int lock_fd = -EBADF;
	struct err err = { 0 };
	int r = 0;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	if (geteuid() != 0) {
		(void)err_say(&err, -EPERM, "`shallop down` needs root: run it with sudo");
		return verb_fail(&err, "SH001", NULL);
	}
	if (access(in->run_dir, F_OK) == 0 || access(in->data_dir, F_OK) == 0) {
		lock_fd = instance_lock_verb(in, &err);
		if (lock_fd < 0)
			return verb_fail(&err, "SH005", NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(order) && r == 0; i++)
		r = end_role(in, order[i], &err);
	if (r == 0)
		r = end_pods(in, options->grace_s, &err);
	if (r == 0 && options->purge)
		r = purge(in, &err);
	return r < 0 ? verb_fail(&err, "SH005", NULL) : EXIT_DONE;
}
