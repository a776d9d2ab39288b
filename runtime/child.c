/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/child.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"

/* ---- the child's steps ---- */

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

/* Where the clone could not do it. Before any namespace is joined: from inside of the container's
 * cgroup namespace its own cgroup cannot be entered. */
static int step_cgroup(struct child *c)
{
	int r = 0;

	if (!c->in_cgroup && c->enact->cgroup_fd >= 0)
		r = fd_put_at(c->enact->cgroup_fd, "cgroup.procs", "0");
	return r < 0 ? err_set(&c->err, r, "enter the cgroup") : 0;
}

/* What is entered now becomes the namespace's root. */
static int step_cgroup_namespace(struct child *c)
{
	if (c->in_cgroup || c->enact->join || !(c->plan->clone_flags & CLONE_NEWCGROUP))
		return 0;
	return unshare(CLONE_NEWCGROUP) < 0 ? err_set(&c->err, -errno, "make a cgroup namespace")
					    : 0;
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

/* By the host's /proc, so before a container's mount namespace is joined or its root entered: what lies at
 * /proc in there may be anything (CVE-2019-16884). */
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
	r = child_say(c->status_fd, 'c', master_fd);
	if (r < 0)
		return err_set(&c->err, r, "hand over the terminal");
	return c->enact->join ? 0 : rootfs_console(c->root_fd, c->slave_fd, &c->err);
}

static int step_pause_made(struct child *c)
{
	int r;

	if (!(c->enact->pauses & ENACT_PAUSE_MADE))
		return 0;
	r = child_say(c->status_fd, 'm', -EBADF);
	if (r == 0)
		r = child_await_go(c->status_fd);
	return r < 0 ? err_set(&c->err, r, "wait for the hooks") : 0;
}

static int step_enter(struct child *c)
{
	if (c->enact->join)
		return 0;
	return rootfs_enter(c->plan, c->root_fd, c->enact->keep_host_root, &c->err);
}

static int step_hooks_container(struct child *c)
{
	return c->enact->join ? 0 : child_run_hooks(c, c->plan->hooks_container, "createContainer");
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
	r = child_say(c->status_fd, 'r', -EBADF);
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
	return c->enact->join ? 0 : child_run_hooks(c, c->plan->hooks_start, "startContainer");
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
	step_oom_score,
	step_cgroup,
	step_join,
	step_cgroup_namespace,
	step_user_root,
	step_time,
	step_names,
	step_rootfs,
	step_console,
	step_pause_made,
	step_hooks_container,
	step_enter,
	step_stdio,
	step_limits,
	step_pause_start,
	step_hooks_start,
	step_cwd,
	step_ids,
	step_exec,
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

_Noreturn void child_main(struct child *c, bool wait_for_maps)
{
	int r = 0;

	reset_signals();
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(0);
	if (wait_for_maps)
		r = child_await_go(c->status_fd);
	if (r < 0)
		(void)err_set(&c->err, r, "wait for id mappings");
	for (size_t i = 0; i < ARRAY_LEN(steps) && r >= 0; i++)
		r = steps[i](c);
	if (c->err.code == 0)
		c->err.code = r;
	(void)fd_send(c->status_fd, &c->err, sizeof(c->err), NULL, 0);
	_exit(127);
}
