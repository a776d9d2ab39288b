/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the agent (sandbox.c) and a pod's shim: datagrams on R/shim/UID.sock, SOCK_SEQPACKET.
 *
 * The agent sends struct shim_request, with fds; the shim answers and tells with struct shim_event.
 * Both begin with the version, so that either side can refuse the other with a sentence after an
 * upgrade. Version N reads N - 1; struct members are only ever appended. A client that does not keep up
 * with its events is hung up on: it connects again, says SHIM_HELLO, and gets the present state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_VERSION	  1
#define SHIM_ID_MAX	  128
#define SHIM_LOG_PATH_MAX 1024

/* fds that a shim is born with */
enum { SHIM_FD_LISTEN = 3, SHIM_FD_CGROUP = 4 };

/* How the shim is told what it is: argv[2], letters */
#define SHIM_MODE_SHARE_PID 'p'
#define SHIM_MODE_HOST_PID  'h' /* kept for the next agent */
#define SHIM_MODE_CGROUP    'c' /* SHIM_FD_CGROUP is there */

enum shim_request_type {
	SHIM_HELLO = 1, /* → WELCOME, KNOWN…, SYNCED */
	SHIM_START,	/* fds: plan, its fds, [cgroup] → STARTED or FAILED, later EXITED */
	SHIM_EXEC,	/* fds: plan of a process, then stdio → STARTED or FAILED, later EXITED */
	SHIM_ATTACH,	/* fds: those of stdin, stdout, stderr that are in @fd_mask → DONE */
	SHIM_SIGNAL,	/* → DONE or FAILED */
	SHIM_KILL,	/* → DONE or FAILED */
	SHIM_RESIZE,	/* → DONE or FAILED */
	SHIM_REMOVE,	/* → DONE or FAILED */
	SHIM_REOPEN_LOG, /* → DONE or FAILED */
	SHIM_QUIT,	 /* kill everything and end: the connection closes when all are gone */
	SHIM_REQUEST_COUNT,
};

enum shim_request_flags {
	SHIM_TTY = 1,
	SHIM_STDIN_OPEN = 2,
	SHIM_STDIN_ONCE = 4,
	SHIM_HAS_CGROUP = 8, /* START: the last fd is the container's cgroup */
};

struct shim_request {
	uint32_t version, type;
	uint64_t number; /* comes back in the answer */
	uint32_t flags;
	uint32_t fd_mask; /* which of stdin, stdout, stderr are sent: bits 0 to 2 */
	int32_t signo;
	uint16_t rows, cols;
	char id[SHIM_ID_MAX];	   /* the container */
	char exec_id[SHIM_ID_MAX]; /* EXEC; SIGNAL and RESIZE of an exec name it here too */
	char log_path[SHIM_LOG_PATH_MAX];
};

enum shim_event_type {
	SHIM_WELCOME = 1,
	SHIM_STARTED,
	SHIM_FAILED,
	SHIM_EXITED,
	SHIM_DONE,
	SHIM_KNOWN,
	SHIM_SYNCED,
	SHIM_EVENT_COUNT,
};

struct shim_event {
	uint32_t version, type;
	uint64_t number;
	int32_t pid; /* WELCOME: the shim's */
	int32_t exit_code, signo, error_code;
	uint8_t running, oom_killed, is_exec, share_pid, host_pid /* WELCOME */, pad[3];
	int64_t started_ns, ended_ns;
	uint64_t log_dropped_lines;
	char id[SHIM_ID_MAX];
	char error[512];
};

/* ---- the shim's parts ---- */

/* shim_log.c: one container's log in CRI format: "TIME stdout F line\n", long lines in parts. */
#define SHIM_LOG_LINE_MAX 16384
enum shim_stream { SHIM_STDOUT, SHIM_STDERR, SHIM_STREAM_COUNT };
struct shim_log {
	int fd;	     /* -EBADF: none */
	bool wanted; /* there should be one: lines without it are lost */
	uint64_t dropped_lines;
	struct {
		char *text; /* the beginning of a line that has not ended; NULL: none */
		size_t len;
	} partial[SHIM_STREAM_COUNT];
};
int shim_log_open(struct shim_log *log, const char *path);
/* Never blocks on anything but the disk itself, never fails: what does not fit is counted. */
void shim_log_write(struct shim_log *log, enum shim_stream stream, const char *data, size_t len,
		    int64_t now_ns);
void shim_log_flush(struct shim_log *log, int64_t now_ns); /* the unfinished lines, at the end */
void shim_log_done(struct shim_log *log);
