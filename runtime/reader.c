/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int reader_refuse(struct reader *r, const char *what)
{
	return err_say(r->err, -EINVAL, "%s: %s", r->path[0] ? r->path : "config", what);
}

int reader_table(struct reader *r, const struct table *t, const struct json_object *json, void *at)
{
	if (json_kind(json) != JSON_OBJECT)
		return reader_refuse(r, "must be an object");
	for (size_t i = 0; i < t->n; i++) {
		const struct field *f = &t->fields[i];
		struct json_object *value = json_get(json, f->name);
		size_t len = strlen(r->path);
		int code = 0;

		if (json_kind(value) == JSON_NULL && !f->required)
			continue;
		(void)snprintf(r->path + len, sizeof(r->path) - len, "%s%s", len ? "." : "",
			       f->name);
		if (json_kind(value) == JSON_NULL)
			code = reader_refuse(r, "is required");
		if (code == 0)
			code = f->read(r, f, value, (char *)at + f->offset);
		if (code < 0)
			return code;
		r->path[len] = '\0';
	}
	return t->check ? t->check(r, at) : 0;
}

/* ---- readers ---- */

READER(reader_text)
{
	const char *text = json_str(json);

	(void)f;
	if (!text)
		return reader_refuse(r, "must be a string");
	*(const char **)at = spec_strdup(r->spec, text);
	return 0;
}

READER(reader_bool)
{
	(void)f;
	if (json_kind(json) != JSON_BOOL)
		return reader_refuse(r, "must be true or false");
	*(bool *)at = json_truth(json, false);
	return 0;
}

/* Digits as they stand: a JSON number may be larger than any integer of ours. */
static int digits_of(struct reader *r, const struct json_object *json, char text[32])
{
	auto_buf struct buf buf = BUF_INIT(64);

	if (json_kind(json) != JSON_INT && json_kind(json) != JSON_DOUBLE)
		return reader_refuse(r, "must be a whole number");
	if (json_write(&buf, json) < 0 || buf.len >= 32 ||
	    strspn(buf_str(&buf), "-0123456789") != buf.len)
		return reader_refuse(r, "must be a whole number");
	(void)snprintf(text, 32, "%s", buf_str(&buf));
	return 0;
}

static int read_unsigned(struct reader *r, const struct json_object *json, uint64_t max,
			 uint64_t *ret)
{
	char text[32];
	int code = digits_of(r, json, text);

	if (code < 0)
		return code;
	errno = 0;
	*ret = strtoull(text, NULL, 10);
	if (text[0] == '-' || errno || *ret > max)
		return reader_refuse(r, "is out of range");
	return 0;
}

READER(reader_u16)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT16_MAX, &value);

	(void)f;
	if (code == 0)
		*(uint16_t *)at = (uint16_t)value;
	return code;
}

READER(reader_u32)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT32_MAX, &value);

	(void)f;
	if (code == 0)
		*(uint32_t *)at = (uint32_t)value;
	return code;
}

/* -1 is an id for nobody: setresuid would take it for "leave alone". */
READER(reader_id)
{
	uint64_t value = 0;
	int code = read_unsigned(r, json, UINT32_MAX - 1, &value);

	(void)f;
	if (code == 0)
		*(uint32_t *)at = (uint32_t)value;
	return code;
}

READER(reader_u64)
{
	(void)f;
	return read_unsigned(r, json, UINT64_MAX, at);
}

READER(reader_i64)
{
	char text[32];
	int code = digits_of(r, json, text);

	(void)f;
	if (code < 0)
		return code;
	errno = 0;
	*(int64_t *)at = strtoll(text, NULL, 10);
	return errno ? reader_refuse(r, "is out of range") : 0;
}

READER(reader_i32)
{
	int64_t value = 0;
	int code = reader_i64(r, f, json, &value);

	if (code == 0 && (value < INT32_MIN || value > INT32_MAX))
		return reader_refuse(r, "is out of range");
	if (code == 0)
		*(int32_t *)at = (int32_t)value;
	return code;
}

/* A value whose presence matters: the flag lies @extra into the same struct. */
void reader_set_flag(const struct field *f, void *at)
{
	*(bool *)((char *)at - f->offset + f->extra) = true;
}

READER(reader_u32_flagged)
{
	reader_set_flag(f, at);
	return reader_u32(r, f, json, at);
}

READER(reader_i32_flagged)
{
	reader_set_flag(f, at);
	return reader_i32(r, f, json, at);
}

READER(reader_i64_flagged)
{
	reader_set_flag(f, at);
	return reader_i64(r, f, json, at);
}

int reader_check_items(struct reader *r, const struct json_object *json)
{
	if (json_kind(json) != JSON_ARRAY)
		return reader_refuse(r, "must be an array");
	return json_len(json) > ITEMS_MAX ? reader_refuse(r, "has too many items") : 0;
}

READER(reader_texts)
{
	struct spec_strings *strings = at;
	int code = reader_check_items(r, json);

	(void)f;
	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		const char *text = json_str(json_idx(json, i));

		if (!text)
			return reader_refuse(r, "must be an array of strings");
		spec_strings_add(r->spec, strings, text);
	}
	return code;
}

READER(reader_ids)
{
	uint32_t **ids = at;
	size_t *n = (size_t *)((char *)at - f->offset + f->extra);
	int code = reader_check_items(r, json);

	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		uint32_t *id = spec_grow(r->spec, ids, n, sizeof(*id));

		code = id ? reader_id(r, f, json_idx(json, i), id) : -ENOMEM;
	}
	return code;
}

READER(reader_object)
{
	return reader_table(r, f->table, json, at);
}

READER(reader_array)
{
	size_t *n = (size_t *)((char *)at - f->offset + f->extra), len = strlen(r->path);
	int code = reader_check_items(r, json);

	for (size_t i = 0; i < json_len(json) && code == 0; i++) {
		void *item = spec_grow(r->spec, at, n, f->table->size);

		(void)snprintf(r->path + len, sizeof(r->path) - len, "[%zu]", i);
		code = item ? reader_table(r, f->table, json_idx(json, i), item) : -ENOMEM;
		if (code == 0)
			r->path[len] = '\0';
	}
	return code;
}

/* { "name": "value" } */
READER(reader_pairs)
{
	size_t *n = (size_t *)((char *)at - f->offset + f->extra);
	struct json_iter it;

	if (json_kind(json) != JSON_OBJECT)
		return reader_refuse(r, "must be an object");
	json_for_each (it, json) {
		const char *text = json_str(it.value);

		if (!text)
			return reader_refuse(r, "must be an object of strings");
		spec_add_pair(r->spec, at, n, it.key, text);
	}
	return 0;
}
