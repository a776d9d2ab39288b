/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents, made from the rows on demand: who serves them may keep them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/openapi.h"
#include "orchestrator/schema/schema_types.h"

#define TYPES_MAX 1024

/* The types of a document, each once, in the order in which they were met. */
struct type_set {
	const struct schema_type *items[TYPES_MAX];
	size_t n;
};

static int collect(struct type_set *set, const struct schema_type *type)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i] == type)
			return 0;
	if (set->n == TYPES_MAX)
		return -E2BIG;
	set->items[set->n++] = type;
	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].ref && collect(set, type->fields[i].ref) < 0)
			return -E2BIG;
	return 0;
}

/* ---- names ---- */

static void write_name(struct buf *buf, const char *name)
{
	bool meta = strncmp(name, "meta.", 5) == 0;

	(void)buf_printf(buf, "io.k8s.%s%s", meta ? "apimachinery.pkg.apis." : "api.", name);
}

static void begin_ref(struct openapi *doc)
{
	(void)buf_printf(doc->buf, "{\"$ref\":\"#/%s/",
			 doc->v2 ? "definitions" : "components/schemas");
}

void openapi_ref(struct openapi *doc, const char *name)
{
	begin_ref(doc);
	write_name(doc->buf, name);
	(void)buf_puts(doc->buf, "\"}");
}

void openapi_list_ref(struct openapi *doc, const struct schema_kind *kind)
{
	begin_ref(doc);
	write_name(doc->buf, kind->type->name);
	(void)buf_puts(doc->buf, "List\"}");
}

bool openapi_is_of(const struct schema_kind *kind, const char *group_version)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%s%s/%s", *kind->group ? "apis/" : "api", kind->group,
		       kind->version);
	return strcmp(text, group_version) == 0;
}

/* ---- properties ---- */

static const char *const scalar_schemas[SCHEMA_VALUE_COUNT] = {
	[SCHEMA_STRING] = "\"type\":\"string\"",
	[SCHEMA_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
	[SCHEMA_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
	[SCHEMA_BOOL] = "\"type\":\"boolean\"",
	[SCHEMA_DOUBLE] = "\"type\":\"number\",\"format\":\"double\"",
	[SCHEMA_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
	[SCHEMA_STRINGS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
	[SCHEMA_DURATION] = "\"type\":\"string\"",
};
/* Values that have a schema of their own, beside the types. */
static const struct {
	enum schema_value value;
	const char *name, *v3, *v2;
} special[] = {
	{ SCHEMA_QUANTITY, "io.k8s.apimachinery.pkg.api.resource.Quantity",
	  "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", "{\"type\":\"string\"}" },
	{ SCHEMA_INT_OR_STRING, "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
	  "{\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
	  "{\"type\":\"string\",\"format\":\"int-or-string\"}" },
	{ SCHEMA_TIME, "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
	  "{\"type\":\"string\",\"format\":\"date-time\"}",
	  "{\"type\":\"string\",\"format\":\"date-time\"}" },
	{ SCHEMA_MICROTIME, "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
	  "{\"type\":\"string\",\"format\":\"date-time\"}",
	  "{\"type\":\"string\",\"format\":\"date-time\"}" },
	{ SCHEMA_RAW_OBJECT, "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
	  "{\"type\":\"object\"}", "{\"type\":\"object\"}" },
	{ SCHEMA_VALUE_COUNT, "io.k8s.apimachinery.pkg.apis.meta.v1.Patch", "{\"type\":\"object\"}",
	  "{\"type\":\"object\"}" },
};

static const char *special_name(const struct schema_field *field)
{
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (special[i].value == field->value)
			return special[i].name;
	return NULL;
}

/* One value: an element of a list or a map, or a whole property. Without the braces. */
static void write_value(struct openapi *doc, const struct schema_field *field)
{
	const char *name = special_name(field);

	if (name || field->value == SCHEMA_REF) {
		(void)buf_printf(doc->buf, "\"$ref\":\"#/%s/",
				 doc->v2 ? "definitions" : "components/schemas");
		if (name)
			(void)buf_puts(doc->buf, name);
		else
			write_name(doc->buf, field->ref->name);
		(void)buf_putc(doc->buf, '"');
	} else if (scalar_schemas[field->value]) {
		(void)buf_puts(doc->buf, scalar_schemas[field->value]);
	}
	for (size_t i = 0; field->enum_values && field->enum_values[i]; i++)
		(void)buf_printf(doc->buf, "%s\"%s\"%s", i ? "," : ",\"enum\":[",
				 field->enum_values[i], field->enum_values[i + 1] ? "" : "]");
}

static void write_list_keys(struct buf *buf, const char *keys)
{
	(void)buf_puts(buf, ",\"x-kubernetes-list-map-keys\":[");
	for (const char *comma = ""; *keys; comma = ",") {
		size_t n = strcspn(keys, ",");

		(void)buf_printf(buf, "%s\"%.*s\"", comma, (int)n, keys);
		keys += n + (keys[n] == ',');
	}
	(void)buf_putc(buf, ']');
}

/* How lists and maps are merged. */
static void write_extensions(struct buf *buf, const struct schema_field *field)
{
	const char *list_type = field->flags & SCHEMA_LIST_ATOMIC ? "atomic"
				: field->flags & SCHEMA_LIST_SET  ? "set"
				: field->flags & SCHEMA_LIST_MAP  ? "map"
								  : NULL;
	bool retain = field->flags & SCHEMA_PATCH_RETAIN_KEYS;

	if (field->list_keys)
		write_list_keys(buf, field->list_keys);
	if (list_type)
		(void)buf_printf(buf, ",\"x-kubernetes-list-type\":\"%s\"", list_type);
	if (field->flags & SCHEMA_MAP_ATOMIC)
		(void)buf_puts(buf, ",\"x-kubernetes-map-type\":\"atomic\"");
	if (field->merge_key)
		(void)buf_printf(buf, ",\"x-kubernetes-patch-merge-key\":\"%s\"", field->merge_key);
	if (field->flags & (SCHEMA_PATCH_MERGE | SCHEMA_PATCH_RETAIN_KEYS))
		(void)buf_printf(buf, ",\"x-kubernetes-patch-strategy\":\"%s%s\"",
				 field->flags & SCHEMA_PATCH_MERGE ? "merge" : "",
				 !retain			     ? ""
				 : field->flags & SCHEMA_PATCH_MERGE ? ",retainKeys"
								     : "retainKeys");
}

static void write_property(struct openapi *doc, const struct schema_field *field)
{
	struct buf *buf = doc->buf;
	bool refers = field->value == SCHEMA_REF || special_name(field);
	bool is_struct = field->value == SCHEMA_REF && !(field->flags & SCHEMA_POINTER);

	(void)buf_printf(buf, "\"%s\":{", field->name);
	if (refers && field->shape == SCHEMA_ONE && !doc->v2) {
		/* a sibling of $ref would be ignored in version 3 */
		(void)buf_puts(buf, is_struct ? "\"default\":{},\"allOf\":[{" : "\"allOf\":[{");
		write_value(doc, field);
		(void)buf_puts(buf, "}]");
	} else if (field->shape == SCHEMA_ONE) {
		write_value(doc, field);
	} else {
		(void)buf_puts(buf, field->shape == SCHEMA_LIST
					    ? "\"type\":\"array\",\"items\":{"
					    : "\"type\":\"object\",\"additionalProperties\":{");
		write_value(doc, field);
		(void)buf_putc(buf, '}');
	}
	if (field->default_json)
		(void)buf_printf(buf, ",\"default\":%s", field->default_json);
	write_extensions(buf, field);
	(void)buf_putc(buf, '}');
}

/* ---- schemas ---- */

static void write_gvk(struct buf *buf, const char *group, const char *kind, const char *version)
{
	(void)buf_printf(buf,
			 ",\"x-kubernetes-group-version-kind\":[{\"group\":\"%s\",\"kind\":\"%s\","
			 "\"version\":\"%s\"}]",
			 group, kind, version);
}

/* The group, version and kind that @type is known by, if it stands for a kind. */
static void write_type_gvk(struct buf *buf, const struct schema_type *type, const char *group,
			   const char *version)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (schema_kinds[i]->type == type)
			write_gvk(buf, schema_kinds[i]->group, schema_kinds[i]->kind,
				  schema_kinds[i]->version);
	if (type == &authentication_v1_token_request)
		write_gvk(buf, "authentication.k8s.io", "TokenRequest", "v1");
	if (type == &meta_v1_status)
		write_gvk(buf, "", "Status", "v1");
	if (type == &meta_v1_delete_options)
		write_gvk(buf, group, "DeleteOptions", version);
}

static void write_type(struct openapi *doc, const struct schema_type *type, const char *group,
		       const char *version)
{
	struct buf *buf = doc->buf;
	const char *comma = "";

	(void)buf_putc(buf, '"');
	write_name(buf, type->name);
	(void)buf_puts(buf, "\":{\"type\":\"object\"");
	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].flags & SCHEMA_REQUIRED) {
			(void)buf_printf(buf, "%s\"%s\"", *comma ? comma : ",\"required\":[",
					 type->fields[i].name);
			comma = ",";
		}
	if (*comma)
		(void)buf_putc(buf, ']');
	for (size_t i = 0; i < type->n_fields; i++) {
		(void)buf_puts(buf, i ? "," : ",\"properties\":{");
		write_property(doc, &type->fields[i]);
	}
	if (type->n_fields)
		(void)buf_putc(buf, '}');
	write_type_gvk(buf, type, group, version);
	if (type->atomic)
		(void)buf_puts(buf, ",\"x-kubernetes-map-type\":\"atomic\"");
	(void)buf_putc(buf, '}');
}

static void write_list_type(struct openapi *doc, const struct schema_kind *kind)
{
	struct buf *buf = doc->buf;

	(void)buf_putc(buf, '"');
	write_name(buf, kind->type->name);
	(void)buf_puts(buf, "List\":{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{"
			    "\"apiVersion\":{\"type\":\"string\"},\"items\":{\"type\":\"array\","
			    "\"items\":");
	openapi_ref(doc, kind->type->name);
	(void)buf_puts(buf, "},\"kind\":{\"type\":\"string\"},\"metadata\":");
	if (doc->v2) {
		openapi_ref(doc, "meta.v1.ListMeta");
	} else {
		(void)buf_puts(buf, "{\"default\":{},\"allOf\":[");
		openapi_ref(doc, "meta.v1.ListMeta");
		(void)buf_puts(buf, "]}");
	}
	(void)buf_putc(buf, '}');
	write_gvk(buf, kind->group, kind->list_kind, kind->version);
	(void)buf_putc(buf, '}');
}

/* @group_version NULL: of all kinds. */
static bool is_wanted(const struct schema_kind *kind, const char *group_version)
{
	return !group_version || openapi_is_of(kind, group_version);
}

static int write_schemas(struct openapi *doc, const char *group_version)
{
	static const struct schema_type *const shared[] = { &meta_v1_list_meta, &meta_v1_status,
							    &meta_v1_delete_options };
	struct type_set set = { .n = 0 };
	const char *group = "", *version = "v1";
	int r = 0;

	for (size_t i = 0; r == 0 && i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];

		if (!is_wanted(kind, group_version))
			continue;
		group = group_version ? kind->group : "";
		version = kind->version;
		r = collect(&set, kind->type);
		for (size_t k = 0; r == 0 && k < kind->n_subresources; k++) {
			const struct schema_subresource *sub = &kind->subresources[k];
			const struct schema_type *type =
				schema_type_of_kind(sub->group, sub->version, sub->kind);

			r = type ? collect(&set, type) : 0;
		}
		if (kind->list_kind) {
			write_list_type(doc, kind);
			(void)buf_putc(doc->buf, ',');
		}
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(shared); i++)
		r = collect(&set, shared[i]);
	for (size_t i = 0; r == 0 && i < set.n; i++) {
		write_type(doc, set.items[i], group, version);
		(void)buf_putc(doc->buf, ',');
	}
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		(void)buf_printf(doc->buf, "%s\"%s\":%s", i ? "," : "", special[i].name,
				 doc->v2 ? special[i].v2 : special[i].v3);
	return r;
}

static void write_paths(struct openapi *doc, const char *group_version)
{
	bool first = true;

	(void)buf_puts(doc->buf, "\"paths\":{");
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (is_wanted(schema_kinds[i], group_version))
			openapi_paths(doc, schema_kinds[i], &first);
	(void)buf_puts(doc->buf, "}");
}

/* ---- documents ---- */

static bool is_served(const char *group_version)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (openapi_is_of(schema_kinds[i], group_version))
			return true;
	return false;
}

int schema_openapi_v3(const char *group_version, struct buf *ret)
{
	struct openapi doc = { .buf = ret };
	int r;

	if (!is_served(group_version))
		return -ENOENT;
	(void)buf_puts(ret, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
			    "\"v1.37.2\"},");
	write_paths(&doc, group_version);
	(void)buf_puts(ret, ",\"components\":{\"schemas\":{");
	r = write_schemas(&doc, group_version);
	(void)buf_puts(ret, "}}}");
	return r < 0 ? r : buf_error(ret);
}

int schema_openapi_v2(struct buf *ret)
{
	struct openapi doc = { .buf = ret, .v2 = true };
	int r;

	(void)buf_puts(ret, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
			    "\"v1.37.2\"},");
	write_paths(&doc, NULL);
	(void)buf_puts(ret, ",\"definitions\":{");
	r = write_schemas(&doc, NULL);
	(void)buf_puts(ret, "}}");
	return r < 0 ? r : buf_error(ret);
}

const char *schema_hash(const void *data, size_t len, char text[SCHEMA_HASH_MAX])
{
	/* FNV-1a: it tells versions of our own documents apart, no more */
	uint64_t hash = 0xcbf29ce484222325ULL;
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	(void)snprintf(text, SCHEMA_HASH_MAX, "%016" PRIX64, hash);
	return text;
}

int schema_openapi_v3_index(struct buf *ret)
{
	const char *comma = "";

	(void)buf_puts(ret, "{\"paths\":{");
	for (size_t g = 0; g < schema_n_groups; g++) {
		const char *version = schema_groups[g].versions;

		while (*version) {
			auto_buf struct buf doc = BUF_INIT(0);
			char name[160], hash[SCHEMA_HASH_MAX];
			size_t n = strcspn(version, ",");

			(void)snprintf(name, sizeof(name), "%s%s%s%.*s",
				       *schema_groups[g].name ? "apis/" : "api",
				       schema_groups[g].name, "/", (int)n, version);
			version += n + (version[n] == ',');
			if (schema_openapi_v3(name, &doc) < 0)
				return -ENOMEM;
			(void)buf_printf(ret,
					 "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%s"
					 "\"}",
					 comma, name, name, schema_hash(doc.data, doc.len, hash));
			comma = ",";
		}
	}
	(void)buf_puts(ret, "}}");
	return buf_error(ret);
}
