/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: what each has, and how one ends. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "orchestrator/core/ctl_keys.h"
#include "tests/unit/test.h"

#define V1 "/api/v1/namespaces"

static int status_of(struct bench *bench, const char *method, const char *path, const char *body)
{
	auto_reply struct reply reply = bench_call(bench, method, path, body);

	return reply.status;
}

TEST(ctl_keys_keep_the_earliest_time)
{
	struct ctl_keys keys;
	char *key;

	ctl_keys_init(&keys);
	ctl_keys_add(&keys, "b", 20);
	ctl_keys_add(&keys, "a", 30);
	ctl_keys_add(&keys, "b", 40);
	CHECK(ctl_keys_due_ns(&keys) == 20);
	ctl_keys_add(&keys, "a", 10);
	CHECK(ctl_keys_due_ns(&keys) == 10 && !ctl_keys_take(&keys, 9));
	key = ctl_keys_take(&keys, 10);
	CHECK_STR(key, "a");
	free(key);
	key = ctl_keys_take(&keys, 100);
	CHECK_STR(key, "b");
	free(key);
	CHECK(!ctl_keys_take(&keys, 100) && ctl_keys_due_ns(&keys) == INT64_MAX);
	ctl_keys_add(&keys, "c", 1);
	ctl_keys_drop(&keys, "c");
	ctl_keys_add(&keys, "left", 1);
	ctl_keys_done(&keys);
}

TEST(nsdefaults_makes_and_mends)
{
	auto_bench struct bench *bench = bench_new();

	CHECK(bench_stored(bench, "serviceaccounts/default/default"));
	CHECK(bench_stored(bench, "configmaps/kube-system/kube-root-ca.crt"));
	CHECK_INT(status_of(bench, "POST", V1, "{'metadata':{'name':'shop'}}"), 201);
	CHECK(bench_stored(bench, "serviceaccounts/shop/default"));
	CHECK(strstr(bench_stored(bench, "configmaps/shop/kube-root-ca.crt"), "BEGIN CERTIFICATE"));

	CHECK_INT(status_of(bench, "DELETE", V1 "/shop/serviceaccounts/default", NULL), 200);
	CHECK(bench_stored(bench, "serviceaccounts/shop/default"));
	CHECK_INT(status_of(bench, "PATCH", V1 "/shop/configmaps/kube-root-ca.crt",
			    "{'data':{'ca.crt':'mine','more':'x'}}"),
		  200);
	CHECK(strstr(bench_stored(bench, "configmaps/shop/kube-root-ca.crt"), "BEGIN CERTIFICATE"));
	CHECK(!strstr(bench_stored(bench, "configmaps/shop/kube-root-ca.crt"), "more"));
}

TEST(a_namespace_ends_with_all_it_holds)
{
	auto_bench struct bench *bench = bench_new();
	char path[128], body[128];

	CHECK_INT(status_of(bench, "POST", V1, "{'metadata':{'name':'shop'}}"), 201);
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(body, sizeof(body), "{'metadata':{'name':'c%u'}}", i);
		CHECK_INT(status_of(bench, "POST", V1 "/shop/configmaps", body), 201);
	}
	CHECK_INT(status_of(bench, "DELETE", V1 "/shop", NULL), 200);
	CHECK(!bench_stored(bench, "namespaces/shop"));
	for (unsigned i = 0; i < 300; i += 100) {
		(void)snprintf(path, sizeof(path), "configmaps/shop/c%u", i);
		CHECK(!bench_stored(bench, path));
	}
	CHECK(!bench_stored(bench, "serviceaccounts/shop/default"));
	/* And the name is free again. */
	CHECK_INT(status_of(bench, "POST", V1, "{'metadata':{'name':'shop'}}"), 201);
	CHECK(bench_stored(bench, "serviceaccounts/shop/default"));
}

TEST(a_namespace_waits_for_finalizers_and_says_so)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(status_of(bench, "POST", V1, "{'metadata':{'name':'shop'}}"), 201);
	CHECK_INT(status_of(bench, "POST", V1 "/shop/configmaps",
			    "{'metadata':{'name':'held','finalizers':['example.com/hold']}}"),
		  201);
	CHECK_INT(status_of(bench, "DELETE", V1 "/shop", NULL), 200);
	auto_reply struct reply reply = bench_call(bench, "GET", V1 "/shop", NULL);

	CHECK_STR(reply_text(&reply, "status.phase"), "Terminating");
	CHECK(strstr(reply.body,
		     "Some resources are remaining: configmaps. has 1 resource instances"));
	CHECK_INT(status_of(bench, "POST", V1 "/shop/configmaps", "{'metadata':{'name':'late'}}"),
		  403);
	bench_restart(bench); /* half way: it goes on */
	CHECK(bench_stored(bench, "namespaces/shop"));
	CHECK_INT(status_of(bench, "PATCH", V1 "/shop/configmaps/held",
			    "{'metadata':{'finalizers':null}}"),
		  200);
	CHECK(!bench_stored(bench, "namespaces/shop"));
}
