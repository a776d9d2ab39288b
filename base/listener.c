/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/stream.h"

#define BACKLOG	    1024
#define ACCEPTS_MAX 32	/* in one round */
#define FULL_MS	    100 /* out of fds: look again then */

struct listener {
	struct loop *loop;
	int fd;
	bool closed;
	listener_fn *fn;
	void *data;
	struct loop_timer *full_timer;
};

static void on_connection(struct loop *loop, int fd, unsigned events, void *data);

static void on_full_timer(struct loop *loop, void *data)
{
	struct listener *listener = data;

	if (loop_watch(loop, listener->fd, LOOP_READ, on_connection, listener) < 0)
		loop_timer_set_ms(listener->full_timer, FULL_MS);
}

static void on_connection(struct loop *loop, int fd, unsigned events, void *data)
{
	struct listener *listener = data;

	(void)events;
	for (int i = 0; i < ACCEPTS_MAX && !listener->closed; i++) {
		union {
			struct sockaddr any;
			struct sockaddr_storage storage;
		} peer = { 0 };
		socklen_t len = sizeof(peer);
		int conn_fd = accept4(fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn_fd >= 0) {
			listener->fn(listener, conn_fd, &peer.any, listener->data);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The connection stays in the backlog; a level-triggered watch would spin. */
			loop_unwatch(loop, fd);
			loop_timer_set_ms(listener->full_timer, FULL_MS);
			return;
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

int listener_open(struct loop *loop, int fd, listener_fn *fn, void *data, struct listener **ret)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r = -ENOMEM;

	if (!listener) {
		(void)fd_close(fd);
		return r;
	}
	*listener = (struct listener){ .loop = loop, .fd = fd, .fn = fn, .data = data };
	r = fd_set_nonblocking(fd, true);
	if (r == 0)
		r = loop_timer_new(loop, on_full_timer, listener, &listener->full_timer);
	if (r == 0)
		r = loop_watch(loop, fd, LOOP_READ, on_connection, listener);
	if (r < 0) {
		(void)loop_timer_free(listener->full_timer);
		(void)fd_close(fd);
		free(listener);
		return r;
	}
	*ret = listener;
	return 0;
}

static void listener_release(struct loop *loop, void *data)
{
	(void)loop;
	free(data);
}

struct listener *listener_close(struct listener *listener)
{
	if (!listener || listener->closed)
		return NULL;
	listener->closed = true;
	loop_unwatch(listener->loop, listener->fd);
	listener->fd = fd_close(listener->fd);
	listener->full_timer = loop_timer_free(listener->full_timer);
	loop_defer(listener->loop, listener_release, listener);
	return NULL;
}

static int bind_and_listen(int fd, const struct sockaddr *addr, socklen_t len)
{
	int on = 1;

	if (addr->sa_family != AF_UNIX &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, addr, len) < 0)
		return -errno;
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int listen_v6(const struct in6_addr *ip, unsigned port, int *ret_fd)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6,
				     .sin6_port = htons((uint16_t)port),
				     .sin6_addr = *ip };
	auto_close int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int off = 0, r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	r = bind_and_listen(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

static int listen_v4(const struct in_addr *ip, unsigned port, int *ret_fd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr = *ip };
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = bind_and_listen(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

int listen_tcp(const char *ip, unsigned port, int *ret_fd, struct err *err)
{
	struct in6_addr v6 = in6addr_any;
	struct in_addr v4 = { htonl(INADDR_ANY) };
	bool all = !*ip || !strcmp(ip, "::");
	int r;

	if (port > 65535)
		return err_set(err, -EINVAL, "listen on port %u: not a port", port);
	if (all) {
		r = listen_v6(&v6, port, ret_fd);
		if (r < 0 && r != -EADDRINUSE && r != -EACCES) /* no IPv6 on this host */
			r = listen_v4(&v4, port, ret_fd);
	} else if (inet_pton(AF_INET, ip, &v4) == 1) {
		r = listen_v4(&v4, port, ret_fd);
	} else if (inet_pton(AF_INET6, ip, &v6) == 1) {
		r = listen_v6(&v6, port, ret_fd);
	} else {
		return err_set(err, -EINVAL, "listen on %s: not an IP address", ip);
	}
	return r < 0 ? err_set(err, r, "listen on %s port %u", all ? "all addresses" : ip, port)
		     : 0;
}

/* A socket file that nobody answers on is what a killed process has left. */
static int remove_stale(const struct sockaddr_un *addr)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

int listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int fd = -EBADF;
	mode_t old_mask;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "listen on %s", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "listen on %s", path);
	old_mask = umask((mode_t)~mode & 0777); /* never open wider than asked, not for a moment */
	r = bind_and_listen(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r == -EADDRINUSE && remove_stale(&addr) == 0)
		r = bind_and_listen(fd, (struct sockaddr *)&addr, sizeof(addr));
	(void)umask(old_mask);
	if (r == 0 && chmod(path, mode) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, r, "listen on %s", path);
	*ret_fd = take_fd(&fd);
	return 0;
}
