/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standing by a container's process in the foreground: signals go to it, its terminal is carried to
 * ours and back, and its end is ours.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/err.h"

/* Before the process is made: signals wait for relay_run(). Returns a signalfd. */
int relay_signals(struct err *err);
/* @master_fd: the terminal's, or -EBADF. Returns the exit code, 128 + n for signal n. */
int relay_run(pid_t pid, int signal_fd, int master_fd, struct err *err);

/* Hand @master_fd to the engine that listens on unix socket @path. */
int relay_send_console(const char *path, int master_fd, struct err *err);
