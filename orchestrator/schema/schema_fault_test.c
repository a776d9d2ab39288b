/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out at every call in turn: a sentence or an error, never half a result taken for a
 * whole one. */
#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"
#include "orchestrator/schema/schema_types.h"

static const char pod[] =
	"{'metadata':{'name':'a','namespace':'n','labels':{'b':'1','a':'2'}},'spec':{'containers':["
	"{"
	"'name':'c','image':'i','ports':[{'containerPort':80,'name':'x','hostPort':80},{"
	"'containerPort':81,'name':'x','hostPort':80}],'env':[{'name':'A','value':'1'},{'name':'A',"
	"'value':'2'}]},{'name':'c','image':'i'}],'volumes':[{'name':'v','emptyDir':{}},{'name':'w'"
	","
	"'secret':{'secretName':'s'}}]}}";
static const char changed[] =
	"{'metadata':{'name':'a','namespace':'n','finalizers':['x/y']},'spec':{'containers':[{"
	"'name':'d','image':'j'},{'name':'c','image':'k','env':[{'name':'B'}]}],'volumes':[{'name':"
	"'v','configMap':{'name':'m'}}]}}";

static const struct schema_kind *pods(void)
{
	return schema_kind_of_resource("", "v1", "pods");
}

static struct json_object *pod_of(const char *quoted)
{
	struct json_object *json = json_of(quoted);

	CHECK(schema_decode(&core_v1_pod, json, NULL, NULL) == 0);
	schema_default(pods(), json);
	return json;
}

TEST(validation_without_memory_is_a_problem)
{
	auto_json struct json_object *object = pod_of(pod);
	auto_json struct json_object *old = pod_of(changed);
	auto_schema_problems struct schema_problems *whole = schema_problems_new();
	size_t all;

	schema_validate(pods(), object, old, whole);
	all = schema_problems_count(whole);
	CHECK(all > 3);
	for (unsigned nth = 1;; nth++) {
		auto_schema_problems struct schema_problems *problems = schema_problems_new();
		auto_buf struct buf message = BUF_INIT(0);
		bool failed;

		fault_arm(nth);
		schema_validate(pods(), object, old, problems);
		failed = fault_disarm();
		CHECK(schema_problems_count(problems) > 0);
		CHECK(schema_problems_message(problems, pods(), "a", &message) == 0);
		if (failed)
			continue;
		CHECK_INT(schema_problems_count(problems), all);
		return;
	}
}

TEST(bytes_without_memory_are_an_error)
{
	auto_json struct json_object *object = pod_of(pod);

	for (unsigned nth = 1;; nth++) {
		auto_buf struct buf out = BUF_INIT(0);
		int r;

		fault_arm(nth);
		r = schema_write(&out, &core_v1_pod, object);
		if (!fault_disarm()) {
			CHECK(r == 0);
			return;
		}
		CHECK_INT(r, -ENOMEM);
	}
}

TEST(merges_without_memory_are_an_error)
{
	for (unsigned nth = 1;; nth++) {
		auto_json struct json_object *from = json_of(pod);
		auto_json struct json_object *to = json_of(changed);
		auto_json struct json_object *patch = NULL;
		int r, s = -1;

		fault_arm(nth);
		r = schema_strategic_diff(&core_v1_pod, from, to, from, &patch, NULL);
		if (r == 0)
			s = schema_strategic_merge(&core_v1_pod, from, patch, NULL);
		if (!fault_disarm()) {
			CHECK(r == 0 && s == 0);
			return;
		}
		CHECK(r == -ENOMEM || s == -ENOMEM);
	}
}

TEST(documents_without_memory_are_an_error)
{
	for (unsigned nth = 1;; nth++) {
		auto_buf struct buf index = BUF_INIT(0);
		auto_buf struct buf apis = BUF_INIT(0);
		int r, s;

		fault_arm(nth);
		r = schema_openapi_v3_index(&index);
		s = schema_discovery_aggregated("/apis", &apis);
		if (!fault_disarm()) {
			CHECK(r == 0 && s == 0);
			return;
		}
		CHECK(r < 0 || s < 0);
	}
}

TEST(rows_and_warnings_survive_without_memory)
{
	auto_json struct json_object *object = pod_of(pod);

	for (unsigned nth = 1;; nth++) {
		auto_json struct json_object *cells = NULL;
		auto_buf struct buf lines = BUF_INIT(0);

		fault_arm(nth);
		cells = schema_cells(pods(), object);
		(void)schema_warnings(pods(), object, &lines);
		if (!fault_disarm()) {
			CHECK(cells && lines.len);
			return;
		}
	}
}
