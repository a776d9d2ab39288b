/* SPDX-License-Identifier: Apache-2.0 */
/* Sets by themselves: arithmetic, text. Where they come from: fieldset_compare.c. */
#include "orchestrator/core/fieldset.h"

#include <errno.h>
#include <string.h>

static int order(const struct fieldset *a, const struct fieldset *b)
{
	size_t len = MIN(a->key_len, b->key_len);
	int by_bytes = memcmp(a->key, b->key, len);

	if (by_bytes)
		return by_bytes;
	return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

struct fieldset *fieldset_find(struct fieldset *set, const char *key, size_t len)
{
	while (set && (set->key_len != len || memcmp(set->key, key, len) != 0))
		set = set->next;
	return set;
}

/* ---- arithmetic: siblings are merged in order ---- */

static struct fieldset *copy_node(struct arena *arena, const struct fieldset *node)
{
	struct fieldset *copy = arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *node;
	copy->next = NULL;
	return copy;
}

int fieldset_union(struct arena *arena, struct fieldset *a, struct fieldset *b,
		   struct fieldset **ret)
{
	struct fieldset *head = NULL, **tail = &head;
	int r = 0;

	while (r == 0 && (a || b)) {
		int which = !a ? 1 : !b ? -1 : order(a, b);
		struct fieldset *node = copy_node(arena, which <= 0 ? a : b);

		if (!node)
			return -ENOMEM;
		if (which == 0) {
			node->member |= b->member;
			r = fieldset_union(arena, a->child, b->child, &node->child);
		}
		a = which <= 0 ? a->next : a;
		b = which >= 0 ? b->next : b;
		*tail = node;
		tail = &node->next;
	}
	*ret = head;
	return r;
}

int fieldset_minus(struct arena *arena, struct fieldset *a, const struct fieldset *b,
		   struct fieldset **ret)
{
	struct fieldset *head = NULL, **tail = &head;

	for (; a; a = a->next) {
		struct fieldset *node = copy_node(arena, a);

		if (!node)
			return -ENOMEM;
		while (b && order(b, a) < 0)
			b = b->next;
		if (b && order(b, a) == 0) {
			node->member &= !b->member;
			if (fieldset_minus(arena, a->child, b->child, &node->child) < 0)
				return -ENOMEM;
			if (!node->member && !node->child)
				continue;
		}
		*tail = node;
		tail = &node->next;
	}
	*ret = head;
	return 0;
}

int fieldset_common(struct arena *arena, const struct fieldset *a, const struct fieldset *b,
		    struct fieldset **ret)
{
	struct fieldset *head = NULL, **tail = &head;

	for (; a; a = a->next) {
		struct fieldset *node;

		while (b && order(b, a) < 0)
			b = b->next;
		if (!b || order(b, a) != 0)
			continue;
		node = copy_node(arena, a);
		if (!node)
			return -ENOMEM;
		node->member &= b->member;
		if (fieldset_common(arena, a->child, b->child, &node->child) < 0)
			return -ENOMEM;
		if (!node->member && !node->child)
			continue;
		*tail = node;
		tail = &node->next;
	}
	*ret = head;
	return 0;
}

/* ---- text ---- */

struct reader {
	struct arena *arena;
	const char *p, *end;
	unsigned depth;
};

static bool eat(struct reader *reader, char c)
{
	if (reader->p == reader->end || *reader->p != c)
		return false;
	reader->p++;
	return true;
}

/* A string in quotes, left escaped. */
static bool read_key(struct reader *reader, const char **ret, size_t *ret_len)
{
	if (!eat(reader, '"'))
		return false;
	*ret = reader->p;
	while (reader->p < reader->end && *reader->p != '"')
		reader->p += *reader->p == '\\' ? 2 : 1;
	if (reader->p >= reader->end)
		return false;
	*ret_len = (size_t)(reader->p++ - *ret);
	return true;
}

/* Put @node among its siblings; they come in order, as a rule. false: the key is there already. */
static bool insert_sorted(struct fieldset **head, struct fieldset **last, struct fieldset *node)
{
	struct fieldset **at = head;

	if (*last && order(*last, node) < 0) {
		(*last)->next = node;
		*last = node;
		return true;
	}
	while (*at && order(*at, node) < 0)
		at = &(*at)->next;
	if (*at && order(*at, node) == 0)
		return false;
	node->next = *at;
	*at = node;
	if (!node->next)
		*last = node;
	return true;
}

/* "{…}": the children of a node; *ret_dot: it says "." of itself. */
static int read_level(struct reader *reader, struct fieldset **ret, bool *ret_dot)
{
	struct fieldset *head = NULL, *last = NULL;

	*ret_dot = false;
	if (!eat(reader, '{') || reader->depth++ == JSON_DEPTH_MAX)
		return -EINVAL;
	while (!eat(reader, '}')) {
		struct fieldset *node = arena_alloc(reader->arena, sizeof(*node));
		bool dot;
		int r;

		if (!node)
			return -ENOMEM;
		if ((head || *ret_dot) && !eat(reader, ','))
			return -EINVAL;
		if (!read_key(reader, &node->key, &node->key_len) || !eat(reader, ':'))
			return -EINVAL;
		r = read_level(reader, &node->child, &dot);
		if (r < 0)
			return r;
		if (node->key_len == 1 && *node->key == '.') {
			*ret_dot = true;
			continue;
		}
		node->member = dot || !node->child;
		if (!insert_sorted(&head, &last, node))
			return -EINVAL;
	}
	reader->depth--;
	*ret = head;
	return 0;
}

int fieldset_read(struct arena *arena, const char *text, size_t len, struct fieldset **ret)
{
	struct reader reader = { .arena = arena, .p = text, .end = text + len };
	bool dot;
	int r = read_level(&reader, ret, &dot);

	return r < 0 ? r : reader.p == reader.end ? 0 : -EINVAL;
}

static void write_level(struct buf *buf, const struct fieldset *set, bool dot)
{
	(void)buf_puts(buf, dot ? "{\".\":{}" : "{");
	for (const struct fieldset *node = set; node; node = node->next) {
		(void)buf_puts(buf, node == set && !dot ? "\"" : ",\"");
		(void)buf_append(buf, node->key, node->key_len);
		(void)buf_puts(buf, "\":");
		write_level(buf, node->child, node->member && node->child);
	}
	(void)buf_putc(buf, '}');
}

int fieldset_write(struct buf *buf, const struct fieldset *set)
{
	write_level(buf, set, false);
	return buf_error(buf);
}

/* ---- paths for people ---- */

/* "k:{\"name\":\"c\"}" becomes [name="c"], "v:1" becomes [=1], "f:x" becomes .x */
static void put_element(struct buf *buf, const char *key)
{
	auto_json struct json_object *keys = NULL;
	struct json_iter it;
	bool first = true;

	if (key[0] == 'f') {
		(void)buf_printf(buf, ".%s", key + 2);
		return;
	}
	if (key[0] != 'k' || json_parse(key + 2, strlen(key + 2), &keys, NULL) < 0) {
		(void)buf_printf(buf, "[=%s]", key + 2);
		return;
	}
	(void)buf_putc(buf, '[');
	json_for_each (it, keys) {
		(void)buf_printf(buf, "%s%s=", first ? "" : ",", it.key);
		(void)json_write(buf, it.value);
		first = false;
	}
	(void)buf_putc(buf, ']');
}

static void put_paths(const struct fieldset *set, struct buf *path, struct buf *ret)
{
	size_t len = path->len;

	for (; set; set = set->next) {
		auto_json struct json_object *key = NULL;
		auto_buf struct buf quoted = { 0 };

		(void)buf_printf(&quoted, "\"%.*s\"", (int)set->key_len, set->key);
		if (json_parse(buf_str(&quoted), quoted.len, &key, NULL) < 0 ||
		    json_str_len(key) < 2)
			continue;
		put_element(path, json_str(key));
		if (set->member)
			(void)buf_printf(ret, "%s\n", buf_str(path));
		put_paths(set->child, path, ret);
		buf_truncate(path, len);
	}
}

int fieldset_paths(const struct fieldset *set, struct buf *ret)
{
	auto_buf struct buf path = { 0 };

	put_paths(set, &path, ret);
	return buf_error(&path) ? buf_error(&path) : buf_error(ret);
}
