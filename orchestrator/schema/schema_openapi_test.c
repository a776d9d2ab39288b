/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "orchestrator/schema/openapi.h"
#include "tests/unit/test.h"

static struct json_object *parsed(const struct buf *buf)
{
	struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(buf->data, buf->len, &json, &err) < 0)
		fail_msg("%s", err.text);
	return json;
}

/* Every $ref below @value names one of @schemas. */
static void check_refs(const struct json_object *value, const struct json_object *schemas,
		       const char *prefix)
{
	const char *ref = json_str(json_get(value, "$ref"));
	struct json_iter it;

	if (ref) {
		CHECK(strncmp(ref, prefix, strlen(prefix)) == 0);
		if (!json_has(schemas, ref + strlen(prefix)))
			print_message("%s\n", ref);
		CHECK(json_has(schemas, ref + strlen(prefix)));
	}
	json_for_each (it, value)
		check_refs(it.value, schemas, prefix);
	for (size_t i = 0; json_kind(value) == JSON_ARRAY && i < json_len(value); i++)
		check_refs(json_idx(value, i), schemas, prefix);
}

/* As kubectl's verifier does: the PATCH of the kind, and whether it takes fieldValidation. */
static bool takes_field_validation(const struct json_object *paths, const struct schema_kind *kind)
{
	struct json_iter it;

	json_for_each (it, paths) {
		const struct json_object *patch = json_get(it.value, "patch");
		const struct json_object *gvk = json_get(patch, "x-kubernetes-group-version-kind");
		const struct json_object *parameters = json_get(patch, "parameters");

		if (!gvk || strcmp(json_str_at(gvk, "kind"), kind->kind) != 0 ||
		    strcmp(json_str_at(gvk, "group"), kind->group) != 0)
			continue;
		for (size_t i = 0; i < json_len(parameters); i++)
			if (strcmp(json_str_at(json_idx(parameters, i), "name"),
				   "fieldValidation") == 0)
				return true;
	}
	return false;
}

TEST(openapi_v3_describes_every_kind)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];
		auto_buf struct buf buf = BUF_INIT(0);
		auto_json struct json_object *json = NULL;
		char name[160];

		(void)snprintf(name, sizeof(name), "%s%s/%s", *kind->group ? "apis/" : "api",
			       kind->group, kind->version);
		CHECK(schema_openapi_v3(name, &buf) == 0);
		json = parsed(&buf);
		check_refs(json, json_at(json, "components.schemas"), "#/components/schemas/");
		if (kind->verbs & VERB_PATCH)
			CHECK(takes_field_validation(json_get(json, "paths"), kind));
	}
}

TEST(openapi_v3_refuses_what_is_not_served)
{
	static const char *const bad[] = { "",	      "api",	      "api/v2",
					   "apis/v1", "apis/apps/v1", "apis/coordination.k8s.io/",
					   "api/v1/" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf struct buf buf = BUF_INIT(0);

		CHECK(schema_openapi_v3(bad[i], &buf) == -ENOENT);
	}
}

TEST(openapi_index_names_every_document_by_its_bytes)
{
	auto_buf struct buf buf = BUF_INIT(0);
	auto_json struct json_object *json = NULL;
	struct json_iter it;
	size_t n = 0;

	CHECK(schema_openapi_v3_index(&buf) == 0);
	json = parsed(&buf);
	json_for_each (it, json_get(json, "paths")) {
		auto_buf struct buf doc = BUF_INIT(0);
		char hash[SCHEMA_HASH_MAX], url[256];

		CHECK(schema_openapi_v3(it.key, &doc) == 0);
		(void)snprintf(url, sizeof(url), "/openapi/v3/%s?hash=%s", it.key,
			       schema_hash(doc.data, doc.len, hash));
		CHECK_STR(json_str_at(it.value, "serverRelativeURL"), url);
		n++;
	}
	CHECK_INT(n, schema_n_groups);
}

TEST(openapi_v2_is_whole)
{
	auto_buf struct buf buf = BUF_INIT(0);
	auto_json struct json_object *json = NULL;

	CHECK(schema_openapi_v2(&buf) == 0);
	json = parsed(&buf);
	check_refs(json, json_get(json, "definitions"), "#/definitions/");
	CHECK(json_has(json_get(json, "definitions"), "io.k8s.api.core.v1.PodList"));
}

struct id {
	struct map_node node;
	char text[128];
};

TEST(openapi_operation_ids_are_unique)
{
	static struct id ids[512];
	auto_buf struct buf buf = BUF_INIT(0);
	auto_json struct json_object *json = NULL;
	struct map seen = { 0 };
	struct json_iter path, method;
	size_t n = 0;

	CHECK(schema_openapi_v2(&buf) == 0);
	json = parsed(&buf);
	json_for_each (path, json_get(json, "paths"))
		json_for_each (method, path.value) {
			const char *id = json_str_at(method.value, "operationId");

			if (!id)
				continue;
			CHECK(n < ARRAY_LEN(ids));
			(void)snprintf(ids[n].text, sizeof(ids[n].text), "%s", id);
			if (map_find(&seen, id))
				print_message("%s\n", id);
			CHECK(!map_insert(&seen, &ids[n].node, ids[n].text));
			n++;
		}
	CHECK(n > 100);
}
