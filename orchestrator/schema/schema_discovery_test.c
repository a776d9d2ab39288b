/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/schema.h"
#include "tests/unit/test.h"

static struct json_object *parsed(const struct buf *buf)
{
	struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(buf->data, buf->len, &json, &err) < 0)
		fail_msg("%s", err.text);
	return json;
}

TEST(aggregated_discovery_lists_every_resource_once)
{
	static const char *const paths[] = { "/api", "/apis" };
	size_t found = 0;

	for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
		auto_buf struct buf buf = BUF_INIT(0);
		auto_json struct json_object *json = NULL;

		CHECK(schema_discovery_aggregated(paths[p], &buf) == 0);
		json = parsed(&buf);
		CHECK_STR(json_str_at(json, "apiVersion"), "apidiscovery.k8s.io/v2");
		for (size_t g = 0; g < json_len(json_get(json, "items")); g++) {
			struct json_object *versions =
				json_get(json_idx(json_get(json, "items"), g), "versions");

			for (size_t v = 0; v < json_len(versions); v++)
				found += json_len(json_get(json_idx(versions, v), "resources"));
		}
	}
	CHECK_INT(found, schema_n_kinds);
}

TEST(aggregated_discovery_words_a_resource_as_kubernetes_does)
{
	auto_buf struct buf buf = BUF_INIT(0);
	auto_buf struct buf missing = BUF_INIT(0);

	CHECK(schema_discovery_aggregated("/api", &buf) == 0);
	CHECK(strstr(
		buf_str(&buf),
		"{\"resource\":\"namespaces\",\"responseKind\":{\"group\":\"\",\"version\":\"\","
		"\"kind\":\"Namespace\"},\"scope\":\"Cluster\",\"singularResource\":"
		"\"namespace\",\"verbs\":[\"create\",\"delete\",\"get\",\"list\",\"patch\","
		"\"update\",\"watch\"],\"shortNames\":[\"ns\"],\"subresources\":[{"
		"\"subresource\":\"finalize\",\"responseKind\":{\"group\":\"\",\"version\":\"\","
		"\"kind\":\"Namespace\"},\"verbs\":[\"update\"]},{\"subresource\":\"status\","
		"\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"Namespace\"},"
		"\"verbs\":[\"get\",\"patch\",\"update\"]}]}"));
	CHECK(schema_discovery_aggregated("/apis/apps", &missing) == -ENOENT);
}

TEST(older_discovery_documents_agree_with_the_table)
{
	static const struct {
		const char *path;
		int result;
		const char *kind;
	} rows[] = {
		{ "/api", 0, "APIVersions" },
		{ "/api/v1", 0, "APIResourceList" },
		{ "/apis", 0, "APIGroupList" },
		{ "/apis/coordination.k8s.io", 0, "APIGroup" },
		{ "/apis/coordination.k8s.io/v1", 0, "APIResourceList" },
		{ "/apis/coordination.k8s.io/v2", -ENOENT, NULL },
		{ "/apis/bogus", -ENOENT, NULL },
		{ "/apis/", -ENOENT, NULL },
		{ "/api/v2", -ENOENT, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf buf = BUF_INIT(0);
		auto_json struct json_object *json = NULL;

		CHECK_INT(schema_discovery_legacy(rows[i].path, "10.0.0.1:6443", &buf),
			  rows[i].result);
		if (rows[i].result < 0)
			continue;
		json = parsed(&buf);
		CHECK_STR(json_str_at(json, "kind"), rows[i].kind);
	}
}

TEST(groups_and_kinds_agree)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		bool found = false;

		for (size_t g = 0; g < schema_n_groups; g++)
			found |= strcmp(schema_groups[g].name, schema_kinds[i]->group) == 0;
		CHECK(found);
	}
}

TEST(problems_are_worded_as_status_does)
{
	const struct schema_kind *lease =
		schema_kind_of_resource("coordination.k8s.io", "v1", "leases");
	auto_schema_problems struct schema_problems *problems = schema_problems_new();
	auto_buf struct buf one = BUF_INIT(0);
	auto_buf struct buf many = BUF_INIT(0);
	auto_json struct json_object *causes = NULL;

	schema_problem(problems, CAUSE_REQUIRED, "spec.a", NULL, "%s", "");
	CHECK(schema_problems_message(problems, lease, "x", &one) == 0);
	CHECK_STR(buf_str(&one),
		  "Lease.coordination.k8s.io \"x\" is invalid: spec.a: Required value");
	schema_problem(problems, CAUSE_INVALID, "spec.b", "\"v\"", "must be %d", 5);
	schema_problem(problems, CAUSE_INVALID, "spec.b", "\"v\"", "must be %d", 5);
	CHECK(schema_problems_message(problems, lease, "x", &many) == 0);
	CHECK_STR(buf_str(&many), "Lease.coordination.k8s.io \"x\" is invalid: [spec.a: Required "
				  "value, spec.b: Invalid value: \"v\": must be 5]");
	causes = schema_problems_causes(problems);
	CHECK_INT(json_len(causes), 3);
	CHECK_STR(json_str_at(json_idx(causes, 1), "reason"), "FieldValueInvalid");
	CHECK_STR(json_str_at(json_idx(causes, 1), "message"), "Invalid value: \"v\": must be 5");
}
