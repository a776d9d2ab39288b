/* SPDX-License-Identifier: Apache-2.0 */
/* OCI runtime-spec 1.3, config.md. The linux member is config_linux.c's. */
#include "runtime/config.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "runtime/reader.h"

/* ---- process ---- */

static READER(read_capability_set)
{
	int code = reader_check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		const char *name = json_str(json_idx(json, i));
		int cap = name ? spec_capability_by_name(name) : -EINVAL;

		if (!name)
			return reader_refuse(r, "must be an array of strings");
		if (cap < 0)
			return err_say(r->err, -EINVAL, "%s: \"%s\" is no capability", r->path,
				       name);
		*(uint64_t *)at |= UINT64_C(1) << cap;
	}
	return code;
}

static READER(read_rlimit_kind)
{
	int kind = json_str(json) ? spec_rlimit_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (kind < 0)
		return reader_refuse(r, "is no resource limit");
	*(enum spec_rlimit_kind *)at = (enum spec_rlimit_kind)kind;
	return 0;
}

static int check_rlimit(struct reader *r, void *at)
{
	const struct spec_rlimit *limit = at;

	return limit->soft > limit->hard ? reader_refuse(r, "soft limit above the hard one") : 0;
}

static const struct field capability_fields[] = {
	{ "bounding", read_capability_set, AT(spec_capabilities, bounding), 0, NULL, false },
	{ "effective", read_capability_set, AT(spec_capabilities, effective), 0, NULL, false },
	{ "inheritable", read_capability_set, AT(spec_capabilities, inheritable), 0, NULL, false },
	{ "permitted", read_capability_set, AT(spec_capabilities, permitted), 0, NULL, false },
	{ "ambient", read_capability_set, AT(spec_capabilities, ambient), 0, NULL, false },
};
static const struct table capability_table =
	TABLE(struct spec_capabilities, capability_fields, NULL);

static READER(read_capabilities)
{
	reader_set_flag(f, at);
	*(struct spec_capabilities *)at = (struct spec_capabilities){ 0 };
	return reader_table(r, &capability_table, json, at);
}

static const struct field rlimit_fields[] = {
	{ "type", read_rlimit_kind, AT(spec_rlimit, kind), 0, NULL, true },
	{ "soft", reader_u64, AT(spec_rlimit, soft), 0, NULL, true },
	{ "hard", reader_u64, AT(spec_rlimit, hard), 0, NULL, true },
};
static const struct table rlimit_table = TABLE(struct spec_rlimit, rlimit_fields, check_rlimit);

static const struct field user_fields[] = {
	{ "uid", reader_id, AT(spec_process, uid), 0, NULL, false },
	{ "gid", reader_id, AT(spec_process, gid), 0, NULL, false },
	{ "umask", reader_u32_flagged, AT(spec_process, umask), AT(spec_process, has_umask), NULL,
	  false },
	{ "additionalGids", reader_ids, AT(spec_process, groups), AT(spec_process, n_groups), NULL,
	  false },
};
static const struct table user_table = TABLE(struct spec_process, user_fields, NULL);

static const struct field console_fields[] = {
	{ "height", reader_u16, AT(spec_process, console_rows), 0, NULL, false },
	{ "width", reader_u16, AT(spec_process, console_cols), 0, NULL, false },
};
static const struct table console_table = TABLE(struct spec_process, console_fields, NULL);

static const struct field scheduler_fields[] = {
	{ "policy", reader_text, AT(spec_scheduler, policy), 0, NULL, true },
	{ "nice", reader_i32, AT(spec_scheduler, nice), 0, NULL, false },
	{ "priority", reader_i32, AT(spec_scheduler, priority), 0, NULL, false },
	{ "flags", reader_texts, AT(spec_scheduler, flags), 0, NULL, false },
	{ "runtime", reader_u64, AT(spec_scheduler, runtime_ns), 0, NULL, false },
	{ "deadline", reader_u64, AT(spec_scheduler, deadline_ns), 0, NULL, false },
	{ "period", reader_u64, AT(spec_scheduler, period_ns), 0, NULL, false },
};
static const struct table scheduler_table = TABLE(struct spec_scheduler, scheduler_fields, NULL);

static const struct field io_priority_fields[] = {
	{ "class", reader_text, AT(spec_process, io_priority_class), 0, NULL, true },
	{ "priority", reader_i32, AT(spec_process, io_priority), 0, NULL, false },
};
static const struct table io_priority_table = TABLE(struct spec_process, io_priority_fields, NULL);

static const struct field affinity_fields[] = {
	{ "initial", reader_text, AT(spec_process, cpu_affinity_initial), 0, NULL, false },
	{ "final", reader_text, AT(spec_process, cpu_affinity_final), 0, NULL, false },
};
static const struct table affinity_table = TABLE(struct spec_process, affinity_fields, NULL);

/* Members that are objects in the document and plain members of struct spec_process here have
 * offset 0: their own tables count from the whole struct. */
static const struct field process_fields[] = {
	{ "terminal", reader_bool, AT(spec_process, terminal), 0, NULL, false },
	{ "consoleSize", reader_object, 0, 0, &console_table, false },
	{ "user", reader_object, 0, 0, &user_table, false },
	{ "args", reader_texts, AT(spec_process, args), 0, NULL, false },
	{ "env", reader_texts, AT(spec_process, env), 0, NULL, false },
	{ "cwd", reader_text, AT(spec_process, cwd), 0, NULL, true },
	{ "capabilities", read_capabilities, AT(spec_process, capabilities),
	  AT(spec_process, has_capabilities), NULL, false },
	{ "rlimits", reader_array, AT(spec_process, rlimits), AT(spec_process, n_rlimits),
	  &rlimit_table, false },
	{ "noNewPrivileges", reader_bool, AT(spec_process, no_new_privileges), 0, NULL, false },
	{ "oomScoreAdj", reader_i32_flagged, AT(spec_process, oom_score_adj),
	  AT(spec_process, has_oom_score_adj), NULL, false },
	{ "apparmorProfile", reader_text, AT(spec_process, apparmor_profile), 0, NULL, false },
	{ "selinuxLabel", reader_text, AT(spec_process, selinux_label), 0, NULL, false },
	{ "scheduler", reader_object, AT(spec_process, scheduler), 0, &scheduler_table, false },
	{ "ioPriority", reader_object, 0, 0, &io_priority_table, false },
	{ "execCPUAffinity", reader_object, 0, 0, &affinity_table, false },
};

static int check_process(struct reader *r, void *at)
{
	const struct spec_process *p = at;

	if (p->cwd && p->cwd[0] != '/')
		return reader_refuse(r, "cwd must be an absolute path");
	return 0;
}
static const struct table process_table = TABLE(struct spec_process, process_fields, check_process);

static READER(read_process)
{
	reader_set_flag(f, at);
	return reader_table(r, &process_table, json, at);
}

/* ---- mounts, hooks, root ---- */

static const struct field id_mapping_fields[] = {
	{ "containerID", reader_u32, AT(spec_id_mapping, container_id), 0, NULL, true },
	{ "hostID", reader_u32, AT(spec_id_mapping, host_id), 0, NULL, true },
	{ "size", reader_u32, AT(spec_id_mapping, size), 0, NULL, true },
};
const struct table config_id_mapping_table = TABLE(struct spec_id_mapping, id_mapping_fields, NULL);

static const struct field mount_fields[] = {
	{ "destination", reader_text, AT(spec_mount, destination), 0, NULL, true },
	{ "type", reader_text, AT(spec_mount, type), 0, NULL, false },
	{ "source", reader_text, AT(spec_mount, source), 0, NULL, false },
	{ "options", reader_texts, AT(spec_mount, options), 0, NULL, false },
	{ "uidMappings", reader_array, AT(spec_mount, uid_mappings), AT(spec_mount, n_uid_mappings),
	  &config_id_mapping_table, false },
	{ "gidMappings", reader_array, AT(spec_mount, gid_mappings), AT(spec_mount, n_gid_mappings),
	  &config_id_mapping_table, false },
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
	{ "path", reader_text, AT(spec_hook, path), 0, NULL, true },
	{ "args", reader_texts, AT(spec_hook, args), 0, NULL, false },
	{ "env", reader_texts, AT(spec_hook, env), 0, NULL, false },
	{ "timeout", reader_u32, AT(spec_hook, timeout_s), 0, NULL, false },
};

static int check_hook(struct reader *r, void *at)
{
	return ((struct spec_hook *)at)->path[0] != '/' ? reader_refuse(r, "path must be absolute")
							: 0;
}
static const struct table hook_table = TABLE(struct spec_hook, hook_fields, check_hook);

#define HOOKS(kind) AT(spec, hooks[kind].hooks), AT(spec, hooks[kind].n_hooks)
static const struct field hooks_fields[] = {
	{ "prestart", reader_array, HOOKS(SPEC_HOOK_PRESTART), &hook_table, false },
	{ "createRuntime", reader_array, HOOKS(SPEC_HOOK_CREATE_RUNTIME), &hook_table, false },
	{ "createContainer", reader_array, HOOKS(SPEC_HOOK_CREATE_CONTAINER), &hook_table, false },
	{ "startContainer", reader_array, HOOKS(SPEC_HOOK_START_CONTAINER), &hook_table, false },
	{ "poststart", reader_array, HOOKS(SPEC_HOOK_POSTSTART), &hook_table, false },
	{ "poststop", reader_array, HOOKS(SPEC_HOOK_POSTSTOP), &hook_table, false },
};
static const struct table hooks_table = TABLE(struct spec, hooks_fields, NULL);

static const struct field root_fields[] = {
	{ "path", reader_text, AT(spec, root_path), 0, NULL, true },
	{ "readonly", reader_bool, AT(spec, root_readonly), 0, NULL, false },
};
static const struct table root_table = TABLE(struct spec, root_fields, NULL);

/* ---- the whole ---- */

static const struct field spec_fields[] = {
	{ "ociVersion", reader_text, AT(spec, oci_version), 0, NULL, true },
	{ "root", reader_object, 0, 0, &root_table, false },
	{ "hostname", reader_text, AT(spec, hostname), 0, NULL, false },
	{ "domainname", reader_text, AT(spec, domainname), 0, NULL, false },
	{ "process", read_process, AT(spec, process), AT(spec, has_process), NULL, false },
	{ "mounts", reader_array, AT(spec, mounts), AT(spec, n_mounts), &mount_table, false },
	{ "hooks", reader_object, 0, 0, &hooks_table, false },
	{ "annotations", reader_pairs, AT(spec, annotations), AT(spec, n_annotations), NULL,
	  false },
	{ "linux", reader_object, 0, 0, &config_linux_table, false },
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
		code = reader_table(&r, table, json, at);
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
