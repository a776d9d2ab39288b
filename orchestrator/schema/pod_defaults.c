/* SPDX-License-Identifier: Apache-2.0 */
/* Pod: the defaults that depend on other fields (Kubernetes API reference, Pod v1). */
#include <ctype.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"

/* "registry:5000/a/b": lower case, and no empty part. */
static bool is_repository(const char *text, size_t len)
{
	if (len == 0 || text[0] == '/' || text[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if (isupper((unsigned char)text[i]) || isspace((unsigned char)text[i]))
			return false;
	return true;
}

/* Always for :latest and for a reference with neither tag nor digest. */
static const char *pull_policy_of(const char *image)
{
	const char *digest = strchr(image, '@');
	size_t len = digest ? (size_t)(digest - image) : strlen(image);
	const char *slash = memrchr(image, '/', len);
	const char *from = slash ? slash : image;
	const char *tag = memchr(from, ':', len - (size_t)(from - image));
	size_t tag_len = tag ? len - (size_t)(tag + 1 - image) : 0;

	if (!is_repository(image, tag ? (size_t)(tag - image) : len))
		return "IfNotPresent";
	if (!tag)
		return digest ? "IfNotPresent" : "Always";
	return tag_len == 6 && memcmp(tag + 1, "latest", 6) == 0 ? "Always" : "IfNotPresent";
}

static void put_missing(struct json_object *object, const char *key, const char *text)
{
	const char *old = json_str(json_get(object, key));

	if (!old || !*old)
		(void)json_put_str(object, key, text);
}

/* Each request that is missing is its limit. */
static void default_requests(struct json_object *container)
{
	struct json_object *resources = json_get(container, "resources");
	struct json_object *limits = json_get(resources, "limits");
	struct json_object *requests = json_get(resources, "requests");
	struct json_iter it;

	if (json_len(limits) == 0)
		return;
	if (!requests) {
		requests = json_new_object();
		if (!requests || json_put(resources, "requests", requests) < 0)
			return;
	}
	json_for_each (it, limits)
		if (!json_has(requests, it.key))
			(void)json_put(requests, it.key, json_copy(it.value));
}

static void default_host_ports(struct json_object *container)
{
	struct json_object *ports = json_get(container, "ports");

	for (size_t i = 0, n = json_len(ports); i < n; i++) {
		struct json_object *port = json_idx(ports, i);

		if (json_int_at(port, "hostPort", 0) == 0)
			(void)json_put_int(port, "hostPort", json_int_at(port, "containerPort", 0));
	}
}

static void default_container(struct json_object *container)
{
	const char *image = json_str(json_get(container, "image"));

	put_missing(container, "imagePullPolicy", pull_policy_of(image ? image : ""));
}

static void default_volume(struct json_object *volume)
{
	struct json_object *image = json_get(volume, "image");
	const char *reference = json_str(json_get(image, "reference"));
	struct json_iter it;
	bool has_source = false;

	if (image)
		put_missing(image, "pullPolicy", pull_policy_of(reference ? reference : ""));

	json_for_each (it, volume)
		has_source |= strcmp(it.key, "name") != 0;
	if (!has_source)
		(void)json_put(volume, "emptyDir", json_new_object());
}

/* What a Pod and a template share. */
void pod_spec_defaults(struct json_object *spec)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };
	const char *account = json_str(json_get(spec, "serviceAccountName"));
	struct json_object *volumes = json_get(spec, "volumes");

	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		struct json_object *list = json_get(spec, lists[k]);

		for (size_t i = 0, n = json_len(list); i < n; i++)
			default_container(json_idx(list, i));
	}
	for (size_t i = 0, n = json_len(volumes); i < n; i++)
		default_volume(json_idx(volumes, i));
	if (!json_has(spec, "terminationGracePeriodSeconds"))
		(void)json_put_int(spec, "terminationGracePeriodSeconds", 30);
	if (!json_has(spec, "securityContext"))
		(void)json_put(spec, "securityContext", json_new_object());
	/* two names of one field; the newer one wins */
	if (!account || !*account)
		account = json_str(json_get(spec, "serviceAccount"));
	if (account && *account) {
		(void)json_put_str(spec, "serviceAccountName", account); /* may free @account */
		(void)json_put(spec, "serviceAccount",
			       json_copy(json_get(spec, "serviceAccountName")));
	}
}

static void default_pod_ips(struct json_object *status)
{
	struct json_object *ips = json_get(status, "podIPs");
	const char *first = json_str_at(json_idx(ips, 0), "ip");
	const char *ip = json_str_at(status, "podIP");
	struct json_object *entry;

	if (first && *first && (!ip || !*ip)) {
		(void)json_put_str(status, "podIP", first);
		return;
	}
	if (!ip || !*ip || (first && strcmp(first, ip) == 0))
		return;
	ips = json_new_array();
	entry = json_new_object();
	if (entry)
		(void)json_put_str(entry, "ip", ip);
	if (ips && json_add(ips, entry) == 0)
		(void)json_put(status, "podIPs", ips);
}

void pod_defaults(struct json_object *object)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct json_object *spec = json_get(object, "spec");
	bool host_network = json_bool_at(spec, "hostNetwork", false);

	if (!spec)
		return;
	pod_spec_defaults(spec);
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		struct json_object *list = json_get(spec, lists[k]);

		for (size_t i = 0, n = json_len(list); i < n; i++) {
			default_requests(json_idx(list, i));
			if (host_network)
				default_host_ports(json_idx(list, i));
		}
	}
	if (!json_has(spec, "enableServiceLinks"))
		(void)json_put_bool(spec, "enableServiceLinks", true);
	if (json_int_at(spec, "terminationGracePeriodSeconds", 0) < 0)
		(void)json_put_int(spec, "terminationGracePeriodSeconds", 1);
	default_pod_ips(json_get(object, "status"));
}

void pod_template_defaults(struct json_object *object)
{
	struct json_object *spec = json_at(object, "template.spec");

	if (spec)
		pod_spec_defaults(spec);
}
