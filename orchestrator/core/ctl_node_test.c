/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes in virtual time: silence, taints, and what must not happen when we are the ones cut off. */
#include <stdio.h>
#include <stdlib.h>
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

static void make_node(struct bench *bench, const char *name, const char *labels)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s','labels':{%s}},'status':{'allocatable':{'cpu':'4',"
		       "'memory':'4Gi','pods':'110'},'conditions':[{'type':'Ready','status':'True',"
		       "'lastHeartbeatTime':'2026-11-24T10:00:00Z'}]}}",
		       name, labels);
	CHECK_INT(ask(bench, "POST", NODES, text), 201);
}

/* The agent of @name reports: Ready with this status, heartbeat now. */
static void beat(struct bench *bench, const char *name, const char *status)
{
	char path[64], text[512], now[TIME_TEXT_MAX];

	(void)snprintf(path, sizeof(path), NODES "/%s/status", name);
	(void)snprintf(text, sizeof(text),
		       "{'status':{'conditions':[{'type':'Ready','status':'%s',"
		       "'lastHeartbeatTime':'%s'}]}}",
		       status, time_format(bench->now_ns, now));
	CHECK_INT(ask(bench, "PATCH", path, text), 200);
}

/* "Ready=True not-ready:NoSchedule …" of a node. Static buffer. */
static const char *seen(struct bench *bench, const char *name)
{
	static char text[1024];
	char path[64];
	size_t len = 0;

	(void)snprintf(path, sizeof(path), NODES "/%s", name);
	auto_reply struct reply reply = bench_call(bench, "GET", path, NULL);
	const struct json_object *conditions = json_at(reply.json, "status.conditions");
	const struct json_object *taints = json_at(reply.json, "spec.taints");

	text[0] = '\0';
	for (size_t i = 0; i < json_len(conditions); i++)
		if (strcmp(json_str_at(json_idx(conditions, i), "type"), "Ready") == 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "Ready=%s",
						json_str_at(json_idx(conditions, i), "status"));
	for (size_t i = 0; i < json_len(taints); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s:%s",
					strrchr(json_str_at(json_idx(taints, i), "key"), '/') + 1,
					json_str_at(json_idx(taints, i), "effect"));
	return text;
}

static void pass_beating(struct bench *bench, int64_t seconds, const char *const *names)
{
	for (int64_t s = 0; s < seconds; s += 10) {
		bench_pass(bench, 10);
		for (size_t i = 0; names[i]; i++)
			beat(bench, names[i], "True");
	}
}

TEST(node_taints_follow_conditions)
{
	auto_bench struct bench *bench = bench_new();

	CHECK_INT(ask(bench, "POST", NODES, "{'metadata':{'name':'n1'}}"), 201);
	CHECK_STR(seen(bench, "n1"), " not-ready:NoSchedule");
	make_node(bench, "n2", "");
	CHECK_STR(seen(bench, "n2"), "Ready=True");
	beat(bench, "n1", "True");
	CHECK_STR(seen(bench, "n1"), "Ready=True");
	beat(bench, "n1", "False");
	CHECK_STR(seen(bench, "n1"), "Ready=False not-ready:NoSchedule not-ready:NoExecute");
	beat(bench, "n1", "True");
	CHECK_STR(seen(bench, "n1"), "Ready=True");
	CHECK_INT(ask(bench, "PATCH", NODES "/n1", "{'spec':{'unschedulable':true}}"), 200);
	CHECK_STR(seen(bench, "n1"), "Ready=True unschedulable:NoSchedule");
	CHECK_INT(ask(bench, "PATCH", NODES "/n1",
		      "{'spec':{'unschedulable':null,'taints':[{'key':'a/"
		      "mine','effect':'NoSchedule'}]}}"),
		  200);
	CHECK_STR(seen(bench, "n1"), "Ready=True mine:NoSchedule");
}

TEST(a_silent_node_becomes_unknown_and_comes_back)
{
	static const char *const others[] = { "n2", NULL };
	auto_bench struct bench *bench = bench_new();

	make_node(bench, "n1", "");
	make_node(bench, "n2", "");
	CHECK_INT(ask(bench, "POST", PODS,
		      "{'metadata':{'name':'p'},'spec':{'nodeName':'n1','containers':[{'name':'c',"
		      "'image':'nginx'}]}}"),
		  201);
	CHECK_INT(ask(bench, "PATCH", PODS "/p/status",
		      "{'status':{'phase':'Running','conditions':[{'type':'Ready','status':'True'}]"
		      "}}"),
		  200);
	pass_beating(bench, 30, others);
	CHECK_STR(seen(bench, "n1"), "Ready=True");
	pass_beating(bench, 20, others);
	CHECK_STR(seen(bench, "n1"), "Ready=Unknown unreachable:NoSchedule unreachable:NoExecute");
	auto_reply struct reply node = bench_call(bench, "GET", NODES "/n1", NULL);
	auto_reply struct reply pod = bench_call(bench, "GET", PODS "/p", NULL);

	CHECK(strstr(node.body, "Kubelet stopped posting node status."));
	CHECK(strstr(node.body, "Kubelet never posted node status.")); /* MemoryPressure */
	CHECK(strstr(pod.body, "\"type\":\"Ready\",\"status\":\"False\""));
	beat(bench, "n1", "True");
	CHECK_STR(seen(bench, "n1"), "Ready=True");
}

TEST(a_renewed_lease_is_a_sign_of_life)
{
	auto_bench struct bench *bench = bench_new();
	char text[256], now[TIME_TEXT_MAX];

	make_node(bench, "n1", "");
	make_node(bench, "n2", "");
	CHECK_INT(ask(bench, "POST",
		      "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
		      "{'metadata':{'name':'n1'},'spec':{'holderIdentity':'n1'}}"),
		  201);
	for (unsigned i = 0; i < 12; i++) {
		bench_pass(bench, 10);
		(void)snprintf(text, sizeof(text), "{'spec':{'renewTime':'%s'}}",
			       time_format_micro(bench->now_ns, now));
		CHECK_INT(ask(bench, "PATCH",
			      "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1",
			      text),
			  200);
	}
	CHECK_STR(seen(bench, "n1"), "Ready=True");
	CHECK_STR(seen(bench, "n2"), "Ready=Unknown unreachable:NoSchedule unreachable:NoExecute");
}

TEST(when_all_nodes_vanish_nothing_is_evicted)
{
	auto_bench struct bench *bench = bench_new();

	make_node(bench, "n1", "");
	make_node(bench, "n2", "");
	bench_pass(bench, 60);
	bench_pass(bench, 60);
	CHECK_STR(seen(bench, "n1"), "Ready=Unknown unreachable:NoSchedule");
	CHECK_STR(seen(bench, "n2"), "Ready=Unknown unreachable:NoSchedule");
	/* One is back: the other is lost after all. */
	beat(bench, "n2", "True");
	pass_beating(bench, 10, (const char *const[]){ "n2", NULL });
	CHECK_STR(seen(bench, "n1"), "Ready=Unknown unreachable:NoSchedule unreachable:NoExecute");
	CHECK_STR(seen(bench, "n2"), "Ready=True");
}

TEST(when_most_nodes_vanish_no_execute_stops)
{
	static const char *const alive[] = { "n3", "n4", NULL };
	auto_bench struct bench *bench = bench_new();
	unsigned executed = 0;
	char name[8];

	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		make_node(bench, name, "");
	}
	pass_beating(bench, 120, alive);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		CHECK(strstr(seen(bench, name), "Ready=Unknown unreachable:NoSchedule"));
		executed += strstr(seen(bench, name), "NoExecute") != NULL;
	}
	CHECK(executed < 3); /* 3 of 5 are gone: 60 % */
}

TEST(an_edge_node_keeps_its_pods)
{
	static const char *const alive[] = { "n2", NULL };
	auto_bench struct bench *bench = bench_new();

	make_node(bench, "n1", "'node.shallop.io/edge':'true'");
	make_node(bench, "n2", "");
	pass_beating(bench, 90, alive);
	CHECK_STR(seen(bench, "n1"), "Ready=Unknown unreachable:NoSchedule");
}
