/* SPDX-License-Identifier: Apache-2.0 */
/* The CLI's acts on a container: from a bundle to a process, and to its end. */
#pragma once

#include "runtime/enact.h"
#include "runtime/record.h"

struct launch_options {
	const char *root; /* where records lie */
	const char *id;
	const char *bundle;	    /* NULL: "." */
	const char *config;	    /* NULL: "config.json" in the bundle */
	const char *console_socket; /* NULL: none */
	const char *pid_file;	    /* NULL: none */
	unsigned preserve_fds;
	bool no_pivot;
	bool no_cgroup;	 /* --cgroup-manager disabled */
	bool start;	 /* run: do not wait for `start` */
	bool foreground; /* run without --detach: the terminal may be ours */
};

/* What runs now. */
struct launched {
	pid_t pid;
	int master_fd; /* the terminal, where nobody else got it; or -EBADF */
};

/* create, and with @start also run. On failure nothing is left. */
int launch_create(const struct launch_options *options, struct record **ret_record,
		  struct launched *ret, struct err *err);
int launch_start(struct record *record, struct err *err);
int launch_kill(const struct record *record, int signo, bool all, struct err *err);
/* Frees @record in any case. @force: kill first. */
int launch_delete(struct record *record, const char *root, bool force, struct err *err);

struct exec_request {
	struct spec *spec; /* its process: what to run; the container's own spec otherwise */
	const char *console_socket, *pid_file;
	unsigned preserve_fds;
	bool foreground;
};
int launch_exec(const struct record *record, const struct exec_request *request,
		struct launched *ret, struct err *err);

int launch_write_pid(const char *path, pid_t pid, struct err *err);
