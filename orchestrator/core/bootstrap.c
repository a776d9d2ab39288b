/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/bootstrap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/controller.h"

/* The first address of the service range: default/kubernetes. */
static int first_address(const char *cidr, char text[INET_ADDRSTRLEN])
{
	size_t len = strcspn(cidr, "/");
	struct in_addr address;

	if (len >= INET_ADDRSTRLEN)
		return -EINVAL;
	memcpy(text, cidr, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &address) != 1)
		return -EINVAL;
	address.s_addr = htonl(ntohl(address.s_addr) + 1);
	return inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN) ? 0 : -EINVAL;
}

static const char *const namespaces[] = { "default", "kube-node-lease", "kube-public",
					  "kube-system" };

/* $S: service address, $A: server address, $P: server port */
static const struct {
	const char *group, *kind, *json;
} texts[] = {
	{ "", "Service",
	  "{\"metadata\":{\"name\":\"kubernetes\",\"namespace\":\"default\","
	  "\"labels\":{\"component\":\"apiserver\",\"provider\":\"kubernetes\"}},"
	  "\"spec\":{\"clusterIP\":\"$S\",\"clusterIPs\":[\"$S\"],"
	  "\"internalTrafficPolicy\":\"Cluster\",\"ipFamilies\":[\"IPv4\"],"
	  "\"ipFamilyPolicy\":\"SingleStack\",\"ports\":[{\"name\":\"https\","
	  "\"port\":443,\"protocol\":\"TCP\",\"targetPort\":$P}],"
	  "\"sessionAffinity\":\"None\",\"type\":\"ClusterIP\"}}" },
	{ "", "Endpoints",
	  "{\"metadata\":{\"name\":\"kubernetes\",\"namespace\":\"default\","
	  "\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}},"
	  "\"subsets\":[{\"addresses\":[{\"ip\":\"$A\"}],"
	  "\"ports\":[{\"name\":\"https\",\"port\":$P,\"protocol\":\"TCP\"}]}]}" },
	{ "discovery.k8s.io", "EndpointSlice",
	  "{\"metadata\":{\"name\":\"kubernetes\",\"namespace\":\"default\","
	  "\"labels\":{\"kubernetes.io/service-name\":\"kubernetes\"}},"
	  "\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"$A\"],"
	  "\"conditions\":{\"ready\":true}}],\"ports\":[{\"name\":\"https\","
	  "\"port\":$P,\"protocol\":\"TCP\"}]}" },
};

static int make_namespaces(struct core *core)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Namespace");

	for (size_t i = 0; kind && i < ARRAY_LEN(namespaces); i++) {
		struct json_object *json;

		if (core_get(core, kind, "", namespaces[i]))
			continue;
		json = json_new_object();
		if (!json ||
		    json_put_at(json, "metadata.name", json_new_string(namespaces[i])) < 0) {
			json_unref(json);
			return -ENOMEM;
		}
		core_create(core, kind, json, NULL, NULL);
	}
	return 0;
}

/* Make it; or, when it names another address (the server has moved), bring it up to date. */
static int make_or_move(struct core *core, const struct schema_kind *kind, const char *text)
{
	struct object *object = core_get(core, kind, "default", "kubernetes");
	struct json_object *json = NULL;
	int r = json_parse(text, strlen(text), &json, NULL);

	if (r < 0)
		return r;
	if (object)
		core_update(core, kind, "", json, NULL, NULL);
	else
		core_create(core, kind, json, NULL, NULL);
	return 0;
}

static void expand(struct buf *buf, const char *text, const char *service_address,
		   const struct core_options *options)
{
	for (; *text; text++) {
		if (*text != '$') {
			(void)buf_putc(buf, *text);
			continue;
		}
		text++;
		if (*text == 'S')
			(void)buf_puts(buf, service_address);
		else if (*text == 'A')
			(void)buf_puts(buf, options->server_address);
		else
			(void)buf_printf(buf, "%u", options->server_port);
	}
}

int bootstrap(struct core *core, struct err *err)
{
	const struct core_options *options = core_options_of(core);
	char service_address[INET_ADDRSTRLEN];
	int r = first_address(options->service_cidr, service_address);

	if (r < 0)
		return err_say(err, r, "service CIDR \"%s\" is no IPv4 range",
			       options->service_cidr);
	r = make_namespaces(core);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++) {
		const struct schema_kind *kind =
			schema_kind_of_kind(texts[i].group, "v1", texts[i].kind);
		auto_buf struct buf text = { 0 };

		expand(&text, texts[i].json, service_address, options);
		r = buf_error(&text);
		if (r == 0 && kind)
			r = make_or_move(core, kind, buf_str(&text));
	}
	return r < 0 ? err_set(err, r, "make the objects every cluster has") : 0;
}
