/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/snapshot.h"

#include <errno.h>
#include <string.h>

/* What a key held at the revision, where that is not what it holds now. */
struct before {
	struct map_node node;
	struct object *object; /* NULL: it did not exist */
};
struct overlay {
	struct map map;
	struct before *rows;
};

/* The first change of a key beyond the revision knows what was there before. */
static int overlay_make(const struct history *history, uint64_t revision, struct overlay *ret)
{
	size_t first = history_after(history, revision), n = history->n - first;

	*ret = (struct overlay){ 0 };
	if (revision < history->floor)
		return -ESTALE;
	if (n == 0)
		return 0;
	ret->rows = calloc(n, sizeof(ret->rows[0]));
	if (!ret->rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct past *past = history_at(history, first + i);

		ret->rows[i].object = past->old;
		(void)map_insert(&ret->map, &ret->rows[i].node, object_tail(past->object));
	}
	return 0;
}

struct cursor {
	const struct map_node *now, *then;
	const char *prefix; /* of the namespace, or "" */
	size_t prefix_len;
};

static const struct map_node *inside(const struct cursor *cursor, const struct map_node *node)
{
	return node && strncmp(node->key, cursor->prefix, cursor->prefix_len) == 0 ? node : NULL;
}

/* The next object in key order: the overlay hides what is published under the same key. */
static bool cursor_next(struct cursor *cursor, struct object **ret)
{
	const struct map_node *now = inside(cursor, cursor->now);
	const struct map_node *then = inside(cursor, cursor->then);
	int order;

	if (!now && !then)
		return false;
	order = !now ? 1 : !then ? -1 : strcmp(now->key, then->key);
	*ret = order < 0 ? object_of_node(now)
			 : map_entry((struct map_node *)then, struct before, node)->object;
	if (order <= 0)
		cursor->now = map_next(now);
	if (order >= 0)
		cursor->then = map_next(then);
	return true;
}

static const struct map_node *seek(const struct map *map, const char *prefix, const char *after)
{
	const struct map_node *node;

	if (!after || strcmp(after, prefix) < 0)
		return *prefix ? map_seek(map, prefix) : map_first(map);
	node = map_seek(map, after);
	return node && strcmp(node->key, after) == 0 ? map_next(node) : node;
}

static int collect(struct cursor *cursor, const struct snapshot_query *query,
		   struct snapshot *snapshot)
{
	struct object *object;

	while (cursor_next(cursor, &object)) {
		if (!object)
			continue;
		if (query->limit && snapshot->n == query->limit) {
			snapshot->remaining++;
			continue;
		}
		if (!selector_match(query->selector, object))
			continue;
		if (array_grow(&snapshot->objects, &snapshot->cap, snapshot->n + 1,
			       sizeof(snapshot->objects[0])) < 0)
			return -ENOMEM;
		snapshot->objects[snapshot->n++] = object_ref(object);
	}
	return 0;
}

/* A selector of one name in one namespace looks that key up instead of scanning. */
static int collect_one(const struct resource *resource, const struct snapshot_query *query,
		       const char *name, struct snapshot *snapshot)
{
	auto_buf struct buf tail = { 0 };
	struct object *object;

	if (object_tail_write(&tail, resource->kind, query->namespace, name) < 0)
		return -ENOMEM;
	object = state_published(resource, buf_str(&tail));
	if (!object || !selector_match(query->selector, object))
		return 0;
	snapshot->objects = malloc(sizeof(snapshot->objects[0]));
	if (!snapshot->objects)
		return -ENOMEM;
	snapshot->objects[0] = object_ref(object);
	snapshot->n = snapshot->cap = 1;
	return 0;
}

int snapshot_take(const struct resource *resource, const struct snapshot_query *query,
		  struct snapshot *ret)
{
	struct snapshot snapshot = { 0 };
	const char *name = selector_name(query->selector);
	struct overlay overlay = { 0 };
	auto_buf struct buf prefix = { 0 };
	struct cursor cursor;
	int r;

	if (name && !query->revision && !query->after &&
	    (*query->namespace || !resource->kind->namespaced)) {
		r = collect_one(resource, query, name, &snapshot);
		*ret = snapshot;
		return r;
	}
	if (*query->namespace && resource->kind->namespaced)
		(void)buf_printf(&prefix, "%s/", query->namespace);
	r = buf_error(&prefix);
	if (r == 0 && query->revision)
		r = overlay_make(&resource->history, query->revision, &overlay);
	if (r == 0) {
		cursor = (struct cursor){
			.now = seek(&resource->published, buf_str(&prefix), query->after),
			.then = seek(&overlay.map, buf_str(&prefix), query->after),
			.prefix = buf_str(&prefix),
			.prefix_len = prefix.len,
		};
		r = collect(&cursor, query, &snapshot);
	}
	free(overlay.rows);
	if (r < 0)
		snapshot_done(&snapshot);
	*ret = snapshot;
	return r;
}

void snapshot_done(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n; i++)
		object_unref(snapshot->objects[i]);
	free(snapshot->objects);
	*snapshot = (struct snapshot){ 0 };
}
