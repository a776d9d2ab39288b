/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of Services and of what stands behind them; Lease too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/cells.h"

static struct json_object *cluster_ip_cell(const struct json_object *object)
{
	const char *ip = json_str(json_idx(json_at(object, "spec.clusterIPs"), 0));

	return json_new_string(ip ? ip : "<none>");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Addresses that a balancer gave, sorted, each once. */
static void write_ingress(struct buf *text, const struct json_object *object)
{
	const struct json_object *ingress = json_at(object, "status.loadBalancer.ingress");
	size_t n = json_len(ingress);
	auto_free const char **names = calloc(n + 1, sizeof(*names));

	if (!names)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *ip = cell_string(json_idx(ingress, i), "ip");

		names[i] = *ip ? ip : cell_string(json_idx(ingress, i), "hostname");
	}
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++)
		if (*names[i] && (i == 0 || strcmp(names[i], names[i - 1]) != 0))
			(void)buf_printf(text, "%s%s", text->len ? "," : "", names[i]);
}

static struct json_object *external_ip_cell(const struct json_object *object)
{
	const struct json_object *ips = json_at(object, "spec.externalIPs");
	const char *type = cell_string(object, "spec.type");
	bool balanced = strcmp(type, "LoadBalancer") == 0;
	auto_buf struct buf text = BUF_INIT(65536);

	if (strcmp(type, "ExternalName") == 0)
		return json_new_string(cell_string(object, "spec.externalName"));
	if (balanced)
		write_ingress(&text, object);
	for (size_t i = 0, n = json_len(ips); i < n; i++)
		(void)buf_printf(&text, "%s%s", text.len ? "," : "", json_str(json_idx(ips, i)));
	return cell_text(&text, balanced ? "<pending>" : "<none>");
}

static struct json_object *ports_cell(const struct json_object *object)
{
	const struct json_object *ports = json_at(object, "spec.ports");
	auto_buf struct buf text = BUF_INIT(1 << 20);

	for (size_t i = 0, n = json_len(ports); i < n; i++) {
		const struct json_object *port = json_idx(ports, i);
		long long node_port = json_int_at(port, "nodePort", 0);

		(void)buf_printf(&text, "%s%lld", i ? "," : "",
				 (long long)json_int_at(port, "port", 0));
		if (node_port > 0)
			(void)buf_printf(&text, ":%lld", node_port);
		(void)buf_printf(&text, "/%s", cell_string(port, "protocol"));
	}
	return cell_text(&text, "<none>");
}

static struct json_object *selector_cell(const struct json_object *object)
{
	return cell_labels(json_at(object, "spec.selector"));
}

const struct schema_column service_columns[] = {
	COLUMN_NAME,
	COLUMN_PATH("Type", 0, "spec.type", "", "How the service is reached"),
	COLUMN_CELL("Cluster-IP", 0, cluster_ip_cell, "Address inside the cluster"),
	COLUMN_CELL("External-IP", 0, external_ip_cell, "Addresses outside of it"),
	COLUMN_CELL("Port(s)", 0, ports_cell, "Ports, node ports and protocols"),
	COLUMN_AGE,
	COLUMN_CELL("Selector", 1, selector_cell, "Labels of the pods behind it"),
	{ 0 },
};

/* ---- Endpoints, EndpointSlice ---- */

/* "10.0.0.1:80", "[::1]:80" */
static void add_address(struct cell_list *list, const char *ip, const struct json_object *port)
{
	char text[128];

	if (port)
		(void)snprintf(text, sizeof(text), strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld", ip,
			       (long long)json_int_at(port, "port", 0));
	else
		(void)snprintf(text, sizeof(text), "%s", ip);
	cell_list_add(list, text);
}

static struct json_object *endpoints_cell(const struct json_object *object)
{
	const struct json_object *subsets = json_get(object, "subsets");
	struct cell_list list = { .text = BUF_INIT(65536) };

	for (size_t s = 0, n = json_len(subsets); s < n; s++) {
		const struct json_object *addresses = json_get(json_idx(subsets, s), "addresses");
		const struct json_object *ports = json_get(json_idx(subsets, s), "ports");
		size_t n_ports = json_len(ports);

		for (size_t p = 0; p < (n_ports ? n_ports : 1); p++)
			for (size_t a = 0; a < json_len(addresses); a++)
				add_address(&list, cell_string(json_idx(addresses, a), "ip"),
					    json_idx(ports, p));
	}
	if (json_len(subsets) && !list.count) { /* subsets that nobody is in */
		buf_done(&list.text);
		return json_new_string("");
	}
	return cell_list_end(&list, "<none>");
}

static struct json_object *slice_ports_cell(const struct json_object *object)
{
	const struct json_object *ports = json_get(object, "ports");
	struct cell_list list = { .text = BUF_INIT(65536) };

	for (size_t i = 0, n = json_len(ports); i < n; i++) {
		const struct json_object *port = json_idx(ports, i);
		const char *name = json_str_at(port, "name");
		char text[32] = "*";

		if (json_has(port, "port"))
			(void)snprintf(text, sizeof(text), "%lld",
				       (long long)json_int_at(port, "port", 0));
		else if (name)
			(void)snprintf(text, sizeof(text), "%s", name);
		cell_list_add(&list, text);
	}
	return cell_list_end(&list, "<unset>");
}

static struct json_object *slice_endpoints_cell(const struct json_object *object)
{
	const struct json_object *endpoints = json_get(object, "endpoints");
	struct cell_list list = { .text = BUF_INIT(65536) };

	for (size_t i = 0, n = json_len(endpoints); i < n; i++) {
		const struct json_object *addresses = json_get(json_idx(endpoints, i), "addresses");

		for (size_t k = 0, m = json_len(addresses); k < m; k++)
			cell_list_add(&list, json_str(json_idx(addresses, k)));
	}
	return cell_list_end(&list, "<unset>");
}

const struct schema_column endpoints_columns[] = {
	COLUMN_NAME,
	COLUMN_CELL("Endpoints", 0, endpoints_cell, "Addresses and ports that are ready"),
	COLUMN_AGE,
	{ 0 },
};
const struct schema_column endpoint_slice_columns[] = {
	COLUMN_NAME,
	COLUMN_PATH("AddressType", 0, "addressType", "", "IPv4, IPv6, or FQDN"),
	COLUMN_CELL("Ports", 0, slice_ports_cell, "Ports that each endpoint has"),
	COLUMN_CELL("Endpoints", 0, slice_endpoints_cell, "Addresses of the endpoints"),
	COLUMN_AGE,
	{ 0 },
};

const struct schema_column lease_columns[] = {
	COLUMN_NAME,
	COLUMN_PATH("Holder", 0, "spec.holderIdentity", "", "Who holds it now"),
	COLUMN_AGE,
	{ 0 },
};
