/* SPDX-License-Identifier: Apache-2.0 */
/* Making a sandbox: its namespaces, its shared memory, its shim. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/cgroup.h"
#include "runtime/enact.h"
#include "runtime/kernel.h"
#include "runtime/reexec.h"
#include "runtime/sandbox.h"

#define SHM_BYTES_DEFAULT (UINT64_C(64) << 20)

/* ---- the shim's program ---- */

/* The program that nobody can write (reexec.h), opened once and kept for the life of the process: all shims share it. */
static int shim_program(const char *path, struct err *err)
{
	static char opened_path[PATH_MAX];
	static int opened_fd = -EBADF;
	static struct stat opened;
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return err_set(err, -errno, "find the shim %s", path);
	if (opened_fd >= 0 && strcmp(opened_path, path) == 0 && st.st_ino == opened.st_ino &&
	    st.st_dev == opened.st_dev)
		return opened_fd;
	fd = reexec_open(path, err);
	if (fd < 0)
		return fd;
	(void)fd_close(opened_fd);
	(void)snprintf(opened_path, sizeof(opened_path), "%s", path);
	opened = st;
	opened_fd = fd;
	return fd;
}

/* ---- making a sandbox ---- */

struct birth {
	const struct sandbox_options *options;
	int program_fd, listen_fd, cgroup_fd, shim_cgroup_fd, error_fd;
};

static int birth_sysctls(const struct sandbox_options *o, struct err *err)
{
	for (size_t i = 0; i < o->n_sysctls; i++) {
		char path[256];
		int r;

		(void)snprintf(path, sizeof(path), "%s", o->sysctls[i].key);
		for (char *p = path; *p && !strchr(o->sysctls[i].key, '/'); p++)
			*p = *p == '.' ? '/' : *p;
		r = enact_sysctl(path, o->sysctls[i].value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The child, from the clone to being the shim. Nothing here may allocate. */
static _Noreturn void birth_child(struct birth *b, bool in_cgroup)
{
	const struct sandbox_options *o = b->options;
	char mode[8] = "";
	char *argv[] = { (char *)"shallop-shim", (char *)o->uid, mode, NULL }, *envp[] = { NULL };
	struct err err = { 0 };
	sigset_t none;
	int listen_fd, cgroup_fd = -1, program_fd, error_fd, null_fd, r = 0;

	(void)prctl(PR_SET_DUMPABLE, 0);
	if (!in_cgroup && b->shim_cgroup_fd >= 0)
		r = fd_put_at(b->shim_cgroup_fd, "cgroup.procs", "0");
	if (r < 0)
		(void)err_set(&err, r, "enter the pod's cgroup");
	if (r == 0 && o->hostname && sethostname(o->hostname, strlen(o->hostname)) < 0)
		r = err_set(&err, -errno, "set hostname %s", o->hostname);
	if (r == 0)
		r = birth_sysctls(o, &err);
	/* Above everything, then down to where they belong. */
	listen_fd = fcntl(b->listen_fd, F_DUPFD_CLOEXEC, 64);
	program_fd = fcntl(b->program_fd, F_DUPFD_CLOEXEC, 64);
	error_fd = fcntl(b->error_fd, F_DUPFD_CLOEXEC, 64);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (b->cgroup_fd >= 0)
		cgroup_fd = fcntl(b->cgroup_fd, F_DUPFD_CLOEXEC, 64);
	if (r == 0 && (listen_fd < 0 || program_fd < 0 || null_fd < 0 || error_fd < 0))
		r = err_set(&err, -errno, "arrange the shim's files");
	if (r == 0) {
		size_t n = 0;

		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null_fd, fd);
		(void)dup2(listen_fd, SHIM_FD_LISTEN);
		if (cgroup_fd >= 0) {
			(void)dup2(cgroup_fd, SHIM_FD_CGROUP);
			mode[n++] = SHIM_MODE_CGROUP;
		}
		if (o->share_pid)
			mode[n++] = SHIM_MODE_SHARE_PID;
		if (o->host_pid)
			mode[n++] = SHIM_MODE_HOST_PID;
		/* Files of ours without close-on-exec there are none; of a library's there might be. */
		(void)kernel_close_range(cgroup_fd >= 0 ? 5 : 4, 63, 0);
		(void)kernel_close_range(64, ~0u, CLOSE_RANGE_CLOEXEC);
		(void)setsid();
		(void)!chdir("/");
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)syscall(SYS_execveat, program_fd, "", argv, envp, AT_EMPTY_PATH);
		(void)err_set(&err, -errno, "execute %s", o->shim_path);
	}
	(void)fd_write_all(error_fd >= 0 ? error_fd : b->error_fd, &err, sizeof(err));
	_exit(127);
}

static uint64_t namespaces_of(const struct sandbox_options *o)
{
	return (o->host_network ? 0 : CLONE_NEWNET) | (o->host_ipc ? 0 : CLONE_NEWIPC) |
	       (o->hostname ? CLONE_NEWUTS : 0);
}

static pid_t birth_clone(struct birth *b)
{
	struct kernel_clone_args args = { .flags = namespaces_of(b->options) };
	pid_t pid;

	if (b->shim_cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)b->shim_cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		birth_child(b, true);
	if (pid > 0 || (errno != ENOSYS && errno != EINVAL && errno != E2BIG && errno != EPERM))
		return pid < 0 ? -errno : pid;
	pid = (pid_t)syscall(SYS_clone, (unsigned long)namespaces_of(b->options), NULL, NULL, NULL,
			     NULL);
	if (pid == 0)
		birth_child(b, false);
	return pid < 0 ? -errno : pid;
}

/*
 * Where the pod's namespaces are: links to the shim's, which keeps them alive. Not mounts: every container's
 * own mount namespace starts as a copy of this one, and three mounts for each pod of the machine
 * made a start a fifth slower at 200 pods.
 */
static int name_namespaces(const struct sandbox_options *o, pid_t pid, struct err *err)
{
	char target[64], name[PATH_MAX];

	for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
		if (!(namespaces_of(o) & sandbox_namespaces[i].flag))
			continue;
		(void)snprintf(target, sizeof(target), "/proc/%d/ns/%s", (int)pid,
			       sandbox_namespaces[i].name);
		(void)sandbox_path(name, sizeof(name), o->run_dir, o->uid,
				   sandbox_namespaces[i].name);
		if (symlink(target, name) < 0)
			return err_set(err, -errno, "name the pod's %s namespace %s",
				       sandbox_namespaces[i].name, name);
	}
	return 0;
}

static int make_shm(const struct sandbox_options *o, struct err *err)
{
	char path[PATH_MAX], data[64];
	int fd;

	(void)sandbox_path(path, sizeof(path), o->run_dir, o->uid, "shm");
	if (!o->host_ipc) {
		(void)snprintf(
			data, sizeof(data), "mode=1777,size=%llu",
			(unsigned long long)(o->shm_bytes ? o->shm_bytes : SHM_BYTES_DEFAULT));
		if (mkdir(path, 0700) < 0 ||
		    mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, data) < 0)
			return err_set(err, -errno, "mount the pod's shared memory");
	}
	fd = open(o->host_ipc ? "/dev/shm" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, -errno, "open the pod's shared memory") : fd;
}

/* The shim has its program: or says why not. */
static int await_exec(int error_fd, struct err *err)
{
	struct err said = { 0 };
	ssize_t n = fd_read_all(error_fd, &said, sizeof(said));

	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(said))
		return err_say(err, -EPROTO, "the shim did not start");
	said.text[sizeof(said.text) - 1] = '\0';
	if (err)
		*err = said;
	return said.code < 0 ? said.code : -EPROTO;
}

static int open_shim_cgroup(int pod_fd, struct err *err)
{
	int fd;

	if (pod_fd < 0)
		return -EBADF;
	cgroup_delegate(pod_fd); /* the containers' limits need them */
	/* A leaf: a cgroup with controllers for its children has no processes of its own. */
	if (mkdirat(pod_fd, "shim", 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "make the shim's cgroup");
	fd = openat(pod_fd, "shim", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, -errno, "open the shim's cgroup") : fd;
}

static int give_birth(struct sandbox *s, struct birth *b, struct err *err)
{
	auto_close int read_fd = -EBADF, write_fd = -EBADF;
	char path[64];
	int ends[2], said, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, -errno, "make a pipe to the shim");
	read_fd = ends[0];
	write_fd = b->error_fd = ends[1];
	s->pid = birth_clone(b);
	if (s->pid < 0)
		return err_set(err, s->pid, "clone the shim");
	s->is_child = true;
	write_fd = fd_close(write_fd);
	r = name_namespaces(b->options, s->pid, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->pid);
		s->net_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (s->net_fd < 0)
			r = err_set(err, -errno, "open the pod's network namespace");
	}
	/* Also after a failure: if the child died under our hands, it knows the reason. */
	said = await_exec(read_fd, err);
	r = said < 0 ? said : r;
	if (r < 0) {
		(void)kill(s->pid, SIGKILL);
		sandbox_reap(s);
	}
	return r;
}

/* The listening socket for the shim, and our connection to it: requests may be sent at once. */
static int make_sockets(const char *run_dir, const char *uid, int *ret_listen_fd, int *ret_sock_fd)
{
	auto_close int listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	auto_close int dir_fd = -EBADF;
	struct sockaddr_un address;
	int r = sandbox_address(run_dir, uid, &address, &dir_fd);

	if (r < 0)
		return r;
	/* bind() gives the file the socket's mode. */
	if (listen_fd < 0 || fchmod(listen_fd, 0600) < 0)
		return -errno;
	if (bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (listen(listen_fd, 16) < 0)
		r = -errno;
	else
		r = sandbox_connect(&address);
	if (r < 0) {
		(void)unlink(address.sun_path);
		return r;
	}
	*ret_sock_fd = r;
	*ret_listen_fd = take_fd(&listen_fd);
	return 0;
}

int sandbox_create(const struct sandbox_options *o, struct sandbox **ret, struct err *err)
{
	auto_sandbox struct sandbox *s = NULL;
	auto_close int listen_fd = -EBADF, shim_cgroup_fd = -EBADF;
	struct birth b = { .options = o, .cgroup_fd = o->cgroup_fd };
	char dir[PATH_MAX];
	int r;

	assert(o->run_dir && o->shim_path && ret);
	if (!sandbox_is_name(o->uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", o->uid ? o->uid : "");
	r = sandbox_prepare(o->run_dir, err);
	if (r < 0)
		return r;
	b.program_fd = shim_program(o->shim_path, err);
	if (b.program_fd < 0)
		return b.program_fd;
	s = sandbox_new(o->run_dir, o->uid);
	if (!s)
		return err_set(err, -ENOMEM, "sandbox of pod %s", o->uid);
	s->share_pid = o->share_pid;
	s->host_pid = o->host_pid;
	r = sandbox_path(dir, sizeof(dir), o->run_dir, o->uid, NULL);
	if (r == 0 && mkdir(dir, 0700) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, r, "make the sandbox of pod %s", o->uid);
	r = make_sockets(o->run_dir, o->uid, &listen_fd, &s->sock_fd);
	if (r < 0)
		(void)err_set(err, r, "make the socket of pod %s", o->uid);
	if (r == 0) {
		shim_cgroup_fd = open_shim_cgroup(o->cgroup_fd, err);
		r = shim_cgroup_fd < 0 && o->cgroup_fd >= 0 ? shim_cgroup_fd : 0;
	}
	if (r == 0) {
		s->shm_fd = make_shm(o, err);
		r = s->shm_fd < 0 ? s->shm_fd : 0;
	}
	if (r == 0) {
		b.listen_fd = listen_fd;
		b.shim_cgroup_fd = shim_cgroup_fd;
		r = give_birth(s, &b, err);
	}
	if (r < 0) {
		(void)sandbox_remove_dir(o->run_dir, o->uid);
		if (s->sock_fd >= 0)
			sandbox_remove_socket(o->run_dir, o->uid);
		if (shim_cgroup_fd >= 0)
			(void)unlinkat(o->cgroup_fd, "shim", AT_REMOVEDIR);
		return r;
	}
	*ret = take_ptr(&s);
	return 0;
}
