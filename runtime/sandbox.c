/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side of a pod's shim. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/cgroup.h"
#include "runtime/enact.h"
#include "runtime/kernel.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"
#include "runtime/shim.h"

#define SHM_BYTES_DEFAULT  (UINT64_C(64) << 20)
#define QUIT_TIMEOUT_MS	   5000
#define WELCOME_TIMEOUT_MS 2000

_Static_assert(CONTAINER_ID_MAX == SHIM_ID_MAX, "ids fit into a request");

struct known_pid { /* for terminals of execs */
	char id[CONTAINER_ID_MAX];
	pid_t pid;
};

struct sandbox {
	int sock_fd, net_fd, shm_fd;
	pid_t pid;
	char *run_dir, *uid;
	bool share_pid, host_pid, gone;
	bool is_child; /* ours to reap; otherwise init's, since another agent made it */
	uint64_t next_number;
	struct known_pid *pids;
	size_t n_pids, cap_pids;
};

static const struct {
	const char *name;
	uint64_t flag;
} namespaces[] = {
	{ "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },
	{ "uts", CLONE_NEWUTS },
};

/* ---- places ---- */

static int pod_path(char *path, size_t size, const char *run_dir, const char *uid, const char *name)
{
	int n = snprintf(path, size, "%s/ns/%s%s%s", run_dir, uid, name ? "/" : "",
			 name ? name : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static bool is_name(const char *text)
{
	return text && *text && text[0] != '.' && !strchr(text, '/') &&
	       strlen(text) < CONTAINER_ID_MAX;
}

/* Only a mount point takes a propagation (kernels before 5.8 can't be asked). */
static bool is_mount_point(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &st) == 0 &&
	    st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return mount(NULL, path, NULL, MS_PRIVATE, NULL) == 0;
}

/* R/ns: bound to itself and private, so that what is mounted there is nobody else's business. */
static int prepare_run_dir(const char *run_dir, struct err *err)
{
	char ns[PATH_MAX], shim[PATH_MAX];
	int r = path_mkdirs(run_dir, 0755, err);
	bool made;

	if (r < 0)
		return r;
	(void)snprintf(ns, sizeof(ns), "%s/ns", run_dir);
	(void)snprintf(shim, sizeof(shim), "%s/shim", run_dir);
	if ((mkdir(ns, 0700) < 0 && errno != EEXIST) || (mkdir(shim, 0700) < 0 && errno != EEXIST))
		return err_set(err, -errno, "make directories in %s", run_dir);
	made = !is_mount_point(ns);
	if (made && mount(ns, ns, NULL, MS_BIND, NULL) < 0)
		r = -errno;
	if (r == 0 && mount(NULL, ns, NULL, MS_PRIVATE, NULL) < 0) {
		r = -errno;
		if (made)
			(void)umount2(ns, MNT_DETACH);
	}
	return r < 0 ? err_set(err, r, "make %s a private mount", ns) : 0;
}

/* Through the directory's fd, since a socket's path has room for 107 characters only. */
static int socket_address(const char *run_dir, const char *uid, struct sockaddr_un *ret,
			  int *ret_dir_fd)
{
	char dir[PATH_MAX], link[PATH_FD_MAX];

	(void)snprintf(dir, sizeof(dir), "%s/shim", run_dir);
	*ret_dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir_fd < 0)
		return -errno;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s.sock",
		     path_of_fd(*ret_dir_fd, link), uid) >= (int)sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

static int connect_to(const struct sockaddr_un *address)
{
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	(void)fd_set_nonblocking(fd, true);
	return take_fd(&fd);
}

/* The listening socket for the shim, and our connection to it: requests may be sent at once. */
static int make_sockets(const char *run_dir, const char *uid, int *ret_listen_fd, int *ret_sock_fd)
{
	auto_close int listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	auto_close int dir_fd = -EBADF;
	struct sockaddr_un address;
	int r = socket_address(run_dir, uid, &address, &dir_fd);

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
		r = connect_to(&address);
	if (r < 0) {
		(void)unlink(address.sun_path);
		return r;
	}
	*ret_sock_fd = r;
	*ret_listen_fd = take_fd(&listen_fd);
	return 0;
}

static void remove_socket(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/shim/%s.sock", run_dir, uid);
	(void)unlink(path);
}

static int remove_pod_dir(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];

	if (pod_path(path, sizeof(path), run_dir, uid, "shm") < 0)
		return -ENAMETOOLONG;
	(void)umount2(path, MNT_DETACH);
	(void)rmdir(path);
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		(void)pod_path(path, sizeof(path), run_dir, uid, namespaces[i].name);
		(void)unlink(path);
	}
	(void)pod_path(path, sizeof(path), run_dir, uid, NULL);
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- the shim's program ---- */

/*
 * A file to execute that no container can ever write through /proc/PID/exe (CVE-2019-5736): a detached
 * read-only mount of the program, which shares its page cache; on kernels without the mount API,
 * a sealed copy. Kept for the life of the process: all shims share it.
 */
static int shim_program(const char *path, struct err *err)
{
	static char opened_path[PATH_MAX];
	static int opened_fd = -EBADF;
	static struct stat opened;
	struct kernel_mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return err_set(err, -errno, "find the shim %s", path);
	if (opened_fd >= 0 && strcmp(opened_path, path) == 0 && st.st_ino == opened.st_ino &&
	    st.st_dev == opened.st_dev)
		return opened_fd;
	fd = kernel_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd >= 0 && kernel_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0)
		fd = fd_close(fd);
	if (fd < 0) {
		auto_buf struct buf program = BUF_INIT(64u << 20);
		auto_close int copy_fd =
			kernel_memfd_create("shallop-shim", 3 /* CLOEXEC, SEALING */);
		int r = fd_read_file(path, &program, err);

		if (r < 0)
			return r;
		if (copy_fd < 0)
			return err_set(err, -errno, "make a sealed copy of %s", path);
		r = fd_write_all(copy_fd, program.data, program.len);
		if (r < 0 || fcntl(copy_fd, F_ADD_SEALS,
				   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
			return err_set(err, r < 0 ? r : -errno, "make a sealed copy of %s", path);
		fd = take_fd(&copy_fd);
	}
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

	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		if (!(namespaces_of(o) & namespaces[i].flag))
			continue;
		(void)snprintf(target, sizeof(target), "/proc/%d/ns/%s", (int)pid,
			       namespaces[i].name);
		(void)pod_path(name, sizeof(name), o->run_dir, o->uid, namespaces[i].name);
		if (symlink(target, name) < 0)
			return err_set(err, -errno, "name the pod's %s namespace %s",
				       namespaces[i].name, name);
	}
	return 0;
}

static int make_shm(const struct sandbox_options *o, struct err *err)
{
	char path[PATH_MAX], data[64];
	int fd;

	(void)pod_path(path, sizeof(path), o->run_dir, o->uid, "shm");
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

static int open_shm(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];
	int fd;

	(void)pod_path(path, sizeof(path), run_dir, uid, "shm");
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -EBADF : fd;
}

static struct sandbox *sandbox_new(const char *run_dir, const char *uid)
{
	struct sandbox *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sock_fd = s->net_fd = s->shm_fd = -EBADF;
	s->run_dir = strdup(run_dir);
	s->uid = strdup(uid);
	if (!s->run_dir || !s->uid)
		return sandbox_close(s);
	return s;
}

struct sandbox *sandbox_close(struct sandbox *s)
{
	if (!s)
		return NULL;
	(void)fd_close(s->sock_fd);
	(void)fd_close(s->net_fd);
	(void)fd_close(s->shm_fd);
	free(s->run_dir);
	free(s->uid);
	free(s->pids);
	free(s);
	return NULL;
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

static void reap(struct sandbox *s)
{
	if (s->is_child)
		(void)waitpid(s->pid, NULL, __WALL);
	s->is_child = false;
}

static int open_shim_cgroup(int pod_fd, struct err *err)
{
	int fd;

	if (pod_fd < 0)
		return -EBADF;
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
		reap(s);
	}
	return r;
}

int sandbox_create(const struct sandbox_options *o, struct sandbox **ret, struct err *err)
{
	auto_sandbox struct sandbox *s = NULL;
	auto_close int listen_fd = -EBADF, shim_cgroup_fd = -EBADF;
	struct birth b = { .options = o, .cgroup_fd = o->cgroup_fd };
	char dir[PATH_MAX];
	int r;

	assert(o->run_dir && o->shim_path && ret);
	if (!is_name(o->uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", o->uid ? o->uid : "");
	r = prepare_run_dir(o->run_dir, err);
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
	r = pod_path(dir, sizeof(dir), o->run_dir, o->uid, NULL);
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
		(void)remove_pod_dir(o->run_dir, o->uid);
		if (s->sock_fd >= 0)
			remove_socket(o->run_dir, o->uid);
		if (shim_cgroup_fd >= 0)
			(void)unlinkat(o->cgroup_fd, "shim", AT_REMOVEDIR);
		return r;
	}
	*ret = take_ptr(&s);
	return 0;
}

/* ---- a shim that lives already ---- */

static int send_request(struct sandbox *s, struct shim_request *request, const int *fds,
			size_t n_fds, struct err *err)
{
	size_t len = offsetof(struct shim_request, log_path) + strlen(request->log_path) + 1;
	int r;

	if (s->gone)
		return err_say(err, -ESHUTDOWN, "the shim of pod %s is gone", s->uid);
	request->version = SHIM_VERSION;
	request->number = ++s->next_number;
	r = fd_send(s->sock_fd, request, len, fds, n_fds);
	return r < 0 ? err_set(err, r, "send to the shim of pod %s", s->uid) : 0;
}

static int await_welcome(struct sandbox *s, struct err *err)
{
	struct pollfd p = { .fd = s->sock_fd, .events = POLLIN };
	struct shim_event event = { 0 };
	ssize_t n;

	if (poll(&p, 1, WELCOME_TIMEOUT_MS) <= 0)
		return err_set(err, -ETIMEDOUT, "wait for the shim of pod %s", s->uid);
	n = fd_recv(s->sock_fd, &event, sizeof(event), NULL, 0, NULL, MSG_DONTWAIT);
	if (n < 0)
		return err_set(err, (int)n, "hear the shim of pod %s", s->uid);
	if (n < (ssize_t)sizeof(uint32_t) * 2)
		return err_set(err, -ECONNREFUSED, "hear the shim of pod %s", s->uid);
	if (event.version != SHIM_VERSION || event.type != SHIM_WELCOME)
		return err_say(err, -EPROTONOSUPPORT,
			       "the shim of pod %s speaks version %u, this agent %d", s->uid,
			       event.version, SHIM_VERSION);
	s->pid = event.pid;
	s->share_pid = event.share_pid;
	s->host_pid = event.host_pid;
	return 0;
}

int sandbox_adopt(const char *run_dir, const char *uid, struct sandbox **ret, struct err *err)
{
	auto_sandbox struct sandbox *s = NULL;
	auto_close int dir_fd = -EBADF;
	struct shim_request hello = { .type = SHIM_HELLO };
	struct sockaddr_un address;
	char path[PATH_MAX];
	int r;

	if (!is_name(uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", uid ? uid : "");
	s = sandbox_new(run_dir, uid);
	if (!s)
		return err_set(err, -ENOMEM, "sandbox of pod %s", uid);
	r = socket_address(run_dir, uid, &address, &dir_fd);
	if (r == 0) {
		s->sock_fd = connect_to(&address);
		r = s->sock_fd < 0 ? s->sock_fd : 0;
	}
	if (r < 0)
		return err_set(err, r, "connect to the shim of pod %s", uid);
	r = send_request(s, &hello, NULL, 0, err);
	if (r == 0)
		r = await_welcome(s, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->pid);
	s->net_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->net_fd < 0)
		return err_set(err, -errno, "open the network namespace of pod %s", uid);
	s->shm_fd = open_shm(run_dir, uid);
	*ret = take_ptr(&s);
	return 0;
}

/* ---- the end of a sandbox ---- */

/* True: the shim has hung up, which it does as its last act. */
static bool await_end(struct sandbox *s, int timeout_ms)
{
	struct shim_event event;

	for (;;) {
		struct pollfd p = { .fd = s->sock_fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, timeout_ms) <= 0)
			return false;
		n = fd_recv(s->sock_fd, &event, sizeof(event), NULL, 0, NULL, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return true;
	}
}

int sandbox_destroy(struct sandbox *s, struct err *err)
{
	struct shim_request quit = { .type = SHIM_QUIT };
	int r = 0;

	if (!s->gone &&
	    (send_request(s, &quit, NULL, 0, NULL) < 0 || !await_end(s, QUIT_TIMEOUT_MS))) {
		/* It does not even answer: its containers die with it (parent death signal). */
		if (kill(s->pid, SIGKILL) < 0 && errno != ESRCH)
			r = err_set(err, -errno, "kill the shim of pod %s", s->uid);
		(void)await_end(s, QUIT_TIMEOUT_MS);
	}
	s->gone = true;
	reap(s);
	remove_socket(s->run_dir, s->uid);
	if (r == 0)
		r = remove_pod_dir(s->run_dir, s->uid);
	if (r < 0 && err && !err->code)
		(void)err_set(err, r, "remove the sandbox of pod %s", s->uid);
	(void)sandbox_close(s);
	return r;
}

int sandbox_forget(const char *run_dir, const char *uid, int cgroup_fd, struct err *err)
{
	int r = 0;

	if (!is_name(uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", uid ? uid : "");
	if (cgroup_fd >= 0)
		r = cgroup_kill_all(cgroup_fd, QUIT_TIMEOUT_MS);
	if (r < 0)
		return err_set(err, r, "kill what is left of pod %s", uid);
	remove_socket(run_dir, uid);
	r = remove_pod_dir(run_dir, uid);
	return r < 0 ? err_set(err, r, "remove the sandbox of pod %s", uid) : 0;
}

int sandbox_purge(const char *run_dir, struct err *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/ns", run_dir);
	if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return err_set(err, -errno, "unmount %s", path);
	return 0;
}

pid_t sandbox_pid(const struct sandbox *s)
{
	return s->pid;
}

int sandbox_net_fd(const struct sandbox *s)
{
	return s->net_fd;
}

int sandbox_fd(const struct sandbox *s)
{
	return s->sock_fd;
}

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
			reap(s);
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
	auto_close int fd = kernel_memfd_create("plan", 1 /* MFD_CLOEXEC */);
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

	if (mkdirat(o->cgroup_parent_fd, o->id, 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "make cgroup %s", o->id);
	fd = openat(o->cgroup_parent_fd, o->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "open cgroup %s", o->id);
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

	if (!is_name(o->id))
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
	r = send_request(s, &request, fds, n, err);
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

	if (!is_name(o->id) || !is_name(o->exec_id))
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
	r = send_request(s, &request, fds, n, err);
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
	r = send_request(s, &request, given, n, err);
	return r < 0 ? r : (int64_t)request.number;
}

static int64_t send_simple(struct sandbox *s, struct shim_request *request, const char *id,
			   struct err *err)
{
	int r;

	(void)snprintf(request->id, sizeof(request->id), "%s", id);
	r = send_request(s, request, NULL, 0, err);
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
