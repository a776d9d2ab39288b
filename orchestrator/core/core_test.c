/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define PODS "/api/v1/namespaces/default/pods"

/* The controller that makes it is not part of these tests. */
static struct bench *bench_with_account(void)
{
	struct bench *bench = bench_new();
	auto_reply struct reply reply =
		bench_call(bench, "POST", "/api/v1/namespaces/default/serviceaccounts",
			   "{'metadata':{'name':'default'}}");

	CHECK(reply.status == 201 || reply.status == 409);
	return bench;
}

TEST(core_makes_what_every_cluster_has)
{
	static const char *const keys[] = {
		"namespaces/default",
		"namespaces/kube-system",
		"namespaces/kube-public",
		"namespaces/kube-node-lease",
		"services/default/kubernetes",
		"endpoints/default/kubernetes",
		"discovery.k8s.io/endpointslices/default/kubernetes",
	};
	auto_bench struct bench *bench = bench_new();

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK(bench_stored(bench, keys[i]) != NULL);
	auto_reply struct reply reply =
		bench_call(bench, "GET", "/api/v1/namespaces/default", NULL);

	CHECK_STR(reply_text(&reply, "status.phase"), "Active");
	CHECK_STR(json_str(json_idx(json_at(reply.json, "spec.finalizers"), 0)), "kubernetes");
}

TEST(core_creates_reads_updates_and_deletes_a_pod)
{
	auto_bench struct bench *bench = bench_with_account();
	auto_reply struct reply made = bench_call(bench, "POST", PODS, bench_pod("web", NULL));
	auto_reply struct reply got = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_INT(made.status, 201);
	CHECK_STR(reply_text(&made, "status.phase"), "Pending");
	CHECK_STR(reply_text(&made, "status.qosClass"), "BestEffort");
	CHECK_STR(reply_text(&made, "spec.schedulerName"), "none");
	CHECK_STR(reply_text(&made, "spec.serviceAccountName"), "default");
	CHECK_STR(reply_text(&made, "metadata.creationTimestamp"), "2026-11-24T10:00:00Z");
	CHECK_INT(json_len(json_at(made.json, "spec.tolerations")), 2);
	CHECK_INT(json_len(json_at(made.json, "spec.volumes")), 1);
	CHECK_INT(got.status, 200);
	CHECK_STR(got.body, made.body);
	auto_reply struct reply patched =
		bench_call(bench, "PATCH", PODS "/web", "{'metadata':{'labels':{'x':'y'}}}");

	CHECK_INT(patched.status, 200);
	CHECK_STR(reply_text(&patched, "metadata.labels.x"), "y");
	CHECK(strcmp(reply_text(&patched, "metadata.resourceVersion"),
		     reply_text(&made, "metadata.resourceVersion")) != 0);
	auto_reply struct reply gone = bench_call(bench, "DELETE", PODS "/web", NULL);
	auto_reply struct reply missing = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_INT(gone.status, 200);
	CHECK_STR(reply_text(&gone, "kind"), "Pod");
	CHECK_INT(missing.status, 404);
	CHECK_STR(
		missing.body,
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"pods \\\"web\\\" not found\",\"reason\":\"NotFound\",\"details\":{"
		"\"name\":\"web\",\"kind\":\"pods\"},\"code\":404}\n");
	CHECK(!bench_stored(bench, "pods/default/web"));
}

TEST(core_watch_shows_every_change_once)
{
	auto_bench struct bench *bench = bench_with_account();
	auto_reply struct reply before = bench_call(bench, "POST", PODS, bench_pod("a", NULL));
	auto_reply struct reply watch = bench_call(bench, "GET", PODS "?watch=1", NULL);
	auto_reply struct reply selected =
		bench_call(bench, "GET", PODS "?watch=1&labelSelector=x%3Dy", NULL);

	CHECK(watch.type == CORE_WATCH && watch.watch);
	auto_reply struct reply b = bench_call(bench, "POST", PODS, bench_pod("b", NULL));
	auto_reply struct reply in =
		bench_call(bench, "PATCH", PODS "/a", "{'metadata':{'labels':{'x':'y'}}}");
	auto_reply struct reply out =
		bench_call(bench, "PATCH", PODS "/a", "{'metadata':{'labels':{'x':'z'}}}");
	auto_reply struct reply same =
		bench_call(bench, "PATCH", PODS "/a", "{'metadata':{'labels':{'x':'z'}}}");
	auto_reply struct reply gone = bench_call(bench, "DELETE", PODS "/b", NULL);
	char want[512];

	CHECK_STR(reply_text(&same, "metadata.resourceVersion"),
		  reply_text(&out, "metadata.resourceVersion"));
	auto_free char *frames = bench_frames(bench, watch.watch);
	uint64_t at = strtoull(reply_text(&out, "metadata.resourceVersion"), NULL, 10);

	(void)snprintf(want, sizeof(want),
		       "ADDED a %llu\nADDED b %llu\nMODIFIED a %llu\nMODIFIED a %llu\n"
		       "DELETED b %llu\n",
		       (unsigned long long)at - 3, (unsigned long long)at - 2,
		       (unsigned long long)at - 1, (unsigned long long)at,
		       (unsigned long long)at + 1);
	CHECK_STR(frames, want);
	auto_free char *few = bench_frames(bench, selected.watch);

	(void)snprintf(want, sizeof(want), "ADDED a %llu\nDELETED a %llu\n",
		       (unsigned long long)at - 1, (unsigned long long)at);
	CHECK_STR(few, want);
}
