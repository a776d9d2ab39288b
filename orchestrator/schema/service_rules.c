/* SPDX-License-Identifier: Apache-2.0 */
/* Service, and the addresses behind it. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"
#include "orchestrator/schema/rules.h"

/* ---- Service ---- */

static bool is_type(const struct json_object *spec, const char *type)
{
	return site_text_is(spec, "type", type);
}

static bool is_headless(const struct json_object *spec)
{
	const char *first = json_str(json_idx(json_get(spec, "clusterIPs"), 0));

	return (first && strcmp(first, "None") == 0) || site_text_is(spec, "clusterIP", "None");
}

static void check_port(struct schema_site *site, const struct json_object *spec,
		       const struct json_object *ports, size_t i)
{
	const struct json_object *port = json_idx(ports, i);
	size_t mark = site_enter(site, "ports", i);

	if (json_len(ports) > 1 && schema_is_zero(json_get(port, "name")))
		site_required(site, "name");
	if (!is_headless(spec))
		site_port(site, "targetPort", json_get(port, "targetPort"));
	if (is_type(spec, "ClusterIP") && json_int_at(port, "nodePort", 0))
		site_problem(site, CAUSE_FORBIDDEN, "nodePort", NULL,
			     "may not be used when `type` is 'ClusterIP'");
	for (size_t k = 0; k < i; k++)
		if (json_equal(json_get(json_idx(ports, k), "port"), json_get(port, "port")) &&
		    json_equal(json_get(json_idx(ports, k), "protocol"),
			       json_get(port, "protocol"))) {
			site_problem(site, CAUSE_DUPLICATE, NULL, port, "%s", "");
			break;
		}
	site_leave(site, mark);
}

static void check_ports(struct schema_site *site, const struct json_object *spec)
{
	const struct json_object *ports = json_get(spec, "ports");

	if (json_len(ports) == 0 && !is_headless(spec) && !is_type(spec, "ExternalName"))
		site_required(site, "ports");
	for (size_t i = 0, n = json_len(ports); i < n; i++)
		check_port(site, spec, ports, i);
	site_unique(site, "ports", ports, "name");
}

static void check_cluster_ips(struct schema_site *site, const struct json_object *spec)
{
	const struct json_object *ips = json_get(spec, "clusterIPs");
	const struct json_object *first = json_idx(ips, 0);

	if (is_type(spec, "ExternalName")) {
		if (json_len(ips))
			site_problem(site, CAUSE_FORBIDDEN, "clusterIPs", NULL,
				     "may not be set for ExternalName services");
		return;
	}
	if (is_headless(spec) && (is_type(spec, "NodePort") || is_type(spec, "LoadBalancer")))
		site_problem(site, CAUSE_INVALID, "clusterIPs[0]", first,
			     "may not be set to 'None' for %s services",
			     json_str(json_get(spec, "type")));
	for (size_t i = 0, n = json_len(ips); i < n && !is_headless(spec); i++) {
		size_t mark = site_enter(site, "clusterIPs", i);

		site_rule(site, NULL, json_idx(ips, i), rule_ip);
		site_leave(site, mark);
	}
}

static void check_outside(struct schema_site *site, const struct json_object *spec)
{
	static const char *const policies[] = { "Cluster", "Local", NULL };
	const struct json_object *policy = json_get(spec, "externalTrafficPolicy");
	const struct json_object *ranges = json_get(spec, "loadBalancerSourceRanges");
	const struct json_object *health = json_get(spec, "healthCheckNodePort");
	bool balanced = is_type(spec, "LoadBalancer");
	bool outside = balanced || is_type(spec, "NodePort") ||
		       (is_type(spec, "ClusterIP") && json_len(json_get(spec, "externalIPs")));

	if (json_str_len(policy) && !outside)
		site_problem(site, CAUSE_INVALID, "externalTrafficPolicy", policy,
			     "may only be set for externally-accessible services");
	else if (json_str_len(policy))
		site_one_of(site, "externalTrafficPolicy", policy, policies);
	if (json_len(ranges) && !balanced)
		site_problem(site, CAUSE_FORBIDDEN, "LoadBalancerSourceRanges", NULL,
			     "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0, n = json_len(ranges); i < n; i++) {
		size_t mark = site_enter(site, "LoadBalancerSourceRanges", i);

		site_rule(site, NULL, json_idx(ranges, i), rule_cidr);
		site_leave(site, mark);
	}
	if (json_has(spec, "allocateLoadBalancerNodePorts") && !balanced)
		site_problem(site, CAUSE_FORBIDDEN, "allocateLoadBalancerNodePorts", NULL,
			     "may only be used when `type` is 'LoadBalancer'");
	if (json_int(health, 0) &&
	    (!balanced || !site_text_is(spec, "externalTrafficPolicy", "Local")))
		site_problem(site, CAUSE_INVALID, "healthCheckNodePort", health,
			     "may only be set when `type` is 'LoadBalancer' and "
			     "`externalTrafficPolicy` is 'Local'");
}

/* The address stays as long as the Service has one. */
static void check_service_update(struct schema_site *site, const struct json_object *spec,
				 const struct json_object *old)
{
	const struct json_object *was = json_get(old, "clusterIPs");

	if (is_type(spec, "ExternalName") || is_type(old, "ExternalName") || json_len(was) == 0)
		return;
	if (!json_equal(json_idx(was, 0), json_idx(json_get(spec, "clusterIPs"), 0)))
		site_problem(site, CAUSE_INVALID, "clusterIPs[0]", json_get(spec, "clusterIPs"),
			     "may not change once set");
}

void service_validate(struct schema_site *site)
{
	const struct json_object *spec = json_get(site->root, "spec");
	size_t mark = site_enter(site, "spec", SIZE_MAX);

	check_ports(site, spec);
	check_cluster_ips(site, spec);
	if (is_type(spec, "ExternalName")) {
		if (schema_is_zero(json_get(spec, "externalName")))
			site_required(site, "externalName");
		else
			site_rule(site, "externalName", json_get(spec, "externalName"),
				  rule_subdomain);
	}
	site_labels(site, "selector", json_get(spec, "selector"));
	check_outside(site, spec);
	if (site->old)
		check_service_update(site, spec, json_get(site->old, "spec"));
	site_leave(site, mark);
}

/* ---- Endpoints ---- */

void endpoints_validate(struct schema_site *site)
{
	const struct json_object *subsets = json_get(site->root, "subsets");

	for (size_t i = 0, n = json_len(subsets); i < n; i++) {
		const struct json_object *subset = json_idx(subsets, i);
		const struct json_object *ports = json_get(subset, "ports");
		size_t mark = site_enter(site, "subsets", i);

		if (json_len(json_get(subset, "addresses")) == 0 &&
		    json_len(json_get(subset, "notReadyAddresses")) == 0)
			site_problem(site, CAUSE_REQUIRED, NULL, NULL,
				     "must specify `addresses` or `notReadyAddresses`");
		for (size_t p = 0, m = json_len(ports); m > 1 && p < m; p++) {
			size_t below = site_enter(site, "ports", p);

			if (schema_is_zero(json_get(json_idx(ports, p), "name")))
				site_required(site, "name");
			site_leave(site, below);
		}
		site_leave(site, mark);
	}
}

/* ---- EndpointSlice ---- */

static void check_slice_address(struct schema_site *site, const struct json_object *address)
{
	const char *text = json_str(address);
	bool v6 = text && strchr(text, ':');
	const char *sentences[SCHEMA_RULE_MAX];

	if (site_text_is(site->root, "addressType", "FQDN")) {
		site_rule(site, NULL, address, rule_subdomain);
		return;
	}
	site_rule(site, NULL, address, rule_endpoint_ip);
	if (!text || rule_ip(text, sentences))
		return;
	if (v6 && site_text_is(site->root, "addressType", "IPv4"))
		site_problem(site, CAUSE_INVALID, NULL, address, "must be an IPv4 address");
	if (!v6 && site_text_is(site->root, "addressType", "IPv6"))
		site_problem(site, CAUSE_INVALID, NULL, address, "must be an IPv6 address");
}

static void check_slice_ports(struct schema_site *site)
{
	const struct json_object *ports = json_get(site->root, "ports");

	for (size_t i = 0, n = json_len(ports); i < n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct json_object *name = json_get(json_idx(ports, i), "name");
			size_t mark;

			if (!json_equal(json_get(json_idx(ports, k), "name"), name))
				continue;
			mark = site_enter(site, "ports", i);
			site_problem(site, CAUSE_DUPLICATE, "name", name, "%s", "");
			site_leave(site, mark);
			break;
		}
}

void endpoint_slice_validate(struct schema_site *site)
{
	const struct json_object *endpoints = json_get(site->root, "endpoints");

	check_slice_ports(site);
	for (size_t i = 0, n = json_len(endpoints); i < n; i++) {
		const struct json_object *addresses = json_get(json_idx(endpoints, i), "addresses");
		size_t mark = site_enter(site, "endpoints", i);

		for (size_t a = 0, m = json_len(addresses); a < m; a++) {
			size_t below = site_enter(site, "addresses", a);

			check_slice_address(site, json_idx(addresses, a));
			site_leave(site, below);
		}
		site_leave(site, mark);
	}
	if (site->old &&
	    !json_equal(json_get(site->old, "addressType"), json_get(site->root, "addressType")))
		site_problem(site, CAUSE_INVALID, "addressType", NULL, "field is immutable");
}
