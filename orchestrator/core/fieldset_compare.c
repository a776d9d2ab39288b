/* SPDX-License-Identifier: Apache-2.0 */
/* Sets from objects: what a configuration says, and what differs between two states. */
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "orchestrator/core/fieldset.h"

/* ---- fields by their type ---- */

bool fieldset_granular(const struct schema_field *field)
{
	if (field->shape == SCHEMA_LIST)
		return field->flags & (SCHEMA_LIST_SET | SCHEMA_LIST_MAP);
	if (field->shape == SCHEMA_MAP)
		return !(field->flags & SCHEMA_MAP_ATOMIC);
	return field->value == SCHEMA_REF && !field->ref->atomic;
}

/* Nothing below it: owned as a whole, or empty. */
static bool is_leaf(const struct schema_field *field, const struct json_object *value)
{
	return !fieldset_granular(field) || json_len(value) == 0;
}

/* The field that one element or value of @field would be. */
static struct schema_field element_of(const struct schema_field *field)
{
	struct schema_field element = *field;

	element.shape = SCHEMA_ONE;
	element.flags = SCHEMA_ALWAYS;
	return element;
}

/* ---- keys ---- */

static int cmp_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the list's keys, sorted; cut from @text. */
static size_t key_names(const struct schema_field *field, char *text, size_t size,
			const char *names[8])
{
	size_t n = 0, len = field->list_keys ? strlen(field->list_keys) : 0;

	if (len >= size)
		return 0;
	memcpy(text, field->list_keys ? field->list_keys : "", len + 1);
	for (char *p = text; *p && n < 8;) {
		names[n++] = p;
		p += strcspn(p, ",");
		if (*p)
			*p++ = '\0';
	}
	if (n > 1)
		qsort(names, n, sizeof(names[0]), cmp_text);
	return n;
}

static void put_key_value(struct buf *buf, const struct schema_field *field, const char *name,
			  const struct json_object *element)
{
	const struct json_object *value = json_get(element, name);
	const struct schema_field *key = field->ref ? schema_field_find(field->ref, name) : NULL;

	if (value)
		(void)json_write(buf, value);
	else
		(void)buf_puts(buf, key && key->default_json ? key->default_json : "null");
}

int fieldset_element_key(const struct schema_field *field, const struct json_object *element,
			 struct buf *buf)
{
	auto_buf struct buf plain = { 0 };
	const char *names[8];
	char text[128];
	size_t n, at = buf->len;

	if (field->flags & SCHEMA_LIST_SET) {
		(void)buf_puts(&plain, "v:");
		(void)json_write(&plain, element);
	} else {
		n = key_names(field, text, sizeof(text), names);
		(void)buf_puts(&plain, "k:{");
		for (size_t i = 0; i < n; i++) {
			(void)buf_printf(&plain, "%s\"%s\":", i ? "," : "", names[i]);
			put_key_value(&plain, field, names[i], element);
		}
		(void)buf_putc(&plain, '}');
	}
	if (buf_error(&plain))
		return buf_error(&plain);
	(void)json_write_string(buf, plain.data, plain.len, JSON_HTML_SAFE);
	if (buf_error(buf))
		return buf_error(buf);
	memmove(buf->data + at, buf->data + at + 1, buf->len - at - 2); /* without the quotes */
	buf_truncate(buf, buf->len - 2);
	return 0;
}

/* ---- building a level ---- */

struct level {
	struct arena *arena;
	struct fieldset *first, *last;
};

static struct fieldset *add_node(struct level *level, const char *key, size_t len)
{
	struct fieldset *node = arena_alloc(level->arena, sizeof(*node)), **at = &level->first;

	if (!node)
		return NULL;
	node->key = key;
	node->key_len = len;
	if (level->last && strcmp(level->last->key, key) < 0)
		at = &level->last->next; /* elements and members come in order */
	while (*at && strcmp((*at)->key, key) < 0)
		at = &(*at)->next;
	node->next = *at;
	*at = node;
	if (!node->next)
		level->last = node;
	return node;
}

/* Needs no escape in JSON. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' ||
		    c == '&')
			return false;
	}
	return true;
}

static const char *field_key(struct arena *arena, const char *name, size_t *ret_len)
{
	auto_buf struct buf quoted = { 0 };
	size_t len = strlen(name);
	char *key;

	if (is_plain(name)) { /* names of fields, and nearly all others */
		key = arena_alloc(arena, len + 3);
		if (!key)
			return NULL;
		key[0] = 'f';
		key[1] = ':';
		memcpy(key + 2, name, len);
		*ret_len = len + 2;
		return key;
	}
	(void)json_write_string(&quoted, name, len, JSON_HTML_SAFE);
	if (buf_error(&quoted))
		return NULL;
	quoted.data[0] = ':';
	quoted.data[quoted.len - 1] = '\0';
	key = arena_alloc(arena, quoted.len + 1);
	if (!key)
		return NULL;
	key[0] = 'f';
	memcpy(key + 1, quoted.data, quoted.len);
	*ret_len = quoted.len;
	return key;
}

static struct fieldset *add_field(struct level *level, const char *name)
{
	size_t len;
	const char *key = field_key(level->arena, name, &len);

	return key ? add_node(level, key, len) : NULL;
}

static const char *element_key(struct arena *arena, const struct schema_field *field,
			       const struct json_object *element, size_t *ret_len)
{
	auto_buf struct buf key = { 0 };

	if (fieldset_element_key(field, element, &key) < 0)
		return NULL;
	*ret_len = key.len;
	return arena_text(arena, key.data, key.len);
}

/* ---- elements of lists and members of maps, by their keys ---- */

struct element {
	struct map_node node;
	const struct json_object *value;
	size_t len;
};

/* The elements of a list (or members of a map) by their keys; of two with one key, the first. */
static int index_elements(struct arena *arena, const struct schema_field *field,
			  const struct json_object *value, struct map *map)
{
	struct json_iter it;
	struct element *row;
	const char *key;
	size_t len;

	if (field->shape == SCHEMA_MAP) {
		json_for_each (it, value) {
			row = arena_alloc(arena, sizeof(*row));
			key = field_key(arena, it.key, &len);
			if (!row || !key)
				return -ENOMEM;
			row->value = it.value;
			row->len = len;
			(void)map_insert(map, &row->node, key);
		}
		return 0;
	}
	for (size_t i = 0; i < json_len(value); i++) {
		row = arena_alloc(arena, sizeof(*row));
		key = element_key(arena, field, json_idx(value, i), &len);
		if (!row || !key)
			return -ENOMEM;
		row->value = json_idx(value, i);
		row->len = len;
		(void)map_insert(map, &row->node, key);
	}
	return 0;
}

/* ---- whole values ---- */

enum whole_mode {
	WHOLE_ADDED,   /* everything, containers too: what an update has added or removed */
	WHOLE_APPLIED, /* what a configuration names: of containers only elements of lists */
};

static int whole(struct arena *arena, const struct schema_field *field,
		 const struct json_object *value, enum whole_mode mode, bool dot,
		 struct fieldset *node);

static int whole_struct(struct level *level, const struct schema_type *type,
			const struct json_object *value, enum whole_mode mode)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		const struct json_object *member = json_get(value, field->name);
		struct fieldset *node;

		if (mode == WHOLE_APPLIED ? !member : !schema_is_written(field, member))
			continue;
		node = add_field(level, field->name);
		r = node ? whole(level->arena, field, member, mode, mode == WHOLE_ADDED, node)
			 : -ENOMEM;
	}
	return r;
}

/* Elements of a list, or members of a map. */
static int whole_elements(struct level *level, const struct schema_field *field,
			  const struct json_object *value, enum whole_mode mode)
{
	bool dot = mode == WHOLE_ADDED || field->shape == SCHEMA_LIST;
	struct schema_field element = element_of(field);
	struct map rows = { 0 };
	int r = index_elements(level->arena, field, value, &rows);

	for (struct map_node *at = map_first(&rows); at && r == 0; at = map_next(at)) {
		struct element *row = map_entry(at, struct element, node);
		struct fieldset *node = add_node(level, at->key, row->len);

		r = node ? whole(level->arena, &element, row->value, mode, dot, node) : -ENOMEM;
	}
	return r;
}

/* Fill @node for a value that is there as a whole; @dot: a container is a member itself. */
static int whole(struct arena *arena, const struct schema_field *field,
		 const struct json_object *value, enum whole_mode mode, bool dot,
		 struct fieldset *node)
{
	struct level level = { .arena = arena };
	int r;

	node->member = dot || is_leaf(field, value);
	if (is_leaf(field, value))
		return 0;
	if (field->shape != SCHEMA_ONE)
		r = whole_elements(&level, field, value, mode);
	else
		r = whole_struct(&level, field->ref, value, mode);
	node->child = level.first;
	node->member |= !node->child;
	return r;
}

int fieldset_of(struct arena *arena, const struct schema_type *type,
		const struct json_object *value, struct fieldset **ret)
{
	struct level level = { .arena = arena };
	int r = whole_struct(&level, type, value, WHOLE_APPLIED);

	*ret = level.first;
	return r;
}

/* ---- comparing ---- */

struct levels {
	struct level changed, removed;
};

static int compare_struct(struct levels *levels, const struct schema_type *type,
			  const struct json_object *old, const struct json_object *new);

static struct levels levels_below(const struct levels *levels)
{
	return (struct levels){ { .arena = levels->changed.arena },
				{ .arena = levels->removed.arena } };
}

/* Hang what was found below @key into its parent's levels. */
static int adopt(struct levels *parent, const char *key, size_t len, const struct levels *below)
{
	const struct level *from[] = { &below->changed, &below->removed };
	struct level *to[] = { &parent->changed, &parent->removed };

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct fieldset *node;

		if (!from[i]->first)
			continue;
		node = add_node(to[i], key, len);
		if (!node)
			return -ENOMEM;
		node->child = from[i]->first;
	}
	return 0;
}

static int compare_value(struct levels *levels, const struct schema_field *field,
			 const struct json_object *old, const struct json_object *new,
			 const char *key, size_t len);

/* It came or it went. */
static int compare_alone(struct level *level, const struct schema_field *field,
			 const struct json_object *value, const char *key, size_t len)
{
	struct fieldset *node = add_node(level, key, len);

	return node ? whole(level->arena, field, value, WHOLE_ADDED, true, node) : -ENOMEM;
}

static int compare_elements(struct levels *levels, const struct schema_field *field,
			    const struct json_object *old, const struct json_object *new)
{
	struct arena *arena = levels->changed.arena;
	struct schema_field element = element_of(field);
	struct map olds = { 0 }, news = { 0 };
	int r = index_elements(arena, field, old, &olds);

	if (r == 0)
		r = index_elements(arena, field, new, &news);
	for (struct map_node *node = map_first(&news); node && r == 0; node = map_next(node)) {
		struct element *row = map_entry(node, struct element, node);
		struct map_node *before = map_find(&olds, node->key);

		if (before)
			r = compare_value(levels, &element,
					  map_entry(before, struct element, node)->value,
					  row->value, node->key, row->len);
		else
			r = compare_alone(&levels->changed, &element, row->value, node->key,
					  row->len);
	}
	for (struct map_node *node = map_first(&olds); node && r == 0; node = map_next(node)) {
		struct element *row = map_entry(node, struct element, node);

		if (!map_find(&news, node->key))
			r = compare_alone(&levels->removed, &element, row->value, node->key,
					  row->len);
	}
	return r;
}

static bool same_leaf(const struct json_object *a, const struct json_object *b)
{
	return (schema_is_zero(a) && schema_is_zero(b)) || json_equal(a, b);
}

/* Both sides are there. */
static int compare_value(struct levels *levels, const struct schema_field *field,
			 const struct json_object *old, const struct json_object *new,
			 const char *key, size_t len)
{
	struct levels below;
	struct fieldset *node;
	int r;

	if (old == new)
		return 0;
	if (!fieldset_granular(field) || (!json_len(old) && !json_len(new))) {
		if (same_leaf(old, new))
			return 0;
		node = add_node(&levels->changed, key, len);
		if (!node)
			return -ENOMEM;
		node->member = true;
		return 0;
	}
	below = levels_below(levels);
	if (field->shape != SCHEMA_ONE)
		r = compare_elements(&below, field, old, new);
	else
		r = compare_struct(&below, field->ref, old, new);
	return r < 0 ? r : adopt(levels, key, len, &below);
}

static int compare_struct(struct levels *levels, const struct schema_type *type,
			  const struct json_object *old, const struct json_object *new)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		const struct json_object *before = json_get(old, field->name);
		const struct json_object *after = json_get(new, field->name);
		bool was = schema_is_written(field, before), is = schema_is_written(field, after);
		const char *key;
		size_t len;

		if ((!was && !is) || (was && is && before == after))
			continue;
		key = field_key(levels->changed.arena, field->name, &len);
		if (!key)
			return -ENOMEM;
		if (was && is)
			r = compare_value(levels, field, before, after, key, len);
		else
			r = compare_alone(was ? &levels->removed : &levels->changed, field,
					  was ? before : after, key, len);
	}
	return r;
}

int fieldset_compare(struct arena *arena, const struct schema_type *type,
		     const struct json_object *old, const struct json_object *new,
		     struct fieldset_change *ret)
{
	struct levels levels = { { .arena = arena }, { .arena = arena } };
	int r = compare_struct(&levels, type, old, new);

	ret->changed = levels.changed.first;
	ret->removed = levels.removed.first;
	return r;
}
