/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects on their way out, as Go's encoder would write the struct: keys in the order of the rows,
 * maps sorted by key, empties left out unless the row says ALWAYS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

static void write_struct(struct buf *buf, const struct schema_type *type,
			 const struct json_object *object);

/* What a field that is always written says when it holds nothing. */
static const char *zero_text(const struct schema_field *field)
{
	static const char *const texts[SCHEMA_VALUE_COUNT] = {
		[SCHEMA_STRING] = "\"\"",     [SCHEMA_INT32] = "0",
		[SCHEMA_INT64] = "0",	      [SCHEMA_BOOL] = "false",
		[SCHEMA_DOUBLE] = "0",	      [SCHEMA_QUANTITY] = "\"0\"",
		[SCHEMA_BYTES] = "null",      [SCHEMA_DURATION] = "\"0s\"",
		[SCHEMA_INT_OR_STRING] = "0",
	};
	const char *text = texts[field->value];

	return field->shape != SCHEMA_ONE || (field->flags & SCHEMA_POINTER) || !text ? "null"
										      : text;
}

static void write_one(struct buf *buf, const struct schema_field *field,
		      const struct json_object *value)
{
	if (field->value == SCHEMA_REF)
		write_struct(buf, field->ref, value);
	else
		(void)json_write_style(buf, value, JSON_HTML_SAFE);
}

struct member {
	const char *key;
	const struct json_object *value;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void write_map(struct buf *buf, const struct schema_field *field,
		      const struct json_object *map)
{
	auto_free struct member *members = calloc(json_len(map) + 1, sizeof(*members));
	struct json_iter it;
	size_t n = 0;

	if (!members) {
		buf->failed = -ENOMEM;
		return;
	}
	json_for_each (it, map)
		members[n++] = (struct member){ it.key, it.value };
	qsort(members, n, sizeof(*members), by_key);
	(void)buf_putc(buf, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			(void)buf_putc(buf, ',');
		(void)json_write_string(buf, members[i].key, strlen(members[i].key),
					JSON_HTML_SAFE);
		(void)buf_putc(buf, ':');
		write_one(buf, field, members[i].value);
	}
	(void)buf_putc(buf, '}');
}

static void write_list(struct buf *buf, const struct schema_field *field,
		       const struct json_object *list)
{
	(void)buf_putc(buf, '[');
	for (size_t i = 0, n = json_len(list); i < n; i++) {
		if (i)
			(void)buf_putc(buf, ',');
		write_one(buf, field, json_idx(list, i));
	}
	(void)buf_putc(buf, ']');
}

bool schema_is_written(const struct schema_field *field, const struct json_object *value)
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

static void write_value(struct buf *buf, const struct schema_field *field,
			const struct json_object *value)
{
	bool nested = field->shape == SCHEMA_ONE && field->value == SCHEMA_REF &&
		      !(field->flags & SCHEMA_POINTER);

	/* an empty list is none: Kubernetes' storage can't tell them apart */
	if ((!value && !nested) || (field->shape != SCHEMA_ONE && json_len(value) == 0))
		(void)buf_puts(buf, zero_text(field));
	else if (field->shape == SCHEMA_LIST)
		write_list(buf, field, value);
	else if (field->shape == SCHEMA_MAP)
		write_map(buf, field, value);
	else
		write_one(buf, field, value);
}

/* @object NULL: the empty struct. */
static void write_struct(struct buf *buf, const struct schema_type *type,
			 const struct json_object *object)
{
	struct json_object *values[SCHEMA_FIELDS_MAX];
	bool first = true;

	schema_gather(type, object, values);
	(void)buf_putc(buf, '{');
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		const struct json_object *value = values[i];

		if (!schema_is_written(field, value))
			continue;
		(void)buf_puts(buf, first ? "\"" : ",\"");
		(void)buf_puts(buf, field->name); /* plain ASCII: the table test says so */
		(void)buf_puts(buf, "\":");
		write_value(buf, field, value);
		first = false;
	}
	(void)buf_putc(buf, '}');
}

int schema_write(struct buf *buf, const struct schema_type *type, const struct json_object *object)
{
	write_struct(buf, type, object);
	return buf_error(buf);
}

struct json_object *schema_canonical(const struct schema_type *type,
				     const struct json_object *object)
{
	auto_buf struct buf buf = BUF_INIT(0);
	struct json_object *canonical = NULL;

	if (schema_write(&buf, type, object) < 0 ||
	    json_parse(buf.data, buf.len, &canonical, NULL) < 0)
		return NULL;
	return canonical;
}
