/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent asks of a pod's shim, and what it hears. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/cgroup.h"
#include "runtime/enact.h"
#include "runtime/kernel.h"
#include "runtime/plan.h"
#include "runtime/sandbox.h"

_Static_assert(CONTAINER_ID_MAX == SHIM_ID_MAX, "ids fit into a request");

/* ---- events ---- */

static void remember_pid(struct sandbox *s, const char *id, pid_t pid)
{
	struct known_pid *k;

	for (size_t i = 0; i < s->n_pids; i++) {
		if (strcmp(s->pids[i].id, id) != 0)
			continue;
		if (pid)
			s->pids[i].pid = pid;
		else
			s->pids[i] = s->pids[--s->n_pids];
		return;
	}
	if (!pid || array_grow(&s->pids, &s->cap_pids, s->n_pids + 1, sizeof(*s->pids)) < 0)
		return;
	k = &s->pids[s->n_pids++];
	(void)snprintf(k->id, sizeof(k->id), "%s", id);
	k->pid = pid;
}

static const enum sandbox_event_type type_of[SHIM_EVENT_COUNT] = {
	[SHIM_STARTED] = SANDBOX_STARTED, [SHIM_FAILED] = SANDBOX_FAILED,
	[SHIM_EXITED] = SANDBOX_EXITED,	  [SHIM_DONE] = SANDBOX_DONE,
	[SHIM_KNOWN] = SANDBOX_KNOWN,	  [SHIM_SYNCED] = SANDBOX_SYNCED,
};

static void translate(const struct shim_event *e, struct sandbox_event *ret)
{
	*ret = (struct sandbox_event){ .type = type_of[e->type],
				       .request = e->number,
				       .pid = e->pid,
				       .started_ns = e->started_ns,
				       .ended_ns = e->ended_ns,
				       .running = e->running,
				       .exit_code = e->exit_code,
				       .signal = e->signo,
				       .oom_killed = e->oom_killed,
				       .is_exec = e->is_exec,
				       .log_dropped_lines = e->log_dropped_lines,
				       .errno_code = e->error_code };
	memcpy(ret->id, e->id, sizeof(ret->id));
	memcpy(ret->error, e->error, sizeof(ret->error));
	ret->id[sizeof(ret->id) - 1] = ret->error[sizeof(ret->error) - 1] = '\0';
}

int sandbox_next_event(struct sandbox *s, struct sandbox_event *ret)
{
	for (;;) {
		struct shim_event e = { 0 };
		ssize_t n;

		if (s->gone)
			return 0;
		n = fd_recv(s->sock_fd, &e, sizeof(e), NULL, 0, NULL, MSG_DONTWAIT);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0) {
			s->gone = true;
			sandbox_reap(s);
			*ret = (struct sandbox_event){ .type = SANDBOX_GONE };
			return 1;
		}
		if (e.type == SHIM_WELCOME || e.type == 0 || e.type >= SHIM_EVENT_COUNT)
			continue; /* one of a newer shim that we can do without */
		translate(&e, ret);
		if (!ret->is_exec && (ret->type == SANDBOX_STARTED || ret->type == SANDBOX_KNOWN))
			remember_pid(s, ret->id, ret->pid);
		else if (!ret->is_exec && ret->type == SANDBOX_EXITED)
			remember_pid(s, ret->id, 0);
		return 1;
	}
}

/* ---- containers ---- */

static int plan_to_fd(const struct plan_made *made, struct err *err)
{
	auto_close int fd = kernel_memfd_create("plan", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "make a file for the plan");
	r = fd_write_all(fd, made->data, made->size);
	return r < 0 ? err_set(err, r, "write the plan") : take_fd(&fd);
}

/* The container's own cgroup, with what limits this machine can set. */
static int make_cgroup(const struct container_options *o, struct err *err)
{
	auto_close int fd = -EBADF;
	bool unenforced = false; /* the pod's limits have told the agent already */
	int r;

	/* One that an earlier container of that name could not leave at once; not one that lives. */
	r = cgroup_remove_tree(o->cgroup_parent_fd, o->id);
	if (r < 0)
		return err_say(err, -EEXIST, "container %s exists", o->id);
	if (mkdirat(o->cgroup_parent_fd, o->id, 0755) < 0)
		return err_set(err, -errno, "make cgroup %s", o->id);
	fd = openat(o->cgroup_parent_fd, o->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		r = err_set(err, -errno, "open cgroup %s", o->id);
	/* As the kubelet has it: what runs out of memory dies as a whole. Says no without the controller. */
	if (r == 0)
		(void)fd_put_at(fd, "memory.oom.group", "1");
	if (r == 0)
		r = cgroup_apply(fd, &o->spec->resources, false, &unenforced, err);
	if (r == 0)
		r = cgroup_set_devices(fd, o->spec->resources.devices, o->spec->resources.n_devices,
				       err);
	if (r < 0) {
		(void)unlinkat(o->cgroup_parent_fd, o->id, AT_REMOVEDIR);
		return r;
	}
	return take_fd(&fd);
}

int64_t sandbox_start(struct sandbox *s, const struct container_options *o, struct err *err)
{
	struct plan_options options = { .rootfs_fd = o->rootfs_fd,
					.shm_fd = s->shm_fd,
					.terminal = o->tty,
					.inherited = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS };
	struct shim_request request = { .type = SHIM_START };
	auto_plan_made struct plan_made made = { 0 };
	auto_close int plan_fd = -EBADF, cgroup_fd = -EBADF;
	int fds[FD_PASS_MAX], r;
	size_t n = 0;

	if (!sandbox_is_name(o->id))
		return err_say(err, -EINVAL, "\"%s\" is no container id", o->id ? o->id : "");
	if (o->log_path && strlen(o->log_path) >= SHIM_LOG_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "log file %s", o->log_path);
	if (s->share_pid || s->host_pid)
		options.inherited |= CLONE_NEWPID;
	r = plan_make(o->spec, &options, &made, err);
	if (r < 0)
		return r;
	plan_fd = plan_to_fd(&made, err);
	if (plan_fd < 0)
		return plan_fd;
	if (o->cgroup_parent_fd >= 0) {
		cgroup_fd = make_cgroup(o, err);
		if (cgroup_fd < 0)
			return cgroup_fd;
		request.flags |= SHIM_HAS_CGROUP;
	}
	fds[n++] = plan_fd;
	memcpy(fds + n, made.fds, made.n_fds * sizeof(fds[0]));
	n += made.n_fds;
	if (cgroup_fd >= 0)
		fds[n++] = cgroup_fd;
	request.flags |= (o->tty ? SHIM_TTY : 0) | (o->stdin_open ? SHIM_STDIN_OPEN : 0) |
			 (o->stdin_once ? SHIM_STDIN_ONCE : 0);
	(void)snprintf(request.id, sizeof(request.id), "%s", o->id);
	(void)snprintf(request.log_path, sizeof(request.log_path), "%s",
		       o->log_path ? o->log_path : "");
	r = sandbox_send(s, &request, fds, n, err);
	if (r < 0) {
		if (cgroup_fd >= 0)
			(void)unlinkat(o->cgroup_parent_fd, o->id, AT_REMOVEDIR);
		return r;
	}
	return (int64_t)request.number;
}

static pid_t parent_of(pid_t pid)
{
	auto_buf struct buf text = BUF_INIT(4096);
	char path[64];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (fd_read_file(path, &text, NULL) < 0)
		return 0;
	at = strrchr(buf_str(&text), ')');
	return at && strlen(at) > 4 ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

/* A terminal in the container's own devpts. Its process is the shim's child before and after we
 * looked, so it was never another's pid. */
static int open_terminal(struct sandbox *s, const char *id, int *ret_slave_fd, struct err *err)
{
	char path[64];
	pid_t pid = 0;

	for (size_t i = 0; i < s->n_pids; i++)
		if (strcmp(s->pids[i].id, id) == 0)
			pid = s->pids[i].pid;
	if (!pid)
		return err_say(err, -ESRCH, "container %s is not running", id);
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	auto_close int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int pts_fd =
		root_fd < 0 ? -EBADF
			    : path_open_in_root(root_fd, "dev/pts", O_PATH | O_DIRECTORY, 0);

	if (pts_fd < 0 || parent_of(pid) != s->pid)
		return err_say(err, -ESRCH, "container %s has no /dev/pts for a terminal", id);
	return enact_terminal(pts_fd, ret_slave_fd, err);
}

static int exec_plan(const struct exec_options *o, struct plan_made *ret, struct err *err)
{
	auto_spec struct spec *spec = spec_new();

	if (!spec)
		return err_set(err, -ENOMEM, "plan exec %s", o->exec_id);
	for (size_t i = 0; o->argv && o->argv[i]; i++)
		spec_strings_add(spec, &spec->process.args, o->argv[i]);
	for (size_t i = 0; o->env && o->env[i]; i++)
		spec_strings_add(spec, &spec->process.env, o->env[i]);
	if (spec->process.args.n == 0)
		return err_say(err, -EINVAL, "exec without a command");
	return plan_make_process(spec, ret, err);
}

int64_t sandbox_exec(struct sandbox *s, const struct exec_options *o, int *ret_master_fd,
		     struct err *err)
{
	struct shim_request request = { .type = SHIM_EXEC };
	auto_plan_made struct plan_made made = { 0 };
	auto_close int plan_fd = -EBADF, master_fd = -EBADF, slave_fd = -EBADF;
	int fds[4], r;
	size_t n = 0;

	if (!sandbox_is_name(o->id) || !sandbox_is_name(o->exec_id))
		return err_say(err, -EINVAL, "exec without a container or id");
	r = exec_plan(o, &made, err);
	if (r < 0)
		return r;
	fds[n++] = plan_fd = plan_to_fd(&made, err);
	if (plan_fd < 0)
		return plan_fd;
	if (o->tty) {
		master_fd = open_terminal(s, o->id, &slave_fd, err);
		if (master_fd < 0)
			return master_fd;
		request.flags = SHIM_TTY;
		request.fd_mask = 1;
		fds[n++] = slave_fd;
	}
	for (unsigned i = 0; i < 3 && !o->tty; i++) {
		if (o->fds[i] < 0)
			continue;
		request.fd_mask |= 1u << i;
		fds[n++] = o->fds[i];
	}
	(void)snprintf(request.id, sizeof(request.id), "%s", o->id);
	(void)snprintf(request.exec_id, sizeof(request.exec_id), "%s", o->exec_id);
	r = sandbox_send(s, &request, fds, n, err);
	if (r < 0)
		return r;
	if (o->tty && ret_master_fd)
		*ret_master_fd = take_fd(&master_fd);
	return (int64_t)request.number;
}

int64_t sandbox_attach(struct sandbox *s, const char *id, const int fds[3], struct err *err)
{
	struct shim_request request = { .type = SHIM_ATTACH };
	int given[3], r;
	size_t n = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (fds[i] < 0)
			continue;
		request.fd_mask |= 1u << i;
		given[n++] = fds[i];
	}
	(void)snprintf(request.id, sizeof(request.id), "%s", id);
	r = sandbox_send(s, &request, given, n, err);
	return r < 0 ? r : (int64_t)request.number;
}

static int64_t send_simple(struct sandbox *s, struct shim_request *request, const char *id,
			   struct err *err)
{
	int r;

	(void)snprintf(request->id, sizeof(request->id), "%s", id);
	r = sandbox_send(s, request, NULL, 0, err);
	return r < 0 ? r : (int64_t)request->number;
}

int64_t sandbox_signal(struct sandbox *s, const char *id, int signo, struct err *err)
{
	return send_simple(s, &(struct shim_request){ .type = SHIM_SIGNAL, .signo = signo }, id,
			   err);
}

int64_t sandbox_kill(struct sandbox *s, const char *id, struct err *err)
{
	return send_simple(s, &(struct shim_request){ .type = SHIM_KILL }, id, err);
}

int64_t sandbox_resize(struct sandbox *s, const char *id, unsigned rows, unsigned cols,
		       struct err *err)
{
	return send_simple(s,
			   &(struct shim_request){ .type = SHIM_RESIZE,
						   .rows = (uint16_t)rows,
						   .cols = (uint16_t)cols },
			   id, err);
}

int64_t sandbox_remove(struct sandbox *s, const char *id, struct err *err)
{
	return send_simple(s, &(struct shim_request){ .type = SHIM_REMOVE }, id, err);
}

int64_t sandbox_reopen_log(struct sandbox *s, const char *id, struct err *err)
{
	return send_simple(s, &(struct shim_request){ .type = SHIM_REOPEN_LOG }, id, err);
}
