/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a namespace: everything in it is deleted, kind by kind, then its finalizer is taken and
 * it goes. A pass deletes a bounded number of objects and waits for those writes; what has finalizers
 * or runs on a node goes later by itself, and each object that goes brings the next pass.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"
#include "orchestrator/core/podstatus.h"

#define DELETES_PER_PASS 128
#define OBJECTS_PER_STEP 4096 /* looked at: a millisecond at most */

struct terminating {
	struct map_node node; /* in namespaces->ending */
	struct namespaces *owner;
	unsigned writes; /* deletes under way */
	char name[];
};
struct namespaces {
	struct ctl_keys keys; /* namespaces to make a pass over */
	struct map ending;    /* those with a deletionTimestamp */
	const struct schema_kind *kind;
};

static struct terminating *find(const struct namespaces *n, const char *name)
{
	struct map_node *node = map_find(&n->ending, name);

	return node ? map_entry(node, struct terminating, node) : NULL;
}

/* ---- events ---- */

static void begin(struct namespaces *n, const char *name)
{
	struct terminating *t;

	if (find(n, name))
		return;
	t = calloc(1, sizeof(*t) + strlen(name) + 1);
	if (!t)
		return;
	t->owner = n;
	memcpy(t->name, name, strlen(name) + 1);
	(void)map_insert(&n->ending, &t->node, t->name);
}

static void on_namespace(struct core *core, enum core_event_type type, struct object *object,
			 struct object *old, void *data)
{
	struct namespaces *n = data;

	(void)old;
	if (type != CORE_DELETED && !object_deleting(object))
		return;
	if (type != CORE_DELETED)
		begin(n, object_name(object));
	/* Also when it is gone: the pass that finds nothing any more forgets it. */
	ctl_keys_add(&n->keys, object_name(object), core_now_ns(core));
}

/* Anything that goes, or appears all the same, in a namespace that ends. */
static void on_content(struct core *core, enum core_event_type type, struct object *object,
		       struct object *old, void *data)
{
	struct namespaces *n = data;

	(void)old;
	if (type != CORE_MODIFIED && n->ending.count && find(n, object_namespace(object)))
		ctl_keys_add(&n->keys, object_namespace(object), core_now_ns(core));
}

/* ---- a pass ---- */

struct pass {
	struct core *core;
	struct namespaces *owner;
	struct terminating *t;
	unsigned deletes, kind_count;
	size_t seen;
	bool full;	      /* the bound is reached: there may be more */
	struct buf remaining; /* "pods. has 2 resource instances, …" */
};

static void on_deleted(struct core *core, int result, const char *sentence, struct object *object,
		       void *data)
{
	struct terminating *t = data;

	(void)sentence;
	(void)object;
	t->writes--;
	if (t->writes)
		return;
	/* A store that refuses is asked again, not too soon. */
	ctl_keys_add(&t->owner->keys, t->name,
		     core_now_ns(core) + (result < 0 && result != -ENOENT ? NS_PER_S : 0));
}

static bool delete_one(struct object *object, void *data)
{
	struct pass *p = data;

	p->kind_count++;
	if (++p->seen > OBJECTS_PER_STEP || p->deletes == DELETES_PER_PASS) {
		p->full = true;
		return false;
	}
	if (object_deleting(object))
		return true;
	p->deletes++;
	p->t->writes++;
	core_delete(p->core, object_kind(object), object_namespace(object), object_name(object),
		    &(struct core_delete_options){
			    .grace_s = -1, .uid = object_uid(object), .propagation = "Background" },
		    on_deleted, p->t);
	return true;
}

static bool holds_objects(const struct schema_kind *kind)
{
	return kind->namespaced && (kind->verbs & VERB_DELETE) && (kind->verbs & VERB_LIST);
}

static void delete_kind(struct pass *p, const struct schema_kind *kind)
{
	p->kind_count = 0;
	core_each(p->core, kind, p->t->name, delete_one, p);
	if (p->kind_count)
		(void)buf_printf(&p->remaining, "%s%s.%s has %u resource instances",
				 p->remaining.len ? ", " : "", kind->resource, kind->group,
				 p->kind_count);
}

/* ---- what is said about it ---- */

/* The conditions that stay: this server knows its kinds, and a delete that fails is tried again. */
static const struct {
	const char *type, *reason, *message;
} fine[] = {
	{ "NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered",
	  "All resources successfully discovered" },
	{ "NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
	  "All legacy kube types successfully parsed" },
	{ "NamespaceDeletionContentFailure", "ContentDeleted",
	  "All content successfully deleted, may be waiting on finalization" },
};

static int put_conditions(struct json_object *json, const char *remaining, int64_t now_ns)
{
	auto_buf struct buf text = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fine); i++)
		r = podstatus_condition(json, fine[i].type, "False", fine[i].reason,
					fine[i].message, now_ns);
	if (r == 0)
		r = buf_printf(&text, "Some resources are remaining: %s", remaining);
	return r < 0 ? r
		     : podstatus_condition(json, "NamespaceContentRemaining", "True",
					   "SomeResourcesRemain", buf_str(&text), now_ns);
}

static void say(struct pass *p, struct object *namespace)
{
	auto_json struct json_object *json = object_parse(namespace);
	auto_json struct json_object *before = json_copy(json_at(json, "status.conditions"));

	if (!json || put_conditions(json, buf_str(&p->remaining), core_now_ns(p->core)) < 0 ||
	    json_equal(before, json_at(json, "status.conditions")))
		return;
	core_update(p->core, p->owner->kind, "status", take_ptr(&json), NULL, NULL);
}

static void let_go(struct pass *p, struct object *namespace)
{
	auto_json struct json_object *json = object_parse(namespace);
	struct json_object *finalizers = json_at(json, "spec.finalizers");
	bool had = false;

	for (size_t i = json_len(finalizers); i-- > 0;) {
		const char *name = json_str(json_idx(finalizers, i));

		if (name && strcmp(name, "kubernetes") == 0) {
			json_del_idx(finalizers, i);
			had = true;
		}
	}
	if (had)
		core_update(p->core, p->owner->kind, "finalize", take_ptr(&json), ctl_keys_wrote,
			    ctl_keys_write(&p->owner->keys, p->t->name));
}

static void forget(struct namespaces *n, struct terminating *t)
{
	map_remove(&n->ending, &t->node);
	free(t);
}

static void make_pass(struct core *core, struct namespaces *n, struct terminating *t)
{
	struct object *namespace = core_get(core, n->kind, "", t->name);
	struct pass p = { .core = core, .owner = n, .t = t };

	if (!namespace || !object_deleting(namespace)) {
		forget(n, t);
		return;
	}
	t->writes++; /* ours, so that a write that fails at once does not look like the last */
	for (size_t i = 0; i < schema_n_kinds && !p.full; i++)
		if (holds_objects(schema_kinds[i]))
			delete_kind(&p, schema_kinds[i]);
	if (!p.remaining.len)
		let_go(&p, namespace);
	else if (!p.deletes && !p.full)
		say(&p, namespace);
	t->writes--;
	if (p.full && !t->writes)
		ctl_keys_add(&n->keys, t->name, core_now_ns(core));
	buf_done(&p.remaining);
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct namespaces *n = data;

	if (!n)
		return;
	while (n->ending.root)
		forget(n, map_entry(n->ending.root, struct terminating, node));
	ctl_keys_done(&n->keys);
	free(n);
}
OWN_DEFINE(namespaces, struct namespaces *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(namespaces) struct namespaces *n = calloc(1, sizeof(*n));
	int r;

	(void)now_ns;
	if (!n)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&n->keys);
	n->kind = schema_kind_of_kind("", "v1", "Namespace");
	r = core_listen(core, n->kind, on_namespace, n);
	for (size_t i = 0; r == 0 && i < schema_n_kinds; i++)
		if (holds_objects(schema_kinds[i]))
			r = core_listen(core, schema_kinds[i], on_content, n);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&n);
	return 0;
}

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct namespaces *n = data;
	auto_free char *name = ctl_keys_take(&n->keys, now_ns);
	struct terminating *t = name ? find(n, name) : NULL;

	if (t && !t->writes)
		make_pass(core, n, t);
	if (ctl_keys_due_ns(&n->keys) <= now_ns)
		*ret_more = true;
	return ctl_keys_due_ns(&n->keys);
}

const struct controller ctl_namespace = { "namespaces", start, step, stop };
