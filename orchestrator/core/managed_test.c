/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define PODS "/api/v1/namespaces/default/pods"

static struct bench *bench_with_account(void)
{
	struct bench *bench = bench_new();
	auto_reply struct reply reply =
		bench_call(bench, "POST", "/api/v1/namespaces/default/serviceaccounts",
			   "{'metadata':{'name':'default'}}");

	(void)reply;
	return bench;
}

TEST(managed_entries_name_what_the_creator_set)
{
	auto_bench struct bench *bench = bench_with_account();
	auto_reply struct reply made =
		bench_ask(bench, &(struct ask){ .method = "POST",
						.path = PODS "?fieldManager=kubectl-create",
						.body = bench_pod("web", NULL) });
	auto_buf struct buf text = { 0 };

	(void)json_write(&text, json_at(made.json, "metadata.managedFields"));
	CHECK_STR(buf_str(&text),
		  "[{\"manager\":\"kubectl-create\",\"operation\":\"Update\",\"apiVersion\":\"v1\","
		  "\"time\":\"2026-11-24T10:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{"
		  "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"
		  "\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:image\":{},"
		  "\"f:imagePullPolicy\":{},\"f:name\":{},\"f:resources\":{},"
		  "\"f:terminationMessagePath\":{},\"f:terminationMessagePolicy\":{}}},"
		  "\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},"
		  "\"f:schedulerName\":{},\"f:securityContext\":{},"
		  "\"f:terminationGracePeriodSeconds\":{}}}}]");
}

/* ---- apply ---- */

#define MAPS "/api/v1/namespaces/default/configmaps"

static struct reply apply(struct bench *bench, const char *path, const char *body)
{
	return bench_ask(bench, &(struct ask){ .method = "PATCH",
					       .path = path,
					       .body = body,
					       .type = "application/apply-patch+yaml" });
}

#define MAP(data) "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'m'},'data':{" data "}}"

TEST(apply_creates_then_owns_and_prunes)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply none = apply(bench, MAPS "/m", MAP("'a':'1'"));
	auto_reply struct reply made =
		apply(bench, MAPS "/m?fieldManager=one", MAP("'a':'1','b':'2'"));
	auto_reply struct reply same =
		apply(bench, MAPS "/m?fieldManager=one", MAP("'a':'1','b':'2'"));
	auto_reply struct reply less = apply(bench, MAPS "/m?fieldManager=one", MAP("'a':'1'"));
	auto_buf struct buf text = { 0 };

	CHECK_INT(none.status, 422);
	CHECK_INT(made.status, 201);
	CHECK_INT(same.status, 200);
	CHECK_STR(reply_text(&made, "metadata.resourceVersion"),
		  reply_text(&same, "metadata.resourceVersion"));
	CHECK_INT(less.status, 200);
	CHECK_STR(reply_text(&less, "data.b"), "");
	(void)json_write(&text, json_at(less.json, "metadata.managedFields"));
	CHECK_STR(buf_str(&text),
		  "[{\"manager\":\"one\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"time\":"
		  "\"2026-11-24T10:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:data\":{"
		  "\"f:a\":{}}}}]");
}

TEST(apply_conflicts_with_other_owners_unless_forced)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = apply(bench, MAPS "/m?fieldManager=one", MAP("'a':'1'"));
	auto_reply struct reply agrees = apply(bench, MAPS "/m?fieldManager=two", MAP("'a':'1'"));
	auto_reply struct reply conflict = apply(bench, MAPS "/m?fieldManager=two", MAP("'a':'2'"));
	auto_reply struct reply forced =
		apply(bench, MAPS "/m?fieldManager=two&force=true", MAP("'a':'2'"));
	auto_reply struct reply back = apply(bench, MAPS "/m?fieldManager=one", MAP("'b':'1'"));

	CHECK_INT(made.status, 201);
	CHECK_INT(agrees.status, 200);
	CHECK_INT(conflict.status, 409);
	CHECK_STR(reply_text(&conflict, "message"),
		  "Apply failed with 1 conflict: conflict with \"one\": .data.a");
	CHECK_STR(
		json_str(json_get(json_idx(json_at(conflict.json, "details.causes"), 0), "field")),
		".data.a");
	CHECK_INT(forced.status, 200);
	CHECK_STR(reply_text(&forced, "data.a"), "2");
	CHECK_INT(back.status, 200); /* one had lost a to two: it stays */
	CHECK_STR(reply_text(&back, "data.a"), "2");
	CHECK_STR(reply_text(&back, "data.b"), "1");
}

TEST(apply_merges_keyed_lists_by_key)
{
	auto_bench struct bench *bench = bench_with_account();
	auto_reply struct reply made = bench_call(bench, "POST", PODS, bench_pod("web", NULL));
	auto_reply struct reply added = apply(
		bench, PODS "/web?fieldManager=one",
		"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web','labels':{'x':'y'}},"
		"'spec':{'containers':[{'name':'c','image':'nginx:2'}]}}");
	auto_reply struct reply forced = apply(
		bench, PODS "/web?fieldManager=one&force=true",
		"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web','labels':{'x':'y'}},"
		"'spec':{'containers':[{'name':'c','image':'nginx:2'}]}}");

	CHECK_INT(made.status, 201);
	CHECK_INT(added.status, 409);
	CHECK_STR(reply_text(&added, "message"),
		  "Apply failed with 1 conflict: conflict with \"test\" using v1: "
		  ".spec.containers[name=\"c\"].image");
	CHECK_INT(forced.status, 200);
	CHECK_INT(json_len(json_at(forced.json, "spec.containers")), 1);
	CHECK_STR(json_str(json_get(json_idx(json_at(forced.json, "spec.containers"), 0), "image")),
		  "nginx:2");
	CHECK_STR(reply_text(&forced, "metadata.labels.app"), "web");
}

TEST(apply_takes_over_what_kubectl_applied_from_the_client)
{
	static const char pod[] =
		"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web'},'spec':{'containers':[{"
		"'name':'c','image':'nginx','ports':[{'containerPort':80}]}]}}";
	auto_bench struct bench *bench = bench_with_account();
	auto_reply struct reply made = bench_ask(
		bench, &(struct ask){ .method = "POST",
				      .body = pod,
				      .path = PODS "?fieldManager=kubectl-client-side-apply" });
	auto_reply struct reply applied = apply(bench, PODS "/web?fieldManager=kubectl", pod);
	/* kubectl then turns its Update entry into an Apply entry */
	auto_reply struct reply moved = bench_ask(
		bench, &(struct ask){ .method = "PATCH",
				      .path = PODS "/web",
				      .type = "application/json-patch+json",
				      .body = "[{'op':'replace','path':'/metadata/managedFields/1/"
					      "operation','value':'Apply'},{'op':'replace','path':"
					      "'/metadata/managedFields/1/manager','value':"
					      "'other'}]" });
	auto_reply struct reply again = apply(bench, PODS "/web?fieldManager=other", pod);

	CHECK_INT(made.status, 201);
	CHECK_INT(applied.status, 200);
	CHECK_INT(moved.status, 200);
	CHECK_STR(json_str(json_get(json_idx(json_at(moved.json, "metadata.managedFields"), 1),
				    "manager")),
		  "other");
	CHECK_INT(again.status, 200); /* its defaults are pruned, and come back */
}
