/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a specification to a plan. Here everything is checked that can be, and everything of the host
 * is opened: after this, enacting takes nothing from the host by name but /proc and /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mount_option.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"

struct builder {
	const struct spec *spec;
	const struct plan_options *options;
	struct buf buf; /* the plan so far; its header at 0 */
	struct plan head;
	struct plan_made made;
	struct err *err;
};

void plan_made_done(struct plan_made *made)
{
	for (unsigned i = 0; i < made->n_fds; i++)
		if (made->owned[i])
			(void)fd_close(made->fds[i]);
	free(made->data);
	*made = (struct plan_made){ 0 };
}

/* ---- putting things into the plan: failures are remembered in the buffer ---- */

static plan_str put_text(struct builder *b, const char *text)
{
	plan_str at = (plan_str)b->buf.len;

	if (!text)
		return 0;
	return buf_append(&b->buf, text, strlen(text) + 1) < 0 ? 0 : at;
}

static struct plan_span put_items(struct builder *b, const void *items, size_t n, size_t size)
{
	static const char zeros[8];
	struct plan_span span = { 0, (uint32_t)n };

	if (n == 0)
		return span;
	(void)buf_append(&b->buf, zeros, -b->buf.len & 7);
	span.off = (uint32_t)b->buf.len;
	(void)buf_append(&b->buf, items, n * size);
	return span;
}

static struct plan_span put_strings(struct builder *b, const struct spec_strings *strings)
{
	auto_free plan_str *at = calloc(strings->n + 1, sizeof(*at));

	if (!at) {
		b->buf.failed = -ENOMEM;
		return (struct plan_span){ 0 };
	}
	for (size_t i = 0; i < strings->n; i++)
		at[i] = put_text(b, strings->items[i]);
	return put_items(b, at, strings->n, sizeof(*at));
}

/* Takes @fd over in any case when @own. */
static int put_fd(struct builder *b, int fd, bool own)
{
	if (b->made.n_fds == PLAN_FDS_MAX) {
		if (own)
			(void)fd_close(fd);
		return err_say(b->err, -E2BIG,
			       "more than %d volumes and namespaces in one container",
			       PLAN_FDS_MAX);
	}
	b->made.fds[b->made.n_fds] = fd;
	b->made.owned[b->made.n_fds] = own;
	return (int)b->made.n_fds++;
}

/* ---- what is refused as a whole ---- */

static int refuse(struct builder *b)
{
	const struct spec *s = b->spec;
	const struct {
		bool asked;
		const char *what;
	} rows[] = {
		{ s->process.apparmor_profile && *s->process.apparmor_profile &&
			  strcmp(s->process.apparmor_profile, "unconfined") != 0,
		  "an AppArmor profile is asked for, and this runtime cannot apply one" },
		{ s->process.selinux_label && *s->process.selinux_label,
		  "an SELinux label is asked for, and this runtime cannot apply one" },
		{ s->mount_label && *s->mount_label,
		  "an SELinux mount label is asked for, and this runtime cannot apply one" },
		{ s->intel_rdt.given, "intelRdt is asked for, and this runtime cannot set it up" },
		{ s->n_net_devices,
		  "netDevices are asked for, and this runtime cannot move network devices" },
		{ s->process.cpu_affinity_initial != NULL,
		  "execCPUAffinity.initial is asked for, and this runtime only sets the final "
		  "one" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].asked)
			return err_say(b->err, -EOPNOTSUPP, "%s", rows[i].what);
	return 0;
}

/* ---- namespaces ---- */

static const int clone_flag_of[SPEC_NS_KIND_COUNT] = {
	[SPEC_NS_PID] = CLONE_NEWPID,	    [SPEC_NS_NETWORK] = CLONE_NEWNET,
	[SPEC_NS_MOUNT] = CLONE_NEWNS,	    [SPEC_NS_IPC] = CLONE_NEWIPC,
	[SPEC_NS_UTS] = CLONE_NEWUTS,	    [SPEC_NS_USER] = CLONE_NEWUSER,
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP, [SPEC_NS_TIME] = CLONE_NEWTIME,
};

static int build_joins(struct builder *b)
{
	/* A user namespace first: it gives the right to enter the others. */
	static const enum spec_namespace_kind order[] = { SPEC_NS_USER,	   SPEC_NS_PID,
							  SPEC_NS_NETWORK, SPEC_NS_IPC,
							  SPEC_NS_UTS,	   SPEC_NS_CGROUP,
							  SPEC_NS_TIME,	   SPEC_NS_MOUNT };
	struct plan_join joins[SPEC_NS_KIND_COUNT];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const struct spec_namespace *ns = &b->spec->namespaces[order[i]];
		int fd;

		if (!ns->wanted)
			continue;
		if (b->options->inherited & (uint64_t)clone_flag_of[order[i]])
			continue;
		if (!ns->path) {
			b->head.clone_flags |= (uint64_t)clone_flag_of[order[i]];
			continue;
		}
		fd = openat(AT_FDCWD, ns->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(b->err, -errno, "open %s namespace %s",
				       spec_namespace_name(order[i]), ns->path);
		fd = put_fd(b, fd, true);
		if (fd < 0)
			return fd;
		joins[n++] = (struct plan_join){ fd, (uint32_t)clone_flag_of[order[i]] };
	}
	if (!b->spec->namespaces[SPEC_NS_MOUNT].wanted)
		return err_say(b->err, -EINVAL, "a container needs a mount namespace of its own");
	b->head.joins = put_items(b, joins, n, sizeof(joins[0]));
	return 0;
}

static plan_str put_map(struct builder *b, const struct spec_id_mapping *maps, size_t n)
{
	auto_buf struct buf text = BUF_INIT(64 * 1024);

	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&text, "%u %u %u\n", maps[i].container_id, maps[i].host_id,
				 maps[i].size);
	if (buf_error(&text))
		b->buf.failed = buf_error(&text);
	return n ? put_text(b, buf_str(&text)) : 0;
}

static int build_namespaces(struct builder *b)
{
	const struct spec *s = b->spec;
	int r = build_joins(b);

	if (r < 0)
		return r;
	if (s->n_uid_mappings > 340 || s->n_gid_mappings > 340)
		return err_say(b->err, -EINVAL,
			       "more id mappings than the kernel takes (340): %zu and %zu",
			       s->n_uid_mappings, s->n_gid_mappings);
	if ((s->n_uid_mappings || s->n_gid_mappings) && !s->namespaces[SPEC_NS_USER].wanted)
		return err_say(b->err, -EINVAL, "id mappings without a user namespace");
	if (b->head.clone_flags & CLONE_NEWUSER) {
		if (!s->n_uid_mappings || !s->n_gid_mappings)
			return err_say(b->err, -EINVAL, "a user namespace without id mappings");
		b->head.uid_map = put_map(b, s->uid_mappings, s->n_uid_mappings);
		b->head.gid_map = put_map(b, s->gid_mappings, s->n_gid_mappings);
	}
	if (s->hostname && !s->namespaces[SPEC_NS_UTS].wanted)
		return err_say(b->err, -EINVAL, "a hostname without a uts namespace");
	b->head.hostname = put_text(b, s->hostname);
	b->head.domainname = put_text(b, s->domainname);
	if (s->monotonic.given || s->boottime.given) {
		char text[128];
		int n = 0;

		if (!(b->head.clone_flags & CLONE_NEWTIME))
			return err_say(b->err, -EINVAL,
				       "time offsets without a new time namespace");
		if (s->monotonic.given)
			n = snprintf(text, sizeof(text), "monotonic %lld %u\n",
				     (long long)s->monotonic.secs, s->monotonic.nanosecs);
		if (s->boottime.given)
			(void)snprintf(text + n, sizeof(text) - (size_t)n, "boottime %lld %u\n",
				       (long long)s->boottime.secs, s->boottime.nanosecs);
		b->head.time_offsets = put_text(b, text);
	}
	return 0;
}

/* ---- sysctl ---- */

/* Which namespace must be the container's own for a name to be settable. */
static int check_sysctl(struct builder *b, const char *name)
{
	static const struct {
		const char *prefix;
		enum spec_namespace_kind ns;
	} rows[] = {
		{ "net.", SPEC_NS_NETWORK },	    { "kernel.shm", SPEC_NS_IPC },
		{ "kernel.msg", SPEC_NS_IPC },	    { "kernel.sem", SPEC_NS_IPC },
		{ "fs.mqueue.", SPEC_NS_IPC },	    { "kernel.domainname", SPEC_NS_UTS },
		{ "kernel.hostname", SPEC_NS_UTS },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strncmp(name, rows[i].prefix, strlen(rows[i].prefix)) != 0)
			continue;
		if (b->spec->namespaces[rows[i].ns].wanted)
			return 0;
		return err_say(b->err, -EINVAL, "sysctl %s without a %s namespace of its own", name,
			       spec_namespace_name(rows[i].ns));
	}
	return err_say(b->err, -EINVAL, "sysctl %s is not namespaced: it would change the host",
		       name);
}

static int build_sysctls(struct builder *b)
{
	size_t n = b->spec->n_sysctl;
	auto_free struct plan_sysctl *rows = calloc(n + 1, sizeof(*rows));

	if (!rows)
		return err_set(b->err, -ENOMEM, "plan sysctls");
	for (size_t i = 0; i < n; i++) {
		auto_free char *path = strdup(b->spec->sysctl[i].key);
		int r;

		if (!path)
			return err_set(b->err, -ENOMEM, "plan sysctls");
		r = check_sysctl(b, path);
		if (r < 0)
			return r;
		/* With a slash in it, dots belong to the names (as in net/ipv4/conf/eth0.1). */
		if (!strchr(path, '/'))
			for (char *p = path; *p; p++)
				*p = *p == '.' ? '/' : *p;
		rows[i].path = put_text(b, path);
		rows[i].value = put_text(b, b->spec->sysctl[i].value);
	}
	b->head.sysctls = put_items(b, rows, n, sizeof(rows[0]));
	return 0;
}

/* ---- mounts ---- */

/* The tree at @path as a detached copy; -ENOSYS: the child has to bind by path. */
static int copy_tree(int dir_fd, const char *path, bool recursive)
{
	int fd = kernel_open_tree(dir_fd, path,
				  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					  (recursive ? AT_RECURSIVE : 0) |
					  (*path ? 0 : AT_EMPTY_PATH));

	return fd < 0 ? -errno : fd;
}

static int set_tree(int fd, uint64_t set, uint64_t clr, unsigned propagation, bool recursive)
{
	struct kernel_mount_attr attr = { .attr_set = set,
					  .attr_clr = clr,
					  .propagation = propagation & ~(unsigned)MS_REC };

	if (!set && !clr && !propagation)
		return 0;
	return kernel_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr) <
			       0
		       ? -errno
		       : 0;
}

static int set_bind_options(int fd, const struct mount_options *o)
{
	unsigned propagation = o->propagation ? o->propagation : MS_PRIVATE | MS_REC;
	int r = set_tree(fd, 0, 0, propagation, propagation & MS_REC);

	if (r == 0)
		r = set_tree(fd, o->rec_set, o->rec_clr, 0, true);
	if (r == 0)
		r = set_tree(fd, o->attr_set, o->attr_clr, 0, false);
	return r;
}

/*
 * A bind: where the kernel has the mount API, the copy is made and given all its options here, in
 * the host's namespace, which also keeps it in its propagation group.
 */
static int build_bind(struct builder *b, const struct spec_mount *m, const struct mount_options *o,
		      struct plan_mount *ret)
{
	bool recursive = o->bind & MS_REC;
	const char *source = m->source;
	auto_close int fd = -EBADF;
	struct stat st;
	int r;

	if (o->idmap || o->ridmap || m->n_uid_mappings || m->n_gid_mappings)
		return err_say(b->err, -EOPNOTSUPP,
			       "mount %s: idmapped mounts are not supported by this runtime",
			       m->destination);
	if (!source && m->source_fd < 0)
		return err_say(b->err, -EINVAL, "mount %s: a bind without a source",
			       m->destination);
	if (o->copy_link && fstatat(AT_FDCWD, source, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode)) {
		ret->flags |= PLAN_MOUNT_COPY_LINK;
		return 0;
	}
	r = m->source_fd >= 0 ? fstat(m->source_fd, &st) : stat(source, &st);
	if (r < 0)
		return err_set(b->err, -errno, "mount %s: source %s", m->destination,
			       source ? source : "fd");
	ret->flags |= S_ISDIR(st.st_mode) ? PLAN_MOUNT_DIR : 0;
	ret->flags |= recursive ? PLAN_MOUNT_RECURSIVE : 0;
	if (!source) { /* for kernels where only a path will do */
		char link[PATH_FD_MAX], path[PATH_MAX];
		ssize_t n = readlink(path_of_fd(m->source_fd, link), path, sizeof(path) - 1);

		if (n > 0) {
			path[n] = '\0';
			ret->source = put_text(b, path);
		}
	}
	fd = m->source_fd >= 0 ? copy_tree(m->source_fd, "", recursive)
			       : copy_tree(AT_FDCWD, source, recursive);
	if (fd == -EINVAL && m->source_fd >= 0)
		fd = fcntl(m->source_fd, F_DUPFD_CLOEXEC, 3); /* detached already */
	if (fd == -ENOSYS)
		return 0;
	if (fd < 0)
		return err_set(b->err, fd, "mount %s: source %s", m->destination,
			       source ? source : "fd");
	r = set_bind_options(fd, o);
	if (r == -ENOSYS)
		return 0;
	if (r < 0)
		return err_set(b->err, r, "mount %s: set its options", m->destination);
	ret->fd = put_fd(b, take_fd(&fd), true);
	return ret->fd < 0 ? ret->fd : 0;
}

static bool is_v1_only_machine(void)
{
	struct cgroup_host host;

	cgroup_host_probe(&host);
	return !host.mount[0];
}

static int build_mount(struct builder *b, const struct spec_mount *m, struct plan_mount *ret)
{
	auto_buf struct buf data = BUF_INIT(64 * 1024);
	struct mount_options o;
	int r = mount_options_parse(&m->options, &o, &data, b->err);
	const char *type = m->type;

	if (r < 0)
		return r;
	if (!m->destination || !*m->destination)
		return err_say(b->err, -EINVAL, "a mount without a destination");
	if (type && strcmp(type, "bind") == 0 && !o.bind)
		o.bind = MS_BIND | MS_REC;
	if (!type && !o.bind && !o.remount)
		return err_say(b->err, -EINVAL, "mount %s: neither a type nor a bind",
			       m->destination);
	*ret = (struct plan_mount){ .fd = -1,
				    .kind = PLAN_MOUNT_FRESH,
				    .destination = put_text(b, m->destination),
				    .source = put_text(b, m->source),
				    .propagation = o.propagation,
				    .ms_flags = o.ms_flags,
				    .attr_set = o.attr_set,
				    .attr_clr = o.attr_clr,
				    .rec_set = o.rec_set,
				    .rec_clr = o.rec_clr };
	if (o.bind) {
		ret->kind = PLAN_MOUNT_BIND;
		return build_bind(b, m, &o, ret);
	}
	if (o.remount) {
		ret->kind = PLAN_MOUNT_REMOUNT;
		return 0;
	}
	if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0) {
		if (is_v1_only_machine())
			return err_say(b->err, -EOPNOTSUPP, "mount %s: this machine has no cgroup2",
				       m->destination);
		ret->kind = PLAN_MOUNT_CGROUP;
		type = "cgroup2";
		buf_clear(&data);
	}
	if (o.copy_up)
		ret->flags |= PLAN_MOUNT_COPY_UP;
	ret->type = put_text(b, type);
	ret->data = data.len ? put_text(b, buf_str(&data)) : 0;
	return 0;
}

static bool has_mount_on(const struct spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i].destination &&
		    strcmp(spec->mounts[i].destination, destination) == 0)
			return true;
	return false;
}

static int build_mounts(struct builder *b)
{
	const struct spec *s = b->spec;
	size_t n = 0;
	auto_free struct plan_mount *rows = calloc(s->n_mounts + 1, sizeof(*rows));

	if (!rows)
		return err_set(b->err, -ENOMEM, "plan mounts");
	b->head.host_propagation = MS_PRIVATE;
	for (size_t i = 0; i < s->n_mounts; i++) {
		int r = build_mount(b, &s->mounts[i], &rows[n++]);

		if (r < 0)
			return r;
		if (rows[n - 1].propagation & (MS_SLAVE | MS_SHARED))
			b->head.host_propagation = MS_SLAVE;
	}
	if (b->options->shm_fd >= 0 && !has_mount_on(s, "/dev/shm")) {
		struct spec_mount shm = { .destination = "/dev/shm",
					  .source_fd = b->options->shm_fd };
		struct mount_options o = { .bind = MS_BIND };
		int r;

		rows[n] = (struct plan_mount){ .fd = -1,
					       .kind = PLAN_MOUNT_BIND,
					       .destination = put_text(b, shm.destination) };
		r = build_bind(b, &shm, &o, &rows[n++]);
		if (r < 0)
			return r;
	}
	b->head.mounts = put_items(b, rows, n, sizeof(rows[0]));
	return 0;
}

static int build_root(struct builder *b)
{
	static const struct {
		const char *name;
		unsigned flags;
	} propagations[] = {
		{ "private", MS_PRIVATE },	 { "rprivate", MS_PRIVATE | MS_REC },
		{ "slave", MS_SLAVE },		 { "rslave", MS_SLAVE | MS_REC },
		{ "shared", MS_SHARED },	 { "rshared", MS_SHARED | MS_REC },
		{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
	};
	const char *wanted = b->spec->rootfs_propagation;
	int fd = b->options->rootfs_fd;
	bool own = false;

	if (fd < 0)
		return err_say(b->err, -EINVAL, "the container has no root file system");
	for (size_t i = 0; wanted && *wanted && i < ARRAY_LEN(propagations); i++)
		if (strcmp(propagations[i].name, wanted) == 0)
			b->head.root_propagation = propagations[i].flags;
	if (wanted && *wanted && !b->head.root_propagation)
		return err_say(b->err, -EINVAL, "rootfsPropagation \"%s\" is unknown", wanted);
	/* A plain directory becomes a detached copy; a detached mount says EINVAL and is used as it is. */
	fd = copy_tree(fd, "", true);
	if (fd >= 0)
		own = true;
	else if (fd == -EINVAL || fd == -ENOSYS)
		fd = b->options->rootfs_fd;
	else
		return err_set(b->err, fd, "copy the root file system's mount");
	b->head.root_fd = put_fd(b, fd, own);
	b->head.root_readonly = b->spec->root_readonly;
	return b->head.root_fd < 0 ? b->head.root_fd : 0;
}

/* ---- devices ---- */

static int device_mode(const struct spec_device *d, uint32_t *ret)
{
	uint32_t perm = d->file_mode ? d->file_mode & 07777 : 0666;

	switch (d->type) {
	case 'c':
	case 'u':
		*ret = S_IFCHR | perm;
		return 0;
	case 'b':
		*ret = S_IFBLK | perm;
		return 0;
	case 'p':
		*ret = S_IFIFO | perm;
		return 0;
	default:
		return -EINVAL;
	}
}

static bool dev_is_bound(const struct spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct spec_mount *m = &spec->mounts[i];

		if (!m->destination || strcmp(m->destination, "/dev") != 0)
			continue;
		for (size_t k = 0; k < m->options.n; k++)
			if (strcmp(m->options.items[k], "bind") == 0 ||
			    strcmp(m->options.items[k], "rbind") == 0)
				return true;
	}
	return false;
}

static int build_devices(struct builder *b)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} always[] = {
		{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
	};
	const struct spec *s = b->spec;
	auto_free struct plan_device *rows =
		calloc(s->n_devices + ARRAY_LEN(always), sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return err_set(b->err, -ENOMEM, "plan devices");
	if (dev_is_bound(s)) /* the host's or the volume's /dev is complete as it is */
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		bool given = false;

		for (size_t k = 0; k < s->n_devices; k++)
			given |= s->devices[k].path &&
				 strcmp(s->devices[k].path, always[i].path) == 0;
		if (!given)
			rows[n++] = (struct plan_device){ .path = put_text(b, always[i].path),
							  .mode = S_IFCHR | 0666,
							  .rdev = makedev(always[i].major,
									  always[i].minor) };
	}
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct spec_device *d = &s->devices[i];

		if (!d->path || device_mode(d, &rows[n].mode) < 0)
			return err_say(b->err, -EINVAL, "device %s: type must be c, b, u or p",
				       d->path ? d->path : "without a path");
		rows[n].path = put_text(b, d->path);
		rows[n].rdev = d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
		rows[n].uid = d->uid;
		rows[n++].gid = d->gid;
	}
	b->head.devices = put_items(b, rows, n, sizeof(rows[0]));
	return 0;
}

/* ---- the process ---- */

static const int resource_of[SPEC_RLIMIT_KIND_COUNT] = {
	[SPEC_RLIMIT_AS] = RLIMIT_AS,
	[SPEC_RLIMIT_CORE] = RLIMIT_CORE,
	[SPEC_RLIMIT_CPU] = RLIMIT_CPU,
	[SPEC_RLIMIT_DATA] = RLIMIT_DATA,
	[SPEC_RLIMIT_FSIZE] = RLIMIT_FSIZE,
	[SPEC_RLIMIT_LOCKS] = RLIMIT_LOCKS,
	[SPEC_RLIMIT_MEMLOCK] = RLIMIT_MEMLOCK,
	[SPEC_RLIMIT_MSGQUEUE] = RLIMIT_MSGQUEUE,
	[SPEC_RLIMIT_NICE] = RLIMIT_NICE,
	[SPEC_RLIMIT_NOFILE] = RLIMIT_NOFILE,
	[SPEC_RLIMIT_NPROC] = RLIMIT_NPROC,
	[SPEC_RLIMIT_RSS] = RLIMIT_RSS,
	[SPEC_RLIMIT_RTPRIO] = RLIMIT_RTPRIO,
	[SPEC_RLIMIT_RTTIME] = RLIMIT_RTTIME,
	[SPEC_RLIMIT_SIGPENDING] = RLIMIT_SIGPENDING,
	[SPEC_RLIMIT_STACK] = RLIMIT_STACK,
};

static int build_rlimits(struct builder *b)
{
	const struct spec_process *p = &b->spec->process;
	struct plan_rlimit rows[SPEC_RLIMIT_KIND_COUNT];

	if (p->n_rlimits > ARRAY_LEN(rows))
		return err_say(b->err, -EINVAL, "an rlimit is given twice");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		rows[i] =
			(struct plan_rlimit){ .resource = (uint32_t)resource_of[p->rlimits[i].kind],
					      .soft = p->rlimits[i].soft,
					      .hard = p->rlimits[i].hard };
		for (size_t k = 0; k < i; k++)
			if (rows[k].resource == rows[i].resource)
				return err_say(b->err, -EINVAL, "an rlimit is given twice");
	}
	b->head.process.rlimits = put_items(b, rows, p->n_rlimits, sizeof(rows[0]));
	return 0;
}

/* What this process itself could give away. */
static uint64_t available_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void build_capabilities(struct builder *b)
{
	const struct spec_capabilities *c = &b->spec->process.capabilities;
	struct plan_process *p = &b->head.process;
	/* In a new user namespace the process gets all of them, whatever we have. */
	uint64_t have =
		b->head.clone_flags & CLONE_NEWUSER ? ~UINT64_C(0) : available_capabilities();

	if (!b->spec->process.has_capabilities)
		return;
	p->bounding = c->bounding & have;
	p->effective = c->effective & have & c->permitted;
	p->permitted = c->permitted & have;
	p->inheritable = c->inheritable & have;
	p->ambient = c->ambient & p->permitted & p->inheritable;
}

static int build_seccomp(struct builder *b)
{
	struct sock_filter *program = NULL;
	size_t n = 0;
	int r;

	if (!b->spec->seccomp.given)
		return 0;
	r = seccomp_compile(&b->spec->seccomp, &program, &n, &b->head.process.seccomp_flags,
			    b->err);
	if (r < 0)
		return r;
	b->head.process.seccomp = put_items(b, program, n, sizeof(*program));
	free(program);
	return 0;
}

static int build_scheduler(struct builder *b)
{
	static const struct {
		const char *name;
		uint32_t policy;
	} policies[] = { { "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },
			 { "SCHED_BATCH", 3 }, { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
			 { "SCHED_ISO", 4 } };
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = { { "SCHED_FLAG_RESET_ON_FORK", 1 },    { "SCHED_FLAG_RECLAIM", 2 },
		      { "SCHED_FLAG_DL_OVERRUN", 4 },	    { "SCHED_FLAG_KEEP_POLICY", 8 },
		      { "SCHED_FLAG_KEEP_PARAMS", 0x10 },   { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
		      { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 } };
	const struct spec_scheduler *s = &b->spec->process.scheduler;
	struct plan_process *p = &b->head.process;
	bool known = false;

	if (!s->policy)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (strcmp(policies[i].name, s->policy) != 0)
			continue;
		p->scheduler.policy = policies[i].policy;
		known = true;
	}
	if (!known)
		return err_say(b->err, -EINVAL, "scheduler policy \"%s\" is unknown", s->policy);
	for (size_t k = 0; k < s->flags.n; k++) {
		known = false;
		for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
			if (strcmp(flags[i].name, s->flags.items[k]) != 0)
				continue;
			p->scheduler.flags |= flags[i].flag;
			known = true;
		}
		if (!known)
			return err_say(b->err, -EINVAL, "scheduler flag \"%s\" is unknown",
				       s->flags.items[k]);
	}
	p->scheduler.nice = s->nice;
	p->scheduler.priority = s->priority;
	p->scheduler.runtime_ns = s->runtime_ns;
	p->scheduler.deadline_ns = s->deadline_ns;
	p->scheduler.period_ns = s->period_ns;
	p->flags |= PLAN_HAS_SCHEDULER;
	return 0;
}

static int build_io_priority(struct builder *b)
{
	static const char *const classes[] = { "IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT",
					       "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE" };
	const struct spec_process *s = &b->spec->process;

	if (!s->io_priority_class)
		return 0;
	for (uint32_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strcmp(classes[i], s->io_priority_class) != 0)
			continue;
		b->head.process.io_priority = i << 13 | ((uint32_t)s->io_priority & 7);
		b->head.process.flags |= PLAN_HAS_IO_PRIORITY;
		return 0;
	}
	return err_say(b->err, -EINVAL, "ioPriority class \"%s\" is unknown", s->io_priority_class);
}

/* "0-3,7" to bits; 1024 are enough for everybody's machines. */
#define BITS_WORDS 16
static int parse_bits(const char *text, uint64_t bits[BITS_WORDS])
{
	memset(bits, 0, BITS_WORDS * sizeof(bits[0]));
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return -EINVAL;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return -EINVAL;
		}
		if (last < first || last >= BITS_WORDS * 64ul || (*end && *end != ','))
			return -EINVAL;
		for (; first <= last; first++)
			bits[first / 64] |= UINT64_C(1) << first % 64;
		text = end + (*end == ',');
	}
	return 0;
}

static int build_memory_policy(struct builder *b)
{
	static const struct {
		const char *name;
		uint32_t value;
	} words[] = {
		{ "MPOL_DEFAULT", 0 },
		{ "MPOL_PREFERRED", 1 },
		{ "MPOL_BIND", 2 },
		{ "MPOL_INTERLEAVE", 3 },
		{ "MPOL_LOCAL", 4 },
		{ "MPOL_PREFERRED_MANY", 5 },
		{ "MPOL_WEIGHTED_INTERLEAVE", 6 },
		{ "MPOL_F_STATIC_NODES", 1 << 15 },
		{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
		{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	};
	const char *mode = b->spec->memory_policy.mode, *nodes = b->spec->memory_policy.nodes;
	uint64_t bits[BITS_WORDS] = { 0 };
	bool known = false;

	if (!mode)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].name, mode) == 0 && words[i].value < 1 << 13) {
			b->head.process.memory_mode |= words[i].value;
			known = true;
		}
		for (size_t k = 0; k < b->spec->memory_policy.flags.n; k++)
			if (strcmp(words[i].name, b->spec->memory_policy.flags.items[k]) == 0)
				b->head.process.memory_mode |= words[i].value;
	}
	if (!known)
		return err_say(b->err, -EINVAL, "memoryPolicy mode \"%s\" is unknown", mode);
	if (nodes && parse_bits(nodes, bits) < 0)
		return err_say(b->err, -EINVAL, "memoryPolicy nodes \"%s\" is no list of nodes",
			       nodes);
	b->head.process.memory_nodes = put_items(b, bits, BITS_WORDS, sizeof(bits[0]));
	return 0;
}

static int build_oddities(struct builder *b)
{
	const char *affinity = b->spec->process.cpu_affinity_final;
	const char *personality = b->spec->personality;
	uint64_t bits[BITS_WORDS];

	if (affinity) {
		if (parse_bits(affinity, bits) < 0)
			return err_say(b->err, -EINVAL, "execCPUAffinity \"%s\" is no list of CPUs",
				       affinity);
		b->head.process.affinity = put_items(b, bits, BITS_WORDS, sizeof(bits[0]));
	}
	if (personality) {
		if (strcmp(personality, "LINUX") != 0 && strcmp(personality, "LINUX32") != 0)
			return err_say(b->err, -EINVAL, "personality domain \"%s\" is unknown",
				       personality);
		b->head.process.personality =
			strcmp(personality, "LINUX32") == 0 ? PER_LINUX32 : PER_LINUX;
		b->head.process.flags |= PLAN_HAS_PERSONALITY;
	}
	return 0;
}

static int build_process(struct builder *b)
{
	const struct spec_process *s = &b->spec->process;
	struct plan_process *p = &b->head.process;
	int (*const parts[])(struct builder *) = { build_rlimits,	build_seccomp,
						   build_scheduler,	build_io_priority,
						   build_memory_policy, build_oddities };
	int r = 0;

	p->args = put_strings(b, &s->args);
	p->env = put_strings(b, &s->env);
	p->groups = put_items(b, s->groups, s->n_groups, sizeof(s->groups[0]));
	p->cwd = put_text(b, s->cwd && *s->cwd ? s->cwd : "/");
	p->uid = s->uid;
	p->gid = s->gid;
	p->umask = s->umask;
	p->oom_score_adj = s->oom_score_adj;
	p->console_rows = s->console_rows;
	p->console_cols = s->console_cols;
	p->flags |= s->no_new_privileges ? PLAN_NO_NEW_PRIVS : 0;
	p->flags |= s->terminal || (b->options && b->options->terminal) ? PLAN_TERMINAL : 0;
	p->flags |= s->has_umask ? PLAN_HAS_UMASK : 0;
	p->flags |= s->has_oom_score_adj ? PLAN_HAS_OOM_SCORE_ADJ : 0;
	if (s->cwd && s->cwd[0] && s->cwd[0] != '/')
		return err_say(b->err, -EINVAL, "working directory %s is not absolute", s->cwd);
	build_capabilities(b);
	for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
		r = parts[i](b);
	return r;
}

static int build_hooks(struct builder *b, enum spec_hook_kind kind, struct plan_span *ret)
{
	const struct spec_hooks *hooks = &b->spec->hooks[kind];
	auto_free struct plan_hook *rows = calloc(hooks->n_hooks + 1, sizeof(*rows));

	if (!rows)
		return err_set(b->err, -ENOMEM, "plan hooks");
	for (size_t i = 0; i < hooks->n_hooks; i++) {
		rows[i].path = put_text(b, hooks->hooks[i].path);
		rows[i].args = put_strings(b, &hooks->hooks[i].args);
		rows[i].env = put_strings(b, &hooks->hooks[i].env);
		rows[i].timeout_s = hooks->hooks[i].timeout_s;
	}
	*ret = put_items(b, rows, hooks->n_hooks, sizeof(rows[0]));
	return 0;
}

static int build_rest(struct builder *b)
{
	int r;

	b->head.masked = put_strings(b, &b->spec->masked_paths);
	b->head.readonly = put_strings(b, &b->spec->readonly_paths);
	b->head.hook_state = put_text(b, b->options->hook_state);
	r = build_hooks(b, SPEC_HOOK_CREATE_CONTAINER, &b->head.hooks_container);
	return r < 0 ? r : build_hooks(b, SPEC_HOOK_START_CONTAINER, &b->head.hooks_start);
}

static int run_builder(struct builder *b, int (*const *parts)(struct builder *), size_t n,
		       struct plan_made *ret)
{
	int r = spec_error(b->spec);

	b->head = (struct plan){ .magic = PLAN_MAGIC, .version = PLAN_VERSION, .root_fd = -1 };
	b->buf = BUF_INIT(PLAN_MAX);
	(void)buf_append(&b->buf, &b->head, sizeof(b->head));
	if (r < 0)
		(void)err_set(b->err, r, "collect the specification");
	for (size_t i = 0; i < n && r == 0; i++)
		r = parts[i](b);
	if (r == 0 && buf_error(&b->buf))
		r = err_set(b->err, buf_error(&b->buf), "plan the container");
	if (r < 0) {
		buf_done(&b->buf);
		plan_made_done(&b->made);
		return r;
	}
	b->head.size = (uint32_t)b->buf.len;
	b->head.n_fds = b->made.n_fds;
	memcpy(b->buf.data, &b->head, sizeof(b->head));
	b->made.size = b->buf.len;
	b->made.data = buf_take(&b->buf);
	*ret = b->made;
	return 0;
}

int plan_make(const struct spec *spec, const struct plan_options *options, struct plan_made *ret,
	      struct err *err)
{
	static int (*const parts[])(
		struct builder *) = { refuse,	     build_namespaces, build_root, build_mounts,
				      build_devices, build_sysctls,    build_rest, build_process };
	struct builder b = { .spec = spec, .options = options, .err = err };

	return run_builder(&b, parts, ARRAY_LEN(parts), ret);
}

int plan_make_process(const struct spec *spec, struct plan_made *ret, struct err *err)
{
	static int (*const parts[])(struct builder *) = { refuse, build_process };
	struct builder b = { .spec = spec, .err = err };

	return run_builder(&b, parts, ARRAY_LEN(parts), ret);
}
