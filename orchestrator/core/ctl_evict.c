/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NoExecute: pods that do not tolerate a taint of their node leave it, at once or after the
 * tolerationSeconds they asked for. A pod is a key with the time of its end; when that comes, node
 * and pod are read again, so that a taint taken back in time costs nobody anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"
#include "orchestrator/core/podstatus.h"

#define COMPONENT "taint-eviction-controller"

struct evictions {
	struct ctl_keys keys; /* pods, "namespace/name" */
	struct map tainted;   /* nodes with NoExecute taints */
	const struct schema_kind *nodes, *pods;
};
struct tainted {
	struct map_node node;
	struct json_object *since; /* "key=value" of a taint: when it was first seen, ns */
	char name[];
};

static struct tainted *find(const struct evictions *e, const char *name)
{
	struct map_node *node = map_find(&e->tainted, name);

	return node ? map_entry(node, struct tainted, node) : NULL;
}

static void forget(struct evictions *e, struct tainted *t)
{
	map_remove(&e->tainted, &t->node);
	json_unref(t->since);
	free(t);
}

static bool executes(const struct json_object *taint)
{
	const char *effect = json_str(json_get(taint, "effect"));

	return effect && strcmp(effect, "NoExecute") == 0;
}

/* ---- when must a pod go? ---- */

#define TAINT_NAME_MAX 400 /* a key of 317 characters, a value of 63 */

static const char *taint_name(const struct json_object *taint, char name[TAINT_NAME_MAX])
{
	const char *key = json_str(json_get(taint, "key")),
		   *value = json_str(json_get(taint, "value"));

	(void)snprintf(name, TAINT_NAME_MAX, "%s=%s", key ? key : "", value ? value : "");
	return name;
}

static bool tolerates(const struct json_object *toleration, const struct json_object *taint)
{
	const char *t_key = json_str(json_get(toleration, "key"));
	const char *t_effect = json_str(json_get(toleration, "effect"));
	const char *t_operator = json_str(json_get(toleration, "operator"));
	const char *t_value = json_str(json_get(toleration, "value"));
	const char *key = json_str(json_get(taint, "key")),
		   *value = json_str(json_get(taint, "value"));

	if (t_effect && *t_effect && strcmp(t_effect, "NoExecute") != 0)
		return false;
	if (t_key && *t_key && strcmp(t_key, key ? key : "") != 0)
		return false;
	if (t_operator && strcmp(t_operator, "Exists") == 0)
		return true;
	return t_key && *t_key &&
	       (!t_operator || !*t_operator || strcmp(t_operator, "Equal") == 0) &&
	       strcmp(t_value ? t_value : "", value ? value : "") == 0;
}

/* Taints that people give carry no timeAdded: then it is when we saw them first. */
static int64_t added_ns(const struct tainted *t, const struct json_object *taint, int64_t now_ns)
{
	const char *text = json_str(json_get(taint, "timeAdded"));
	char name[TAINT_NAME_MAX];
	int64_t at_ns;

	if (text && time_parse(text, &at_ns) == 0)
		return at_ns;
	return t ? json_int(json_get(t->since, taint_name(taint, name)), now_ns) : now_ns;
}

/* INT64_MAX: the pod may stay as far as this taint goes. */
static int64_t end_by_taint(const struct json_object *tolerations, const struct json_object *taint,
			    int64_t since_ns, int64_t now_ns)
{
	int64_t end_ns = INT64_MAX;
	bool tolerated = false;

	for (size_t i = 0; i < json_len(tolerations); i++) {
		const struct json_object *one = json_idx(tolerations, i);
		int64_t seconds;

		if (!tolerates(one, taint))
			continue;
		tolerated = true;
		if (json_kind(json_get(one, "tolerationSeconds")) != JSON_INT)
			continue;
		seconds = json_int(json_get(one, "tolerationSeconds"), 0);
		seconds = MAX(seconds, 0);
		if (seconds < (INT64_MAX - since_ns) / NS_PER_S)
			end_ns = MIN(end_ns, since_ns + seconds * NS_PER_S);
	}
	return tolerated ? end_ns : now_ns;
}

static int64_t end_of(struct core *core, const struct evictions *e, const char *node_name,
		      const struct json_object *pod, int64_t now_ns)
{
	struct object *object = core_get(core, e->nodes, "", node_name);
	auto_json struct json_object *node = object ? object_parse(object) : NULL;
	const struct json_object *taints = json_at(node, "spec.taints");
	const struct json_object *tolerations = json_at(pod, "spec.tolerations");
	int64_t end_ns = INT64_MAX;

	for (size_t i = 0; i < json_len(taints); i++) {
		const struct json_object *taint = json_idx(taints, i);

		if (executes(taint))
			end_ns = MIN(end_ns,
				     end_by_taint(tolerations, taint,
						  added_ns(find(e, node_name), taint, now_ns),
						  now_ns));
	}
	return end_ns;
}

/* ---- events ---- */

struct looking {
	struct evictions *e;
	const char *node;
	int64_t now_ns;
};

static bool look_at_pod(struct object *object, void *data)
{
	struct looking *l = data;
	auto_free char *key = NULL;

	if (strcmp(object_field(object, "spec.nodeName"), l->node) != 0)
		return true;
	key = ctl_key_of(object);
	if (key)
		ctl_keys_add(&l->e->keys, key, l->now_ns);
	return true;
}

static struct tainted *find_or_make(struct evictions *e, const char *name)
{
	struct tainted *t = find(e, name);

	if (t)
		return t;
	t = calloc(1, sizeof(*t) + strlen(name) + 1);
	if (!t)
		return NULL;
	memcpy(t->name, name, strlen(name) + 1);
	(void)map_insert(&e->tainted, &t->node, t->name);
	return t;
}

/* Since when each NoExecute taint has been there; NULL: there is none. */
static struct json_object *date_taints(const struct json_object *taints,
				       const struct json_object *before, int64_t now_ns)
{
	struct json_object *since = NULL;
	char name[TAINT_NAME_MAX];

	for (size_t i = 0; i < json_len(taints); i++) {
		if (!executes(json_idx(taints, i)))
			continue;
		(void)taint_name(json_idx(taints, i), name);
		since = since ? since : json_new_object();
		(void)json_put_int(since, name, json_int(json_get(before, name), now_ns));
	}
	return since;
}

/* Taints change a few times in a node's life; its status, all the time. */
static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct evictions *e = data;
	struct tainted *t = find(e, object_name(object));
	struct looking l = { e, object_name(object), core_now_ns(core) };
	auto_json struct json_object *json = type == CORE_DELETED ? NULL : object_parse(object);
	auto_json struct json_object *since =
		date_taints(json_at(json, "spec.taints"), t ? t->since : NULL, l.now_ns);

	(void)old;
	if (!since) {
		if (t)
			forget(e, t); /* the keys will find that nothing is to be done */
		return;
	}
	t = find_or_make(e, l.node);
	if (!t || json_equal(t->since, since))
		return;
	json_unref(t->since);
	t->since = take_ptr(&since);
	core_each(core, e->pods, NULL, look_at_pod, &l);
}

static void on_pod(struct core *core, enum core_event_type type, struct object *object,
		   struct object *old, void *data)
{
	struct evictions *e = data;
	auto_free char *key = NULL;

	if (!e->tainted.count || type == CORE_DELETED ||
	    !find(e, object_field(object, "spec.nodeName")))
		return;
	/* Bound just now, or seen for the first time; later changes of a pod cannot hasten its end. */
	if (old && *object_field(old, "spec.nodeName"))
		return;
	key = ctl_key_of(object);
	if (key)
		ctl_keys_add(&e->keys, key, core_now_ns(core));
}

/* ---- work ---- */

static void evict(struct core *core, struct evictions *e, struct object *object,
		  struct json_object *json, const char *key)
{
	auto_buf struct buf text = { 0 };

	(void)buf_printf(&text, "Marking for deletion Pod %s", key);
	core_event(core, object, "Normal", "TaintManagerEviction", COMPONENT, buf_str(&text),
		   core_now_ns(core));
	if (podstatus_condition(json, "DisruptionTarget", "True", "DeletionByTaintManager",
				"Taint manager: deleting due to NoExecute taint",
				core_now_ns(core)) == 0)
		core_update(core, e->pods, "status", json_ref(json), NULL, NULL);
	core_delete(core, e->pods, object_namespace(object), object_name(object),
		    &(struct core_delete_options){ .grace_s = -1, .uid = object_uid(object) },
		    ctl_keys_wrote, ctl_keys_write(&e->keys, key));
}

static void see_to(struct core *core, struct evictions *e, const char *key, int64_t now_ns)
{
	auto_free char *copy = strdup(key);
	auto_json struct json_object *json = NULL;
	const char *namespace;
	struct object *object;
	int64_t end_ns;
	char *name;

	if (!copy)
		return;
	namespace = ctl_key_split(copy, &name);
	object = core_get(core, e->pods, namespace, name);
	if (!object || object_deleting(object))
		return;
	json = object_parse(object);
	if (!json)
		return;
	end_ns = end_of(core, e, object_field(object, "spec.nodeName"), json, now_ns);
	if (end_ns <= now_ns)
		evict(core, e, object, json, key);
	else if (end_ns != INT64_MAX)
		ctl_keys_add(&e->keys, key, end_ns);
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct evictions *e = data;

	if (!e)
		return;
	while (e->tainted.root)
		forget(e, map_entry(e->tainted.root, struct tainted, node));
	ctl_keys_done(&e->keys);
	free(e);
}
OWN_DEFINE(evictions, struct evictions *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(evictions) struct evictions *e = calloc(1, sizeof(*e));
	int r;

	(void)now_ns;
	if (!e)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&e->keys);
	e->nodes = schema_kind_of_kind("", "v1", "Node");
	e->pods = schema_kind_of_kind("", "v1", "Pod");
	r = core_listen(core, e->nodes, on_node, e);
	if (r == 0)
		r = core_listen(core, e->pods, on_pod, e);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&e);
	return 0;
}

#define KEYS_PER_STEP 16

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct evictions *e = data;

	for (unsigned i = 0; i < KEYS_PER_STEP; i++) {
		auto_free char *key = ctl_keys_take(&e->keys, now_ns);

		if (!key)
			return ctl_keys_due_ns(&e->keys);
		see_to(core, e, key, now_ns);
	}
	*ret_more = true;
	return now_ns;
}

const struct controller ctl_evict = { "taint eviction", start, step, stop };
