/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/path.h"
#include "base/time.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 3000
#define GOOD_RUN_NS  (5 * NS_PER_S) /* after which an exit counts as the first again */

struct keeper;
struct kept {
	struct keeper *keeper;
	enum role role;
	pid_t pid;
	int64_t started_ns;
	int64_t pause_ms; /* before the next start; 0: at once */
	struct loop_timer *timer;
};
struct keeper {
	struct loop *loop;
	const struct instance *instance;
	struct kept kept[2];
};

static void kept_start(struct loop *loop, void *data);

/* How long to wait now, given how long it ran. */
static int64_t next_pause_ms(const struct kept *kept, int64_t now_ns)
{
	if (now_ns - kept->started_ns > GOOD_RUN_NS)
		return 0;
	if (kept->pause_ms == 0)
		return PAUSE_MIN_MS;
	return MIN(kept->pause_ms * 2, (int64_t)PAUSE_MAX_MS);
}

static void kept_again(struct kept *kept)
{
	struct loop *loop = kept->keeper->loop;

	kept->pause_ms = next_pause_ms(kept, loop_monotonic_ns(loop));
	kept->pid = 0;
	loop_timer_set_ms(kept->timer, kept->pause_ms);
}

static void on_exit_of(struct loop *loop, pid_t pid, int code, int status, void *data)
{
	struct kept *kept = data;

	(void)loop;
	log_warn("%s (pid %d) %s %d; starting it again", role_name(kept->role), (int)pid,
		 code == CLD_EXITED ? "exited with status" : "was killed by signal", status);
	kept_again(kept);
}

/* One that an earlier keeper started has ended: it is not our child, only its pidfd tells. */
static void on_foreign_exit(struct loop *loop, int fd, unsigned events, void *data)
{
	struct kept *kept = data;

	(void)events;
	loop_unwatch(loop, fd);
	(void)fd_close(fd);
	kept_again(kept);
}

/* Handed down from `up` to all that it starts; NULL ends the arguments. */
static const char *verbose_flag(void)
{
	return log_wants(LOG_TRACE) ? "--verbose" : NULL;
}

static void exec_role(const struct instance *in, enum role role)
{
	const char *argv[] = { "shallop",   role_name(role), "--data-dir",   in->data_dir,
			       "--run-dir", in->run_dir,     verbose_flag(), NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv("/proc/self/exe", (char **)argv);
	_exit(127);
}

static void kept_start(struct loop *loop, void *data)
{
	struct kept *kept = data;
	pid_t holder = instance_holder(kept->keeper->instance, kept->role);
	int pid_fd;

	kept->started_ns = loop_monotonic_ns(loop);
	if (holder) {
		pid_fd = (int)syscall(SYS_pidfd_open, holder, 0);
		if (pid_fd >= 0 &&
		    loop_watch(loop, pid_fd, LOOP_READ, on_foreign_exit, kept) == 0) {
			kept->pid = holder;
			return;
		}
		(void)fd_close(pid_fd);
		kept_again(kept);
		return;
	}
	kept->pid = fork();
	if (kept->pid == 0)
		exec_role(kept->keeper->instance, kept->role);
	pid_fd = kept->pid < 0 ? -EBADF : (int)syscall(SYS_pidfd_open, kept->pid, 0);
	if (pid_fd < 0 || loop_child(loop, kept->pid, pid_fd, on_exit_of, kept) < 0) {
		log_error("start the %s: %s", role_name(kept->role), strerror(errno));
		kept_again(kept);
	}
}

/*
 * Whoever ends the keeper looks for server and agent next, by their locks. One that was started a
 * moment ago may not hold its lock yet, and would live on unseen.
 */
static void on_term(struct loop *loop, int signo, void *data)
{
	struct keeper *keeper = data;

	(void)signo;
	for (size_t i = 0; i < ARRAY_LEN(keeper->kept); i++) {
		const struct kept *kept = &keeper->kept[i];

		if (kept->pid > 0 && instance_holder(keeper->instance, kept->role) != kept->pid)
			(void)kill(kept->pid, SIGKILL);
	}
	loop_stop(loop);
}

int keeper_run(const struct instance *in, struct err *err)
{
	static const enum role roles[] = { ROLE_SERVER, ROLE_AGENT };
	struct keeper keeper = { .instance = in };
	auto_loop struct loop *loop = NULL;
	int r;

	r = loop_new(&loop, err);
	if (r < 0)
		return r;
	keeper.loop = loop;
	r = loop_signal(loop, SIGTERM, on_term, &keeper);
	if (r < 0)
		return err_set(err, r, "watch signals");
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct kept *kept = &keeper.kept[i];

		*kept = (struct kept){ .keeper = &keeper, .role = roles[i] };
		r = loop_timer_new(loop, kept_start, kept, &kept->timer);
		if (r < 0)
			return err_set(err, r, "make a timer");
		kept_start(loop, kept);
	}
	r = loop_run(loop, err);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		(void)loop_timer_free(keeper.kept[i].timer);
	return r;
}

/* stdin from nowhere, the rest into the log: nothing of the caller's terminal is kept. */
static int redirect(const char *log)
{
	auto_close int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	auto_close int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return -errno;
	return 0;
}

int keeper_start(const struct instance *in, struct err *err)
{
	const char *argv[] = { "shallop",   "keep",	 "--data-dir",	 in->data_dir,
			       "--run-dir", in->run_dir, verbose_flag(), NULL };
	char dir[PATH_MAX], log[PATH_MAX];
	pid_t pid;
	int r;

	instance_data_path(in, "logs", dir, sizeof(dir));
	r = path_mkdirs(dir, 0755, err);
	if (r < 0)
		return r;
	instance_data_path(in, "logs/shallop.log", log, sizeof(log));
	pid = fork();
	if (pid < 0)
		return err_set(err, -errno, "fork");
	if (pid == 0) {
		if (setsid() < 0 || redirect(log) < 0 || chdir("/") < 0)
			_exit(126);
		(void)execv("/proc/self/exe", (char **)argv);
		_exit(127);
	}
	return pid;
}
