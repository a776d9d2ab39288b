/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orchestrator/schema/spec_diff.h"
#include "orchestrator/schema/schema_types.h"
#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

static void check_diff(const char *old_text, const char *new_text, const char *want)
{
	auto_json struct json_object *old = json_of(old_text);
	auto_json struct json_object *new_spec = json_of(new_text);
	auto_buf struct buf diff = BUF_INIT(0);

	CHECK(spec_diff(&core_v1_pod_spec, old, new_spec, &diff) == 0);
	CHECK_STR(buf_str(&diff), want);
}

/* The first two as a kube-apiserver 1.37 shows them. */
TEST(spec_diff_is_the_one_kubernetes_shows)
{
	check_diff("{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}",
		   "{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"command\":[\"x\"]}]}",
		   "@@ -5,7 +5,9 @@\n   {\n    \"Name\": \"c\",\n    \"Image\": \"i\",\n"
		   "-   \"Command\": null,\n+   \"Command\": [\n+    \"x\"\n+   ],\n"
		   "    \"Args\": null,\n    \"WorkingDir\": \"\",\n    \"Ports\": null,\n");
	check_diff("{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}",
		   "{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{"
		   "\"cpu\":\"1\"},\"requests\":{\"cpu\":\"1\"}}}]}",
		   "@@ -12,8 +12,12 @@\n    \"EnvFrom\": null,\n    \"Env\": null,\n"
		   "    \"Resources\": {\n-    \"Limits\": null,\n-    \"Requests\": null,\n"
		   "+    \"Limits\": {\n+     \"cpu\": \"1\"\n+    },\n+    \"Requests\": {\n"
		   "+     \"cpu\": \"1\"\n+    },\n     \"Claims\": null\n    },\n"
		   "    \"ResizePolicy\": null,\n");
	check_diff("{\"nodeName\":\"a\"}", "{\"nodeName\":\"a\"}", "");
}

TEST(spec_diff_splits_what_lies_far_apart)
{
	auto_json struct json_object *old = json_of("{\"nodeName\":\"a\"}");
	auto_json struct json_object *new_spec =
		json_of("{\"nodeName\":\"b\",\"restartPolicy\":\"Never\"}");
	auto_buf struct buf diff = BUF_INIT(0);
	const char *at;
	size_t hunks = 0;

	CHECK(spec_diff(&core_v1_pod_spec, old, new_spec, &diff) == 0);
	for (at = buf_str(&diff); (at = strstr(at, "@@ -")); at++)
		hunks++;
	CHECK_INT(hunks, 2);
}
