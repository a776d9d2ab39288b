/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "orchestrator/core/sched.h"

/* What a container without requests counts as, in scores only: it will use something. */
static const int64_t usual_request[SCHED_STORAGE] = {
	[SCHED_CPU] = 100, [SCHED_MEMORY] = 200ll << 20
};

int sched_init(struct sched *sched)
{
	static const char *const fixed[] = { "cpu", "memory", "ephemeral-storage" };
	int r = 0;

	*sched = (struct sched){ 0 };
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(fixed); i++)
		r = sched_resource_number(sched, fixed[i]);
	return r < 0 ? r : 0;
}

static void node_free(struct sched_node *node)
{
	json_unref(node->labels);
	json_unref(node->taints);
	free(node->ports);
	free(node->name);
	free(node);
}

void sched_done(struct sched *sched)
{
	while (sched->pods_by_uid.root)
		sched_pod_free(sched, map_entry(sched->pods_by_uid.root, struct sched_pod, by_uid));
	while (sched->nodes_by_name.root) {
		struct sched_node *node =
			map_entry(sched->nodes_by_name.root, struct sched_node, by_name);

		map_remove(&sched->nodes_by_name, &node->by_name);
		node_free(node);
	}
	for (unsigned i = 0; i < sched->n_resources; i++)
		free(sched->resource_names[i]);
	free(sched->nodes);
	free(sched->candidates);
	*sched = (struct sched){ 0 };
}

/* ---- amounts ---- */

int sched_resource_number(struct sched *sched, const char *name)
{
	char *copy;

	for (unsigned i = 0; i < sched->n_resources; i++)
		if (strcmp(sched->resource_names[i], name) == 0)
			return (int)i;
	if (sched->n_resources == SCHED_RESOURCES_MAX)
		return -E2BIG;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	sched->resource_names[sched->n_resources] = copy;
	return (int)sched->n_resources++;
}

/*
 * Read a resource list. Kinds of resources beyond the bound: on a node they do not count; a pod that
 * asks for one finds it nowhere (the last number is then overdrawn by it).
 */
static int read_amounts(struct sched *sched, const struct json_object *list, bool asked,
			struct sched_amounts *ret)
{
	struct json_iter it;

	json_for_each (it, list) {
		const char *text = json_str(it.value);
		struct quantity q;
		int number;

		if (strcmp(it.key, "pods") == 0 || !text || quantity_parse(text, &q, NULL) < 0)
			continue;
		number = sched_resource_number(sched, it.key);
		if (number == -ENOMEM)
			return number;
		if (number < 0 && asked)
			ret->of[SCHED_RESOURCES_MAX - 1] = INT64_MAX / 4;
		if (number >= 0)
			ret->of[number] =
				number == SCHED_CPU ? quantity_milli_value(&q) : quantity_value(&q);
	}
	return 0;
}

static int64_t sum(int64_t a, int64_t b)
{
	int64_t r;

	return __builtin_add_overflow(a, b, &r) ? INT64_MAX / 2 : r;
}

static void add(struct sched_amounts *to, const struct sched_amounts *other)
{
	for (unsigned i = 0; i < SCHED_RESOURCES_MAX; i++)
		to->of[i] = sum(to->of[i], other->of[i]);
}

static void raise_to(struct sched_amounts *to, const struct sched_amounts *other)
{
	for (unsigned i = 0; i < SCHED_RESOURCES_MAX; i++)
		to->of[i] = MAX(to->of[i], other->of[i]);
}

/* What a pod needs at once, with and without the usual amounts for what is not said. */
struct need {
	struct sched_amounts real, usual;
};

static int read_container(struct sched *sched, const struct json_object *container,
			  struct need *ret)
{
	const struct json_object *requests = json_at(container, "resources.requests");
	int r;

	*ret = (struct need){ 0 };
	r = read_amounts(sched, requests, true, &ret->real);
	ret->usual = ret->real;
	for (unsigned i = 0; i < SCHED_STORAGE; i++)
		if (!json_has(requests, sched->resource_names[i]))
			ret->usual.of[i] = usual_request[i];
	return r;
}

static void add_need(struct need *to, const struct need *other)
{
	add(&to->real, &other->real);
	add(&to->usual, &other->usual);
}

/*
 * Containers run together; init containers run before them one by one, those with restartPolicy
 * Always (sidecars) from their turn on. Kubernetes, "Sidecar Containers", resource sharing.
 */
static int read_need(struct sched *sched, const struct json_object *spec, struct need *ret)
{
	const struct json_object *inits = json_get(spec, "initContainers");
	const struct json_object *containers = json_get(spec, "containers");
	struct need sidecars = { 0 }, highest = { 0 }, one;
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_len(inits); i++) {
		const struct json_object *init = json_idx(inits, i);
		const char *policy = json_str(json_get(init, "restartPolicy"));

		r = read_container(sched, init, &one);
		if (policy && strcmp(policy, "Always") == 0) {
			add_need(&sidecars, &one);
			one = sidecars;
		} else {
			add_need(&one, &sidecars);
		}
		raise_to(&highest.real, &one.real);
		raise_to(&highest.usual, &one.usual);
	}
	*ret = sidecars;
	for (size_t i = 0; r == 0 && i < json_len(containers); i++) {
		r = read_container(sched, json_idx(containers, i), &one);
		add_need(ret, &one);
	}
	raise_to(&ret->real, &highest.real);
	raise_to(&ret->usual, &highest.usual);
	return r;
}

/* Requests of the pod as a whole stand above its containers'; overhead comes on top. */
static int read_pod_level(struct sched *sched, const struct json_object *spec, struct need *need)
{
	const struct json_object *list = json_at(spec, "resources.requests");
	struct sched_amounts whole = { 0 }, overhead = { 0 };
	struct json_iter it;
	int r = read_amounts(sched, list, true, &whole);

	if (r == 0)
		r = read_amounts(sched, json_get(spec, "overhead"), true, &overhead);
	json_for_each (it, list) {
		int i = r == 0 ? sched_resource_number(sched, it.key) : -ENOMEM;

		if (i >= 0)
			need->real.of[i] = need->usual.of[i] = whole.of[i];
	}
	add(&need->real, &overhead);
	add(&need->usual, &overhead);
	return r;
}

/* ---- ports ---- */

static uint32_t host_of(const char *ip)
{
	uint32_t h = 2166136261u;

	if (!ip || !*ip || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0)
		return 0;
	for (; *ip; ip++)
		h = (h ^ (uint8_t)*ip) * 16777619u;
	return h ? h : 1;
}

static int read_ports_of(const struct json_object *containers, struct sched_pod *pod, size_t *cap)
{
	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json_object *ports = json_get(json_idx(containers, i), "ports");

		for (size_t j = 0; j < json_len(ports); j++) {
			const struct json_object *port = json_idx(ports, j);
			const char *protocol = json_str(json_get(port, "protocol"));
			int64_t number = json_int(json_get(port, "hostPort"), 0);

			if (number <= 0 || number > UINT16_MAX)
				continue;
			if (array_grow(&pod->ports, cap, pod->n_ports + 1, sizeof(*pod->ports)) < 0)
				return -ENOMEM;
			pod->ports[pod->n_ports++] = (struct sched_port){
				.host = host_of(json_str(json_get(port, "hostIP"))),
				.port = (uint16_t)number,
				.protocol = protocol && *protocol ? *protocol : 'T',
			};
		}
	}
	return 0;
}

static int read_ports(const struct json_object *spec, struct sched_pod *pod)
{
	const struct json_object *inits = json_get(spec, "initContainers");
	size_t cap = 0;
	int r = read_ports_of(json_get(spec, "containers"), pod, &cap);

	for (size_t i = 0; r == 0 && i < json_len(inits); i++) {
		const char *policy = json_str(json_get(json_idx(inits, i), "restartPolicy"));
		auto_json struct json_object *alone = NULL;

		if (!policy || strcmp(policy, "Always") != 0)
			continue; /* it has ended by the time that ports matter */
		alone = json_new_array();
		r = alone ? json_add(alone, json_ref(json_idx(inits, i))) : -ENOMEM;
		if (r == 0)
			r = read_ports_of(alone, pod, &cap);
	}
	return r;
}

/* ---- pods ---- */

struct sched_pod *sched_pod_find(const struct sched *sched, const char *uid)
{
	struct map_node *node = map_find(&sched->pods_by_uid, uid);

	return node ? map_entry(node, struct sched_pod, by_uid) : NULL;
}

void sched_pod_forget_wishes(struct sched_pod *pod)
{
	pod->selector = json_unref(pod->selector);
	pod->required = json_unref(pod->required);
	pod->preferred = json_unref(pod->preferred);
	pod->tolerations = json_unref(pod->tolerations);
}

static void pod_destroy(struct sched_pod *pod)
{
	sched_pod_forget_wishes(pod);
	free(pod->ports);
	free(pod->uid);
	free(pod->namespace);
	free(pod->name);
	free(pod);
}

void sched_pod_free(struct sched *sched, struct sched_pod *pod)
{
	sched_queue_remove(sched, pod);
	sched_discharge(sched, pod);
	map_remove(&sched->pods_by_uid, &pod->by_uid);
	pod_destroy(pod);
}

static char *copy_of(const struct json_object *json, const char *path)
{
	const char *text = json_str_at(json, path);

	return strdup(text ? text : "");
}

static struct json_object *wish(const struct json_object *spec, const char *path)
{
	struct json_object *value = json_at(spec, path);

	return json_len(value) ? json_ref(value) : NULL;
}

static int read_pod(struct sched *sched, const struct json_object *json, struct sched_pod *pod)
{
	const struct json_object *spec = json_get(json, "spec");
	const char *policy = json_str(json_get(spec, "preemptionPolicy"));
	struct need need = { 0 };
	int r;

	pod->uid = copy_of(json, "metadata.uid");
	pod->namespace = copy_of(json, "metadata.namespace");
	pod->name = copy_of(json, "metadata.name");
	if (!pod->uid || !pod->namespace || !pod->name)
		return -ENOMEM;
	pod->generation = json_int_at(json, "metadata.generation", 0);
	pod->priority = (int32_t)json_int(json_get(spec, "priority"), 0);
	pod->never_preempts = policy && strcmp(policy, "Never") == 0;
	r = read_need(sched, spec, &need);
	if (r == 0)
		r = read_pod_level(sched, spec, &need);
	if (r == 0)
		r = read_ports(spec, pod);
	pod->request = need.real;
	memcpy(pod->usual, need.usual.of, sizeof(pod->usual));
	pod->selector = wish(spec, "nodeSelector");
	pod->required = json_ref(json_at(
		spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"));
	pod->preferred =
		wish(spec, "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution");
	pod->tolerations = wish(spec, "tolerations");
	return r;
}

int sched_pod_new(struct sched *sched, const struct json_object *json, struct sched_pod **ret)
{
	struct sched_pod *pod = calloc(1, sizeof(*pod));
	int r = pod ? read_pod(sched, json, pod) : -ENOMEM;

	if (r == 0 && map_insert(&sched->pods_by_uid, &pod->by_uid, pod->uid))
		r = -EEXIST;
	if (r < 0) {
		if (pod)
			pod_destroy(pod);
		return r;
	}
	*ret = pod;
	return 0;
}

/* ---- nodes ---- */

struct sched_node *sched_node_named(struct sched *sched, const char *name)
{
	struct map_node *found = map_find(&sched->nodes_by_name, name);
	struct sched_node *node;

	if (found)
		return map_entry(found, struct sched_node, by_name);
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->index = SIZE_MAX;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	(void)map_insert(&sched->nodes_by_name, &node->by_name, node->name);
	return node;
}

/* Without a Node object and without pods there is nothing to remember. */
static void release_node(struct sched *sched, struct sched_node *node)
{
	if (node->index != SIZE_MAX || node->n_pods)
		return;
	map_remove(&sched->nodes_by_name, &node->by_name);
	node_free(node);
}

static bool more_room(const struct sched_amounts *now, const struct sched_amounts *before)
{
	for (unsigned i = 0; i < SCHED_RESOURCES_MAX; i++)
		if (now->of[i] > before->of[i])
			return true;
	return false;
}

static void replace(struct json_object **where, struct json_object *value)
{
	json_unref(*where);
	*where = json_len(value) ? json_ref(value) : NULL;
}

static int enlist(struct sched *sched, struct sched_node *node)
{
	int r;

	if (node->index != SIZE_MAX)
		return 0;
	r = array_grow(&sched->nodes, &sched->cap_nodes, sched->n_nodes + 1,
		       sizeof(struct sched_node *));
	if (r < 0)
		return r;
	node->index = sched->n_nodes;
	sched->nodes[sched->n_nodes++] = node;
	return 1;
}

int sched_node_put(struct sched *sched, const struct json_object *json, unsigned *ret_events)
{
	const char *name = json_str_at(json, "metadata.name");
	struct sched_node *node = sched_node_named(sched, name ? name : "");
	struct json_object *labels = json_at(json, "metadata.labels");
	struct json_object *taints = json_at(json, "spec.taints");
	const char *pods = json_str_at(json, "status.allocatable.pods");
	bool unschedulable = json_bool_at(json, "spec.unschedulable", false);
	struct sched_amounts allocatable = { 0 };
	struct quantity q;
	int64_t pods_max = pods && quantity_parse(pods, &q, NULL) == 0 ? quantity_value(&q) : 0;
	unsigned events = 0;
	int r;

	if (!node)
		return -ENOMEM;
	r = read_amounts(sched, json_at(json, "status.allocatable"), false, &allocatable);
	if (r == 0)
		r = enlist(sched, node);
	if (r < 0) {
		release_node(sched, node);
		return r;
	}
	if (r > 0)
		events |= SCHED_EVENT_NODE_ADDED;
	if (!json_equal(labels, node->labels))
		events |= SCHED_EVENT_LABELS;
	if (!json_equal(taints, node->taints) || unschedulable != node->unschedulable)
		events |= SCHED_EVENT_TAINTS;
	if (more_room(&allocatable, &node->allocatable) || pods_max > node->pods_max)
		events |= SCHED_EVENT_ROOM;
	replace(&node->labels, labels);
	replace(&node->taints, taints);
	node->allocatable = allocatable;
	node->pods_max = pods_max;
	node->unschedulable = unschedulable;
	*ret_events = events;
	return 0;
}

void sched_node_gone(struct sched *sched, const char *name)
{
	struct map_node *found = map_find(&sched->nodes_by_name, name);
	struct sched_node *node = found ? map_entry(found, struct sched_node, by_name) : NULL;

	if (!node || node->index == SIZE_MAX)
		return;
	sched->nodes[node->index] = sched->nodes[--sched->n_nodes];
	sched->nodes[node->index]->index = node->index;
	node->index = SIZE_MAX;
	release_node(sched, node);
}

/* ---- charging ---- */

static void charge_amounts(struct sched_node *node, const struct sched_pod *pod, int sign)
{
	for (unsigned i = 0; i < SCHED_RESOURCES_MAX; i++)
		node->used.of[i] += sign * pod->request.of[i];
	for (unsigned i = 0; i < SCHED_STORAGE; i++)
		node->usual[i] += sign * pod->usual[i];
}

int sched_charge(struct sched_pod *pod, struct sched_node *node, enum sched_state state)
{
	int r = array_grow(&node->ports, &node->cap_ports, node->n_ports + pod->n_ports,
			   sizeof(*node->ports));

	if (r < 0)
		return r;
	if (pod->n_ports)
		memcpy(node->ports + node->n_ports, pod->ports, pod->n_ports * sizeof(*pod->ports));
	node->n_ports += pod->n_ports;
	node->n_pods++;
	charge_amounts(node, pod, 1);
	pod->node = node;
	pod->state = state;
	return 0;
}

static void give_back_port(struct sched_node *node, const struct sched_port *port)
{
	for (size_t i = 0; i < node->n_ports; i++)
		if (node->ports[i].host == port->host && node->ports[i].port == port->port &&
		    node->ports[i].protocol == port->protocol) {
			node->ports[i] = node->ports[--node->n_ports];
			return;
		}
}

void sched_discharge(struct sched *sched, struct sched_pod *pod)
{
	struct sched_node *node = pod->node;

	if (!node)
		return;
	for (size_t i = 0; i < pod->n_ports; i++)
		give_back_port(node, &pod->ports[i]);
	node->n_pods--;
	charge_amounts(node, pod, -1);
	pod->node = NULL;
	release_node(sched, node);
}
