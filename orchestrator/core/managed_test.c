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
