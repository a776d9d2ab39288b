/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document as tables: a row per member, what it must be and where it goes. OCI runtime-spec 1.3,
 * config.md and config-linux.md.
 */
#include "runtime/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define PATH_TEXT_MAX 256
#define ITEMS_MAX     65536 /* of one array: more is an attack, not a container */

struct reader {
	struct spec *spec;
	struct err *err;
	char path[PATH_TEXT_MAX]; /* where we are, for messages */
};

struct table;

struct field {
	const char *name;
	/* How to read @json into @at, which lies @offset into the struct. */
	int (*read)(struct reader *r, const struct field *f, const struct json_object *json,
		    void *at);
	size_t offset;
	size_t extra; /* NUMBER: width; ARRAY, MAP: offset of the count; OPTIONAL: offset of the flag */
	const struct table *table; /* OBJECT, ARRAY */
	bool required;
};
struct table {
	const struct field *fields;
	size_t n, size;
	/* Looks at the whole thing when its members are read. */
	int (*check)(struct reader *r, void *at);
};

#define TABLE(type, rows, check_fn)                                                                \
	{                                                                                          \
		rows, ARRAY_LEN(rows), sizeof(type), check_fn                                      \
	}

static int refuse(struct reader *r, const char *what)
{
	return err_say(r->err, -EINVAL, "%s: %s", r->path[0] ? r->path : "config", what);
}

static int read_table(struct reader *r, const struct table *t, const struct json_object *json,
		      void *at)
{
	if (json_kind(json) != JSON_OBJECT)
		return refuse(r, "must be an object");
	for (size_t i = 0; i < t->n; i++) {
		const struct field *f = &t->fields[i];
		struct json_object *value = json_get(json, f->name);
		size_t len = strlen(r->path);
		int code = 0;

		if (json_kind(value) == JSON_NULL && !f->required)
			continue;
		(void)snprintf(r->path + len, sizeof(r->path) - len, "%s%s", len ? "." : "",
			       f->name);
		if (json_kind(value) == JSON_NULL)
			code = refuse(r, "is required");
		if (code == 0)
			code = f->read(r, f, value, (char *)at + f->offset);
		if (code < 0)
			return code;
		r->path[len] = '\0';
	}
	return t->check ? t->check(r, at) : 0;
}

/* ---- readers ---- */

#define READER(name)                                                                               \
	static int name(struct reader *r, const struct field *f, const struct json_object *json,   \
			void *at)

READER(read_text)
{
	const char *text = json_str(json);

	(void)f;
	if (!text)
		return refuse(r, "must be a string");
	*(const char **)at = spec_strdup(r->spec, text);
	return 0;
}

READER(read_bool)
{
	(void)f;
	if (json_kind(json) != JSON_BOOL)
		return refuse(r, "must be true or false");
	*(bool *)at = json_truth(json, false);
	return 0;
}

/* Digits as they stand: a JSON number may be larger than any integer of ours. */
static int digits_of(struct reader *r, const struct json_object *json, char text[32])
{
	auto_buf struct buf buf = BUF_INIT(64);

	if (json_kind(json) != JSON_INT && json_kind(json) != JSON_DOUBLE)
		return refuse(r, "must be a whole number");
	if (json_write(&buf, json) < 0 || buf.len >= 32 ||
	    strspn(buf_str(&buf), "-0123456789") != buf.len)
		return refuse(r, "must be a whole number");
	(void)snprintf(text, 32, "%s", buf_str(&buf));
	return 0;
}

static int read_unsigned(struct reader *r, const struct json_object *json, uint64_t max,
			 uint64_t *ret)
{
	char text[32];
	int code = digits_of(r, json, text);

	if (code < 0)
		return code;
	errno = 0;
	*ret = strtoull(text, NULL, 10);
	if (text[0] == '-' || errno || *ret > max)
		return refuse(r, "is out of range");
	return 0;
}

READER(read_u16)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT16_MAX, &value);

	(void)f;
	if (code == 0)
		*(uint16_t *)at = (uint16_t)value;
	return code;
}

READER(read_u32)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT32_MAX, &value);

	(void)f;
	if (code == 0)
		*(uint32_t *)at = (uint32_t)value;
	return code;
}

/* -1 is an id for nobody: setresuid would take it for "leave alone". */
READER(read_id)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT32_MAX - 1, &value);

	(void)f;
	if (code == 0)
		*(uint32_t *)at = (uint32_t)value;
	return code;
}

READER(read_u64)
{
	(void)f;
	return read_unsigned(r, json, UINT64_MAX, at);
}

READER(read_i64)
{
	char text[32];
	int code = digits_of(r, json, text);

	(void)f;
	if (code < 0)
		return code;
	errno = 0;
	*(int64_t *)at = strtoll(text, NULL, 10);
	return errno ? refuse(r, "is out of range") : 0;
}

READER(read_i32)
{
	int64_t value = 0;
	int code = read_i64(r, f, json, &value);

	if (code == 0 && (value < INT32_MIN || value > INT32_MAX))
		return refuse(r, "is out of range");
	if (code == 0)
		*(int32_t *)at = (int32_t)value;
	return code;
}

/* A value whose presence matters: the flag lies @extra into the same struct. */
static void set_flag(const struct field *f, void *at)
{
	*(bool *)((char *)at - f->offset + f->extra) = true;
}

READER(read_u32_flagged)
{
	set_flag(f, at);
	return read_u32(r, f, json, at);
}

READER(read_i32_flagged)
{
	set_flag(f, at);
	return read_i32(r, f, json, at);
}

READER(read_i64_flagged)
{
	set_flag(f, at);
	return read_i64(r, f, json, at);
}

static int check_items(struct reader *r, const struct json_object *json)
{
	if (json_kind(json) != JSON_ARRAY)
		return refuse(r, "must be an array");
	return json_len(json) > ITEMS_MAX ? refuse(r, "has too many items") : 0;
}

READER(read_texts)
{
	struct spec_strings *strings = at;
	int code = check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		const char *text = json_str(json_idx(json, i));

		if (!text)
			return refuse(r, "must be an array of strings");
		spec_strings_add(r->spec, strings, text);
	}
	return code;
}

READER(read_ids)
{
	uint32_t **ids = at;
	size_t *n = (size_t *)((char *)at - f->offset + f->extra);
	int code = check_items(r, json);

	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		uint32_t *id = spec_grow(r->spec, ids, n, sizeof(*id));

		code = id ? read_id(r, f, json_idx(json, i), id) : -ENOMEM;
	}
	return code;
}

READER(read_object)
{
	return read_table(r, f->table, json, at);
}

READER(read_array)
{
	size_t *n = (size_t *)((char *)at - f->offset + f->extra), len = strlen(r->path);
	int code = check_items(r, json);

	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		void *item = spec_grow(r->spec, at, n, f->table->size);

		(void)snprintf(r->path + len, sizeof(r->path) - len, "[%zu]", i);
		code = item ? read_table(r, f->table, json_idx(json, i), item) : -ENOMEM;
		if (code == 0)
			r->path[len] = '\0';
	}
	return code;
}

/* { "name": "value" } */
READER(read_pairs)
{
	size_t *n = (size_t *)((char *)at - f->offset + f->extra);
	struct json_iter it;

	if (json_kind(json) != JSON_OBJECT)
		return refuse(r, "must be an object");
	json_for_each (it, json) {
		const char *text = json_str(it.value);

		if (!text)
			return refuse(r, "must be an object of strings");
		spec_add_pair(r->spec, at, n, it.key, text);
	}
	return 0;
}

/* ---- process ---- */

READER(read_capability_set)
{
	int code = check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		const char *name = json_str(json_idx(json, i));
		int cap = name ? spec_capability_by_name(name) : -EINVAL;

		if (!name)
			return refuse(r, "must be an array of strings");
		if (cap < 0)
			return err_say(r->err, -EINVAL, "%s: \"%s\" is no capability", r->path,
				       name);
		*(uint64_t *)at |= UINT64_C(1) << cap;
	}
	return code;
}

READER(read_rlimit_kind)
{
	int kind = json_str(json) ? spec_rlimit_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (kind < 0)
		return refuse(r, "is no resource limit");
	*(enum spec_rlimit_kind *)at = (enum spec_rlimit_kind)kind;
	return 0;
}

static int check_rlimit(struct reader *r, void *at)
{
	const struct spec_rlimit *limit = at;

	return limit->soft > limit->hard ? refuse(r, "soft limit above the hard one") : 0;
}

#define AT(type, member) offsetof(struct type, member)

static const struct field capability_fields[] = {
	{ "bounding", read_capability_set, AT(spec_capabilities, bounding), 0, NULL, false },
	{ "effective", read_capability_set, AT(spec_capabilities, effective), 0, NULL, false },
	{ "inheritable", read_capability_set, AT(spec_capabilities, inheritable), 0, NULL, false },
	{ "permitted", read_capability_set, AT(spec_capabilities, permitted), 0, NULL, false },
	{ "ambient", read_capability_set, AT(spec_capabilities, ambient), 0, NULL, false },
};
static const struct table capability_table =
	TABLE(struct spec_capabilities, capability_fields, NULL);

READER(read_capabilities)
{
	set_flag(f, at);
	*(struct spec_capabilities *)at = (struct spec_capabilities){ 0 };
	return read_table(r, &capability_table, json, at);
}

static const struct field rlimit_fields[] = {
	{ "type", read_rlimit_kind, AT(spec_rlimit, kind), 0, NULL, true },
	{ "soft", read_u64, AT(spec_rlimit, soft), 0, NULL, true },
	{ "hard", read_u64, AT(spec_rlimit, hard), 0, NULL, true },
};
static const struct table rlimit_table = TABLE(struct spec_rlimit, rlimit_fields, check_rlimit);

static const struct field user_fields[] = {
	{ "uid", read_id, AT(spec_process, uid), 0, NULL, false },
	{ "gid", read_id, AT(spec_process, gid), 0, NULL, false },
	{ "umask", read_u32_flagged, AT(spec_process, umask), AT(spec_process, has_umask), NULL,
	  false },
	{ "additionalGids", read_ids, AT(spec_process, groups), AT(spec_process, n_groups), NULL,
	  false },
};
static const struct table user_table = TABLE(struct spec_process, user_fields, NULL);

static const struct field console_fields[] = {
	{ "height", read_u16, AT(spec_process, console_rows), 0, NULL, false },
	{ "width", read_u16, AT(spec_process, console_cols), 0, NULL, false },
};
static const struct table console_table = TABLE(struct spec_process, console_fields, NULL);

static const struct field scheduler_fields[] = {
	{ "policy", read_text, AT(spec_scheduler, policy), 0, NULL, true },
	{ "nice", read_i32, AT(spec_scheduler, nice), 0, NULL, false },
	{ "priority", read_i32, AT(spec_scheduler, priority), 0, NULL, false },
	{ "flags", read_texts, AT(spec_scheduler, flags), 0, NULL, false },
	{ "runtime", read_u64, AT(spec_scheduler, runtime_ns), 0, NULL, false },
	{ "deadline", read_u64, AT(spec_scheduler, deadline_ns), 0, NULL, false },
	{ "period", read_u64, AT(spec_scheduler, period_ns), 0, NULL, false },
};
static const struct table scheduler_table = TABLE(struct spec_scheduler, scheduler_fields, NULL);

static const struct field io_priority_fields[] = {
	{ "class", read_text, AT(spec_process, io_priority_class), 0, NULL, true },
	{ "priority", read_i32, AT(spec_process, io_priority), 0, NULL, false },
};
static const struct table io_priority_table = TABLE(struct spec_process, io_priority_fields, NULL);

static const struct field affinity_fields[] = {
	{ "initial", read_text, AT(spec_process, cpu_affinity_initial), 0, NULL, false },
	{ "final", read_text, AT(spec_process, cpu_affinity_final), 0, NULL, false },
};
static const struct table affinity_table = TABLE(struct spec_process, affinity_fields, NULL);

/* Members that are objects in the document and plain members of struct spec_process here have
 * offset 0: their own tables count from the whole struct. */
static const struct field process_fields[] = {
	{ "terminal", read_bool, AT(spec_process, terminal), 0, NULL, false },
	{ "consoleSize", read_object, 0, 0, &console_table, false },
	{ "user", read_object, 0, 0, &user_table, false },
	{ "args", read_texts, AT(spec_process, args), 0, NULL, false },
	{ "env", read_texts, AT(spec_process, env), 0, NULL, false },
	{ "cwd", read_text, AT(spec_process, cwd), 0, NULL, true },
	{ "capabilities", read_capabilities, AT(spec_process, capabilities),
	  AT(spec_process, has_capabilities), NULL, false },
	{ "rlimits", read_array, AT(spec_process, rlimits), AT(spec_process, n_rlimits),
	  &rlimit_table, false },
	{ "noNewPrivileges", read_bool, AT(spec_process, no_new_privileges), 0, NULL, false },
	{ "oomScoreAdj", read_i32_flagged, AT(spec_process, oom_score_adj),
	  AT(spec_process, has_oom_score_adj), NULL, false },
	{ "apparmorProfile", read_text, AT(spec_process, apparmor_profile), 0, NULL, false },
	{ "selinuxLabel", read_text, AT(spec_process, selinux_label), 0, NULL, false },
	{ "scheduler", read_object, AT(spec_process, scheduler), 0, &scheduler_table, false },
	{ "ioPriority", read_object, 0, 0, &io_priority_table, false },
	{ "execCPUAffinity", read_object, 0, 0, &affinity_table, false },
};

static int check_process(struct reader *r, void *at)
{
	const struct spec_process *p = at;

	if (p->cwd && p->cwd[0] != '/')
		return refuse(r, "cwd must be an absolute path");
	return 0;
}
static const struct table process_table = TABLE(struct spec_process, process_fields, check_process);

READER(read_process)
{
	set_flag(f, at);
	return read_table(r, &process_table, json, at);
}

/* ---- mounts, hooks, root ---- */

static const struct field id_mapping_fields[] = {
	{ "containerID", read_u32, AT(spec_id_mapping, container_id), 0, NULL, true },
	{ "hostID", read_u32, AT(spec_id_mapping, host_id), 0, NULL, true },
	{ "size", read_u32, AT(spec_id_mapping, size), 0, NULL, true },
};
static const struct table id_mapping_table = TABLE(struct spec_id_mapping, id_mapping_fields, NULL);

static const struct field mount_fields[] = {
	{ "destination", read_text, AT(spec_mount, destination), 0, NULL, true },
	{ "type", read_text, AT(spec_mount, type), 0, NULL, false },
	{ "source", read_text, AT(spec_mount, source), 0, NULL, false },
	{ "options", read_texts, AT(spec_mount, options), 0, NULL, false },
	{ "uidMappings", read_array, AT(spec_mount, uid_mappings), AT(spec_mount, n_uid_mappings),
	  &id_mapping_table, false },
	{ "gidMappings", read_array, AT(spec_mount, gid_mappings), AT(spec_mount, n_gid_mappings),
	  &id_mapping_table, false },
};

static int check_mount(struct reader *r, void *at)
{
	struct spec_mount *m = at;

	m->source_fd = -EBADF;
	/* Before 1.0 destinations could be relative; engines still write some: from the root. */
	if (m->destination[0] != '/')
		m->destination = spec_printf(r->spec, "/%s", m->destination);
	if (m->type && !*m->type)
		m->type = NULL;
	return 0;
}
static const struct table mount_table = TABLE(struct spec_mount, mount_fields, check_mount);

static const struct field hook_fields[] = {
	{ "path", read_text, AT(spec_hook, path), 0, NULL, true },
	{ "args", read_texts, AT(spec_hook, args), 0, NULL, false },
	{ "env", read_texts, AT(spec_hook, env), 0, NULL, false },
	{ "timeout", read_u32, AT(spec_hook, timeout_s), 0, NULL, false },
};

static int check_hook(struct reader *r, void *at)
{
	return ((struct spec_hook *)at)->path[0] != '/' ? refuse(r, "path must be absolute") : 0;
}
static const struct table hook_table = TABLE(struct spec_hook, hook_fields, check_hook);

#define HOOKS(kind) AT(spec, hooks[kind].hooks), AT(spec, hooks[kind].n_hooks)
static const struct field hooks_fields[] = {
	{ "prestart", read_array, HOOKS(SPEC_HOOK_PRESTART), &hook_table, false },
	{ "createRuntime", read_array, HOOKS(SPEC_HOOK_CREATE_RUNTIME), &hook_table, false },
	{ "createContainer", read_array, HOOKS(SPEC_HOOK_CREATE_CONTAINER), &hook_table, false },
	{ "startContainer", read_array, HOOKS(SPEC_HOOK_START_CONTAINER), &hook_table, false },
	{ "poststart", read_array, HOOKS(SPEC_HOOK_POSTSTART), &hook_table, false },
	{ "poststop", read_array, HOOKS(SPEC_HOOK_POSTSTOP), &hook_table, false },
};
static const struct table hooks_table = TABLE(struct spec, hooks_fields, NULL);

static const struct field root_fields[] = {
	{ "path", read_text, AT(spec, root_path), 0, NULL, true },
	{ "readonly", read_bool, AT(spec, root_readonly), 0, NULL, false },
};
static const struct table root_table = TABLE(struct spec, root_fields, NULL);

/* ---- linux ---- */

struct named_namespace {
	const char *type, *path;
};
static const struct field namespace_fields[] = {
	{ "type", read_text, AT(named_namespace, type), 0, NULL, true },
	{ "path", read_text, AT(named_namespace, path), 0, NULL, false },
};
static const struct table namespace_table = TABLE(struct named_namespace, namespace_fields, NULL);

READER(read_namespaces)
{
	struct spec_namespace *namespaces = at;
	int code = check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		struct named_namespace named = { 0 };
		int kind;

		code = read_table(r, &namespace_table, json_idx(json, i), &named);
		if (code < 0 || !named.type)
			break;
		kind = spec_namespace_by_name(named.type);
		if (kind < 0)
			return err_say(r->err, -EINVAL, "%s: \"%s\" is no namespace", r->path,
				       named.type);
		if (namespaces[kind].wanted)
			return err_say(r->err, -EINVAL, "%s: \"%s\" is there twice", r->path,
				       named.type);
		if (named.path && named.path[0] != '/')
			return refuse(r, "a namespace's path must be absolute");
		namespaces[kind].wanted = true;
		namespaces[kind].path = named.path;
	}
	return code;
}

static const struct field time_offset_fields[] = {
	{ "secs", read_i64, AT(spec_time_offset, secs), 0, NULL, false },
	{ "nanosecs", read_u32, AT(spec_time_offset, nanosecs), 0, NULL, false },
};

static int check_time_offset(struct reader *r, void *at)
{
	(void)r;
	((struct spec_time_offset *)at)->given = true;
	return 0;
}
static const struct table time_offset_table =
	TABLE(struct spec_time_offset, time_offset_fields, check_time_offset);
static const struct field time_offsets_fields[] = {
	{ "monotonic", read_object, AT(spec, monotonic), 0, &time_offset_table, false },
	{ "boottime", read_object, AT(spec, boottime), 0, &time_offset_table, false },
};
static const struct table time_offsets_table = TABLE(struct spec, time_offsets_fields, NULL);

READER(read_device_type)
{
	const char *text = json_str(json);

	(void)f;
	if (!text || strlen(text) != 1 || !strchr("abcup", text[0]))
		return refuse(r, "must be a, b, c, u or p");
	*(char *)at = text[0];
	return 0;
}

static const struct field device_fields[] = {
	{ "path", read_text, AT(spec_device, path), 0, NULL, true },
	{ "type", read_device_type, AT(spec_device, type), 0, NULL, true },
	{ "major", read_i64, AT(spec_device, major), 0, NULL, false },
	{ "minor", read_i64, AT(spec_device, minor), 0, NULL, false },
	{ "fileMode", read_u32, AT(spec_device, file_mode), 0, NULL, false },
	{ "uid", read_id, AT(spec_device, uid), 0, NULL, false },
	{ "gid", read_id, AT(spec_device, gid), 0, NULL, false },
};
static const struct table device_table = TABLE(struct spec_device, device_fields, NULL);

READER(read_access)
{
	struct spec_device_rule *rule = at;
	const char *text = json_str(json);

	(void)f;
	if (!text || strspn(text, "rwm") != strlen(text))
		return refuse(r, "must be made of r, w and m");
	rule->read = strchr(text, 'r');
	rule->write = strchr(text, 'w');
	rule->mknod = strchr(text, 'm');
	return 0;
}

static const struct field device_rule_fields[] = {
	{ "allow", read_bool, AT(spec_device_rule, allow), 0, NULL, true },
	{ "type", read_device_type, AT(spec_device_rule, type), 0, NULL, false },
	{ "major", read_i64, AT(spec_device_rule, major), 0, NULL, false },
	{ "minor", read_i64, AT(spec_device_rule, minor), 0, NULL, false },
	{ "access", read_access, 0, 0, NULL, false },
};
static const struct table device_rule_table =
	TABLE(struct spec_device_rule, device_rule_fields, NULL);

/* Numbers that are not there mean "any", which zero does not say. */
READER(read_device_rules)
{
	struct spec_resources *resources = at;
	size_t len = strlen(r->path);
	int code = check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		struct spec_device_rule *rule = SPEC_ADD(r->spec, resources, devices);

		if (!rule)
			return -ENOMEM;
		*rule = (struct spec_device_rule){ .type = 'a',
						   .major = -1,
						   .minor = -1,
						   .read = true,
						   .write = true,
						   .mknod = true };
		(void)snprintf(r->path + len, sizeof(r->path) - len, "[%zu]", i);
		code = read_table(r, &device_rule_table, json_idx(json, i), rule);
		if (code == 0)
			r->path[len] = '\0';
	}
	return code;
}

static const struct field memory_fields[] = {
	{ "limit", read_i64, AT(spec_resources, memory.limit), 0, NULL, false },
	{ "reservation", read_i64, AT(spec_resources, memory.reservation), 0, NULL, false },
	{ "swap", read_i64, AT(spec_resources, memory.swap), 0, NULL, false },
	{ "kernelTCP", read_i64, AT(spec_resources, memory.kernel_tcp), 0, NULL, false },
	{ "swappiness", read_i64_flagged, AT(spec_resources, memory.swappiness),
	  AT(spec_resources, memory.has_swappiness), NULL, false },
	{ "disableOOMKiller", read_bool, AT(spec_resources, memory.disable_oom_killer), 0, NULL,
	  false },
	{ "useHierarchy", read_bool, AT(spec_resources, memory.use_hierarchy), 0, NULL, false },
	{ "checkBeforeUpdate", read_bool, AT(spec_resources, memory.check_before_update), 0, NULL,
	  false },
};
static const struct table memory_table = TABLE(struct spec_resources, memory_fields, NULL);

static const struct field cpu_fields[] = {
	{ "shares", read_u64, AT(spec_resources, cpu.shares), 0, NULL, false },
	{ "quota", read_i64, AT(spec_resources, cpu.quota_us), 0, NULL, false },
	{ "burst", read_u64, AT(spec_resources, cpu.burst_us), 0, NULL, false },
	{ "period", read_u64, AT(spec_resources, cpu.period_us), 0, NULL, false },
	{ "realtimeRuntime", read_i64, AT(spec_resources, cpu.realtime_runtime_us), 0, NULL,
	  false },
	{ "realtimePeriod", read_u64, AT(spec_resources, cpu.realtime_period_us), 0, NULL, false },
	{ "cpus", read_text, AT(spec_resources, cpu.cpus), 0, NULL, false },
	{ "mems", read_text, AT(spec_resources, cpu.mems), 0, NULL, false },
	{ "idle", read_i64_flagged, AT(spec_resources, cpu.idle), AT(spec_resources, cpu.has_idle),
	  NULL, false },
};
static const struct table cpu_table = TABLE(struct spec_resources, cpu_fields, NULL);

static const struct field pids_fields[] = {
	{ "limit", read_i64_flagged, AT(spec_resources, pids.limit),
	  AT(spec_resources, pids.has_limit), NULL, false },
};
static const struct table pids_table = TABLE(struct spec_resources, pids_fields, NULL);

/* weightDevice says "weight", the throttles say "rate": the same place. */
static const struct field blkio_device_fields[] = {
	{ "major", read_i64, AT(spec_blkio_device, major), 0, NULL, true },
	{ "minor", read_i64, AT(spec_blkio_device, minor), 0, NULL, true },
	{ "weight", read_u64, AT(spec_blkio_device, value), 0, NULL, false },
	{ "rate", read_u64, AT(spec_blkio_device, value), 0, NULL, false },
};
static const struct table blkio_device_table =
	TABLE(struct spec_blkio_device, blkio_device_fields, NULL);

#define BLKIO(member) AT(spec_resources, block_io.member), AT(spec_resources, block_io.n_##member)
static const struct field blkio_fields[] = {
	{ "weight", read_u16, AT(spec_resources, block_io.weight), 0, NULL, false },
	{ "leafWeight", read_u16, AT(spec_resources, block_io.leaf_weight), 0, NULL, false },
	{ "weightDevice", read_array, BLKIO(weights), &blkio_device_table, false },
	{ "throttleReadBpsDevice", read_array, BLKIO(read_bps), &blkio_device_table, false },
	{ "throttleWriteBpsDevice", read_array, BLKIO(write_bps), &blkio_device_table, false },
	{ "throttleReadIOPSDevice", read_array, BLKIO(read_iops), &blkio_device_table, false },
	{ "throttleWriteIOPSDevice", read_array, BLKIO(write_iops), &blkio_device_table, false },
};
static const struct table blkio_table = TABLE(struct spec_resources, blkio_fields, NULL);

static const struct field hugepage_fields[] = {
	{ "pageSize", read_text, AT(spec_hugepage_limit, page_size), 0, NULL, true },
	{ "limit", read_u64, AT(spec_hugepage_limit, limit), 0, NULL, true },
};
static const struct table hugepage_table = TABLE(struct spec_hugepage_limit, hugepage_fields, NULL);

static const struct field rdma_fields[] = {
	{ "hcaHandles", read_u32_flagged, AT(spec_rdma_limit, hca_handles),
	  AT(spec_rdma_limit, has_hca_handles), NULL, false },
	{ "hcaObjects", read_u32_flagged, AT(spec_rdma_limit, hca_objects),
	  AT(spec_rdma_limit, has_hca_objects), NULL, false },
};
static const struct table rdma_table = TABLE(struct spec_rdma_limit, rdma_fields, NULL);

READER(read_rdma)
{
	struct spec_resources *resources = at;
	struct json_iter it;

	(void)f;
	if (json_kind(json) != JSON_OBJECT)
		return refuse(r, "must be an object");
	json_for_each (it, json) {
		struct spec_rdma_limit *limit = SPEC_ADD(r->spec, resources, rdma);
		int code = limit ? read_table(r, &rdma_table, it.value, limit) : -ENOMEM;

		if (code < 0)
			return code;
		limit->device = spec_strdup(r->spec, it.key);
	}
	return 0;
}

static const struct field priority_fields[] = {
	{ "name", read_text, AT(spec_pair, key), 0, NULL, true },
};
static const struct table priority_table = TABLE(struct spec_pair, priority_fields, NULL);
static const struct field network_fields[] = {
	{ "classID", read_u32, AT(spec_resources, net_class_id), 0, NULL, false },
	{ "priorities", read_array, AT(spec_resources, net_priorities),
	  AT(spec_resources, n_net_priorities), &priority_table, false },
};
static const struct table network_table = TABLE(struct spec_resources, network_fields, NULL);

static const struct field resource_fields[] = {
	{ "devices", read_device_rules, 0, 0, NULL, false },
	{ "memory", read_object, 0, 0, &memory_table, false },
	{ "cpu", read_object, 0, 0, &cpu_table, false },
	{ "pids", read_object, 0, 0, &pids_table, false },
	{ "blockIO", read_object, 0, 0, &blkio_table, false },
	{ "hugepageLimits", read_array, AT(spec_resources, hugepages),
	  AT(spec_resources, n_hugepages), &hugepage_table, false },
	{ "network", read_object, 0, 0, &network_table, false },
	{ "rdma", read_rdma, 0, 0, NULL, false },
	{ "unified", read_pairs, AT(spec_resources, unified), AT(spec_resources, n_unified), NULL,
	  false },
};
static const struct table resource_table = TABLE(struct spec_resources, resource_fields, NULL);

/* ---- seccomp ---- */

READER(read_action)
{
	int action = json_str(json) ? spec_seccomp_action_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (action < 0)
		return refuse(r, "is no seccomp action");
	*(enum spec_seccomp_action *)at = (enum spec_seccomp_action)action;
	return 0;
}

READER(read_op)
{
	int op = json_str(json) ? spec_seccomp_op_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (op < 0)
		return refuse(r, "is no seccomp operator");
	*(enum spec_seccomp_op *)at = (enum spec_seccomp_op)op;
	return 0;
}

static const struct field seccomp_arg_fields[] = {
	{ "index", read_u32, AT(spec_seccomp_arg, index), 0, NULL, true },
	{ "value", read_u64, AT(spec_seccomp_arg, value), 0, NULL, true },
	{ "valueTwo", read_u64, AT(spec_seccomp_arg, value_two), 0, NULL, false },
	{ "op", read_op, AT(spec_seccomp_arg, op), 0, NULL, true },
};
static const struct table seccomp_arg_table =
	TABLE(struct spec_seccomp_arg, seccomp_arg_fields, NULL);

static const struct field seccomp_rule_fields[] = {
	{ "names", read_texts, AT(spec_seccomp_rule, names), 0, NULL, true },
	{ "action", read_action, AT(spec_seccomp_rule, action), 0, NULL, true },
	{ "errnoRet", read_u32_flagged, AT(spec_seccomp_rule, errno_ret),
	  AT(spec_seccomp_rule, has_errno_ret), NULL, false },
	{ "args", read_array, AT(spec_seccomp_rule, args), AT(spec_seccomp_rule, n_args),
	  &seccomp_arg_table, false },
};
static const struct table seccomp_rule_table =
	TABLE(struct spec_seccomp_rule, seccomp_rule_fields, NULL);

static const struct field seccomp_fields[] = {
	{ "defaultAction", read_action, AT(spec_seccomp, default_action), 0, NULL, true },
	{ "defaultErrnoRet", read_u32_flagged, AT(spec_seccomp, default_errno_ret),
	  AT(spec_seccomp, has_default_errno_ret), NULL, false },
	{ "architectures", read_texts, AT(spec_seccomp, architectures), 0, NULL, false },
	{ "flags", read_texts, AT(spec_seccomp, flags), 0, NULL, false },
	{ "listenerPath", read_text, AT(spec_seccomp, listener_path), 0, NULL, false },
	{ "listenerMetadata", read_text, AT(spec_seccomp, listener_metadata), 0, NULL, false },
	{ "syscalls", read_array, AT(spec_seccomp, rules), AT(spec_seccomp, n_rules),
	  &seccomp_rule_table, false },
};

static int check_seccomp(struct reader *r, void *at)
{
	struct spec_seccomp *s = at;

	(void)r;
	s->given = true;
	/* As runc does for every profile of this shape. */
	s->newer_is_enosys = s->default_action == SPEC_ACT_ERRNO && s->n_rules;
	return 0;
}
static const struct table seccomp_table = TABLE(struct spec_seccomp, seccomp_fields, check_seccomp);

/* ---- the rest of linux ---- */

static const struct field intel_rdt_fields[] = {
	{ "closID", read_text, AT(spec, intel_rdt.clos_id), 0, NULL, false },
};

static int check_intel_rdt(struct reader *r, void *at)
{
	(void)r;
	((struct spec *)at)->intel_rdt.given = true;
	return 0;
}
static const struct table intel_rdt_table = TABLE(struct spec, intel_rdt_fields, check_intel_rdt);

static const struct field memory_policy_fields[] = {
	{ "mode", read_text, AT(spec, memory_policy.mode), 0, NULL, true },
	{ "nodes", read_text, AT(spec, memory_policy.nodes), 0, NULL, false },
	{ "flags", read_texts, AT(spec, memory_policy.flags), 0, NULL, false },
};
static const struct table memory_policy_table = TABLE(struct spec, memory_policy_fields, NULL);

static const struct field personality_fields[] = {
	{ "domain", read_text, AT(spec, personality), 0, NULL, true },
};
static const struct table personality_table = TABLE(struct spec, personality_fields, NULL);

READER(read_net_devices)
{
	struct spec *spec = at;
	struct json_iter it;

	(void)f;
	if (json_kind(json) != JSON_OBJECT)
		return refuse(r, "must be an object");
	json_for_each (it, json) {
		struct spec_net_device *device = SPEC_ADD(r->spec, spec, net_devices);

		if (!device)
			return -ENOMEM;
		device->name = spec_strdup(r->spec, it.key);
		device->new_name = spec_strdup(r->spec, json_str_at(it.value, "name"));
	}
	return 0;
}

static const struct field linux_fields[] = {
	{ "namespaces", read_namespaces, AT(spec, namespaces), 0, NULL, false },
	{ "uidMappings", read_array, AT(spec, uid_mappings), AT(spec, n_uid_mappings),
	  &id_mapping_table, false },
	{ "gidMappings", read_array, AT(spec, gid_mappings), AT(spec, n_gid_mappings),
	  &id_mapping_table, false },
	{ "timeOffsets", read_object, 0, 0, &time_offsets_table, false },
	{ "devices", read_array, AT(spec, devices), AT(spec, n_devices), &device_table, false },
	{ "netDevices", read_net_devices, 0, 0, NULL, false },
	{ "cgroupsPath", read_text, AT(spec, cgroups_path), 0, NULL, false },
	{ "resources", read_object, AT(spec, resources), 0, &resource_table, false },
	{ "intelRdt", read_object, 0, 0, &intel_rdt_table, false },
	{ "memoryPolicy", read_object, 0, 0, &memory_policy_table, false },
	{ "sysctl", read_pairs, AT(spec, sysctl), AT(spec, n_sysctl), NULL, false },
	{ "seccomp", read_object, AT(spec, seccomp), 0, &seccomp_table, false },
	{ "rootfsPropagation", read_text, AT(spec, rootfs_propagation), 0, NULL, false },
	{ "maskedPaths", read_texts, AT(spec, masked_paths), 0, NULL, false },
	{ "readonlyPaths", read_texts, AT(spec, readonly_paths), 0, NULL, false },
	{ "mountLabel", read_text, AT(spec, mount_label), 0, NULL, false },
	{ "personality", read_object, 0, 0, &personality_table, false },
};
static const struct table linux_table = TABLE(struct spec, linux_fields, NULL);

static const struct field spec_fields[] = {
	{ "ociVersion", read_text, AT(spec, oci_version), 0, NULL, true },
	{ "root", read_object, 0, 0, &root_table, false },
	{ "hostname", read_text, AT(spec, hostname), 0, NULL, false },
	{ "domainname", read_text, AT(spec, domainname), 0, NULL, false },
	{ "process", read_process, AT(spec, process), AT(spec, has_process), NULL, false },
	{ "mounts", read_array, AT(spec, mounts), AT(spec, n_mounts), &mount_table, false },
	{ "hooks", read_object, 0, 0, &hooks_table, false },
	{ "annotations", read_pairs, AT(spec, annotations), AT(spec, n_annotations), NULL, false },
	{ "linux", read_object, 0, 0, &linux_table, false },
};

/* What else is in 1.x, this runtime reads: minor versions only add. */
static int check_version(struct reader *r, void *at)
{
	const struct spec *spec = at;
	const char *v = spec->oci_version;

	if (!v)
		return 0; /* out of memory, told below */
	if (v[0] != '1' || v[1] != '.' || v[2] < '0' || v[2] > '9')
		return err_say(r->err, -EINVAL, "ociVersion: \"%s\" is not 1.x", v);
	return 0;
}
static const struct table spec_table = TABLE(struct spec, spec_fields, check_version);

static int parse(struct spec *spec, const struct table *table, void *at, const char *text,
		 size_t len, struct err *err)
{
	struct reader r = { .spec = spec, .err = err };
	auto_json struct json_object *json = NULL;
	int code;

	if (len > CONFIG_MAX)
		return err_say(err, -E2BIG, "the configuration is larger than %u bytes",
			       CONFIG_MAX);
	code = json_parse(text, len, &json, err);
	if (code == 0)
		code = read_table(&r, table, json, at);
	if (code == -ENOMEM || (code == 0 && spec_error(spec)))
		return err_set(err, -ENOMEM, "read the configuration");
	return code;
}

int config_parse(struct spec *spec, const char *text, size_t len, struct err *err)
{
	return parse(spec, &spec_table, spec, text, len, err);
}

int config_parse_process(struct spec *spec, const char *text, size_t len, struct err *err)
{
	struct spec_process *p = &spec->process;

	/* What the new process has, it has alone: lists do not add up. */
	p->args = p->env = (struct spec_strings){ 0 };
	p->n_groups = p->n_rlimits = 0;
	p->groups = NULL;
	p->rlimits = NULL;
	return parse(spec, &process_table, p, text, len, err);
}
