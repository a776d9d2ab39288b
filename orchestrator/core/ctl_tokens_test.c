/* SPDX-License-Identifier: Apache-2.0 */
/* What is put back, and what ends by itself. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

static int ask(struct bench *bench, const char *method, const char *path, const char *body)
{
	auto_reply struct reply reply = bench_call(bench, method, path, body);

	return reply.status;
}

TEST(kubernetes_service_is_put_back)
{
	static const char *const paths[] = {
		"/api/v1/namespaces/default/services/kubernetes",
		"/api/v1/namespaces/default/endpoints/kubernetes",
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
	};
	auto_bench struct bench *bench = bench_new();
	unsigned commits;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CHECK_INT(ask(bench, "DELETE", paths[i], NULL), 200);
		bench_pass(bench, 2);
		CHECK_INT(ask(bench, "GET", paths[i], NULL), 200);
	}
	CHECK_INT(ask(bench, "PATCH", paths[1],
		      "{'subsets':[{'addresses':[{'ip':'203.0.113.9'}],'ports':[{'port':1}]}]}"),
		  200);
	bench_pass(bench, 2);
	auto_reply struct reply endpoints = bench_call(bench, "GET", paths[1], NULL);

	CHECK(strstr(endpoints.body, "192.0.2.1") && !strstr(endpoints.body, "203.0.113.9"));
	/* And then there is peace. */
	commits = bench->commits;
	for (unsigned i = 0; i < 10; i++)
		bench_pass(bench, 2);
	CHECK_INT(bench->commits, commits);
}

TEST(bootstrap_tokens_expire)
{
	static const char base[] = "/api/v1/namespaces/kube-system/secrets";
	auto_bench struct bench *bench = bench_new();

	/* 2026-11-24T10:10:00Z */
	CHECK_INT(ask(bench, "POST", base,
		      "{'metadata':{'name':'bootstrap-token-abcdef'},'type':"
		      "'bootstrap.kubernetes.io/token','data':{'expiration':"
		      "'MjAyNi0xMS0yNFQxMDoxMDowMFo='}}"),
		  201);
	CHECK_INT(ask(bench, "POST", base,
		      "{'metadata':{'name':'other'},'type':'Opaque','data':{'expiration':"
		      "'MjAyNi0xMS0yNFQxMDoxMDowMFo='}}"),
		  201);
	bench_pass(bench, 599);
	CHECK_INT(ask(bench, "GET", "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef",
		      NULL),
		  200);
	bench_pass(bench, 2);
	CHECK_INT(ask(bench, "GET", "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef",
		      NULL),
		  404);
	CHECK_INT(ask(bench, "GET", "/api/v1/namespaces/kube-system/secrets/other", NULL), 200);
}
