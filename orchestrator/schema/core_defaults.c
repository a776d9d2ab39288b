/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller kinds of core/v1: defaults that depend on other fields. */
#include <string.h>

#include "base/crypt.h"
#include "orchestrator/schema/kinds.h"

static bool is_one_of(const char *text, const char *a, const char *b)
{
	return text && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

/* An old name and its newer list: what is written in one is in both. */
static void default_first_of(struct json_object *spec, const char *one, const char *many)
{
	const char *text = json_str(json_get(spec, one));
	struct json_object *list = json_get(spec, many);

	if (text && *text && json_len(list) == 0) {
		list = json_new_array();
		if (list && json_add(list, json_new_string(text)) == 0)
			(void)json_put(spec, many, list);
		else
			json_unref(list);
	} else if ((!text || !*text) && json_len(list)) {
		(void)json_put(spec, one, json_ref(json_idx(list, 0)));
	}
}

void namespace_defaults(struct json_object *object)
{
	struct json_object *metadata = json_get(object, "metadata");
	struct json_object *labels = json_get(metadata, "labels");
	const char *name = json_str_at(metadata, "name");

	if (!name || !*name)
		return;
	if (!labels) {
		labels = json_new_object();
		if (!labels || json_put(metadata, "labels", labels) < 0)
			return;
	}
	(void)json_put_str(labels, "kubernetes.io/metadata.name", name);
}

void node_defaults(struct json_object *object)
{
	struct json_object *status = json_get(object, "status");
	struct json_object *capacity = json_get(status, "capacity");
	struct json_object *spec = json_get(object, "spec");

	if (spec)
		default_first_of(spec, "podCIDR", "podCIDRs");

	if (capacity && !json_has(status, "allocatable"))
		(void)json_put(status, "allocatable", json_copy(capacity));
}

/* stringData is another way to write data, and is never kept. */
void secret_defaults(struct json_object *object)
{
	struct json_object *texts = json_get(object, "stringData");
	struct json_object *data = json_get(object, "data");
	struct json_iter it;

	if (!texts)
		return;
	if (!data && json_len(texts)) {
		data = json_new_object();
		if (!data || json_put(object, "data", data) < 0)
			return;
	}
	json_for_each (it, texts) {
		auto_buf struct buf text = BUF_INIT(0);

		if (base64_encode(&text, json_str(it.value), json_str_len(it.value)) == 0)
			(void)json_put_str(data, it.key, buf_str(&text));
	}
	json_del(object, "stringData");
}

static void default_affinity_config(struct json_object *spec)
{
	const char *affinity = json_str(json_get(spec, "sessionAffinity"));

	if (affinity && strcmp(affinity, "None") == 0)
		json_del(spec, "sessionAffinityConfig");
	if (affinity && strcmp(affinity, "ClientIP") == 0 &&
	    !json_at(spec, "sessionAffinityConfig.clientIP.timeoutSeconds"))
		(void)json_put_at(spec, "sessionAffinityConfig.clientIP.timeoutSeconds",
				  json_new_int(10800));
}

static void default_ports(struct json_object *ports)
{
	for (size_t i = 0, n = json_len(ports); i < n; i++) {
		struct json_object *port = json_idx(ports, i);

		if (schema_is_zero(json_get(port, "targetPort")))
			(void)json_put(port, "targetPort", json_copy(json_get(port, "port")));
	}
}

/* One family, that of the address; a headless Service that selects nothing may have both. */
static void default_families(struct json_object *spec)
{
	const char *ip = json_str(json_get(spec, "clusterIP"));
	bool both = is_one_of(ip, "None", "None") && json_len(json_get(spec, "selector")) == 0;
	struct json_object *families;

	if (!json_has(spec, "ipFamilyPolicy"))
		(void)json_put_str(spec, "ipFamilyPolicy",
				   both ? "RequireDualStack" : "SingleStack");
	if (json_has(spec, "ipFamilies"))
		return;
	families = json_new_array();
	if (!families)
		return;
	(void)json_add(families, json_new_string(ip && strchr(ip, ':') ? "IPv6" : "IPv4"));
	if (both)
		(void)json_add(families, json_new_string("IPv6"));
	(void)json_put(spec, "ipFamilies", families);
}

void service_defaults(struct json_object *object)
{
	struct json_object *spec = json_get(object, "spec");
	const char *type = json_str(json_get(spec, "type"));
	bool outside = is_one_of(type, "NodePort", "LoadBalancer") ||
		       (is_one_of(type, "ClusterIP", "ClusterIP") &&
			json_len(json_get(spec, "externalIPs")) > 0);

	if (!spec)
		return;
	default_affinity_config(spec);
	default_first_of(spec, "clusterIP", "clusterIPs");
	default_ports(json_get(spec, "ports"));
	if (!is_one_of(type, "ExternalName", "ExternalName"))
		default_families(spec);
	if (outside && schema_is_zero(json_get(spec, "externalTrafficPolicy")))
		(void)json_put_str(spec, "externalTrafficPolicy", "Cluster");
	if (is_one_of(type, "ClusterIP", "NodePort") || is_one_of(type, "LoadBalancer", ""))
		if (!json_has(spec, "internalTrafficPolicy"))
			(void)json_put_str(spec, "internalTrafficPolicy", "Cluster");
	if (is_one_of(type, "LoadBalancer", "LoadBalancer") &&
	    !json_has(spec, "allocateLoadBalancerNodePorts"))
		(void)json_put_bool(spec, "allocateLoadBalancerNodePorts", true);
}
