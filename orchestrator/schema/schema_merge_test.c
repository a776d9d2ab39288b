/* SPDX-License-Identifier: Apache-2.0 */
/* Patches and results as apimachinery's strategicpatch gives them for the same input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/schema_types.h"
#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

static void check_equal(const struct json_object *json, const char *want)
{
	auto_buf struct buf got = BUF_INIT(0);
	auto_buf struct buf text = BUF_INIT(0);
	auto_json struct json_object *expected = json_of(want);

	CHECK(json_write_style(&got, json, JSON_SORTED) == 0);
	CHECK(json_write_style(&text, expected, JSON_SORTED) == 0);
	CHECK_STR(buf_str(&got), buf_str(&text));
}

static const struct {
	const char *object, *patch, *result;
} merges[] = {
	/* plain members: set, nested, deleted */
	{ "{'metadata':{'name':'x','labels':{'a':'1','b':'2'}}}",
	  "{'metadata':{'labels':{'a':null,'c':'3'}},'spec':{'nodeName':null,'hostname':'h'}}",
	  "{'metadata':{'name':'x','labels':{'b':'2','c':'3'}},'spec':{'hostname':'h'}}" },
	/* a list with a merge key; patch items first, others keep their place */
	{ "{'spec':{'containers':[{'name':'a','image':'1'},{'name':'b','image':'1'}]}}",
	  "{'spec':{'containers':[{'name':'b','image':'2'},{'name':'c'}]}}",
	  "{'spec':{'containers':[{'name':'a','image':'1'},{'name':'b','image':'2'},{'name':'c'}]}"
	  "}" },
	/* deletion, replacement */
	{ "{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
	  "{'spec':{'containers':[{'$patch':'delete','name':'a'}]}}",
	  "{'spec':{'containers':[{'name':'b'}]}}" },
	{ "{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
	  "{'spec':{'containers':[{'name':'c'},{'$patch':'replace'}]}}",
	  "{'spec':{'containers':[{'name':'c'}]}}" },
	{ "{'metadata':{'labels':{'a':'1'}}}",
	  "{'metadata':{'labels':{'$patch':'replace','b':'2'}}}",
	  "{'metadata':{'labels':{'b':'2'}}}" },
	{ "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'$patch':'delete'}}}",
	  "{'metadata':{'labels':{}}}" },
	/* atomic lists are replaced; scalars of a merge list are united */
	{ "{'spec':{'tolerations':[{'key':'a'}]}}", "{'spec':{'tolerations':[{'key':'b'}]}}",
	  "{'spec':{'tolerations':[{'key':'b'}]}}" },
	{ "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
	  "{'metadata':{'finalizers':['a','b','c']}}" },
	{ "{'metadata':{'finalizers':['a','b']}}",
	  "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a']}}",
	  "{'metadata':{'finalizers':['b']}}" },
	/* order */
	{ "{'spec':{'containers':[{'name':'a'},{'name':'s'},{'name':'b'}]}}",
	  "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}],'containers':[{"
	  "'name':'a','image':'2'}]}}",
	  "{'spec':{'containers':[{'name':'s'},{'name':'b'},{'name':'a','image':'2'}]}}" },
	/* one volume source takes the place of another */
	{ "{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}",
	  "{'spec':{'volumes':[{'$retainKeys':['name','secret'],'name':'v','secret':{'secretName':"
	  "'s'}}]}}",
	  "{'spec':{'volumes':[{'name':'v','secret':{'secretName':'s'}}]}}" },
	/* two elements with one key survive a patch of another element */
	{ "{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,'protocol':'TCP'},{"
	  "'containerPort':53,'protocol':'UDP'}]}]}}",
	  "{'spec':{'containers':[{'name':'a','ports':[{'containerPort':80}]}]}}",
	  "{'spec':{'containers':[{'name':'a','ports':[{'containerPort':80},{'containerPort':53,"
	  "'protocol':'TCP'},{'containerPort':53,'protocol':'UDP'}]}]}}" },
	/* new objects come without directives and nulls */
	{ "{}",
	  "{'spec':{'containers':[{'name':'a','env':null,'ports':[{'$patch':'delete',"
	  "'containerPort':1}]}],'$setElementOrder/containers':[{'name':'a'}]}}",
	  "{'spec':{'containers':[{'name':'a','ports':[]}]}}" },
};

TEST(strategic_merge_follows_the_rows)
{
	for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
		auto_json struct json_object *object = json_of(merges[i].object);
		auto_json struct json_object *patch = json_of(merges[i].patch);
		struct err err = { 0 };

		CHECK(schema_strategic_merge(&core_v1_pod, object, patch, &err) == 0);
		check_equal(object, merges[i].result);
	}
}

TEST(strategic_merge_refuses_bad_patches)
{
	static const char *const bad[] = {
		"{'spec':{'containers':[{'image':'x'}]}}",
		"{'spec':{'containers':[{'$patch':'delete'}]}}",
		"{'spec':{'containers':[{'$patch':'bogus','name':'a'}]}}",
		"{'metadata':{'$patch':'bogus'}}",
		("{'spec':{'$setElementOrder/"
		 "containers':[{'name':'a'}],'containers':[{'name':'b'}]}}"),
		"{'spec':{'$setElementOrder/containers':'x'}}",
		"{'spec':{'volumes':[{'$retainKeys':['name'],'name':'v','secret':{}}]}}",
		"{'spec':{'volumes':[{'$retainKeys':'name','name':'v'}]}}",
		"{'metadata':{'$deleteFromPrimitiveList/name':['a']}}",
		"{'metadata':{'$deleteFromPrimitiveList/finalizers':{}}}",
		"[]",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_json struct json_object *object =
			json_of("{'metadata':{'name':'x'},'spec':{'containers':[{'name':'a'}],"
				"'volumes':[{'name':'v','emptyDir':{}}]}}");
		auto_json struct json_object *patch = json_of(bad[i]);
		struct err err = { 0 };

		CHECK_INT(schema_strategic_merge(&core_v1_pod, object, patch, &err), -EINVAL);
		CHECK(err.text[0]);
	}
}

static const struct {
	const char *original, *modified, *current, *patch;
} diffs[] = {
	/* nothing to do: what the server added is not ours to remove */
	{ "{'metadata':{'name':'x'}}", "{'metadata':{'name':'x'}}",
	  "{'metadata':{'name':'x','uid':'u'},'spec':{'nodeName':'n'}}", "{}" },
	/* a change, an addition, a deletion */
	{ "{'metadata':{'labels':{'a':'1','b':'1'}}}", "{'metadata':{'labels':{'a':'2','c':'1'}}}",
	  "{'metadata':{'labels':{'a':'1','b':'1','z':'9'}}}",
	  "{'metadata':{'labels':{'a':'2','b':null,'c':'1'}}}" },
	/* an image changes in one of two containers */
	{ "{'spec':{'containers':[{'name':'a','image':'1'},{'name':'b','image':'1'}]}}",
	  "{'spec':{'containers':[{'name':'a','image':'2'},{'name':'b','image':'1'}]}}",
	  "{'spec':{'containers':[{'name':'a','image':'1','tty':true},{'name':'b','image':'1'}]}}",
	  "{'spec':{'$setElementOrder/containers':[{'name':'a'},{'name':'b'}],'containers':[{"
	  "'name':'a','image':'2'}]}}" },
	/* a container goes */
	{ "{'spec':{'containers':[{'name':'c'},{'name':'b'},{'name':'a'}]}}",
	  "{'spec':{'containers':[{'name':'b'}]}}",
	  "{'spec':{'containers':[{'name':'c'},{'name':'b'},{'name':'a'}]}}",
	  "{'spec':{'$setElementOrder/containers':[{'name':'b'}],'containers':[{'$patch':'delete',"
	  "'name':'a'},{'$patch':'delete','name':'c'}]}}" },
	/* a volume changes its source */
	{ "{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}",
	  "{'spec':{'volumes':[{'name':'v','secret':{'secretName':'s'}}]}}",
	  "{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}",
	  "{'spec':{'$setElementOrder/volumes':[{'name':'v'}],'volumes':[{'$retainKeys':['name',"
	  "'secret'],'emptyDir':null,'name':'v','secret':{'secretName':'s'}}]}}" },
	/* finalizers */
	{ "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
	  "{'metadata':{'finalizers':['a','b']}}",
	  "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a'],'$setElementOrder/finalizers':["
	  "'b','c'],'finalizers':['c']}}" },
	/* an atomic list is sent whole; a member removed from the file is nulled */
	{ "{'spec':{'tolerations':[{'key':'a'}],'hostname':'h'}}",
	  "{'spec':{'tolerations':[{'key':'b'}]}}",
	  "{'spec':{'tolerations':[{'key':'a'}],'hostname':'h'}}",
	  "{'spec':{'hostname':null,'tolerations':[{'key':'b'}]}}" },
};

TEST(strategic_diff_is_kubectls)
{
	for (size_t i = 0; i < ARRAY_LEN(diffs); i++) {
		auto_json struct json_object *original = json_of(diffs[i].original);
		auto_json struct json_object *modified = json_of(diffs[i].modified);
		auto_json struct json_object *current = json_of(diffs[i].current);
		auto_json struct json_object *patch = NULL;
		struct err err = { 0 };

		CHECK(schema_strategic_diff(&core_v1_pod, original, modified, current, &patch,
					    &err) == 0);
		check_equal(patch, diffs[i].patch);
		/* applied, it gives what the file says; applied again, it changes nothing */
		CHECK(schema_strategic_merge(&core_v1_pod, current, patch, &err) == 0);
		json_unref(patch);
		CHECK(schema_strategic_diff(&core_v1_pod, modified, modified, current, &patch,
					    &err) == 0);
		check_equal(patch, "{}");
	}
}
