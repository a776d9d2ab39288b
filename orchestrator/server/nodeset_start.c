/* SPDX-License-Identifier: Apache-2.0 */
/* The difference between what a node should have and what its agent says it has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/server/nodeset_impl.h"

/* What the agent says it has, until the difference is made. */
struct have {
	struct map_node node;
	char *key; /* "Kind/ns/name" */
	const char *kind, *namespace, *name, *uid, *revision;
};

static void have_free(struct map *all, struct have *have)
{
	map_remove(all, &have->node);
	free(have->key);
	free(have);
}

static int have_read(struct map *all, const struct json_object *objects)
{
	for (size_t i = 0; i < json_len(objects); i++) {
		const struct json_object *one = json_idx(objects, i);
		struct have *have = calloc(1, sizeof(*have));

		if (!have)
			return -ENOMEM;
		have->kind = json_text_at(one, "kind", "");
		have->namespace = json_text_at(one, "namespace", "");
		have->name = json_text_at(one, "name", "");
		have->uid = json_text_at(one, "uid", "");
		have->revision = json_text_at(one, "revision", "");
		if (asprintf(&have->key, "%s/%s/%s", have->kind, have->namespace, have->name) < 0) {
			free(have);
			return -ENOMEM;
		}
		if (map_insert(all, &have->node,
			       have->key)) { /* twice the same: the first counts */
			free(have->key);
			free(have);
		}
	}
	return 0;
}

/* Is this what the node has already? Whatever it has under the name is accounted for. */
static bool have_take(struct map *all, enum node_kind kind, const struct object *object,
		      const char *revision)
{
	struct map_node *node;
	struct have *have;
	char key[700];
	bool same;

	(void)snprintf(key, sizeof(key), "%s/%s/%s", nodeset_kinds[kind].kind,
		       object_namespace(object), object_name(object));
	node = map_find(all, key);
	if (!node)
		return false;
	have = map_entry(node, struct have, node);
	same = strcmp(have->uid, object_uid(object)) == 0 && strcmp(have->revision, revision) == 0;
	have_free(all, have);
	return same;
}

struct difference {
	struct nodeset *set;
	struct map have;
	enum node_kind kind;
	int result;
};

static void differ_need(struct difference *d, struct need *need)
{
	const struct wanted *wanted = need->wanted;
	struct object *object = core_get(d->set->sets->core, d->set->sets->kinds[wanted->kind],
					 wanted->namespace, wanted->name);
	char revision[NODESET_REVISION_MAX];

	if (need->sent || !object)
		return;
	need->sent = true;
	if (!have_take(&d->have, wanted->kind, object, nodeset_revision(object, revision)))
		nodeset_send_set(d->set, wanted->kind, object, revision);
}

static bool differ_pod(struct object *object, void *data)
{
	struct difference *d = data;
	struct set_pod *pod;
	int r;

	if (strcmp(object_field(object, "spec.nodeName"), d->set->name) != 0)
		return true;
	r = nodeset_take_pod(d->set, object, &pod);
	if (r <= 0) {
		d->result = r;
		return r == 0;
	}
	for (size_t i = 0; i < pod->n_needs; i++)
		differ_need(d, pod->needs[i]);
	if (!have_take(&d->have, NODE_KIND_POD, object, pod->revision))
		nodeset_send_set(d->set, NODE_KIND_POD, object, pod->revision);
	return true;
}

static bool differ_shared(struct object *object, void *data)
{
	struct difference *d = data;
	char revision[NODESET_REVISION_MAX];

	if (!have_take(&d->have, d->kind, object, nodeset_revision(object, revision)))
		nodeset_send_set(d->set, d->kind, object, revision);
	return true;
}

static int differ_node(struct difference *d)
{
	struct nodesets *sets = d->set->sets;
	struct object *object = core_get(sets->core, sets->kinds[NODE_KIND_NODE], "", d->set->name);

	if (!object)
		return -ENOENT;
	if (nodeset_node_digest(object, d->set->node_revision) < 0)
		return -ENOMEM;
	if (!have_take(&d->have, NODE_KIND_NODE, object, d->set->node_revision))
		nodeset_send_set(d->set, NODE_KIND_NODE, object, d->set->node_revision);
	return 0;
}

int nodeset_start(struct nodeset *set, const struct json_object *objects)
{
	struct nodesets *sets = set->sets;
	struct difference d = { .set = set };
	int r = have_read(&d.have, objects);

	if (r == 0)
		r = differ_node(&d);
	if (r == 0)
		for (d.kind = 0; d.kind < NODE_KIND_COUNT; d.kind++)
			if (nodeset_kinds[d.kind].scope == SCOPE_ALL && sets->kinds[d.kind])
				core_each(sets->core, sets->kinds[d.kind], NULL, differ_shared, &d);
	if (r == 0) {
		core_each(sets->core, sets->kinds[NODE_KIND_POD], NULL, differ_pod, &d);
		r = d.result;
	}
	/* What is left, it should not have. */
	map_for_each (node, next, &d.have) {
		struct have *have = map_entry(node, struct have, node);

		if (r == 0)
			nodeset_send_remove(set, have->kind, have->namespace, have->name, have->uid,
					    have->revision);
		have_free(&d.have, have);
	}
	set->started = r == 0;
	return r;
}
