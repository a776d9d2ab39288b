/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "I am ready", by the sd_notify(3) datagram protocol without libsystemd: to systemd (Type=notify) or
 * to `shallop up`, whoever set NOTIFY_SOCKET.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* "READY=1", "STATUS=…", newline-separated. 0 if sent or nobody listens; else -errno, to be ignored. */
int notify_send(const char *state);

/* The listening side: a datagram socket at @path; messages with the sender's pid, checked by the
 * kernel. notify_receive() gives -EAGAIN after @timeout_ms. */
int notify_listen(const char *path, int *ret_fd, struct err *err);
ssize_t notify_receive(int fd, int timeout_ms, char *text, size_t size, pid_t *ret_pid);
