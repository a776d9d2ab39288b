/* SPDX-License-Identifier: Apache-2.0 */
/* What shallop-runtime's verbs do. Each returns the program's exit code, or a negative errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ARGS_LIST_MAX 256

/* What the command line may say, for all verbs together. */
struct args {
	/* global */
	const char *root, *log, *log_format, *cgroup_manager, *rootless, *criu;
	bool debug, systemd_cgroup, help, version;
	/* of a verb */
	const char *bundle, *config, *console_socket, *pid_file, *format, *process, *cwd, *user;
	const char *apparmor, *process_label, *cgroup;
	long preserve_fds;
	bool no_pivot, no_new_keyring, no_subreaper, detach, keep, all, force, tty, no_new_privs,
		quiet, ignore_paused;
	const char *env[ARGS_LIST_MAX], *caps[ARGS_LIST_MAX], *gids[ARGS_LIST_MAX];
	size_t n_env, n_caps, n_gids;
	const char **rest; /* positional */
	size_t n_rest;
};

int verb_create(const struct args *args, struct err *err);
int verb_run(const struct args *args, struct err *err);
int verb_start(const struct args *args, struct err *err);
int verb_state(const struct args *args, struct err *err);
int verb_list(const struct args *args, struct err *err);
int verb_kill(const struct args *args, struct err *err);
int verb_delete(const struct args *args, struct err *err);
int verb_pause(const struct args *args, struct err *err);
int verb_resume(const struct args *args, struct err *err);
int verb_exec(const struct args *args, struct err *err);
int verb_version(const struct args *args, struct err *err);
