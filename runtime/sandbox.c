/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's place on the host, and the agent's hold on its shim: finding it, adopting it, ending it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/cgroup.h"
#include "runtime/kernel.h"
#include "runtime/sandbox.h"

#define QUIT_TIMEOUT_MS	   5000
#define WELCOME_TIMEOUT_MS 2000

const struct sandbox_namespace sandbox_namespaces[SANDBOX_NAMESPACES] = {
	{ "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },
	{ "uts", CLONE_NEWUTS },
};

/* ---- places ---- */

int sandbox_path(char *path, size_t size, const char *run_dir, const char *uid, const char *name)
{
	int n = snprintf(path, size, "%s/ns/%s%s%s", run_dir, uid, name ? "/" : "",
			 name ? name : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

bool sandbox_is_name(const char *text)
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
int sandbox_prepare(const char *run_dir, struct err *err)
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
int sandbox_address(const char *run_dir, const char *uid, struct sockaddr_un *ret, int *ret_dir_fd)
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

int sandbox_connect(const struct sockaddr_un *address)
{
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	(void)fd_set_nonblocking(fd, true);
	return take_fd(&fd);
}

void sandbox_remove_socket(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/shim/%s.sock", run_dir, uid);
	(void)unlink(path);
}

int sandbox_remove_dir(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];

	if (sandbox_path(path, sizeof(path), run_dir, uid, "shm") < 0)
		return -ENAMETOOLONG;
	(void)umount2(path, MNT_DETACH);
	(void)rmdir(path);
	for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
		(void)sandbox_path(path, sizeof(path), run_dir, uid, sandbox_namespaces[i].name);
		(void)unlink(path);
	}
	(void)sandbox_path(path, sizeof(path), run_dir, uid, NULL);
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- the handle ---- */

struct sandbox *sandbox_new(const char *run_dir, const char *uid)
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

void sandbox_reap(struct sandbox *s)
{
	if (s->is_child)
		(void)waitpid(s->pid, NULL, __WALL);
	s->is_child = false;
}

/* ---- a shim that lives already ---- */

static int open_shm(const char *run_dir, const char *uid)
{
	char path[PATH_MAX];
	int fd;

	(void)sandbox_path(path, sizeof(path), run_dir, uid, "shm");
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -EBADF : fd;
}

int sandbox_send(struct sandbox *s, struct shim_request *request, const int *fds, size_t n_fds,
		 struct err *err)
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

	if (!sandbox_is_name(uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", uid ? uid : "");
	s = sandbox_new(run_dir, uid);
	if (!s)
		return err_set(err, -ENOMEM, "sandbox of pod %s", uid);
	r = sandbox_address(run_dir, uid, &address, &dir_fd);
	if (r == 0) {
		s->sock_fd = sandbox_connect(&address);
		r = s->sock_fd < 0 ? s->sock_fd : 0;
	}
	if (r < 0)
		return err_set(err, r, "connect to the shim of pod %s", uid);
	r = sandbox_send(s, &hello, NULL, 0, err);
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
	    (sandbox_send(s, &quit, NULL, 0, NULL) < 0 || !await_end(s, QUIT_TIMEOUT_MS))) {
		/* It does not even answer: its containers die with it (parent death signal). */
		if (kill(s->pid, SIGKILL) < 0 && errno != ESRCH)
			r = err_set(err, -errno, "kill the shim of pod %s", s->uid);
		(void)await_end(s, QUIT_TIMEOUT_MS);
	}
	s->gone = true;
	sandbox_reap(s);
	sandbox_remove_socket(s->run_dir, s->uid);
	if (r == 0)
		r = sandbox_remove_dir(s->run_dir, s->uid);
	if (r < 0 && err && !err->code)
		(void)err_set(err, r, "remove the sandbox of pod %s", s->uid);
	(void)sandbox_close(s);
	return r;
}

int sandbox_forget(const char *run_dir, const char *uid, int cgroup_fd, struct err *err)
{
	int r = 0;

	if (!sandbox_is_name(uid))
		return err_say(err, -EINVAL, "\"%s\" is no pod uid", uid ? uid : "");
	if (cgroup_fd >= 0)
		r = cgroup_kill_all(cgroup_fd, QUIT_TIMEOUT_MS);
	if (r < 0)
		return err_set(err, r, "kill what is left of pod %s", uid);
	sandbox_remove_socket(run_dir, uid);
	r = sandbox_remove_dir(run_dir, uid);
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
