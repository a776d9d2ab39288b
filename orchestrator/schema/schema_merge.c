/* SPDX-License-Identifier: Apache-2.0 */
/* Applying a strategic merge patch (Kubernetes, "Update API objects in place using kubectl patch"). */
#include <errno.h>
#include <string.h>

#include "orchestrator/schema/merge.h"

#define FIELD_NAME_MAX 256
#define MERGE_LIST_MAX 8192 /* elements are compared with each other */

struct merge_rule merge_rule_of(struct merge_rows rows, const char *key)
{
	const struct schema_field *field = rows.map;
	struct merge_rule rule = { 0 };

	if (rows.type)
		field = schema_field_find(rows.type, key);
	if (!field)
		return rule;
	if (!rows.map && field->shape == SCHEMA_MAP)
		rule.rows.map = field;
	else
		rule.rows.type = field->ref;
	if (rows.map)
		return rule; /* the value of a map: no directives of its own */
	rule.key = field->merge_key;
	rule.merges = field->flags & SCHEMA_PATCH_MERGE;
	rule.retain_keys = field->flags & SCHEMA_PATCH_RETAIN_KEYS;
	return rule;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "merge the patch");
}

/* What stands behind a prefix such as "$setElementOrder/", or NULL. */
static const char *behind(const char *key, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(key, prefix, len) == 0 ? key + len : NULL;
}

/* ---- lists ---- */

size_t merge_find(const struct json_object *list, const struct json_object *element,
		  const char *key)
{
	for (size_t i = 0, n = json_len(list); i < n; i++) {
		const struct json_object *one = json_idx(list, i);

		if (key ? json_has(one, key) &&
				    json_equal(json_get(one, key), json_get(element, key))
			: json_equal(one, element))
			return i;
	}
	return SIZE_MAX;
}

/* All elements of @list that are namesakes of @element, as far as @order (NULL: nothing) leaves them. */
static int add_namesakes(struct json_object *to, const struct json_object *list,
			 const struct json_object *element, const struct json_object *order,
			 const char *key)
{
	for (size_t i = 0, n = json_len(list); i < n; i++) {
		struct json_object *one = json_idx(list, i);
		bool same = key ? json_has(one, key) &&
					    json_equal(json_get(one, key), json_get(element, key))
				: json_equal(one, element);

		if (same && (!order || merge_find(order, one, key) == SIZE_MAX) &&
		    json_add(to, json_ref(one)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What @order does not name: as it stood in @was, and what is new last. */
static int add_others(struct json_object *to, const struct json_object *list,
		      const struct json_object *order, const struct json_object *was,
		      const char *key)
{
	int r = 0;

	for (size_t k = 0, n = json_len(was); r == 0 && k < n; k++)
		if (merge_find(was, json_idx(was, k), key) == k)
			r = add_namesakes(to, list, json_idx(was, k), order, key);
	for (size_t k = 0, n = json_len(list); r == 0 && k < n; k++)
		if (merge_find(order, json_idx(list, k), key) == SIZE_MAX &&
		    merge_find(was, json_idx(list, k), key) == SIZE_MAX)
			r = json_add(to, json_ref(json_idx(list, k)));
	return r;
}

struct json_object *merge_ordered(const struct json_object *list, const struct json_object *order,
				  const struct json_object *was, const char *key)
{
	auto_json struct json_object *named = json_new_array();
	auto_json struct json_object *others = json_new_array();
	auto_json struct json_object *all = json_new_array();
	size_t i = 0, j = 0;

	if (!named || !others || !all)
		return NULL;
	for (size_t k = 0, n = json_len(order); k < n; k++)
		if (merge_find(order, json_idx(order, k), key) == k &&
		    add_namesakes(named, list, json_idx(order, k), NULL, key) < 0)
			return NULL;
	if (add_others(others, list, order, was, key) < 0)
		return NULL;
	while (i < json_len(others) || j < json_len(named)) {
		size_t left = merge_find(was, json_idx(others, i), key);
		size_t right = merge_find(was, json_idx(named, j), key);
		bool other = j >= json_len(named) || (i < json_len(others) && left != SIZE_MAX &&
						      right != SIZE_MAX && left < right);

		if (json_add(all, json_ref(other ? json_idx(others, i) : json_idx(named, j))) < 0)
			return NULL;
		if (other)
			i++;
		else
			j++;
	}
	return take_ptr(&all);
}

/* A value that is new to the object: without directives and nulls. *ret NULL: nothing is left. */
static int without_directives(const struct json_object *value, struct json_object **ret,
			      struct err *err)
{
	const char *patch = json_str(json_get(value, DIRECTIVE_PATCH));
	auto_json struct json_object *copy = NULL;
	struct json_object *child = NULL;
	struct json_iter it;
	int r = 0;

	*ret = NULL;
	if (json_kind(value) == JSON_ARRAY) {
		copy = json_new_array();
		for (size_t i = 0, n = json_len(value); copy && r == 0 && i < n; i++) {
			r = without_directives(json_idx(value, i), &child, err);
			if (r == 0 && child && json_add(copy, child) < 0)
				return no_memory(err);
		}
	} else if (json_kind(value) == JSON_OBJECT) {
		if (patch && strcmp(patch, "delete") == 0)
			return 0;
		copy = json_new_object();
		if (copy)
			json_for_each (it, value) {
				if (r < 0 || it.key[0] == '$' || !it.value)
					continue;
				r = without_directives(it.value, &child, err);
				if (r == 0 && child && json_put(copy, it.key, child) < 0)
					return no_memory(err);
			}
	} else {
		copy = json_copy(value);
	}
	if (!copy && value)
		return no_memory(err);
	if (r == 0)
		*ret = take_ptr(&copy);
	return r;
}

/* Elements with $patch: each deletes its namesake; one replace empties the list. */
static int apply_special_elements(struct json_object *list, const struct json_object *patch,
				  const char *key, struct err *err)
{
	for (size_t i = 0, n = json_len(patch); i < n; i++) {
		const struct json_object *element = json_idx(patch, i);
		const char *directive = json_str(json_get(element, DIRECTIVE_PATCH));
		size_t at;

		if (!json_has(element, DIRECTIVE_PATCH))
			continue;
		if (directive && strcmp(directive, "replace") == 0) {
			for (size_t k = json_len(list); k-- > 0;)
				json_del_idx(list, k);
			continue;
		}
		if (!directive || strcmp(directive, "delete") != 0)
			return err_say(err, -EINVAL, "unknown patch type found: %s in slice",
				       directive ? directive : "");
		if (!json_has(element, key))
			return err_say(err, -EINVAL,
				       "delete patch type with no merge key defined: %s", key);
		for (at = merge_find(list, element, key); at != SIZE_MAX;
		     at = merge_find(list, element, key))
			json_del_idx(list, at);
	}
	return 0;
}

static int merge_elements(const struct merge_rule *rule, struct json_object *list,
			  const struct json_object *patch, bool patches, struct err *err)
{
	int r = apply_special_elements(list, patch, rule->key, err);

	for (size_t i = 0, n = json_len(patch); r == 0 && i < n; i++) {
		const struct json_object *element = json_idx(patch, i);
		struct json_object *added;
		size_t at;

		if (json_has(element, DIRECTIVE_PATCH))
			continue;
		if (!json_has(element, rule->key))
			return err_say(err, -EINVAL, "map does not contain declared merge key: %s",
				       rule->key);
		at = merge_find(list, element, rule->key);
		if (at != SIZE_MAX) {
			r = merge_object(rule->rows, json_idx(list, at), element, patches, err);
			continue;
		}
		added = json_copy(element);
		if (!patches && added) {
			json_unref(added);
			r = without_directives(element, &added, err);
		}
		if (r == 0 && added && json_add(list, added) < 0)
			return no_memory(err);
	}
	return r;
}

static int merge_scalars(struct json_object *list, const struct json_object *patch, struct err *err)
{
	for (size_t i = 0, n = json_len(patch); i < n; i++)
		if (merge_find(list, json_idx(patch, i), NULL) == SIZE_MAX &&
		    json_add(list, json_copy(json_idx(patch, i))) < 0)
			return no_memory(err);
	return 0;
}

/* Merge @patch into the list @name of @object, both there. Order: as in the patch. */
static int merge_list(const struct merge_rule *rule, struct json_object *object, const char *name,
		      const struct json_object *patch, bool patches, struct err *err)
{
	struct json_object *list = json_get(object, name), *ordered;
	auto_json struct json_object *was = NULL;
	int r;

	if (json_len(list) + json_len(patch) > MERGE_LIST_MAX)
		return err_say(err, -E2BIG, "%s: a list of more than %d elements is not merged",
			       name, MERGE_LIST_MAX);
	if (!rule->merges || (!rule->key && json_kind(json_idx(patch, 0)) == JSON_OBJECT))
		return json_put(object, name, json_copy(patch)) < 0 ? no_memory(err) : 0;
	was = json_copy(list);
	if (!was)
		return no_memory(err);
	r = rule->key ? merge_elements(rule, list, patch, patches, err)
		      : merge_scalars(list, patch, err);
	if (r < 0)
		return r;
	ordered = merge_ordered(list, patch, was, rule->key);
	return !ordered || json_put(object, name, ordered) < 0 ? no_memory(err) : 0;
}

static int delete_scalars(struct json_object *object, const char *name,
			  const struct json_object *gone, struct err *err)
{
	struct json_object *list = json_get(object, name);

	if (json_kind(gone) != JSON_ARRAY || (list && json_kind(list) != JSON_ARRAY))
		return err_say(err, -EINVAL, "invalid patch format of primitive list: %s%s",
			       DIRECTIVE_DELETE_FROM, name);
	for (size_t i = 0, n = json_len(gone); i < n; i++)
		for (size_t k = json_len(list); k-- > 0;)
			if (json_equal(json_idx(list, k), json_idx(gone, i)))
				json_del_idx(list, k);
	return 0;
}

/* ---- objects ---- */

static int apply_retain_keys(struct json_object *object, const struct json_object *patch,
			     bool patches, struct err *err)
{
	const struct json_object *keys = json_get(patch, DIRECTIVE_RETAIN);
	struct json_iter it;

	if (!json_has(patch, DIRECTIVE_RETAIN))
		return 0;
	if (json_kind(keys) != JSON_ARRAY)
		return err_say(err, -EINVAL, "invalid patch format of retainKeys");
	if (patches)
		return json_put(object, DIRECTIVE_RETAIN, json_copy(keys)) < 0 ? no_memory(err) : 0;
	json_for_each (it, patch) {
		auto_json struct json_object *key = json_new_string(it.key);

		if (it.key[0] != '$' && it.value && merge_find(keys, key, NULL) == SIZE_MAX)
			return err_say(err, -EINVAL, "invalid patch format of retainKeys");
	}
	json_for_each (it, object) {
		auto_json struct json_object *key = json_new_string(it.key);

		if (merge_find(keys, key, NULL) == SIZE_MAX)
			json_del(object, it.key);
	}
	return 0;
}

/* Every element of the patch list must be named by the order. */
static bool order_covers(const struct json_object *order, const struct json_object *list,
			 const char *key)
{
	for (size_t i = 0, n = json_len(list); i < n; i++)
		if (!json_has(json_idx(list, i), DIRECTIVE_PATCH) &&
		    merge_find(order, json_idx(list, i), key) == SIZE_MAX)
			return false;
	return true;
}

/* "$setElementOrder/name": merge the list @name, if the patch has one, and put it in order. */
static int apply_order(struct merge_rows rows, struct json_object *object, const char *name,
		       const struct json_object *patch, const struct json_object *order,
		       bool patches, struct err *err)
{
	struct merge_rule rule = merge_rule_of(rows, name);
	const struct json_object *list = json_get(patch, name);
	struct json_object *old = json_get(object, name), *ordered;
	auto_json struct json_object *was = NULL;
	int r = 0;

	if (json_len(order) > MERGE_LIST_MAX || json_len(old) > MERGE_LIST_MAX)
		return err_say(err, -E2BIG, "%s: a list of more than %d elements is not merged",
			       name, MERGE_LIST_MAX);
	if (json_kind(order) != JSON_ARRAY || (list && json_kind(list) != JSON_ARRAY) ||
	    !order_covers(order, list, rule.key))
		return err_say(err, -EINVAL, "invalid patch format of setElementOrder list: %s%s",
			       DIRECTIVE_ORDER, name);
	if (!old && !list)
		return 0;
	if (json_kind(old) != JSON_ARRAY) {
		old = json_new_array();
		if (!old || json_put(object, name, old) < 0)
			return no_memory(err);
	}
	was = json_copy(old);
	if (!was)
		return no_memory(err);
	if (list)
		r = merge_list(&rule, object, name, list, patches, err);
	if (r < 0)
		return r;
	ordered = merge_ordered(json_get(object, name), order, was, rule.key);
	return !ordered || json_put(object, name, ordered) < 0 ? no_memory(err) : 0;
}

static int apply_orders(struct merge_rows rows, struct json_object *object,
			const struct json_object *patch, bool patches, struct err *err)
{
	struct json_iter it;
	int r = 0;

	json_for_each (it, patch) {
		const char *name = behind(it.key, DIRECTIVE_ORDER);

		if (!name || r < 0)
			continue;
		if (patches && json_put(object, it.key, json_copy(it.value)) < 0)
			return no_memory(err);
		r = apply_order(rows, object, name, patch, it.value, patches, err);
	}
	return r;
}

static bool is_ordered(const struct json_object *patch, const char *name)
{
	char key[FIELD_NAME_MAX + sizeof(DIRECTIVE_ORDER)] = DIRECTIVE_ORDER;

	strncat(key, name, FIELD_NAME_MAX);
	return json_has(patch, key);
}

/* A member that the object does not have, or has as another type. */
static int put_new(struct json_object *object, const char *key, const struct json_object *value,
		   bool patches, struct err *err)
{
	struct json_object *copy = NULL;
	int r = 0;

	if (patches)
		copy = json_copy(value);
	else
		r = without_directives(value, &copy, err);
	if (r < 0)
		return r;
	if (!copy && (!patches || value))
		return 0;
	return json_put(object, key, copy) < 0 ? no_memory(err) : 0;
}

static int merge_member(struct merge_rows rows, struct json_object *object, const char *key,
			const struct json_object *value, bool patches, struct err *err)
{
	struct json_object *old = json_get(object, key);
	struct merge_rule rule = merge_rule_of(rows, key);

	if (!value && !patches) {
		json_del(object, key);
		return 0;
	}
	if (!old || json_kind(old) != json_kind(value))
		return put_new(object, key, value, patches, err);
	if (json_kind(value) == JSON_OBJECT)
		return merge_object(rule.rows, old, value, patches, err);
	if (json_kind(value) == JSON_ARRAY)
		return merge_list(&rule, object, key, value, patches, err);
	return json_put(object, key, json_copy(value)) < 0 ? no_memory(err) : 0;
}

/* "$patch" in an object: replace all of it, or delete all of it. */
static int apply_directive(struct json_object *object, const struct json_object *patch,
			   struct err *err)
{
	const char *directive = json_str(json_get(patch, DIRECTIVE_PATCH));
	struct json_iter it;

	if (!directive || (strcmp(directive, "replace") != 0 && strcmp(directive, "delete") != 0))
		return err_say(err, -EINVAL, "unknown patch type found: %s in map",
			       directive ? directive : "");
	json_for_each (it, object)
		json_del(object, it.key);
	if (strcmp(directive, "delete") == 0)
		return 0;
	json_for_each (it, patch)
		if (strcmp(it.key, DIRECTIVE_PATCH) != 0 &&
		    json_put(object, it.key, json_copy(it.value)) < 0)
			return no_memory(err);
	return 0;
}

int merge_object(struct merge_rows rows, struct json_object *object,
		 const struct json_object *patch, bool patches, struct err *err)
{
	struct json_iter it;
	int r;

	if (json_has(patch, DIRECTIVE_PATCH))
		return apply_directive(object, patch, err);
	r = apply_retain_keys(object, patch, patches, err);
	if (r == 0)
		r = apply_orders(rows, object, patch, patches, err);
	if (r < 0)
		return r;
	json_for_each (it, patch) {
		const char *gone = behind(it.key, DIRECTIVE_DELETE_FROM);

		if (r < 0)
			break;
		if (behind(it.key, DIRECTIVE_ORDER) || strcmp(it.key, DIRECTIVE_RETAIN) == 0)
			continue;
		if (gone && patches)
			r = json_put(object, it.key, json_copy(it.value)) < 0 ? no_memory(err) : 0;
		else if (gone)
			r = delete_scalars(object, gone, it.value, err);
		else if (json_kind(it.value) != JSON_ARRAY || !is_ordered(patch, it.key))
			r = merge_member(rows, object, it.key, it.value, patches, err);
	}
	return r;
}

int schema_strategic_merge(const struct schema_type *type, struct json_object *object,
			   const struct json_object *patch, struct err *err)
{
	if (json_kind(object) != JSON_OBJECT || json_kind(patch) != JSON_OBJECT)
		return err_say(err, -EINVAL, "a strategic merge patch must be a JSON object");
	return merge_object((struct merge_rows){ .type = type }, object, patch, false, err);
}
