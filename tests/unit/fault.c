/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault loop: the linker's --wrap sends the calls listed here (and in the Makefile's
 * FAULT_WRAPS, which is made from this file) through a counter that makes the nth one fail.
 * Variadic functions are forwarded with the arguments that their callers here use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/test.h"

static struct {
	unsigned left; /* calls until one fails; 0: not armed */
	bool hit;
	const char *name;
	pid_t pid;	/* who armed */
	bool in_clones; /* others fail, not that one */
} fault;

void fault_arm_clones(unsigned nth)
{
	fault_arm(nth);
	fault.in_clones = true;
}

void fault_arm(unsigned nth)
{
	fault.pid = getpid();
	fault.in_clones = false;
	fault.left = nth;
	fault.hit = false;
	fault.name = "none";
}

bool fault_disarm(void)
{
	fault.left = 0;
	return fault.hit;
}

const char *fault_name(void)
{
	return fault.name;
}

static bool strikes(const char *name, int code)
{
	/* One process at a time: a clone has a counter of its own, and two failures at once would
	 * prove nothing. */
	if (fault.left == 0 || (getpid() != fault.pid) != fault.in_clones || --fault.left > 0)
		return false;
	fault.hit = true;
	fault.name = name;
	errno = code;
	return true;
}

/* type, name, parameters, arguments, value on failure, errno */
#define FAULT(type, name, params, args, bad, code)                                                 \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return strikes(#name, code) ? (bad) : __real_##name args;                          \
	}

FAULT(void *, malloc, (size_t n), (n), NULL, ENOMEM)
FAULT(void *, calloc, (size_t n, size_t s), (n, s), NULL, ENOMEM)
FAULT(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM)
FAULT(void *, reallocarray, (void *p, size_t n, size_t s), (p, n, s), NULL, ENOMEM)
FAULT(char *, strdup, (const char *s), (s), NULL, ENOMEM)
FAULT(char *, strndup, (const char *s, size_t n), (s, n), NULL, ENOMEM)
FAULT(int, mkdir, (const char *p, mode_t m), (p, m), -1, ENOSPC)
FAULT(int, mkdirat, (int d, const char *p, mode_t m), (d, p, m), -1, ENOSPC)
FAULT(int, mount, (const char *s, const char *t, const char *f, unsigned long l, const void *d),
      (s, t, f, l, d), -1, EINVAL)
FAULT(int, rename, (const char *a, const char *b), (a, b), -1, EIO)
FAULT(int, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q), -1, EIO)
FAULT(int, symlinkat, (const char *t, int d, const char *p), (t, d, p), -1, ENOSPC)
FAULT(int, linkat, (int a, const char *p, int b, const char *q, int f), (a, p, b, q, f), -1, EMLINK)
FAULT(int, fsync, (int fd), (fd), -1, EIO)
FAULT(int, fstat, (int fd, struct stat *st), (fd, st), -1, EIO)
FAULT(int, fchmod, (int fd, mode_t m), (fd, m), -1, EPERM)
FAULT(int, fchown, (int fd, uid_t u, gid_t g), (fd, u, g), -1, EPERM)
FAULT(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC)
FAULT(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), -1, ENOSPC)
FAULT(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o), -1, ENOSPC)
FAULT(int, syncfs, (int fd), (fd), -1, EIO)
FAULT(int, flock, (int fd, int how), (fd, how), -1, ENOLCK)
FAULT(int, mknodat, (int d, const char *p, mode_t m, dev_t v), (d, p, m, v), -1, EPERM)
FAULT(int, futimens, (int fd, const struct timespec *t), (fd, t), -1, EPERM)
FAULT(int, fsetxattr, (int fd, const char *n, const void *v, size_t s, int f), (fd, n, v, s, f), -1,
      ENOSPC)
FAULT(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), -1, EIO)
FAULT(int, socket, (int a, int b, int c), (a, b, c), -1, EMFILE)
FAULT(int, socketpair, (int a, int b, int c, int *v), (a, b, c, v), -1, EMFILE)
FAULT(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, EADDRINUSE)
FAULT(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE)
FAULT(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, ECONNREFUSED)
FAULT(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f), -1, EPIPE)
FAULT(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f), -1, ECONNRESET)
FAULT(int, pipe2, (int *v, int f), (v, f), -1, EMFILE)
FAULT(int, epoll_create1, (int f), (f), -1, EMFILE)
FAULT(int, epoll_ctl, (int e, int o, int fd, struct epoll_event *ev), (e, o, fd, ev), -1, ENOSPC)
FAULT(DIR *, fdopendir, (int fd), (fd), NULL, ENOMEM)
FAULT(int, setns, (int fd, int type), (fd, type), -1, EPERM)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	return strikes("open", EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int dir_fd, const char *path, int flags, ...);
int __wrap_openat(int dir_fd, const char *path, int flags, ...);
int __wrap_openat(int dir_fd, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	return strikes("openat", EMFILE) ? -1 : __real_openat(dir_fd, path, flags, mode);
}

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
/* Six arguments are read whatever was given: registers and stack that nobody else may look at. */
__attribute__((no_sanitize_address)) long __wrap_syscall(long nr, ...)
{
	va_list args;
	long a[6];

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return strikes("syscall", ENOSPC) ? -1
					  : __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
