/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/kernel.h"

static char **null_terminated(const struct spec_strings *strings, const char *otherwise)
{
	char **list = calloc(strings->n + 2, sizeof(*list));

	for (size_t i = 0; list && i < strings->n; i++)
		list[i] = strings->items[i];
	if (list && strings->n == 0 && otherwise)
		list[0] = (char *)otherwise;
	return list;
}

static _Noreturn void become(const struct spec_hook *hook, char **argv, char **envp, int stdin_fd,
			     const char *bundle)
{
	(void)dup2(stdin_fd, 0);
	if (bundle && chdir(bundle) < 0)
		_exit(126);
	(void)kernel_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)execve(hook->path, argv, envp);
	_exit(127);
}

static int await(pid_t pid, const struct spec_hook *hook, const char *kind, struct err *err)
{
	auto_close int pid_fd = kernel_pidfd_open(pid);
	struct pollfd p = { .fd = pid_fd, .events = POLLIN };
	siginfo_t info = { 0 };

	if (hook->timeout_s && pid_fd >= 0 &&
	    poll(&p, 1, (int)MIN(hook->timeout_s, 1000000u) * 1000) == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
		return err_say(err, -ETIMEDOUT, "%s hook %s: not done after %u s", kind, hook->path,
			       hook->timeout_s);
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
		if (errno != EINTR)
			return err_set(err, -errno, "wait for %s hook %s", kind, hook->path);
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	if (info.si_code == CLD_EXITED && info.si_status == 127)
		return err_say(err, -ENOENT, "%s hook %s: can't be executed", kind, hook->path);
	return err_say(err, -ECHILD, "%s hook %s: %s %d", kind, hook->path,
		       info.si_code == CLD_EXITED ? "exit status" : "killed by signal",
		       info.si_status);
}

static int run(const struct spec_hook *hook, const char *kind, const char *state,
	       const char *bundle, struct err *err)
{
	auto_free char **argv = null_terminated(&hook->args, hook->path);
	auto_free char **envp = null_terminated(&hook->env, NULL);
	auto_close int read_fd = -EBADF, write_fd = -EBADF;
	int ends[2];
	pid_t pid;

	if (!argv || !envp)
		return err_set(err, -ENOMEM, "%s hook %s", kind, hook->path);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, -errno, "%s hook %s", kind, hook->path);
	read_fd = ends[0];
	write_fd = ends[1];
	pid = fork();
	if (pid < 0)
		return err_set(err, -errno, "%s hook %s", kind, hook->path);
	if (pid == 0)
		become(hook, argv, envp, read_fd, bundle);
	read_fd = fd_close(read_fd);
	/* A hook need not read: then this says EPIPE, and that is its business. */
	(void)fd_write_all(write_fd, state, strlen(state));
	write_fd = fd_close(write_fd);
	return await(pid, hook, kind, err);
}

int hook_run_all(const struct spec_hooks *hooks, const char *kind, const char *state,
		 const char *bundle, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < hooks->n_hooks && r == 0; i++)
		r = run(&hooks->hooks[i], kind, state, bundle, err);
	return r;
}
