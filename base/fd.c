/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)data + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int fd_read_to_end(int fd, struct buf *buf)
{
	size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;

	for (;;) {
		/* Ask for one byte more than may fit, so that "just full" and "too big" differ. */
		char chunk[8192];
		ssize_t n = read(fd, chunk, MIN(sizeof(chunk), max - buf->len + 1));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		int r = buf_append(buf, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

int fd_read_file_at(int dir_fd, const char *path, struct buf *buf, struct err *err)
{
	auto_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "open %s", path);
	r = fd_read_to_end(fd, buf);
	return r < 0 ? err_set(err, r, "read %s", path) : 0;
}

/* Open the directory that holds @path and point *name at its last part. */
static int open_parent(int dir_fd, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd;

	if (!slash) {
		*name = path;
		fd = openat(dir_fd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if ((size_t)(slash - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	*name = slash + 1;
	fd = openat(dir_fd, slash == path ? "/" : parent, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_synced(int dir_fd, const char *name, const void *data, size_t len, mode_t mode)
{
	auto_close int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) < 0)
		return -errno;
	r = fd_write_all(fd, data, len);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int fd_write_file_at(int dir_fd, const char *path, const void *data, size_t len, mode_t mode,
		     struct err *err)
{
	auto_close int parent_fd = -EBADF;
	char tmp[NAME_MAX + 1];
	const char *name;
	int r;

	parent_fd = open_parent(dir_fd, path, &name);
	if (parent_fd < 0)
		return err_set(err, parent_fd, "open directory of %s", path);
	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return err_set(err, -ENAMETOOLONG, "write %s", path);
	r = write_synced(parent_fd, tmp, data, len, mode);
	if (r == 0 && renameat(parent_fd, tmp, parent_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(parent_fd, tmp, 0);
		return err_set(err, r, "write %s", path);
	}
	if (fsync(parent_fd) < 0)
		return err_set(err, -errno, "sync directory of %s", path);
	return 0;
}

int fd_put_at(int dir_fd, const char *path, const char *text)
{
	auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, strlen(text));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}

int fd_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_send(int sock_fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	assert(n_fds <= FD_PASS_MAX);
	if (n_fds) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(sock_fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

ssize_t fd_recv(int sock_fd, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n_fds,
		int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	int got[FD_PASS_MAX];
	size_t n_got = 0;
	bool refuse;
	ssize_t n;

	do
		n = recvmsg(sock_fd, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (here > FD_PASS_MAX - n_got)
			here = FD_PASS_MAX - n_got;
		memcpy(got + n_got, CMSG_DATA(c), here * sizeof(int));
		n_got += here;
	}
	refuse = n_got > max_fds || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	for (size_t i = 0; i < n_got; i++) {
		if (refuse)
			(void)fd_close(got[i]);
		else
			fds[i] = got[i];
	}
	if (ret_n_fds)
		*ret_n_fds = refuse ? 0 : n_got;
	return refuse ? -EMSGSIZE : n;
}
