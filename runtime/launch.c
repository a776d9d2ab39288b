/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "runtime/cgroup.h"
#include "runtime/config.h"
#include "runtime/hook.h"
#include "runtime/kernel.h"
#include "runtime/relay.h"

#define CGROUP_PARENT "shallop-runtime"

/* ---- small parts ---- */

int launch_write_pid(const char *path, pid_t pid, struct err *err)
{
	char text[16], tmp[PATH_MAX];
	int n = snprintf(text, sizeof(text), "%d", (int)pid), r;
	auto_close int fd = -EBADF;

	if (!path)
		return 0;
	/* Whole or not at all: engines watch for the name. */
	if (snprintf(tmp, sizeof(tmp), "%s.tmp%d", path, (int)getpid()) >= (int)sizeof(tmp))
		return err_set(err, -ENAMETOOLONG, "write pid file %s", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : fd_write_all(fd, text, (size_t)n);
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		(void)unlink(tmp);
	return r < 0 ? err_set(err, r, "write pid file %s", path) : 0;
}

static struct sockaddr_un start_address(int dir_fd, socklen_t *ret_len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char link[PATH_FD_MAX];

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/start.sock",
		       path_of_fd(dir_fd, link));
	*ret_len = sizeof(address);
	return address;
}

static int listen_for_start(int dir_fd)
{
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	socklen_t len;
	struct sockaddr_un address = start_address(dir_fd, &len);

	if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    listen(fd, 1) < 0)
		return -errno;
	return take_fd(&fd);
}

static int run_hooks(const struct record *r, enum spec_hook_kind kind, enum record_status status,
		     struct err *err)
{
	static const char *const names[SPEC_HOOK_KIND_COUNT] = {
		[SPEC_HOOK_PRESTART] = "prestart",
		[SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
		[SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
		[SPEC_HOOK_START_CONTAINER] = "startContainer",
		[SPEC_HOOK_POSTSTART] = "poststart",
		[SPEC_HOOK_POSTSTOP] = "poststop",
	};
	auto_buf struct buf state = BUF_INIT(1 << 20);
	int code;

	if (r->spec->hooks[kind].n_hooks == 0)
		return 0;
	code = record_state_json(r, status, false, &state);
	if (code < 0)
		return err_set(err, code, "describe the container to its hooks");
	return hook_run_all(&r->spec->hooks[kind], names[kind], buf_str(&state), r->bundle, err);
}

/* ---- the cgroup ---- */

static bool wants_limits(const struct spec_resources *r)
{
	static const struct spec_resources none;
	struct spec_resources copy = *r;

	copy.devices = NULL;
	copy.n_devices = 0;
	return memcmp(&copy, &none, sizeof(copy)) != 0;
}

/* The container's cgroup, or -EBADF where the machine has none and nothing was asked of it. */
static int make_cgroup(struct record *r, bool disabled, int *ret_fd, struct err *err)
{
	const char *path = r->spec->cgroups_path;
	auto_close int fd = -EBADF;
	struct cgroup_host host;
	char default_path[RECORD_ID_MAX + 32];
	int code;

	*ret_fd = -EBADF;
	cgroup_host_probe(&host);
	if (disabled || (!host.mount[0] && !wants_limits(&r->spec->resources)))
		return 0;
	(void)snprintf(default_path, sizeof(default_path), "/%s/%s", CGROUP_PARENT, r->id);
	if (!path || !*path)
		path = default_path;
	else if (strchr(path, ':'))
		return err_say(err, -EOPNOTSUPP,
			       "cgroupsPath \"%s\" is a systemd one, and this "
			       "runtime does cgroupfs only",
			       path);
	if (cgroup_in_use(&host, path))
		return err_say(err, -EBUSY, "cgroup %s has processes in it already", path);
	/* Known before it is there: from here on, failing also removes it. */
	r->cgroup = strdup(path);
	if (!r->cgroup)
		return err_set(err, -ENOMEM, "cgroup %s", path);
	fd = cgroup_open(&host, path, NULL, NULL, err);
	if (fd < 0)
		return fd;
	code = cgroup_apply(fd, &r->spec->resources, true, NULL, err);
	if (code == 0)
		code = cgroup_set_devices(fd, r->spec->resources.devices,
					  r->spec->resources.n_devices, err);
	if (code < 0)
		return err_prefix(err, code, "cgroup %s", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

static void remove_cgroup(const struct record *r)
{
	struct cgroup_host host;

	if (!r->cgroup)
		return;
	cgroup_host_probe(&host);
	(void)cgroup_remove(&host, r->cgroup, NULL);
	/* Ours, if this was the last one in it. */
	if (strncmp(r->cgroup, "/" CGROUP_PARENT "/", sizeof("/" CGROUP_PARENT)) == 0) {
		char parent[PATH_MAX];

		(void)snprintf(parent, sizeof(parent), "%s/" CGROUP_PARENT, host.mount);
		(void)rmdir(parent);
	}
}

/* ---- create ---- */

static int load_bundle(struct record *r, const struct launch_options *o, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(CONFIG_MAX);
	char bundle[PATH_MAX], path[PATH_MAX + 16];
	int code;

	if (!realpath(o->bundle ? o->bundle : ".", bundle))
		return err_set(err, -errno, "bundle %s", o->bundle ? o->bundle : ".");
	(void)snprintf(path, sizeof(path), "%s/config.json", bundle);
	code = fd_read_file(o->config ? o->config : path, &text, err);
	if (code == 0)
		code = record_set_config(r, buf_str(&text), text.len, err);
	if (code < 0)
		return code;
	if (!r->spec->root_path)
		return err_say(err, -EINVAL, "root: is required");
	r->bundle = strdup(bundle);
	r->root_path = r->spec->root_path[0] == '/' ? strdup(r->spec->root_path)
						    : path_join(bundle, r->spec->root_path);
	r->oci_version = strdup(r->spec->oci_version);
	r->created = malloc(TIME_TEXT_MAX);
	if (!r->bundle || !r->root_path || !r->oci_version || !r->created)
		return err_set(err, -ENOMEM, "container %s", r->id);
	(void)time_format_nano(time_now_ns(), r->created);
	return 0;
}

static int check_console(const struct record *r, const struct launch_options *o, struct err *err)
{
	bool terminal = r->spec->process.terminal;

	if (terminal && !o->foreground && !o->console_socket)
		return err_say(err, -EINVAL, "process.terminal needs --console-socket");
	if (!terminal && o->console_socket)
		return err_say(err, -EINVAL, "--console-socket without process.terminal");
	return 0;
}

/* Listen to the child until it runs, or waits for `start`. */
static int accompany(struct record *r, const char *console_socket, struct enact_child *child,
		     struct launched *ret, struct err *err)
{
	for (;;) {
		int fd = -EBADF, said = enact_next(child->status_fd, &fd, err), code = 0;

		switch (said) {
		case ENACT_RUNNING:
		case ENACT_READY:
			return said;
		case ENACT_CONSOLE:
			if (console_socket) {
				code = relay_send_console(console_socket, fd, err);
				(void)fd_close(fd);
			} else {
				ret->master_fd = fd;
			}
			break;
		case ENACT_MADE:
			code = run_hooks(r, SPEC_HOOK_PRESTART, RECORD_CREATING, err);
			if (code == 0)
				code = run_hooks(r, SPEC_HOOK_CREATE_RUNTIME, RECORD_CREATING, err);
			if (code == 0)
				code = enact_go_on(child->status_fd);
			break;
		case ENACT_FAILED:
			return err && err->code < 0 ? err->code : -EPROTO;
		default:
			return err_set(err, said, "hear from the container's process");
		}
		if (code < 0)
			return err && err->code ? code : err_set(err, code, "make the container");
	}
}

static int spawn(struct record *r, const struct launch_options *o, int cgroup_fd, int start_fd,
		 const struct plan *plan, const int *fds, struct launched *ret, struct err *err)
{
	const struct spec_hooks *hooks = r->spec->hooks;
	struct enact enact = { .plan = plan,
			       .fds = fds,
			       .join_pid_fd = -EBADF,
			       .stdio = { 0, 1, 2 },
			       .console = r->spec->process.terminal,
			       .terminal_fd = -EBADF,
			       .cgroup_fd = cgroup_fd,
			       .start_fd = start_fd,
			       .keep_fds = o->preserve_fds,
			       .keep_host_root = o->no_pivot };
	struct enact_child child;
	int code;

	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		enact.joins[i].fd = -EBADF;
	if (hooks[SPEC_HOOK_PRESTART].n_hooks || hooks[SPEC_HOOK_CREATE_RUNTIME].n_hooks)
		enact.pauses |= ENACT_PAUSE_MADE;
	if (!o->start)
		enact.pauses |= ENACT_PAUSE_START;
	code = enact_spawn(&enact, &child, err);
	if (code < 0)
		return code;
	r->pid = ret->pid = child.pid;
	r->start_time = process_start_time(child.pid);
	code = record_save(r, err);
	if (code == 0)
		code = accompany(r, o->console_socket, &child, ret, err);
	if (code >= 0)
		code = launch_write_pid(o->pid_file, child.pid, err);
	if (code < 0) {
		(void)kill(child.pid, SIGKILL);
		(void)waitpid(child.pid, NULL, 0);
		ret->master_fd = fd_close(ret->master_fd);
	}
	enact_child_done(&child);
	return code;
}

/* A container without a process can be created, not started; something has to wait all the same. */
static void fill_missing_process(struct spec *spec)
{
	if (!spec->has_process)
		spec_strings_add(spec, &spec->process.args, "");
}

static int make_and_spawn(struct record *r, const struct launch_options *o, struct launched *ret,
			  struct err *err)
{
	auto_close int root_fd = open(r->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int cgroup_fd = -EBADF, start_fd = -EBADF;
	auto_plan_made struct plan_made made = { 0 };
	auto_buf struct buf state = BUF_INIT(1 << 20);
	struct plan_options options = { .rootfs_fd = root_fd, .shm_fd = -EBADF };
	const struct plan *plan;
	int code;

	if (root_fd < 0)
		return err_set(err, -errno, "root file system %s", r->root_path);
	fill_missing_process(r->spec);
	if (r->spec->hooks[SPEC_HOOK_CREATE_CONTAINER].n_hooks ||
	    r->spec->hooks[SPEC_HOOK_START_CONTAINER].n_hooks) {
		(void)record_state_json(r, RECORD_CREATED, false, &state);
		options.hook_state = buf_str(&state);
	}
	code = plan_make(r->spec, &options, &made, err);
	if (code == 0)
		code = plan_view(made.data, made.size, &plan, err);
	if (code == 0)
		code = make_cgroup(r, o->no_cgroup, &cgroup_fd, err);
	if (code < 0)
		return code;
	if (!o->start) {
		start_fd = listen_for_start(r->dir_fd);
		if (start_fd < 0)
			return err_set(err, start_fd, "make the start socket of container %s",
				       r->id);
	}
	return spawn(r, o, cgroup_fd, start_fd, plan, made.fds, ret, err);
}

int launch_create(const struct launch_options *o, struct record **ret_record, struct launched *ret,
		  struct err *err)
{
	struct record *r = NULL;
	int code = record_create(o->root, o->id, &r, err);

	*ret = (struct launched){ .master_fd = -EBADF };
	if (code < 0)
		return code;
	code = load_bundle(r, o, err);
	if (code == 0)
		code = check_console(r, o, err);
	if (code == 0 && o->start && !r->spec->has_process)
		code = err_say(err, -EINVAL, "process: is required to run");
	if (code == 0)
		code = make_and_spawn(r, o, ret, err);
	if (code < 0) {
		(void)run_hooks(r, SPEC_HOOK_POSTSTOP, RECORD_STOPPED, NULL);
		remove_cgroup(r);
		(void)record_remove(r, o->root, NULL);
		return code;
	}
	/* Its failure is the engine's to see, not a reason to stop what runs: OCI says to log it. */
	if (o->start)
		(void)run_hooks(r, SPEC_HOOK_POSTSTART, RECORD_RUNNING, NULL);
	*ret_record = r;
	return 0;
}

/* ---- start ---- */

int launch_start(struct record *r, struct err *err)
{
	auto_close int fd = -EBADF, pid_fd = kernel_pidfd_open(r->pid);
	enum record_status status = record_status(r);
	struct sockaddr_un address;
	socklen_t len;
	int said;

	if (!r->spec->has_process)
		return err_say(err, -EINVAL, "container %s has no process to start", r->id);
	if (status != RECORD_CREATED)
		return err_say(err, -EINVAL, "cannot start container %s: it is %s", r->id,
			       record_status_name(status));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	address = start_address(r->dir_fd, &len);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) < 0)
		return err_set(err, -errno, "reach the process of container %s", r->id);
	said = enact_next(fd, NULL, err);
	(void)unlinkat(r->dir_fd, "start.sock", 0);
	if (said == ENACT_FAILED) {
		/* It is on its way out: who asks for the state next shall hear "stopped". */
		struct pollfd p = { .fd = pid_fd, .events = POLLIN };

		if (pid_fd >= 0)
			(void)poll(&p, 1, 2000);
		return err && err->code < 0 ? err->code : -EPROTO;
	}
	if (said < 0)
		return err_set(err, said, "start container %s", r->id);
	(void)run_hooks(r, SPEC_HOOK_POSTSTART, RECORD_RUNNING, NULL);
	return 0;
}

/* ---- kill and delete ---- */

static int open_cgroup(const struct record *r)
{
	struct cgroup_host host;

	if (!r->cgroup)
		return -EBADF;
	cgroup_host_probe(&host);
	return cgroup_open(&host, r->cgroup, NULL, NULL, NULL);
}

static int signal_all(int cgroup_fd, int signo)
{
	auto_buf struct buf text = BUF_INIT(1 << 20);
	char *end;

	if (fd_read_file_at(cgroup_fd, "cgroup.procs", &text, NULL) < 0)
		return -ESRCH;
	for (const char *at = buf_str(&text); *at; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		(void)kill((pid_t)pid, signo);
		end += *end == '\n';
	}
	return 0;
}

/* By pidfd where there are any: between the look and the signal the pid may change hands. */
static int signal_process(const struct record *r, int signo)
{
	auto_close int pid_fd = kernel_pidfd_open(r->pid);

	if (!record_alive(r))
		return -ESRCH;
	if (pid_fd >= 0)
		return kernel_pidfd_send_signal(pid_fd, signo) < 0 ? -errno : 0;
	return kill(r->pid, signo) < 0 ? -errno : 0;
}

int launch_kill(const struct record *r, int signo, bool all, struct err *err)
{
	int code;

	if (all) {
		auto_close int cgroup_fd = open_cgroup(r);

		if (cgroup_fd >= 0)
			return signal_all(cgroup_fd, signo);
	}
	code = signal_process(r, signo);
	if (code == -ESRCH)
		return err_say(err, code, "container %s is not running", r->id);
	return code < 0 ? err_set(err, code, "signal container %s", r->id) : 0;
}

static int kill_and_wait(const struct record *r, struct err *err)
{
	auto_close int pid_fd = kernel_pidfd_open(r->pid), cgroup_fd = open_cgroup(r);
	struct pollfd p = { .fd = pid_fd, .events = POLLIN };

	if (record_alive(r)) {
		(void)signal_process(r, SIGKILL);
		if (pid_fd >= 0 && poll(&p, 1, 10000) <= 0)
			return err_set(err, -ETIMEDOUT, "kill container %s", r->id);
	}
	/* It may be our own child, in `run`. */
	(void)waitpid(r->pid, NULL, WNOHANG);
	if (cgroup_fd >= 0)
		(void)cgroup_freeze(cgroup_fd, false, NULL);
	return cgroup_fd >= 0 ? cgroup_kill_all(cgroup_fd, 10000) : 0;
}

int launch_delete(struct record *r, const char *root, bool force, struct err *err)
{
	enum record_status status = record_status(r);
	int code = 0;

	if (status != RECORD_STOPPED && !force) {
		code = err_say(err, -EBUSY,
			       "cannot delete container %s that is not stopped: it is %s", r->id,
			       record_status_name(status));
		(void)record_free(r);
		return code;
	}
	if (r->pid)
		code = kill_and_wait(r, err);
	if (code < 0) {
		(void)record_free(r);
		return code;
	}
	(void)run_hooks(r, SPEC_HOOK_POSTSTOP, RECORD_STOPPED, NULL);
	remove_cgroup(r);
	return record_remove(r, root, err);
}

/* ---- exec ---- */

static const struct {
	enum spec_namespace_kind kind;
	const char *name;
	int flag;
} exec_namespaces[] = {
	/* in the order of entering */
	{ SPEC_NS_USER, "user", CLONE_NEWUSER }, { SPEC_NS_CGROUP, "cgroup", CLONE_NEWCGROUP },
	{ SPEC_NS_TIME, "time", CLONE_NEWTIME }, { SPEC_NS_NETWORK, "net", CLONE_NEWNET },
	{ SPEC_NS_IPC, "ipc", CLONE_NEWIPC },	 { SPEC_NS_UTS, "uts", CLONE_NEWUTS },
	{ SPEC_NS_MOUNT, "mnt", CLONE_NEWNS },
};
_Static_assert(ARRAY_LEN(exec_namespaces) < ARRAY_LEN(((struct enact *)0)->joins),
	       "all namespaces and an end fit");

static int open_namespaces(const struct record *r, struct enact *e, struct err *err)
{
	char path[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(exec_namespaces); i++) {
		if (!r->spec->namespaces[exec_namespaces[i].kind].wanted)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)r->pid,
			       exec_namespaces[i].name);
		e->joins[n].ns = exec_namespaces[i].flag;
		e->joins[n].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (e->joins[n].fd < 0)
			return err_set(err, -errno, "open the %s namespace of container %s",
				       exec_namespaces[i].name, r->id);
		n++;
	}
	if (r->spec->namespaces[SPEC_NS_PID].wanted) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)r->pid);
		e->join_pid_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (e->join_pid_fd < 0)
			return err_set(err, -errno, "open the pid namespace of container %s",
				       r->id);
	}
	/* Only now is it certain that all of this was the container's. */
	if (!record_alive(r))
		return err_say(err, -ESRCH, "container %s has just ended", r->id);
	return 0;
}

int launch_exec(const struct record *r, const struct exec_request *q, struct launched *ret,
		struct err *err)
{
	bool terminal = q->spec->process.terminal;
	struct enact enact = { .join = true,
			       .run_whole = true,
			       .join_pid_fd = -EBADF,
			       .stdio = { 0, 1, 2 },
			       .console = terminal,
			       .terminal_fd = -EBADF,
			       .cgroup_fd = -EBADF,
			       .start_fd = -EBADF,
			       .keep_fds = q->preserve_fds };
	auto_plan_made struct plan_made made = { 0 };
	auto_close int cgroup_fd = open_cgroup(r), pid_ns_fd = -EBADF;
	struct enact_child child;
	int code;

	*ret = (struct launched){ .master_fd = -EBADF };
	if (terminal && !q->foreground && !q->console_socket)
		return err_say(err, -EINVAL, "a terminal needs --console-socket");
	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		enact.joins[i].fd = -EBADF;
	enact.cgroup_fd = cgroup_fd;
	code = plan_make_process(q->spec, &made, err);
	if (code == 0)
		code = plan_view(made.data, made.size, &enact.plan, err);
	if (code == 0)
		code = open_namespaces(r, &enact, err);
	pid_ns_fd = enact.join_pid_fd;
	if (code == 0) {
		enact.run = enact.plan;
		code = enact_spawn(&enact, &child, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(enact.joins); i++)
		(void)fd_close(enact.joins[i].fd);
	if (code < 0)
		return code;
	ret->pid = child.pid;
	code = accompany(NULL, q->console_socket, &child, ret, err);
	if (code >= 0)
		code = launch_write_pid(q->pid_file, child.pid, err);
	if (code < 0) {
		(void)kill(child.pid, SIGKILL);
		(void)waitpid(child.pid, NULL, 0);
		ret->master_fd = fd_close(ret->master_fd);
	}
	enact_child_done(&child);
	return code < 0 ? code : 0;
}
