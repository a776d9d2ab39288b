/* SPDX-License-Identifier: Apache-2.0 */
/* What is allowed but odd: the lines that kubectl prints as "Warning: …". */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"
#include "orchestrator/schema/rules.h"

#define LOOK_MAX 512 /* elements that are compared with each other */

static size_t looked_at(const struct json_object *list)
{
	return MIN(json_len(list), (size_t)LOOK_MAX);
}

/* ---- Pod ---- */

static const struct {
	const char *label, *says;
} old_node_labels[] = {
	{ "beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
	{ "beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
	{ "beta.kubernetes.io/instance-type",
	  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
	{ "failure-domain.beta.kubernetes.io/region",
	  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
	{ "failure-domain.beta.kubernetes.io/zone",
	  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
};

static void warn_of_node_labels(const char *at, const struct json_object *spec, struct buf *lines)
{
	for (size_t i = 0; i < ARRAY_LEN(old_node_labels); i++)
		if (json_has(json_get(spec, "nodeSelector"), old_node_labels[i].label))
			(void)buf_printf(lines, "%s.nodeSelector[%s]: %s\n", at,
					 old_node_labels[i].label, old_node_labels[i].says);
}

static void warn_of_pull_secrets(const char *at, const struct json_object *spec, struct buf *lines)
{
	const struct json_object *secrets = json_get(spec, "imagePullSecrets");
	size_t n = looked_at(secrets);

	for (size_t i = 1; i < n; i++) {
		const char *name = json_text_at(json_idx(secrets, i), "name", "");
		size_t k = 0;

		while (k < i && strcmp(json_text_at(json_idx(secrets, k), "name", ""), name) != 0)
			k++;
		if (*name && k < i)
			(void)buf_printf(lines,
					 "%s.imagePullSecrets[%zu].name: duplicate name \"%s\"\n",
					 at, i, name);
	}
	for (size_t i = 0; i < n; i++)
		if (!*json_text_at(json_idx(secrets, i), "name", ""))
			(void)buf_printf(lines,
					 "%s.imagePullSecrets[%zu].name: invalid empty name \"\"\n",
					 at, i);
}

/* A later definition that does not build on the earlier one. */
static bool hides(const struct json_object *var)
{
	const char *value = json_text_at(var, "value", "");
	auto_buf struct buf reference = BUF_INIT(1 << 20);

	(void)buf_printf(&reference, "$(%s)", json_text_at(var, "name", ""));
	return json_get(var, "valueFrom") || strcmp(value, buf_str(&reference)) == 0 ||
	       !strstr(value, buf_str(&reference));
}

static void warn_of_env(const char *path, const struct json_object *env, struct buf *lines)
{
	for (size_t i = 1, n = looked_at(env); i < n; i++) {
		const char *name = json_text_at(json_idx(env, i), "name", "");

		for (size_t k = 0; k < i; k++) {
			if (strcmp(json_text_at(json_idx(env, k), "name", ""), name) != 0)
				continue;
			if (hides(json_idx(env, i)))
				(void)buf_printf(lines,
						 "%s.env[%zu]: hides previous definition of "
						 "\"%s\", which may be dropped when using apply\n",
						 path, i, name);
			break;
		}
	}
}

static void warn_of_bytes(const char *path, const struct json_object *container, struct buf *lines)
{
	static const char *const lists[] = { "limits", "requests" };
	static const char *const names[] = { "memory", "ephemeral-storage" };

	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
			const char *amount = json_text_at(
				json_get(json_get(container, "resources"), lists[k]), names[n], "");

			if (*amount && amount[strlen(amount) - 1] == 'm')
				(void)buf_printf(lines,
						 "%s.resources.%s[%s]: fractional byte value "
						 "\"%s\" is invalid, must be an integer\n",
						 path, lists[k], names[n], amount);
		}
}

/* Ports of all containers, as far as they are compared. */
struct port_list {
	struct {
		const struct json_object *port;
		char path[96];
	} items[LOOK_MAX];
	size_t n;
};

static const char *relation(const struct json_object *a, const struct json_object *b)
{
	int64_t port_a = json_int_at(a, "hostPort", 0), port_b = json_int_at(b, "hostPort", 0);
	const char *ip_a = json_text_at(a, "hostIP", ""), *ip_b = json_text_at(b, "hostIP", "");

	if (json_int_at(a, "containerPort", 0) != json_int_at(b, "containerPort", 0) ||
	    strcmp(json_text_at(a, "protocol", ""), json_text_at(b, "protocol", "")) != 0)
		return NULL;
	if (strcmp(ip_a, ip_b) == 0 && port_a == port_b)
		return "duplicate";
	if (port_a == 0 || port_b == 0)
		return "overlapping";
	return port_a == port_b && !*ip_a != !*ip_b ? "dangerously ambiguous" : NULL;
}

static void warn_of_ports(const struct port_list *ports, struct buf *lines)
{
	for (size_t i = 1; i < ports->n; i++)
		for (size_t k = 0; k < i; k++) {
			const char *how = relation(ports->items[i].port, ports->items[k].port);

			if (how)
				(void)buf_printf(lines, "%s: %s port definition with %s\n",
						 ports->items[i].path, how, ports->items[k].path);
		}
	for (size_t i = 1; i < ports->n; i++) {
		const char *name = json_text_at(ports->items[i].port, "name", "");

		for (size_t k = 0; *name && k < i; k++)
			if (strcmp(json_text_at(ports->items[k].port, "name", ""), name) == 0) {
				(void)buf_printf(lines,
						 "%s: duplicate port name \"%s\" with %s, services "
						 "and probes that select ports by name will use "
						 "%s\n",
						 ports->items[i].path, name, ports->items[k].path,
						 ports->items[k].path);
				break;
			}
	}
}

static void look_at_container(const char *path, const struct json_object *container,
			      struct port_list *seen, struct buf *lines)
{
	const struct json_object *ports = json_get(container, "ports");

	warn_of_bytes(path, container, lines);
	warn_of_env(path, json_get(container, "env"), lines);
	for (size_t i = 0, n = json_len(ports); i < n && seen->n < LOOK_MAX; i++) {
		seen->items[seen->n].port = json_idx(ports, i);
		(void)snprintf(seen->items[seen->n].path, sizeof(seen->items[0].path),
			       "%s.ports[%zu]", path, i);
		seen->n++;
	}
}

/* @at: where the spec is, "spec" of a Pod. */
static void warn_of_spec(const char *at, const struct json_object *spec, struct buf *lines)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };
	auto_free struct port_list *ports = calloc(1, sizeof(*ports));

	warn_of_node_labels(at, spec, lines);
	warn_of_pull_secrets(at, spec, lines);
	for (size_t k = 0; ports && k < ARRAY_LEN(lists); k++) {
		const struct json_object *list = json_get(spec, lists[k]);

		for (size_t i = 0, n = json_len(list); i < n; i++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "%s.%s[%zu]", at, lists[k], i);
			look_at_container(path, json_idx(list, i), ports, lines);
		}
	}
	if (ports)
		warn_of_ports(ports, lines);
}

void pod_warn(const struct json_object *object, struct buf *lines)
{
	warn_of_spec("spec", json_get(object, "spec"), lines);
}

void pod_template_warn(const struct json_object *object, struct buf *lines)
{
	warn_of_spec("template.spec", json_at(object, "template.spec"), lines);
}

/* ---- Service ---- */

void service_warn(const struct json_object *object, struct buf *lines)
{
	const struct json_object *spec = json_get(object, "spec");
	bool headless = site_text_is(spec, "clusterIP", "None");
	bool external = site_text_is(spec, "type", "ExternalName");
	bool ips = json_len(json_get(spec, "externalIPs")) > 0;

	if (headless && *json_text_at(spec, "loadBalancerIP", ""))
		(void)buf_puts(lines, "spec.loadBalancerIP is ignored for headless services\n");
	if (headless && ips)
		(void)buf_puts(lines, "spec.externalIPs is ignored for headless services\n");
	if (headless && !site_text_is(spec, "sessionAffinity", "None"))
		(void)buf_puts(lines, "spec.SessionAffinity is ignored for headless services\n");
	if (ips && !headless && !external)
		(void)buf_puts(lines, "spec.externalIPs is deprecated and may no longer be "
				      "implemented in some clusters\n");
	if (ips && external)
		(void)buf_puts(lines, "spec.externalIPs is ignored when spec.type is "
				      "\"ExternalName\"\n");
	if (!external && *json_text_at(spec, "externalName", ""))
		(void)buf_puts(lines, "spec.externalName is ignored when spec.type is not "
				      "\"ExternalName\"\n");
}
