/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups, versions and resources there are: the aggregated documents and the older ones. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

/* In the order in which documents list them: that of the alphabet. */
static const struct {
	unsigned verb;
	const char *name;
} verbs[] = {
	{ VERB_CREATE, "create" },
	{ VERB_DELETE, "delete" },
	{ VERB_DELETECOLLECTION, "deletecollection" },
	{ VERB_GET, "get" },
	{ VERB_LIST, "list" },
	{ VERB_PATCH, "patch" },
	{ VERB_UPDATE, "update" },
	{ VERB_WATCH, "watch" },
};

static void write_verbs(struct buf *buf, unsigned set)
{
	const char *comma = "";

	(void)buf_puts(buf, "\"verbs\":[");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (set & verbs[i].verb) {
			(void)buf_printf(buf, "%s\"%s\"", comma, verbs[i].name);
			comma = ",";
		}
	(void)buf_putc(buf, ']');
}

/* ,"shortNames":["cm"] of "cm"; nothing for NULL */
static void write_names(struct buf *buf, const char *key, const char *names)
{
	if (!names)
		return;
	(void)buf_printf(buf, ",\"%s\":[", key);
	for (const char *comma = ""; *names; comma = ",") {
		size_t n = strcspn(names, ",");

		(void)buf_printf(buf, "%s\"%.*s\"", comma, (int)n, names);
		names += n + (names[n] == ',');
	}
	(void)buf_putc(buf, ']');
}

/* ---- aggregated: apidiscovery.k8s.io/v2 ---- */

static void write_subresource(struct buf *buf, const struct schema_kind *kind,
			      const struct schema_subresource *sub)
{
	bool same =
		strcmp(sub->group, kind->group) == 0 && strcmp(sub->version, kind->version) == 0;

	(void)buf_printf(buf,
			 "{\"subresource\":\"%s\",\"responseKind\":{\"group\":\"%s\",\"version\":"
			 "\"%s\",\"kind\":\"%s\"},",
			 sub->name, same ? "" : sub->group, same ? "" : sub->version, sub->kind);
	write_verbs(buf, sub->verbs);
	(void)buf_putc(buf, '}');
}

static void write_resource(struct buf *buf, const struct schema_kind *kind)
{
	(void)buf_printf(buf,
			 "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"\",\"version\":\"\","
			 "\"kind\":\"%s\"},\"scope\":\"%s\",\"singularResource\":\"%s\",",
			 kind->resource, kind->kind, kind->namespaced ? "Namespaced" : "Cluster",
			 kind->singular);
	write_verbs(buf, kind->verbs);
	write_names(buf, "shortNames", kind->short_names);
	write_names(buf, "categories", kind->categories);
	for (size_t i = 0; i < kind->n_subresources; i++) {
		(void)buf_puts(buf, i ? "," : ",\"subresources\":[");
		write_subresource(buf, kind, &kind->subresources[i]);
	}
	(void)buf_puts(buf, kind->n_subresources ? "]}" : "}");
}

static void write_version(struct buf *buf, const char *group, const char *version, size_t len)
{
	const char *comma = "";

	(void)buf_printf(buf, "{\"version\":\"%.*s\",\"resources\":[", (int)len, version);
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];

		if (strcmp(kind->group, group) != 0 || strlen(kind->version) != len ||
		    memcmp(kind->version, version, len) != 0)
			continue;
		(void)buf_puts(buf, comma);
		write_resource(buf, kind);
		comma = ",";
	}
	(void)buf_puts(buf, "],\"freshness\":\"Current\"}");
}

static void write_group(struct buf *buf, const struct schema_group *group)
{
	const char *version = group->versions;

	(void)buf_puts(buf, "{\"metadata\":{");
	if (*group->name)
		(void)buf_printf(buf, "\"name\":\"%s\"", group->name);
	(void)buf_puts(buf, "},\"versions\":[");
	for (const char *comma = ""; *version; comma = ",") {
		size_t len = strcspn(version, ",");

		(void)buf_puts(buf, comma);
		write_version(buf, group->name, version, len);
		version += len + (version[len] == ',');
	}
	(void)buf_puts(buf, "]}");
}

int schema_discovery_aggregated(const char *path, struct buf *ret)
{
	bool core = strcmp(path, "/api") == 0;
	const char *comma = "";

	if (!core && strcmp(path, "/apis") != 0)
		return -ENOENT;
	(void)buf_puts(ret, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":"
			    "\"apidiscovery.k8s.io/v2\",\"metadata\":{},\"items\":[");
	for (size_t i = 0; i < schema_n_groups; i++) {
		if ((*schema_groups[i].name == '\0') != core)
			continue;
		(void)buf_puts(ret, comma);
		write_group(ret, &schema_groups[i]);
		comma = ",";
	}
	(void)buf_puts(ret, "]}\n");
	return buf_error(ret);
}

/* ---- the older documents: meta/v1 ---- */

static void write_version_names(struct buf *buf, const struct schema_group *group)
{
	const char *version = group->versions;

	(void)buf_printf(buf, "\"name\":\"%s\",\"versions\":[", group->name);
	for (const char *comma = ""; *version; comma = ",") {
		int len = (int)strcspn(version, ",");

		(void)buf_printf(buf, "%s{\"groupVersion\":\"%s/%.*s\",\"version\":\"%.*s\"}",
				 comma, group->name, len, version, len, version);
		version += len + (version[len] == ',');
	}
	version = group->versions;
	(void)buf_printf(
		buf, "],\"preferredVersion\":{\"groupVersion\":\"%s/%.*s\",\"version\":\"%.*s\"}",
		group->name, (int)strcspn(version, ","), version, (int)strcspn(version, ","),
		version);
}

static int write_groups(struct buf *buf)
{
	const char *comma = "";

	(void)buf_puts(buf, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	for (size_t i = 0; i < schema_n_groups; i++) {
		if (!*schema_groups[i].name)
			continue;
		(void)buf_printf(buf, "%s{", comma);
		write_version_names(buf, &schema_groups[i]);
		(void)buf_putc(buf, '}');
		comma = ",";
	}
	(void)buf_puts(buf, "]}\n");
	return buf_error(buf);
}

static void write_old_resource(struct buf *buf, const struct schema_kind *kind)
{
	(void)buf_printf(
		buf, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",",
		kind->resource, kind->singular, kind->namespaced ? "true" : "false", kind->kind);
	write_verbs(buf, kind->verbs);
	write_names(buf, "shortNames", kind->short_names);
	write_names(buf, "categories", kind->categories);
	if (kind->storage_hash)
		(void)buf_printf(buf, ",\"storageVersionHash\":\"%s\"", kind->storage_hash);
	(void)buf_putc(buf, '}');
	for (size_t i = 0; i < kind->n_subresources; i++) {
		const struct schema_subresource *sub = &kind->subresources[i];

		(void)buf_printf(buf,
				 ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":%s,",
				 kind->resource, sub->name, kind->namespaced ? "true" : "false");
		if (strcmp(sub->group, kind->group) != 0)
			(void)buf_printf(buf, "\"group\":\"%s\",\"version\":\"%s\",", sub->group,
					 sub->version);
		(void)buf_printf(buf, "\"kind\":\"%s\",", sub->kind);
		write_verbs(buf, sub->verbs);
		(void)buf_putc(buf, '}');
	}
}

static int write_resources(struct buf *buf, const char *group_version)
{
	const char *comma = "";
	char text[128];

	/* core/v1 alone leaves out its own apiVersion */
	(void)buf_printf(buf, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%s\",",
			 strchr(group_version, '/') ? "\"apiVersion\":\"v1\"," : "", group_version);
	(void)buf_puts(buf, "\"resources\":[");
	for (size_t i = 0; i < schema_n_kinds; i++) {
		if (strcmp(schema_api_version(schema_kinds[i], text, sizeof(text)),
			   group_version) != 0)
			continue;
		(void)buf_puts(buf, comma);
		write_old_resource(buf, schema_kinds[i]);
		comma = ",";
	}
	(void)buf_puts(buf, "]}\n");
	return buf_error(buf);
}

static bool has_version(const struct schema_group *group, const char *version)
{
	size_t len = strlen(version);

	for (const char *at = group->versions; *at; at += at[strcspn(at, ",")] == ',') {
		if (strcspn(at, ",") == len && memcmp(at, version, len) == 0)
			return true;
		at += strcspn(at, ",");
	}
	return false;
}

/* "/apis/G" or "/apis/G/V" */
static int write_group_or_resources(struct buf *buf, const char *name)
{
	size_t len = strcspn(name, "/");

	for (size_t i = 0; i < schema_n_groups; i++) {
		const struct schema_group *group = &schema_groups[i];

		if (!len || strlen(group->name) != len || memcmp(group->name, name, len) != 0)
			continue;
		if (name[len] == '/')
			return has_version(group, name + len + 1) ? write_resources(buf, name)
								  : -ENOENT;
		(void)buf_puts(buf, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
		write_version_names(buf, group);
		(void)buf_puts(buf, "}\n");
		return buf_error(buf);
	}
	return -ENOENT;
}

int schema_discovery_legacy(const char *path, const char *server_address, struct buf *ret)
{
	if (strcmp(path, "/api") == 0) {
		(void)buf_printf(ret,
				 "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],"
				 "\"serverAddressByClientCIDRs\":[{\"clientCIDR\":\"0.0.0.0/0\","
				 "\"serverAddress\":\"%s\"}]}\n",
				 server_address);
		return buf_error(ret);
	}
	if (strcmp(path, "/api/v1") == 0)
		return write_resources(ret, "v1");
	if (strcmp(path, "/apis") == 0)
		return write_groups(ret);
	if (strncmp(path, "/apis/", 6) == 0)
		return write_group_or_resources(ret, path + 6);
	return -ENOENT;
}
