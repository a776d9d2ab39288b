/* SPDX-License-Identifier: Apache-2.0 */
/* Walking an object along its rows with their rules. Status is left alone: nodes and controllers
 * write it, and the API takes it as it comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/metadata_rules.h"
#include "orchestrator/schema/rules.h"

/* No list of objects may be longer: rules compare elements with each other. */
#define LIST_MAX 4096

/* ---- the site ---- */

size_t site_enter(struct schema_site *site, const char *name, size_t index)
{
	size_t mark = site->depth;

	if (mark < SITE_DEPTH_MAX) { /* JSON is no deeper */
		site->way[mark].name = name;
		site->way[mark].index = index;
		site->depth++;
	}
	return mark;
}

void site_leave(struct schema_site *site, size_t mark)
{
	site->depth = mark;
}

const char *site_path(const struct schema_site *site, const char *sub, char path[SITE_PATH_MAX])
{
	auto_buf struct buf text = BUF_INIT(SITE_PATH_MAX - 1);

	for (size_t i = 0; i < site->depth; i++) {
		(void)buf_printf(&text, "%s%s", i ? "." : "", site->way[i].name);
		if (site->way[i].index != SIZE_MAX)
			(void)buf_printf(&text, "[%zu]", site->way[i].index);
	}
	if (sub)
		(void)buf_printf(&text, "%s%s", *sub != '[' && text.len ? "." : "", sub);
	(void)snprintf(path, SITE_PATH_MAX, "%s", buf_str(&text));
	return path;
}

void site_problem(struct schema_site *site, enum schema_cause cause, const char *sub,
		  const struct json_object *value, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT(1 << 20);
	auto_buf struct buf sentence = BUF_INIT(1 << 20);
	char path[SITE_PATH_MAX];
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&sentence, fmt, args);
	va_end(args);
	(void)json_write(&text, value);
	schema_problem(site->problems, cause, site_path(site, sub, path), buf_str(&text), "%s",
		       buf_str(&sentence));
}

void site_required(struct schema_site *site, const char *sub)
{
	site_problem(site, CAUSE_REQUIRED, sub, NULL, "%s", "");
}

void site_text_rule(struct schema_site *site, const char *sub, const char *text,
		    schema_rule_fn *rule)
{
	const char *sentences[SCHEMA_RULE_MAX];
	unsigned n = rule(text, sentences);
	auto_json struct json_object *value = NULL;

	if (n == 0)
		return;
	value = json_new_string(text);
	for (unsigned i = 0; i < n; i++)
		site_problem(site, CAUSE_INVALID, sub, value, "%s", sentences[i]);
}

void site_rule(struct schema_site *site, const char *sub, const struct json_object *value,
	       schema_rule_fn *rule)
{
	const char *text = json_str(value);

	if (text)
		site_text_rule(site, sub, text, rule);
}

void site_unsupported(struct schema_site *site, const char *sub, const struct json_object *value,
		      const char *const *allowed)
{
	auto_buf struct buf list = BUF_INIT(65536);

	for (size_t i = 0; allowed[i]; i++)
		(void)buf_printf(&list, "%s\"%s\"", i ? ", " : "", allowed[i]);
	site_problem(site, CAUSE_UNSUPPORTED, sub, value, "supported values: %s", buf_str(&list));
}

void site_one_of(struct schema_site *site, const char *sub, const struct json_object *value,
		 const char *const *allowed)
{
	const char *text = json_str(value);

	for (size_t i = 0; text && allowed[i]; i++)
		if (strcmp(text, allowed[i]) == 0)
			return;
	site_unsupported(site, sub, value, allowed);
}

void site_port(struct schema_site *site, const char *sub, const struct json_object *value)
{
	int64_t port = json_int(value, 0);

	if (json_kind(value) == JSON_STRING)
		site_rule(site, sub, value, rule_port_name);
	else if (port < 1 || port > 65535)
		site_problem(site, CAUSE_INVALID, sub, value,
			     "must be between 1 and 65535, inclusive");
}

void site_labels(struct schema_site *site, const char *sub, const struct json_object *labels)
{
	struct json_iter it;

	json_for_each (it, labels) {
		site_text_rule(site, sub, it.key, rule_qualified_name);
		site_rule(site, sub, it.value, rule_label_value);
	}
}

struct named {
	const char *text;
	size_t index;
};

static int by_text_and_index(const void *a, const void *b)
{
	const struct named *left = a, *right = b;
	int order = strcmp(left->text, right->text);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

static void report_repeated(struct schema_site *site, const char *list_name,
			    const struct json_object *list, const char *key)
{
	size_t n = json_len(list), n_named = 0;
	auto_free struct named *named = calloc(n + 1, sizeof(*named));
	auto_free bool *repeated = calloc(n + 1, sizeof(*repeated));

	if (!named || !repeated) {
		schema_problems_incomplete(site->problems);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = json_str(json_get(json_idx(list, i), key));

		if (text && *text)
			named[n_named++] = (struct named){ text, i };
	}
	if (n_named)
		qsort(named, n_named, sizeof(*named), by_text_and_index);
	for (size_t i = 1; i < n_named; i++)
		repeated[named[i].index] = strcmp(named[i].text, named[i - 1].text) == 0;
	for (size_t i = 0; i < n; i++) {
		size_t mark;

		if (!repeated[i])
			continue;
		mark = site_enter(site, list_name, i);
		site_problem(site, CAUSE_DUPLICATE, key, json_get(json_idx(list, i), key), "%s",
			     "");
		site_leave(site, mark);
	}
}

void site_unique(struct schema_site *site, const char *list_name, const struct json_object *list,
		 const char *key)
{
	if (json_len(list) > 1)
		report_repeated(site, list_name, list, key);
}

void site_immutable(struct schema_site *site, const char *sub, const struct json_object *value,
		    const struct json_object *old)
{
	if (!json_equal(value, old))
		site_problem(site, CAUSE_INVALID, sub, value, "field is immutable");
}

bool site_text_is(const struct json_object *object, const char *path, const char *text)
{
	const char *value = json_str_at(object, path);

	return strcmp(value ? value : "", text) == 0;
}

/* ---- the walk ---- */

static void check_value(struct schema_site *site, const struct schema_field *field,
			const struct json_object *value, const char *sub)
{
	const struct schema_check *check = field->check;
	int64_t number = json_int(value, 0);

	if (check->rule && json_str_len(value))
		site_rule(site, sub, value, check->rule);
	if (check->one_of)
		site_one_of(site, sub, value, check->one_of);
	if (check->says && (number < check->min || number > check->max))
		site_problem(site, CAUSE_INVALID, sub, value, "%s", check->says);
}

static void walk(struct schema_site *site, const struct schema_type *type,
		 const struct json_object *object);

static void walk_elements(struct schema_site *site, const struct schema_field *field,
			  const struct json_object *value)
{
	struct json_iter it;

	if (field->ref && json_len(value) > LIST_MAX) {
		auto_json struct json_object *number = json_new_int((int64_t)json_len(value));

		site_problem(site, CAUSE_TOO_MANY, field->name, number,
			     "must have at most %d items", LIST_MAX);
		site->too_long = true;
		return;
	}
	for (size_t i = 0, n = json_len(value); field->shape == SCHEMA_LIST && i < n; i++) {
		size_t mark = site_enter(site, field->name, i);

		if (field->ref)
			walk(site, field->ref, json_idx(value, i));
		else
			check_value(site, field, json_idx(value, i), NULL);
		site_leave(site, mark);
	}
	if (field->shape == SCHEMA_MAP && field->ref)
		json_for_each (it, value) {
			size_t mark = site_enter(site, field->name, SIZE_MAX);
			size_t below = site_enter(site, it.key, SIZE_MAX);

			walk(site, field->ref, it.value);
			site_leave(site, below);
			site_leave(site, mark);
		}
}

static void walk_field(struct schema_site *site, const struct schema_field *field,
		       const struct json_object *value)
{
	bool zero = schema_is_zero(value);
	size_t mark;

	if ((field->flags & SCHEMA_NEEDED) && zero) {
		site_required(site, field->name);
		return;
	}
	if (!value || (!field->ref && !field->check))
		return;
	if (field->shape != SCHEMA_ONE) {
		walk_elements(site, field, value);
	} else if (field->ref) {
		mark = site_enter(site, field->name, SIZE_MAX);
		walk(site, field->ref, value);
		site_leave(site, mark);
	} else if (!zero || (field->flags & (SCHEMA_POINTER | SCHEMA_ALWAYS))) {
		check_value(site, field, value, field->name);
	}
}

static void walk(struct schema_site *site, const struct schema_type *type,
		 const struct json_object *object)
{
	struct json_object *values[SCHEMA_FIELDS_MAX];
	bool top = object == site->root;

	schema_gather(type, object, values);
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];

		if (top &&
		    (strcmp(field->name, "status") == 0 || strcmp(field->name, "metadata") == 0))
			continue;
		walk_field(site, field, values[i]);
	}
	if (type->check && !site->too_long)
		type->check(site, object);
}

void schema_validate(const struct schema_kind *kind, const struct json_object *object,
		     const struct json_object *old, struct schema_problems *problems)
{
	struct schema_site site = { .problems = problems, .root = object, .old = old };

	if (kind->verbs & VERB_GET) /* what is only posted has no name to check */
		metadata_validate(&site, kind);
	walk(&site, kind->type, object);
	if (kind->validate && !site.too_long)
		kind->validate(&site);
}

int schema_warnings(const struct schema_kind *kind, const struct json_object *object,
		    struct buf *lines)
{
	if (kind->warn)
		kind->warn(object, lines);
	return buf_error(lines);
}
