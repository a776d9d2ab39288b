/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the agent's side of a pod's shim; the door is runtime.h. */
#pragma once

#include <sched.h>
#include <sys/un.h>

#include "runtime/runtime.h"
#include "runtime/shim.h"

struct known_pid { /* for terminals of execs */
	char id[CONTAINER_ID_MAX];
	pid_t pid;
};

struct sandbox {
	int sock_fd, net_fd, shm_fd;
	pid_t pid;
	char *run_dir, *uid;
	bool share_pid, host_pid, gone;
	bool is_child; /* ours to reap; otherwise init's, since another agent made it */
	uint64_t next_number;
	struct known_pid *pids;
	size_t n_pids, cap_pids;
};

struct sandbox *sandbox_new(const char *run_dir, const char *uid); /* no shim yet */
/* Number, version, and out; the answer comes as an event. */
int sandbox_send(struct sandbox *s, struct shim_request *request, const int *fds, size_t n_fds,
		 struct err *err);
void sandbox_reap(struct sandbox *s); /* a shim of ours that has ended */

/* ---- places below R ---- */

int sandbox_prepare(const char *run_dir, struct err *err); /* R/shim, R/ns */
int sandbox_path(char *path, size_t size, const char *run_dir, const char *uid, const char *name);
bool sandbox_is_name(const char *text);
int sandbox_address(const char *run_dir, const char *uid, struct sockaddr_un *ret, int *ret_dir_fd);
int sandbox_connect(const struct sockaddr_un *address);
void sandbox_remove_socket(const char *run_dir, const char *uid);
int sandbox_remove_dir(const char *run_dir, const char *uid); /* R/ns/UID */

struct sandbox_namespace {
	const char *name; /* in R/ns/UID, and in /proc/PID/ns */
	uint64_t flag;	  /* CLONE_NEW… */
};
#define SANDBOX_NAMESPACES 3
extern const struct sandbox_namespace sandbox_namespaces[SANDBOX_NAMESPACES];
