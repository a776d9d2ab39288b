/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, walked. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/schema.h"
#include "orchestrator/schema/schema_types.h"
#include "tests/unit/test.h"

/* Every type that kinds reach, once. */
struct walk {
	const struct schema_type *seen[1024];
	size_t n;
};

static void walk_type(struct walk *walk, const struct schema_type *type)
{
	for (size_t i = 0; i < walk->n; i++)
		if (walk->seen[i] == type)
			return;
	CHECK(walk->n < ARRAY_LEN(walk->seen));
	walk->seen[walk->n++] = type;
	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].ref)
			walk_type(walk, type->fields[i].ref);
}

static void walk_all(struct walk *walk)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		walk_type(walk, schema_kinds[i]->type);
	walk_type(walk, &meta_v1_delete_options);
	walk_type(walk, &meta_v1_status);
	walk_type(walk, &policy_v1_eviction);
}

static void check_field(const struct schema_type *type, const struct schema_field *field)
{
	struct json_object *value = NULL;

	CHECK(field->name && *field->name);
	for (const char *c = field->name; *c; c++)
		CHECK(isalnum((unsigned char)*c)); /* schema_write() does not escape names */
	CHECK(field->value < SCHEMA_VALUE_COUNT);
	CHECK((field->value == SCHEMA_REF) == (field->ref != NULL));
	CHECK((field->proto & 0xffff) || strcmp(field->name, "kind") == 0 ||
	      strcmp(field->name, "apiVersion") == 0);
	if (field->default_json) {
		CHECK(!strchr(field->default_json, '\\')); /* put_default() does not unescape */
		CHECK(json_parse(field->default_json, strlen(field->default_json), &value, NULL) ==
		      0);
		json_unref(value);
	}
	if (field->merge_key)
		CHECK(field->flags & SCHEMA_PATCH_MERGE && field->ref &&
		      schema_field_find(field->ref, field->merge_key));
	for (const char *key = field->list_keys; key; key = strchr(key, ',')) {
		char name[64];

		key += *key == ',';
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(key, ","), key);
		CHECK(field->ref && schema_field_find(field->ref, name));
	}
	for (size_t i = 0; field->enum_values && field->enum_values[i + 1]; i++)
		CHECK(strcmp(field->enum_values[i], field->enum_values[i + 1]) < 0);
	(void)type;
}

TEST(schema_rows_are_sound)
{
	static struct walk walk;

	walk_all(&walk);
	CHECK(walk.n > 150);
	for (size_t t = 0; t < walk.n; t++) {
		const struct schema_type *type = walk.seen[t];

		CHECK(type->n_fields > 0 || strcmp(type->name, "") != 0);
		CHECK(strchr(type->name, '.'));
		CHECK(type->n_fields <= SCHEMA_FIELDS_MAX);
		for (size_t i = 0; i < type->n_fields; i++) {
			check_field(type, &type->fields[i]);
			for (size_t k = 0; k < i; k++) {
				CHECK(strcmp(type->fields[i].name, type->fields[k].name) != 0);
				CHECK(!type->fields[i].proto ||
				      type->fields[i].proto != type->fields[k].proto);
			}
		}
		for (size_t k = 0; k < t; k++)
			CHECK(strcmp(type->name, walk.seen[k]->name) != 0);
	}
}

TEST(schema_types_are_all_reached)
{
	static struct walk walk;
	char line[256];
	FILE *file = fopen("orchestrator/schema/schema_types.h", "re");
	size_t declared = 0;

	if (!file)
		SKIP("not run from the top of the tree");
	while (fgets(line, sizeof(line), file))
		declared += strncmp(line, "extern ", 7) == 0;
	(void)fclose(file);
	walk_all(&walk);
	walk_type(&walk, schema_type_of_kind("authentication.k8s.io", "v1", "TokenRequest"));
	CHECK_INT(declared, walk.n);
}

TEST(schema_kinds_are_found_by_resource_and_by_kind)
{
	char text[64];

	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];
		bool stored = kind->verbs & VERB_GET;

		CHECK(schema_kind_of_resource(kind->group, kind->version, kind->resource) == kind);
		CHECK(schema_kind_of_kind(kind->group, kind->version, kind->kind) == kind);
		CHECK(schema_type_of_kind(kind->group, kind->version, kind->kind) == kind->type);
		CHECK(schema_field_find(kind->type, "metadata"));
		CHECK(!stored || (kind->list_kind && kind->storage_hash));
		CHECK(!kind->has_status || schema_field_find(kind->type, "status"));
		for (size_t k = 1; k < kind->n_subresources; k++)
			CHECK(strcmp(kind->subresources[k - 1].name, kind->subresources[k].name) <
			      0);
	}
	CHECK_STR(schema_api_version(schema_kind_of_resource("", "v1", "pods"), text, sizeof(text)),
		  "v1");
	CHECK_STR(schema_api_version(schema_kind_of_kind("coordination.k8s.io", "v1", "Lease"),
				     text, sizeof(text)),
		  "coordination.k8s.io/v1");
	CHECK(!schema_kind_of_resource("", "v1", "widgets"));
}

TEST(schema_field_next_follows_the_rows_and_wraps)
{
	size_t hint = 0;

	for (size_t i = 0; i < core_v1_container.n_fields; i++)
		CHECK(schema_field_next(&core_v1_container, core_v1_container.fields[i].name,
					&hint) == &core_v1_container.fields[i]);
	CHECK(schema_field_next(&core_v1_container, "name", &hint) == &core_v1_container.fields[0]);
	CHECK(!schema_field_next(&core_v1_container, "bogus", &hint));
}
