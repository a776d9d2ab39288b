/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that fall silent, and taints that follow from conditions.
 *
 * A node is heard when its Ready condition carries a new heartbeat or its Lease is renewed; silent for
 * SILENT_NS, its conditions become Unknown and its pods not ready. NoSchedule taints follow the
 * conditions at once. NoExecute taints, which cost pods their lives (ctl_evict.c), are given at most
 * one node in EXECUTE_PERIOD_NS, not at all while most nodes seem gone (then it is more likely that
 * we are), and never to nodes that joined with --edge.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"
#include "orchestrator/core/podstatus.h"

#define SILENT_NS	  (40 * NS_PER_S)
#define EXECUTE_PERIOD_NS (10 * NS_PER_S)
#define EDGE_LABEL	  "node.shallop.io/edge"
#define COMPONENT	  "node-controller"

enum readiness { NOT_TOLD, READY, NOT_READY, UNKNOWN };

struct health {
	struct map_node node; /* in nodes->health */
	enum readiness ready;
	int64_t seen_ns; /* heard of last, by this clock */
	char heartbeat[TIME_TEXT_MAX];
	bool greeted; /* its Registered event is out */
	char name[];
};
struct nodes {
	struct ctl_keys keys; /* nodes */
	struct map health;
	size_t n_ready;
	int64_t execute_at_ns; /* when the next NoExecute taint may be given */
	const struct schema_kind *nodes, *pods, *leases;
};

/* ---- conditions ---- */

static const struct json_object *condition_of(const struct json_object *node, const char *type)
{
	const struct json_object *conditions = json_at(node, "status.conditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const char *text = json_str(json_get(json_idx(conditions, i), "type"));

		if (text && strcmp(text, type) == 0)
			return json_idx(conditions, i);
	}
	return NULL;
}

static bool is(const struct json_object *condition, const char *status)
{
	const char *text = json_str(json_get(condition, "status"));

	return text && strcmp(text, status) == 0;
}

static enum readiness readiness_of(const struct json_object *node)
{
	const struct json_object *ready = condition_of(node, "Ready");

	return !ready		    ? NOT_TOLD
	       : is(ready, "True")  ? READY
	       : is(ready, "False") ? NOT_READY
				    : UNKNOWN;
}

/* ---- taints ---- */

/* A condition's status, and the taint that says the same. */
static const struct {
	const char *condition, *status, *key;
	bool executes; /* NoExecute too, when that is allowed */
} taints[] = {
	{ "Ready", "False", "node.kubernetes.io/not-ready", true },
	{ "Ready", "Unknown", "node.kubernetes.io/unreachable", true },
	{ "MemoryPressure", "True", "node.kubernetes.io/memory-pressure", false },
	{ "DiskPressure", "True", "node.kubernetes.io/disk-pressure", false },
	{ "PIDPressure", "True", "node.kubernetes.io/pid-pressure", false },
	{ "NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable", false },
};
#define NOT_READY_ROW	  0
#define UNSCHEDULABLE_KEY "node.kubernetes.io/unschedulable"

/* Set in bit 2 * row for NoSchedule, 2 * row + 1 for NoExecute; the last pair is unschedulable's. */
#define NO_SCHEDULE(row) (1u << (2 * (row)))
#define NO_EXECUTE(row)	 (1u << (2 * (row) + 1))
#define CORDONED	 NO_SCHEDULE(ARRAY_LEN(taints))
#define ALL_NO_EXECUTE	 0xaaaaaaaau

static unsigned wanted_taints(const struct json_object *node)
{
	unsigned wanted = json_bool_at(node, "spec.unschedulable", false) ? CORDONED : 0;

	for (unsigned i = 0; i < ARRAY_LEN(taints); i++)
		if (is(condition_of(node, taints[i].condition), taints[i].status))
			wanted |= NO_SCHEDULE(i) | (taints[i].executes ? NO_EXECUTE(i) : 0);
	/* A node that has not said anything yet is not ready. */
	return condition_of(node, "Ready") ? wanted : wanted | NO_SCHEDULE(NOT_READY_ROW);
}

/* The bit of a taint that is ours to give and take, or 0. */
static unsigned bit_of(const struct json_object *taint)
{
	const char *key = json_str(json_get(taint, "key"));
	const char *effect = json_str(json_get(taint, "effect"));
	bool schedule = effect && strcmp(effect, "NoSchedule") == 0;
	bool execute = effect && strcmp(effect, "NoExecute") == 0;

	if (!key || (!schedule && !execute))
		return 0;
	if (schedule && strcmp(key, UNSCHEDULABLE_KEY) == 0)
		return CORDONED;
	for (unsigned i = 0; i < ARRAY_LEN(taints); i++)
		if (strcmp(key, taints[i].key) == 0 && (schedule || taints[i].executes))
			return schedule ? NO_SCHEDULE(i) : NO_EXECUTE(i);
	return 0;
}

static unsigned given_taints(const struct json_object *node)
{
	const struct json_object *list = json_at(node, "spec.taints");
	unsigned given = 0;

	for (size_t i = 0; i < json_len(list); i++)
		given |= bit_of(json_idx(list, i));
	return given;
}

static int give(struct json_object *list, const char *key, const char *effect, int64_t now_ns)
{
	struct json_object *taint = json_new_object();
	char now[TIME_TEXT_MAX];
	int r = json_add(list, taint);

	if (r == 0)
		r = json_put_str(taint, "key", key);
	if (r == 0)
		r = json_put_str(taint, "effect", effect);
	return r < 0 ? r : json_put_str(taint, "timeAdded", time_format(now_ns, now));
}

static int set_taints(struct json_object *node, unsigned wanted, int64_t now_ns)
{
	struct json_object *list = json_at(node, "spec.taints");
	unsigned given = given_taints(node);
	int r = 0;

	if (json_kind(list) != JSON_ARRAY) {
		list = json_new_array();
		r = json_put_at(node, "spec.taints", list);
	}
	for (size_t i = r < 0 ? 0 : json_len(list); i-- > 0;)
		if (bit_of(json_idx(list, i)) & ~wanted)
			json_del_idx(list, i);
	wanted &= ~given;
	for (unsigned i = 0; r == 0 && i < ARRAY_LEN(taints); i++) {
		if (wanted & NO_SCHEDULE(i))
			r = give(list, taints[i].key, "NoSchedule", now_ns);
		if (r == 0 && (wanted & NO_EXECUTE(i)))
			r = give(list, taints[i].key, "NoExecute", now_ns);
	}
	if (r == 0 && (wanted & CORDONED))
		r = give(list, UNSCHEDULABLE_KEY, "NoSchedule", now_ns);
	return r;
}

/* ---- health ---- */

static struct health *find(const struct nodes *n, const char *name)
{
	struct map_node *node = map_find(&n->health, name);

	return node ? map_entry(node, struct health, node) : NULL;
}

static struct health *find_or_make(struct nodes *n, const char *name, int64_t now_ns)
{
	struct health *h = find(n, name);

	if (h)
		return h;
	h = calloc(1, sizeof(*h) + strlen(name) + 1);
	if (!h)
		return NULL;
	h->seen_ns = now_ns; /* everybody has time from when we begin to listen */
	memcpy(h->name, name, strlen(name) + 1);
	(void)map_insert(&n->health, &h->node, h->name);
	return h;
}

static void forget(struct nodes *n, struct health *h)
{
	n->n_ready -= h->ready == READY;
	map_remove(&n->health, &h->node);
	free(h);
}

/* Nobody answers: more likely it is we who are cut off. */
static bool all_gone(const struct nodes *n)
{
	return n->n_ready == 0;
}

/* More than two, and most: no more NoExecute for now. */
static bool most_gone(const struct nodes *n)
{
	size_t gone = n->health.count - n->n_ready;

	return gone > 2 && gone * 100 >= n->health.count * 55;
}

static void look_at_all(struct nodes *n, int64_t now_ns, bool fresh)
{
	map_for_each (node, next, &n->health) {
		struct health *h = map_entry(node, struct health, node);

		if (fresh)
			h->seen_ns = now_ns;
		ctl_keys_add(&n->keys, h->name, now_ns);
	}
}

static void set_ready(struct nodes *n, struct health *h, enum readiness ready, int64_t now_ns)
{
	bool before = all_gone(n);

	n->n_ready += (ready == READY) - (h->ready == READY);
	h->ready = ready;
	if (before == all_gone(n) || n->health.count < 2)
		return;
	/* We lost everybody, or found somebody again: then all get their time anew. */
	look_at_all(n, now_ns, before);
}

/* ---- events ---- */

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct nodes *n = data;
	int64_t now_ns = core_now_ns(core);
	struct health *h = find(n, object_name(object));
	auto_json struct json_object *json = NULL;
	const char *beat;

	(void)old;
	if (type == CORE_DELETED) {
		if (h)
			forget(n, h);
		return;
	}
	h = find_or_make(n, object_name(object), now_ns);
	json = object_parse(object);
	if (!h || !json)
		return;
	beat = json_str(json_get(condition_of(json, "Ready"), "lastHeartbeatTime"));
	if (beat && strcmp(beat, h->heartbeat) != 0) {
		h->seen_ns = now_ns;
		(void)strncpy(h->heartbeat, beat, sizeof(h->heartbeat) - 1);
	}
	set_ready(n, h, readiness_of(json), now_ns);
	if (!h->greeted || wanted_taints(json) != given_taints(json))
		ctl_keys_add(&n->keys, h->name, now_ns);
}

static void on_lease(struct core *core, enum core_event_type type, struct object *object,
		     struct object *old, void *data)
{
	struct nodes *n = data;
	struct health *h;

	(void)old;
	if (type == CORE_DELETED || strcmp(object_namespace(object), "kube-node-lease") != 0)
		return;
	h = find(n, object_name(object));
	if (h)
		h->seen_ns = core_now_ns(core);
}

/* ---- a node that is silent ---- */

static int set_unknown(struct json_object *node, const char *type, int64_t now_ns)
{
	bool had = condition_of(node, type);
	const char *born = json_str_at(node, "metadata.creationTimestamp");
	struct json_object *condition;
	int r = podstatus_condition(
		node, type, "Unknown", had ? "NodeStatusUnknown" : "NodeStatusNeverUpdated",
		had ? "Kubelet stopped posting node status." : "Kubelet never posted node status.",
		now_ns);

	condition = (struct json_object *)condition_of(node, type);
	if (r == 0 && !had && born)
		r = json_put_str(condition, "lastHeartbeatTime", born);
	return r;
}

static void call_unknown(struct core *core, struct nodes *n, struct health *h,
			 struct object *object, struct json_object *json)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure",
					     "PIDPressure" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (set_unknown(json, types[i], core_now_ns(core)) < 0)
			return;
	core_update(core, n->nodes, "status", json_ref(json), ctl_keys_wrote,
		    ctl_keys_write(&n->keys, h->name));
	if (h->ready == READY) {
		auto_buf struct buf text = { 0 };

		(void)buf_printf(&text, "Node %s status is now: NodeNotReady", h->name);
		core_event(core, object, "Normal", "NodeNotReady", COMPONENT, buf_str(&text),
			   core_now_ns(core));
	}
}

struct marking {
	struct core *core;
	const struct nodes *n;
	const char *node;
};

static bool mark_pod(struct object *object, void *data)
{
	struct marking *m = data;
	auto_json struct json_object *json = NULL;

	if (strcmp(object_field(object, "spec.nodeName"), m->node) != 0)
		return true;
	json = object_parse(object);
	if (!is(condition_of(json, "Ready"), "True") ||
	    podstatus_condition(json, "Ready", "False", NULL, NULL, core_now_ns(m->core)) < 0)
		return true;
	core_update(m->core, m->n->pods, "status", take_ptr(&json), NULL, NULL);
	core_event(m->core, object, "Warning", "NodeNotReady", COMPONENT, "Node is not ready",
		   core_now_ns(m->core));
	return true;
}

/* Once, when the node is lost: the agent owns its pods' status again as soon as it is back. */
static void mark_pods(struct core *core, const struct nodes *n, const char *node)
{
	struct marking m = { core, n, node };

	core_each(core, n->pods, NULL, mark_pod, &m);
}

/* ---- work ---- */

/* NoExecute only where and when it may be; *ret_at_ns: when to ask again. */
static unsigned allow_execute(struct nodes *n, const struct object *object, unsigned wanted,
			      unsigned given, int64_t now_ns, int64_t *ret_at_ns)
{
	const char *edge = object_label(object, EDGE_LABEL);

	*ret_at_ns = INT64_MAX;
	if ((edge && strcmp(edge, "true") == 0) || all_gone(n))
		return wanted & ~ALL_NO_EXECUTE;
	if (!(wanted & ~given & ALL_NO_EXECUTE) || (given & ALL_NO_EXECUTE))
		return wanted; /* nothing new: one kind may change into the other */
	if (most_gone(n) || now_ns < n->execute_at_ns) {
		*ret_at_ns = MAX(n->execute_at_ns, now_ns + NS_PER_S);
		return wanted & ~ALL_NO_EXECUTE;
	}
	n->execute_at_ns = now_ns + EXECUTE_PERIOD_NS;
	return wanted;
}

static void greet(struct core *core, struct health *h, struct object *object)
{
	auto_buf struct buf text = { 0 };

	if (h->greeted)
		return;
	h->greeted = true;
	if (core_now_ns(core) - object_created_ns(object) > 60 * NS_PER_S)
		return; /* an old one, met again after a restart */
	(void)buf_printf(&text, "Node %s event: Registered Node %s in Controller", h->name,
			 h->name);
	core_event(core, object, "Normal", "RegisteredNode", COMPONENT, buf_str(&text),
		   core_now_ns(core));
}

static void see_to(struct core *core, struct nodes *n, const char *name, int64_t now_ns)
{
	struct object *object = core_get(core, n->nodes, "", name);
	struct health *h = find(n, name);
	auto_json struct json_object *json = object ? object_parse(object) : NULL;
	unsigned wanted, given;
	int64_t again_ns;

	if (!json || !h)
		return;
	greet(core, h, object);
	if (now_ns - h->seen_ns >= SILENT_NS && readiness_of(json) != UNKNOWN) {
		call_unknown(core, n, h, object, json);
		mark_pods(core, n, name);
		return; /* what has changed comes back as an event */
	}
	given = given_taints(json);
	wanted = allow_execute(n, object, wanted_taints(json), given, now_ns, &again_ns);
	if (wanted != given && set_taints(json, wanted, now_ns) == 0)
		core_update(core, n->nodes, "", take_ptr(&json), ctl_keys_wrote,
			    ctl_keys_write(&n->keys, name));
	if (now_ns - h->seen_ns < SILENT_NS)
		again_ns = MIN(again_ns, h->seen_ns + SILENT_NS);
	if (again_ns != INT64_MAX)
		ctl_keys_add(&n->keys, name, again_ns);
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct nodes *n = data;

	if (!n)
		return;
	while (n->health.root)
		forget(n, map_entry(n->health.root, struct health, node));
	ctl_keys_done(&n->keys);
	free(n);
}
OWN_DEFINE(nodes, struct nodes *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(nodes) struct nodes *n = calloc(1, sizeof(*n));
	int r;

	(void)now_ns;
	if (!n)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&n->keys);
	n->nodes = schema_kind_of_kind("", "v1", "Node");
	n->pods = schema_kind_of_kind("", "v1", "Pod");
	n->leases = schema_kind_of_kind("coordination.k8s.io", "v1", "Lease");
	r = core_listen(core, n->nodes, on_node, n);
	if (r == 0)
		r = core_listen(core, n->leases, on_lease, n);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&n);
	return 0;
}

#define KEYS_PER_STEP 16

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct nodes *n = data;

	for (unsigned i = 0; i < KEYS_PER_STEP; i++) {
		auto_free char *name = ctl_keys_take(&n->keys, now_ns);

		if (!name)
			return ctl_keys_due_ns(&n->keys);
		see_to(core, n, name, now_ns);
	}
	*ret_more = true;
	return now_ns;
}

const struct controller ctl_node = { "nodes", start, step, stop };
