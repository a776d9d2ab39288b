/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static struct json_object *parse(const char *text)
{
	struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return json;
}

TEST(json_keeps_order_and_numbers)
{
	static const char *const texts[] = {
		"{\"b\":1,\"a\":[true,null,\"x\"],\"c\":{}}",
		"[1.50,-3,9007199254740993,1e30]",
		"\"\\u00e9\\n\\\"\"",
		"3",
		"null",
	};
	static const char *const outs[] = {
		"{\"b\":1,\"a\":[true,null,\"x\"],\"c\":{}}",
		"[1.50,-3,9007199254740993,1e30]",
		"\"é\\n\\\"\"",
		"3",
		"null",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_json struct json_object *json = parse(texts[i]);
		auto_buf struct buf out = { 0 };

		CHECK(json_write(&out, json) == 0);
		CHECK_STR(buf_str(&out), outs[i]);
	}
}

TEST(json_refuses_what_is_not_one_value)
{
	static const char *const bad[] = { "",		"{",	    "{\"a\":1", "[1,]",
					   "{\"a\" 1}", "1 2",	    "{} x",	"{'a':1}",
					   "nul",	"\"\xff\"", "01",	"\"a\nb\"" };
	struct json_object *json = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		if (json_parse(bad[i], strlen(bad[i]), &json, &err) >= 0)
			fail_msg("accepted: %s", bad[i]);
		CHECK(err.code == -EINVAL && err.text[0]);
	}
	CHECK(json_parse("1\0", 2, &json, NULL) == -EINVAL);
}

TEST(json_depth_is_bounded)
{
	auto_buf struct buf text = { 0 };
	struct json_object *json = NULL;

	for (int i = 0; i < 5000; i++)
		(void)buf_putc(&text, '[');
	CHECK(json_parse(text.data, text.len, &json, NULL) < 0);
}

TEST(json_styles)
{
	auto_json struct json_object *json =
		parse("{\"b\":[1,{\"x\":\"<&>\xe2\x80\xa8\"}],\"a\":{},\"c\":[]}");
	auto_buf struct buf out = { 0 };

	CHECK(json_write_style(&out, json, JSON_SORTED | JSON_HTML_SAFE | JSON_INDENT_4) == 0);
	CHECK_STR(buf_str(&out),
		  "{\n    \"a\": {},\n    \"b\": [\n        1,\n        {\n"
		  "            \"x\": \"\\u003c\\u0026\\u003e\\u2028\"\n        }\n    ],\n"
		  "    \"c\": []\n}");
}

TEST(json_paths_and_types)
{
	auto_json struct json_object *json =
		parse("{\"spec\":{\"n\":3,\"s\":\"x\",\"b\":true,\"l\":[1,2]}}");

	CHECK(json_int_at(json, "spec.n", -1) == 3);
	CHECK(strcmp(json_text_at(json, "spec.s", "-"), json_str_at(json, "spec.s")) == 0);
	CHECK(strcmp(json_text_at(json, "spec.n", "-"), "-") == 0);
	CHECK(strcmp(json_text_at(NULL, "spec.s", "-"), "-") == 0);
	CHECK(json_int_at(json, "spec.s", -1) == -1);
	CHECK_STR(json_str_at(json, "spec.s"), "x");
	CHECK(!json_str_at(json, "spec.none.deeper"));
	CHECK(json_bool_at(json, "spec.b", false));
	CHECK(json_len(json_at(json, "spec.l")) == 2);
	CHECK(json_put_at(json, "status.a.b", json_new_int(7)) == 0);
	CHECK(json_int_at(json, "status.a.b", 0) == 7);
}

TEST(json_equal_ignores_the_order_of_keys)
{
	auto_json struct json_object *a = parse("{\"x\":1,\"y\":[{\"a\":null}]}");
	auto_json struct json_object *b = parse("{\"y\":[{\"a\":null}],\"x\":1}");
	auto_json struct json_object *c = parse("{\"y\":[{}],\"x\":1}");

	CHECK(json_equal(a, b));
	CHECK(!json_equal(a, c));
}

TEST(json_double_is_written_as_go_does)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = { { 0.5, "0.5" },
		      { 3, "3" },
		      { 1e20, "100000000000000000000" },
		      { 1e21, "1e+21" },
		      { 0.000001, "0.000001" },
		      { 1e-7, "1e-07" },
		      { 123456789.25, "123456789.25" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json struct json_object *json = json_new_double(cases[i].value);
		auto_buf struct buf out = { 0 };

		CHECK(json_write(&out, json) == 0);
		CHECK_STR(buf_str(&out), cases[i].text);
	}
}
