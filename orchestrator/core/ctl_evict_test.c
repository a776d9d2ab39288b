/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that must go: by taints, or because their node has. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define NODES "/api/v1/nodes"
#define PODS  "/api/v1/namespaces/default/pods"

static int ask(struct bench *bench, const char *method, const char *path, const char *body)
{
	auto_reply struct reply reply = bench_call(bench, method, path, body);

	return reply.status;
}

static void make_pod(struct bench *bench, const char *name, const char *node,
		     const char *tolerations)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s'},'spec':{'nodeName':'%s','schedulerName':'none',"
		       "'tolerations':[%s],'containers':[{'name':'c','image':'nginx'}]}}",
		       name, node, tolerations);
	CHECK_INT(ask(bench, "POST", PODS, text), 201);
}

/* "gone", "ending" or "there" */
static const char *fate(struct bench *bench, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), PODS "/%s", name);
	auto_reply struct reply reply = bench_call(bench, "GET", path, NULL);

	return reply.status == 404				   ? "gone"
	       : *reply_text(&reply, "metadata.deletionTimestamp") ? "ending"
								   : "there";
}

static void taint(struct bench *bench, const char *node, const char *list)
{
	char path[64], text[256];

	(void)snprintf(path, sizeof(path), NODES "/%s", node);
	(void)snprintf(text, sizeof(text), "{'spec':{'taints':%s}}", list);
	CHECK_INT(ask(bench, "PATCH", path, text), 200);
}

TEST(eviction_follows_tolerations)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n1'}}"), 201);
	make_pod(bench, "none", "n1", "");
	make_pod(bench, "all", "n1", "{'operator':'Exists'}");
	make_pod(bench, "some", "n1",
		 "{'key':'k','operator':'Exists','effect':'NoExecute','tolerationSeconds':60}");
	make_pod(bench, "other", "n1", "{'key':'k','value':'w','effect':'NoExecute'}");
	make_pod(bench, "equal", "n1", "{'key':'k','value':'v','effect':'NoExecute'}");
	make_pod(bench, "schedule", "n1", "{'key':'k','operator':'Exists','effect':'NoSchedule'}");
	taint(bench, "n1", "[{'key':'k','value':'v','effect':'NoSchedule'}]");
	CHECK_STR(fate(bench, "none"), "there");
	taint(bench, "n1", "[{'key':'k','value':'v','effect':'NoExecute'}]");
	CHECK_STR(fate(bench, "none"), "ending");
	CHECK_STR(fate(bench, "other"), "ending");
	CHECK_STR(fate(bench, "schedule"), "ending");
	CHECK_STR(fate(bench, "all"), "there");
	CHECK_STR(fate(bench, "equal"), "there");
	CHECK_STR(fate(bench, "some"), "there");
	auto_reply struct reply none = bench_call(bench, "GET", PODS "/none", NULL);

	CHECK(strstr(none.body, "\"reason\":\"DeletionByTaintManager\""));
	/* One that comes now is met the same way. */
	make_pod(bench, "late", "n1", "");
	CHECK_STR(fate(bench, "late"), "ending");
	bench_pass(bench, 61);
	CHECK_STR(fate(bench, "some"), "ending");
	CHECK_STR(fate(bench, "all"), "there");
}

TEST(a_taint_taken_back_in_time_costs_nothing)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n1'}}"), 201);
	make_pod(bench, "some", "n1",
		 "{'key':'k','operator':'Exists','effect':'NoExecute','tolerationSeconds':60}");
	taint(bench, "n1", "[{'key':'k','effect':'NoExecute'}]");
	bench_pass(bench, 30);
	taint(bench, "n1", "[]");
	bench_pass(bench, 120);
	CHECK_STR(fate(bench, "some"), "there");
}

TEST(a_lost_node_is_drained_after_five_minutes)
{
	auto_bench struct bench *bench = bench_new();
	char text[512], now[TIME_TEXT_MAX];

	for (unsigned i = 1; i <= 2; i++) {
		(void)snprintf(text, sizeof(text),
			       "{'metadata':{'name':'n%u'},'status':{'conditions':[{'type':'Ready',"
			       "'status':'True','lastHeartbeatTime':'2026-11-24T10:00:00Z'}]}}",
			       i);
		CHECK_INT(ask(bench, "POST", NODES, text), 201);
	}
	make_pod(bench, "p", "n1", "");
	for (unsigned s = 10; s <= 360; s += 10) {
		bench_pass(bench, 10);
		(void)snprintf(text, sizeof(text),
			       "{'status':{'conditions':[{'type':'Ready','status':'True',"
			       "'lastHeartbeatTime':'%s'}]}}",
			       time_format(bench->now_ns, now));
		CHECK_INT(ask(bench, "PATCH", NODES "/n2/status", text), 200);
		CHECK_STR(fate(bench, "p"), s < 340 ? "there" : "ending");
	}
}

TEST(pods_of_a_node_that_is_gone_are_collected)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n1'}}"), 201);
	make_pod(bench, "p", "n1", "");
	make_pod(bench, "lost", "never", "");
	CHECK_INT(ask(bench, "DELETE", NODES "/n1", NULL), 200);
	bench_pass(bench, 30);
	CHECK_STR(fate(bench, "p"), "there");
	bench_pass(bench, 11);
	CHECK_STR(fate(bench, "p"), "gone");
	CHECK_STR(fate(bench, "lost"), "gone");
	/* A node made anew in time keeps its pods. */
	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n2'}}"), 201);
	make_pod(bench, "q", "n2", "");
	CHECK_INT(ask(bench, "DELETE", NODES "/n2", NULL), 200);
	bench_pass(bench, 20);
	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n2'}}"), 201);
	bench_pass(bench, 60);
	CHECK_STR(fate(bench, "q"), "there");
}
