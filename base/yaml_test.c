/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

/* All documents of @text as compact JSON. */
static const char *json_of(const char *text)
{
	static struct buf out;
	struct yaml_problem problem;
	auto_json struct json_object *documents = NULL;

	buf_clear(&out);
	if (yaml_parse(text, strlen(text), &documents, &problem) < 0)
		(void)buf_printf(&out, "%u:%u %s", problem.line, problem.column, problem.text);
	else
		(void)json_write(&out, documents);
	return buf_str(&out);
}

TEST(yaml_reads_plain_scalars_as_go_does)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "a: yes", "[{\"a\":true}]" },
		{ "a: off", "[{\"a\":false}]" },
		{ "a: 'yes'", "[{\"a\":\"yes\"}]" },
		{ "a: !!str 12", "[{\"a\":\"12\"}]" },
		{ "a: 0644", "[{\"a\":420}]" },
		{ "a: 0x1f", "[{\"a\":31}]" },
		{ "a: 1_000", "[{\"a\":1000}]" },
		{ "a: 09", "[{\"a\":9}]" },
		{ "a: 1.50", "[{\"a\":1.5}]" },
		{ "a: 1e3", "[{\"a\":1000}]" },
		{ "a: 2001-01-02", "[{\"a\":\"2001-01-02\"}]" },
		{ "a: 1.2.3", "[{\"a\":\"1.2.3\"}]" },
		{ "a: ~", "[{\"a\":null}]" },
		{ "a:", "[{\"a\":null}]" },
		{ "1: x\ny: z", "[{\"1\":\"x\",\"true\":\"z\"}]" },
		{ "a: 12345678901234567890123", "[{\"a\":1.2345678901234568e+22}]" },
		{ "{\"a\": [1, \"b\"]}", "[{\"a\":[1,\"b\"]}]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_STR(json_of(cases[i].yaml), cases[i].json);
}

TEST(yaml_reads_documents_anchors_and_merges)
{
	CHECK_STR(json_of("---\na: 1\n---\n---\nb: 2\n"), "[{\"a\":1},{\"b\":2}]");
	CHECK_STR(json_of("x: &x {k: 1, l: 2}\nz:\n  <<: *x\n  l: 3\n"),
		  "[{\"x\":{\"k\":1,\"l\":2},\"z\":{\"l\":3,\"k\":1}}]");
	CHECK_STR(json_of("a: 1\na: 2\n"), "[{\"a\":2}]");
	CHECK_STR(json_of("# nothing\n"), "[]");
}

TEST(yaml_errors_say_where)
{
	CHECK_STR(json_of("a: b: c\n"), "1:5 mapping values are not allowed in this context");
	CHECK_STR(json_of("a: *none\n"), "1:4 unknown anchor referenced");
	CHECK_STR(json_of("? [a]\n: b\n"), "1:3 a key that is not a scalar");
	CHECK_STR(json_of("a: .nan\n"), "1:4 JSON has no such number");
}

TEST(yaml_aliases_cannot_explode)
{
	const char *bomb =
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		"g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
	auto_json struct json_object *documents = NULL;
	struct yaml_problem problem;

	CHECK_INT(yaml_parse(bomb, strlen(bomb), &documents, &problem), -E2BIG);
	CHECK_STR(problem.text, "too many nodes");
}

TEST(yaml_depth_is_bounded)
{
	auto_json struct json_object *documents = NULL;
	auto_buf struct buf text = { 0 };

	for (int i = 0; i < 1000; i++)
		(void)buf_puts(&text, "[");
	CHECK(yaml_parse(text.data, text.len, &documents, NULL) < 0);
}

/* Expected texts are what kubectl 1.37 prints for the same values. */
TEST(yaml_writes_what_kubectl_prints)
{
	const char *json =
		"{\"b\":{\"list\":[{\"name\":\"x\",\"n\":1},\"two\"],\"empty\":{},\"none\":[]},"
		"\"a\":\"yes\",\"num\":\"12\",\"date\":\"2026-11-24T10:05:16Z\",\"multi\":"
		"\"l1\\nl2\\n\","
		"\"time\":\"1:30\",\"star\":\"*x\",\"nul\":null,\"f\":0.5,\"colon\":\"a: "
		"b\",\"t\":true,"
		"\"k10\":1,\"k9\":1,\"quote\":\"it's\",\"hash\":\"a #b\",\"sp\":\" "
		"lead\",\"e\":\"\"}";
	const char *want = "a: \"yes\"\n"
			   "b:\n"
			   "  empty: {}\n"
			   "  list:\n"
			   "  - \"n\": 1\n"
			   "    name: x\n"
			   "  - two\n"
			   "  none: []\n"
			   "colon: 'a: b'\n"
			   "date: \"2026-11-24T10:05:16Z\"\n"
			   "e: \"\"\n"
			   "f: 0.5\n"
			   "hash: 'a #b'\n"
			   "k9: 1\n"
			   "k10: 1\n"
			   "multi: |\n"
			   "  l1\n"
			   "  l2\n"
			   "nul: null\n"
			   "num: \"12\"\n"
			   "quote: it's\n"
			   "sp: ' lead'\n"
			   "star: '*x'\n"
			   "t: true\n"
			   "time: \"1:30\"\n";
	auto_json struct json_object *value = NULL;
	auto_buf struct buf out = { 0 };

	CHECK(json_parse(json, strlen(json), &value, NULL) == 0);
	CHECK(yaml_write(&out, value) == 0);
	CHECK_STR(buf_str(&out), want);
}
