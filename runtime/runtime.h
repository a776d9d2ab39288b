/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's door: containers from specs, without images, networks or Kubernetes.
 *
 * Two halves. PLAN turns a struct spec (the OCI runtime-spec's config.json as C values) into a flat,
 * pointer-free plan with the fds it needs: mounts as opened files, compiled seccomp and device
 * programs, ids, argv. ENACT does clone3 and the child's steps, with no JSON, no libseccomp and no
 * malloc after the clone. The CLI does both in one process. The node agent plans, and one static
 * shim per pod enacts: one exec per pod, none per container.
 *
 * A sandbox is a pod's place: a shim process that lives in the pod's net, ipc and uts namespaces
 * (named by links in R/ns/UID: nsenter --net=R/ns/UID/net), is parent and subreaper of its containers, writes their logs in CRI
 * format, keeps their exit codes and outlives the agent. Its socket R/shim/UID.sock (0600, peer
 * checked, versioned) lets a new agent adopt it.
 *
 * Everything here returns quickly: what takes long is asked for and answered by an event.
 *
 * What the agent does for a pod, in order:
 *	cgroup_open("…/podUID", limits) · sandbox_create() · netns_loopback_up(sandbox_net_fd()) and the
 *	pod's link (not with host_network) · per container: spec_new(), args, env, ids, limits,
 *	mounts, spec_default() [or spec_default_privileged()], image_rootfs_open(), sandbox_start(),
 *	then close the rootfs fd and spec_free(): nothing of them is kept.
 *
 * - Root: rootfs_fd is the detached overlay of image_rootfs_open() (or any directory). Mount points
 *   that the image lacks are made in it, so ask for a writable one, and for readOnlyRootFilesystem set
 *   spec->root_readonly: it becomes read-only when all mounts are in.
 * - /etc/hosts, /etc/hostname, /etc/resolv.conf, the termination log, emptyDir, hostPath, configMap, …:
 *   spec_add_mount(spec, destination, NULL, host_path, "rbind,rw,rprivate"), "ro" (or "rro" for the
 *   whole tree) for readOnly; mountPropagation HostToContainer is "rslave", Bidirectional "rshared". A source
 *   that must not be looked up again (subPath) goes in as source_fd. A file's mount point is made as a file.
 *   Make the termination log's file (mode 0666) before.
 * - /dev/shm of the pod is in every container by itself (host_ipc: the host's), unless the spec has a
 *   mount on /dev/shm.
 * - Network, ipc and uts namespaces are the sandbox's; spec->namespaces[] of those kinds are ignored.
 *   Leave spec->hostname empty. hostNetwork, hostIPC, hostPID, shareProcessNamespace and the pod's sysctls
 *   are options of the sandbox. With host_network give hostname NULL (the host's uts namespace).
 * - Ids are numbers: image_user_lookup() turns names into them; supplementary groups go to
 *   spec->process.groups (fsGroup too). Without securityContext the default capabilities of spec_default()
 *   hold; to add or drop, call spec_default_capabilities() first, change all three sets, then
 *   spec_default(), whose seccomp profile opens what the capabilities need. allowPrivilegeEscalation:
 *   false is process.no_new_privileges. seccompProfile Unconfined: spec->seccomp = (struct
 *   spec_seccomp){ 0 } after spec_default(). oom_score_adj lower than allowed is skipped.
 * - privileged: spec_default_privileged() instead of spec_default().
 * - Limits of a container go to spec->resources (numbers as OCI's); what the machine can't enforce is
 *   skipped, cgroup_open() on the pod says so. Container cgroups are "ID" below the pod's, the shim's
 *   "shim". Stats: openat(pod fd, id) and cgroup_stats_read().
 * - An id is a file name of at most 127 characters, unique among the pod's containers and execs; after
 *   sandbox_remove() it may be used again.
 * - A killed shim takes its containers with it. SANDBOX_GONE → sandbox_close(), then sandbox_forget().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#include "runtime/spec.h" /* struct spec: the OCI configuration, open and documented */

/* ---- sandbox ---- */

#define CONTAINER_ID_MAX 128

struct sandbox;

struct sandbox_options {
	const char *run_dir;   /* R: sockets and the pods' own places live below */
	const char *shim_path; /* bin/shallop-shim */
	const char *uid;       /* the pod's */
	const char *hostname;  /* NULL: the host's (no uts namespace) */
	bool host_network, host_ipc, host_pid;
	bool share_pid; /* one pid namespace for all containers of the pod */
	int cgroup_fd;	/* the pod's cgroup2 directory (borrowed), or -EBADF: none to enter */
	const char
		*cgroup_path; /* the same as text, for the shim's own use at death; may be NULL */
	/* net.*, kernel.shm*, …: set inside before anything runs. Those whose namespace is the
	 * host's would change the host: the caller refuses them. */
	const struct spec_pair *sysctls;
	size_t n_sysctls;
	uint64_t shm_bytes; /* /dev/shm of the pod; 0: 64 MiB */
};

/* Make namespaces and shim. Blocks for about a millisecond. Nothing is left behind on failure. */
int sandbox_create(const struct sandbox_options *options, struct sandbox **ret, struct err *err);
/* Connect to a living shim. -ENOENT, -ECONNREFUSED: it is gone (its place and socket are still there
 * until sandbox_forget()). -EPROTONOSUPPORT: a shim of an unknown version. */
int sandbox_adopt(const char *run_dir, const char *uid, struct sandbox **ret, struct err *err);
/* Drop the handle; the shim lives on. */
struct sandbox *sandbox_close(struct sandbox *sandbox);
OWN_DEFINE(sandbox, struct sandbox *, sandbox_close)
#define auto_sandbox OWN(sandbox)
/* Kill whatever runs, end the shim, remove its place and socket. Blocks until the processes are gone
 * (milliseconds: cgroup.kill, or pid namespace death). */
int sandbox_destroy(struct sandbox *sandbox, struct err *err);
/* `down --purge`: let go of R/ns itself. */
int sandbox_purge(const char *run_dir, struct err *err);
/* The same by name, for a shim that is dead or unknown. */
int sandbox_forget(const char *run_dir, const char *uid, int cgroup_fd, struct err *err);

pid_t sandbox_pid(const struct sandbox *sandbox);  /* the shim's */
int sandbox_net_fd(const struct sandbox *sandbox); /* borrowed fd of the pod's network namespace */
int sandbox_fd(const struct sandbox *sandbox);	   /* poll for reading, then sandbox_next_event() */

enum sandbox_event_type {
	SANDBOX_STARTED, /* answer to sandbox_start */
	SANDBOX_FAILED,	 /* answer to any request: it did not happen; error says why */
	SANDBOX_EXITED,	 /* a container or exec ended */
	SANDBOX_DONE,	 /* answer to requests without a result */
	SANDBOX_KNOWN,	/* after adopt: one per container that the shim knows (running or exited) */
	SANDBOX_SYNCED, /* after adopt: no more SANDBOX_KNOWN */
	SANDBOX_GONE,	/* the shim is dead or hung up; the last event */
	SANDBOX_EVENT_COUNT,
};
struct sandbox_event {
	enum sandbox_event_type type;
	uint64_t request;	   /* of STARTED, FAILED, DONE */
	char id[CONTAINER_ID_MAX]; /* container or exec id */
	pid_t pid;		   /* STARTED, KNOWN: in the host's pid namespace; 0 when exited */
	int64_t started_ns, ended_ns;
	bool running;		    /* KNOWN */
	bool is_exec;		    /* STARTED, EXITED: @id is an exec's */
	int exit_code;		    /* EXITED, KNOWN: 0–255, 128 + signal when killed by one */
	int signal;		    /* the signal, or 0 */
	bool oom_killed;	    /* memory.events says so */
	uint64_t log_dropped_lines; /* lost to a full disk so far */
	int errno_code;		    /* FAILED: negative errno */
	char error[512];	    /* FAILED: a sentence */
};
/* 1: *ret is filled; 0: nothing waits; negative: errno. Never blocks. */
int sandbox_next_event(struct sandbox *sandbox, struct sandbox_event *ret);

/* ---- containers in a sandbox: each request returns its number (> 0) or -errno ---- */

struct container_options {
	const char *id;
	const struct spec
		*spec; /* namespaces of kind net/ipc/uts are the sandbox's; not to be listed */
	int rootfs_fd; /* a detached mount (fsmount, open_tree) or directory; borrowed */
	int cgroup_parent_fd; /* the pod's cgroup; the container's own is made below by @id; -EBADF: none */
	const char *log_path; /* CRI log file; NULL: none (exec) */
	bool tty, stdin_open, stdin_once;
	/* Pod level mounts that every container gets are part of @spec. */
};
int64_t sandbox_start(struct sandbox *sandbox, const struct container_options *options,
		      struct err *err);

/* Run another process in a container, joined to its namespaces and cgroup, with the fds given
 * (any may be -EBADF: /dev/null). @tty: fds[0] only, one end of a pty master is returned in
 * *ret_master_fd instead. Ends with SANDBOX_EXITED of @exec_id. */
struct exec_options {
	const char *id; /* container */
	const char *exec_id;
	const char *const *argv; /* NULL-terminated */
	const char *const *env;	 /* in addition to the container's own; may be NULL */
	bool tty;
	int fds[3];
};
int64_t sandbox_exec(struct sandbox *sandbox, const struct exec_options *options,
		     int *ret_master_fd, struct err *err);

/* Send output of a running container to these pipes too and take its stdin from one (-EBADF: none).
 * The shim owns copies and drops them when the reader goes. */
int64_t sandbox_attach(struct sandbox *sandbox, const char *id, const int fds[3], struct err *err);
int64_t sandbox_signal(struct sandbox *sandbox, const char *id, int signo, struct err *err);
/* SIGKILL to every process of the container: cgroup.kill, else its pid namespace's init. */
int64_t sandbox_kill(struct sandbox *sandbox, const char *id, struct err *err);
int64_t sandbox_resize(struct sandbox *sandbox, const char *id, unsigned rows, unsigned cols,
		       struct err *err);
/* Forget an exited container and remove its cgroup. */
int64_t sandbox_remove(struct sandbox *sandbox, const char *id, struct err *err);
/* The log was rotated away: open log_path anew. */
int64_t sandbox_reopen_log(struct sandbox *sandbox, const char *id, struct err *err);

/* ---- cgroups the agent makes for QoS classes and pods ---- */

/* What the cgroup2 mount here can do. */
struct cgroup_host {
	char mount[256]; /* "/sys/fs/cgroup" or "/sys/fs/cgroup/unified"; "" if there is none */
	bool cpu, memory, pids, io, cpuset;
	bool kill, freeze;
};
void cgroup_host_probe(struct cgroup_host *ret);
struct cgroup_limits {
	int64_t memory_max_bytes; /* -1: max; 0: leave */
	uint64_t cpu_weight;	  /* 1–10000; 0: leave */
	int64_t cpu_quota_us;	  /* -1: max; 0: leave */
	uint64_t cpu_period_us;	  /* 0: 100000 */
	int64_t pids_max;	  /* -1: max; 0: leave */
};
/* Open (making it and enabling controllers on the way) @path below the cgroup2 mount. Limits whose
 * controller is missing are skipped and reported in *ret_unenforced. Returns the directory's fd. */
int cgroup_open(const struct cgroup_host *host, const char *path,
		const struct cgroup_limits *limits, bool *ret_unenforced, struct err *err);
int cgroup_remove(const struct cgroup_host *host, const char *path,
		  struct err *err); /* kills, then removes the tree */
struct cgroup_stats {
	uint64_t memory_bytes, memory_working_set_bytes, cpu_usage_ns, pids;
};
int cgroup_stats_read(int cgroup_fd, struct cgroup_stats *ret);

/* What the kernel and this machine allow, for `features`, doctor and clear refusals. */
struct runtime_host {
	bool root, clone3, pidfd, openat2, new_mount_api, overlayfs, userns;
	struct cgroup_host cgroup;
};
void runtime_host_probe(struct runtime_host *ret);
