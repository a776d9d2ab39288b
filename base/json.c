/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

struct json_object *json_unref(struct json_object *json)
{
	if (json)
		(void)json_object_put(json);
	return NULL;
}

struct json_object *json_ref(struct json_object *json)
{
	return json_object_get(json);
}

static const char *text_of(const struct json_object *json, size_t *ret_len)
{
	struct json_object *j =
		(struct json_object *)json; /* json-c 0.16 reads through non-const */

	*ret_len = (size_t)json_object_get_string_len(j);
	return json_object_get_string(j);
}

/* ---- text and back ---- */

/*
 * What json-c lets through even when strict: 'single quotes', NaN, and raw control characters inside
 * strings. Returns the offset of the first such thing, or @len.
 */
static size_t first_lax_byte(const char *text, size_t len)
{
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			else if (c < 0x20)
				return i;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '\'' || c == '/' || c == 'N' || c == 'I' || c == 'i') {
			return i;
		}
	}
	return len;
}

int json_parse(const char *text, size_t len, struct json_object **ret, struct err *err)
{
	struct json_tokener *tok;
	struct json_object *json;
	enum json_tokener_error why;
	size_t end;

	if (len > INT_MAX)
		return err_say(err, -E2BIG, "JSON of %zu bytes is too large", len);
	if (memchr(text, '\0', len))
		return err_say(err, -EINVAL, "JSON text contains a NUL byte");
	end = first_lax_byte(text, len);
	if (end < len)
		return err_say(err, -EINVAL, "offset %zu: unexpected character", end);
	tok = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!tok)
		return err_set(err, -ENOMEM, "parse JSON");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
					    JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tok, text, (int)len);
	why = json_tokener_get_error(tok);
	if (why == json_tokener_continue) { /* a bare number at the very end needs to see the end */
		json = json_tokener_parse_ex(tok, "", 1);
		why = json_tokener_get_error(tok);
		if (why == json_tokener_continue)
			why = json_tokener_error_parse_eof;
		end = len;
	} else {
		end = json_tokener_get_parse_end(tok);
	}
	json_tokener_free(tok);
	while (why == json_tokener_success && end < len && strchr(" \t\r\n", text[end]))
		end++;
	if (why == json_tokener_success && end < len)
		why = json_tokener_error_parse_unexpected;
	if (why != json_tokener_success) {
		json_unref(json);
		return err_say(err, -EINVAL, "offset %zu: %s", end, json_tokener_error_desc(why));
	}
	*ret = json;
	return 0;
}

int json_write_string(struct buf *buf, const char *text, size_t len, unsigned style)
{
	size_t plain = 0;

	(void)buf_putc(buf, '"');
	for (size_t i = 0; i < len; i++) {
		static const char short_form[32] = {
			['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
		};
		unsigned char c = (unsigned char)text[i];
		bool html = (style & JSON_HTML_SAFE) &&
			    (c == '<' || c == '>' || c == '&' ||
			     (c == 0xe2 && i + 2 < len && (unsigned char)text[i + 1] == 0x80 &&
			      ((unsigned char)text[i + 2] | 1) == 0xa9));

		if (c >= 0x20 && c != '"' && c != '\\' && !html)
			continue;
		(void)buf_append(buf, text + plain, i - plain);
		if (c == '"' || c == '\\')
			(void)buf_printf(buf, "\\%c", c);
		else if (c < 0x20 && short_form[c])
			(void)buf_printf(buf, "\\%c", short_form[c]);
		else if (c == 0xe2)
			(void)buf_printf(buf, "\\u20%02x", 0x28 + (text[i + 2] & 1));
		else
			(void)buf_printf(buf, "\\u%04x", c);
		if (c == 0xe2)
			i += 2;
		plain = i + 1;
	}
	(void)buf_append(buf, text + plain, len - plain);
	return buf_putc(buf, '"');
}

static void write_newline(struct buf *buf, unsigned style, unsigned depth)
{
	unsigned step = style & JSON_INDENT_4 ? 4 : 2;

	if (style & (JSON_INDENT_2 | JSON_INDENT_4))
		(void)buf_printf(buf, "\n%*s", (int)(step * depth), "");
}

static void write_value(struct buf *buf, const struct json_object *json, unsigned style,
			unsigned depth);

static void write_member(struct buf *buf, const char *key, const struct json_object *value,
			 unsigned style, unsigned depth)
{
	write_newline(buf, style, depth);
	(void)json_write_string(buf, key, strlen(key), style);
	(void)buf_puts(buf, style & (JSON_INDENT_2 | JSON_INDENT_4) ? ": " : ":");
	write_value(buf, value, style, depth);
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(struct lh_entry *const *)a)->k, (*(struct lh_entry *const *)b)->k);
}

static void write_object(struct buf *buf, const struct json_object *json, unsigned style,
			 unsigned depth)
{
	struct lh_table *table = json_object_get_object(json);
	size_t n = (size_t)lh_table_length(table), i = 0;
	auto_free struct lh_entry **sorted = NULL;

	if (n == 0) {
		(void)buf_puts(buf, "{}");
		return;
	}
	if (style & JSON_SORTED) {
		sorted = calloc(n, sizeof(*sorted));
		if (!sorted) {
			buf->failed = -ENOMEM;
			return;
		}
		for (struct lh_entry *e = lh_table_head(table); e; e = lh_entry_next(e))
			sorted[i++] = e;
		qsort(sorted, n, sizeof(*sorted), by_key);
	}
	(void)buf_putc(buf, '{');
	struct lh_entry *e = lh_table_head(table);

	for (i = 0; i < n; i++) {
		const struct lh_entry *here = sorted ? sorted[i] : e;

		if (i)
			(void)buf_putc(buf, ',');
		write_member(buf, lh_entry_k(here), lh_entry_v(here), style, depth + 1);
		if (!sorted)
			e = lh_entry_next(e);
	}
	write_newline(buf, style, depth);
	(void)buf_putc(buf, '}');
}

static void write_value(struct buf *buf, const struct json_object *json, unsigned style,
			unsigned depth)
{
	const char *text;
	size_t len;

	switch (json_object_get_type(json)) {
	case json_type_null:
		(void)buf_puts(buf, "null");
		break;
	case json_type_string:
		text = text_of(json, &len);
		(void)json_write_string(buf, text, len, style);
		break;
	case json_type_array:
		len = json_object_array_length(json);
		(void)buf_putc(buf, '[');
		for (size_t i = 0; i < len; i++) {
			if (i)
				(void)buf_putc(buf, ',');
			write_newline(buf, style, depth + 1);
			write_value(buf, json_object_array_get_idx(json, i), style, depth + 1);
		}
		if (len)
			write_newline(buf, style, depth);
		(void)buf_putc(buf, ']');
		break;
	case json_type_object:
		write_object(buf, json, style, depth);
		break;
	default: /* numbers and booleans: json-c keeps a double's own digits */
		text = json_object_to_json_string_length((struct json_object *)json,
							 JSON_C_TO_STRING_PLAIN, &len);
		(void)buf_append(buf, text ? text : "null", text ? len : 4);
	}
}

int json_write_style(struct buf *buf, const struct json_object *json, unsigned style)
{
	write_value(buf, json, style, 0);
	return buf_error(buf);
}

int json_write(struct buf *buf, const struct json_object *json)
{
	return json_write_style(buf, json, JSON_COMPACT);
}

/* ---- making ---- */

struct json_object *json_new_object(void)
{
	return json_object_new_object();
}

struct json_object *json_new_array(void)
{
	return json_object_new_array();
}

struct json_object *json_new_string(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

struct json_object *json_new_string_len(const char *text, size_t len)
{
	return len > INT_MAX ? NULL : json_object_new_string_len(text, (int)len);
}

struct json_object *json_new_int(int64_t value)
{
	return json_object_new_int64(value);
}

struct json_object *json_new_bool(bool value)
{
	return json_object_new_boolean(value);
}

struct json_object *json_new_double(double value)
{
	double size = value < 0 ? -value : value;
	char text[40];

	/* The shortest digits that read back as the same number. */
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	/* Plain digits from 1e-6 up to 1e21, as encoding/json has them. */
	if (size >= 1e-6 && size < 1e21 && strchr(text, 'e'))
		for (int places = size < 1; places <= 24; places++) {
			(void)snprintf(text, sizeof(text), "%.*f", places, value);
			if (strtod(text, NULL) == value)
				break;
		}
	return json_object_new_double_s(value, text);
}

struct json_object *json_copy(const struct json_object *json)
{
	struct json_object *copy = NULL;

	if (!json || json_object_deep_copy((struct json_object *)json, &copy, NULL) < 0)
		return NULL;
	return copy;
}

int json_put(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) < 0) {
		json_unref(value);
		return -ENOMEM;
	}
	return 0;
}

int json_put_str(struct json_object *object, const char *key, const char *text)
{
	struct json_object *value = json_new_string(text);

	return text && !value ? -ENOMEM : json_put(object, key, value);
}

int json_put_int(struct json_object *object, const char *key, int64_t number)
{
	struct json_object *value = json_new_int(number);

	return value ? json_put(object, key, value) : -ENOMEM;
}

int json_put_bool(struct json_object *object, const char *key, bool truth)
{
	struct json_object *value = json_new_bool(truth);

	return value ? json_put(object, key, value) : -ENOMEM;
}

/* Cut the next part off a dotted path; false after the last. */
static bool next_part(const char **path, char *part, size_t size)
{
	size_t n = strcspn(*path, ".");

	if (**path == '\0' || n >= size)
		return false;
	memcpy(part, *path, n);
	part[n] = '\0';
	*path += n + ((*path)[n] == '.');
	return true;
}

int json_put_at(struct json_object *object, const char *path, struct json_object *value)
{
	char part[256];

	while (next_part(&path, part, sizeof(part))) {
		struct json_object *child;

		if (*path == '\0')
			return json_put(object, part, value);
		child = json_get(object, part);
		if (json_kind(child) != JSON_OBJECT) {
			child = json_new_object();
			if (!child || json_put(object, part, child) < 0)
				break;
		}
		object = child;
	}
	json_unref(value);
	return -ENOMEM;
}

void json_del(struct json_object *object, const char *key)
{
	if (json_kind(object) == JSON_OBJECT)
		json_object_object_del(object, key);
}

int json_add(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0) {
		json_unref(value);
		return -ENOMEM;
	}
	return 0;
}

int json_set_idx(struct json_object *array, size_t i, struct json_object *value)
{
	if (json_object_array_put_idx(array, i, value) < 0) {
		json_unref(value);
		return -ENOMEM;
	}
	return 0;
}

void json_del_idx(struct json_object *array, size_t i)
{
	(void)json_object_array_del_idx(array, i, 1);
}

/* ---- reading ---- */

enum json_kind json_kind(const struct json_object *json)
{
	static const enum json_kind kinds[] = {
		[json_type_null] = JSON_NULL,	  [json_type_boolean] = JSON_BOOL,
		[json_type_double] = JSON_DOUBLE, [json_type_int] = JSON_INT,
		[json_type_object] = JSON_OBJECT, [json_type_array] = JSON_ARRAY,
		[json_type_string] = JSON_STRING,
	};
	_Static_assert(ARRAY_LEN(kinds) == JSON_KIND_COUNT, "json-c has the kinds we know");

	return kinds[json_object_get_type(json)];
}

/* Most objects have few members: looking at their first letters is cheaper than hashing the key. */
#define FEW_MEMBERS 16

static struct lh_entry *find_member(const struct json_object *object, const char *key)
{
	struct lh_table *table;

	if (json_object_get_type(object) != json_type_object)
		return NULL;
	table = json_object_get_object(object);
	if (lh_table_length(table) > FEW_MEMBERS)
		return lh_table_lookup_entry(table, key);
	for (struct lh_entry *e = lh_table_head(table); e; e = lh_entry_next(e)) {
		const char *have = lh_entry_k(e);

		if (have[0] == key[0] && strcmp(have, key) == 0)
			return e;
	}
	return NULL;
}

struct json_object *json_get(const struct json_object *object, const char *key)
{
	struct lh_entry *e = find_member(object, key);

	return e ? lh_entry_v(e) : NULL;
}

struct json_object *json_at(const struct json_object *object, const char *path)
{
	char part[256];

	while (object && next_part(&path, part, sizeof(part))) {
		struct json_object *value = json_get(object, part);

		if (*path == '\0')
			return value;
		object = value;
	}
	return NULL;
}

bool json_has(const struct json_object *object, const char *key)
{
	return find_member(object, key) != NULL;
}

const char *json_str(const struct json_object *json)
{
	size_t len;

	return json_kind(json) == JSON_STRING ? text_of(json, &len) : NULL;
}

size_t json_str_len(const struct json_object *json)
{
	size_t len = 0;

	if (json_kind(json) == JSON_STRING)
		(void)text_of(json, &len);
	return len;
}

int64_t json_int(const struct json_object *json, int64_t otherwise)
{
	return json_kind(json) == JSON_INT ? json_object_get_int64(json) : otherwise;
}

double json_double(const struct json_object *json, double otherwise)
{
	enum json_kind kind = json_kind(json);

	return kind == JSON_INT || kind == JSON_DOUBLE ? json_object_get_double(json) : otherwise;
}

bool json_truth(const struct json_object *json, bool otherwise)
{
	return json_kind(json) == JSON_BOOL ? json_object_get_boolean(json) : otherwise;
}

const char *json_str_at(const struct json_object *object, const char *path)
{
	return json_str(json_at(object, path));
}

const char *json_text_at(const struct json_object *object, const char *path, const char *otherwise)
{
	const char *text = json_str_at(object, path);

	return text && *text ? text : otherwise;
}

int64_t json_int_at(const struct json_object *object, const char *path, int64_t otherwise)
{
	return json_int(json_at(object, path), otherwise);
}

bool json_bool_at(const struct json_object *object, const char *path, bool otherwise)
{
	return json_truth(json_at(object, path), otherwise);
}

size_t json_len(const struct json_object *json)
{
	switch (json_kind(json)) {
	case JSON_ARRAY:
		return json_object_array_length(json);
	case JSON_OBJECT:
		return (size_t)json_object_object_length(json);
	default:
		return 0;
	}
}

struct json_object *json_idx(const struct json_object *array, size_t i)
{
	return json_kind(array) == JSON_ARRAY ? json_object_array_get_idx(array, i) : NULL;
}

static bool array_equal(const struct json_object *a, const struct json_object *b)
{
	size_t n = json_len(a);

	if (n != json_len(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_equal(json_idx(a, i), json_idx(b, i)))
			return false;
	return true;
}

static bool object_equal(const struct json_object *a, const struct json_object *b)
{
	struct json_iter it;

	if (json_len(a) != json_len(b))
		return false;
	json_for_each (it, a)
		if (!json_has(b, it.key) || !json_equal(it.value, json_get(b, it.key)))
			return false;
	return true;
}

bool json_equal(const struct json_object *a, const struct json_object *b)
{
	enum json_kind kind = json_kind(a);

	if (a == b)
		return true;
	if (kind != json_kind(b))
		return false;
	if (kind == JSON_ARRAY)
		return array_equal(a, b);
	if (kind == JSON_OBJECT)
		return object_equal(a, b);
	return json_object_equal((struct json_object *)a, (struct json_object *)b);
}

static bool json_iter_at(struct json_iter *it, struct lh_entry *e)
{
	if (!e)
		return false;
	it->key = lh_entry_k(e);
	it->value = lh_entry_v(e);
	it->next = lh_entry_next(e);
	return true;
}

bool json_iter_start(const struct json_object *object, struct json_iter *it)
{
	*it = (struct json_iter){ 0 };
	if (json_kind(object) != JSON_OBJECT)
		return false;
	return json_iter_at(it, lh_table_head(json_object_get_object(object)));
}

bool json_iter_next(struct json_iter *it)
{
	return json_iter_at(it, it->next);
}
