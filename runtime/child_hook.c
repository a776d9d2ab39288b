/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "runtime/child.h"
#include "runtime/kernel.h"

static _Noreturn void run_hook(const struct plan *plan, const struct plan_hook *hook, int stdin_fd)
{
	const plan_str *args = plan_items(plan, hook->args), *env = plan_items(plan, hook->env);
	const char *argv[64], *envp[64];
	size_t n = 0, m = 0;

	for (; n < hook->args.n && n < ARRAY_LEN(argv) - 1; n++)
		argv[n] = plan_text(plan, args[n]);
	if (n == 0)
		argv[n++] = plan_text(plan, hook->path);
	argv[n] = NULL;
	for (; m < hook->env.n && m < ARRAY_LEN(envp) - 1; m++)
		envp[m] = plan_text(plan, env[m]);
	envp[m] = NULL;
	(void)dup2(stdin_fd, 0);
	(void)kernel_close_range(3, ~0u, 0);
	(void)execve(plan_text(plan, hook->path), (char *const *)argv, (char *const *)envp);
	_exit(127);
}

static int await_hook(pid_t pid, uint32_t timeout_s)
{
	siginfo_t info = { 0 };
	auto_close int pid_fd = kernel_pidfd_open(pid);
	struct pollfd p = { .fd = pid_fd, .events = POLLIN };

	if (pid_fd >= 0 && timeout_s && poll(&p, 1, (int)MIN(timeout_s, 100000u) * 1000) == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
		return -ETIMEDOUT;
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	return info.si_code == CLD_EXITED && info.si_status == 0 ? 0 : -ECHILD;
}

int child_run_hooks(struct child *c, struct plan_span span, const char *kind)
{
	const struct plan_hook *hooks = plan_items(c->plan, span);
	const char *state = plan_text(c->plan, c->plan->hook_state);

	for (uint32_t i = 0; i < span.n; i++) {
		int ends[2], r;
		pid_t pid;

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_set(&c->err, -errno, "run %s hook", kind);
		pid = fork();
		if (pid == 0)
			run_hook(c->plan, &hooks[i], ends[0]);
		(void)fd_close(ends[0]);
		/* Smaller than a pipe, so it never blocks on a hook that does not read. */
		if (state && pid > 0)
			(void)fd_write_all(ends[1], state, strlen(state));
		(void)fd_close(ends[1]);
		r = pid < 0 ? -errno : await_hook(pid, hooks[i].timeout_s);
		if (r == -ECHILD)
			return err_say(&c->err, r, "%s hook %s failed", kind,
				       plan_text(c->plan, hooks[i].path));
		if (r < 0)
			return err_set(&c->err, r, "%s hook %s", kind,
				       plan_text(c->plan, hooks[i].path));
	}
	return 0;
}
