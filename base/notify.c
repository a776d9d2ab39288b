/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

static int address_of(const char *path, struct sockaddr_un *addr, socklen_t *len)
{
	size_t n = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(addr->sun_path))
		return -EINVAL;
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(addr->sun_path, path, n);
	if (path[0] == '@')
		addr->sun_path[0] = '\0'; /* abstract */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

int notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	auto_close int fd = -EBADF;
	struct sockaddr_un addr;
	socklen_t len;
	int r;

	if (!path || !*path)
		return 0;
	r = address_of(path, &addr, &len);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		return -errno;
	return 0;
}

int notify_listen(const char *path, int *ret_fd, struct err *err)
{
	auto_close int fd = -EBADF;
	struct sockaddr_un addr;
	socklen_t len;
	int on = 1, r;

	r = address_of(path, &addr, &len);
	if (r < 0)
		return err_say(err, r, "%s is too long for a socket's path", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "make a socket");
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		return err_set(err, -errno, "bind %s", path);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return err_set(err, -errno, "ask %s for credentials", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

ssize_t notify_receive(int fd, int timeout_ms, char *text, size_t size, pid_t *ret_pid)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;

	if (poll(&poll_fd, 1, timeout_ms) < 0)
		return -errno;
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*ret_pid = 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
		struct ucred cred;

		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		*ret_pid = cred.pid;
	}
	return n;
}
