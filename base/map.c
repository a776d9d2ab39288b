/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <string.h>

/* xorshift: the shape of the tree depends on the order of insertions alone, never on the keys. */
static uint32_t map_priority(struct map *map)
{
	uint32_t x = map->seed ? map->seed : 0x9e3779b9u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	map->seed = x;
	return x;
}

static struct map_node **map_link(struct map *map, struct map_node *node)
{
	if (!node->parent)
		return &map->root;
	return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* Lift @node over its parent, keeping the order of keys. */
static void map_rotate_up(struct map *map, struct map_node *node)
{
	struct map_node *parent = node->parent, **link = map_link(map, parent), *inner;

	if (parent->left == node) {
		inner = node->right;
		parent->left = inner;
		node->right = parent;
	} else {
		inner = node->left;
		parent->right = inner;
		node->left = parent;
	}
	if (inner)
		inner->parent = parent;
	node->parent = parent->parent;
	parent->parent = node;
	*link = node;
}

struct map_node *map_insert(struct map *map, struct map_node *node, const char *key)
{
	struct map_node **link = &map->root, *parent = NULL;

	while (*link) {
		int order = strcmp(key, (*link)->key);

		if (order == 0)
			return *link;
		parent = *link;
		link = order < 0 ? &parent->left : &parent->right;
	}
	*node = (struct map_node){ .key = key, .parent = parent, .priority = map_priority(map) };
	*link = node;
	map->count++;
	while (node->parent && node->parent->priority < node->priority)
		map_rotate_up(map, node);
	return NULL;
}

void map_remove(struct map *map, struct map_node *node)
{
	while (node->left || node->right) {
		struct map_node *l = node->left, *r = node->right;

		map_rotate_up(map, !r || (l && l->priority > r->priority) ? l : r);
	}
	*map_link(map, node) = NULL;
	node->parent = NULL;
	map->count--;
}

struct map_node *map_seek(const struct map *map, const char *key)
{
	struct map_node *node = map->root, *best = NULL;

	while (node) {
		int order = strcmp(key, node->key);

		if (order == 0)
			return node;
		if (order < 0) {
			best = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

struct map_node *map_find(const struct map *map, const char *key)
{
	struct map_node *node = map_seek(map, key);

	return node && strcmp(node->key, key) == 0 ? node : NULL;
}

struct map_node *map_first(const struct map *map)
{
	struct map_node *node = map->root;

	while (node && node->left)
		node = node->left;
	return node;
}

struct map_node *map_next(const struct map_node *node)
{
	if (!node)
		return NULL;
	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct map_node *)node;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

struct map_node *map_prev(const struct map_node *node)
{
	if (!node)
		return NULL;
	if (node->left) {
		node = node->left;
		while (node->right)
			node = node->right;
		return (struct map_node *)node;
	}
	while (node->parent && node->parent->left == node)
		node = node->parent;
	return node->parent;
}
