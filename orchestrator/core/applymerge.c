/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/applymerge.h"

#include <errno.h>
#include <string.h>

/* ---- laying over ---- */

static int merge_value(const struct schema_field *field, struct json_object *into, const char *key,
		       const struct json_object *config);

static struct schema_field element_of(const struct schema_field *field)
{
	struct schema_field element = *field;

	element.shape = SCHEMA_ONE;
	return element;
}

static int put_copy(struct json_object *into, const char *key, const struct json_object *value)
{
	struct json_object *copy = json_copy(value);

	return value && !copy ? -ENOMEM : json_put(into, key, copy);
}

static int merge_struct(const struct schema_type *type, struct json_object *into,
			const struct json_object *config)
{
	struct json_iter it;
	int r = 0;

	json_for_each (it, config) {
		const struct schema_field *field = schema_field_find(type, it.key);

		if (r == 0 && field)
			r = merge_value(field, into, it.key, it.value);
	}
	return r;
}

static int merge_map(const struct schema_field *field, struct json_object *into,
		     const struct json_object *config)
{
	struct schema_field element = element_of(field);
	struct json_iter it;
	int r = 0;

	json_for_each (it, config)
		if (r == 0)
			r = merge_value(&element, into, it.key, it.value);
	return r;
}

/* Keys of a list's elements to the elements, as an object that shares them. */
static struct json_object *index_list(const struct schema_field *field,
				      const struct json_object *list)
{
	auto_json struct json_object *index = json_new_object();
	auto_buf struct buf key = { 0 };

	for (size_t i = 0; index && i < json_len(list); i++) {
		buf_clear(&key);
		if (fieldset_element_key(field, json_idx(list, i), &key) < 0 ||
		    json_put(index, buf_str(&key), json_ref(json_idx(list, i))) < 0)
			return NULL;
	}
	return take_ptr(&index);
}

static int merge_list(const struct schema_field *field, struct json_object *into,
		      const struct json_object *config)
{
	auto_json struct json_object *index = index_list(field, into);
	auto_buf struct buf key = { 0 };
	int r = index ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < json_len(config); i++) {
		const struct json_object *element = json_idx(config, i);
		struct json_object *copy;

		buf_clear(&key);
		r = fieldset_element_key(field, element, &key);
		if (r < 0)
			break;
		if (json_has(index, buf_str(&key))) {
			if (field->flags & SCHEMA_LIST_MAP && field->ref)
				r = merge_struct(field->ref, json_get(index, buf_str(&key)),
						 element);
			continue;
		}
		copy = json_copy(element);
		r = copy ? json_add(into, copy) : -ENOMEM;
	}
	return r;
}

static int merge_value(const struct schema_field *field, struct json_object *into, const char *key,
		       const struct json_object *config)
{
	struct json_object *present = json_get(into, key);

	if (!present || !fieldset_granular(field) || json_kind(present) != json_kind(config) ||
	    json_len(config) == 0)
		return json_len(present) && !json_len(config) && fieldset_granular(field) &&
				       json_kind(present) == json_kind(config)
			       ? 0
			       : put_copy(into, key, config);
	if (field->shape == SCHEMA_LIST)
		return merge_list(field, present, config);
	if (field->shape == SCHEMA_MAP)
		return merge_map(field, present, config);
	return merge_struct(field->ref, present, config);
}

int applymerge(const struct schema_type *type, struct json_object *object,
	       const struct json_object *config)
{
	return merge_struct(type, object, config);
}

/* ---- taking out ---- */

static int prune_value(const struct schema_field *field, struct json_object *value,
		       struct fieldset *gone, struct fieldset *kept);

/* The key as it is in the object: without its mark and its escapes. */
static struct json_object *plain_key(const struct fieldset *node)
{
	auto_buf struct buf quoted = { 0 };
	struct json_object *key = NULL;

	(void)buf_printf(&quoted, "\"%.*s\"", (int)(node->key_len - MIN(node->key_len, 2u)),
			 node->key + MIN(node->key_len, 2u));
	return json_parse(buf_str(&quoted), quoted.len, &key, NULL) < 0 ? NULL : key;
}

static int prune_member(const struct schema_field *field, struct json_object *parent,
			const char *key, struct fieldset *gone, struct fieldset *kept)
{
	struct json_object *value = json_get(parent, key);

	if (!value)
		return 0;
	if (!kept) {
		json_del(parent, key);
		return 0;
	}
	return gone->child && kept->child ? prune_value(field, value, gone->child, kept->child) : 0;
}

static int prune_struct(const struct schema_type *type, struct json_object *object,
			struct fieldset *gone, struct fieldset *kept)
{
	int r = 0;

	for (struct fieldset *node = gone; node && r == 0; node = node->next) {
		auto_json struct json_object *key = plain_key(node);
		const struct schema_field *field =
			json_str(key) ? schema_field_find(type, json_str(key)) : NULL;

		if (!key)
			return -ENOMEM;
		if (field)
			r = prune_member(field, object, json_str(key), node,
					 fieldset_find(kept, node->key, node->key_len));
	}
	return r;
}

static int prune_map(const struct schema_field *field, struct json_object *map,
		     struct fieldset *gone, struct fieldset *kept)
{
	struct schema_field element = element_of(field);
	int r = 0;

	for (struct fieldset *node = gone; node && r == 0; node = node->next) {
		auto_json struct json_object *key = plain_key(node);

		if (!key)
			return -ENOMEM;
		r = prune_member(&element, map, json_str(key), node,
				 fieldset_find(kept, node->key, node->key_len));
	}
	return r;
}

static int prune_list(const struct schema_field *field, struct json_object *list,
		      struct fieldset *gone, struct fieldset *kept)
{
	struct schema_field element = element_of(field);
	auto_buf struct buf key = { 0 };
	int r = 0;

	for (size_t i = json_len(list); i-- > 0 && r == 0;) {
		struct fieldset *node, *keep;

		buf_clear(&key);
		r = fieldset_element_key(field, json_idx(list, i), &key);
		if (r < 0)
			break;
		node = fieldset_find(gone, key.data, key.len);
		keep = fieldset_find(kept, key.data, key.len);
		if (node && !keep)
			json_del_idx(list, i);
		else if (node && node->child && keep->child)
			r = prune_value(&element, json_idx(list, i), node->child, keep->child);
	}
	return r;
}

static int prune_value(const struct schema_field *field, struct json_object *value,
		       struct fieldset *gone, struct fieldset *kept)
{
	if (!fieldset_granular(field))
		return 0;
	if (field->shape == SCHEMA_LIST)
		return prune_list(field, value, gone, kept);
	if (field->shape == SCHEMA_MAP)
		return prune_map(field, value, gone, kept);
	return prune_struct(field->ref, value, gone, kept);
}

int applymerge_prune(const struct schema_type *type, struct json_object *object,
		     struct fieldset *gone, struct fieldset *kept)
{
	return prune_struct(type, object, gone, kept);
}
