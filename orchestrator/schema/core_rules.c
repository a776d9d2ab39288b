/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller kinds: what their rows don't say. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"
#include "orchestrator/schema/metadata_rules.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_bytes.h"

#define DATA_MAX (1024 * 1024) /* bytes of a ConfigMap or a Secret */

static const struct json_object *root(const struct schema_site *site, const char *path)
{
	return json_at(site->root, path);
}

/* ---- ConfigMap, Secret ---- */

/* Keys are names of files. @data_bytes: values are base64 of that many bytes. */
static void check_keys(struct schema_site *site, const char *name, const struct json_object *data)
{
	struct json_iter it;
	char sub[512];

	json_for_each (it, data) {
		(void)snprintf(sub, sizeof(sub), "%s[%s]", name, it.key);
		site_text_rule(site, sub, it.key, rule_config_key);
	}
}

static size_t bytes_of(const struct json_object *data, bool base64)
{
	struct json_iter it;
	size_t sum = 0;

	json_for_each (it, data) {
		size_t len = json_str_len(it.value);
		const char *text = json_str(it.value);

		if (base64 && len >= 4)
			len = len / 4 * 3 - (text[len - 1] == '=') - (text[len - 2] == '=');
		sum += len;
	}
	return sum;
}

static void check_sealed(struct schema_site *site, const char *const *fields)
{
	if (!site->old || !json_bool_at(site->old, "immutable", false))
		return;
	if (!json_bool_at(site->root, "immutable", false))
		site_problem(site, CAUSE_FORBIDDEN, "immutable", NULL,
			     "field is immutable when `immutable` is set");
	for (; *fields; fields++)
		if (!json_equal(json_get(site->root, *fields), json_get(site->old, *fields)))
			site_problem(site, CAUSE_FORBIDDEN, *fields, NULL,
				     "field is immutable when `immutable` is set");
}

void config_map_validate(struct schema_site *site)
{
	static const char *const sealed[] = { "data", "binaryData", NULL };
	const struct json_object *data = json_get(site->root, "data");
	const struct json_object *binary = json_get(site->root, "binaryData");
	struct json_iter it;
	char sub[512];

	check_keys(site, "data", data);
	json_for_each (it, data)
		if (json_has(binary, it.key)) {
			auto_json struct json_object *key = json_new_string(it.key);

			(void)snprintf(sub, sizeof(sub), "data[%s]", it.key);
			site_problem(site, CAUSE_INVALID, sub, key,
				     "duplicate of key present in binaryData");
		}
	check_keys(site, "binaryData", binary);
	if (bytes_of(data, false) + bytes_of(binary, true) > DATA_MAX)
		site_problem(site, CAUSE_TOO_LONG, "[]", NULL, "may not be more than %d bytes",
			     DATA_MAX);
	check_sealed(site, sealed);
}

/* What a Secret of a type must hold: all of the keys, or (any) one of them. */
static const struct {
	const char *type, *keys[3];
	bool any;
} secret_types[] = {
	{ "kubernetes.io/dockercfg", { ".dockercfg" }, false },
	{ "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" }, false },
	{ "kubernetes.io/basic-auth", { "username", "password" }, true },
	{ "kubernetes.io/ssh-auth", { "ssh-privatekey" }, false },
	{ "kubernetes.io/tls", { "tls.crt", "tls.key" }, false },
};

static void check_secret_type(struct schema_site *site)
{
	const struct json_object *data = json_get(site->root, "data");
	char sub[128];

	if (site_text_is(site->root, "type", "kubernetes.io/service-account-token") &&
	    schema_is_zero(json_get(root(site, "metadata.annotations"),
				    "kubernetes.io/service-account.name")))
		site_required(site, "metadata.annotations[kubernetes.io/service-account.name]");
	for (size_t i = 0; i < ARRAY_LEN(secret_types); i++) {
		bool found = false;

		if (!site_text_is(site->root, "type", secret_types[i].type))
			continue;
		for (size_t k = 0; secret_types[i].keys[k]; k++)
			found |= json_has(data, secret_types[i].keys[k]);
		for (size_t k = 0; secret_types[i].keys[k]; k++) {
			if (json_has(data, secret_types[i].keys[k]) ||
			    (secret_types[i].any && found))
				continue;
			(void)snprintf(sub, sizeof(sub), "data[%s]", secret_types[i].keys[k]);
			site_required(site, sub);
		}
	}
}

/* What is meant for a registry must be JSON; what it says is not shown. */
static void check_docker_config(struct schema_site *site, const char *type, const char *key)
{
	const struct json_object *value = json_get(json_get(site->root, "data"), key);
	auto_json struct json_object *redacted = json_new_string("<secret contents redacted>");
	auto_json struct json_object *config = NULL;
	auto_buf struct buf text = BUF_INIT(DATA_MAX);
	struct err err = { 0 };
	char sub[128];
	size_t wrong;

	if (!site_text_is(site->root, "type", type) || !json_str(value) ||
	    schema_bytes_decode(json_str(value), json_str_len(value), &text, &wrong) < 0)
		return;
	(void)snprintf(sub, sizeof(sub), "data[%s]", key);
	if (json_parse(buf_str(&text), text.len, &config, &err) < 0)
		site_problem(site, CAUSE_INVALID, sub, redacted, "%s", err.text);
}

void secret_validate(struct schema_site *site)
{
	static const char *const sealed[] = { "data", NULL };
	const struct json_object *data = json_get(site->root, "data");

	check_keys(site, "data", data);
	if (bytes_of(data, true) > DATA_MAX)
		site_problem(site, CAUSE_TOO_LONG, "data", NULL, "may not be more than %d bytes",
			     DATA_MAX);
	check_secret_type(site);
	check_docker_config(site, "kubernetes.io/dockercfg", ".dockercfg");
	check_docker_config(site, "kubernetes.io/dockerconfigjson", ".dockerconfigjson");
	if (site->old)
		site_immutable(site, "type", json_get(site->root, "type"),
			       json_get(site->old, "type"));
	check_sealed(site, sealed);
}

/* ---- Namespace, Node ---- */

void namespace_validate(struct schema_site *site)
{
	if (!site->old)
		metadata_finalizers(site, "spec.finalizers", root(site, "spec.finalizers"), false);
}

static void check_taint(struct schema_site *site, const struct json_object *taints, size_t i)
{
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute",
					       NULL };
	const struct json_object *taint = json_idx(taints, i), *key = json_get(taint, "key");
	const struct json_object *effect = json_get(taint, "effect");
	size_t mark = site_enter(site, "metadata.taints", i);

	site_text_rule(site, "key", json_str(key) ? json_str(key) : "", rule_qualified_name);
	site_rule(site, "value", json_get(taint, "value"), rule_label_value);
	if (json_str_len(effect))
		site_one_of(site, "effect", effect, effects);
	else
		site_required(site, "effect");
	for (size_t k = 0; k < i; k++)
		if (json_equal(json_get(json_idx(taints, k), "key"), key) &&
		    json_equal(json_get(json_idx(taints, k), "effect"), effect)) {
			site_problem(site, CAUSE_DUPLICATE, NULL, taint,
				     "taints must be unique by key and effect pair");
			break;
		}
	site_leave(site, mark);
}

static void check_amounts(struct schema_site *site, const char *path)
{
	struct json_iter it;

	json_for_each (it, root(site, path)) {
		const char *amount = json_str(it.value);
		char sub[512];

		(void)snprintf(sub, sizeof(sub), "%s.%s", path, it.key);
		if (amount && *amount == '-')
			site_problem(site, CAUSE_INVALID, sub, it.value,
				     "must be greater than or equal to 0");
	}
}

void node_validate(struct schema_site *site)
{
	const struct json_object *taints = root(site, "spec.taints");
	const struct json_object *cidrs = root(site, "spec.podCIDRs");
	const struct json_object *cidr = root(site, "spec.podCIDR");

	for (size_t i = 0, n = json_len(taints); i < n; i++)
		check_taint(site, taints, i);
	/* podCIDR is another name of the first of podCIDRs */
	if (json_str_len(cidr))
		site_rule(site, "spec.podCIDRs[0]", cidr, rule_cidr);
	for (size_t i = json_str_len(cidr) ? 1 : 0, n = json_len(cidrs); i < n; i++) {
		size_t mark = site_enter(site, "spec.podCIDRs", i);

		site_rule(site, NULL, json_idx(cidrs, i), rule_cidr);
		site_leave(site, mark);
	}
	check_amounts(site, "status.capacity");
	check_amounts(site, "status.allocatable");
	if (!site->old)
		return;
	if (json_str_len(json_at(site->old, "spec.podCIDR")) &&
	    !json_equal(json_at(site->old, "spec.podCIDR"), cidr))
		site_problem(site, CAUSE_FORBIDDEN, "spec.podCIDRs", NULL,
			     "node updates may not change podCIDR except from \"\" to valid");
	if (json_str_len(json_at(site->old, "spec.providerID")) &&
	    !json_equal(json_at(site->old, "spec.providerID"), root(site, "spec.providerID")))
		site_problem(site, CAUSE_INVALID, "spec.providerID", NULL,
			     "field cannot be modified once set");
}

/* ---- Event ---- */

void event_validate(struct schema_site *site)
{
	static const char *const needed[] = { "reportingComponent", "reportingInstance", "action",
					      "reason" };
	const char *about = json_str_at(site->root, "involvedObject.namespace");
	const char *own = json_str_at(site->root, "metadata.namespace");
	const char *component = json_str_at(site->root, "reportingComponent");
	bool elsewhere = about && *about ? strcmp(about, own ? own : "") != 0
					 : own && strcmp(own, "default") != 0 &&
						   strcmp(own, "kube-system") != 0;

	if (elsewhere)
		site_problem(site, CAUSE_INVALID, "involvedObject.namespace",
			     root(site, "involvedObject.namespace"),
			     "does not match event.namespace");
	/* eventTime is what the newer API writes: it asks for more */
	if (site->old || !json_str_at(site->root, "eventTime"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (schema_is_zero(json_get(site->root, needed[i])))
			site_required(site, needed[i]);
	site_text_rule(site, "reportingComponent", component ? component : "", rule_qualified_name);
}
