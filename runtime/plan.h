/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: all that the enacting half needs to know, flat and without pointers, so that it travels
 * in a memfd to the pod's shim and is read where it lies. Text and arrays are offsets into the plan
 * itself; files are indices into the fds that go with it.
 *
 * plan_view() checks every offset once; afterwards the accessors trust. Shared by the library and the
 * shim, so: no malloc, no json-c, no libseccomp here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PLAN_MAGIC   0x504c4f48u
#define PLAN_VERSION 1
#define PLAN_FDS_MAX 240
#define PLAN_MAX     (16u << 20) /* bytes; env and args are what grows */

typedef uint32_t plan_str; /* offset of a NUL-terminated text; 0: none */
struct plan_span {
	uint32_t off, n; /* @n elements at @off */
};

enum plan_mount_kind {
	PLAN_MOUNT_BIND,    /* @fd: a detached copy with all attributes set; or @source */
	PLAN_MOUNT_FRESH,   /* a new file system of @type */
	PLAN_MOUNT_CGROUP,  /* the container's own cgroup2 view */
	PLAN_MOUNT_REMOUNT, /* attributes of what is already there */
	PLAN_MOUNT_KIND_COUNT,
};
enum plan_mount_flags {
	PLAN_MOUNT_DIR = 1,	   /* a bind's source is a directory */
	PLAN_MOUNT_RECURSIVE = 2,  /* rbind */
	PLAN_MOUNT_COPY_UP = 4,	   /* tmpcopyup: fill a tmpfs from what it covers */
	PLAN_MOUNT_PRIVATE_FD = 8, /* only the fd may be used: there is no path */
	PLAN_MOUNT_COPY_LINK = 16, /* copy-symlink: the source is a link, make its twin */
};
struct plan_mount {
	plan_str destination, type, source, data;
	int32_t fd; /* index, or -1 */
	uint32_t kind, flags;
	uint32_t propagation;	     /* MS_PRIVATE, …; MS_REC included; 0: leave */
	uint64_t ms_flags;	     /* for mount(2), and for the superblock */
	uint64_t attr_set, attr_clr; /* for mount_setattr(2) */
	uint64_t rec_set, rec_clr;   /* the same, whole tree */
};
struct plan_device {
	plan_str path;
	uint32_t mode; /* with S_IFMT */
	uint64_t rdev;
	uint32_t uid, gid;
};
struct plan_sysctl {
	plan_str path, value; /* "net/ipv4/ip_forward" */
};
struct plan_join {
	int32_t fd;  /* index */
	uint32_t ns; /* CLONE_NEW… */
};
struct plan_rlimit {
	uint32_t resource, pad;
	uint64_t soft, hard;
};
struct plan_hook {
	plan_str path;
	struct plan_span args, env; /* of plan_str */
	uint32_t timeout_s;
};

enum plan_process_flags {
	PLAN_NO_NEW_PRIVS = 1,
	PLAN_TERMINAL = 2,
	PLAN_HAS_UMASK = 4,
	PLAN_HAS_OOM_SCORE_ADJ = 8,
	PLAN_HAS_SCHEDULER = 16,
	PLAN_HAS_IO_PRIORITY = 32,
	PLAN_HAS_PERSONALITY = 64,
	PLAN_NO_SETGROUPS = 128, /* a user namespace that denies it */
};
struct plan_process {
	struct plan_span args, env;    /* of plan_str */
	struct plan_span groups;       /* of uint32_t */
	struct plan_span rlimits;      /* of struct plan_rlimit */
	struct plan_span seccomp;      /* of struct sock_filter */
	struct plan_span affinity;     /* of uint64_t: cpu mask */
	struct plan_span memory_nodes; /* of uint64_t */
	plan_str cwd;
	uint32_t uid, gid, umask, flags;
	uint32_t seccomp_flags;
	int32_t oom_score_adj;
	uint64_t bounding, effective, inheritable, permitted, ambient;
	struct {
		uint32_t policy;
		int32_t nice, priority;
		uint32_t pad;
		uint64_t flags, runtime_ns, deadline_ns, period_ns;
	} scheduler;
	uint32_t io_priority;
	uint32_t memory_mode; /* set_mempolicy's mode and flags; with memory_nodes */
	uint64_t personality;
	uint16_t console_rows, console_cols;
	uint32_t pad;
};

struct plan {
	uint32_t magic, version, size, n_fds;
	uint64_t clone_flags; /* CLONE_NEW… to make */
	struct plan_span joins;
	int32_t root_fd; /* index: a detached mount or a directory */
	uint32_t root_readonly;
	uint32_t root_propagation; /* MS_…: of the container's root at the end */
	uint32_t
		host_propagation; /* MS_PRIVATE or MS_SLAVE: of all else, before anything is mounted */
	struct plan_span mounts, devices, sysctls;
	struct plan_span masked, readonly;	       /* of plan_str */
	struct plan_span hooks_container, hooks_start; /* of struct plan_hook: run by the child */
	plan_str hostname, domainname;
	plan_str uid_map, gid_map; /* as /proc/PID/uid_map wants it: written by the parent */
	plan_str time_offsets;	   /* as /proc/PID/timens_offsets wants it */
	plan_str hook_state;	   /* what hooks get on stdin; the parent fills in the pid */
	uint32_t pad;
	struct plan_process process;
};

/* Is this a plan of ours, and does every offset in it point into it? */
int plan_view(const void *data, size_t size, const struct plan **ret, struct err *err);

static inline const char *plan_text(const struct plan *plan, plan_str at)
{
	return at ? (const char *)plan + at : NULL;
}
static inline const void *plan_items(const struct plan *plan, struct plan_span span)
{
	return (const char *)plan + span.off;
}

/* ---- making one: plan_build.c, not in the shim ---- */

struct spec;

struct plan_made {
	char *data; /* the plan; owned */
	size_t size;
	int fds[PLAN_FDS_MAX];
	bool owned[PLAN_FDS_MAX];
	unsigned n_fds;
};
void plan_made_done(struct plan_made *made);
static inline void own_plan_made_done(struct plan_made *made)
{
	plan_made_done(made);
}
#define auto_plan_made OWN(plan_made)

struct plan_options {
	int rootfs_fd;	    /* borrowed */
	int shm_fd;	    /* bind this over /dev/shm if the spec has nothing there; -EBADF: no */
	bool terminal;	    /* beside spec->process.terminal */
	uint64_t inherited; /* CLONE_NEW…: these namespaces are the parent's, whatever @spec says */
	const char *hook_state;
};
/* Checks @spec as a whole, opens what it names. On failure @ret needs no plan_made_done(). */
int plan_make(const struct spec *spec, const struct plan_options *options, struct plan_made *ret,
	      struct err *err);
/* A process alone, to be run in a container that exists: args, env, cwd, ids, limits, seccomp. */
int plan_make_process(const struct spec *spec, struct plan_made *ret, struct err *err);

/* The BPF program for a profile, without libc's help cached by content. seccomp.c */
struct sock_filter;
struct spec_seccomp;
#define SECCOMP_PROGRAM_MAX 4096
int seccomp_compile(const struct spec_seccomp *seccomp, struct sock_filter **ret, size_t *ret_n,
		    uint32_t *ret_flags, struct err *err);
