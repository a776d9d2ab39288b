/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container shall be: the OCI runtime-spec's config.json (1.3, Linux) as open C values.
 *
 * The CLI reads one from JSON (runtime/config.h); the node agent fills one from a Pod directly.
 * Nobody checks while it is being filled: plan.c does, once, and refuses what it does not do.
 *
 * Everything hangs on one arena and is freed by spec_free(). Zero means "not given" everywhere;
 * where zero is a value of its own there is a has_ flag. Adding never needs a check: out of memory
 * is remembered, and the plan fails with -ENOMEM.
 *
 *	auto_spec struct spec *spec = spec_new();
 *	spec_strings_add(spec, &spec->process.args, "sleep");
 *	spec_strings_add(spec, &spec->process.args, "60");
 *	spec_default(spec);			capabilities, mounts, masks, seccomp, namespaces
 *	spec_add_mount(spec, "/data", NULL, "/srv/data", "rbind,ro,rprivate");
 *
 * Field comments give the OCI name where it differs. OCI config.md, config-linux.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/own.h"

struct spec_arena;

struct spec_strings {
	char **items;
	size_t n;
};

struct spec_pair {
	const char *key, *value;
};

/* ---- process ---- */

enum spec_rlimit_kind {
	SPEC_RLIMIT_AS,
	SPEC_RLIMIT_CORE,
	SPEC_RLIMIT_CPU,
	SPEC_RLIMIT_DATA,
	SPEC_RLIMIT_FSIZE,
	SPEC_RLIMIT_LOCKS,
	SPEC_RLIMIT_MEMLOCK,
	SPEC_RLIMIT_MSGQUEUE,
	SPEC_RLIMIT_NICE,
	SPEC_RLIMIT_NOFILE,
	SPEC_RLIMIT_NPROC,
	SPEC_RLIMIT_RSS,
	SPEC_RLIMIT_RTPRIO,
	SPEC_RLIMIT_RTTIME,
	SPEC_RLIMIT_SIGPENDING,
	SPEC_RLIMIT_STACK,
	SPEC_RLIMIT_KIND_COUNT,
};
struct spec_rlimit {
	enum spec_rlimit_kind kind;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* Sets of capabilities: bit n is capability number n of <linux/capability.h>. */
struct spec_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_scheduler {
	const char *policy; /* "SCHED_OTHER", …; NULL: not given */
	int32_t nice, priority;
	struct spec_strings flags;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct spec_process {
	struct spec_strings args, env; /* env as "NAME=value" */
	const char *cwd;	       /* NULL: "/" */
	uint32_t uid, gid;
	uint32_t *groups; /* additionalGids */
	size_t n_groups;
	uint32_t umask;
	bool has_umask;
	bool terminal;
	uint16_t console_rows, console_cols; /* consoleSize; 0: leave */
	bool no_new_privileges;
	bool has_capabilities; /* not given: none at all, as runc does */
	struct spec_capabilities capabilities;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	int32_t oom_score_adj;
	bool has_oom_score_adj;
	const char *apparmor_profile, *selinux_label;
	struct spec_scheduler scheduler;
	const char *io_priority_class; /* "IOPRIO_CLASS_BE", …; NULL: not given */
	int32_t io_priority;
	const char *cpu_affinity_initial, *cpu_affinity_final; /* execCPUAffinity, "0-3,7" */
};

/* ---- file system ---- */

struct spec_id_mapping {
	uint32_t container_id, host_id, size;
};

struct spec_mount {
	const char *destination;     /* inside the root; links stay inside */
	const char *type;	     /* NULL: a bind mount if the options say so */
	const char *source;	     /* a host path for binds */
	int source_fd;		     /* a bind's source as an fd (O_PATH, or a detached mount from
				  * open_tree/fsmount) instead of @source; -EBADF: none; borrowed */
	struct spec_strings options; /* "ro", "rbind", "rslave", "rro", "size=64m", … */
	struct spec_id_mapping *uid_mappings, *gid_mappings; /* idmapped mount */
	size_t n_uid_mappings, n_gid_mappings;
};

struct spec_device {
	const char *path;
	char type; /* 'c', 'b', 'u' or 'p' */
	int64_t major, minor;
	uint32_t file_mode; /* 0: 0666 */
	uint32_t uid, gid;
};

/* ---- hooks ---- */

enum spec_hook_kind {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_KIND_COUNT,
};
struct spec_hook {
	const char *path;
	struct spec_strings args, env;
	uint32_t timeout_s; /* 0: none */
};
struct spec_hooks {
	struct spec_hook *hooks;
	size_t n_hooks;
};

/* ---- Linux ---- */

enum spec_namespace_kind {
	SPEC_NS_PID,
	SPEC_NS_NETWORK,
	SPEC_NS_MOUNT,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_USER,
	SPEC_NS_CGROUP,
	SPEC_NS_TIME,
	SPEC_NS_KIND_COUNT,
};
struct spec_namespace {
	bool wanted;	  /* listed: make a new one, or join @path or @fd */
	const char *path; /* NULL: new */
};

struct spec_time_offset {
	bool given;
	int64_t secs;
	uint32_t nanosecs;
};

/* resources.devices: a rule of the device cgroup */
struct spec_device_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	bool read, write, mknod;
};

struct spec_blkio_device {
	int64_t major, minor;
	uint64_t value; /* weight, or rate per second */
};

struct spec_hugepage_limit {
	const char *page_size; /* "2MB" */
	uint64_t limit;
};

struct spec_rdma_limit {
	const char *device;
	uint32_t hca_handles, hca_objects;
	bool has_hca_handles, has_hca_objects;
};

/* Numbers as OCI's, which are cgroup v1's; cgroup.c converts. */
struct spec_resources {
	struct {
		int64_t limit, reservation, swap,
			kernel_tcp; /* bytes; -1: unlimited; 0: not given */
		int64_t swappiness; /* with has_swappiness */
		bool has_swappiness, disable_oom_killer, use_hierarchy, check_before_update;
	} memory;
	struct {
		uint64_t shares, period_us, burst_us;
		int64_t quota_us; /* -1: unlimited; 0: not given */
		int64_t realtime_runtime_us;
		uint64_t realtime_period_us;
		const char *cpus, *mems;
		int64_t idle;
		bool has_idle;
	} cpu;
	struct {
		int64_t limit; /* -1: unlimited; with has_limit */
		bool has_limit;
	} pids;
	struct {
		uint16_t weight, leaf_weight;
		struct spec_blkio_device *weights, *read_bps, *write_bps, *read_iops, *write_iops;
		size_t n_weights, n_read_bps, n_write_bps, n_read_iops, n_write_iops;
	} block_io;
	struct spec_device_rule *devices;
	size_t n_devices;
	struct spec_hugepage_limit *hugepages;
	size_t n_hugepages;
	struct spec_rdma_limit *rdma;
	size_t n_rdma;
	struct spec_pair *unified; /* cgroup v2 files and what is written to them */
	size_t n_unified;
	uint32_t net_class_id;
	struct spec_pair *net_priorities;
	size_t n_net_priorities;
};

enum spec_seccomp_action {
	SPEC_ACT_KILL, /* = the thread */
	SPEC_ACT_KILL_PROCESS,
	SPEC_ACT_TRAP,
	SPEC_ACT_ERRNO,
	SPEC_ACT_TRACE,
	SPEC_ACT_ALLOW,
	SPEC_ACT_LOG,
	SPEC_ACT_NOTIFY,
	SPEC_ACT_COUNT,
};
enum spec_seccomp_op {
	SPEC_CMP_NE,
	SPEC_CMP_LT,
	SPEC_CMP_LE,
	SPEC_CMP_EQ,
	SPEC_CMP_GE,
	SPEC_CMP_GT,
	SPEC_CMP_MASKED_EQ,
	SPEC_CMP_COUNT,
};
struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two; /* MASKED_EQ: (arg & value) == value_two */
	enum spec_seccomp_op op;
};
struct spec_seccomp_rule {
	struct spec_strings names;
	enum spec_seccomp_action action;
	uint32_t errno_ret; /* of ERRNO and TRACE; EPERM if not given */
	bool has_errno_ret;
	struct spec_seccomp_arg *args; /* all must match */
	size_t n_args;
};
struct spec_seccomp {
	bool given;
	enum spec_seccomp_action default_action;
	uint32_t default_errno_ret;
	bool has_default_errno_ret;
	/* Syscalls newer than any that the rules name answer ENOSYS where the default would be an
	 * errno, so that a libc falls back instead of giving up. */
	bool newer_is_enosys;
	struct spec_strings
		architectures;	   /* "SCMP_ARCH_X86_64"; none: the native one and its kin */
	struct spec_strings flags; /* "SECCOMP_FILTER_FLAG_LOG", … */
	const char *listener_path, *listener_metadata;
	struct spec_seccomp_rule *rules; /* syscalls */
	size_t n_rules;
};

struct spec_net_device {
	const char *name, *new_name;
};

struct spec {
	struct spec_arena *arena; /* internal */
	int failed;		  /* 0, or -ENOMEM: see spec_error() */

	const char *oci_version;
	const char *
		root_path; /* CLI: relative to the bundle. The agent gives an fd at start instead */
	bool root_readonly;
	const char *hostname, *domainname;
	bool has_process; /* CLI: config.json had one (create may go without) */
	struct spec_process process;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_hooks hooks[SPEC_HOOK_KIND_COUNT];
	struct spec_pair *annotations;
	size_t n_annotations;

	/* linux */
	struct spec_namespace namespaces[SPEC_NS_KIND_COUNT];
	struct spec_id_mapping *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
	struct spec_time_offset monotonic, boottime; /* timeOffsets */
	struct spec_device *devices;
	size_t n_devices;
	struct spec_net_device *net_devices;
	size_t n_net_devices;
	const char *cgroups_path;
	struct spec_resources resources;
	struct {
		bool given;
		const char *clos_id, *l3_cache_schema, *mem_bw_schema;
		struct spec_strings schemata;
		bool enable_monitoring;
	} intel_rdt;
	struct {
		const char *mode, *nodes; /* "MPOL_BIND"; NULL: not given */
		struct spec_strings flags;
	} memory_policy;
	struct spec_pair *sysctl;
	size_t n_sysctl;
	struct spec_seccomp seccomp;
	const char *rootfs_propagation; /* "private" when NULL */
	struct spec_strings masked_paths, readonly_paths;
	const char *mount_label;
	const char *personality; /* domain: "LINUX", "LINUX32" */
};

/* ---- making ---- */

struct spec *spec_new(void); /* NULL: out of memory. All source_fds are -EBADF from their birth */
struct spec *spec_free(struct spec *spec);
OWN_DEFINE(spec, struct spec *, spec_free)
#define auto_spec OWN(spec)

int spec_error(const struct spec *spec); /* 0, or -ENOMEM if any adding failed */

/* Zeroed memory of the arena; NULL: out of memory, also remembered in @spec. */
void *spec_alloc(struct spec *spec, size_t size);
char *spec_strdup(struct spec *spec, const char *text); /* NULL stays NULL */
char *spec_printf(struct spec *spec, const char *fmt, ...) PRINTF_LIKE(2, 3);

void spec_strings_add(struct spec *spec, struct spec_strings *strings, const char *text);
/* Every part of a comma-separated list. */
void spec_strings_add_list(struct spec *spec, struct spec_strings *strings, const char *list);

/*
 * Append a zeroed element to the array @xs of *@owner and point at it; NULL: out of memory.
 *
 *	struct spec_rlimit *limit = SPEC_ADD(spec, &spec->process, rlimits);
 *
 * Pointers to earlier elements may go stale.
 */
#define SPEC_ADD(spec, owner, xs)                                                                  \
	((__typeof__((owner)->xs))spec_grow((spec), &(owner)->xs, &(owner)->n_##xs,                \
					    sizeof(*(owner)->xs)))
void *spec_grow(struct spec *spec, void *items, size_t *n, size_t size);

/* @options as in mount(8): "rbind,ro,rprivate". NULL type with bind options is a bind mount. */
struct spec_mount *spec_add_mount(struct spec *spec, const char *destination, const char *type,
				  const char *source, const char *options);
void spec_add_pair(struct spec *spec, struct spec_pair **pairs, size_t *n, const char *key,
		   const char *value);
void spec_add_device(struct spec *spec, const char *path, char type, int64_t major, int64_t minor,
		     uint32_t mode);

/* ---- our defaults, which are those of the big engines ---- */

/* All of those below and the device rules, in one call; only what is not given yet. Call it when
 * capabilities and devices are in. */
void spec_default(struct spec *spec);
void spec_default_namespaces(
	struct spec *spec); /* pid, mount, cgroup: what an agent's container has */
void spec_default_capabilities(struct spec *spec); /* 14, in bounding, effective, permitted */
/* /proc, /dev, /dev/pts, /dev/mqueue, /sys (ro), /sys/fs/cgroup (ro). /dev/shm is the pod's or
 * the caller's: spec_add_mount(spec, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k") */
void spec_default_mounts(struct spec *spec);
void spec_default_masked(struct spec *spec);
void spec_default_readonly(struct spec *spec);
/* The default profile, given the capabilities already in @spec (CAP_SYS_ADMIN opens mount, …). */
void spec_default_seccomp(struct spec *spec);
/* securityContext.privileged: all capabilities, no seccomp, no masks, writable /sys and cgroup, and
 * the host's devices. Instead of spec_default(). */
void spec_default_privileged(struct spec *spec);

/* ---- names ---- */

#define SPEC_CAP_COUNT 41		       /* CAP_CHECKPOINT_RESTORE is the last */
int spec_capability_by_name(const char *name); /* with or without CAP_, any case; -ENOENT */
const char *spec_capability_name(int cap);     /* "CHOWN" */
int spec_rlimit_by_name(const char *name);     /* "RLIMIT_NOFILE"; -ENOENT */
int spec_namespace_by_name(const char *name);  /* "network"; -ENOENT */
const char *spec_namespace_name(enum spec_namespace_kind kind);
int spec_seccomp_action_by_name(const char *name); /* "SCMP_ACT_ALLOW"; -ENOENT */
int spec_seccomp_op_by_name(const char *name);	   /* "SCMP_CMP_EQ"; -ENOENT */
