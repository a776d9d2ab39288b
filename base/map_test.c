/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

struct item {
	struct map_node node;
	char key[24];
};

TEST(map_keeps_byte_order_through_inserts_and_removals)
{
	static struct item items[2000];
	struct map map = { 0 };
	const char *last = "";
	size_t n = 0;

	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(items[i].key, sizeof(items[i].key), "ns%u/pod-%u", i % 7,
			       i * 7919 % 2000);
		CHECK(map_insert(&map, &items[i].node, items[i].key) == NULL);
	}
	CHECK(map.count == 2000);
	for (unsigned i = 0; i < 2000; i += 3)
		map_remove(&map, &items[i].node);
	map_for_each (node, next, &map) {
		CHECK(strcmp(last, node->key) < 0);
		CHECK(map_find(&map, node->key) == node);
		last = node->key;
		n++;
	}
	CHECK(n == map.count && n == 2000 - 667);
	CHECK(map_find(&map, items[0].key) == NULL);
}

TEST(map_insert_returns_the_holder_of_a_key)
{
	struct item a = { .key = "a" }, again = { .key = "a" };
	struct map map = { 0 };

	CHECK(!map_insert(&map, &a.node, a.key));
	CHECK(map_insert(&map, &again.node, again.key) == &a.node);
	CHECK(map.count == 1);
}

TEST(map_seek_starts_a_prefix_scan)
{
	struct item a = { .key = "default/a" }, b = { .key = "default/b" }, c = { .key = "kube/a" };
	struct map map = { 0 };

	map_insert(&map, &c.node, c.key);
	map_insert(&map, &a.node, a.key);
	map_insert(&map, &b.node, b.key);
	CHECK(map_seek(&map, "default/") == &a.node);
	CHECK(map_seek(&map, "default/aa") == &b.node);
	CHECK(map_seek(&map, "l") == NULL);
	CHECK(map_prev(&c.node) == &b.node && !map_prev(&a.node));
}
