/* SPDX-License-Identifier: Apache-2.0 */
/* A further process in a running container: exec probes, hooks and `kubectl exec`. */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "orchestrator/agent/nodepod.h"

struct execution;

struct execution_events {
	void (*on_started)(struct execution *execution, void *data);
	/* Ended, or, with @err, never started. Last; the execution is freed after it. */
	void (*on_ended)(struct execution *execution, int exit_code, const struct err *err,
			 void *data);
};
struct execution_options {
	const char *container_id;
	const char *const *argv; /* NULL-terminated */
	bool tty;
	int fds[3]; /* taken over by the shim: the caller closes its own; -EBADF: /dev/null */
};
/* *ret_master_fd: the caller's, with tty only. */
int execution_start(struct nodepod *pod, const struct execution_options *options,
		    const struct execution_events *events, void *data, struct execution **ret,
		    int *ret_master_fd, struct err *err);
/* Nobody listens any more; it goes on. */
void execution_forget(struct execution *execution);
void execution_signal(struct execution *execution, int signo);

/* From the sandbox's events: true if @event was about an execution. */
bool execution_event(struct nodepod *pod, const struct sandbox_event *event);
/* The sandbox is gone: all of them have ended. */
void execution_end_all(struct nodepod *pod, const struct err *err);
