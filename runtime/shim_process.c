/* SPDX-License-Identifier: Apache-2.0 */
/* The pod's containers and execs: how they begin, how they end. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "runtime/cgroup_tree.h"
#include "runtime/kernel.h"
#include "runtime/shim_pod.h"

struct process *process_find(const char *id)
{
	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		if (strcmp(p->id, id) == 0)
			return p;
	}
	return NULL;
}

static void on_status(struct watch *w, uint32_t events);

static struct process *process_new(const char *id, const struct shim_request *request,
				   struct client *client)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	(void)snprintf(p->id, sizeof(p->id), "%s", id);
	p->number = request->number;
	p->client = client;
	p->plan_fd = p->cgroup_fd = p->log.fd = -EBADF;
	p->out.fd = p->err.fd = p->in.fd = p->status.fd = -EBADF;
	p->status.fn = on_status;
	list_init(&p->attachments);
	list_init(&p->node);
	return p;
}

void process_free(struct process *p)
{
	if (!p)
		return;
	stream_drain(p);
	stream_drop(p);
	watch_close(&p->status);
	shim_log_done(&p->log);
	p->plan_fd = fd_close(p->plan_fd);
	p->cgroup_fd = fd_close(p->cgroup_fd);
	list_remove(&p->node);
	free(p);
}

/* ---- a plan, where it lies ---- */

struct mapped {
	void *at;
	size_t size;
	const struct plan *plan;
};

static void unmap(struct mapped *m)
{
	if (m->at)
		(void)munmap(m->at, m->size);
}

static int map_plan(int fd, struct mapped *ret, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "look at the plan");
	if (st.st_size <= 0 || st.st_size > (off_t)PLAN_MAX)
		return err_say(err, -EPROTO, "this is no container plan");
	ret->size = (size_t)st.st_size;
	ret->at = mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ret->at == MAP_FAILED) {
		ret->at = NULL;
		return err_set(err, -errno, "map the plan");
	}
	r = plan_view(ret->at, ret->size, &ret->plan, err);
	if (r < 0) {
		unmap(ret);
		ret->at = NULL;
	}
	return r;
}

/* ---- beginning ---- */

/* Our ends go into the process, the container's are returned. */
static int make_stdio(struct process *p, const struct shim_request *request, int theirs[3])
{
	int ends[2];

	if (p->tty)
		return 0; /* the terminal will come from the child */
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	p->out.fd = ends[0];
	theirs[1] = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	p->err.fd = ends[0];
	theirs[2] = ends[1];
	if (!(request->flags & SHIM_STDIN_OPEN))
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	theirs[0] = ends[0];
	p->in.fd = ends[1];
	return 0;
}

static int spawn(struct process *p, const struct enact *enact, struct err *err)
{
	struct enact_child child;
	int r = enact_spawn(enact, &child, err);

	if (r < 0)
		return r;
	p->pid = child.pid;
	p->started_ns = shim_now_ns();
	p->status.fd = child.status_fd;
	child.status_fd = -EBADF;
	enact_child_done(&child);
	(void)fd_set_nonblocking(p->status.fd, true);
	watch_set(&p->status, EPOLLIN);
	list_append(&pod.processes, &p->node);
	return 0;
}

int process_start(const struct shim_request *request, const int *fds, size_t n_fds,
		  struct client *client, struct err *err)
{
	bool has_cgroup = request->flags & SHIM_HAS_CGROUP;
	struct mapped m = { 0 };
	struct enact enact = { .cgroup_fd = -EBADF,
			       .join_pid_fd = pod.pause_pid_ns_fd,
			       .terminal_fd = -EBADF,
			       .start_fd = -EBADF,
			       .stdio = { -EBADF, -EBADF, -EBADF },
			       .die_with_parent = true };
	struct process *p;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		enact.joins[i].fd = -EBADF;
	if (n_fds < 1u + has_cgroup)
		return err_say(err, -EPROTO, "a start without a plan");
	r = map_plan(fds[0], &m, err);
	if (r < 0)
		return r;
	p = process_new(request->id, request, client);
	if (!p)
		r = err_set(err, -ENOMEM, "remember the container");
	if (r == 0 && m.plan->n_fds != n_fds - 1 - has_cgroup)
		r = err_say(err, -EPROTO, "the plan and its files do not match");
	if (r == 0) {
		p->tty = request->flags & SHIM_TTY;
		p->stdin_once = request->flags & SHIM_STDIN_ONCE;
		p->own_pid_ns = m.plan->clone_flags & CLONE_NEWPID && pod.pause_pid_ns_fd < 0;
		p->plan_fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
		if (has_cgroup)
			p->cgroup_fd = fcntl(fds[n_fds - 1], F_DUPFD_CLOEXEC, 3);
		if (p->plan_fd < 0 || (has_cgroup && p->cgroup_fd < 0))
			r = err_set(err, -errno, "keep the plan");
	}
	if (r == 0 && request->log_path[0]) {
		(void)snprintf(p->log_path, sizeof(p->log_path), "%s", request->log_path);
		/* Without a log the container runs all the same; it may come back with the next
		 * rotation. Its lines are counted as dropped meanwhile. */
		(void)shim_log_open(&p->log, p->log_path);
	}
	if (r == 0)
		r = make_stdio(p, request, enact.stdio);
	if (r == 0) {
		enact.plan = m.plan;
		enact.fds = fds + 1;
		enact.cgroup_fd = p->cgroup_fd;
		enact.console = p->tty;
		r = spawn(p, &enact, err);
	}
	for (int i = 0; i < 3; i++)
		(void)fd_close(enact.stdio[i]);
	unmap(&m);
	if (r < 0) {
		process_free(p);
		return err && !err->code ? err_set(err, r, "start the container") : r;
	}
	if (!p->tty)
		stream_open(p);
	return 0;
}

/* The container's namespaces by its first process, which is our child: its pid can't be reused. */
static int open_joins(const struct process *container, const struct plan *plan, struct enact *e,
		      struct err *err)
{
	static const struct {
		const char *name;
		int ns;
		bool always;
	} rows[] = {
		{ "user", CLONE_NEWUSER, false }, { "cgroup", CLONE_NEWCGROUP, false },
		{ "net", CLONE_NEWNET, false },	  { "ipc", CLONE_NEWIPC, false },
		{ "uts", CLONE_NEWUTS, false },	  { "mnt", CLONE_NEWNS, true },
	};
	char path[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].always && !(plan->clone_flags & (uint64_t)rows[i].ns))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)container->pid,
			       rows[i].name);
		e->joins[n].fd = open(path, O_RDONLY | O_CLOEXEC);
		e->joins[n].ns = rows[i].ns;
		if (e->joins[n].fd < 0)
			return err_set(err, -errno, "open the container's %s namespace",
				       rows[i].name);
		n++;
	}
	if (!container->own_pid_ns) {
		e->join_pid_fd = pod.pause_pid_ns_fd;
		return 0;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)container->pid);
	e->join_pid_fd = open(path, O_RDONLY | O_CLOEXEC);
	return e->join_pid_fd < 0 ? err_set(err, -errno, "open the container's pid namespace") : 0;
}

int process_exec(const struct shim_request *request, const int *fds, size_t n_fds,
		 struct client *client, struct err *err)
{
	struct process *container = process_find(request->id), *p = NULL;
	bool tty = request->flags & SHIM_TTY;
	struct enact enact = { .join = true,
			       .join_pid_fd = -EBADF,
			       .terminal_fd = -EBADF,
			       .start_fd = -EBADF,
			       .stdio = { -EBADF, -EBADF, -EBADF },
			       .die_with_parent = true };
	struct mapped base = { 0 }, run = { 0 };
	size_t at = 1;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		enact.joins[i].fd = -EBADF;
	if (!container || container->is_exec || container->state != PROCESS_RUNNING)
		return err_say(err, -ESRCH, "container %s is not running", request->id);
	if (n_fds != 1u + (unsigned)__builtin_popcount(request->fd_mask & 7) || n_fds > 4)
		return err_say(err, -EPROTO, "an exec and its files do not match");
	for (unsigned i = 0; i < 3; i++)
		if (request->fd_mask >> i & 1)
			enact.stdio[i] = fds[at++];
	enact.terminal_fd = tty ? enact.stdio[0] : -EBADF;
	r = map_plan(container->plan_fd, &base, err);
	if (r == 0)
		r = map_plan(fds[0], &run, err);
	if (r == 0)
		r = open_joins(container, base.plan, &enact, err);
	if (r == 0) {
		p = process_new(request->exec_id, request, client);
		if (!p)
			r = err_set(err, -ENOMEM, "remember the exec");
	}
	if (r == 0) {
		p->is_exec = true;
		enact.plan = base.plan;
		enact.run = run.plan;
		enact.cgroup_fd = container->cgroup_fd;
		r = spawn(p, &enact, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		(void)fd_close(enact.joins[i].fd);
	if (container->own_pid_ns)
		(void)fd_close(enact.join_pid_fd);
	unmap(&base);
	unmap(&run);
	if (r < 0)
		process_free(p);
	return r;
}

/* ---- what the child tells on its way to execve ---- */

static void started(struct process *p)
{
	struct shim_event event;

	watch_close(&p->status);
	p->state = PROCESS_RUNNING;
	process_describe(p, SHIM_STARTED, &event);
	event.number = p->number;
	tell(p->client, &event);
}

static void failed(struct process *p, const struct err *err)
{
	struct client *client = p->client;
	uint64_t number = p->number;
	siginfo_t info;

	/* It is about to _exit; nothing in it can hang any more. */
	(void)kill(p->pid, SIGKILL);
	(void)waitid(P_PID, (id_t)p->pid, &info, WEXITED | __WALL);
	if (p->cgroup_fd >= 0 && pod.cgroup_fd >= 0)
		(void)unlinkat(pod.cgroup_fd, p->id, AT_REMOVEDIR);
	process_free(p);
	tell_answer(client, number, err);
}

/* True: @p has been answered for, and may be gone. */
static bool hear(struct process *p)
{
	for (;;) {
		struct err err = { 0 };
		int fd = -EBADF, r = enact_next(p->status.fd, &fd, &err);

		if (r == -EAGAIN)
			return false;
		if (r == ENACT_CONSOLE) {
			p->out.fd = fd;
			stream_open(p);
			continue;
		}
		if (r == ENACT_RUNNING) {
			started(p);
			return true;
		}
		if (!err.code)
			(void)err_set(&err, r < 0 ? r : -EPROTO, "start the container");
		failed(p, &err);
		return true;
	}
}

static void on_status(struct watch *w, uint32_t events)
{
	(void)events;
	(void)hear(CONTAINER_OF(w, struct process, status));
	quit_if_done();
}

/* ---- signals ---- */

int process_signal(struct process *p, int signo)
{
	if (p->state == PROCESS_EXITED)
		return -ESRCH;
	return kill(p->pid, signo) < 0 ? -errno : 0;
}

/* Kernels before 5.14: one by one, and again, until nobody is there to fork. */
static int kill_by_list(int cgroup_fd)
{
	for (int round = 0; round < 100; round++) {
		char text[4096];
		int fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		(void)fd_close(fd);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		text[n] = '\0';
		for (char *at = text, *end; *at; at = end) {
			long pid = strtol(at, &end, 10);

			if (end == at)
				break;
			if (pid > 0)
				(void)kill((pid_t)pid, SIGKILL);
			end += *end == '\n';
		}
	}
	return -EBUSY;
}

int process_kill(struct process *p)
{
	if (p->cgroup_fd >= 0 && !p->is_exec) {
		int r = fd_put_at(p->cgroup_fd, "cgroup.kill", "1");

		if (r == 0)
			return 0;
		if (!p->own_pid_ns)
			(void)kill_by_list(p->cgroup_fd);
	}
	return process_signal(p, SIGKILL);
}

/* ---- the end ---- */

static bool was_oom_killed(const struct process *p)
{
	char text[512];
	int fd =
		p->cgroup_fd < 0 ? -1 : openat(p->cgroup_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *at;

	(void)fd_close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strstr(text, "oom_kill ");
	return at && strtoul(at + 9, NULL, 10) > 0;
}

static void ended(struct process *p, const siginfo_t *info)
{
	struct shim_event event;

	/* Its last messages may still be unread: then first things first. A start that failed is told
	 * and forgotten by hear(); process_reap() has looked at that. */
	p->state = PROCESS_EXITED;
	p->ended_ns = shim_now_ns();
	p->signo = info->si_code == CLD_EXITED ? 0 : info->si_status;
	p->exit_code = p->signo ? 128 + p->signo : info->si_status;
	if (!p->is_exec) {
		if (!p->own_pid_ns && p->cgroup_fd >= 0)
			(void)process_kill(p);
		p->oom_killed = was_oom_killed(p);
	}
	stream_drain(p);
	process_describe(p, SHIM_EXITED, &event);
	tell(NULL, &event);
}

static struct process *find_pid(pid_t pid)
{
	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		if (p->pid == pid && p->state != PROCESS_EXITED)
			return p;
	}
	return NULL;
}

void process_reap(void)
{
	for (;;) {
		siginfo_t info = { 0 };
		struct process *p;

		/* Look first: a child that failed on its way is reaped together with its message. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		    info.si_pid == 0)
			break;
		p = find_pid(info.si_pid);
		if (p && p->state == PROCESS_STARTING && (!hear(p) || find_pid(info.si_pid) != p)) {
			if (find_pid(info.si_pid) != p)
				continue; /* failed: it has been reaped */
			started(p);
		}
		if (waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | __WALL) < 0)
			break;
		if (info.si_pid == pod.pause_pid)
			pod.pause_pid = 0;
		if (!p)
			continue;
		ended(p, &info);
		if (p->is_exec)
			process_free(p);
	}
	quit_if_done();
}

int process_remove(struct process *p)
{
	if (p->state != PROCESS_EXITED)
		return -EBUSY;
	/* What does not go now -- a process may be in its last moments -- goes with the pod's. */
	if (p->cgroup_fd >= 0 && pod.cgroup_fd >= 0)
		(void)cgroup_remove_tree(pod.cgroup_fd, p->id);
	process_free(p);
	return 0;
}

void process_describe(const struct process *p, uint32_t type, struct shim_event *ret)
{
	*ret = (struct shim_event){ .version = SHIM_VERSION,
				    .type = type,
				    .pid = p->state == PROCESS_EXITED ? 0 : p->pid,
				    .exit_code = p->exit_code,
				    .signo = p->signo,
				    .running = p->state != PROCESS_EXITED,
				    .oom_killed = p->oom_killed,
				    .is_exec = p->is_exec,
				    .started_ns = p->started_ns,
				    .ended_ns = p->ended_ns,
				    .log_dropped_lines = p->log.dropped_lines };
	memcpy(ret->id, p->id, sizeof(ret->id));
}
