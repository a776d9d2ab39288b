/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions over records: no core, no clock. */
#include "orchestrator/core/sched.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "tests/unit/test.h"

static struct json_object *parse(const char *text)
{
	struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s in %s", err.text, text);
	return json;
}

/* Single quotes for double ones keep the cases readable. */
static struct json_object *quoted(const char *fmt, const char *a, const char *b)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), fmt, a, b);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return parse(text);
}

static struct sched sched;

static unsigned put_node(const char *name, const char *more)
{
	auto_json struct json_object *json =
		quoted("{'metadata':{'name':'%s','labels':{'kubernetes.io/"
		       "hostname':'n','disk':'ssd','gen':'7'}},"
		       "'status':{'allocatable':{'cpu':'2','memory':'4Gi','pods':'10'}}%s}",
		       name, more);
	unsigned events = 0;

	CHECK(sched_node_put(&sched, json, &events) == 0);
	return events;
}

static struct sched_pod *put_pod(const char *uid, const char *spec)
{
	auto_json struct json_object *json =
		quoted("{'metadata':{'name':'p','namespace':'default','uid':'%s'},'spec':{%s}}",
		       uid, spec);
	struct sched_pod *pod = NULL;

	CHECK(sched_pod_new(&sched, json, &pod) == 0);
	return pod;
}

static const char *chosen(const char *spec)
{
	static struct buf text;
	struct sched_pod *pod = put_pod("asking", spec);
	struct sched_refusal refusal;
	int error;
	struct sched_node *node = sched_choose(&sched, pod, &refusal, &error);

	buf_clear(&text);
	CHECK(error == 0);
	if (node)
		(void)buf_puts(&text, node->name);
	else
		CHECK(sched_refusal_text(&sched, pod, &refusal, &text) == 0);
	sched_pod_free(&sched, pod);
	return buf_str(&text);
}

static struct sched_pod *charged(const char *uid, const char *spec, const char *node)
{
	struct sched_pod *pod = put_pod(uid, spec);

	CHECK(sched_charge(pod, sched_node_named(&sched, node), SCHED_BOUND) == 0);
	return pod;
}

#define ONE(requests) "'containers':[{'resources':{'requests':{" requests "}}}]"

TEST(sched_refuses_in_kubernetes_words)
{
	CHECK(sched_init(&sched) == 0);
	CHECK_STR(chosen(ONE("")), "no nodes available to schedule pods");
	(void)put_node("a", ",'spec':{'taints':[{'key':'k','value':'v','effect':'NoSchedule'}]}");
	CHECK_STR(chosen(ONE("")),
		  "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: "
		  "0/1 nodes are available: 1 Preemption is not helpful for scheduling.");
	(void)put_node("b", ",'spec':{'unschedulable':true}");
	(void)put_node("c", "");
	CHECK_STR(
		chosen(ONE("'cpu':'3','memory':'1Gi'")),
		"0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), "
		"1 node(s) were unschedulable. preemption: 0/3 nodes are available: "
		"3 Preemption is not helpful for scheduling.");
	(void)charged("one", ONE("'cpu':'1500m','memory':'3Gi'"), "c");
	CHECK_STR(chosen(ONE("'cpu':'1','memory':'2Gi'")),
		  "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) "
		  "had untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/3 nodes "
		  "are available: 1 No preemption victims found for incoming pod, 2 Preemption is "
		  "not helpful for scheduling.");
	CHECK_STR(
		chosen("'preemptionPolicy':'Never'," ONE("'cpu':'1'")),
		"0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), "
		"1 node(s) were unschedulable. preemption: not eligible due to "
		"preemptionPolicy=Never.");
	CHECK_STR(chosen("'nodeSelector':{'disk':'hdd'}," ONE("")),
		  "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
		  "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. preemption: "
		  "0/3 nodes are available: 3 Preemption is not helpful for scheduling.");
	CHECK_STR(chosen(ONE("'nvidia.com/gpu':'1'")),
		  "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had "
		  "untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/3 nodes are "
		  "available: 3 Preemption is not helpful for scheduling.");
	CHECK_STR(chosen(ONE("'cpu':'500m','memory':'1Gi'")), "c");
	sched_done(&sched);
}

TEST(sched_counts_of_ten_sort_as_texts)
{
	char name[8];

	CHECK(sched_init(&sched) == 0);
	for (unsigned i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)put_node(name, i < 10 ? ",'spec':{'unschedulable':true}" : "");
	}
	CHECK_STR(chosen("'nodeSelector':{'disk':'hdd'}," ONE("")),
		  "0/12 nodes are available: 10 node(s) were unschedulable, 2 node(s) didn't match "
		  "Pod's node affinity/selector. preemption: 0/12 nodes are available: 12 "
		  "Preemption is not helpful for scheduling.");
	sched_done(&sched);
}

TEST(sched_counts_pods_and_ports)
{
	char uid[8];

	CHECK(sched_init(&sched) == 0);
	(void)put_node("a", "");
	(void)charged("web", "'containers':[{'ports':[{'hostPort':80,'protocol':'TCP'}]}]", "a");
	CHECK_STR(chosen("'containers':[{'ports':[{'hostPort':80,'hostIP':'127.0.0.1'}]}]"),
		  "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod "
		  "ports. preemption: 0/1 nodes are available: 1 No preemption victims found for "
		  "incoming pod.");
	CHECK_STR(chosen("'containers':[{'ports':[{'hostPort':80,'protocol':'UDP'}]}]"), "a");
	CHECK_STR(chosen("'containers':[{'ports':[{'hostPort':81}]}]"), "a");
	sched_pod_free(&sched, sched_pod_find(&sched, "web"));
	CHECK_STR(chosen("'containers':[{'ports':[{'hostPort':80,'hostIP':'127.0.0.1'}]}]"), "a");
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(uid, sizeof(uid), "u%u", i);
		(void)charged(uid, ONE(""), "a");
	}
	CHECK_STR(chosen(ONE("")),
		  "0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: "
		  "1 No preemption victims found for incoming pod.");
	sched_done(&sched);
}

TEST(sched_needs_of_init_containers_and_overhead)
{
	static const struct {
		const char *spec;
		int64_t cpu, usual_cpu;
	} cases[] = {
		{ ONE("'cpu':'100m'"), 100, 100 },
		{ ONE(""), 0, 100 },
		{ "'containers':[{},{}]", 0, 200 },
		{ "'initContainers':[{'resources':{'requests':{'cpu':'1'}}}]," ONE("'cpu':'100m'"),
		  1000, 1000 },
		{ "'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}"
		  "}]," ONE("'cpu':'100m'"),
		  1100, 1100 },
		{ "'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}"
		  "},"
		  "{'resources':{'requests':{'cpu':'2'}}}]," ONE("'cpu':'100m'"),
		  3000, 3000 },
		{ "'overhead':{'cpu':'50m'}," ONE("'cpu':'100m'"), 150, 150 },
		{ "'resources':{'requests':{'cpu':'2'}}," ONE("'cpu':'100m'"), 2000, 2000 },
	};

	CHECK(sched_init(&sched) == 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sched_pod *pod = put_pod("x", cases[i].spec);

		CHECK_INT(pod->request.of[SCHED_CPU], cases[i].cpu);
		CHECK_INT(pod->usual[SCHED_CPU], cases[i].usual_cpu);
		sched_pod_free(&sched, pod);
	}
	sched_done(&sched);
}

TEST(sched_matches_terms)
{
	static const struct {
		const char *term;
		bool match;
	} cases[] = {
		{ "{}", false },
		{ "{'matchExpressions':[{'key':'disk','operator':'In','values':['hdd','ssd']}]}",
		  true },
		{ "{'matchExpressions':[{'key':'disk','operator':'In','values':['hdd']}]}", false },
		{ "{'matchExpressions':[{'key':'disk','operator':'NotIn','values':['hdd']}]}",
		  true },
		{ "{'matchExpressions':[{'key':'none','operator':'NotIn','values':['hdd']}]}",
		  true },
		{ "{'matchExpressions':[{'key':'disk','operator':'Exists'}]}", true },
		{ "{'matchExpressions':[{'key':'none','operator':'DoesNotExist'}]}", true },
		{ "{'matchExpressions':[{'key':'gen','operator':'Gt','values':['6']}]}", true },
		{ "{'matchExpressions':[{'key':'gen','operator':'Gt','values':['7']}]}", false },
		{ "{'matchExpressions':[{'key':'gen','operator':'Lt','values':['10']}]}", true },
		{ "{'matchExpressions':[{'key':'disk','operator':'Lt','values':['10']}]}", false },
		{ "{'matchExpressions':[{'key':'none','operator':'Lt','values':['10']}]}", false },
		{ "{'matchExpressions':[{'key':'disk','operator':'Exists'},"
		  "{'key':'gen','operator':'In','values':['8']}]}",
		  false },
		{ "{'matchFields':[{'key':'metadata.name','operator':'In','values':['a']}]}",
		  true },
		{ "{'matchFields':[{'key':'metadata.name','operator':'NotIn','values':['a']}]}",
		  false },
		{ "{'matchExpressions':[{'key':'disk','operator':'Sideways'}]}", false },
	};

	CHECK(sched_init(&sched) == 0);
	(void)put_node("a", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json struct json_object *term = quoted("%s%s", cases[i].term, "");

		if (sched_match_term(term, sched.nodes[0]) != cases[i].match)
			fail_msg("%s", cases[i].term);
	}
	sched_done(&sched);
}

TEST(sched_tolerates_as_kubernetes_says)
{
	static const struct {
		const char *toleration;
		bool tolerated; /* k=v:NoSchedule */
	} cases[] = {
		{ "{'operator':'Exists'}", true },
		{ "{'key':'k','operator':'Exists'}", true },
		{ "{'key':'k','operator':'Exists','effect':'NoSchedule'}", true },
		{ "{'key':'k','operator':'Exists','effect':'NoExecute'}", false },
		{ "{'key':'k','operator':'Equal','value':'v'}", true },
		{ "{'key':'k','value':'v'}", true },
		{ "{'key':'k','value':'w'}", false },
		{ "{'key':'k'}", false },
		{ "{'key':'other','operator':'Exists'}", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json struct json_object *list = quoted("[%s%s]", cases[i].toleration, "");

		if (sched_tolerates(list, "k", "v", "NoSchedule") != cases[i].tolerated)
			fail_msg("%s", cases[i].toleration);
	}
	CHECK(!sched_tolerates(NULL, "k", "v", "NoSchedule"));
}

TEST(sched_prefers)
{
	CHECK(sched_init(&sched) == 0);
	(void)put_node("full", "");
	(void)put_node("empty", "");
	(void)charged("one", ONE("'cpu':'1','memory':'2Gi'"), "full");
	CHECK_STR(chosen(ONE("'cpu':'100m','memory':'200Mi'")), "empty");
	CHECK_STR(chosen(ONE("")), "empty");
	/* A preference outweighs the load, a disliked taint the preference. */
	CHECK_STR(chosen("'affinity':{'nodeAffinity':{"
			 "'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':1,'"
			 "preference':"
			 "{'matchFields':[{'key':'metadata.name','operator':'In','values':['full']}"
			 "]}}]}}," ONE("")),
		  "full");
	(void)put_node("full", ",'spec':{'taints':[{'key':'k','effect':'PreferNoSchedule'}]}");
	CHECK_STR(chosen("'affinity':{'nodeAffinity':{"
			 "'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':1,'"
			 "preference':"
			 "{'matchFields':[{'key':'metadata.name','operator':'In','values':['full']}"
			 "]}}]}}," ONE("")),
		  "empty");
	CHECK_STR(
		chosen("'affinity':{'nodeAffinity':{'"
		       "requiredDuringSchedulingIgnoredDuringExecution':"
		       "{'nodeSelectorTerms':[{},{'matchFields':[{'key':'metadata.name','operator':"
		       "'In','values':['full']}]}]}}}," ONE("")),
		"full");
	sched_done(&sched);
}

TEST(sched_equal_nodes_take_turns)
{
	unsigned on_a = 0;

	CHECK(sched_init(&sched) == 0);
	(void)put_node("a", "");
	(void)put_node("b", "");
	for (unsigned i = 0; i < 10; i++)
		on_a += strcmp(chosen(ONE("")), "a") == 0;
	CHECK_INT(on_a, 5);
	sched_done(&sched);
}

TEST(sched_node_events_say_what_changed)
{
	CHECK(sched_init(&sched) == 0);
	CHECK(put_node("a", "") & SCHED_EVENT_NODE_ADDED);
	CHECK_INT(put_node("a", ""), 0);
	CHECK_INT(put_node("a", ",'spec':{'unschedulable':true}"), SCHED_EVENT_TAINTS);
	CHECK_INT(put_node("a", ",'spec':{'unschedulable':true,'taints':[{'key':'k'}]}"),
		  SCHED_EVENT_TAINTS);
	sched_node_gone(&sched, "a");
	CHECK(sched.n_nodes == 0 && sched.nodes_by_name.count == 0);
	/* Pods may be known before their node, and outlive it. */
	(void)charged("p", ONE("'cpu':'1'"), "late");
	CHECK(sched.n_nodes == 0 && (put_node("late", "") & SCHED_EVENT_NODE_ADDED));
	CHECK_INT(sched.nodes[0]->used.of[SCHED_CPU], 1000);
	sched_node_gone(&sched, "late");
	CHECK(sched.nodes_by_name.count == 1);
	sched_pod_free(&sched, sched_pod_find(&sched, "p"));
	CHECK(sched.nodes_by_name.count == 0);
	sched_done(&sched);
}

/* ---- the queue ---- */

TEST(sched_queue_orders_by_priority_then_time)
{
	struct sched_pod *low, *high, *negative, *later;

	CHECK(sched_init(&sched) == 0);
	negative = put_pod("negative", "'priority':-5");
	later = put_pod("later", "'priority':0");
	low = put_pod("low", "'priority':0");
	high = put_pod("high", "'priority':1000000");
	sched_queue_add(&sched, negative, 1);
	sched_queue_add(&sched, low, 2);
	sched_queue_add(&sched, later, 3);
	sched_queue_add(&sched, high, 4);
	CHECK(sched_queue_next(&sched, 5) == high);
	sched_queue_remove(&sched, high);
	CHECK(sched_queue_next(&sched, 5) == low);
	sched_queue_remove(&sched, low);
	CHECK(sched_queue_next(&sched, 5) == later);
	sched_pod_free(&sched, later);
	CHECK(sched_queue_next(&sched, 5) == negative);
	CHECK(sched_queue_due_ns(&sched) == INT64_MAX);
	sched_done(&sched);
}

TEST(sched_queue_backs_off_and_doubles)
{
	static const int64_t waits_s[] = { 1, 2, 4, 8, 10, 10 };
	struct sched_pod *pod;
	int64_t now_ns = NS_PER_S;

	CHECK(sched_init(&sched) == 0);
	pod = put_pod("p", "");
	for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
		sched_queue_retry(&sched, pod, now_ns);
		CHECK(sched_queue_due_ns(&sched) == now_ns + waits_s[i] * NS_PER_S);
		CHECK(!sched_queue_next(&sched, now_ns + waits_s[i] * NS_PER_S - 1));
		now_ns += waits_s[i] * NS_PER_S;
		CHECK(sched_queue_next(&sched, now_ns) == pod);
	}
	sched_done(&sched);
}

TEST(sched_queue_wakes_only_whom_an_event_can_help)
{
	struct sched_pod *tainted, *full;

	CHECK(sched_init(&sched) == 0);
	tainted = put_pod("tainted", "");
	full = put_pod("full", "");
	tainted->refused_by = 1u << SCHED_FILTER_TAINTS;
	full->refused_by = 1u << SCHED_FILTER_FIT;
	sched_queue_park(&sched, tainted, 0);
	sched_queue_park(&sched, full, 0);
	sched_queue_wake(&sched, SCHED_EVENT_LABELS, 5 * NS_PER_S);
	CHECK(!sched_queue_next(&sched, 5 * NS_PER_S));
	sched_queue_wake(&sched, SCHED_EVENT_ROOM, 5 * NS_PER_S);
	CHECK(sched_queue_next(&sched, 5 * NS_PER_S) == full);
	sched_queue_remove(&sched, full);
	/* Within its back-off an event only shortens the wait to that. */
	sched_queue_wake(&sched, SCHED_EVENT_TAINTS, NS_PER_S / 2);
	CHECK(tainted->state == SCHED_BACKOFF && sched_queue_due_ns(&sched) == NS_PER_S);
	CHECK(sched_queue_next(&sched, NS_PER_S) == tainted);
	/* And nobody is forgotten. */
	sched_queue_park(&sched, tainted, 0);
	CHECK(!sched_queue_next(&sched, 299 * NS_PER_S));
	CHECK(sched_queue_next(&sched, 300 * NS_PER_S) == tainted);
	sched_done(&sched);
}

TEST(sched_asks_five_hundred_nodes_quickly)
{
	enum { NODES = 500, PODS = 2000 };
	char name[16];
	int64_t start;

	CHECK(sched_init(&sched) == 0);
	for (unsigned i = 0; i < NODES; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)put_node(name, "");
	}
	start = time_monotonic_ns();
	for (unsigned i = 0; i < PODS; i++) {
		struct sched_refusal refusal;
		struct sched_node *node;
		struct sched_pod *pod;
		int error;

		(void)snprintf(name, sizeof(name), "p%u", i);
		pod = put_pod(name, ONE("'cpu':'100m','memory':'128Mi'"));
		node = sched_choose(&sched, pod, &refusal, &error);
		CHECK(node && sched_charge(pod, node, SCHED_BOUND) == 0);
	}
	print_message("%d pods on %d nodes: %.0f pods a second\n", PODS, NODES,
		      PODS / ((double)(time_monotonic_ns() - start) / 1e9));
	for (unsigned i = 0; i < NODES; i++)
		CHECK_INT(sched.nodes[i]->n_pods, PODS / NODES);
	sched_done(&sched);
}
