/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree's one ordered map: NUL-terminated keys in byte order, the node inside the element.
 *
 * Ordered, because Kubernetes lists are prefix scans: start with map_seek(map, "default/") and
 * follow map_next() while the prefix holds. Insert, find and remove take O(log n) expected steps
 * (a treap) and never allocate. The key is borrowed from the element and must not change while
 * the node is in the map.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct map_node {
	const char *key;
	struct map_node *parent, *left, *right;
	uint32_t priority;
};

struct map {
	struct map_node *root;
	size_t count;
	uint32_t seed;
};

#define map_entry(node, type, member) CONTAINER_OF(node, type, member)
/* The body may remove @node, not its neighbours. */
#define map_for_each(node, tmp, map)                                                               \
	for (struct map_node *node = map_first(map), *tmp = map_next(node); node;                  \
	     node = tmp, tmp = map_next(node))

/* The node that has @key already, with nothing inserted; or NULL, and @node is in. */
struct map_node *map_insert(struct map *map, struct map_node *node, const char *key);
void map_remove(struct map *map, struct map_node *node);
struct map_node *map_find(const struct map *map, const char *key);
struct map_node *map_seek(const struct map *map, const char *key); /* first with a key >= @key */
struct map_node *map_first(const struct map *map);
struct map_node *map_next(const struct map_node *node); /* NULL after the last, and for NULL */
struct map_node *map_prev(const struct map_node *node);
