/* SPDX-License-Identifier: Apache-2.0 */
/* A container and its parts. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "orchestrator/schema/rules.h"

/* ---- probes and hooks: exactly one handler ---- */

static void check_one_handler(struct schema_site *site, const struct json_object *object,
			      const char *const *handlers)
{
	bool found = false;

	for (size_t i = 0; handlers[i]; i++) {
		if (!json_get(object, handlers[i]))
			continue;
		if (found)
			site_problem(site, CAUSE_FORBIDDEN, handlers[i], NULL,
				     "may not specify more than 1 handler type");
		found = true;
	}
	if (!found)
		site_problem(site, CAUSE_REQUIRED, NULL, NULL, "must specify a handler type");
}

void probe_check(struct schema_site *site, const struct json_object *probe)
{
	static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc", NULL };

	check_one_handler(site, probe, handlers);
}

void lifecycle_handler_check(struct schema_site *site, const struct json_object *handler)
{
	static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "sleep", NULL };

	check_one_handler(site, handler, handlers);
}

void http_get_check(struct schema_site *site, const struct json_object *get)
{
	const struct json_object *headers = json_get(get, "httpHeaders");

	site_port(site, "port", json_get(get, "port"));
	for (size_t i = 0, n = json_len(headers); i < n; i++)
		site_rule(site, "httpHeaders", json_get(json_idx(headers, i), "name"),
			  rule_http_header);
}

void tcp_socket_check(struct schema_site *site, const struct json_object *socket)
{
	site_port(site, "port", json_get(socket, "port"));
}

/* Liveness and startup succeed at once; readiness has no say in how long an end may take. */
static void check_probes(struct schema_site *site, const struct json_object *container)
{
	static const char *const at_once[] = { "livenessProbe", "startupProbe" };
	const struct json_object *ready = json_get(container, "readinessProbe");

	for (size_t i = 0; i < ARRAY_LEN(at_once); i++) {
		const struct json_object *probe = json_get(container, at_once[i]);
		const struct json_object *n = json_get(probe, "successThreshold");
		size_t mark = site_enter(site, at_once[i], SIZE_MAX);

		if (probe && json_int(n, 1) != 1)
			site_problem(site, CAUSE_INVALID, "successThreshold", n, "must be 1");
		site_leave(site, mark);
	}
	if (json_get(ready, "terminationGracePeriodSeconds"))
		site_problem(site, CAUSE_INVALID, "readinessProbe.terminationGracePeriodSeconds",
			     json_get(ready, "terminationGracePeriodSeconds"),
			     "must not be set for readinessProbes");
}

/* ---- environment ---- */

void env_var_check(struct schema_site *site, const struct json_object *var)
{
	static const char *const sources[] = { "fieldRef", "resourceFieldRef", "configMapKeyRef",
					       "secretKeyRef", "fileKeyRef" };
	const struct json_object *from = json_get(var, "valueFrom");
	auto_json struct json_object *nothing = json_new_string("");
	unsigned n = 0;

	if (!from)
		return;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		n += json_get(from, sources[i]) != NULL;
	if (n == 0)
		site_problem(site, CAUSE_INVALID, "valueFrom", nothing,
			     "must specify one of: `fieldRef`, `resourceFieldRef`, "
			     "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
	if (n > 0 && json_str_len(json_get(var, "value")))
		site_problem(site, CAUSE_INVALID, "valueFrom", nothing,
			     "may not be specified when `value` is not empty");
	else if (n > 1)
		site_problem(site, CAUSE_INVALID, "valueFrom", nothing,
			     "may not have more than one field specified at a time");
}

void env_from_check(struct schema_site *site, const struct json_object *source)
{
	bool config = json_get(source, "configMapRef"), secret = json_get(source, "secretRef");
	char whole[SITE_PATH_MAX];

	if (config != secret)
		return;
	(void)site_path(site, NULL, whole);
	if (strrchr(whole, '[')) /* the list is named, not the element */
		*strrchr(whole, '[') = '\0';
	schema_problem(site->problems, CAUSE_INVALID, whole, "\"\"", "%s",
		       config ? "may not have more than one field specified at a time"
			      : "must specify one of: `configMapRef` or `secretRef`");
}

/* What the downward API knows. In a volume, labels and annotations may be taken whole. */
static const struct {
	const char *path;
	bool env, volume;
} field_paths[] = {
	{ "metadata.annotations", false, true },
	{ "metadata.labels", false, true },
	{ "metadata.name", true, true },
	{ "metadata.namespace", true, true },
	{ "metadata.uid", true, true },
	{ "spec.nodeName", true, false },
	{ "spec.restartPolicy", false, false },
	{ "spec.schedulerName", false, false },
	{ "spec.serviceAccountName", true, false },
	{ "status.hostIP", true, false },
	{ "status.hostIPs", true, false },
	{ "status.phase", false, false },
	{ "status.podIP", true, false },
	{ "status.podIPs", true, false },
};

/* "metadata.labels['app']": the key that is asked for, or NULL. */
static const char *subscript(const char *path, char *key, size_t size)
{
	static const char *const bases[] = { "metadata.labels", "metadata.annotations" };

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		size_t n = strlen(bases[i]), len = strlen(path);

		if (strncmp(path, bases[i], n) != 0 || len < n + 4 ||
		    strncmp(path + n, "['", 2) != 0 || strcmp(path + len - 2, "']") != 0)
			continue;
		(void)snprintf(key, size, "%.*s", (int)(len - n - 4), path + n + 2);
		return key;
	}
	return NULL;
}

static void check_known_path(struct schema_site *site, const struct json_object *path, bool volume)
{
	const char *supported[ARRAY_LEN(field_paths) + 1] = { NULL };
	size_t n = 0;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(field_paths); i++) {
		known |= strcmp(field_paths[i].path, json_str(path)) == 0;
		if (volume ? field_paths[i].volume : field_paths[i].env)
			supported[n++] = field_paths[i].path;
	}
	if (known)
		site_one_of(site, "fieldPath", path, supported);
	else
		site_problem(site, CAUSE_INVALID, "fieldPath", path,
			     "error converting fieldPath: field label not supported: %s",
			     json_str(path));
}

/* The site is the selector. */
static void check_field_selector(struct schema_site *site, const struct json_object *selector,
				 bool volume)
{
	const struct json_object *path = json_get(selector, "fieldPath");
	const char *version = json_str(json_get(selector, "apiVersion"));
	char key[512];

	if (!json_str_len(path)) /* NEEDED says so */
		return;
	if (version && strcmp(version, "v1") != 0)
		site_problem(site, CAUSE_INVALID, "fieldPath", path,
			     "error converting fieldPath: unsupported pod version: %s", version);
	else if (subscript(json_str(path), key, sizeof(key)))
		site_text_rule(site, NULL, key, rule_qualified_name);
	else
		check_known_path(site, path, volume);
}

static void check_divisor(struct schema_site *site, const struct json_object *selector)
{
	static const char *const cpu[] = { "0", "1m", "1" };
	static const char *const bytes[] = { "0",  "1",	  "1k",	 "1M",	"1G",  "1T",  "1P",
					     "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei" };
	const char *resource = json_str(json_get(selector, "resource"));
	const char *divisor = json_str(json_get(selector, "divisor"));
	const char *what = resource && strstr(resource, ".") ? strchr(resource, '.') + 1 : "";
	bool is_cpu = strcmp(what, "cpu") == 0;
	const char *const *allowed = is_cpu ? cpu : bytes;
	size_t n = is_cpu ? ARRAY_LEN(cpu) : ARRAY_LEN(bytes);

	for (size_t i = 0; !divisor || i < n; i++)
		if (!divisor || strcmp(divisor, allowed[i]) == 0)
			return;
	if (is_cpu)
		site_problem(site, CAUSE_INVALID, "divisor", json_get(selector, "resource"),
			     "only divisor's values 1m and 1 are supported with the cpu resource");
	else
		site_problem(site, CAUSE_INVALID, "divisor", json_get(selector, "resource"),
			     "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, "
			     "1Pi, 1Ei are supported with the %s resource",
			     strcmp(what, "memory") == 0 ? "memory" : "local ephemeral storage");
}

static void check_resource_selector(struct schema_site *site, const struct json_object *selector)
{
	static const char *const known[] = { "limits.cpu",
					     "limits.ephemeral-storage",
					     "limits.memory",
					     "requests.cpu",
					     "requests.ephemeral-storage",
					     "requests.memory",
					     NULL };
	const struct json_object *resource = json_get(selector, "resource");
	const char *text = json_str(resource);

	if (!text || !*text)
		return;
	if (strncmp(text, "limits.hugepages-", 17) != 0 &&
	    strncmp(text, "requests.hugepages-", 19) != 0)
		site_one_of(site, "resource", resource, known);
	check_divisor(site, selector);
}

void env_var_source_check(struct schema_site *site, const struct json_object *source)
{
	size_t mark = site_enter(site, "fieldRef", SIZE_MAX);

	check_field_selector(site, json_get(source, "fieldRef"), false);
	site_leave(site, mark);
	mark = site_enter(site, "resourceFieldRef", SIZE_MAX);
	check_resource_selector(site, json_get(source, "resourceFieldRef"));
	site_leave(site, mark);
}

/* The site is a downwardAPI source; its items have no index in Kubernetes' words. */
void downward_file_check(struct schema_site *site, const struct json_object *source)
{
	const struct json_object *items = json_get(source, "items");

	for (size_t i = 0, n = json_len(items); i < n; i++) {
		const struct json_object *item = json_idx(items, i);
		const struct json_object *field = json_get(item, "fieldRef");
		const struct json_object *resource = json_get(item, "resourceFieldRef");
		size_t mark;

		if (schema_is_zero(json_get(item, "path")))
			site_required(site, "path");
		site_rule(site, "path", json_get(item, "path"), rule_inside);
		if (field && resource)
			site_problem(site, CAUSE_INVALID, NULL, NULL,
				     "fieldRef and resourceFieldRef can not be specified "
				     "simultaneously");
		else if (!field && !resource)
			site_problem(site, CAUSE_REQUIRED, NULL, NULL,
				     "one of fieldRef and resourceFieldRef is required");
		mark = site_enter(site, "fieldRef", SIZE_MAX);
		if (field)
			check_field_selector(site, field, true);
		site_leave(site, mark);
		mark = site_enter(site, "resourceFieldRef", SIZE_MAX);
		if (resource && schema_is_zero(json_get(resource, "containerName")))
			site_required(site, "containerName");
		if (resource)
			check_resource_selector(site, resource);
		site_leave(site, mark);
	}
}

/* ---- resources ---- */

static bool is_standard_resource(const char *name)
{
	return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
	       strcmp(name, "ephemeral-storage") == 0 || strncmp(name, "hugepages-", 10) == 0;
}

/* May be promised more than once: the scheduler counts requests only. */
static bool is_overcommittable(const char *name)
{
	return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
	       strcmp(name, "ephemeral-storage") == 0;
}

static void check_resource(struct schema_site *site, const char *list, const char *name,
			   const struct json_object *value)
{
	auto_json struct json_object *text = json_new_string(name);
	const char *sentences[SCHEMA_RULE_MAX];
	struct quantity quantity;
	char sub[512];

	(void)snprintf(sub, sizeof(sub), "%s[%s]", list, name);
	site_text_rule(site, sub, name, rule_qualified_name);
	if (strchr(name, '/') && rule_qualified_name(name, sentences)) {
		site_problem(site, CAUSE_INVALID, sub, text,
			     "doesn't follow extended resource name standard");
	} else if (!is_standard_resource(name) && !strchr(name, '/')) {
		site_problem(site, CAUSE_INVALID, sub, text,
			     "must be a standard resource type or fully qualified");
		site_problem(site, CAUSE_INVALID, sub, text,
			     "must be a standard resource for containers");
	}
	if (!json_str(value) || quantity_parse(json_str(value), &quantity, NULL) < 0)
		return;
	if (quantity.nano < 0)
		site_problem(site, CAUSE_INVALID, sub, value, "must be greater than or equal to 0");
	else if (strchr(name, '/') && quantity.nano % QUANTITY_UNIT)
		site_problem(site, CAUSE_INVALID, sub, value, "must be an integer");
}

static void check_request(struct schema_site *site, const char *name,
			  const struct json_object *request, const struct json_object *limit)
{
	struct quantity want, most;

	if (!limit) {
		if (!is_overcommittable(name))
			site_problem(site, CAUSE_REQUIRED, "limits", NULL,
				     "Limit must be set for non overcommitable resources");
		return;
	}
	if (!json_str(request) || !json_str(limit) ||
	    quantity_parse(json_str(request), &want, NULL) < 0 ||
	    quantity_parse(json_str(limit), &most, NULL) < 0)
		return;
	if (!is_overcommittable(name) && quantity_cmp(&want, &most) != 0)
		site_problem(site, CAUSE_INVALID, "requests", request,
			     "must be equal to %s limit of %s", name, json_str(limit));
	else if (quantity_cmp(&want, &most) > 0)
		site_problem(site, CAUSE_INVALID, "requests", request,
			     "must be less than or equal to %s limit of %s", name, json_str(limit));
}

void resources_check(struct schema_site *site, const struct json_object *resources)
{
	const struct json_object *limits = json_get(resources, "limits");
	const struct json_object *requests = json_get(resources, "requests");
	struct json_iter it;

	bool huge = false, common = false;

	json_for_each (it, limits) {
		check_resource(site, "limits", it.key, it.value);
		huge |= strncmp(it.key, "hugepages-", 10) == 0;
		common |= strcmp(it.key, "cpu") == 0 || strcmp(it.key, "memory") == 0;
	}
	json_for_each (it, requests) {
		check_resource(site, "requests", it.key, it.value);
		check_request(site, it.key, it.value, json_get(limits, it.key));
		common |= strcmp(it.key, "cpu") == 0 || strcmp(it.key, "memory") == 0;
	}
	if (huge && !common)
		site_problem(site, CAUSE_FORBIDDEN, NULL, NULL, "HugePages require cpu or memory");
}

/* ---- the container ---- */

/* Problems of mounts that Kubernetes words without their index. */
static void check_mount_options(struct schema_site *site, const struct json_object *container)
{
	static const char *const propagation[] = { "Bidirectional", "HostToContainer", "None",
						   NULL };
	static const char *const recursive[] = { "Disabled", "Enabled", "IfPossible", NULL };
	const struct json_object *mounts = json_get(container, "volumeMounts");
	bool privileged = json_bool_at(container, "securityContext.privileged", false);

	for (size_t i = 0, n = json_len(mounts); i < n; i++) {
		const struct json_object *mount = json_idx(mounts, i);
		const struct json_object *how = json_get(mount, "mountPropagation");
		const struct json_object *read_only = json_get(mount, "recursiveReadOnly");
		static const char base[] = "volumeMounts.";
		char sub[64];

		(void)snprintf(sub, sizeof(sub), "%ssubPath", base);
		site_rule(site, sub, json_get(mount, "subPath"), rule_inside);
		(void)snprintf(sub, sizeof(sub), "%ssubPathExpr", base);
		site_rule(site, sub, json_get(mount, "subPathExpr"), rule_inside);
		(void)snprintf(sub, sizeof(sub), "%smountPropagation", base);
		if (how)
			site_one_of(site, sub, how, propagation);
		if (how && site_text_is(mount, "mountPropagation", "Bidirectional") && !privileged)
			site_problem(site, CAUSE_FORBIDDEN, sub, NULL,
				     "Bidirectional mount propagation is available only to "
				     "privileged containers");
		(void)snprintf(sub, sizeof(sub), "%srecursiveReadOnly", base);
		if (read_only)
			site_one_of(site, sub, read_only, recursive);
	}
}

static void check_image(struct schema_site *site, const struct json_object *image)
{
	const char *text = json_str(image);
	size_t len = json_str_len(image);

	if (len && (isspace((unsigned char)text[0]) || isspace((unsigned char)text[len - 1])))
		site_problem(site, CAUSE_INVALID, "image", image,
			     "must not have leading or trailing whitespace");
}

void container_check(struct schema_site *site, const struct json_object *container)
{
	check_image(site, json_get(container, "image"));
	site_unique(site, "ports", json_get(container, "ports"), "name");
	check_mount_options(site, container);
	check_probes(site, container);
}

void ephemeral_container_check(struct schema_site *site, const struct json_object *container)
{
	static const char *const forbidden[] = { "ports", "livenessProbe", "readinessProbe",
						 "startupProbe", "lifecycle" };

	check_image(site, json_get(container, "image"));
	check_mount_options(site, container);
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		if (!schema_is_zero(json_get(container, forbidden[i])))
			site_problem(site, CAUSE_FORBIDDEN, forbidden[i], NULL,
				     "cannot be set for an Ephemeral Container");
}

/* A profile of the node is named, any other is not. The site is "seccompProfile" or its like. */
static void check_profile(struct schema_site *site, const struct json_object *profile,
			  const char *what)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	bool local = site_text_is(profile, "type", "Localhost");
	bool named = json_str_len(json_get(profile, "localhostProfile")) > 0;

	if (schema_is_zero(json_get(profile, "type")))
		site_problem(site, CAUSE_REQUIRED, "type", NULL, "type is required when %s is set",
			     site->way[site->depth - 1].name);
	else
		site_one_of(site, "type", json_get(profile, "type"), types);
	if (local && !named)
		site_problem(site, CAUSE_REQUIRED, "localhostProfile", NULL,
			     "must be set when %s type is Localhost", what);
	else if (!local && named)
		site_problem(site, CAUSE_INVALID, "localhostProfile",
			     json_get(profile, "localhostProfile"),
			     "can only be set when %s type is Localhost", what);
}

void seccomp_profile_check(struct schema_site *site, const struct json_object *profile)
{
	check_profile(site, profile, "seccomp");
}

void app_armor_profile_check(struct schema_site *site, const struct json_object *profile)
{
	check_profile(site, profile, "AppArmor");
}

void security_context_check(struct schema_site *site, const struct json_object *context)
{
	const struct json_object *added = json_at(context, "capabilities.add");

	if (json_bool_at(context, "allowPrivilegeEscalation", true))
		return;
	if (json_bool_at(context, "privileged", false))
		site_problem(site, CAUSE_INVALID, NULL, context,
			     "cannot set `allowPrivilegeEscalation` to false and `privileged` to "
			     "true");
	for (size_t i = 0, n = json_len(added); i < n; i++) {
		const char *name = json_str(json_idx(added, i));

		if (name && strcmp(name, "CAP_SYS_ADMIN") == 0)
			site_problem(site, CAUSE_INVALID, NULL, context,
				     "cannot set `allowPrivilegeEscalation` to false and "
				     "`capabilities.Add` CAP_SYS_ADMIN");
	}
}
