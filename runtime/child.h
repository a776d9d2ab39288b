/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the enacting half: the child between clone and execve. It must not allocate. */
#pragma once

#include "runtime/enact.h"

/* What the child works with; made before the clone, since afterwards nothing may allocate. */
struct child {
	const struct enact *enact;
	const struct plan *plan;    /* the container's */
	const struct plan *process; /* whose process section holds */
	const char **argv, **envp;
	int status_fd, slave_fd, root_fd;
	bool in_cgroup; /* the clone has entered it, and made its namespace */
	struct err err;
};

/* The steps, then execve; or the error to the parent and _exit. */
_Noreturn void child_main(struct child *child, bool wait_for_maps);

/* Hooks that run inside the container. child_hook.c */
int child_run_hooks(struct child *child, struct plan_span hooks, const char *kind);

/* Talk between child and parent: one byte, with an fd if it is not negative; or one struct err. enact.c */
int child_say(int status_fd, char what, int fd);
int child_await_go(int status_fd);
