/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/types.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/schema/schema.h"

struct types {
	struct rest *rest;
	struct resource_info *known; /* from discovery */
	size_t n, cap;
	bool asked;
};

int types_new(struct rest *rest, struct types **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->rest = rest;
	return 0;
}

struct types *types_free(struct types *types)
{
	if (types)
		free(types->known);
	free(types);
	return NULL;
}

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

/* ---- discovery ---- */

bool types_in_list(const char *list, const char *word, size_t len)
{
	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* An array of strings, comma-separated. */
static void copy_list(char *to, size_t size, const struct json_object *list)
{
	size_t used = 0;

	*to = '\0';
	for (size_t i = 0; i < json_len(list) && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "",
					 json_str(json_idx(list, i)));
}

static bool is_known(const struct types *types, const char *group, const char *resource)
{
	for (size_t i = 0; i < types->n; i++)
		if (strcmp(types->known[i].type.group, group) == 0 &&
		    strcmp(types->known[i].type.resource, resource) == 0)
			return true;
	return false;
}

static int add_known(struct types *types, const char *group, const char *version,
		     const struct json_object *resource)
{
	struct resource_info info = { 0 };
	const char *scope = json_str_at(resource, "scope");
	int r;

	copy(info.type.group, sizeof(info.type.group), group);
	copy(info.type.version, sizeof(info.type.version), version);
	copy(info.type.kind, sizeof(info.type.kind), json_str_at(resource, "responseKind.kind"));
	copy(info.type.resource, sizeof(info.type.resource), json_str_at(resource, "resource"));
	copy(info.type.singular, sizeof(info.type.singular),
	     json_str_at(resource, "singularResource"));
	info.type.namespaced = scope && strcmp(scope, "Namespaced") == 0;
	copy_list(info.short_names, sizeof(info.short_names), json_get(resource, "shortNames"));
	copy_list(info.verbs, sizeof(info.verbs), json_get(resource, "verbs"));
	copy_list(info.categories, sizeof(info.categories), json_get(resource, "categories"));
	info.preferred = !is_known(types, info.type.group, info.type.resource);
	r = array_grow(&types->known, &types->cap, types->n + 1, sizeof(*types->known));
	if (r == 0)
		types->known[types->n++] = info;
	return r;
}

static int read_groups(struct types *types, const struct json_object *groups)
{
	int r = 0;

	for (size_t g = 0; g < json_len(groups); g++) {
		const struct json_object *group = json_idx(groups, g);
		const char *name = json_str_at(group, "metadata.name");
		const struct json_object *versions = json_get(group, "versions");

		for (size_t v = 0; v < json_len(versions); v++) {
			const struct json_object *version = json_idx(versions, v);
			const struct json_object *resources = json_get(version, "resources");

			for (size_t i = 0; i < json_len(resources) && r == 0; i++)
				r = add_known(types, name ? name : "",
					      json_str_at(version, "version"),
					      json_idx(resources, i));
		}
	}
	return r;
}

static int discover(struct types *types, struct err *err)
{
	static const char accept[] =
		"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/"
		"json";
	static const char *const paths[] = { "/api", "/apis" };
	int r = 0;

	if (types->asked)
		return 0;
	types->asked = true;
	for (size_t i = 0; i < ARRAY_LEN(paths) && r == 0; i++) {
		auto_json struct json_object *answer = NULL;

		r = rest_get(types->rest, paths[i], accept, &answer, err);
		if (r == 0)
			r = read_groups(types, json_get(answer, "items"));
	}
	return r;
}

/* ---- matching ---- */

/* "deployments.v1.apps", "deployments.apps", "deployments": the parts that are given must match. */
struct wanted {
	const char *name;
	size_t name_len;
	const char *rest; /* "v1.apps", "apps", or NULL */
};

static bool fits(const struct wanted *want, const struct resource_type *type,
		 const char *short_names)
{
	const char *rest = want->rest;
	size_t v;
	const char *names[] = { type->resource, type->singular, type->kind };
	bool named = types_in_list(short_names, want->name, want->name_len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		named |= strlen(names[i]) == want->name_len &&
			 strncasecmp(names[i], want->name, want->name_len) == 0;
	if (!named)
		return false;
	if (!rest || strcmp(rest, type->group) == 0)
		return true;
	v = strlen(type->version);
	return strncmp(rest, type->version, v) == 0 &&
	       ((rest[v] == '.' && strcmp(rest + v + 1, type->group) == 0) ||
		(!rest[v] && !*type->group));
}

static void of_schema(const struct schema_kind *kind, struct resource_type *type)
{
	*type = (struct resource_type){ .namespaced = kind->namespaced };
	copy(type->group, sizeof(type->group), kind->group);
	copy(type->version, sizeof(type->version), kind->version);
	copy(type->kind, sizeof(type->kind), kind->kind);
	copy(type->resource, sizeof(type->resource), kind->resource);
	copy(type->singular, sizeof(type->singular), kind->singular);
}

int types_find(struct types *types, const char *word, struct resource_type *ret, struct err *err)
{
	struct wanted want = { .name = word,
			       .name_len = strcspn(word, "."),
			       .rest = strchr(word, '.') };
	struct resource_type type;
	int r;

	if (want.rest)
		want.rest++;
	for (size_t i = 0; i < schema_n_kinds; i++) {
		of_schema(schema_kinds[i], &type);
		if ((schema_kinds[i]->verbs & VERB_LIST) &&
		    fits(&want, &type, schema_kinds[i]->short_names)) {
			*ret = type;
			return 0;
		}
	}
	r = discover(types, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < types->n; i++)
		if (fits(&want, &types->known[i].type, types->known[i].short_names)) {
			*ret = types->known[i].type;
			return 0;
		}
	return err_say(err, -ENOENT, "error: the server doesn't have a resource type \"%s\"", word);
}

int types_of_kind(struct types *types, const char *api_version, const char *kind,
		  struct resource_type *ret, struct err *err)
{
	const char *slash = strchr(api_version, '/');
	char group[128] = "";
	const char *version = slash ? slash + 1 : api_version;
	const struct schema_kind *known;
	int r;

	if (slash)
		(void)snprintf(group, sizeof(group), "%.*s", (int)(slash - api_version),
			       api_version);
	known = schema_kind_of_kind(group, version, kind);
	if (known) {
		of_schema(known, ret);
		return 0;
	}
	r = discover(types, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < types->n; i++) {
		const struct resource_type *t = &types->known[i].type;

		if (strcmp(t->group, group) == 0 && strcmp(t->version, version) == 0 &&
		    strcmp(t->kind, kind) == 0) {
			*ret = *t;
			return 0;
		}
	}
	return err_say(err, -ENOENT, "no matches for kind \"%s\" in version \"%s\"", kind,
		       api_version);
}

int types_all(struct types *types, const struct resource_info **ret, size_t *ret_n, struct err *err)
{
	int r = discover(types, err);

	if (r < 0)
		return r;
	*ret = types->known;
	*ret_n = types->n;
	return 0;
}

/* ---- names ---- */

int types_path(const struct resource_type *type, const char *namespace, const char *name,
	       struct buf *ret)
{
	if (*type->group)
		(void)buf_printf(ret, "/apis/%s/%s", type->group, type->version);
	else
		(void)buf_printf(ret, "/api/%s", type->version);
	if (type->namespaced && *namespace) {
		(void)buf_puts(ret, "/namespaces/");
		(void)rest_escape(ret, namespace);
	}
	(void)buf_printf(ret, "/%s", type->resource);
	if (*name) {
		(void)buf_putc(ret, '/');
		(void)rest_escape(ret, name);
	}
	return buf_error(ret);
}

void types_singular(const struct resource_type *type, char *text, size_t size)
{
	char lower[64];
	size_t i;

	for (i = 0; type->kind[i] && i + 1 < sizeof(lower); i++)
		lower[i] = (char)tolower((unsigned char)type->kind[i]);
	lower[i] = '\0';
	(void)snprintf(text, size, "%s%s%s", lower, *type->group ? "." : "", type->group);
}

void types_plural(const struct resource_type *type, char *text, size_t size)
{
	(void)snprintf(text, size, "%s%s%s", type->resource, *type->group ? "." : "", type->group);
}
