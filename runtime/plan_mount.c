/* SPDX-License-Identifier: Apache-2.0 */
/* The root, the mounts and the devices of a plan. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mount_option.h"
#include "runtime/plan_builder.h"
#include "runtime/runtime.h"

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
			ret->source = builder_text(b, path);
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
	ret->fd = builder_fd(b, take_fd(&fd), true);
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
				    .destination = builder_text(b, m->destination),
				    .source = builder_text(b, m->source),
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
	ret->type = builder_text(b, type);
	ret->data = data.len ? builder_text(b, buf_str(&data)) : 0;
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

int builder_mounts(struct builder *b)
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
					       .destination = builder_text(b, shm.destination) };
		r = build_bind(b, &shm, &o, &rows[n++]);
		if (r < 0)
			return r;
	}
	b->head.mounts = builder_items(b, rows, n, sizeof(rows[0]));
	return 0;
}

int builder_root(struct builder *b)
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
	b->head.root_fd = builder_fd(b, fd, own);
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

int builder_devices(struct builder *b)
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
			rows[n++] = (struct plan_device){ .path = builder_text(b, always[i].path),
							  .mode = S_IFCHR | 0666,
							  .rdev = makedev(always[i].major,
									  always[i].minor) };
	}
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct spec_device *d = &s->devices[i];

		if (!d->path || device_mode(d, &rows[n].mode) < 0)
			return err_say(b->err, -EINVAL, "device %s: type must be c, b, u or p",
				       d->path ? d->path : "without a path");
		rows[n].path = builder_text(b, d->path);
		rows[n].rdev = d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
		rows[n].uid = d->uid;
		rows[n++].gid = d->gid;
	}
	b->head.devices = builder_items(b, rows, n, sizeof(rows[0]));
	return 0;
}
