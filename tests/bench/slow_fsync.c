/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that takes its time: every fsync and its kin last $SLOW_FSYNC_MS longer. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_a_while(void)
{
	const char *text = getenv("SLOW_FSYNC_MS");
	long ms = text ? strtol(text, NULL, 10) : 0;
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&ts, NULL);
}

int fsync(int fd)
{
	wait_a_while();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	wait_a_while();
	return (int)syscall(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	wait_a_while();
	return (int)syscall(SYS_syncfs, fd);
}
