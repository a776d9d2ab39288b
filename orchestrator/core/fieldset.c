/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/fieldset.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"

/* Hang @child (taken) into *node, which is made when the first child comes. */
static int hang(struct json_object **node, const char *key, struct json_object *child)
{
	if (!*node)
		*node = json_new_object();
	if (!*node || !child) {
		json_unref(child);
		return -ENOMEM;
	}
	return json_put(*node, key, child);
}

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

/* Whether Go's encoder would write it. */
static bool is_present(const struct schema_field *field, const struct json_object *value)
{
	if (field->flags & SCHEMA_ALWAYS)
		return true;
	if (!value)
		return false;
	if (field->shape != SCHEMA_ONE)
		return json_len(value) > 0;
	return (field->flags & SCHEMA_POINTER) || field->value == SCHEMA_REF ||
	       !schema_is_zero(value);
}

/* The field that one element or value of @field would be. */
static struct schema_field element_of(const struct schema_field *field)
{
	struct schema_field element = *field;

	element.shape = SCHEMA_ONE;
	element.flags = SCHEMA_ALWAYS;
	return element;
}

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
	const char *names[8];
	char text[128];
	size_t n;

	if (field->flags & SCHEMA_LIST_SET) {
		(void)buf_puts(buf, "v:");
		return json_write(buf, element);
	}
	n = key_names(field, text, sizeof(text), names);
	(void)buf_puts(buf, "k:{");
	for (size_t i = 0; i < n; i++) {
		(void)buf_printf(buf, "%s\"%s\":", i ? "," : "", names[i]);
		put_key_value(buf, field, names[i], element);
	}
	return buf_putc(buf, '}');
}

/* ---- whole values ---- */

enum whole_mode {
	WHOLE_ADDED,   /* everything, containers too: what an update has added or removed */
	WHOLE_APPLIED, /* what a configuration names: of containers only elements of lists */
};

static int whole(const struct schema_field *field, const struct json_object *value,
		 enum whole_mode mode, bool dot, struct json_object **ret);

static int field_key(struct buf *buf, const char *name)
{
	buf_clear(buf);
	return buf_printf(buf, "f:%s", name);
}

static int whole_struct(const struct schema_type *type, const struct json_object *value,
			enum whole_mode mode, struct json_object **node)
{
	auto_buf struct buf key = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		const struct json_object *member = json_get(value, field->name);
		struct json_object *child;

		if (mode == WHOLE_APPLIED ? !member : !is_present(field, member))
			continue;
		r = whole(field, member, mode, mode == WHOLE_ADDED, &child);
		if (r == 0)
			r = field_key(&key, field->name);
		if (r == 0)
			r = hang(node, buf_str(&key), child);
	}
	return r;
}

static int whole_elements(const struct schema_field *field, const struct json_object *value,
			  enum whole_mode mode, struct json_object **node)
{
	struct schema_field element = element_of(field);
	auto_buf struct buf key = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_len(value); i++) {
		struct json_object *child;

		buf_clear(&key);
		r = fieldset_element_key(field, json_idx(value, i), &key);
		if (r == 0)
			r = whole(&element, json_idx(value, i), mode, true, &child);
		if (r == 0)
			r = hang(node, buf_str(&key), child);
	}
	return r;
}

static int whole_members(const struct schema_field *field, const struct json_object *value,
			 enum whole_mode mode, struct json_object **node)
{
	struct schema_field element = element_of(field);
	auto_buf struct buf key = { 0 };
	struct json_iter it;
	int r = 0;

	json_for_each (it, value) {
		struct json_object *child;

		if (r == 0)
			r = whole(&element, it.value, mode, mode == WHOLE_ADDED, &child);
		if (r == 0)
			r = field_key(&key, it.key);
		if (r == 0)
			r = hang(node, buf_str(&key), child);
	}
	return r;
}

/* The node of a value that is there as a whole; @dot: a container is a member itself. */
static int whole(const struct schema_field *field, const struct json_object *value,
		 enum whole_mode mode, bool dot, struct json_object **ret)
{
	auto_json struct json_object *node = json_new_object();
	int r = node ? 0 : -ENOMEM;

	if (r == 0 && !is_leaf(field, value)) {
		if (dot)
			r = hang(&node, ".", json_new_object());
		if (r == 0 && field->shape == SCHEMA_LIST)
			r = whole_elements(field, value, mode, &node);
		else if (r == 0 && field->shape == SCHEMA_MAP)
			r = whole_members(field, value, mode, &node);
		else if (r == 0)
			r = whole_struct(field->ref, value, mode, &node);
	}
	*ret = take_ptr(&node);
	if (r < 0)
		*ret = json_unref(*ret);
	return r;
}

int fieldset_of(const struct schema_type *type, const struct json_object *value,
		struct json_object **ret)
{
	auto_json struct json_object *node = json_new_object();
	int r = node ? whole_struct(type, value, WHOLE_APPLIED, &node) : -ENOMEM;

	if (r == 0)
		*ret = take_ptr(&node);
	return r;
}

/* ---- comparing ---- */

static int compare_struct(const struct schema_type *type, const struct json_object *old,
			  const struct json_object *new, struct fieldset_change *ret);

void fieldset_change_done(struct fieldset_change *change)
{
	json_unref(change->changed);
	json_unref(change->removed);
	*change = (struct fieldset_change){ 0 };
}

/* Hang what was found below a field into the nodes of its parent. */
static int adopt(struct fieldset_change *parent, const char *key, struct fieldset_change *child)
{
	int r = 0;

	if (child->changed)
		r = hang(&parent->changed, key, take_ptr(&child->changed));
	if (r == 0 && child->removed)
		r = hang(&parent->removed, key, take_ptr(&child->removed));
	fieldset_change_done(child);
	return r;
}

/* It came or it went. */
static int compare_alone(const struct schema_field *field, const struct json_object *value,
			 const char *key, struct json_object **node)
{
	struct json_object *child;
	int r = whole(field, value, WHOLE_ADDED, true, &child);

	return r < 0 ? r : hang(node, key, child);
}

static bool same_leaf(const struct json_object *a, const struct json_object *b)
{
	return (schema_is_zero(a) && schema_is_zero(b)) || json_equal(a, b);
}

struct element {
	struct map_node node;
	const struct json_object *value;
	char *key;
};

static void elements_free(struct element *elements, size_t n)
{
	for (size_t i = 0; elements && i < n; i++)
		free(elements[i].key);
	free(elements);
}

/* The elements of a list (or members of a map) by their keys; of two with one key, the first. */
static int index_elements(const struct schema_field *field, const struct json_object *value,
			  struct map *map, struct element **ret)
{
	struct element *elements = calloc(json_len(value) + 1, sizeof(*elements));
	struct json_iter it;
	size_t n = 0;

	if (!elements)
		return -ENOMEM;
	if (field->shape == SCHEMA_MAP) {
		json_for_each (it, value) {
			auto_buf struct buf key = { 0 };

			(void)field_key(&key, it.key);
			elements[n].value = it.value;
			elements[n++].key = buf_take(&key);
		}
	}
	for (size_t i = 0; field->shape == SCHEMA_LIST && i < json_len(value); i++) {
		auto_buf struct buf key = { 0 };

		(void)fieldset_element_key(field, json_idx(value, i), &key);
		elements[n].value = json_idx(value, i);
		elements[n++].key = buf_take(&key);
	}
	*ret = elements;
	for (size_t i = 0; i < n; i++) {
		if (!elements[i].key)
			return -ENOMEM;
		(void)map_insert(map, &elements[i].node, elements[i].key);
	}
	return 0;
}

static const struct json_object *element_value(const struct map_node *node)
{
	return map_entry((struct map_node *)node, struct element, node)->value;
}

static int compare_value(const struct schema_field *field, const struct json_object *old,
			 const struct json_object *new, struct fieldset_change *ret);

static int compare_sides(const struct schema_field *element, const struct map *olds,
			 const struct map *news, struct fieldset_change *ret)
{
	int r = 0;

	for (struct map_node *node = map_first(news); node && r == 0; node = map_next(node)) {
		struct map_node *before = map_find(olds, node->key);
		struct fieldset_change child = { 0 };

		if (!before) {
			r = compare_alone(element, element_value(node), node->key, &ret->changed);
			continue;
		}
		r = compare_value(element, element_value(before), element_value(node), &child);
		if (r == 0)
			r = adopt(ret, node->key, &child);
		fieldset_change_done(&child);
	}
	for (struct map_node *node = map_first(olds); node && r == 0; node = map_next(node))
		if (!map_find(news, node->key))
			r = compare_alone(element, element_value(node), node->key, &ret->removed);
	return r;
}

static int compare_elements(const struct schema_field *field, const struct json_object *old,
			    const struct json_object *new, struct fieldset_change *ret)
{
	struct schema_field element = element_of(field);
	struct element *old_rows = NULL, *new_rows = NULL;
	struct map olds = { 0 }, news = { 0 };
	int r = index_elements(field, old, &olds, &old_rows);

	if (r == 0)
		r = index_elements(field, new, &news, &new_rows);
	if (r == 0)
		r = compare_sides(&element, &olds, &news, ret);
	elements_free(old_rows, json_len(old));
	elements_free(new_rows, json_len(new));
	return r;
}

/* Both sides are there. ret->changed becomes an empty node for a leaf that differs. */
static int compare_value(const struct schema_field *field, const struct json_object *old,
			 const struct json_object *new, struct fieldset_change *ret)
{
	if (old == new)
		return 0;
	if (!fieldset_granular(field) || (!json_len(old) && !json_len(new))) {
		if (same_leaf(old, new))
			return 0;
		ret->changed = json_new_object();
		return ret->changed ? 0 : -ENOMEM;
	}
	if (field->shape != SCHEMA_ONE)
		return compare_elements(field, old, new, ret);
	return compare_struct(field->ref, old, new, ret);
}

static int compare_struct(const struct schema_type *type, const struct json_object *old,
			  const struct json_object *new, struct fieldset_change *ret)
{
	auto_buf struct buf key = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		const struct json_object *before = json_get(old, field->name);
		const struct json_object *after = json_get(new, field->name);
		bool was = is_present(field, before), is = is_present(field, after);
		struct fieldset_change child = { 0 };

		if (!was && !is)
			continue;
		r = field_key(&key, field->name);
		if (r == 0 && was && is) {
			r = compare_value(field, before, after, &child);
			if (r == 0)
				r = adopt(ret, buf_str(&key), &child);
			fieldset_change_done(&child);
		} else if (r == 0) {
			r = compare_alone(field, was ? before : after, buf_str(&key),
					  was ? &ret->removed : &ret->changed);
		}
	}
	return r;
}

int fieldset_compare(const struct schema_type *type, const struct json_object *old,
		     const struct json_object *new, struct fieldset_change *ret)
{
	struct fieldset_change change = { 0 };
	int r = compare_struct(type, old, new, &change);

	if (r < 0)
		fieldset_change_done(&change);
	*ret = change;
	return r;
}

/* ---- set arithmetic ---- */

static bool is_member(const struct json_object *node)
{
	return json_len(node) == 0 || json_has(node, ".");
}

/* Whether there are members below it. */
static bool has_children(const struct json_object *node)
{
	return json_len(node) > (json_has(node, ".") ? 1u : 0u);
}

bool fieldset_empty(const struct json_object *set)
{
	return !has_children(set);
}

static int add_node(struct json_object *node, const struct json_object *other)
{
	bool member = is_member(node) || is_member(other);
	int r = fieldset_add(node, other);

	if (r == 0 && member && has_children(node) && !json_has(node, "."))
		r = json_put(node, ".", json_new_object());
	return r;
}

int fieldset_add(struct json_object *set, const struct json_object *other)
{
	struct json_iter it;
	int r = 0;

	json_for_each (it, other) {
		struct json_object *mine = json_get(set, it.key);

		if (r < 0 || strcmp(it.key, ".") == 0)
			continue;
		if (mine)
			r = add_node(mine, it.value);
		else
			r = json_put(set, it.key, json_copy(it.value));
	}
	return r;
}

/* Take @other out of @node; false: nothing of it is left. */
static bool remove_node(struct json_object *node, const struct json_object *other)
{
	bool member = is_member(node) && !is_member(other);

	fieldset_remove(node, other);
	if (has_children(node)) {
		if (!member)
			json_del(node, ".");
		return true;
	}
	json_del(node, ".");
	return member;
}

void fieldset_remove(struct json_object *set, const struct json_object *other)
{
	struct json_iter it;

	json_for_each (it, other) {
		struct json_object *mine = json_get(set, it.key);

		if (mine && strcmp(it.key, ".") != 0 && !remove_node(mine, it.value))
			json_del(set, it.key);
	}
}

static int common_node(const struct json_object *a, const struct json_object *b,
		       struct json_object **ret)
{
	bool member = is_member(a) && is_member(b);
	int r = fieldset_common(a, b, ret);

	if (r < 0 || !member)
		return r;
	if (!*ret) {
		*ret = json_new_object();
		return *ret ? 0 : -ENOMEM;
	}
	return json_put(*ret, ".", json_new_object());
}

int fieldset_common(const struct json_object *a, const struct json_object *b,
		    struct json_object **ret)
{
	struct json_object *node = NULL;
	struct json_iter it;
	int r = 0;

	json_for_each (it, a) {
		struct json_object *other = json_get(b, it.key), *child = NULL;

		if (r < 0 || !other || strcmp(it.key, ".") == 0)
			continue;
		r = common_node(it.value, other, &child);
		if (r == 0 && child)
			r = hang(&node, it.key, child);
		else if (r < 0)
			json_unref(child);
	}
	*ret = r < 0 ? json_unref(node) : node;
	return r;
}

struct json_object *fieldset_sorted(const struct json_object *set)
{
	auto_json struct json_object *sorted = json_new_object();
	size_t n = json_len(set), i = 0;
	auto_free const char **keys = calloc(n + 1, sizeof(*keys));
	struct json_iter it;

	if (!sorted || !keys)
		return NULL;
	json_for_each (it, set)
		keys[i++] = it.key;
	qsort(keys, n, sizeof(keys[0]), cmp_text);
	for (i = 0; i < n; i++) {
		struct json_object *child = fieldset_sorted(json_get(set, keys[i]));

		if (!child || json_put(sorted, keys[i], child) < 0)
			return NULL;
	}
	return take_ptr(&sorted);
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

static void put_paths(const struct json_object *node, struct buf *path, struct buf *ret)
{
	size_t len = path->len;
	struct json_iter it;

	json_for_each (it, node) {
		if (strcmp(it.key, ".") == 0 || strlen(it.key) < 2)
			continue;
		put_element(path, it.key);
		if (is_member(it.value))
			(void)buf_printf(ret, "%s\n", buf_str(path));
		put_paths(it.value, path, ret);
		buf_truncate(path, len);
	}
}

int fieldset_paths(const struct json_object *set, struct buf *ret)
{
	auto_buf struct buf path = { 0 };

	put_paths(set, &path, ret);
	return buf_error(&path) ? buf_error(&path) : buf_error(ret);
}
