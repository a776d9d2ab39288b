/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enacting half: clone, and the child's way from there to execve. For the shim (static, musl or
 * glibc) and for the CLI; no JSON, no libseccomp, and after the clone no malloc.
 *
 * enact_spawn() returns as soon as the child exists. What becomes of it is told on status_fd, to be read
 * with enact_next(): at most one console, one or two pauses, then either the end of file, which is
 * the successful execve, or one error, after which the child is gone.
 */
#pragma once

#include "runtime/plan.h"

enum enact_pause {
	ENACT_PAUSE_MADE = 1,  /* namespaces and mounts are there, root not changed: hooks */
	ENACT_PAUSE_START = 2, /* all but execve: wait on start_fd */
};

struct enact {
	const struct plan *plan; /* the container: what is built, and the process's rights */
	const int *fds;		 /* those of @plan */
	const struct plan *run;	 /* take args and env from here instead: exec; NULL: from @plan.
				  * Its env comes in front of @plan's and wins. */
	bool join;		 /* exec: build nothing, enter what join_fds name */
	bool run_whole;		 /* exec: take all of the process from @run, env too */
	int join_pid_fd;	 /* pid namespace for the child, or -EBADF */
	struct {
		int fd;
		int ns;	   /* CLONE_NEW… */
	} joins[8];	   /* the namespaces to enter, in this order; fd < 0 ends */
	int stdio[3];	   /* -EBADF: the caller's own */
	bool console;	   /* make a terminal in the container; its master comes back */
	int terminal_fd;   /* exec: this slave is stdio and controlling terminal; or -EBADF */
	int cgroup_fd;	   /* enter it; or -EBADF */
	unsigned pauses;   /* enum enact_pause */
	int start_fd;	   /* listening socket of ENACT_PAUSE_START */
	unsigned keep_fds; /* 3 … 3 + keep_fds - 1 stay open (preserve-fds) */
	bool die_with_parent;
	bool keep_host_root; /* no_pivot: mount over and chroot */
};

struct enact_child {
	pid_t pid;
	int pid_fd; /* -EBADF on kernels without */
	int status_fd;
};

int enact_spawn(const struct enact *enact, struct enact_child *ret, struct err *err);
void enact_child_done(struct enact_child *child); /* closes; does not kill */

enum enact_message {
	ENACT_RUNNING, /* execve has happened: nothing more will come */
	ENACT_FAILED,  /* *err says why */
	ENACT_CONSOLE, /* *ret_fd is the master, the caller's */
	ENACT_MADE,    /* paused: enact_go_on() */
	ENACT_READY,   /* paused at start_fd */
};
/* Returns enum enact_message, -EAGAIN (nothing yet, where status_fd is non-blocking) or an error. */
int enact_next(int status_fd, int *ret_fd, struct err *err);
int enact_go_on(int status_fd);

/* ---- the child's chapters, each told in its own file ---- */

/* rootfs.c: everything from the new mount namespace to pivot_root. */
int rootfs_make(const struct plan *plan, const int *fds, int *ret_root_fd, struct err *err);
int rootfs_console(int root_fd, int slave_fd, struct err *err); /* bind it over /dev/console */
int rootfs_enter(const struct plan *plan, int root_fd, bool keep_host_root, struct err *err);

/* identity.c: limits, ids, capabilities, seccomp; in this order, right before execve. */
int identity_limits(const struct plan *plan, struct err *err);
int identity_ids(const struct plan *plan, struct err *err);
int identity_seal(const struct plan *plan, struct err *err);

/* Set one of /proc/sys; @path with slashes. Through the host's /proc, so before pivot_root. */
int enact_sysctl(const char *path, const char *value, struct err *err);
/* Open a new terminal of the devpts at @pts_fd: the master; *ret_slave_fd without a path walk. */
int enact_terminal(int pts_fd, int *ret_slave_fd, struct err *err);
