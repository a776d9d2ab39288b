/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in a container, connected to this terminal: exec and attach, over WebSocket with the
 * v5.channel.k8s.io protocol (channels: 0 stdin, 1 stdout, 2 stderr, 3 result, 4 terminal size, 255
 * end of a channel).
 */
#pragma once

#include <stdbool.h>

#include "ctl/session.h"

struct remote_options {
	const char *path; /* with the query */
	bool use_stdin, tty, quiet;
	int stdin_fd, stdout_fd; /* 0 and 1, or what cp gives; -EBADF: none */
};
/* Runs until the process has ended; returns its exit code, 1 for failures (said on stderr). */
int remote_run(struct session *session, const struct remote_options *options);

/* The container that a command means: flag, default annotation, or the first, with kubectl's note
 * `Defaulted container "a" out of: a, b`. -ENOENT with its sentence. */
int remote_container(const struct json_object *pod, const char *wanted, bool quiet,
		     const char **ret, struct err *err);
/* GET the pod that "name", "pod/name" or "TYPE/name" means. */
int remote_pod(struct session *session, const char *word, struct json_object **ret,
	       struct err *err);
