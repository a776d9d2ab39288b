/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/jsonpatch.h"
#include "tests/unit/test.h"

/* ' stands for " */
static struct json_object *parse(const char *text)
{
	auto_free char *copy = strdup(text);
	struct json_object *json = NULL;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(copy, strlen(copy), &json, NULL) < 0)
		fail_msg("%s", text);
	return json;
}

static const struct {
	const char *document, *patch, *want; /* NULL: refused with @code */
	int code;
} patches[] = {
	{ "{'a':1}", "[{'op':'add','path':'/b','value':2}]", "{'a':1,'b':2}", 0 },
	{ "{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2}]", "{'a':[1,2,3]}", 0 },
	{ "{'a':[1]}", "[{'op':'add','path':'/a/-','value':2}]", "{'a':[1,2]}", 0 },
	{ "{'a':[1]}", "[{'op':'add','path':'/a/1','value':2}]", "{'a':[1,2]}", 0 },
	{ "{'a':[1]}", "[{'op':'add','path':'/a/2','value':2}]", NULL, -ENOENT },
	{ "{'a':[1]}", "[{'op':'add','path':'/a/01','value':2}]", NULL, -ENOENT },
	{ "{'a':[1]}", "[{'op':'add','path':'/a/x','value':2}]", NULL, -ENOENT },
	{ "{'a':1}", "[{'op':'add','path':'/a/b','value':2}]", NULL, -ENOENT },
	{ "{'a':1}", "[{'op':'add','path':'/x/b','value':2}]", NULL, -ENOENT },
	{ "{'a':1}", "[{'op':'add','path':'','value':[]}]", "[]", 0 },
	{ "{'a':1,'b':2}", "[{'op':'remove','path':'/a'}]", "{'b':2}", 0 },
	{ "{'a':1}", "[{'op':'remove','path':'/b'}]", NULL, -ENOENT },
	{ "{'a':[1,2]}", "[{'op':'remove','path':'/a/0'}]", "{'a':[2]}", 0 },
	{ "{'a':[1,2]}", "[{'op':'remove','path':'/a/-'}]", NULL, -ENOENT },
	{ "{'a':1}", "[{'op':'replace','path':'/a','value':null}]", "{'a':null}", 0 },
	{ "{'a':1}", "[{'op':'replace','path':'/b','value':1}]", NULL, -ENOENT },
	{ "{'a':[1,2]}", "[{'op':'replace','path':'/a/1','value':3}]", "{'a':[1,3]}", 0 },
	{ "{'a':{'b':1}}", "[{'op':'move','from':'/a/b','path':'/c'}]", "{'a':{},'c':1}", 0 },
	{ "{'a':{'b':1}}", "[{'op':'move','from':'/a','path':'/a/b'}]", NULL, -ENOENT },
	{ "{'a':1}", "[{'op':'move','from':'/x','path':'/b'}]", NULL, -ENOENT },
	{ "{'a':[1,2,3]}", "[{'op':'move','from':'/a/0','path':'/a/2'}]", "{'a':[2,3,1]}", 0 },
	{ "{'a':[1]}", "[{'op':'copy','from':'/a','path':'/b'}]", "{'a':[1],'b':[1]}", 0 },
	{ "{'a':1}", "[{'op':'test','path':'/a','value':1}]", "{'a':1}", 0 },
	{ "{'a':1}", "[{'op':'test','path':'/a','value':'1'}]", NULL, -ENOENT },
	{ "{'a/b':1,'m~n':2}", "[{'op':'remove','path':'/a~1b'},{'op':'remove','path':'/m~0n'}]",
	  "{}", 0 },
	{ "{'a':1}", "[{'op':'remove','path':'/a~2'}]", NULL, -EINVAL },
	{ "{'a':1}", "[{'op':'remove','path':'a'}]", NULL, -EINVAL },
	{ "{'a':1}", "[{'op':'remove'}]", NULL, -EINVAL },
	{ "{'a':1}", "[{'op':'add','path':'/b'}]", NULL, -EINVAL },
	{ "{'a':1}", "[{'op':'move','path':'/b'}]", NULL, -EINVAL },
	{ "{'a':1}", "[{'op':'frobnicate','path':'/b'}]", NULL, -EINVAL },
	{ "{'a':1}", "{}", NULL, -EINVAL },
	{ "{'a':1}", "[1]", NULL, -EINVAL },
	{ "{'a':1}", "[]", "{'a':1}", 0 },
};

TEST(json_patches_do_what_rfc_6902_says)
{
	for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
		auto_json struct json_object *document = parse(patches[i].document);
		auto_json struct json_object *patch = parse(patches[i].patch);
		auto_json struct json_object *want =
			patches[i].want ? parse(patches[i].want) : NULL;
		struct err err = { 0 };
		int r = jsonpatch_apply(&document, patch, &err);

		if (r != patches[i].code || (want && !json_equal(document, want)))
			fail_msg("%s %s: %d %s", patches[i].document, patches[i].patch, r,
				 err.text);
	}
}

static const struct {
	const char *document, *patch, *want;
} merges[] = {
	{ "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
	{ "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
	{ "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
	{ "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
	{ "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
	{ "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
	{ "['a','b']", "{'a':'b','c':null}", "{'a':'b'}" },
	{ "{'a':'foo'}", "null", "null" },
	{ "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
	{ "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
};

TEST(merge_patches_do_what_rfc_7396_says)
{
	for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
		auto_json struct json_object *document = parse(merges[i].document);
		auto_json struct json_object *patch = parse(merges[i].patch);
		auto_json struct json_object *want = parse(merges[i].want);

		CHECK(jsonpatch_merge(&document, patch) == 0);
		if (!json_equal(document, want))
			fail_msg("%s %s", merges[i].document, merges[i].patch);
	}
}

TEST(json_patches_are_bounded)
{
	auto_json struct json_object *document =
		parse("{'a':'"
		      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}");
	auto_json struct json_object *patch = json_new_array(), *many = json_new_array();
	struct err err = { 0 };

	/* doubling: forty copies of all that is there would be a terabyte */
	for (unsigned i = 0; i < 40; i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "{'op':'copy','from':'','path':'/b%u'}", i);
		CHECK(json_add(patch, parse(text)) == 0);
	}
	CHECK(jsonpatch_apply(&document, patch, &err) == -E2BIG);
	for (unsigned i = 0; i <= JSONPATCH_OPERATIONS_MAX; i++)
		CHECK(json_add(many, json_new_object()) == 0);
	CHECK(jsonpatch_apply(&document, many, &err) == -E2BIG);
}
