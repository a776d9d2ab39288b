/* SPDX-License-Identifier: Apache-2.0 */
/* OCI runtime-spec 1.3, config-linux.md: the linux member of a configuration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "runtime/config.h"
#include "runtime/reader.h"

/* ---- linux ---- */

struct named_namespace {
	const char *type, *path;
};
static const struct field namespace_fields[] = {
	{ "type", reader_text, AT(named_namespace, type), 0, NULL, true },
	{ "path", reader_text, AT(named_namespace, path), 0, NULL, false },
};
static const struct table namespace_table = TABLE(struct named_namespace, namespace_fields, NULL);

static READER(read_namespaces)
{
	struct spec_namespace *namespaces = at;
	int code = reader_check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		struct named_namespace named = { 0 };
		int kind;

		code = reader_table(r, &namespace_table, json_idx(json, i), &named);
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
			return reader_refuse(r, "a namespace's path must be absolute");
		namespaces[kind].wanted = true;
		namespaces[kind].path = named.path;
	}
	return code;
}

static const struct field time_offset_fields[] = {
	{ "secs", reader_i64, AT(spec_time_offset, secs), 0, NULL, false },
	{ "nanosecs", reader_u32, AT(spec_time_offset, nanosecs), 0, NULL, false },
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
	{ "monotonic", reader_object, AT(spec, monotonic), 0, &time_offset_table, false },
	{ "boottime", reader_object, AT(spec, boottime), 0, &time_offset_table, false },
};
static const struct table time_offsets_table = TABLE(struct spec, time_offsets_fields, NULL);

static READER(read_device_type)
{
	const char *text = json_str(json);

	(void)f;
	if (!text || strlen(text) != 1 || !strchr("abcup", text[0]))
		return reader_refuse(r, "must be a, b, c, u or p");
	*(char *)at = text[0];
	return 0;
}

static const struct field device_fields[] = {
	{ "path", reader_text, AT(spec_device, path), 0, NULL, true },
	{ "type", read_device_type, AT(spec_device, type), 0, NULL, true },
	{ "major", reader_i64, AT(spec_device, major), 0, NULL, false },
	{ "minor", reader_i64, AT(spec_device, minor), 0, NULL, false },
	{ "fileMode", reader_u32, AT(spec_device, file_mode), 0, NULL, false },
	{ "uid", reader_id, AT(spec_device, uid), 0, NULL, false },
	{ "gid", reader_id, AT(spec_device, gid), 0, NULL, false },
};
static const struct table device_table = TABLE(struct spec_device, device_fields, NULL);

static READER(read_access)
{
	struct spec_device_rule *rule = at;
	const char *text = json_str(json);

	(void)f;
	if (!text || strspn(text, "rwm") != strlen(text))
		return reader_refuse(r, "must be made of r, w and m");
	rule->read = strchr(text, 'r');
	rule->write = strchr(text, 'w');
	rule->mknod = strchr(text, 'm');
	return 0;
}

static const struct field device_rule_fields[] = {
	{ "allow", reader_bool, AT(spec_device_rule, allow), 0, NULL, true },
	{ "type", read_device_type, AT(spec_device_rule, type), 0, NULL, false },
	{ "major", reader_i64, AT(spec_device_rule, major), 0, NULL, false },
	{ "minor", reader_i64, AT(spec_device_rule, minor), 0, NULL, false },
	{ "access", read_access, 0, 0, NULL, false },
};
static const struct table device_rule_table =
	TABLE(struct spec_device_rule, device_rule_fields, NULL);

/* Numbers that are not there mean "any", which zero does not say. */
static READER(read_device_rules)
{
	struct spec_resources *resources = at;
	size_t len = strlen(r->path);
	int code = reader_check_items(r, json);

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
		code = reader_table(r, &device_rule_table, json_idx(json, i), rule);
		if (code == 0)
			r->path[len] = '\0';
	}
	return code;
}

static const struct field memory_fields[] = {
	{ "limit", reader_i64, AT(spec_resources, memory.limit), 0, NULL, false },
	{ "reservation", reader_i64, AT(spec_resources, memory.reservation), 0, NULL, false },
	{ "swap", reader_i64, AT(spec_resources, memory.swap), 0, NULL, false },
	{ "kernelTCP", reader_i64, AT(spec_resources, memory.kernel_tcp), 0, NULL, false },
	{ "swappiness", reader_i64_flagged, AT(spec_resources, memory.swappiness),
	  AT(spec_resources, memory.has_swappiness), NULL, false },
	{ "disableOOMKiller", reader_bool, AT(spec_resources, memory.disable_oom_killer), 0, NULL,
	  false },
	{ "useHierarchy", reader_bool, AT(spec_resources, memory.use_hierarchy), 0, NULL, false },
	{ "checkBeforeUpdate", reader_bool, AT(spec_resources, memory.check_before_update), 0, NULL,
	  false },
};
static const struct table memory_table = TABLE(struct spec_resources, memory_fields, NULL);

static const struct field cpu_fields[] = {
	{ "shares", reader_u64, AT(spec_resources, cpu.shares), 0, NULL, false },
	{ "quota", reader_i64, AT(spec_resources, cpu.quota_us), 0, NULL, false },
	{ "burst", reader_u64, AT(spec_resources, cpu.burst_us), 0, NULL, false },
	{ "period", reader_u64, AT(spec_resources, cpu.period_us), 0, NULL, false },
	{ "realtimeRuntime", reader_i64, AT(spec_resources, cpu.realtime_runtime_us), 0, NULL,
	  false },
	{ "realtimePeriod", reader_u64, AT(spec_resources, cpu.realtime_period_us), 0, NULL,
	  false },
	{ "cpus", reader_text, AT(spec_resources, cpu.cpus), 0, NULL, false },
	{ "mems", reader_text, AT(spec_resources, cpu.mems), 0, NULL, false },
	{ "idle", reader_i64_flagged, AT(spec_resources, cpu.idle),
	  AT(spec_resources, cpu.has_idle), NULL, false },
};
static const struct table cpu_table = TABLE(struct spec_resources, cpu_fields, NULL);

static const struct field pids_fields[] = {
	{ "limit", reader_i64_flagged, AT(spec_resources, pids.limit),
	  AT(spec_resources, pids.has_limit), NULL, false },
};
static const struct table pids_table = TABLE(struct spec_resources, pids_fields, NULL);

/* weightDevice says "weight", the throttles say "rate": the same place. */
static const struct field blkio_device_fields[] = {
	{ "major", reader_i64, AT(spec_blkio_device, major), 0, NULL, true },
	{ "minor", reader_i64, AT(spec_blkio_device, minor), 0, NULL, true },
	{ "weight", reader_u64, AT(spec_blkio_device, value), 0, NULL, false },
	{ "rate", reader_u64, AT(spec_blkio_device, value), 0, NULL, false },
};
static const struct table blkio_device_table =
	TABLE(struct spec_blkio_device, blkio_device_fields, NULL);

#define BLKIO(member) AT(spec_resources, block_io.member), AT(spec_resources, block_io.n_##member)
static const struct field blkio_fields[] = {
	{ "weight", reader_u16, AT(spec_resources, block_io.weight), 0, NULL, false },
	{ "leafWeight", reader_u16, AT(spec_resources, block_io.leaf_weight), 0, NULL, false },
	{ "weightDevice", reader_array, BLKIO(weights), &blkio_device_table, false },
	{ "throttleReadBpsDevice", reader_array, BLKIO(read_bps), &blkio_device_table, false },
	{ "throttleWriteBpsDevice", reader_array, BLKIO(write_bps), &blkio_device_table, false },
	{ "throttleReadIOPSDevice", reader_array, BLKIO(read_iops), &blkio_device_table, false },
	{ "throttleWriteIOPSDevice", reader_array, BLKIO(write_iops), &blkio_device_table, false },
};
static const struct table blkio_table = TABLE(struct spec_resources, blkio_fields, NULL);

static const struct field hugepage_fields[] = {
	{ "pageSize", reader_text, AT(spec_hugepage_limit, page_size), 0, NULL, true },
	{ "limit", reader_u64, AT(spec_hugepage_limit, limit), 0, NULL, true },
};
static const struct table hugepage_table = TABLE(struct spec_hugepage_limit, hugepage_fields, NULL);

static const struct field rdma_fields[] = {
	{ "hcaHandles", reader_u32_flagged, AT(spec_rdma_limit, hca_handles),
	  AT(spec_rdma_limit, has_hca_handles), NULL, false },
	{ "hcaObjects", reader_u32_flagged, AT(spec_rdma_limit, hca_objects),
	  AT(spec_rdma_limit, has_hca_objects), NULL, false },
};
static const struct table rdma_table = TABLE(struct spec_rdma_limit, rdma_fields, NULL);

static READER(read_rdma)
{
	struct spec_resources *resources = at;
	struct json_iter it;

	(void)f;
	if (json_kind(json) != JSON_OBJECT)
		return reader_refuse(r, "must be an object");
	json_for_each (it, json) {
		struct spec_rdma_limit *limit = SPEC_ADD(r->spec, resources, rdma);
		int code = limit ? reader_table(r, &rdma_table, it.value, limit) : -ENOMEM;

		if (code < 0)
			return code;
		limit->device = spec_strdup(r->spec, it.key);
	}
	return 0;
}

static const struct field priority_fields[] = {
	{ "name", reader_text, AT(spec_pair, key), 0, NULL, true },
};
static const struct table priority_table = TABLE(struct spec_pair, priority_fields, NULL);
static const struct field network_fields[] = {
	{ "classID", reader_u32, AT(spec_resources, net_class_id), 0, NULL, false },
	{ "priorities", reader_array, AT(spec_resources, net_priorities),
	  AT(spec_resources, n_net_priorities), &priority_table, false },
};
static const struct table network_table = TABLE(struct spec_resources, network_fields, NULL);

static const struct field resource_fields[] = {
	{ "devices", read_device_rules, 0, 0, NULL, false },
	{ "memory", reader_object, 0, 0, &memory_table, false },
	{ "cpu", reader_object, 0, 0, &cpu_table, false },
	{ "pids", reader_object, 0, 0, &pids_table, false },
	{ "blockIO", reader_object, 0, 0, &blkio_table, false },
	{ "hugepageLimits", reader_array, AT(spec_resources, hugepages),
	  AT(spec_resources, n_hugepages), &hugepage_table, false },
	{ "network", reader_object, 0, 0, &network_table, false },
	{ "rdma", read_rdma, 0, 0, NULL, false },
	{ "unified", reader_pairs, AT(spec_resources, unified), AT(spec_resources, n_unified), NULL,
	  false },
};
static const struct table resource_table = TABLE(struct spec_resources, resource_fields, NULL);

/* ---- seccomp ---- */

static READER(read_action)
{
	int action = json_str(json) ? spec_seccomp_action_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (action < 0)
		return reader_refuse(r, "is no seccomp action");
	*(enum spec_seccomp_action *)at = (enum spec_seccomp_action)action;
	return 0;
}

static READER(read_op)
{
	int op = json_str(json) ? spec_seccomp_op_by_name(json_str(json)) : -EINVAL;

	(void)f;
	if (op < 0)
		return reader_refuse(r, "is no seccomp operator");
	*(enum spec_seccomp_op *)at = (enum spec_seccomp_op)op;
	return 0;
}

static const struct field seccomp_arg_fields[] = {
	{ "index", reader_u32, AT(spec_seccomp_arg, index), 0, NULL, true },
	{ "value", reader_u64, AT(spec_seccomp_arg, value), 0, NULL, true },
	{ "valueTwo", reader_u64, AT(spec_seccomp_arg, value_two), 0, NULL, false },
	{ "op", read_op, AT(spec_seccomp_arg, op), 0, NULL, true },
};
static const struct table seccomp_arg_table =
	TABLE(struct spec_seccomp_arg, seccomp_arg_fields, NULL);

static const struct field seccomp_rule_fields[] = {
	{ "names", reader_texts, AT(spec_seccomp_rule, names), 0, NULL, true },
	{ "action", read_action, AT(spec_seccomp_rule, action), 0, NULL, true },
	{ "errnoRet", reader_u32_flagged, AT(spec_seccomp_rule, errno_ret),
	  AT(spec_seccomp_rule, has_errno_ret), NULL, false },
	{ "args", reader_array, AT(spec_seccomp_rule, args), AT(spec_seccomp_rule, n_args),
	  &seccomp_arg_table, false },
};
static const struct table seccomp_rule_table =
	TABLE(struct spec_seccomp_rule, seccomp_rule_fields, NULL);

static const struct field seccomp_fields[] = {
	{ "defaultAction", read_action, AT(spec_seccomp, default_action), 0, NULL, true },
	{ "defaultErrnoRet", reader_u32_flagged, AT(spec_seccomp, default_errno_ret),
	  AT(spec_seccomp, has_default_errno_ret), NULL, false },
	{ "architectures", reader_texts, AT(spec_seccomp, architectures), 0, NULL, false },
	{ "flags", reader_texts, AT(spec_seccomp, flags), 0, NULL, false },
	{ "listenerPath", reader_text, AT(spec_seccomp, listener_path), 0, NULL, false },
	{ "listenerMetadata", reader_text, AT(spec_seccomp, listener_metadata), 0, NULL, false },
	{ "syscalls", reader_array, AT(spec_seccomp, rules), AT(spec_seccomp, n_rules),
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
	{ "closID", reader_text, AT(spec, intel_rdt.clos_id), 0, NULL, false },
};

static int check_intel_rdt(struct reader *r, void *at)
{
	(void)r;
	((struct spec *)at)->intel_rdt.given = true;
	return 0;
}
static const struct table intel_rdt_table = TABLE(struct spec, intel_rdt_fields, check_intel_rdt);

static const struct field memory_policy_fields[] = {
	{ "mode", reader_text, AT(spec, memory_policy.mode), 0, NULL, true },
	{ "nodes", reader_text, AT(spec, memory_policy.nodes), 0, NULL, false },
	{ "flags", reader_texts, AT(spec, memory_policy.flags), 0, NULL, false },
};
static const struct table memory_policy_table = TABLE(struct spec, memory_policy_fields, NULL);

static const struct field personality_fields[] = {
	{ "domain", reader_text, AT(spec, personality), 0, NULL, true },
};
static const struct table personality_table = TABLE(struct spec, personality_fields, NULL);

static READER(read_net_devices)
{
	struct spec *spec = at;
	struct json_iter it;

	(void)f;
	if (json_kind(json) != JSON_OBJECT)
		return reader_refuse(r, "must be an object");
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
	{ "uidMappings", reader_array, AT(spec, uid_mappings), AT(spec, n_uid_mappings),
	  &config_id_mapping_table, false },
	{ "gidMappings", reader_array, AT(spec, gid_mappings), AT(spec, n_gid_mappings),
	  &config_id_mapping_table, false },
	{ "timeOffsets", reader_object, 0, 0, &time_offsets_table, false },
	{ "devices", reader_array, AT(spec, devices), AT(spec, n_devices), &device_table, false },
	{ "netDevices", read_net_devices, 0, 0, NULL, false },
	{ "cgroupsPath", reader_text, AT(spec, cgroups_path), 0, NULL, false },
	{ "resources", reader_object, AT(spec, resources), 0, &resource_table, false },
	{ "intelRdt", reader_object, 0, 0, &intel_rdt_table, false },
	{ "memoryPolicy", reader_object, 0, 0, &memory_policy_table, false },
	{ "sysctl", reader_pairs, AT(spec, sysctl), AT(spec, n_sysctl), NULL, false },
	{ "seccomp", reader_object, AT(spec, seccomp), 0, &seccomp_table, false },
	{ "rootfsPropagation", reader_text, AT(spec, rootfs_propagation), 0, NULL, false },
	{ "maskedPaths", reader_texts, AT(spec, masked_paths), 0, NULL, false },
	{ "readonlyPaths", reader_texts, AT(spec, readonly_paths), 0, NULL, false },
	{ "mountLabel", reader_text, AT(spec, mount_label), 0, NULL, false },
	{ "personality", reader_object, 0, 0, &personality_table, false },
};
const struct table config_linux_table = TABLE(struct spec, linux_fields, NULL);
