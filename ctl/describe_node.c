/* SPDX-License-Identifier: Apache-2.0 */
/* What `kubectl describe node` says: the node, its lease, and what runs on it. */
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "ctl/describe.h"

enum resource { RES_CPU, RES_MEMORY, RES_STORAGE, RESOURCE_COUNT };
static const char *const resource_names[] = {
	[RES_CPU] = "cpu",
	[RES_MEMORY] = "memory",
	[RES_STORAGE] = "ephemeral-storage",
};
_Static_assert(ARRAY_LEN(resource_names) == RESOURCE_COUNT, "every resource has a name");

struct usage {
	struct quantity requests[RESOURCE_COUNT], limits[RESOURCE_COUNT];
};

static struct quantity quantity_at(const struct json_object *list, const char *name)
{
	const char *text = json_str(json_get(list, name));
	struct quantity q = quantity_of(0);

	if (text)
		(void)quantity_parse(text, &q, NULL);
	return q;
}

/* What a pod asks for: the sum of its containers, or its largest init container if that is more. */
static void add_pod(struct usage *usage, const struct json_object *pod)
{
	const struct json_object *containers = json_at(pod, "spec.containers");
	const struct json_object *inits = json_at(pod, "spec.initContainers");

	for (size_t r = 0; r < RESOURCE_COUNT; r++) {
		struct quantity *totals[] = { &usage->requests[r], &usage->limits[r] };
		static const char *const lists[] = { "resources.requests", "resources.limits" };

		for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
			struct quantity sum = quantity_of(0);

			for (size_t i = 0; i < json_len(containers); i++) {
				struct quantity q =
					quantity_at(json_at(json_idx(containers, i), lists[l]),
						    resource_names[r]);

				quantity_add(&sum, &q);
			}
			for (size_t i = 0; i < json_len(inits); i++) {
				struct quantity q = quantity_at(
					json_at(json_idx(inits, i), lists[l]), resource_names[r]);

				if (quantity_cmp(&q, &sum) > 0)
					sum = q;
			}
			quantity_add(totals[l], &sum);
		}
	}
}

/* "250m (12%)" */
static const char *share(const struct quantity *part, const struct quantity *whole, char text[96])
{
	char number[QUANTITY_TEXT_MAX];
	long long percent = whole->nano > 0 ? (long long)(part->nano * 100 / whole->nano) : 0;

	(void)snprintf(text, 96, "%s (%lld%%)", quantity_format(part, number), percent);
	return text;
}

static void describe_pods(struct description *d, const struct json_object *node,
			  const struct json_object *pods)
{
	const struct json_object *allocatable = json_at(node, "status.allocatable");
	struct quantity whole[RESOURCE_COUNT];
	struct usage total = { 0 };
	char a[96], b[96], c[96], e[96], age[64];

	if (json_len(allocatable) == 0)
		allocatable = json_at(node, "status.capacity");
	for (size_t r = 0; r < RESOURCE_COUNT; r++)
		whole[r] = quantity_at(allocatable, resource_names[r]);
	describe_line(d, 0, "Non-terminated Pods:\t(%zu in total)", json_len(pods));
	describe_line(
		d, 1,
		"Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
	describe_line(
		d, 1,
		"---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
	for (size_t i = 0; i < json_len(pods); i++) {
		const struct json_object *pod = json_idx(pods, i);
		struct usage one = { 0 };

		add_pod(&one, pod);
		add_pod(&total, pod);
		describe_line(d, 1, "%s\t%s\t\t%s\t%s\t%s\t%s\t%s",
			      json_text_at(pod, "metadata.namespace", ""),
			      json_text_at(pod, "metadata.name", ""),
			      share(&one.requests[RES_CPU], &whole[RES_CPU], a),
			      share(&one.limits[RES_CPU], &whole[RES_CPU], b),
			      share(&one.requests[RES_MEMORY], &whole[RES_MEMORY], c),
			      share(&one.limits[RES_MEMORY], &whole[RES_MEMORY], e),
			      describe_age(d, json_str_at(pod, "metadata.creationTimestamp"), age));
	}
	describe_line(d, 0, "Allocated resources:");
	describe_line(d, 0, "  (Total limits may be over 100 percent, i.e., overcommitted.)");
	describe_line(d, 1, "Resource\tRequests\tLimits");
	describe_line(d, 1, "--------\t--------\t------");
	for (size_t r = 0; r < RESOURCE_COUNT; r++)
		describe_line(d, 1, "%s\t%s\t%s", resource_names[r],
			      share(&total.requests[r], &whole[r], a),
			      share(&total.limits[r], &whole[r], b));
}

static void describe_roles(struct description *d, const struct json_object *labels)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	auto_free const char **keys = NULL;
	size_t n = describe_keys(labels, &keys);
	auto_buf struct buf roles = { 0 };

	for (size_t i = 0; i < n; i++)
		if (strncmp(keys[i], prefix, sizeof(prefix) - 1) == 0 &&
		    keys[i][sizeof(prefix) - 1])
			(void)buf_printf(&roles, "%s%s", roles.len ? "," : "",
					 keys[i] + sizeof(prefix) - 1);
	describe_line(d, 0, "Roles:\t%s", roles.len ? buf_str(&roles) : "<none>");
}

static int by_effect_and_key(const void *a, const void *b)
{
	const struct json_object *x = *(struct json_object *const *)a,
				 *y = *(struct json_object *const *)b;
	int order = strcmp(json_text_at(x, "effect", ""), json_text_at(y, "effect", ""));

	return order ? order : strcmp(json_text_at(x, "key", ""), json_text_at(y, "key", ""));
}

static void describe_taints(struct description *d, const struct json_object *taints)
{
	size_t n = json_len(taints);
	auto_free struct json_object **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (n == 0 || !sorted) {
		describe_line(d, 0, "Taints:\t<none>");
		return;
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_idx(taints, i);
	qsort(sorted, n, sizeof(*sorted), by_effect_and_key);
	for (size_t i = 0; i < n; i++) {
		const char *value = json_text_at(sorted[i], "value", "");

		describe_line(d, 0, "%s\t%s%s%s:%s",
			      i ? "" : "Taints:", json_text_at(sorted[i], "key", ""),
			      *value ? "=" : "", value, json_text_at(sorted[i], "effect", ""));
	}
}

static void describe_lease(struct description *d, const char *node)
{
	auto_json struct json_object *lease = NULL;
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };
	const char *holder;
	char text[64];

	(void)buf_puts(&path, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/");
	(void)rest_escape(&path, node);
	if (rest_get(d->session->rest, buf_str(&path), NULL, &lease, &err) < 0) {
		/* Without "Error from server (Reason): ", as kubectl shows it here. */
		const char *said = strstr(err.text, "): ");

		describe_line(d, 0, "Lease:\tFailed to get lease: %s", said ? said + 3 : err.text);
		return;
	}
	holder = json_str_at(lease, "spec.holderIdentity");
	describe_line(d, 0, "Lease:");
	describe_line(d, 1, "HolderIdentity:\t%s", holder ? holder : "<unset>");
	describe_line(d, 1, "AcquireTime:\t%s",
		      json_str_at(lease, "spec.acquireTime")
			      ? describe_time(json_str_at(lease, "spec.acquireTime"), text)
			      : "<unset>");
	describe_line(d, 1, "RenewTime:\t%s",
		      json_str_at(lease, "spec.renewTime")
			      ? describe_time(json_str_at(lease, "spec.renewTime"), text)
			      : "<unset>");
}

static void describe_conditions(struct description *d, const struct json_object *conditions)
{
	char seen[64], changed[64];

	if (json_len(conditions) == 0)
		return;
	describe_line(d, 0, "Conditions:");
	describe_line(d, 0,
		      "  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
	describe_line(d, 1, "----\t------\t-----------------\t------------------\t------\t-------");
	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);

		describe_line(d, 1, "%s \t%s \t%s \t%s \t%s \t%s", json_text_at(c, "type", ""),
			      json_text_at(c, "status", ""),
			      describe_time(json_str_at(c, "lastHeartbeatTime"), seen),
			      describe_time(json_str_at(c, "lastTransitionTime"), changed),
			      json_text_at(c, "reason", ""), json_text_at(c, "message", ""));
	}
}

static void describe_list(struct description *d, const char *title, const struct json_object *list)
{
	auto_free const char **keys = NULL;
	size_t n = describe_keys(list, &keys);

	if (n)
		describe_line(d, 0, "%s:", title);
	for (size_t i = 0; i < n; i++)
		describe_line(d, 1, "%s:\t%s", keys[i], json_str(json_get(list, keys[i])));
}

static void describe_system(struct description *d, const struct json_object *info)
{
	static const struct {
		const char *title, *key;
	} rows[] = {
		{ "Machine ID", "machineID" },
		{ "System UUID", "systemUUID" },
		{ "Boot ID", "bootID" },
		{ "Kernel Version", "kernelVersion" },
		{ "OS Image", "osImage" },
		{ "Operating System", "operatingSystem" },
		{ "Architecture", "architecture" },
		{ "Container Runtime Version", "containerRuntimeVersion" },
		{ "Kubelet Version", "kubeletVersion" },
	};

	describe_line(d, 0, "System Info:");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		describe_line(d, 1, "%s:\t%s", rows[i].title, json_text_at(info, rows[i].key, ""));
}

static void describe_cidrs(struct description *d, const struct json_object *spec)
{
	const struct json_object *cidrs = json_get(spec, "podCIDRs");
	auto_buf struct buf text = { 0 };

	if (*json_text_at(spec, "podCIDR", ""))
		describe_line(d, 0, "PodCIDR:\t%s", json_text_at(spec, "podCIDR", ""));
	for (size_t i = 0; i < json_len(cidrs); i++)
		(void)buf_printf(&text, "%s%s", i ? "," : "", json_str(json_idx(cidrs, i)));
	if (text.len)
		describe_line(d, 0, "PodCIDRs:\t%s", buf_str(&text));
	if (*json_text_at(spec, "providerID", ""))
		describe_line(d, 0, "ProviderID:\t%s", json_text_at(spec, "providerID", ""));
}

void describe_node(struct description *d, const struct json_object *node)
{
	const struct json_object *addresses = json_at(node, "status.addresses");
	const char *name = json_text_at(node, "metadata.name", "");
	auto_json struct json_object *pods = NULL;
	auto_buf struct buf path = { 0 };
	char text[64];

	describe_line(d, 0, "Name:\t%s", name);
	describe_roles(d, json_at(node, "metadata.labels"));
	describe_labels(d, "Labels", json_at(node, "metadata.labels"));
	describe_annotations(d, json_at(node, "metadata.annotations"));
	describe_line(d, 0, "CreationTimestamp:\t%s",
		      describe_time(json_str_at(node, "metadata.creationTimestamp"), text));
	describe_taints(d, json_at(node, "spec.taints"));
	describe_line(d, 0, "Unschedulable:\t%s",
		      json_bool_at(node, "spec.unschedulable", false) ? "true" : "false");
	describe_lease(d, name);
	describe_conditions(d, json_at(node, "status.conditions"));
	describe_line(d, 0, "Addresses:");
	for (size_t i = 0; i < json_len(addresses); i++)
		describe_line(d, 1, "%s:\t%s", json_text_at(json_idx(addresses, i), "type", ""),
			      json_text_at(json_idx(addresses, i), "address", ""));
	describe_list(d, "Capacity", json_at(node, "status.capacity"));
	describe_list(d, "Allocatable", json_at(node, "status.allocatable"));
	describe_system(d, json_at(node, "status.nodeInfo"));
	describe_cidrs(d, json_get(node, "spec"));
	(void)buf_puts(&path, "/api/v1/pods?fieldSelector=spec.nodeName%3D");
	(void)rest_escape(&path, name);
	(void)buf_puts(&path,
		       "%2Cstatus.phase%21%3DFailed%2Cstatus.phase%21%3DSucceeded&limit=500");
	if (rest_get(d->session->rest, buf_str(&path), NULL, &pods, NULL) == 0)
		describe_pods(d, node, json_get(pods, "items"));
	else
		describe_line(d, 0, "Pods:\tnot authorized");
}
