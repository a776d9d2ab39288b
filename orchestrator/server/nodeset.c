/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/nodeset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/server/nodeset_impl.h"

/* ---- one node's pods ---- */

static void set_pod_free(struct nodeset *set, struct set_pod *pod)
{
	map_remove(&set->pods, &pod->node);
	nodeset_release(set, pod->needs, pod->n_needs);
	free(pod->key);
	free(pod->uid);
	free(pod);
}

static struct set_pod *set_pod_get(struct nodeset *set, const char *namespace, const char *name)
{
	struct map_node *node;
	char key[600];

	if (snprintf(key, sizeof(key), "%s/%s", namespace, name) >= (int)sizeof(key))
		return NULL;
	node = map_find(&set->pods, key);
	return node ? map_entry(node, struct set_pod, node) : NULL;
}

static struct set_pod *set_pod_new(struct nodeset *set, const char *namespace, const char *name)
{
	struct set_pod *pod = calloc(1, sizeof(*pod));

	if (!pod)
		return NULL;
	if (asprintf(&pod->key, "%s/%s", namespace, name) < 0) {
		free(pod);
		return NULL;
	}
	(void)map_insert(&set->pods, &pod->node, pod->key);
	return pod;
}

static void send_need(struct nodeset *set, struct need *need)
{
	const struct wanted *wanted = need->wanted;
	struct object *object = core_get(set->sets->core, set->sets->kinds[wanted->kind],
					 wanted->namespace, wanted->name);
	char revision[NODESET_REVISION_MAX];

	if (need->sent || !object)
		return;
	need->sent = true;
	nodeset_send_set(set, wanted->kind, object, nodeset_revision(object, revision));
}

/*
 * Take a pod into the set. Returns 1 when it differs from what the node was last told, 0 when it
 * does not, -ENOMEM.
 */
int nodeset_take_pod(struct nodeset *set, const struct object *object, struct set_pod **ret)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	auto_json struct json_object *json = object_parse(object);
	struct set_pod *pod = set_pod_get(set, namespace, name);
	char revision[NODESET_REVISION_MAX];
	auto_free char *uid = NULL;
	struct need **old;
	size_t n_old;
	int r;

	if (!json || nodeset_digest(json, revision) < 0)
		return -ENOMEM;
	if (pod && pod->uid && strcmp(pod->uid, object_uid(object)) == 0 &&
	    strcmp(pod->revision, revision) == 0)
		return 0;
	uid = strdup(object_uid(object));
	if (!pod)
		pod = set_pod_new(set, namespace, name);
	if (!pod || !uid)
		return -ENOMEM;
	old = take_ptr(&pod->needs);
	n_old = pod->n_needs;
	pod->n_needs = pod->cap_needs = 0;
	r = nodeset_scan(set, pod, namespace, json);
	nodeset_release(set, old, n_old); /* after: what both name stays */
	if (r < 0)
		return r;
	free(pod->uid);
	pod->uid = take_ptr(&uid);
	memcpy(pod->revision, revision, sizeof(revision));
	*ret = pod;
	return 1;
}

static void pod_changed(struct nodeset *set, const struct object *object)
{
	struct set_pod *pod;
	int r = nodeset_take_pod(set, object, &pod);

	if (r < 0)
		nodeset_send(set, NULL);
	if (r <= 0)
		return;
	for (size_t i = 0; i < pod->n_needs; i++)
		send_need(set, pod->needs[i]);
	nodeset_send_set(set, NODE_KIND_POD, object, pod->revision);
}

static void pod_gone(struct nodeset *set, const struct object *object)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	struct set_pod *pod = set_pod_get(set, namespace, name);

	if (!pod || !pod->uid || strcmp(pod->uid, object_uid(object)) != 0)
		return;
	nodeset_send_remove(set, "Pod", namespace, name, pod->uid, pod->revision);
	set_pod_free(set, pod);
}

/* ---- changes of the published state ---- */

static struct nodeset *set_of(struct nodesets *sets, const char *node_name)
{
	struct map_node *node = *node_name ? map_find(&sets->nodes, node_name) : NULL;
	struct nodeset *set = node ? map_entry(node, struct nodeset, node) : NULL;

	return set && set->started ? set : NULL;
}

static void on_pod(struct core *core, enum core_event_type type, struct object *object,
		   struct object *old, void *data)
{
	struct nodeset *set = set_of(data, object_field(object, "spec.nodeName"));

	(void)core;
	if (!set)
		return;
	/* Deleted and made again within one batch: the old one's end is not to be lost. */
	if (type == CORE_MODIFIED && old && strcmp(object_uid(old), object_uid(object)) != 0)
		pod_gone(set, old);
	if (type == CORE_DELETED)
		pod_gone(set, object);
	else
		pod_changed(set, object);
}

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct nodeset *set = set_of(data, object_name(object));
	char revision[NODESET_REVISION_MAX];

	(void)core;
	(void)old;
	if (!set)
		return;
	if (nodeset_node_digest(object, revision) < 0) {
		nodeset_send(set, NULL);
	} else if (type == CORE_DELETED) {
		nodeset_send_remove(set, "Node", "", object_name(object), object_uid(object),
				    revision);
		*set->node_revision = '\0';
	} else if (strcmp(revision, set->node_revision) != 0) {
		memcpy(set->node_revision, revision, sizeof(revision));
		nodeset_send_set(set, NODE_KIND_NODE, object, revision);
	}
}

static void named_changed(struct nodesets *sets, enum node_kind kind, enum core_event_type type,
			  struct object *object)
{
	char key[600], revision[NODESET_REVISION_MAX];
	struct map_node *node;
	struct wanted *wanted;

	if (nodeset_wanted_key(kind, object_namespace(object), object_name(object), key,
			       sizeof(key)) < 0)
		return;
	node = map_find(&sets->wanted, key);
	if (!node)
		return;
	wanted = map_entry(node, struct wanted, node);
	list_for_each (at, next, &wanted->needs) {
		struct need *need = list_entry(at, struct need, of_wanted);

		if (!need->set->started)
			continue;
		need->sent = type != CORE_DELETED;
		if (need->sent)
			nodeset_send_set(need->set, kind, object,
					 nodeset_revision(object, revision));
		else
			nodeset_send_remove(need->set, nodeset_kinds[kind].kind,
					    object_namespace(object), object_name(object),
					    object_uid(object), nodeset_revision(object, revision));
	}
}

static void on_config_map(struct core *core, enum core_event_type type, struct object *object,
			  struct object *old, void *data)
{
	(void)core;
	(void)old;
	named_changed(data, NODE_KIND_CONFIG_MAP, type, object);
}

static void on_secret(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	(void)core;
	(void)old;
	named_changed(data, NODE_KIND_SECRET, type, object);
}

static void shared_changed(struct nodesets *sets, enum node_kind kind, enum core_event_type type,
			   struct object *object)
{
	const struct buf *message = NULL;
	char revision[NODESET_REVISION_MAX];

	map_for_each (node, next, &sets->nodes) {
		struct nodeset *set = map_entry(node, struct nodeset, node);

		if (!set->started)
			continue;
		if (type == CORE_DELETED)
			nodeset_send_remove(set, nodeset_kinds[kind].kind, object_namespace(object),
					    object_name(object), object_uid(object),
					    nodeset_revision(object, revision));
		else if (message ||
			 (message = nodeset_set_message(sets, kind, object,
							nodeset_revision(object, revision))))
			nodeset_send(set, message); /* made once for all nodes */
		else
			nodeset_send(set, NULL);
	}
}

static void on_service(struct core *core, enum core_event_type type, struct object *object,
		       struct object *old, void *data)
{
	(void)core;
	(void)old;
	shared_changed(data, NODE_KIND_SERVICE, type, object);
}

static void on_slice(struct core *core, enum core_event_type type, struct object *object,
		     struct object *old, void *data)
{
	(void)core;
	(void)old;
	shared_changed(data, NODE_KIND_SLICE, type, object);
}

/* ---- life ---- */

int nodeset_new(struct nodesets *sets, const char *node, nodeset_send_fn *send, void *data,
		struct nodeset **ret)
{
	struct nodeset *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->sets = sets;
	set->send = send;
	set->data = data;
	list_init(&set->needs);
	set->name = strdup(node);
	if (!set->name) {
		free(set);
		return -ENOMEM;
	}
	if (map_insert(&sets->nodes, &set->node, set->name)) {
		free(set->name);
		free(set);
		return -EEXIST;
	}
	*ret = set;
	return 0;
}

struct nodeset *nodeset_free(struct nodeset *set)
{
	if (!set)
		return NULL;
	set->started = false; /* nothing more is sent */
	map_for_each (node, next, &set->pods)
		set_pod_free(set, map_entry(node, struct set_pod, node));
	list_for_each (node, next, &set->needs) /* half-taken, after out of memory */
		nodeset_need_free(list_entry(node, struct need, of_set));
	map_remove(&set->sets->nodes, &set->node);
	free(set->name);
	free(set);
	return NULL;
}

struct object *nodeset_pod(const struct nodeset *set, const char *namespace, const char *name,
			   const char *uid)
{
	struct object *object =
		core_get(set->sets->core, set->sets->kinds[NODE_KIND_POD], namespace, name);

	return object && strcmp(object_uid(object), uid) == 0 &&
			       strcmp(object_field(object, "spec.nodeName"), set->name) == 0
		       ? object
		       : NULL;
}

int nodesets_new(struct core *core, struct nodesets **ret)
{
	static core_event_fn *const listeners[NODE_KIND_COUNT] = {
		[NODE_KIND_NODE] = on_node,
		[NODE_KIND_POD] = on_pod,
		[NODE_KIND_CONFIG_MAP] = on_config_map,
		[NODE_KIND_SECRET] = on_secret,
		[NODE_KIND_SERVICE] = on_service,
		[NODE_KIND_SLICE] = on_slice,
	};
	struct nodesets *sets = calloc(1, sizeof(*sets));
	int r = 0;

	if (!sets)
		return -ENOMEM;
	sets->core = core;
	for (size_t i = 0; i < NODE_KIND_COUNT && r == 0; i++) {
		sets->kinds[i] =
			schema_kind_of_resource(nodeset_kinds[i].group, nodeset_kinds[i].version,
						nodeset_kinds[i].resource);
		if (sets->kinds[i])
			r = core_listen(core, sets->kinds[i], listeners[i], sets);
	}
	*ret = sets;
	return r;
}

struct nodesets *nodesets_free(struct nodesets *sets)
{
	if (!sets)
		return NULL;
	buf_done(&sets->message);
	free(sets);
	return NULL;
}
