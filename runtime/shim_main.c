/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shallop-shim: the parent of one pod's containers. Started by the agent inside the pod's network, ipc
 * and uts namespaces, outlives it, and answers to whichever agent connects next.
 *
 * Usage: shallop-shim UID MODE, with the listening socket as fd 3; never by hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "runtime/kernel.h"
#include "runtime/shim_pod.h"

#define CLIENTS_MAX 8

struct pod pod = { .epoll_fd = -EBADF,
		   .pause_pid_ns_fd = -EBADF,
		   .cgroup_fd = -EBADF,
		   .processes = LIST_INIT(pod.processes),
		   .clients = LIST_INIT(pod.clients) };

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t shim_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t shim_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ---- watches ---- */

void watch_set(struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w->fd < 0 || (w->watched && w->events == events))
		return;
	if (epoll_ctl(pod.epoll_fd, w->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) == 0) {
		w->watched = true;
		w->events = events;
	}
}

void watch_stop(struct watch *w)
{
	if (w->watched)
		(void)epoll_ctl(pod.epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->watched = false;
}

void watch_close(struct watch *w)
{
	watch_stop(w);
	w->fd = fd_close(w->fd);
}

/* ---- clients ---- */

static void client_free(struct client *client)
{
	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		if (p->client == client)
			p->client = NULL;
	}
	watch_close(&client->watch);
	list_remove(&client->node);
	free(client);
}

/* A client that does not read is hung up on: on its return it hears how things stand. */
static void send_event(struct client *client, const struct shim_event *event)
{
	if (send(client->watch.fd, event, sizeof(*event), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		(void)shutdown(client->watch.fd, SHUT_RDWR);
}

void tell(struct client *client, const struct shim_event *event)
{
	if (client) {
		send_event(client, event);
		return;
	}
	/* STARTED whose asker has gone is for everybody too: they would wonder otherwise. */
	list_for_each (node, tmp, &pod.clients)
		send_event(list_entry(node, struct client, node), event);
}

void tell_answer(struct client *client, uint64_t number, const struct err *err)
{
	struct shim_event event = { .version = SHIM_VERSION,
				    .type = err->code ? SHIM_FAILED : SHIM_DONE,
				    .number = number,
				    .error_code = err->code };

	if (!client)
		return;
	memcpy(event.error, err->text, MIN(sizeof(event.error), sizeof(err->text)));
	send_event(client, &event);
}

static void say_hello(struct client *client)
{
	struct shim_event event = { .version = SHIM_VERSION,
				    .type = SHIM_WELCOME,
				    .pid = getpid(),
				    .share_pid = pod.share_pid,
				    .host_pid = pod.host_pid };

	send_event(client, &event);
	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		if (p->is_exec)
			continue;
		process_describe(p, SHIM_KNOWN, &event);
		send_event(client, &event);
	}
	event = (struct shim_event){ .version = SHIM_VERSION, .type = SHIM_SYNCED };
	send_event(client, &event);
}

static void quit(void)
{
	pod.quitting = true;
	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		if (p->state != PROCESS_EXITED)
			(void)process_kill(p);
	}
	if (pod.pause_pid)
		(void)kill(pod.pause_pid, SIGKILL);
	quit_if_done();
}

void quit_if_done(void)
{
	if (!pod.quitting || pod.pause_pid)
		return;
	list_for_each (node, tmp, &pod.processes)
		if (list_entry(node, struct process, node)->state != PROCESS_EXITED)
			return;
	list_for_each (node, tmp, &pod.processes)
		(void)process_remove(list_entry(node, struct process, node));
	_exit(0);
}

static int act_on(const struct shim_request *request, const int *fds, size_t n_fds,
		  struct client *client, struct err *err)
{
	struct process *p = process_find(request->exec_id[0] ? request->exec_id : request->id);

	switch (request->type) {
	case SHIM_START:
		if (p)
			return err_say(err, -EEXIST, "container %s exists", request->id);
		return process_start(request, fds, n_fds, client, err);
	case SHIM_EXEC:
		if (p)
			return err_say(err, -EEXIST, "exec %s exists", request->exec_id);
		return process_exec(request, fds, n_fds, client, err);
	default:
		break;
	}
	if (!p)
		return err_say(err, -ESRCH, "container %s is unknown", request->id);
	switch (request->type) {
	case SHIM_ATTACH:
		if (n_fds != (size_t)__builtin_popcount(request->fd_mask & 7))
			return -EPROTO;
		return stream_attach(p, fds, request->fd_mask);
	case SHIM_SIGNAL:
		return process_signal(p, request->signo);
	case SHIM_KILL:
		return process_kill(p);
	case SHIM_RESIZE:
		return stream_resize(p, request->rows, request->cols);
	case SHIM_REMOVE:
		return process_remove(p);
	case SHIM_REOPEN_LOG:
		return p->log_path[0] ? shim_log_open(&p->log, p->log_path) : -ENOENT;
	default:
		return err_say(err, -ENOSYS, "this shim does not know request %u", request->type);
	}
}

static void take_request(struct client *client, struct shim_request *request, const int *fds,
			 size_t n_fds)
{
	struct err err = { 0 };
	int r;

	if (request->type == SHIM_HELLO) {
		say_hello(client);
		return;
	}
	if (request->type == SHIM_QUIT) {
		quit();
		return;
	}
	if (pod.quitting)
		r = err_say(&err, -ESHUTDOWN, "the pod is being removed");
	else
		r = act_on(request, fds, n_fds, client, &err);
	/* Starts and execs are answered by what becomes of them. */
	if (r == 0 && (request->type == SHIM_START || request->type == SHIM_EXEC))
		return;
	if (r < 0 && !err.code)
		(void)err_set(&err, r, "container %s", request->id);
	tell_answer(client, request->number, &err);
}

static void on_request(struct watch *w, uint32_t events)
{
	struct client *client = CONTAINER_OF(w, struct client, watch);
	static struct shim_request request;
	static int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t n;

	(void)events;
	memset(&request, 0, sizeof(request));
	n = fd_recv(w->fd, &request, sizeof(request), fds, ARRAY_LEN(fds), &n_fds, MSG_DONTWAIT);
	if (n == -EAGAIN)
		return;
	if (n < (ssize_t)offsetof(struct shim_request, id)) {
		client_free(client);
	} else if (request.version != SHIM_VERSION && request.type != SHIM_HELLO) {
		struct err err;

		(void)err_say(&err, -EPROTONOSUPPORT, "this shim speaks version %d, not %u",
			      SHIM_VERSION, request.version);
		tell_answer(client, request.number, &err);
	} else {
		request.id[SHIM_ID_MAX - 1] = request.exec_id[SHIM_ID_MAX - 1] = '\0';
		request.log_path[SHIM_LOG_PATH_MAX - 1] = '\0';
		take_request(client, &request, fds, n_fds);
	}
	for (size_t i = 0; i < n_fds; i++)
		(void)fd_close(fds[i]);
}

static void on_connection(struct watch *w, uint32_t events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	struct client *client;
	unsigned n = 0;

	(void)events;
	if (fd < 0)
		return;
	list_for_each (node, tmp, &pod.clients)
		n++;
	client = n < CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
	if (!client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		free(client);
		(void)fd_close(fd);
		return;
	}
	client->watch = (struct watch){ .fd = fd, .fn = on_request };
	list_append(&pod.clients, &client->node);
	watch_set(&client->watch, EPOLLIN);
}

static void on_child(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) > 0)
		;
	process_reap();
}

/* ---- the pause process of a shared pid namespace ---- */

/*
 * Its pid 1: reaps (SIGCHLD is ignored) and waits. It has no root of the host's, no capability and no
 * open file, since containers of the pod see it in their /proc.
 */
static _Noreturn void pause_main(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };
	sigset_t none;

	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGCHLD, &ignore, NULL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "pause");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("pause", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2") < 0 ||
	    chdir("/proc") < 0 || kernel_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		_exit(1);
	if (kernel_close_range(0, ~0u, 0) < 0)
		for (int fd = 0; fd < 1024; fd++)
			(void)close(fd);
	for (int cap = 0; cap < 64; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_setresgid, 65534, 65534, 65534) < 0 ||
	    syscall(SYS_setresuid, 65534, 65534, 65534) < 0)
		_exit(1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* which the change of ids would have cleared */
	for (;;)
		(void)pause();
}

static int start_pause(void)
{
	char path[64];
	long pid = syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return -errno;
	if (pid == 0)
		pause_main();
	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/pid", pid);
	pod.pause_pid = (pid_t)pid;
	pod.pause_pid_ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	return pod.pause_pid_ns_fd < 0 ? -errno : 0;
}

/* ---- main ---- */

static int signal_fd(void)
{
	sigset_t all, child;

	/* Nobody's signals end a shim but SIGKILL; SIGCHLD arrives by fd. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	struct watch listener = { .fd = SHIM_FD_LISTEN, .fn = on_connection };
	struct watch children = { .fd = -EBADF, .fn = on_child };

	if (argc != 3 || fd_set_nonblocking(SHIM_FD_LISTEN, true) < 0) {
		static const char usage[] = "shallop-shim is started by the shallop agent\n";

		(void)!write(2, usage, sizeof(usage) - 1);
		return 2;
	}
	(void)prctl(PR_SET_NAME, "shallop-shim"); /* executed by fd, it may have that one's name */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)fd_set_cloexec(SHIM_FD_LISTEN, true);
	if (strchr(mode, SHIM_MODE_CGROUP)) {
		pod.cgroup_fd = SHIM_FD_CGROUP;
		(void)fd_set_cloexec(SHIM_FD_CGROUP, true);
	}
	pod.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	children.fd = signal_fd();
	if (pod.epoll_fd < 0 || children.fd < 0)
		return 1;
	pod.share_pid = strchr(mode, SHIM_MODE_SHARE_PID);
	pod.host_pid = strchr(mode, SHIM_MODE_HOST_PID);
	if (pod.share_pid && start_pause() < 0)
		return 1;
	watch_set(&listener, EPOLLIN);
	watch_set(&children, EPOLLIN);
	for (;;) {
		struct epoll_event event;
		int n = epoll_wait(pod.epoll_fd, &event, 1, stream_next_deadline_ms());

		if (n > 0) {
			struct watch *w = event.data.ptr;

			w->fn(w, event.events);
		}
		stream_drop_stalled();
	}
}
