/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler in its core: bindings, events and conditions as clients see them. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define PODS  "/api/v1/namespaces/default/pods"
#define NODES "/api/v1/nodes"

static const char *node_text(const char *name, const char *cpu, const char *spec)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s'},'spec':{%s},'status':{'allocatable':{'cpu':'%s',"
		       "'memory':'4Gi','pods':'110'},'conditions':[{'type':'Ready','status':'True',"
		       "'lastHeartbeatTime':'2026-11-24T10:00:00Z'}]}}",
		       name, spec, cpu);
	return text;
}

static int ask(struct bench *bench, const char *method, const char *path, const char *body)
{
	auto_reply struct reply reply = bench_call(bench, method, path, body);

	return reply.status;
}

static const char *pod_text(const char *name, const char *cpu)
{
	static char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{'metadata':{'name':'%s'},'spec':{'containers':[{'name':'c','image':'nginx',"
		"'resources':{'requests':{'cpu':'%s'}}}]}}",
		name, cpu);
	return text;
}

/* The messages of all events with @reason, one a line. */
static const char *events(struct bench *bench, const char *reason)
{
	static char text[2048];
	auto_reply struct reply reply =
		bench_call(bench, "GET", "/api/v1/namespaces/default/events", NULL);
	const struct json_object *items = json_get(reply.json, "items");
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json_object *one = json_idx(items, i);

		if (strcmp(json_str_at(one, "reason"), reason) == 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
						json_str_at(one, "message"));
	}
	return text;
}

TEST(scheduler_binds_and_says_so)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, node_text("n1", "2", "")), 201);
	CHECK_INT(ask(bench, "POST", PODS, pod_text("web", "500m")), 201);
	auto_reply struct reply pod = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_STR(reply_text(&pod, "spec.nodeName"), "n1");
	CHECK(strstr(pod.body, "\"type\":\"PodScheduled\"") &&
	      strstr(pod.body, "\"status\":\"True\""));
	CHECK_STR(events(bench, "Scheduled"), "Successfully assigned default/web to n1\n");
}

TEST(scheduler_refuses_then_binds_when_something_changed)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", PODS, pod_text("web", "1500m")), 201);
	CHECK_STR(events(bench, "FailedScheduling"), "no nodes available to schedule pods\n");
	CHECK_INT(ask(bench, "POST", NODES, node_text("n1", "1", "")), 201);
	bench_pass(bench, 2);
	auto_reply struct reply pod = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_STR(reply_text(&pod, "spec.nodeName"), "");
	CHECK(strstr(pod.body,
		     "\"message\":\"0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 "
		     "nodes are available: 1 Preemption is not helpful for scheduling.\""));
	CHECK(strstr(pod.body, "\"reason\":\"Unschedulable\""));
	CHECK_INT(ask(bench, "POST", NODES, node_text("n2", "2", "")), 201);
	bench_pass(bench, 5);
	auto_reply struct reply bound = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_STR(reply_text(&bound, "spec.nodeName"), "n2");
	CHECK_STR(events(bench, "Scheduled"), "Successfully assigned default/web to n2\n");
}

TEST(scheduler_charges_what_it_chose_and_frees_what_ended)
{
	auto_bench struct bench *bench = bench_new();
	struct reply replies[3] = { 0 };
	char body[1024], name[8];
	unsigned bound = 0;

	CHECK_INT(ask(bench, "POST", NODES, node_text("n1", "2", "")), 201);
	for (unsigned i = 0; i < 3; i++) { /* in one round: two fit */
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(body, sizeof(body), "%s", pod_text(name, "1"));
		bench_send(bench, &(struct ask){ .method = "POST", .path = PODS, .body = body },
			   &replies[i]);
	}
	bench_settle(bench);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(body, sizeof(body), PODS "/p%u", i);
		auto_reply struct reply pod = bench_call(bench, "GET", body, NULL);

		bound += *reply_text(&pod, "spec.nodeName") != 0;
		reply_done(&replies[i]);
	}
	CHECK_INT(bound, 2);
	/* p0 succeeds: its room is free, p2 gets it. */
	CHECK_INT(ask(bench, "PATCH", PODS "/p0/status", "{'status':{'phase':'Succeeded'}}"), 200);
	bench_pass(bench, 2);
	auto_reply struct reply last = bench_call(bench, "GET", PODS "/p2", NULL);

	CHECK_STR(reply_text(&last, "spec.nodeName"), "n1");
}

TEST(scheduler_knows_its_charges_after_a_restart)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, node_text("n1", "2", "")), 201);
	CHECK_INT(ask(bench, "POST", PODS, pod_text("a", "1500m")), 201);
	bench_restart(bench);
	CHECK_INT(ask(bench, "POST", PODS, pod_text("b", "1")), 201);
	auto_reply struct reply b = bench_call(bench, "GET", PODS "/b", NULL);

	CHECK_STR(reply_text(&b, "spec.nodeName"), "");
	CHECK_INT(ask(bench, "DELETE", PODS "/a?gracePeriodSeconds=0", NULL), 200);
	bench_pass(bench, 2);
	auto_reply struct reply then = bench_call(bench, "GET", PODS "/b", NULL);

	CHECK_STR(reply_text(&then, "spec.nodeName"), "n1");
}

TEST(scheduler_leaves_gated_and_foreign_pods_alone)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, node_text("n1", "2", "")), 201);
	CHECK_INT(ask(bench, "POST", PODS, bench_pod("foreign", NULL)), 201);
	CHECK_INT(ask(bench, "POST", PODS,
		      "{'metadata':{'name':'gated'},'spec':{'schedulingGates':[{'name':"
		      "'example.com/gate'}],'containers':[{'name':'c','image':'nginx'}]}}"),
		  201);
	auto_reply struct reply foreign = bench_call(bench, "GET", PODS "/foreign", NULL);
	auto_reply struct reply gated = bench_call(bench, "GET", PODS "/gated", NULL);

	CHECK_STR(reply_text(&foreign, "spec.nodeName"), "");
	CHECK_STR(reply_text(&gated, "spec.nodeName"), "");
	CHECK_INT(ask(bench, "PATCH", PODS "/gated", "{'spec':{'schedulingGates':null}}"), 200);
	auto_reply struct reply opened = bench_call(bench, "GET", PODS "/gated", NULL);

	CHECK_STR(reply_text(&opened, "spec.nodeName"), "n1");
}

TEST(scheduler_binds_many_pods_a_second)
{
	enum { NODES_MADE = 50, PODS_MADE = 1000 };
	auto_bench struct bench *bench = bench_new();
	static struct reply replies[PODS_MADE];
	char name[16], path[64];
	int64_t start;

	for (unsigned i = 0; i < NODES_MADE; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		CHECK_INT(ask(bench, "POST", NODES, node_text(name, "4", "")), 201);
	}
	start = time_monotonic_ns();
	for (unsigned i = 0; i < PODS_MADE; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		bench_send(bench,
			   &(struct ask){
				   .method = "POST", .path = PODS, .body = pod_text(name, "100m") },
			   &replies[i]);
	}
	bench_settle(bench);
	print_message("created and bound: %.0f pods a second\n",
		      PODS_MADE / ((double)(time_monotonic_ns() - start) / 1e9));
	for (unsigned i = 0; i < PODS_MADE; i++) {
		reply_done(&replies[i]);
		(void)snprintf(path, sizeof(path), PODS "/p%u", i);
		auto_reply struct reply pod = bench_call(bench, "GET", path, NULL);

		CHECK(*reply_text(&pod, "spec.nodeName"));
	}
}
