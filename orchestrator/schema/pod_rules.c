/* SPDX-License-Identifier: Apache-2.0 */
/* Pod: what holds between the parts of a spec. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"
#include "orchestrator/schema/metadata_rules.h"
#include "orchestrator/schema/rules.h"

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

static bool has_name(const struct json_object *list, const char *name)
{
	for (size_t i = 0, n = json_len(list); i < n; i++)
		if (site_text_is(json_idx(list, i), "name", name))
			return true;
	return false;
}

/* ---- names, across all containers ---- */

static void check_container_names(struct schema_site *site, const struct json_object *spec)
{
	/* regular ones first: an init container is then the duplicate */
	static const char *const order[] = { "containers", "initContainers",
					     "ephemeralContainers" };

	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		const struct json_object *list = json_get(spec, order[k]);

		site_unique(site, order[k], list, "name");
		for (size_t i = 0, n = json_len(list); k && i < n; i++) {
			const struct json_object *name = json_get(json_idx(list, i), "name");
			size_t mark = site_enter(site, order[k], i);

			for (size_t before = 0; before < k && json_str_len(name); before++)
				if (has_name(json_get(spec, order[before]), json_str(name))) {
					site_problem(site, CAUSE_DUPLICATE, "name", name, "%s", "");
					break;
				}
			site_leave(site, mark);
		}
	}
}

/* ---- mounts: what they name, and where they lie ---- */

static void check_mount(struct schema_site *site, const struct json_object *volumes,
			const struct json_object *container, size_t i)
{
	const struct json_object *mounts = json_get(container, "volumeMounts");
	const struct json_object *mount = json_idx(mounts, i), *path = json_get(mount, "mountPath");
	const char *name = json_str(json_get(mount, "name"));
	size_t mark = site_enter(site, "volumeMounts", i);

	if (!has_name(volumes, name ? name : ""))
		site_problem(site, CAUSE_NOT_FOUND, "name", json_get(mount, "name"), "%s", "");
	for (size_t k = 0; k < i && json_str_len(path); k++)
		if (json_equal(json_get(json_idx(mounts, k), "mountPath"), path)) {
			site_problem(site, CAUSE_INVALID, "mountPath", path, "must be unique");
			break;
		}
	if (name && has_name(json_get(container, "volumeDevices"), name))
		site_problem(site, CAUSE_INVALID, "name", json_get(mount, "name"),
			     "must not already exist in volumeDevices");
	if (json_str_len(json_get(mount, "subPath")) &&
	    json_str_len(json_get(mount, "subPathExpr")))
		site_problem(site, CAUSE_INVALID, "subPathExpr", json_get(mount, "subPathExpr"),
			     "subPathExpr and subPath are mutually exclusive");
	site_leave(site, mark);
}

/* Only claims are block devices. */
static bool is_block(const struct json_object *volumes, const char *name)
{
	for (size_t i = 0, n = json_len(volumes); i < n; i++)
		if (site_text_is(json_idx(volumes, i), "name", name))
			return json_get(json_idx(volumes, i), "persistentVolumeClaim") ||
			       json_get(json_idx(volumes, i), "ephemeral");
	return false;
}

static void check_device(struct schema_site *site, const struct json_object *volumes,
			 const struct json_object *container, size_t i)
{
	const struct json_object *device = json_idx(json_get(container, "volumeDevices"), i);
	const char *name = json_str(json_get(device, "name"));
	size_t mark = site_enter(site, "volumeDevices", i);

	if (!has_name(volumes, name ? name : ""))
		site_problem(site, CAUSE_NOT_FOUND, "name", json_get(device, "name"), "%s", "");
	else if (!is_block(volumes, name))
		site_problem(site, CAUSE_INVALID, "name", json_get(device, "name"),
			     "can only use volume source type of PersistentVolumeClaim or "
			     "Ephemeral for block mode");
	if (name && has_name(json_get(container, "volumeMounts"), name))
		site_problem(site, CAUSE_INVALID, "name", json_get(device, "name"),
			     "must not already exist in volumeMounts");
	site_leave(site, mark);
}

static void check_mounts(struct schema_site *site, const struct json_object *spec)
{
	const struct json_object *volumes = json_get(spec, "volumes");

	for (size_t k = 0; k < ARRAY_LEN(container_lists); k++) {
		const struct json_object *list = json_get(spec, container_lists[k]);

		for (size_t i = 0, n = json_len(list); i < n; i++) {
			const struct json_object *container = json_idx(list, i);
			size_t mark = site_enter(site, container_lists[k], i);

			for (size_t m = 0; m < json_len(json_get(container, "volumeMounts")); m++)
				check_mount(site, volumes, container, m);
			for (size_t m = 0; m < json_len(json_get(container, "volumeDevices")); m++)
				check_device(site, volumes, container, m);
			site_leave(site, mark);
		}
	}
}

/* ---- host ports ---- */

#define HOST_PORTS_MAX 1024

struct host_ports {
	char keys[HOST_PORTS_MAX][96]; /* "TCP//80" */
	size_t n;
};

static void check_host_port(struct schema_site *site, struct host_ports *seen,
			    const struct json_object *port, bool host_network)
{
	long long number = json_int_at(port, "hostPort", 0);
	const char *protocol = json_str_at(port, "protocol"), *ip = json_str_at(port, "hostIP");
	auto_json struct json_object *text = NULL;
	char key[96];

	if (number == 0)
		return;
	if (host_network && number != json_int_at(port, "containerPort", 0))
		site_problem(site, CAUSE_INVALID, "hostPort", json_get(port, "hostPort"),
			     "must match `containerPort` when `hostNetwork` is true");
	(void)snprintf(key, sizeof(key), "%.16s/%.48s/%lld", protocol ? protocol : "", ip ? ip : "",
		       number);
	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->keys[i], key) == 0) {
			text = json_new_string(key);
			site_problem(site, CAUSE_DUPLICATE, "hostPort", text, "%s", "");
			return;
		}
	if (seen->n < HOST_PORTS_MAX)
		memcpy(seen->keys[seen->n++], key, sizeof(key));
}

static void check_host_ports(struct schema_site *site, const struct json_object *spec)
{
	bool host_network = json_bool_at(spec, "hostNetwork", false);
	const struct json_object *list = json_get(spec, "containers");
	auto_free struct host_ports *seen = malloc(sizeof(*seen)); /* big, and hardly ever used */

	if (seen)
		seen->n = 0;
	else
		schema_problems_incomplete(site->problems);
	for (size_t i = 0, n = json_len(list); seen && i < n; i++) {
		const struct json_object *ports = json_get(json_idx(list, i), "ports");
		size_t mark = site_enter(site, "containers", i);

		for (size_t p = 0, m = json_len(ports); p < m; p++) {
			size_t below = site_enter(site, "ports", p);

			check_host_port(site, seen, json_idx(ports, p), host_network);
			site_leave(site, below);
		}
		site_leave(site, mark);
	}
}

/* ---- init containers, and the rest ---- */

static void check_init_containers(struct schema_site *site, const struct json_object *spec)
{
	static const char *const forbidden[] = { "lifecycle", "livenessProbe", "readinessProbe",
						 "startupProbe" };
	const struct json_object *list = json_get(spec, "initContainers");

	for (size_t i = 0, n = json_len(list); i < n; i++) {
		const struct json_object *container = json_idx(list, i);
		size_t mark = site_enter(site, "initContainers", i);

		for (size_t k = 0; k < ARRAY_LEN(forbidden); k++)
			if (!site_text_is(container, "restartPolicy", "Always") &&
			    json_get(container, forbidden[k]))
				site_problem(site, CAUSE_FORBIDDEN, forbidden[k], NULL,
					     "may not be set for init containers without "
					     "restartPolicy=Always");
		site_leave(site, mark);
	}
}

static void check_sleep(struct schema_site *site, const struct json_object *spec)
{
	static const char *const hooks[] = { "postStart", "preStop" };
	long long grace = json_int_at(spec, "terminationGracePeriodSeconds", 0);
	const struct json_object *list = json_get(spec, "containers");

	for (size_t i = 0, n = json_len(list); i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(hooks); k++) {
			const struct json_object *hook =
				json_get(json_get(json_idx(list, i), "lifecycle"), hooks[k]);
			const struct json_object *seconds = json_at(hook, "sleep.seconds");
			char sub[64];
			size_t mark;

			if (!json_get(hook, "sleep") ||
			    (json_int(seconds, 0) >= 0 && json_int(seconds, 0) <= grace))
				continue;
			mark = site_enter(site, "containers", i);
			(void)snprintf(sub, sizeof(sub), "lifecycle.%s.sleep", hooks[k]);
			site_problem(site, CAUSE_INVALID, sub, seconds,
				     "must be non-negative and less than "
				     "terminationGracePeriodSeconds (%lld)",
				     grace);
			site_leave(site, mark);
		}
}

static void check_gates(struct schema_site *site, const struct json_object *gates)
{
	for (size_t i = 0, n = json_len(gates); i < n; i++) {
		const struct json_object *name = json_get(json_idx(gates, i), "name");
		size_t mark = site_enter(site, "schedulingGates", i), k = 0;

		site_text_rule(site, NULL, json_str(name) ? json_str(name) : "",
			       rule_qualified_name);
		while (k < i && !json_equal(json_get(json_idx(gates, k), "name"), name))
			k++;
		if (k < i)
			site_problem(site, CAUSE_DUPLICATE, NULL, name, "%s", "");
		site_leave(site, mark);
	}
}

void pod_spec_check(struct schema_site *site, const struct json_object *spec)
{
	site_unique(site, "volumes", json_get(spec, "volumes"), "name");
	check_container_names(site, spec);
	check_mounts(site, spec);
	check_host_ports(site, spec);
	check_init_containers(site, spec);
	check_sleep(site, spec);
	check_gates(site, json_get(spec, "schedulingGates"));
	site_labels(site, "nodeSelector", json_get(spec, "nodeSelector"));
	if (json_bool_at(spec, "hostPID", false) &&
	    json_bool_at(spec, "shareProcessNamespace", false))
		site_problem(site, CAUSE_INVALID, "shareProcessNamespace",
			     json_get(spec, "shareProcessNamespace"),
			     "ShareProcessNamespace and HostPID cannot both be enabled");
	if (site_text_is(spec, "dnsPolicy", "None") &&
	    json_len(json_at(spec, "dnsConfig.nameservers")) == 0)
		site_problem(site, CAUSE_REQUIRED,
			     json_get(spec, "dnsConfig") ? "dnsConfig.nameservers" : "dnsConfig",
			     NULL,
			     json_get(spec, "dnsConfig")
				     ? "must provide at least one DNS nameserver when `dnsPolicy` "
				       "is None"
				     : "must provide `dnsConfig` when `dnsPolicy` is None");
}

/* A template's metadata has labels and annotations, and nothing that a name would need. */
void pod_template_spec_check(struct schema_site *site, const struct json_object *template)
{
	const struct json_object *metadata = json_get(template, "metadata");

	site_labels(site, "labels", json_get(metadata, "labels"));
	metadata_annotations(site, json_get(metadata, "annotations"));
	if (json_len(json_at(template, "spec.ephemeralContainers")))
		site_problem(site, CAUSE_FORBIDDEN, "spec.ephemeralContainers", NULL,
			     "ephemeral containers not allowed in pod template");
}

void pod_os_check(struct schema_site *site, const struct json_object *os)
{
	static const char *const names[] = { "linux", "windows", NULL };

	if (schema_is_zero(json_get(os, "name")))
		site_required(site, "name");
	else
		site_one_of(site, NULL, json_get(os, "name"), names);
}

void pod_dns_config_check(struct schema_site *site, const struct json_object *config)
{
	const struct json_object *servers = json_get(config, "nameservers");
	const struct json_object *searches = json_get(config, "searches");
	const struct json_object *options = json_get(config, "options");

	if (json_len(servers) > 3)
		site_problem(site, CAUSE_INVALID, "nameservers", servers,
			     "must not have more than 3 nameservers");
	if (json_len(searches) > 32)
		site_problem(site, CAUSE_INVALID, "searches", searches,
			     "must not have more than 32 search paths");
	for (size_t i = 0, n = json_len(options); i < n; i++) {
		char sub[64];

		(void)snprintf(sub, sizeof(sub), "options[%zu]", i);
		if (schema_is_zero(json_get(json_idx(options, i), "name")))
			site_problem(site, CAUSE_REQUIRED, sub, NULL, "must not be empty");
	}
}

void toleration_check(struct schema_site *site, const struct json_object *toleration)
{
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute",
					       NULL };
	static const char *const operators[] = { "Equal", "Exists", NULL };
	/* what Kubernetes lists when one of the gated ones was asked for */
	static const char *const gated[] = { "Equal", "Exists", "Lt", "Gt", NULL };
	bool compares = site_text_is(toleration, "operator", "Lt") ||
			site_text_is(toleration, "operator", "Gt");
	const struct json_object *key = json_get(toleration, "key");
	const struct json_object *operator= json_get(toleration, "operator");
	const struct json_object *value = json_get(toleration, "value");
	const struct json_object *effect = json_get(toleration, "effect");
	bool exists = site_text_is(toleration, "operator", "Exists");

	if (json_str_len(key))
		site_rule(site, "key", key, rule_qualified_name);
	else if (!exists)
		site_problem(site, CAUSE_INVALID, "operator", operator,
			     "operator must be Exists when `key` is empty, which means \"match all "
			     "values and all keys\"");
	if (json_get(toleration, "tolerationSeconds") &&
	    !site_text_is(toleration, "effect", "NoExecute"))
		site_problem(site, CAUSE_INVALID, "effect", effect,
			     "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (exists && json_str_len(value))
		site_problem(site, CAUSE_INVALID, "operator", value,
			     "value must be empty when `operator` is 'Exists'");
	else if (!exists &&
		 (!json_str_len(operator) || site_text_is(toleration, "operator", "Equal")))
		site_rule(site, "operator", value, rule_label_value);
	else if (!exists)
		site_unsupported(site, "operator", operator, compares ? gated : operators);
	if (json_str_len(effect))
		site_one_of(site, "effect", effect, effects);
}

/* "kernel.shm_rmid_forced", "net/ipv4/tcp_syncookies" */
static bool is_sysctl(const char *name)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	if (strlen(name) > 253)
		return false;
	for (;;) {
		size_t len = strcspn(name, "./");

		if (len == 0 || !strchr(ends, name[0]) || !strchr(ends, name[len - 1]) ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") < len)
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

void pod_security_check(struct schema_site *site, const struct json_object *context)
{
	const struct json_object *sysctls = json_get(context, "sysctls");

	for (size_t i = 0, n = json_len(sysctls); i < n; i++) {
		const struct json_object *name = json_get(json_idx(sysctls, i), "name");
		size_t mark = site_enter(site, "sysctls", i);

		if (json_str_len(name) && !is_sysctl(json_str(name)))
			site_problem(site, CAUSE_INVALID, "name", name,
				     "must have at most 253 characters and match regex "
				     "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*"
				     "[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
		site_leave(site, mark);
	}
	site_unique(site, "sysctls", sysctls, "name");
}

void topology_spread_check(struct schema_site *site, const struct json_object *constraint)
{
	static const char *const actions[] = { "DoNotSchedule", "ScheduleAnyway", NULL };

	if (json_int_at(constraint, "maxSkew", 0) <= 0)
		site_problem(site, CAUSE_INVALID, "maxSkew", json_get(constraint, "maxSkew"),
			     "must be greater than zero");
	if (schema_is_zero(json_get(constraint, "topologyKey")))
		site_problem(site, CAUSE_REQUIRED, "topologyKey", NULL, "can not be empty");
	else
		site_rule(site, "topologyKey", json_get(constraint, "topologyKey"),
			  rule_qualified_name);
	site_one_of(site, "whenUnsatisfiable", json_get(constraint, "whenUnsatisfiable"), actions);
}
