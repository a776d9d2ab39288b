/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the shim: one pod, its containers and execs, and the loop that watches over them.
 *
 * Single-threaded; one event is taken at a time, so that whatever a callback frees can't be in the same
 * batch. Nothing here blocks: descriptors that others hold the end of are non-blocking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "runtime/enact.h"
#include "runtime/shim.h"

/* ---- the loop: shim_main.c ---- */

struct watch {
	int fd; /* owned; -EBADF: not in use */
	uint32_t events;
	bool watched;
	void (*fn)(struct watch *watch, uint32_t events);
};
void watch_set(struct watch *watch, uint32_t events); /* EPOLLIN …; 0: errors only */
void watch_stop(struct watch *watch);		      /* stays open */
void watch_close(struct watch *watch);
int64_t shim_now_ns(void); /* wall clock */
int64_t shim_monotonic_ns(void);

struct client {
	struct watch watch;
	struct list node;
};

/* ---- processes: shim_process.c ---- */

enum process_state { PROCESS_STARTING, PROCESS_RUNNING, PROCESS_EXITED };

#define ATTACH_MAX	 16
#define ATTACH_STALL_NS	 (10 * INT64_C(1000000000))
#define ATTACH_CHUNK_MAX 16384

/* A reader of a container's output, or a writer of its input. */
struct attachment {
	struct watch watch;
	struct process *process;
	struct list node;
	uint8_t stream; /* 0: its input; 1, 2: where its stdout, stderr go */
	char *held;	/* what could not be passed on yet */
	size_t held_len;
	int64_t stalled_ns; /* since when (monotonic); 0: it is not */
};

struct process {
	struct list node;
	char id[SHIM_ID_MAX];
	bool is_exec;
	enum process_state state;
	pid_t pid;
	struct watch status;   /* while starting */
	uint64_t number;       /* of the request that started it */
	struct client *client; /* who asked; NULL: gone */
	int64_t started_ns, ended_ns;
	int exit_code, signo;
	bool oom_killed;

	/* containers only */
	int plan_fd, cgroup_fd;
	bool own_pid_ns, stdin_once;
	struct shim_log log;
	char log_path[SHIM_LOG_PATH_MAX];
	struct watch out, err, in; /* with a terminal: out is its master, and in is out */
	bool tty;
	struct list attachments;
	unsigned n_attachments;
};

struct pod {
	int epoll_fd, pause_pid_ns_fd;
	int cgroup_fd; /* the pod's own, or -EBADF */
	pid_t pause_pid;
	bool share_pid, host_pid, quitting;
	struct list processes, clients;
};
extern struct pod pod;

struct process *process_find(const char *id);
int process_start(const struct shim_request *request, const int *fds, size_t n_fds,
		  struct client *client, struct err *err);
int process_exec(const struct shim_request *request, const int *fds, size_t n_fds,
		 struct client *client, struct err *err);
int process_signal(struct process *process, int signo);
int process_kill(struct process *process); /* all of a container */
int process_remove(struct process *process);
void process_reap(void); /* after SIGCHLD */
void process_free(struct process *process);
void process_describe(const struct process *process, uint32_t type, struct shim_event *ret);

/* ---- their streams: shim_stream.c ---- */

void stream_open(struct process *process);  /* once out, err, in are set */
void stream_drain(struct process *process); /* at its end: what is left in the pipes, then close */
void stream_drop(struct process *process);  /* whoever is still attached */
int stream_attach(struct process *process, const int *fds, uint32_t fd_mask);
int stream_resize(struct process *process, unsigned rows, unsigned cols);
int stream_next_deadline_ms(void); /* for epoll_wait: -1 if nobody stalls */
void stream_drop_stalled(void);

/* ---- events to whoever is connected: shim_main.c ---- */

void tell(struct client *client, const struct shim_event *event); /* NULL: all */
void tell_answer(struct client *client, uint64_t number, const struct err *err);
void quit_if_done(void);
