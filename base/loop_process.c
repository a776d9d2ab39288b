/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells about processes: our signals, by signalfd; the ends of children, by pidfd. */
#include <assert.h>
#include <errno.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/loop_impl.h"

struct child {
	struct list link;
	struct loop *loop;
	pid_t pid;
	int pid_fd;
	loop_exit_fn *fn;
	void *data;
};

/* ---- signals ---- */

static void on_signals(struct loop *loop, int fd, unsigned events, void *data)
{
	struct signalfd_siginfo info;

	(void)events;
	(void)data;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return; /* level-triggered: it comes again if there is one */
	if (info.ssi_signo < NSIG && loop->handlers[info.ssi_signo].fn)
		loop->handlers[info.ssi_signo].fn(loop, (int)info.ssi_signo,
						  loop->handlers[info.ssi_signo].data);
}

int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *data)
{
	sigset_t signals = loop->signals;
	int fd, r;

	assert(signo > 0 && signo < NSIG && fn);
	if (!loop->base)
		return -ENOTSUP;
	(void)sigaddset(&signals, signo);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	fd = signalfd(loop->signal_fd >= 0 ? loop->signal_fd : -1, &signals,
		      SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (loop->signal_fd < 0) {
		r = loop_watch(loop, fd, LOOP_READ, on_signals, NULL);
		if (r < 0) {
			(void)fd_close(fd);
			return r;
		}
		loop->signal_fd = fd;
	}
	loop->signals = signals;
	loop->handlers[signo].fn = fn;
	loop->handlers[signo].data = data;
	return 0;
}

/* ---- children ---- */

static void child_end(struct child *child)
{
	list_remove(&child->link);
	loop_unwatch(child->loop, child->pid_fd);
	child->pid_fd = fd_close(child->pid_fd);
	free(child);
}

static void on_child(struct loop *loop, int fd, unsigned events, void *data)
{
	struct child *child = data;
	siginfo_t info = { 0 };
	int r = waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	loop_exit_fn *fn = child->fn;
	void *fn_data = child->data;
	pid_t pid = child->pid;

	(void)events;
	if (r == 0 && info.si_pid == 0)
		return;
	child_end(child);
	fn(loop, pid, r < 0 ? 0 : info.si_code, r < 0 ? -errno : info.si_status, fn_data);
}

int loop_child(struct loop *loop, pid_t pid, int pid_fd, loop_exit_fn *fn, void *data)
{
	struct child *child = calloc(1, sizeof(*child));
	int r;

	if (!child) {
		(void)fd_close(pid_fd);
		return -ENOMEM;
	}
	*child = (struct child){
		.loop = loop, .pid = pid, .pid_fd = pid_fd, .fn = fn, .data = data
	};
	list_append(&loop->children, &child->link);
	r = loop_watch(loop, pid_fd, LOOP_READ, on_child, child);
	if (r < 0)
		child_end(child);
	return r;
}

void loop_child_forget(struct loop *loop, pid_t pid)
{
	list_for_each (node, next, &loop->children) {
		struct child *child = list_entry(node, struct child, link);

		if (child->pid == pid) {
			child_end(child);
			return;
		}
	}
}

void loop_drop_processes(struct loop *loop)
{
	list_for_each (node, next, &loop->children)
		child_end(list_entry(node, struct child, link));
	if (loop->signal_fd >= 0) {
		loop_unwatch(loop, loop->signal_fd);
		loop->signal_fd = fd_close(loop->signal_fd);
	}
}
