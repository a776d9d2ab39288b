/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/sortby.h"

#include <errno.h>
#include <string.h>

#include "base/quantity.h"
#include "ctl/jsonpath.h"

struct keyed {
	struct json_object *element;
	struct json_object *lists; /* what the path found; owned */
	struct json_object *key;   /* the first of it; NULL: nothing */
	bool found;
	size_t at; /* where it stood: equal ones keep their order */
};

static int compare_text(const char *a, const char *b)
{
	struct quantity x, y;

	if (quantity_parse(a, &x, NULL) == 0 && quantity_parse(b, &y, NULL) == 0)
		return quantity_cmp(&x, &y);
	return strcmp(a, b);
}

static int compare(const void *first, const void *second)
{
	const struct keyed *a = first, *b = second;
	int order = 0;

	if (!a->found || !b->found)
		order = a->found - b->found;
	else if (json_str(a->key) && json_str(b->key))
		order = compare_text(json_str(a->key), json_str(b->key));
	else if (json_kind(a->key) == JSON_BOOL)
		order = json_truth(a->key, false) - json_truth(b->key, false);
	else
		order = (json_double(a->key, 0) > json_double(b->key, 0)) -
			(json_double(a->key, 0) < json_double(b->key, 0));
	return order ? order : (a->at > b->at) - (a->at < b->at);
}

int sortby(struct json_object *array, const char *member, const char *field, struct err *err)
{
	size_t n = json_len(array), found = 0;
	auto_free struct keyed *keys = calloc(n ? n : 1, sizeof(*keys));
	auto_jsonpath struct jsonpath *path = NULL;
	auto_buf struct buf relaxed = { 0 };
	int r = keys ? jsonpath_relax(field, &relaxed, err) : err_set(err, -ENOMEM, "sort");

	if (r == 0)
		r = jsonpath_parse(buf_str(&relaxed), &path, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		keys[i].element = json_ref(json_idx(array, i));
		keys[i].at = i;
		r = jsonpath_find(path,
				  member ? json_get(keys[i].element, member) : keys[i].element,
				  true, &keys[i].lists, err);
		keys[i].found = json_len(json_idx(keys[i].lists, 0)) > 0;
		keys[i].key = json_idx(json_idx(keys[i].lists, 0), 0);
		found += keys[i].found;
	}
	if (r == 0 && n && !found)
		r = err_say(err, -ENOENT,
			    "couldn't find any field with path \"%s\" in the list of objects",
			    buf_str(&relaxed));
	if (r == 0)
		qsort(keys, n, sizeof(*keys), compare);
	for (size_t i = 0; keys && i < n; i++) {
		if (r == 0)
			r = json_set_idx(array, i, json_ref(keys[i].element));
		(void)json_unref(keys[i].element);
		(void)json_unref(keys[i].lists);
	}
	return r;
}
