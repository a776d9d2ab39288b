/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that nobody else will end: of nodes that do not exist any more (after a while: a node may be
 * made anew), deleted ones that never got a node, and the oldest of too many that have finished.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"
#include "orchestrator/core/podstatus.h"

#define QUARANTINE_NS	(40 * NS_PER_S)
#define FINISHED_MAX	12500 /* as kube-controller-manager's --terminated-pod-gc-threshold */
#define FINISHED_A_STEP 64

struct podgc {
	struct ctl_keys keys; /* pods, "namespace/name" */
	size_t n_finished;
	const struct schema_kind *nodes, *pods;
};

static bool finished(const struct object *pod)
{
	const char *phase = pod ? object_field(pod, "status.phase") : "";

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

static void look_at(struct podgc *g, const struct object *pod, int64_t at_ns)
{
	auto_free char *key = ctl_key_of(pod);

	if (key)
		ctl_keys_add(&g->keys, key, at_ns);
}

/* ---- events ---- */

static void on_pod(struct core *core, enum core_event_type type, struct object *object,
		   struct object *old, void *data)
{
	struct podgc *g = data;
	const char *node = object_field(object, "spec.nodeName");
	int64_t now_ns = core_now_ns(core);

	if (type == CORE_DELETED) {
		g->n_finished -= finished(old ? old : object);
		return;
	}
	g->n_finished += finished(object);
	g->n_finished -= finished(old);
	if (!*node && object_deleting(object))
		look_at(g, object, now_ns);
	else if (*node && !(old && *object_field(old, "spec.nodeName")) &&
		 !core_get(core, g->nodes, "", node))
		look_at(g, object, now_ns + QUARANTINE_NS);
}

struct looking {
	struct podgc *g;
	const char *node;
	int64_t at_ns;
};

static bool look_at_pod(struct object *object, void *data)
{
	struct looking *l = data;

	if (strcmp(object_field(object, "spec.nodeName"), l->node) == 0)
		look_at(l->g, object, l->at_ns);
	return true;
}

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct podgc *g = data;
	struct looking l = { g, object_name(object), core_now_ns(core) + QUARANTINE_NS };

	(void)old;
	if (type == CORE_DELETED)
		core_each(core, g->pods, NULL, look_at_pod, &l);
}

/* ---- work ---- */

static void remove_pod(struct core *core, struct podgc *g, struct object *object, const char *key)
{
	core_delete(core, g->pods, object_namespace(object), object_name(object),
		    &(struct core_delete_options){ .grace_s = 0, .uid = object_uid(object) },
		    ctl_keys_wrote, ctl_keys_write(&g->keys, key));
}

/* Its containers cannot be asked any more: it has failed, and says why it goes. */
static void fail_pod(struct core *core, struct podgc *g, struct object *object)
{
	auto_json struct json_object *json = object_parse(object);

	if (!json || json_put_at(json, "status.phase", json_new_string("Failed")) < 0 ||
	    podstatus_condition(json, "DisruptionTarget", "True", "DeletionByPodGC",
				"PodGC: node no longer exists", core_now_ns(core)) < 0)
		return;
	core_update(core, g->pods, "status", take_ptr(&json), NULL, NULL);
}

static void see_to(struct core *core, struct podgc *g, const char *key)
{
	auto_free char *copy = strdup(key);
	const char *namespace, *node;
	struct object *object;
	char *name;

	if (!copy)
		return;
	namespace = ctl_key_split(copy, &name);
	object = core_get(core, g->pods, namespace, name);
	if (!object)
		return;
	node = object_field(object, "spec.nodeName");
	if (*node && core_get(core, g->nodes, "", node))
		return;
	if (!*node && !object_deleting(object))
		return;
	if (*node && !finished(object))
		fail_pod(core, g, object);
	remove_pod(core, g, object, key);
}

struct oldest {
	struct object *pods[FINISHED_A_STEP];
	size_t n, wanted;
};

/* Keep the @wanted oldest, in order. */
static bool sort_in(struct object *object, void *data)
{
	struct oldest *o = data;
	size_t i = o->n;

	if (!finished(object))
		return true;
	if (o->n == o->wanted && object_created_ns(object) >= object_created_ns(o->pods[o->n - 1]))
		return true;
	if (o->n < o->wanted)
		o->n++;
	else
		i--;
	for (; i > 0 && object_created_ns(o->pods[i - 1]) > object_created_ns(object); i--)
		o->pods[i] = o->pods[i - 1];
	o->pods[i] = object;
	return true;
}

static void thin_out(struct core *core, struct podgc *g)
{
	struct oldest o = { .wanted = MIN(g->n_finished - FINISHED_MAX, FINISHED_A_STEP) };

	/* One round at a time: the deletions of the last one must be seen in the count. */
	if (!list_empty(&g->keys.writes))
		return;
	core_each(core, g->pods, NULL, sort_in, &o);
	for (size_t i = 0; i < o.n; i++) {
		auto_free char *key = ctl_key_of(o.pods[i]);

		if (key)
			remove_pod(core, g, o.pods[i], key);
	}
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct podgc *g = data;

	if (!g)
		return;
	ctl_keys_done(&g->keys);
	free(g);
}
OWN_DEFINE(podgc, struct podgc *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(podgc) struct podgc *g = calloc(1, sizeof(*g));
	int r;

	(void)now_ns;
	if (!g)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&g->keys);
	g->nodes = schema_kind_of_kind("", "v1", "Node");
	g->pods = schema_kind_of_kind("", "v1", "Pod");
	r = core_listen(core, g->nodes, on_node, g);
	if (r == 0)
		r = core_listen(core, g->pods, on_pod, g);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&g);
	return 0;
}

#define KEYS_PER_STEP 64

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct podgc *g = data;

	if (g->n_finished > FINISHED_MAX)
		thin_out(core, g);
	for (unsigned i = 0; i < KEYS_PER_STEP; i++) {
		auto_free char *key = ctl_keys_take(&g->keys, now_ns);

		if (!key)
			return ctl_keys_due_ns(&g->keys);
		see_to(core, g, key);
	}
	*ret_more = true;
	return now_ns;
}

const struct controller ctl_podgc = { "pod collection", start, step, stop };
