/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a specification to a plan. Here everything is checked that can be, and everything of the host
 * is opened: after this, enacting takes nothing from the host by name but /proc and /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "runtime/kernel.h"
#include "runtime/plan_builder.h"

void plan_made_done(struct plan_made *made)
{
	for (unsigned i = 0; i < made->n_fds; i++)
		if (made->owned[i])
			(void)fd_close(made->fds[i]);
	free(made->data);
	*made = (struct plan_made){ 0 };
}

/* ---- putting things into the plan: failures are remembered in the buffer ---- */

plan_str builder_text(struct builder *b, const char *text)
{
	plan_str at = (plan_str)b->buf.len;

	if (!text)
		return 0;
	return buf_append(&b->buf, text, strlen(text) + 1) < 0 ? 0 : at;
}

struct plan_span builder_items(struct builder *b, const void *items, size_t n, size_t size)
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

struct plan_span builder_strings(struct builder *b, const struct spec_strings *strings)
{
	auto_free plan_str *at = calloc(strings->n + 1, sizeof(*at));

	if (!at) {
		b->buf.failed = -ENOMEM;
		return (struct plan_span){ 0 };
	}
	for (size_t i = 0; i < strings->n; i++)
		at[i] = builder_text(b, strings->items[i]);
	return builder_items(b, at, strings->n, sizeof(*at));
}

int builder_fd(struct builder *b, int fd, bool own)
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
		fd = builder_fd(b, fd, true);
		if (fd < 0)
			return fd;
		joins[n++] = (struct plan_join){ fd, (uint32_t)clone_flag_of[order[i]] };
	}
	if (!b->spec->namespaces[SPEC_NS_MOUNT].wanted)
		return err_say(b->err, -EINVAL, "a container needs a mount namespace of its own");
	b->head.joins = builder_items(b, joins, n, sizeof(joins[0]));
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
	return n ? builder_text(b, buf_str(&text)) : 0;
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
	b->head.hostname = builder_text(b, s->hostname);
	b->head.domainname = builder_text(b, s->domainname);
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
		b->head.time_offsets = builder_text(b, text);
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
		rows[i].path = builder_text(b, path);
		rows[i].value = builder_text(b, b->spec->sysctl[i].value);
	}
	b->head.sysctls = builder_items(b, rows, n, sizeof(rows[0]));
	return 0;
}

static int build_hooks(struct builder *b, enum spec_hook_kind kind, struct plan_span *ret)
{
	const struct spec_hooks *hooks = &b->spec->hooks[kind];
	auto_free struct plan_hook *rows = calloc(hooks->n_hooks + 1, sizeof(*rows));

	if (!rows)
		return err_set(b->err, -ENOMEM, "plan hooks");
	for (size_t i = 0; i < hooks->n_hooks; i++) {
		rows[i].path = builder_text(b, hooks->hooks[i].path);
		rows[i].args = builder_strings(b, &hooks->hooks[i].args);
		rows[i].env = builder_strings(b, &hooks->hooks[i].env);
		rows[i].timeout_s = hooks->hooks[i].timeout_s;
	}
	*ret = builder_items(b, rows, hooks->n_hooks, sizeof(rows[0]));
	return 0;
}

static int build_rest(struct builder *b)
{
	int r;

	b->head.masked = builder_strings(b, &b->spec->masked_paths);
	b->head.readonly = builder_strings(b, &b->spec->readonly_paths);
	b->head.hook_state = builder_text(b, b->options->hook_state);
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
	static int (*const parts[])(struct builder *) = { refuse,	   build_namespaces,
							  builder_root,	   builder_mounts,
							  builder_devices, build_sysctls,
							  build_rest,	   builder_process };
	struct builder b = { .spec = spec, .options = options, .err = err };

	return run_builder(&b, parts, ARRAY_LEN(parts), ret);
}

int plan_make_process(const struct spec *spec, struct plan_made *ret, struct err *err)
{
	static int (*const parts[])(struct builder *) = { refuse, builder_process };
	struct builder b = { .spec = spec, .err = err };

	return run_builder(&b, parts, ARRAY_LEN(parts), ret);
}
