/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computing a strategic merge patch as kubectl apply does: changes and additions from what the
 * server has, deletions from what was applied last; the file says what to keep.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/merge.h"

/* What a comparison looks for. */
struct diff {
	bool changes;	/* values that differ or are new */
	bool deletions; /* members that are gone */
	int failed;
};

static struct json_object *diff_objects(struct diff *diff, struct merge_rows rows, bool retain_keys,
					const struct json_object *from,
					const struct json_object *to);

static void put(struct diff *diff, struct json_object *object, const char *key,
		struct json_object *value)
{
	if (json_put(object, key, value) < 0)
		diff->failed = -ENOMEM;
}

static void add(struct diff *diff, struct json_object *array, struct json_object *value)
{
	if (json_add(array, value) < 0)
		diff->failed = -ENOMEM;
}

static void put_directive(struct diff *diff, struct json_object *patch, const char *prefix,
			  const char *name, struct json_object *value)
{
	auto_buf struct buf key = BUF_INIT(4096);

	if (buf_printf(&key, "%s%s", prefix, name) < 0) {
		json_unref(value);
		diff->failed = -ENOMEM;
		return;
	}
	put(diff, patch, buf_str(&key), value);
}

static int by_text(const void *a, const void *b)
{
	const char *left = json_str(*(struct json_object *const *)a);
	const char *right = json_str(*(struct json_object *const *)b);

	return strcmp(left ? left : "", right ? right : "");
}

/* @texts in the order of their bytes; takes it over. */
static struct json_object *sorted(struct diff *diff, struct json_object *texts)
{
	size_t n = json_len(texts);
	auto_free struct json_object **items = calloc(n + 1, sizeof(struct json_object *));
	struct json_object *array = json_new_array();

	for (size_t i = 0; items && i < n; i++)
		items[i] = json_ref(json_idx(texts, i));
	json_unref(texts);
	if (!items || !array) {
		diff->failed = -ENOMEM;
		return array;
	}
	qsort(items, n, sizeof(struct json_object *), by_text);
	for (size_t i = 0; i < n; i++)
		add(diff, array, items[i]);
	return array;
}

/* [{"name":"a"},{"name":"b"}]: the elements by their merge key alone. */
static struct json_object *keys_of(struct diff *diff, const struct json_object *list,
				   const char *key)
{
	struct json_object *keys = json_new_array();

	for (size_t i = 0, n = json_len(list); keys && i < n; i++) {
		struct json_object *one = json_new_object();

		if (one)
			put(diff, one, key, json_copy(json_get(json_idx(list, i), key)));
		add(diff, keys, one);
	}
	return keys;
}

static bool same_order(const struct json_object *from, const struct json_object *to,
		       const char *key)
{
	size_t n = json_len(from);

	if (n != json_len(to))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_equal(json_get(json_idx(from, i), key), json_get(json_idx(to, i), key)))
			return false;
	return true;
}

/* The partner of element @i of @list in @other: elements may share a key (a port for TCP and for
 * UDP); the first is then compared with the first, the second with the second. */
static size_t partner(const struct json_object *list, size_t i, const struct json_object *other,
		      const char *key)
{
	const struct json_object *value = json_get(json_idx(list, i), key);
	size_t before = 0;

	for (size_t k = 0; k < i; k++)
		before += json_equal(json_get(json_idx(list, k), key), value);
	for (size_t k = 0, n = json_len(other); k < n; k++)
		if (json_equal(json_get(json_idx(other, k), key), value) && before-- == 0)
			return k;
	return SIZE_MAX;
}

/* Elements that changed or are new, in the order of @to. */
static void diff_elements(struct diff *diff, const struct merge_rule *rule,
			  const struct json_object *from, const struct json_object *to,
			  struct json_object *changed)
{
	for (size_t i = 0, n = json_len(to); i < n; i++) {
		const struct json_object *element = json_idx(to, i);
		size_t at = partner(to, i, from, rule->key);
		struct json_object *patch;

		if (at == SIZE_MAX) {
			if (diff->changes)
				add(diff, changed, json_copy(element));
			continue;
		}
		patch = diff_objects(diff, rule->rows, rule->retain_keys, json_idx(from, at),
				     element);
		if (json_len(patch) == 0) {
			json_unref(patch);
			continue;
		}
		put(diff, patch, rule->key, json_copy(json_get(element, rule->key)));
		add(diff, changed, patch);
	}
}

struct keyed {
	const struct json_object *value; /* of the merge key */
	char text[64];
};

static int by_key_text(const void *a, const void *b)
{
	return strcmp(((const struct keyed *)a)->text, ((const struct keyed *)b)->text);
}

/* {"$patch":"delete"} for the elements that are gone, in the order of their keys as texts. */
static void delete_elements(struct diff *diff, const char *key, const struct json_object *from,
			    const struct json_object *to, struct json_object *changed)
{
	auto_free struct keyed *gone = calloc(json_len(from) + 1, sizeof(*gone));
	size_t n_gone = 0;

	if (!gone)
		diff->failed = -ENOMEM;
	for (size_t i = 0, n = json_len(from); gone && i < n; i++) {
		struct keyed *one = &gone[n_gone];
		const char *text;

		if (partner(from, i, to, key) != SIZE_MAX)
			continue;
		one->value = json_get(json_idx(from, i), key);
		text = json_str(one->value);
		if (text)
			(void)snprintf(one->text, sizeof(one->text), "%s", text);
		else
			(void)snprintf(one->text, sizeof(one->text), "%lld",
				       (long long)json_int(one->value, 0));
		n_gone++;
	}
	if (n_gone)
		qsort(gone, n_gone, sizeof(*gone), by_key_text);
	for (size_t i = 0; i < n_gone; i++) {
		struct json_object *deletion = json_new_object();

		if (deletion) {
			put(diff, deletion, key, json_copy(gone[i].value));
			put(diff, deletion, DIRECTIVE_PATCH, json_new_string("delete"));
		}
		add(diff, changed, deletion);
	}
}

static void diff_list_of_objects(struct diff *diff, const struct merge_rule *rule, const char *name,
				 const struct json_object *from, const struct json_object *to,
				 struct json_object *patch)
{
	auto_json struct json_object *changed = json_new_array();
	bool order;

	if (!changed) {
		diff->failed = -ENOMEM;
		return;
	}
	diff_elements(diff, rule, from, to, changed);
	if (diff->deletions)
		delete_elements(diff, rule->key, from, to, changed);
	order = json_len(changed) > 0 || (diff->changes && !same_order(from, to, rule->key));
	if (order && json_len(to))
		put_directive(diff, patch, DIRECTIVE_ORDER, name, keys_of(diff, to, rule->key));
	if (json_len(changed))
		put(diff, patch, name, take_ptr(&changed));
}

static void diff_list_of_scalars(struct diff *diff, const char *name,
				 const struct json_object *from, const struct json_object *to,
				 struct json_object *patch)
{
	auto_json struct json_object *added = json_new_array();
	auto_json struct json_object *gone = json_new_array();
	/* kubectl compares with a sorted list here; its patches are to be ours */
	auto_json struct json_object *sorted_from = sorted(diff, json_copy(from));

	if (!added || !gone) {
		diff->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0, n = json_len(to); diff->changes && i < n; i++)
		if (merge_find(from, json_idx(to, i), NULL) == SIZE_MAX)
			add(diff, added, json_copy(json_idx(to, i)));
	for (size_t i = 0, n = json_len(from); diff->deletions && i < n; i++)
		if (merge_find(to, json_idx(from, i), NULL) == SIZE_MAX &&
		    merge_find(gone, json_idx(from, i), NULL) == SIZE_MAX)
			add(diff, gone, json_copy(json_idx(from, i)));
	if (json_len(to) && (json_len(gone) || (diff->changes && !json_equal(sorted_from, to))))
		put_directive(diff, patch, DIRECTIVE_ORDER, name, json_copy(to));
	if (json_len(gone))
		put_directive(diff, patch, DIRECTIVE_DELETE_FROM, name,
			      sorted(diff, take_ptr(&gone)));
	if (json_len(added))
		put(diff, patch, name, take_ptr(&added));
}

static void diff_lists(struct diff *diff, const struct merge_rule *rule, const char *name,
		       const struct json_object *from, const struct json_object *to,
		       struct json_object *patch)
{
	if (!rule->merges) {
		if (diff->changes && !json_equal(from, to))
			put(diff, patch, name, json_copy(to));
	} else if (json_len(from) == 0) {
		if (diff->changes && json_len(to))
			put(diff, patch, name, json_copy(to));
	} else if (rule->key) {
		diff_list_of_objects(diff, rule, name, from, to, patch);
	} else {
		diff_list_of_scalars(diff, name, from, to, patch);
	}
}

static void diff_member(struct diff *diff, struct merge_rows rows, const char *key,
			const struct json_object *from, const struct json_object *to,
			struct json_object *patch)
{
	struct merge_rule rule = merge_rule_of(rows, key);
	struct json_object *child;

	if (json_kind(from) == JSON_OBJECT && json_kind(to) == JSON_OBJECT) {
		child = diff_objects(diff, rule.rows, rule.retain_keys, from, to);
		if (json_len(child))
			put(diff, patch, key, child);
		else
			json_unref(child);
	} else if (json_kind(from) == JSON_ARRAY && json_kind(to) == JSON_ARRAY) {
		diff_lists(diff, &rule, key, from, to, patch);
	} else if (diff->changes && !json_equal(from, to)) {
		put(diff, patch, key, json_copy(to));
	}
}

/* "$retainKeys": every member that @to has, where the object is to be replaced by kind of member. */
static void put_retain_keys(struct diff *diff, const struct json_object *to,
			    struct json_object *patch)
{
	struct json_object *keys = json_new_array();
	struct json_iter it;

	if (!keys) {
		diff->failed = -ENOMEM;
		return;
	}
	json_for_each (it, to)
		if (it.value)
			add(diff, keys, json_new_string(it.key));
	put(diff, patch, DIRECTIVE_RETAIN, sorted(diff, keys));
}

static struct json_object *diff_objects(struct diff *diff, struct merge_rows rows, bool retain_keys,
					const struct json_object *from,
					const struct json_object *to)
{
	struct json_object *patch = json_new_object();
	struct json_iter it;
	bool extra = false;

	if (!patch) {
		diff->failed = -ENOMEM;
		return NULL;
	}
	json_for_each (it, to) {
		if (json_has(from, it.key))
			diff_member(diff, rows, it.key, json_get(from, it.key), it.value, patch);
		else if (diff->changes)
			put(diff, patch, it.key, json_copy(it.value));
	}
	json_for_each (it, from) {
		if (json_has(to, it.key))
			continue;
		extra = true;
		if (diff->deletions)
			put(diff, patch, it.key, NULL);
	}
	if (retain_keys && json_len(to) && (json_len(patch) || extra))
		put_retain_keys(diff, to, patch);
	return patch;
}

int schema_strategic_diff(const struct schema_type *type, const struct json_object *original,
			  const struct json_object *modified, const struct json_object *current,
			  struct json_object **ret_patch, struct err *err)
{
	struct merge_rows rows = { .type = type };
	struct diff changes = { .changes = true }, deletions = { .deletions = true };
	auto_json struct json_object *delta = NULL;
	auto_json struct json_object *patch = NULL;
	int r;

	delta = diff_objects(&changes, rows, false, current, modified);
	patch = diff_objects(&deletions, rows, false, original, modified);
	if (changes.failed || deletions.failed)
		return err_set(err, -ENOMEM, "compute the patch");
	r = merge_object(rows, patch, delta, true, err);
	if (r == 0)
		*ret_patch = take_ptr(&patch);
	return r;
}
