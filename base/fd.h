/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: owned ints, O_CLOEXEC from birth, -EBADF while unset.
 *
 * The *_all functions restart after EINTR and short transfers; they are for files, pipes to
 * ourselves and blocking sockets, never for a peer who may stall a loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

int fd_close(int fd); /* negative: nothing to do. Keeps errno; returns -EBADF */

int fd_write_all(int fd, const void *data, size_t len);
ssize_t fd_read_all(int fd, void *data, size_t len); /* bytes read, fewer than @len at the end */

/* Append all of a file to @buf; its max is the bound (-E2BIG). */
int fd_read_to_end(int fd, struct buf *buf);
int fd_read_file_at(int dir_fd, const char *path, struct buf *buf, struct err *err);
static inline int fd_read_file(const char *path, struct buf *buf, struct err *err)
{
	return fd_read_file_at(-100 /* AT_FDCWD */, path, buf, err);
}

/*
 * Replace @path below @dir_fd whole: a reader sees the old content or the new, also after a power
 * cut. Writes path.tmp beside it, fsyncs it, renames, fsyncs the directory.
 */
int fd_write_file_at(int dir_fd, const char *path, const void *data, size_t len, mode_t mode,
		     struct err *err);

/* One write(2) into an existing file, as procfs and cgroupfs want it. */
int fd_put_at(int dir_fd, const char *path, const char *text);

int fd_set_nonblocking(int fd, bool on);
int fd_set_cloexec(int fd, bool on);

/* One datagram on a SOCK_SEQPACKET or SOCK_STREAM unix socket, with up to FD_PASS_MAX fds. */
#define FD_PASS_MAX 250 /* the kernel takes 253 */
int fd_send(int sock_fd, const void *data, size_t len, const int *fds, size_t n_fds);
/*
 * Returns bytes received (0: end), or -errno; *ret_n_fds is how many fds came, all O_CLOEXEC and
 * the caller's to close. More than @max_fds: all closed, -EMSGSIZE. Truncated data: -EMSGSIZE.
 */
ssize_t fd_recv(int sock_fd, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n_fds,
		int flags);
