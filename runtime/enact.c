/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/enact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fd.h"
#include "runtime/child.h"
#include "runtime/kernel.h"

#define DEVPTS_MAGIC 0x1cd1

/* ---- talk between child and parent: one byte, or one struct err, per datagram ---- */

int child_say(int status_fd, char what, int fd)
{
	return fd_send(status_fd, &what, 1, &fd, fd >= 0 ? 1 : 0);
}

int child_await_go(int status_fd)
{
	char byte;
	ssize_t n = fd_recv(status_fd, &byte, 1, NULL, 0, NULL, 0);

	if (n < 0)
		return (int)n;
	return n == 1 ? 0 : -ECANCELED;
}

int enact_go_on(int status_fd)
{
	return child_say(status_fd, 'g', -EBADF);
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

/* ---- what the agent does as well ---- */

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
