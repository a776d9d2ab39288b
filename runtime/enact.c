/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/enact.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"

#define DEVPTS_MAGIC 0x1cd1

/* What the child works with; made before the clone, since afterwards nothing may allocate. */
struct child {
	const struct enact *enact;
	const struct plan *plan;    /* the container's */
	const struct plan *process; /* whose process section holds */
	const char **argv, **envp;
	int status_fd, slave_fd, root_fd;
	bool in_cgroup; /* the clone has entered it, and made its namespace */
	struct err err;
};

/* ---- talk between child and parent: one byte, or one struct err, per datagram ---- */

static int say(int status_fd, char what, int fd)
{
	return fd_send(status_fd, &what, 1, &fd, fd >= 0 ? 1 : 0);
}

static int await_go(int status_fd)
{
	char byte;
	ssize_t n = fd_recv(status_fd, &byte, 1, NULL, 0, NULL, 0);

	if (n < 0)
		return (int)n;
	return n == 1 ? 0 : -ECANCELED;
}

int enact_go_on(int status_fd)
{
	return say(status_fd, 'g', -EBADF);
}

int enact_next(int status_fd, int *ret_fd, struct err *err)
{
	struct err said;
	size_t n_fds = 0;
	int fd = -EBADF;
	ssize_t n = fd_recv(status_fd, &said, sizeof(said), &fd, 1, &n_fds, 0);
	char what;

	if (n == 0 || n == -ECONNRESET)
		return ENACT_RUNNING;
	if (n < 0)
		return (int)n;
	if (n == sizeof(said)) {
		said.text[sizeof(said.text) - 1] = '\0';
		if (err)
			*err = said;
		return ENACT_FAILED;
	}
	memcpy(&what, &said, 1);
	if (what == 'c' && n_fds == 1) {
		*ret_fd = fd;
		return ENACT_CONSOLE;
	}
	(void)fd_close(fd);
	if (what == 'm')
		return ENACT_MADE;
	if (what == 'r')
		return ENACT_READY;
	return err_say(err, -EPROTO, "the container's setup says something unknown");
}

/* ---- the child's steps ---- */

int enact_sysctl(const char *path, const char *value, struct err *err)
{
	char full[256];
	int r;

	if (snprintf(full, sizeof(full), "/proc/sys/%s", path) >= (int)sizeof(full) ||
	    strstr(path, ".."))
		return err_say(err, -EINVAL, "sysctl %s: no such name", path);
	r = fd_put_at(AT_FDCWD, full, value);
	return r < 0 ? err_set(err, r, "set sysctl %s to %s", path, value) : 0;
}

static int step_join(struct child *c)
{
	const struct enact *e = c->enact;
	const struct plan_join *joins = plan_items(c->plan, c->plan->joins);

	for (size_t i = 0; i < ARRAY_LEN(e->joins) && e->joins[i].fd >= 0; i++)
		if (setns(e->joins[i].fd, e->joins[i].ns) < 0)
			return err_set(&c->err, -errno, "join a namespace of the container");
	if (e->join)
		return 0;
	for (uint32_t i = 0; i < c->plan->joins.n; i++)
		if (joins[i].ns != CLONE_NEWPID && setns(e->fds[joins[i].fd], (int)joins[i].ns) < 0)
			return err_set(&c->err, -errno, "join a namespace");
	return 0;
}

/* Where the clone could not do it: first in, then the namespace, whose root it becomes. */
static int step_cgroup(struct child *c)
{
	int r = 0;

	if (c->in_cgroup)
		return 0;
	if (c->enact->cgroup_fd >= 0)
		r = fd_put_at(c->enact->cgroup_fd, "cgroup.procs", "0");
	if (r < 0)
		return err_set(&c->err, r, "enter the cgroup");
	if (!c->enact->join && c->plan->clone_flags & CLONE_NEWCGROUP &&
	    unshare(CLONE_NEWCGROUP) < 0)
		return err_set(&c->err, -errno, "make a cgroup namespace");
	return 0;
}

static int step_time(struct child *c)
{
	const char *offsets = plan_text(c->plan, c->plan->time_offsets);
	char path[64];
	int r = 0;

	if (c->enact->join || !(c->plan->clone_flags & CLONE_NEWTIME))
		return 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_set(&c->err, -errno, "make a time namespace");
	if (offsets)
		r = fd_put_at(AT_FDCWD, "/proc/self/timens_offsets", offsets);
	if (r < 0)
		return err_set(&c->err, r, "set time offsets");
	(void)snprintf(path, sizeof(path), "/proc/self/ns/time_for_children");
	auto_close int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		return err_set(&c->err, -errno, "enter the time namespace");
	return 0;
}

/* Root of the user namespace, so that what is made below belongs to it. */
static int step_user_root(struct child *c)
{
	if (c->enact->join || !(c->plan->clone_flags & CLONE_NEWUSER))
		return 0;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_set(&c->err, -errno, "become root of the user namespace");
	(void)prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

static int step_names(struct child *c)
{
	const char *host = plan_text(c->plan, c->plan->hostname);
	const char *domain = plan_text(c->plan, c->plan->domainname);
	const struct plan_sysctl *sysctls = plan_items(c->plan, c->plan->sysctls);
	int r = 0;

	if (c->enact->join)
		return 0;
	if (host && sethostname(host, strlen(host)) < 0)
		return err_set(&c->err, -errno, "set hostname %s", host);
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return err_set(&c->err, -errno, "set domainname %s", domain);
	for (uint32_t i = 0; i < c->plan->sysctls.n && r == 0; i++)
		r = enact_sysctl(plan_text(c->plan, sysctls[i].path),
				 plan_text(c->plan, sysctls[i].value), &c->err);
	return r;
}

/* By the host's /proc, which pivot_root takes away; and before capabilities are dropped. */
static int step_oom_score(struct child *c)
{
	const struct plan_process *p = &c->process->process;
	char text[16];
	int r;

	if (!(p->flags & PLAN_HAS_OOM_SCORE_ADJ))
		return 0;
	(void)snprintf(text, sizeof(text), "%d", p->oom_score_adj);
	r = fd_put_at(AT_FDCWD, "/proc/self/oom_score_adj", text);
	/* Lower than now is for CAP_SYS_RESOURCE only. Kubernetes asks for it as a matter of routine,
	 * and the pod shall run all the same where the host itself is confined. */
	if (r == -EACCES && p->oom_score_adj < 0)
		r = 0;
	return r < 0 ? err_set(&c->err, r, "set oom_score_adj to %s", text) : 0;
}

static int step_rootfs(struct child *c)
{
	if (c->enact->join)
		return 0;
	return rootfs_make(c->plan, c->enact->fds, &c->root_fd, &c->err);
}

int enact_terminal(int pts_fd, int *ret_slave_fd, struct err *err)
{
	struct statfs sfs;
	struct termios tio;
	int unlock = 0, slave_fd;
	auto_close int master_fd = -EBADF;

	/* Only the kernel's own ptmx is safe to open. */
	if (fstatfs(pts_fd, &sfs) < 0 || sfs.f_type != DEVPTS_MAGIC)
		return err_say(err, -ENOTTY, "/dev/pts of the container is not a devpts");
	master_fd = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master_fd < 0)
		return err_set(err, -errno, "open a terminal in /dev/pts");
	if (ioctl(master_fd, TIOCSPTLCK, &unlock) < 0)
		return err_set(err, -errno, "unlock the terminal");
	/* Not by its name: that could be anything by now. */
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return err_set(err, -errno, "open the terminal's other side");
	/* Engines expect plain newlines from the master, as runc's leave them. */
	if (tcgetattr(slave_fd, &tio) == 0) {
		tio.c_oflag &= (tcflag_t)~ONLCR;
		(void)tcsetattr(slave_fd, TCSANOW, &tio);
	}
	*ret_slave_fd = slave_fd;
	return take_fd(&master_fd);
}

static int step_console(struct child *c)
{
	const struct plan_process *p = &c->process->process;
	struct winsize size = { .ws_row = p->console_rows, .ws_col = p->console_cols };
	int r;

	if (!c->enact->console)
		return 0;
	auto_close int pts_fd =
		c->enact->join ? openat(AT_FDCWD, "/dev/pts", O_PATH | O_CLOEXEC)
			       : path_open_in_root(c->root_fd, "dev/pts", O_PATH | O_DIRECTORY, 0);
	if (pts_fd < 0)
		return err_set(&c->err, c->enact->join ? -errno : pts_fd,
			       "open /dev/pts for a terminal");
	auto_close int master_fd = enact_terminal(pts_fd, &c->slave_fd, &c->err);

	if (master_fd < 0)
		return master_fd;
	if (size.ws_row && size.ws_col)
		(void)ioctl(master_fd, TIOCSWINSZ, &size);
	r = say(c->status_fd, 'c', master_fd);
	if (r < 0)
		return err_set(&c->err, r, "hand over the terminal");
	return c->enact->join ? 0 : rootfs_console(c->root_fd, c->slave_fd, &c->err);
}

static int step_pause_made(struct child *c)
{
	int r;

	if (!(c->enact->pauses & ENACT_PAUSE_MADE))
		return 0;
	r = say(c->status_fd, 'm', -EBADF);
	if (r == 0)
		r = await_go(c->status_fd);
	return r < 0 ? err_set(&c->err, r, "wait for the hooks") : 0;
}

static int step_enter(struct child *c)
{
	if (c->enact->join)
		return 0;
	return rootfs_enter(c->plan, c->root_fd, c->enact->keep_host_root, &c->err);
}

/* ---- hooks that run inside ---- */

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

static int run_hooks(struct child *c, struct plan_span span, const char *kind)
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

static int step_hooks_container(struct child *c)
{
	return c->enact->join ? 0 : run_hooks(c, c->plan->hooks_container, "createContainer");
}

/* ---- stdio, waiting, the last steps ---- */

static int step_stdio(struct child *c)
{
	const struct enact *e = c->enact;
	int tty = e->console ? c->slave_fd : e->terminal_fd;
	uid_t uid = c->process->process.uid;

	if (setsid() < 0 && errno != EPERM)
		return err_set(&c->err, -errno, "start a session");
	for (int i = 0; i < 3; i++) {
		int fd = tty >= 0 ? tty : e->stdio[i];

		if (fd >= 0 && fd != i && dup2(fd, i) < 0)
			return err_set(&c->err, -errno, "set up stdio");
		/* Also when it was in place already: it was close-on-exec there. */
		if (fd == i)
			(void)fd_set_cloexec(i, false);
	}
	if (tty < 0)
		return 0;
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return err_set(&c->err, -errno, "take the terminal");
	if (uid && fchown(0, uid, (gid_t)-1) < 0)
		return err_set(&c->err, -errno, "give the terminal to user %u", uid);
	return 0;
}

static int step_limits(struct child *c)
{
	return identity_limits(c->process, &c->err);
}

static void leave_for_signal(int signo)
{
	_exit(128 + signo);
}

/* The first process of a pid namespace ignores what it does not handle; a container that waits for
 * its start shall still be killable by more than SIGKILL. execve takes the handlers away again. */
static void obey_signals(bool on)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on ? leave_for_signal : SIG_DFL };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		(void)sigaction(signals[i], &action, NULL);
		(void)sigaddset(&set, signals[i]);
	}
	if (on)
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* `start` connects; the connection then carries what execve has to say, and closes with it. */
static int step_pause_start(struct child *c)
{
	int fd, r;

	if (!(c->enact->pauses & ENACT_PAUSE_START))
		return 0;
	obey_signals(true);
	r = say(c->status_fd, 'r', -EBADF);
	if (r < 0)
		return err_set(&c->err, r, "report readiness");
	do
		fd = accept4(c->enact->start_fd, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	obey_signals(false);
	if (fd < 0)
		return err_set(&c->err, -errno, "wait for start");
	(void)fd_close(c->status_fd);
	c->status_fd = fd;
	return 0;
}

static int step_hooks_start(struct child *c)
{
	return c->enact->join ? 0 : run_hooks(c, c->plan->hooks_start, "startContainer");
}

static int step_cwd(struct child *c)
{
	const char *cwd = plan_text(c->process, c->process->process.cwd);
	char seen[PATH_MAX];
	int r = 0;

	if (!cwd)
		cwd = "/";
	if (chdir(cwd) < 0) {
		r = -errno;
		/* Engines rely on it: a missing working directory is made. */
		if (r == -ENOENT && !c->enact->join) {
			auto_close int root_fd = openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC);
			auto_close int fd = path_mkdirs_in_root(root_fd, cwd, 0755);

			r = fd < 0 ? fd : 0;
			if (r == 0 && chdir(cwd) < 0)
				r = -errno;
		}
	}
	if (r < 0)
		return err_set(&c->err, r, "change to working directory %s", cwd);
	/* A directory outside of the root has no name here: CVE-2024-21626. */
	if (syscall(SYS_getcwd, seen, sizeof(seen)) < 0 || seen[0] != '/')
		return err_say(&c->err, -EPERM, "working directory %s is outside of the container",
			       cwd);
	return 0;
}

static int step_ids(struct child *c)
{
	return identity_ids(c->process, &c->err);
}

static const char *find_env(const char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* Which file argv[0] means, by the container's own PATH and with its own rights. */
static int find_program(struct child *c, char found[PATH_MAX])
{
	const char *name = c->argv[0], *path = find_env(c->envp, "PATH");
	int denied = 0;

	if (strchr(name, '/')) {
		struct stat st;

		if (snprintf(found, PATH_MAX, "%s", name) >= PATH_MAX)
			return -ENAMETOOLONG;
		return stat(found, &st) < 0 ? -errno : 0;
	}
	if (!path || !*path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");
		struct stat st;

		if (snprintf(found, PATH_MAX, "%.*s%s%s", (int)len, path, len ? "/" : "./", name) <
			    PATH_MAX &&
		    stat(found, &st) == 0 && S_ISREG(st.st_mode)) {
			if (faccessat(AT_FDCWD, found, X_OK, AT_EACCESS) == 0)
				return 0;
			denied = -EACCES;
		}
		path += len + (path[len] == ':');
	}
	return denied ? denied : -ENOENT;
}

static int say_not_found(struct child *c, int code)
{
	const char *name = c->argv[0];

	if (code == -ENOENT && !strchr(name, '/'))
		return err_say(&c->err, code, "exec: \"%s\": executable file not found in $PATH",
			       name);
	if (code == -ENOENT)
		return err_say(&c->err, code, "exec: \"%s\": stat %s: no such file or directory",
			       name, name);
	if (code == -EACCES)
		return err_say(&c->err, code, "exec: \"%s\": permission denied", name);
	return err_set(&c->err, code, "exec: \"%s\"", name);
}

static int step_exec(struct child *c)
{
	char program[PATH_MAX];
	unsigned first = 3 + c->enact->keep_fds;
	sigset_t none;
	int r = find_program(c, program);

	if (r < 0)
		return say_not_found(c, r);
	/* All else goes with the execve, the status socket last: its end is the good news. */
	if (kernel_close_range(first, ~0u, CLOSE_RANGE_CLOEXEC) < 0) {
		/* Kernels before 5.11: everything is close-on-exec from birth anyway. */
		for (int fd = (int)first; fd < 1024; fd++)
			(void)fd_set_cloexec(fd, true);
	}
	/* Here, since a change of ids clears it, and the filter may forbid it. */
	if (c->enact->die_with_parent)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = identity_seal(c->process, &c->err);
	if (r < 0)
		return r;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(program, (char *const *)c->argv, (char *const *)c->envp);
	return say_not_found(c, -errno);
}

/* The order is the design: see DESIGN, "Child order". */
static int (*const steps[])(struct child *c) = {
	step_join,	step_cgroup, step_user_root, step_time,	       step_names,
	step_oom_score, step_rootfs, step_console,   step_pause_made,  step_hooks_container,
	step_enter,	step_stdio,  step_limits,    step_pause_start, step_hooks_start,
	step_cwd,	step_ids,    step_exec,
};

/* Handlers end with execve; only what is ignored would be handed down. Ours, and what shells and
 * service managers like to ignore. */
static void reset_signals(void)
{
	static const int handed_down[] = { SIGPIPE, SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
					   SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ };
	struct sigaction by_default = { .sa_handler = SIG_DFL };

	for (size_t i = 0; i < ARRAY_LEN(handed_down); i++)
		(void)sigaction(handed_down[i], &by_default, NULL);
}

static _Noreturn void child_main(struct child *c, bool wait_for_maps)
{
	int r = 0;

	reset_signals();
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(0);
	if (wait_for_maps)
		r = await_go(c->status_fd);
	if (r < 0)
		(void)err_set(&c->err, r, "wait for id mappings");
	for (size_t i = 0; i < ARRAY_LEN(steps) && r >= 0; i++)
		r = steps[i](c);
	if (c->err.code == 0)
		c->err.code = r;
	(void)fd_send(c->status_fd, &c->err, sizeof(c->err), NULL, 0);
	_exit(127);
}

/* ---- the parent ---- */

/* "NAME=" of @text is already among the first @n of @list. */
static bool is_given(const char **list, size_t n, const char *text)
{
	size_t len = strcspn(text, "=") + 1;

	for (size_t i = 0; i < n; i++)
		if (strncmp(list[i], text, len) == 0)
			return true;
	return false;
}

static int gather_texts(struct child *c)
{
	const struct plan *run = c->enact->run ? c->enact->run : c->plan;
	const plan_str *args = plan_items(run, run->process.args);
	const plan_str *env = plan_items(run, run->process.env), *base;
	size_t n_args = run->process.args.n, n_env = run->process.env.n;
	bool merge = c->enact->run && !c->enact->run_whole;
	size_t n_base = merge ? c->plan->process.env.n : 0, n = 0;

	if (n_args == 0)
		return -EINVAL;
	c->argv = calloc(n_args + n_env + n_base + 3, sizeof(*c->argv));
	if (!c->argv)
		return -ENOMEM;
	c->envp = c->argv + n_args + 1;
	for (size_t i = 0; i < n_args; i++)
		c->argv[i] = plan_text(run, args[i]);
	for (; n < n_env; n++)
		c->envp[n] = plan_text(run, env[n]);
	base = plan_items(c->plan, c->plan->process.env);
	for (size_t i = 0; i < n_base; i++) {
		const char *text = plan_text(c->plan, base[i]);

		if (!is_given(c->envp, n_env, text))
			c->envp[n++] = text;
	}
	return 0;
}

static int write_map(pid_t pid, const char *file, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return text ? fd_put_at(AT_FDCWD, path, text) : 0;
}

static int write_maps(const struct plan *plan, const struct enact_child *child, struct err *err)
{
	int r = 0;

	if (plan->process.flags & PLAN_NO_SETGROUPS)
		r = write_map(child->pid, "setgroups", "deny");
	if (r == 0)
		r = write_map(child->pid, "uid_map", plan_text(plan, plan->uid_map));
	if (r == 0)
		r = write_map(child->pid, "gid_map", plan_text(plan, plan->gid_map));
	if (r < 0)
		return err_set(err, r, "write the user namespace's id mappings");
	return enact_go_on(child->status_fd);
}

/*
 * clone3, or clone(2) where there is none. A cgroup namespace made by the clone has the new cgroup
 * as its root only if the clone also enters it; otherwise the child does both, in that order.
 */
static pid_t clone_child(uint64_t flags, int cgroup_fd, int *ret_pid_fd, bool *ret_in_cgroup)
{
	struct kernel_clone_args args = { .flags = flags | CLONE_PIDFD,
					  .pidfd = (uint64_t)(uintptr_t)ret_pid_fd,
					  .exit_signal = SIGCHLD };
	long pid;

	*ret_in_cgroup = true;
	*ret_pid_fd = -EBADF;
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0 || (errno != ENOSYS && errno != EINVAL && errno != E2BIG && errno != EPERM))
		return (pid_t)pid;
	*ret_in_cgroup = false;
	*ret_pid_fd = -EBADF;
	return (pid_t)syscall(SYS_clone,
			      (unsigned long)(flags & ~(uint64_t)CLONE_NEWCGROUP) | SIGCHLD, NULL,
			      NULL, NULL, NULL);
}

/* Children are born into pid_for_children; set it for one clone and back again. */
static int switch_pid_namespace(int fd, int *ret_own_fd)
{
	*ret_own_fd = openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (*ret_own_fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWPID) == 0)
		return 0;
	return -errno;
}

static int pid_namespace_to_join(const struct enact *e)
{
	const struct plan_join *joins = plan_items(e->plan, e->plan->joins);

	if (e->join_pid_fd >= 0 || e->join)
		return e->join_pid_fd;
	for (uint32_t i = 0; i < e->plan->joins.n; i++)
		if (joins[i].ns == CLONE_NEWPID)
			return e->fds[joins[i].fd];
	return -EBADF;
}

int enact_spawn(const struct enact *enact, struct enact_child *ret, struct err *err)
{
	struct child c = {
		.enact = enact, .plan = enact->plan, .slave_fd = -EBADF, .root_fd = -EBADF
	};
	auto_close int theirs = -EBADF, own_pid_fd = -EBADF;
	struct enact_child child = { -1, -EBADF, -EBADF };
	int ends[2], pid_ns_fd = pid_namespace_to_join(enact), r;
	uint64_t flags = 0;

	c.process = enact->run && enact->run_whole ? enact->run : enact->plan;
	if (!enact->join) /* the time namespace is for children's children; unshare does it */
		flags = enact->plan->clone_flags & ~(uint64_t)CLONE_NEWTIME;
	r = gather_texts(&c);
	if (r == -EINVAL)
		return err_say(err, r, "the container has no command to run");
	auto_free const char **texts __attribute__((unused)) = c.argv;

	if (r < 0)
		return err_set(err, r, "collect arguments");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, -errno, "make a status socket");
	child.status_fd = ends[0];
	theirs = c.status_fd = ends[1];
	if (pid_ns_fd >= 0) {
		r = switch_pid_namespace(pid_ns_fd, &own_pid_fd);
		flags &= ~(uint64_t)CLONE_NEWPID;
	}
	if (r == 0) {
		child.pid = clone_child(flags, enact->cgroup_fd, &child.pid_fd, &c.in_cgroup);
		if (child.pid < 0)
			r = -errno;
	}
	if (child.pid == 0)
		child_main(&c, !enact->join && plan_text(enact->plan, enact->plan->uid_map));
	if (own_pid_fd >= 0 && setns(own_pid_fd, CLONE_NEWPID) < 0 && r == 0)
		r = -errno;
	if (r < 0) {
		enact_child_done(&child);
		return err_set(err, r, "clone the container's process");
	}
	if (!enact->join && plan_text(enact->plan, enact->plan->uid_map))
		r = write_maps(enact->plan, &child, err);
	if (r < 0) {
		(void)kill(child.pid, SIGKILL);
		(void)waitpid(child.pid, NULL, __WALL);
		enact_child_done(&child);
		return r;
	}
	*ret = child;
	return 0;
}

void enact_child_done(struct enact_child *child)
{
	child->pid_fd = fd_close(child->pid_fd);
	child->status_fd = fd_close(child->status_fd);
}
