/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that live and die with their owners (Kubernetes, "Garbage Collection").
 *
 * Kept in memory: for each uid that some object names as its owner, the keys of those objects. When
 * an owner has gone, they are looked at: one with no living owner left is deleted, one with some left
 * forgets the others. An owner that ends in the foreground waits for those that block it; one that
 * orphans waits until nobody names it any more. Both wait for events, not for time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN	   "orphan"

struct owner {
	struct map_node node; /* in gc->owners, by uid */
	struct map dependents;
	bool alive;    /* was found to exist; its DELETED event will come */
	char *waiting; /* its own key, while it waits for its dependents */
	char uid[];
};
struct dependent {
	struct map_node node; /* in owner->dependents */
	char key[];
};
struct gc {
	struct ctl_keys keys; /* objects, see key_of() */
	struct map owners;
};

/* ---- keys: "12/namespace/name", the number that of the kind ---- */

static char *key_of(const struct object *object)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	size_t size = strlen(namespace) + strlen(name) + 24, kind = 0;
	char *key = malloc(size);

	while (schema_kinds[kind] != object_kind(object))
		kind++;
	if (key)
		(void)snprintf(key, size, "%zu/%s/%s", kind, namespace, name);
	return key;
}

static struct object *object_of(struct core *core, const char *key)
{
	auto_free char *copy = strdup(key);
	char *rest = NULL, *name;
	size_t kind = copy ? strtoul(copy, &rest, 10) : schema_n_kinds;
	const char *namespace;

	if (kind >= schema_n_kinds || *rest != '/')
		return NULL;
	namespace = ctl_key_split(rest + 1, &name);
	return core_get(core, schema_kinds[kind], namespace, name);
}

/* ---- who names whom ---- */

static struct owner *find(const struct gc *gc, const char *uid)
{
	struct map_node *node = map_find(&gc->owners, uid);

	return node ? map_entry(node, struct owner, node) : NULL;
}

static struct owner *find_or_make(struct gc *gc, const char *uid)
{
	struct owner *o = find(gc, uid);

	if (o)
		return o;
	o = calloc(1, sizeof(*o) + strlen(uid) + 1);
	if (!o)
		return NULL;
	memcpy(o->uid, uid, strlen(uid) + 1);
	(void)map_insert(&gc->owners, &o->node, o->uid);
	return o;
}

static void drop_dependent(struct owner *o, const char *key)
{
	struct map_node *node = map_find(&o->dependents, key);

	if (!node)
		return;
	map_remove(&o->dependents, node);
	free(map_entry(node, struct dependent, node));
}

static void forget(struct gc *gc, struct owner *o)
{
	while (o->dependents.root)
		drop_dependent(o, o->dependents.root->key);
	map_remove(&gc->owners, &o->node);
	free(o->waiting);
	free(o);
}

static bool add_dependent(struct owner *o, const char *key)
{
	struct dependent *d;

	if (map_find(&o->dependents, key))
		return false;
	d = malloc(sizeof(*d) + strlen(key) + 1);
	if (!d)
		return false;
	memcpy(d->key, key, strlen(key) + 1);
	(void)map_insert(&o->dependents, &d->node, d->key);
	return true;
}

static bool names(const struct object *object, const char *uid)
{
	const char *have;
	bool controller;

	for (size_t i = 0; object && (have = object_owner_uid(object, i, &controller)); i++)
		if (strcmp(have, uid) == 0)
			return true;
	return false;
}

/* ---- events ---- */

static void unlink_old(struct gc *gc, const struct object *old, const struct object *now,
		       const char *key, int64_t now_ns)
{
	const char *uid;
	bool controller;

	for (size_t i = 0; old && (uid = object_owner_uid(old, i, &controller)); i++) {
		struct owner *o = names(now, uid) ? NULL : find(gc, uid);

		if (!o)
			continue;
		drop_dependent(o, key);
		if (o->waiting)
			ctl_keys_add(&gc->keys, o->waiting, now_ns);
		if (!o->dependents.count)
			forget(gc, o);
	}
}

static void link_new(struct gc *gc, const struct object *object, const char *key, int64_t now_ns)
{
	const char *uid;
	bool controller;

	for (size_t i = 0; (uid = object_owner_uid(object, i, &controller)); i++) {
		struct owner *o = find_or_make(gc, uid);

		if (o && add_dependent(o, key) && !o->alive)
			ctl_keys_add(&gc->keys, key, now_ns);
	}
}

static void owner_gone(struct gc *gc, const char *uid, int64_t now_ns)
{
	struct owner *o = find(gc, uid);

	if (!o)
		return;
	o->alive = false;
	map_for_each (node, next, &o->dependents)
		ctl_keys_add(&gc->keys, node->key, now_ns);
}

static void on_object(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	struct gc *gc = data;
	int64_t now_ns = core_now_ns(core);
	bool ending =
		type != CORE_DELETED && object_deleting(object) && object_has_finalizers(object);
	const struct object *last = type == CORE_DELETED ? object : old;
	auto_free char *key = NULL;
	bool controller;

	if (type == CORE_DELETED)
		owner_gone(gc, object_uid(object), now_ns);
	if (!ending && !object_owner_uid(object, 0, &controller) &&
	    !(last && object_owner_uid(last, 0, &controller)))
		return; /* as most */
	key = key_of(object);
	if (!key)
		return;
	unlink_old(gc, last, type == CORE_DELETED ? NULL : object, key, now_ns);
	if (type != CORE_DELETED)
		link_new(gc, object, key, now_ns);
	if (ending)
		ctl_keys_add(&gc->keys, key, now_ns);
}

/* ---- what becomes of a dependent ---- */

enum fate { ALIVE, ENDING_IN_FOREGROUND, GONE };

static bool has_finalizer(const struct json_object *json, const char *finalizer)
{
	const struct json_object *list = json_at(json, "metadata.finalizers");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_str(json_idx(list, i));

		if (name && strcmp(name, finalizer) == 0)
			return true;
	}
	return false;
}

static const struct schema_kind *kind_of_reference(const struct json_object *reference)
{
	const char *version = json_str(json_get(reference, "apiVersion"));
	const char *kind = json_str(json_get(reference, "kind"));
	const char *slash = version ? strchr(version, '/') : NULL;
	char group[256] = "";

	if (!version || !kind)
		return NULL;
	if (slash && (size_t)(slash - version) < sizeof(group))
		memcpy(group, version, (size_t)(slash - version));
	return schema_kind_of_kind(group, slash ? slash + 1 : version, kind);
}

static enum fate fate_of_owner(struct core *core, struct gc *gc, const struct object *dependent,
			       const struct json_object *reference)
{
	const struct schema_kind *kind = kind_of_reference(reference);
	const char *name = json_str(json_get(reference, "name"));
	const char *uid = json_str(json_get(reference, "uid"));
	struct object *owner;
	struct owner *o;

	if (!kind || !name || !uid)
		return ALIVE; /* a kind we do not serve: not ours to judge */
	owner = core_get(core, kind, kind->namespaced ? object_namespace(dependent) : "", name);
	if (!owner || strcmp(object_uid(owner), uid) != 0)
		return GONE;
	o = find(gc, uid);
	if (o)
		o->alive = true;
	if (object_deleting(owner) && object_has_finalizers(owner)) {
		auto_json struct json_object *json = object_parse(owner);

		if (has_finalizer(json, FOREGROUND))
			return ENDING_IN_FOREGROUND;
	}
	return ALIVE;
}

static void update(struct core *core, struct gc *gc, const struct object *object,
		   struct json_object *json, const char *key)
{
	core_update(core, object_kind(object), "", json, ctl_keys_wrote,
		    ctl_keys_write(&gc->keys, key));
}

static void delete_object(struct core *core, struct gc *gc, const struct object *object,
			  const char *policy, const char *key)
{
	core_delete(core, object_kind(object), object_namespace(object), object_name(object),
		    &(struct core_delete_options){
			    .grace_s = -1, .uid = object_uid(object), .propagation = policy },
		    ctl_keys_wrote, ctl_keys_write(&gc->keys, key));
}

/* Deleted when no owner lives; else what is dead is taken off the list. */
static void judge_dependent(struct core *core, struct gc *gc, struct object *object,
			    struct json_object *json, const char *key)
{
	struct json_object *references = json_at(json, "metadata.ownerReferences");
	size_t n = json_len(references), alive = 0, foreground = 0;

	for (size_t i = n; i-- > 0;) {
		enum fate fate = fate_of_owner(core, gc, object, json_idx(references, i));

		alive += fate == ALIVE;
		foreground += fate == ENDING_IN_FOREGROUND;
		if (fate != ALIVE)
			json_del_idx(references, i);
	}
	if (n == 0 || alive == n)
		return;
	if (alive)
		update(core, gc, object, json_ref(json), key);
	else if (!object_deleting(object))
		delete_object(core, gc, object,
			      foreground		    ? "Foreground"
			      : has_finalizer(json, ORPHAN) ? "Orphan"
							    : "Background",
			      key);
}

/* ---- what becomes of an owner that waits ---- */

static void take_finalizer(struct core *core, struct gc *gc, struct object *object,
			   struct json_object *json, const char *finalizer, const char *key)
{
	struct json_object *list = json_at(json, "metadata.finalizers");

	for (size_t i = json_len(list); i-- > 0;) {
		const char *name = json_str(json_idx(list, i));

		if (name && strcmp(name, finalizer) == 0)
			json_del_idx(list, i);
	}
	update(core, gc, object, json_ref(json), key);
}

static void wait_for_dependents(struct gc *gc, const char *uid, const char *key)
{
	struct owner *o = find(gc, uid);

	if (o && !o->waiting)
		o->waiting = strdup(key);
}

static bool blocks(const struct json_object *dependent, const char *uid)
{
	const struct json_object *references = json_at(dependent, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(references); i++) {
		const struct json_object *one = json_idx(references, i);
		const char *have = json_str(json_get(one, "uid"));

		if (have && strcmp(have, uid) == 0)
			return json_truth(json_get(one, "blockOwnerDeletion"), false);
	}
	return false;
}

/* Its dependents are sent away; it goes when none is left that blocks it. */
static void end_in_foreground(struct core *core, struct gc *gc, struct object *object,
			      struct json_object *json, const char *key)
{
	struct owner *o = find(gc, object_uid(object));
	bool blocked = false;

	if (o)
		map_for_each (node, next, &o->dependents) {
			struct object *dependent = object_of(core, node->key);
			auto_json struct json_object *it =
				dependent ? object_parse(dependent) : NULL;

			blocked |= blocks(it, o->uid);
			if (dependent && !object_deleting(dependent))
				ctl_keys_add(&gc->keys, node->key, core_now_ns(core));
		}
	if (blocked)
		wait_for_dependents(gc, object_uid(object), key);
	else
		take_finalizer(core, gc, object, json, FOREGROUND, key);
}

static void remove_reference(struct core *core, struct gc *gc, const char *dependent_key,
			     const char *uid)
{
	struct object *dependent = object_of(core, dependent_key);
	auto_json struct json_object *json = dependent ? object_parse(dependent) : NULL;
	struct json_object *references = json_at(json, "metadata.ownerReferences");

	for (size_t i = json_len(references); i-- > 0;) {
		const char *have = json_str(json_get(json_idx(references, i), "uid"));

		if (have && strcmp(have, uid) == 0)
			json_del_idx(references, i);
	}
	if (json)
		update(core, gc, dependent, take_ptr(&json), dependent_key);
}

static void orphan(struct core *core, struct gc *gc, struct object *object,
		   struct json_object *json, const char *key)
{
	struct owner *o = find(gc, object_uid(object));

	if (!o || !o->dependents.count) {
		take_finalizer(core, gc, object, json, ORPHAN, key);
		return;
	}
	wait_for_dependents(gc, o->uid, key);
	map_for_each (node, next, &o->dependents)
		remove_reference(core, gc, node->key, o->uid);
}

static void see_to(struct core *core, struct gc *gc, const char *key)
{
	struct object *object = object_of(core, key);
	auto_json struct json_object *json = object ? object_parse(object) : NULL;

	if (!json)
		return;
	if (object_deleting(object) && has_finalizer(json, ORPHAN))
		orphan(core, gc, object, json, key);
	else if (object_deleting(object) && has_finalizer(json, FOREGROUND))
		end_in_foreground(core, gc, object, json, key);
	else
		judge_dependent(core, gc, object, json, key);
}

/* ---- the controller ---- */

/* Events are nobody's and many. */
static bool collects(const struct schema_kind *kind)
{
	return (kind->verbs & VERB_DELETE) && strcmp(kind->resource, "events") != 0;
}

static void stop(void *data)
{
	struct gc *gc = data;

	if (!gc)
		return;
	while (gc->owners.root)
		forget(gc, map_entry(gc->owners.root, struct owner, node));
	ctl_keys_done(&gc->keys);
	free(gc);
}
OWN_DEFINE(gc, struct gc *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(gc) struct gc *gc = calloc(1, sizeof(*gc));
	int r = gc ? 0 : -ENOMEM;

	(void)now_ns;
	if (gc)
		ctl_keys_init(&gc->keys);
	for (size_t i = 0; r == 0 && i < schema_n_kinds; i++)
		if (collects(schema_kinds[i]))
			r = core_listen(core, schema_kinds[i], on_object, gc);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&gc);
	return 0;
}

#define KEYS_PER_STEP 32

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct gc *gc = data;

	for (unsigned i = 0; i < KEYS_PER_STEP; i++) {
		auto_free char *key = ctl_keys_take(&gc->keys, now_ns);

		if (!key)
			return ctl_keys_due_ns(&gc->keys);
		see_to(core, gc, key);
	}
	*ret_more = true;
	return now_ns;
}

const struct controller ctl_gc = { "garbage collection", start, step, stop };
