/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded days in the life of a small cluster: pods come, end and go, nodes are cordoned, fall silent,
 * are deleted and made anew, the server restarts from what it stored. After each step: no node above
 * its capacity, no pod on two nodes in its life; in the quiet at the end: who fits somewhere, runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/time.h"
#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define NODES "/api/v1/nodes"
#define PODS  "/api/v1/namespaces/default/pods"
enum { N_NODES = 4, NODE_CPU_M = 2000, N_STEPS = 120, SEEDS = 4 };

struct place { /* of a uid, for ever */
	struct map_node node;
	char uid[40], where[8];
};
static struct {
	struct bench *bench;
	uint64_t random;
	bool cordoned[N_NODES], silent[N_NODES], there[N_NODES];
	unsigned next_pod;
	struct map places;
} town;

static unsigned dice(unsigned sides)
{
	town.random = town.random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(town.random >> 33) % sides;
}

static int ask(const char *method, const char *path, const char *body)
{
	auto_reply struct reply reply = bench_call(town.bench, method, path, body);

	return reply.status;
}

/* ---- what happens ---- */

static void put_node(unsigned i)
{
	char text[512], now[TIME_TEXT_MAX];

	(void)snprintf(
		text, sizeof(text),
		"{'metadata':{'name':'n%u'},'status':{'allocatable':{'cpu':'%um','memory':'4Gi',"
		"'pods':'110'},'conditions':[{'type':'Ready','status':'True',"
		"'lastHeartbeatTime':'%s'}]}}",
		i, NODE_CPU_M, time_format(town.bench->now_ns, now));
	CHECK_INT(ask("POST", NODES, text), 201);
	town.there[i] = true;
	town.cordoned[i] = town.silent[i] = false;
}

static void beat(unsigned i)
{
	char path[64], text[256], now[TIME_TEXT_MAX];

	(void)snprintf(path, sizeof(path), NODES "/n%u/status", i);
	(void)snprintf(text, sizeof(text),
		       "{'status':{'conditions':[{'type':'Ready','status':'True',"
		       "'lastHeartbeatTime':'%s'}]}}",
		       time_format(town.bench->now_ns, now));
	CHECK_INT(ask("PATCH", path, text), 200);
}

/* The played agents: pods that are being deleted end, on nodes that are there. */
static void end_pods(void)
{
	auto_reply struct reply list = bench_call(town.bench, "GET", PODS, NULL);
	const struct json_object *items = json_get(list.json, "items");

	for (size_t i = 0; i < json_len(items); i++) {
		const struct json_object *pod = json_idx(items, i);
		const char *node = json_str_at(pod, "spec.nodeName");
		char path[96];

		if (!json_str_at(pod, "metadata.deletionTimestamp") || !node ||
		    town.silent[node[1] - '0'])
			continue;
		(void)snprintf(path, sizeof(path), PODS "/%s?gracePeriodSeconds=0",
			       json_str_at(pod, "metadata.name"));
		CHECK_INT(ask("DELETE", path, NULL), 200);
	}
}

static void pass(int64_t seconds)
{
	for (int64_t s = 0; s < seconds; s += 10) {
		bench_pass(town.bench, 10);
		for (unsigned i = 0; i < N_NODES; i++)
			if (town.there[i] && !town.silent[i])
				beat(i);
		end_pods();
	}
}

static void make_pod(void)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{'metadata':{'name':'p%u'},'spec':{'priority':0,'containers':[{'name':'c','image':"
		"'nginx','resources':{'requests':{'cpu':'%um'}}}]}}",
		town.next_pod++, 100 + dice(12) * 100);
	CHECK_INT(ask("POST", PODS, text), 201);
}

static void change_pod(bool delete)
{
	char path[64];

	if (!town.next_pod)
		return;
	(void)snprintf(path, sizeof(path), delete ? PODS "/p%u" : PODS "/p%u/status",
		       dice(town.next_pod));
	(void)ask(delete ? "DELETE" : "PATCH", path,
		  delete ? NULL : "{'status':{'phase':'Succeeded'}}");
}

static void change_node(unsigned what)
{
	unsigned i = dice(N_NODES);
	char path[64];

	(void)snprintf(path, sizeof(path), NODES "/n%u", i);
	if (!town.there[i]) {
		put_node(i);
	} else if (what == 0) {
		town.cordoned[i] = !town.cordoned[i];
		CHECK_INT(ask("PATCH", path,
			      town.cordoned[i] ? "{'spec':{'unschedulable':true}}"
					       : "{'spec':{'unschedulable':null}}"),
			  200);
	} else if (what == 1) {
		town.silent[i] = !town.silent[i];
	} else {
		CHECK_INT(ask("DELETE", path, NULL), 200);
		town.there[i] = false;
		town.silent[i] = true; /* its agent with it */
	}
}

/* ---- what must hold ---- */

static unsigned milli(const struct json_object *pod)
{
	const char *cpu =
		json_str_at(json_idx(json_at(pod, "spec.containers"), 0), "resources.requests.cpu");
	unsigned n = cpu ? (unsigned)strtoul(cpu, NULL, 10) : 0;

	return cpu && strchr(cpu, 'm') ? n : n * 1000;
}

static void remember(const struct json_object *pod, const char *node)
{
	const char *uid = json_str_at(pod, "metadata.uid");
	struct map_node *found = map_find(&town.places, uid);
	struct place *place =
		found ? map_entry(found, struct place, node) : calloc(1, sizeof(*place));

	if (found) {
		CHECK_STR(place->where, node);
		return;
	}
	(void)snprintf(place->uid, sizeof(place->uid), "%s", uid);
	(void)snprintf(place->where, sizeof(place->where), "%s", node);
	(void)map_insert(&town.places, &place->node, place->uid);
}

static bool over(const struct json_object *pod)
{
	const char *phase = json_str_at(pod, "status.phase");

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

/* Fills in what is used; how many wait. */
static unsigned look(unsigned used[N_NODES], unsigned *ret_smallest_waiting)
{
	auto_reply struct reply list = bench_call(town.bench, "GET", PODS, NULL);
	const struct json_object *items = json_get(list.json, "items");
	unsigned waiting = 0;

	memset(used, 0, N_NODES * sizeof(*used));
	*ret_smallest_waiting = ~0u;
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json_object *pod = json_idx(items, i);
		const char *node = json_str_at(pod, "spec.nodeName");

		if (node)
			remember(pod, node);
		if (over(pod))
			continue;
		if (node)
			used[node[1] - '0'] += milli(pod);
		else if (milli(pod) < *ret_smallest_waiting)
			*ret_smallest_waiting = milli(pod);
		waiting += !node;
	}
	for (unsigned i = 0; i < N_NODES; i++)
		if (used[i] > NODE_CPU_M)
			fail_msg("n%u holds %um", i, used[i]);
	return waiting;
}

static void live(uint64_t seed)
{
	unsigned used[N_NODES], smallest;

	town.bench = bench_new();
	town.random = seed;
	town.next_pod = 0;
	for (unsigned i = 0; i < N_NODES; i++)
		put_node(i);
	for (unsigned step = 0; step < N_STEPS; step++) {
		unsigned what = dice(20);

		if (what < 9)
			make_pod();
		else if (what < 13)
			change_pod(what < 11);
		else if (what < 16)
			change_node(what - 13);
		else if (what < 17)
			bench_restart(town.bench);
		else
			pass(10 * (1 + dice(3)));
		(void)look(used, &smallest);
	}
	for (unsigned i = 0; i < N_NODES; i++)
		if (!town.there[i])
			put_node(i);
		else
			town.silent[i] = false;
	pass(420); /* evictions, collections, back-off: all is over */
	if (look(used, &smallest))
		for (unsigned i = 0; i < N_NODES; i++)
			if (!town.cordoned[i] && used[i] + smallest <= NODE_CPU_M)
				fail_msg("seed %llu: a pod of %um waits, n%u holds %um",
					 (unsigned long long)seed, smallest, i, used[i]);
	town.bench = bench_free(town.bench);
	while (town.places.root) {
		struct place *place = map_entry(town.places.root, struct place, node);

		map_remove(&town.places, &place->node);
		free(place);
	}
}

TEST(scheduler_and_controllers_through_seeded_days)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed);
}
