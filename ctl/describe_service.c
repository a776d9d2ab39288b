/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl describe: Services, what stands behind them, and ServiceAccounts. */
#include <stdio.h>
#include <string.h>

#include "ctl/describe.h"

#define ENDPOINTS_SHOWN 3

/* A list of texts, joined. */
static const char *joined(const struct json_object *list, const char *otherwise, struct buf *text)
{
	for (size_t i = 0; i < json_len(list); i++)
		(void)buf_printf(text, "%s%s", i ? "," : "", json_str(json_idx(list, i)));
	return text->len ? buf_str(text) : otherwise;
}

/* ---- the endpoints of one port ---- */

static bool is_ready(const struct json_object *endpoint)
{
	return json_bool_at(endpoint, "conditions.ready", true);
}

static void put_endpoints(const struct json_object *slices, const char *port_name, struct buf *text)
{
	size_t n = 0;

	for (size_t s = 0; s < json_len(slices); s++) {
		const struct json_object *ports = json_get(json_idx(slices, s), "ports"),
					 *endpoints = json_get(json_idx(slices, s), "endpoints");

		for (size_t p = 0; p < json_len(ports); p++) {
			long long port = json_int_at(json_idx(ports, p), "port", 0);

			if (strcmp(json_text_at(json_idx(ports, p), "name", ""), port_name) != 0)
				continue;
			for (size_t e = 0; e < json_len(endpoints); e++) {
				const struct json_object *one = json_idx(endpoints, e);
				const char *ip = json_str(json_idx(json_get(one, "addresses"), 0));

				if (!ip || !is_ready(one) || n++ >= ENDPOINTS_SHOWN)
					continue;
				(void)buf_printf(text,
						 strchr(ip, ':') ? "%s[%s]:%lld" : "%s%s:%lld",
						 n > 1 ? "," : "", ip, port);
			}
		}
	}
	if (n > ENDPOINTS_SHOWN)
		(void)buf_printf(text, " + %zu more...", n - ENDPOINTS_SHOWN);
	if (n == 0)
		(void)buf_puts(text, "<none>");
}

static struct json_object *find_slices(struct description *d, const struct json_object *service)
{
	auto_json struct json_object *list = NULL;
	auto_buf struct buf path = { 0 };

	(void)buf_puts(&path, "/apis/discovery.k8s.io/v1/namespaces/");
	(void)rest_escape(&path, json_text_at(service, "metadata.namespace", ""));
	(void)buf_puts(&path, "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D");
	(void)rest_escape(&path, json_text_at(service, "metadata.name", ""));
	if (rest_get(d->session->rest, buf_str(&path), NULL, &list, NULL) < 0)
		return NULL;
	return json_ref(json_get(list, "items"));
}

/* ---- Service ---- */

static void describe_port(struct description *d, const struct json_object *port,
			  const struct json_object *slices)
{
	const char *protocol = json_text_at(port, "protocol", "TCP");
	const char *name = json_text_at(port, "name", "<unset>"),
		   *target = json_str_at(port, "targetPort");
	auto_buf struct buf endpoints = { 0 };

	describe_line(d, 0, "Port:\t%s\t%lld/%s", name, (long long)json_int_at(port, "port", 0),
		      protocol);
	if (target)
		describe_line(d, 0, "TargetPort:\t%s/%s", target, protocol);
	else
		describe_line(d, 0, "TargetPort:\t%lld/%s",
			      (long long)json_int_at(port, "targetPort", 0), protocol);
	if (json_str_at(port, "appProtocol"))
		describe_line(d, 0, "AppProtocol:\t%s", json_str_at(port, "appProtocol"));
	if (json_int_at(port, "nodePort", 0))
		describe_line(d, 0, "NodePort:\t%s\t%lld/%s", name,
			      (long long)json_int_at(port, "nodePort", 0), protocol);
	put_endpoints(slices, json_text_at(port, "name", ""), &endpoints);
	describe_line(d, 0, "Endpoints:\t%s", buf_str(&endpoints));
}

static void put_selector(const struct json_object *selector, struct buf *text)
{
	auto_free const char **keys = NULL;
	size_t n = describe_keys(selector, &keys);

	for (size_t i = 0; i < n; i++)
		(void)buf_printf(text, "%s%s=%s", i ? "," : "", keys[i],
				 json_str(json_get(selector, keys[i])));
	if (n == 0)
		(void)buf_puts(text, "<none>");
}

static void describe_addresses(struct description *d, const struct json_object *service)
{
	auto_buf struct buf families = { 0 }, ips = { 0 }, external = { 0 }, given = { 0 };
	const struct json_object *ingress = json_at(service, "status.loadBalancer.ingress");

	if (json_str_at(service, "spec.ipFamilyPolicy"))
		describe_line(d, 0, "IP Family Policy:\t%s",
			      json_str_at(service, "spec.ipFamilyPolicy"));
	describe_line(d, 0, "IP Families:\t%s",
		      joined(json_at(service, "spec.ipFamilies"), "<none>", &families));
	describe_line(d, 0, "IP:\t%s", json_text_at(service, "spec.clusterIP", ""));
	describe_line(d, 0, "IPs:\t%s",
		      joined(json_at(service, "spec.clusterIPs"), "<none>", &ips));
	if (json_len(json_at(service, "spec.externalIPs")))
		describe_line(d, 0, "External IPs:\t%s",
			      joined(json_at(service, "spec.externalIPs"), "", &external));
	if (json_str_at(service, "spec.loadBalancerIP"))
		describe_line(d, 0, "Desired LoadBalancer IP:\t%s",
			      json_str_at(service, "spec.loadBalancerIP"));
	if (json_str_at(service, "spec.externalName"))
		describe_line(d, 0, "External Name:\t%s",
			      json_str_at(service, "spec.externalName"));
	for (size_t i = 0; i < json_len(ingress); i++)
		(void)buf_printf(&given, "%s%s", i ? ", " : "",
				 json_text_at(json_idx(ingress, i), "ip",
					      json_text_at(json_idx(ingress, i), "hostname", "")));
	if (given.len)
		describe_line(d, 0, "LoadBalancer Ingress:\t%s", buf_str(&given));
}

void describe_service(struct description *d, const struct json_object *service)
{
	auto_json struct json_object *slices = find_slices(d, service);
	const struct json_object *ports = json_at(service, "spec.ports");
	auto_buf struct buf selector = { 0 }, ranges = { 0 };

	describe_header(d, service, true);
	put_selector(json_at(service, "spec.selector"), &selector);
	describe_line(d, 0, "Selector:\t%s", buf_str(&selector));
	describe_line(d, 0, "Type:\t%s", json_text_at(service, "spec.type", ""));
	describe_addresses(d, service);
	for (size_t i = 0; i < json_len(ports); i++)
		describe_port(d, json_idx(ports, i), slices);
	describe_line(d, 0, "Session Affinity:\t%s",
		      json_text_at(service, "spec.sessionAffinity", ""));
	if (json_str_at(service, "spec.externalTrafficPolicy"))
		describe_line(d, 0, "External Traffic Policy:\t%s",
			      json_str_at(service, "spec.externalTrafficPolicy"));
	if (json_str_at(service, "spec.internalTrafficPolicy"))
		describe_line(d, 0, "Internal Traffic Policy:\t%s",
			      json_str_at(service, "spec.internalTrafficPolicy"));
	if (json_int_at(service, "spec.healthCheckNodePort", 0))
		describe_line(d, 0, "HealthCheck NodePort:\t%lld",
			      (long long)json_int_at(service, "spec.healthCheckNodePort", 0));
	if (json_str_at(service, "spec.trafficDistribution"))
		describe_line(d, 0, "Traffic Distribution:\t%s",
			      json_str_at(service, "spec.trafficDistribution"));
	if (json_len(json_at(service, "spec.loadBalancerSourceRanges")))
		describe_line(
			d, 0, "LoadBalancer Source Ranges:\t%s",
			joined(json_at(service, "spec.loadBalancerSourceRanges"), "", &ranges));
}

/* ---- EndpointSlice and Endpoints ---- */

static void describe_ports(struct description *d, unsigned level, const struct json_object *ports)
{
	describe_line(d, level, "Name\tPort\tProtocol");
	describe_line(d, level, "----\t----\t--------");
	for (size_t i = 0; i < json_len(ports); i++)
		describe_line(d, level, "%s\t%lld\t%s",
			      json_text_at(json_idx(ports, i), "name", "<unset>"),
			      (long long)json_int_at(json_idx(ports, i), "port", 0),
			      json_text_at(json_idx(ports, i), "protocol", "TCP"));
}

static void describe_endpoint(struct description *d, const struct json_object *endpoint)
{
	const struct json_object *ready = json_at(endpoint, "conditions.ready");
	const char *kind = json_str_at(endpoint, "targetRef.kind"),
		   *name = json_str_at(endpoint, "targetRef.name");
	auto_buf struct buf addresses = { 0 };

	describe_line(d, 1, "- Addresses:\t%s",
		      joined(json_get(endpoint, "addresses"), "", &addresses));
	describe_line(d, 2, "Conditions:");
	describe_line(d, 3, "Ready:\t%s",
		      !ready			 ? "<unset>"
		      : json_truth(ready, false) ? "true"
						 : "false");
	describe_line(d, 2, "Hostname:\t%s", json_text_at(endpoint, "hostname", "<unset>"));
	if (kind)
		describe_line(d, 2, "TargetRef:\t%s/%s", kind, name ? name : "");
	describe_line(d, 2, "NodeName:\t%s", json_text_at(endpoint, "nodeName", "<unset>"));
	describe_line(d, 2, "Zone:\t%s", json_text_at(endpoint, "zone", "<unset>"));
}

void describe_endpoint_slice(struct description *d, const struct json_object *slice)
{
	const struct json_object *endpoints = json_get(slice, "endpoints");

	describe_header(d, slice, true);
	describe_line(d, 0, "AddressType:\t%s", json_text_at(slice, "addressType", ""));
	if (json_len(json_get(slice, "ports"))) {
		describe_line(d, 0, "Ports:");
		describe_ports(d, 1, json_get(slice, "ports"));
	} else {
		describe_line(d, 0, "Ports: <unset>");
	}
	if (json_len(endpoints) == 0)
		describe_line(d, 0, "Endpoints: <none>");
	else
		describe_line(d, 0, "Endpoints:");
	for (size_t i = 0; i < json_len(endpoints); i++)
		describe_endpoint(d, json_idx(endpoints, i));
}

static void put_ips(const struct json_object *addresses, struct buf *text)
{
	for (size_t i = 0; i < json_len(addresses); i++)
		(void)buf_printf(text, "%s%s", i ? "," : "",
				 json_text_at(json_idx(addresses, i), "ip", ""));
	if (!text->len)
		(void)buf_puts(text, "<none>");
}

void describe_endpoints(struct description *d, const struct json_object *endpoints)
{
	const struct json_object *subsets = json_get(endpoints, "subsets");

	describe_header(d, endpoints, true);
	describe_line(d, 0, "Subsets:");
	for (size_t i = 0; i < json_len(subsets); i++) {
		const struct json_object *subset = json_idx(subsets, i);
		auto_buf struct buf ready = { 0 }, waiting = { 0 };

		put_ips(json_get(subset, "addresses"), &ready);
		put_ips(json_get(subset, "notReadyAddresses"), &waiting);
		describe_line(d, 1, "Addresses:\t%s", buf_str(&ready));
		describe_line(d, 1, "NotReadyAddresses:\t%s", buf_str(&waiting));
		if (json_len(json_get(subset, "ports"))) {
			describe_line(d, 1, "Ports:");
			describe_ports(d, 2, json_get(subset, "ports"));
		}
		describe_text(d, "\n");
	}
}

/* ---- ServiceAccount ---- */

void describe_service_account(struct description *d, const struct json_object *account)
{
	const struct json_object *secrets = json_get(account, "imagePullSecrets");

	describe_header(d, account, true);
	if (json_len(secrets) == 0)
		describe_line(d, 0, "Image pull secrets:\t<none>");
	for (size_t i = 0; i < json_len(secrets); i++)
		describe_line(d, 0, "%s\t%s", i ? "" : "Image pull secrets:",
			      json_text_at(json_idx(secrets, i), "name", ""));
}
