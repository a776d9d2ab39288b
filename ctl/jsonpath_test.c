/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/jsonpath.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static const char data_text[] =
	"{\"kind\":\"List\",\"n\":3,\"f\":2.5,\"yes\":true,\"none\":null,\"a.b\":\"dotted\","
	"\"items\":[{\"name\":\"a\",\"size\":1,\"tags\":[\"x\",\"y\"],\"m\":{\"k\":\"1\"}},"
	"{\"name\":\"b\",\"size\":2,\"tags\":[]},{\"name\":\"c\",\"size\":3}]}";

static struct json_object *data(void)
{
	struct json_object *json;

	CHECK(json_parse(data_text, strlen(data_text), &json, NULL) == 0);
	return json;
}

/* What kubectl 1.37 prints for the same templates. */
static const struct {
	const char *template, *output;
} found[] = {
	{ "plain", "plain" },
	{ "{.kind}", "List" },
	{ "{ .kind }", "List" },
	{ "{@.kind}{$.kind}", "ListList" },
	{ "{.kind} is {.n}", "List is 3" },
	{ "{.f} {.yes} {.none}", "2.5 true <nil>" },
	{ "{.missing}", "" },
	{ "{.}", "" },
	{ "{@.m}", "" },
	{ "{.items[0].name}", "a" },
	{ "{.items[]['name']}", "a" },
	{ "{.items[-1].name}", "c" },
	{ "{.items[*].name}", "a b c" },
	{ "{.items[0:2].name}", "a b" },
	{ "{.items[:2].name}", "a b" },
	{ "{.items[1:].name}", "b c" },
	{ "{.items[-2:].name}", "b c" },
	{ "{.items[0:3:2].name}", "a c" },
	{ "{.items[::2].name}", "a c" },
	{ "{.items[1:1].name}", "" },
	{ "{.items[0,2].name}", "a c" },
	{ "{.items[0]['name','size']}", "a 1" },
	{ "{.items[0].m}", "{\"k\":\"1\"}" },
	{ "{.items[0].tags}", "[\"x\",\"y\"]" },
	{ "{.items[0].tags[*]}", "x y" },
	{ "{.items[0].m.*}", "1" },
	{ "{..name}", "a b c" },
	{ "{.items..name}", "a b c" },
	{ "{..k}", "1" },
	{ "{.items[?(@.name==\"b\")].size}", "2" },
	{ "{.items[?(@.name=='b')].size}", "2" },
	{ "{.items[?(@.size>1)].name}", "b c" },
	{ "{.items[?(@.size>=2)].name}", "b c" },
	{ "{.items[?(@.size<2)].name}", "a" },
	{ "{.items[?(@.size<=2)].name}", "a b" },
	{ "{.items[?(@.size!=2)].name}", "a c" },
	{ "{.items[?(@.m)].name}", "a" },
	{ "{.items[?(@.m.k==\"1\")].name}", "a" },
	{ "{.a\\.b}", "dotted" },
	{ "{['a\\.b']}", "dotted" },
	{ "{\"a\\n\"}{'b'}{\"\\u00e9\"}", "a\nb\xc3\xa9" },
	{ "{\"}\"}", "}" },
	{ "{1}{2.5}{true}{-1}", "12.5true-1" },
	{ "{range .items[*]}{.name}={.size},{end}", "a=1,b=2,c=3," },
	{ "{range .items[*]}[{range .tags[*]}{@}{end}]{end}", "[xy][][]" },
	{ "{range .missing[*]}x{end}y", "y" },
	{ "{range .items[*]}{.name}{end}{.kind}", "abcList" },
};

TEST(jsonpath_finds_what_kubectl_finds)
{
	auto_json struct json_object *json = data();

	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		auto_jsonpath struct jsonpath *path = NULL;
		auto_buf struct buf out = { 0 };

		CHECK(jsonpath_parse(found[i].template, &path, NULL) == 0);
		CHECK(jsonpath_print(path, json, true, false, &out, NULL) == 0);
		CHECK_STR(buf_str(&out), found[i].output);
	}
}

static const struct {
	const char *template, *problem;
} broken[] = {
	{ "{.a", "unclosed action" },
	{ "{.a\n}", "unclosed action" },
	{ "{.a[}", "unterminated array" },
	{ "{.a[x]}", "invalid array index x" },
	{ "{.a[1:2:3:4]}", "invalid array index 1:2:3:4" },
	{ "{.a[-]}", "invalid array index -" },
	{ "{.a[99999999999]}", "array index 99999999999 is not a number" },
	{ "{.a[?(@.x}", "unterminated filter" },
	{ "{.a[?(@.x)}", "unclosed array expect ]" },
	{ "{\"a", "unterminated quoted string" },
	{ "{\"\\q\"}", "unquote string \"\\q\" error invalid syntax" },
	{ "{....a}", "invalid multiple recursive descent" },
	{ "{%}", "unrecognized character in action: U+0025 '%'" },
	{ "{.a[?(@.b=~\"x\")]}", "unrecognized character in action: U+007E '~'" },
	{ "{1.2.3}", "cannot parse number 1.2.3" },
};

TEST(jsonpath_refuses_what_kubectl_refuses)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		auto_jsonpath struct jsonpath *path = NULL;
		struct err err = { 0 };

		CHECK(jsonpath_parse(broken[i].template, &path, &err) < 0 && !path);
		CHECK_STR(err.text, broken[i].problem);
	}
}

static const struct {
	const char *template, *problem;
} failing[] = {
	{ "{.items[9]}", "array index out of bounds: index 9, length 3" },
	{ "{.items[0:9]}", "array index out of bounds: index 8, length 3" },
	{ "{.items[2:1]}", "starting index 2 is greater than ending index 1" },
	{ "{.items[0:2:0]}", "step must be > 0" },
	{ "{.kind[0]}", "string is not array or slice" },
	{ "{.n[0]}", "int64 is not array or slice" },
	{ "{.items[0].m[0]}", "map[string]interface {} is not array or slice" },
	{ "{.kind[?(@.x)]}", "List is not array or slice and cannot be filtered" },
	{ "{.items[?(@.name==1)]}", "incompatible types for comparison" },
	{ "{.items[?(@.name=\"x\")]}", "unrecognized filter operator =" },
	{ "{.items[?(@.tags[*]==\"x\")]}", "can only compare one element at a time" },
	{ "{end}", "not in range, nothing to end" },
	{ "{foo}", "unrecognized identifier foo" },
};

TEST(jsonpath_fails_where_kubectl_fails)
{
	auto_json struct json_object *json = data();

	for (size_t i = 0; i < ARRAY_LEN(failing); i++) {
		auto_jsonpath struct jsonpath *path = NULL;
		auto_buf struct buf out = { 0 };
		struct err err = { 0 };

		CHECK(jsonpath_parse(failing[i].template, &path, NULL) == 0);
		CHECK(jsonpath_print(path, json, true, false, &out, &err) < 0);
		CHECK_STR(err.text, failing[i].problem);
	}
}

TEST(jsonpath_can_insist_on_fields)
{
	auto_json struct json_object *json = data();
	auto_jsonpath struct jsonpath *path = NULL;
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };

	CHECK(jsonpath_parse("{.missing}", &path, NULL) == 0);
	CHECK(jsonpath_print(path, json, false, false, &out, &err) == -ENOENT);
	CHECK_STR(err.text, "missing is not found");
}

TEST(jsonpath_as_json_is_a_list)
{
	auto_json struct json_object *json = data();
	auto_jsonpath struct jsonpath *path = NULL;
	auto_buf struct buf out = { 0 };

	CHECK(jsonpath_parse("{.items[0,1].name}", &path, NULL) == 0);
	CHECK(jsonpath_print(path, json, true, true, &out, NULL) == 0);
	CHECK_STR(buf_str(&out), "[\n    \"a\",\n    \"b\"\n]\n");
}

TEST(jsonpath_relaxed)
{
	static const char *const same[] = { ".a.b", "a.b", "{.a.b}", "{a.b}" };
	static const char *const bad[] = { "", ".", "{}", "{.a", "a}", "{{a}}", "a{b}" };

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		auto_buf struct buf out = { 0 };

		CHECK(jsonpath_relax(same[i], &out, NULL) == 0);
		CHECK_STR(buf_str(&out), "{.a.b}");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf struct buf out = { 0 };

		CHECK(jsonpath_relax(bad[i], &out, NULL) == -EINVAL);
	}
}

TEST(jsonpath_sprint_is_gos)
{
	auto_json struct json_object *json = NULL;
	auto_buf struct buf out = { 0 };
	static const char text[] = "{\"b\":[1,null,\"x y\"],\"a\":{\"c\":true}}";

	CHECK(json_parse(text, strlen(text), &json, NULL) == 0);
	jsonpath_sprint(json, &out);
	CHECK_STR(buf_str(&out), "map[a:map[c:true] b:[1 <nil> x y]]");
}

TEST(jsonpath_is_bounded)
{
	auto_buf struct buf deep = { 0 }, ranges = { 0 };
	auto_json struct json_object *json = data();
	auto_jsonpath struct jsonpath *path = NULL;
	auto_buf struct buf out = { 0 };

	(void)buf_puts(&deep, "{.a");
	for (unsigned i = 0; i < JSONPATH_DEPTH_MAX + 2; i++)
		(void)buf_puts(&deep, "[?(@.a");
	for (unsigned i = 0; i < JSONPATH_DEPTH_MAX + 2; i++)
		(void)buf_puts(&deep, ")]");
	(void)buf_putc(&deep, '}');
	CHECK(jsonpath_parse(buf_str(&deep), &path, NULL) < 0 && !path);
	for (unsigned i = 0; i < JSONPATH_DEPTH_MAX + 2; i++)
		(void)buf_puts(&ranges, "{range @}");
	CHECK(jsonpath_parse(buf_str(&ranges), &path, NULL) == 0);
	CHECK(jsonpath_print(path, json, true, false, &out, NULL) == -E2BIG);
}

TEST(jsonpath_survives_failing_memory)
{
	for (unsigned nth = 1;; nth++) {
		auto_jsonpath struct jsonpath *path = NULL;
		int r;

		fault_arm(nth);
		r = jsonpath_parse("{.a[?(@.b==\"c\")]['d',\"e\"][1:2]}{range ..x}y{end}", &path,
				   NULL);
		if (!fault_disarm()) {
			CHECK(r < 0 || path);
			return;
		}
		CHECK(r < 0 && !path);
	}
}
