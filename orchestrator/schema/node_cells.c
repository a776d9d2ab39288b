/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/cells.h"

static struct json_object *status_cell(const struct json_object *object)
{
	const struct json_object *conditions = json_at(object, "status.conditions");
	const char *state = "Unknown";
	char text[64];

	for (size_t i = 0, n = json_len(conditions); i < n; i++) {
		const struct json_object *one = json_idx(conditions, i);

		if (strcmp(cell_string(one, "type"), "Ready") == 0)
			state = strcmp(cell_string(one, "status"), "True") == 0 ? "Ready"
										: "NotReady";
	}
	(void)snprintf(text, sizeof(text), "%s%s", state,
		       json_bool_at(object, "spec.unschedulable", false) ? ",SchedulingDisabled"
									 : "");
	return json_new_string(text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct json_object *roles_cell(const struct json_object *object)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	const struct json_object *labels = json_at(object, "metadata.labels");
	auto_free const char **roles = calloc(json_len(labels) + 1, sizeof(*roles));
	auto_buf struct buf text = BUF_INIT(65536);
	struct json_iter it;
	size_t n = 0;

	if (!roles)
		return NULL;
	json_for_each (it, labels) {
		const char *value = json_str(it.value);

		if (strncmp(it.key, prefix, sizeof(prefix) - 1) == 0 && it.key[sizeof(prefix) - 1])
			roles[n++] = it.key + sizeof(prefix) - 1;
		else if (strcmp(it.key, "kubernetes.io/role") == 0 && value && *value)
			roles[n++] = value;
	}
	qsort(roles, n, sizeof(*roles), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(roles[i], roles[i - 1]) != 0)
			(void)buf_printf(&text, "%s%s", i ? "," : "", roles[i]);
	return cell_text(&text, "<none>");
}

static struct json_object *address_of(const struct json_object *object, const char *type)
{
	const struct json_object *addresses = json_at(object, "status.addresses");

	for (size_t i = 0, n = json_len(addresses); i < n; i++)
		if (strcmp(cell_string(json_idx(addresses, i), "type"), type) == 0)
			return json_new_string(cell_string(json_idx(addresses, i), "address"));
	return json_new_string("<none>");
}

static struct json_object *internal_ip_cell(const struct json_object *object)
{
	return address_of(object, "InternalIP");
}

static struct json_object *external_ip_cell(const struct json_object *object)
{
	return address_of(object, "ExternalIP");
}

static struct json_object *kernel_cell(const struct json_object *object)
{
	const char *version = cell_string(object, "status.nodeInfo.kernelVersion");
	const char *arch = cell_string(object, "status.nodeInfo.architecture");
	auto_buf struct buf text = BUF_INIT(4096);

	if (*version)
		(void)buf_printf(&text, *arch ? "%s (%s)" : "%s", version, arch);
	return cell_text(&text, "<unknown>");
}

const struct schema_column node_columns[] = {
	COLUMN_NAME,
	COLUMN_CELL("Status", 0, status_cell, "Whether the node is ready for pods"),
	COLUMN_CELL("Roles", 0, roles_cell, "Roles that its labels name"),
	COLUMN_AGE,
	COLUMN_PATH("Version", 0, "status.nodeInfo.kubeletVersion", "",
		    "Version that the node agent reports"),
	COLUMN_CELL("Internal-IP", 1, internal_ip_cell, "Address inside the cluster's network"),
	COLUMN_CELL("External-IP", 1, external_ip_cell, "Address outside of it"),
	COLUMN_PATH("OS-Image", 1, "status.nodeInfo.osImage", "<unknown>", "Operating system"),
	COLUMN_CELL("Kernel-Version", 1, kernel_cell, "Kernel and architecture"),
	COLUMN_PATH("Container-Runtime", 1, "status.nodeInfo.containerRuntimeVersion", "<unknown>",
		    "Container runtime and its version"),
	{ 0 },
};
