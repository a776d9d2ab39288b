/* SPDX-License-Identifier: Apache-2.0 */
/* The nth allocation fails, for every n: requests are answered, nothing is lost or left behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define PODS "/api/v1/namespaces/default/pods"

static const struct row {
	const char *method, *path, *type, *body;
	int status;
} rows[] = {
	{ "POST", PODS "?fieldManager=one", NULL, NULL, 201 },
	{ "PATCH", PODS "/old", "application/strategic-merge-patch+json",
	  "{'metadata':{'labels':{'a':'b'}}}", 200 },
	{ "PATCH", PODS "/old", "application/json-patch+json",
	  "[{'op':'add','path':'/metadata/labels/x','value':'y'}]", 200 },
	{ "PATCH", PODS "/old?fieldManager=two&force=true", "application/apply-patch+yaml",
	  "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'old','labels':{'z':'1'}},'spec':{"
	  "'containers':[{'name':'c','image':'other'}]}}",
	  200 },
	{ "PUT", "/api/v1/namespaces/default/configmaps/m", NULL,
	  "{'metadata':{'name':'m'},'data':{'a':'c'}}", 200 },
	{ "GET", PODS "?labelSelector=app%20in%20(old,new)&limit=1", NULL, NULL, 200 },
	{ "GET", PODS "/old", NULL, NULL, 200 },
	{ "GET", PODS "?watch=1&fieldSelector=metadata.name%3Dold", NULL, NULL, 200 },
	{ "DELETE", PODS "/old", NULL, NULL, 200 },
	{ "DELETE", "/api/v1/namespaces/default/configmaps?labelSelector=x", NULL, NULL, 200 },
	{ "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", NULL, "{'spec':{}}",
	  201 },
	{ "POST", "/api/v1/namespaces/default/services", NULL,
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80}]}}", 201 },
};

static struct bench *prepared(void)
{
	struct bench *bench = bench_new();
	auto_reply struct reply pod = bench_call(bench, "POST", PODS, bench_pod("old", NULL));
	auto_reply struct reply map =
		bench_call(bench, "POST", "/api/v1/namespaces/default/configmaps",
			   "{'metadata':{'name':'m','labels':{'x':'y'}},'data':{'a':'b'}}");

	CHECK_INT(pod.status, 201);
	CHECK_INT(map.status, 201);
	return bench;
}

/* One round: false when no call failed any more. */
static bool break_one(const struct row *row, unsigned nth)
{
	auto_bench struct bench *bench = prepared();
	struct ask ask = {
		.method = row->method, .path = row->path, .type = row->type, .body = row->body
	};
	auto_reply struct reply reply;
	bool hit;

	if (!row->body && strcmp(row->method, "POST") == 0)
		ask.body = bench_pod("new", NULL);
	bench_fault = nth;
	bench_send(bench, &ask, &reply);
	hit = bench_fault_hit;
	bench_settle(bench);
	if (!reply.answered)
		fail_msg("%s %s: no answer (call %u, %s)", row->method, row->path, nth,
			 fault_name());
	if (!hit) {
		CHECK_INT(reply.status, row->status);
		return false;
	}
	if (reply.status != row->status && reply.status != 500)
		fail_msg("%s %s: %s fails (call %u): %d", row->method, row->path, fault_name(), nth,
			 reply.status);
	/* the core is as good as new */
	auto_reply struct reply got = bench_call(bench, "GET", PODS "/old", NULL);
	auto_reply struct reply made = bench_call(bench, "POST", PODS, bench_pod("next", NULL));

	CHECK(got.status == 200 || strcmp(row->method, "DELETE") == 0);
	CHECK_INT(made.status, 201);
	return true;
}

TEST(requests_survive_every_failed_allocation)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned nth = 1; break_one(&rows[i], nth); nth++)
			CHECK(nth < 1000);
}

TEST(core_new_leaves_nothing_behind)
{
	struct core_options options = { .service_cidr = "10.96.0.0/12" };

	for (unsigned nth = 1;; nth++) {
		auto_core struct core *core = NULL;
		struct err err = { 0 };

		fault_arm(nth);
		int r = core_new(&options, &core, &err);

		if (!fault_disarm()) {
			CHECK(r == 0 && core);
			return;
		}
		CHECK(r < 0 && r == err.code && !core);
	}
}
