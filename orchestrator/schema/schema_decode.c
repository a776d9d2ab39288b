/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed object against the rows of its type. Wrong types are worded as Go's decoder words them,
 * since kubectl shows the sentence as it is: the first ill-typed field is reported, after the rest
 * has been looked at, and an unreadable quantity or time goes before it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/quantity.h"
#include "base/time.h"
#include "orchestrator/schema/schema.h"
#include "orchestrator/schema/schema_bytes.h"

#define UNKNOWN_MAX 100 /* lines reported at most */

/* Where we are: a chain on the stack, printed only when there is something to say. */
struct place {
	const struct place *up;
	const struct schema_type *type; /* that has the field */
	const struct schema_field *field;
	const char *key; /* of a map */
	size_t index;	 /* of a list; SIZE_MAX: none */
};
struct decode {
	struct buf *unknown;
	unsigned n_unknown;
	struct err *fatal; /* ends everything */
	struct err type_error;
};

static int decode_struct(struct decode *decode, const struct schema_type *type,
			 struct json_object *object, const struct place *up);

/* "spec.containers[0].ports" */
static void place_path(struct buf *buf, const struct place *place)
{
	if (!place)
		return;
	place_path(buf, place->up);
	(void)buf_printf(buf, "%s%s", place->up ? "." : "", place->field->name);
	if (place->key)
		(void)buf_printf(buf, ".%s", place->key);
	if (place->index != SIZE_MAX)
		(void)buf_printf(buf, "[%zu]", place->index);
}

/* "spec.containers.livenessProbe.ProbeHandler.httpGet": no indices, embedded structs by name */
static void place_go_path(struct buf *buf, const struct place *place)
{
	if (!place)
		return;
	place_go_path(buf, place->up);
	if (place->up)
		(void)buf_putc(buf, '.');
	if (place->type->embeds && place->field->proto >> 16)
		(void)buf_printf(buf, "%s.", place->type->embeds);
	(void)buf_puts(buf, place->field->name);
}

static void go_type(struct buf *buf, const struct schema_field *field, bool element)
{
	static const char *const names[SCHEMA_VALUE_COUNT] = {
		[SCHEMA_STRING] = "string",
		[SCHEMA_INT32] = "int32",
		[SCHEMA_INT64] = "int64",
		[SCHEMA_BOOL] = "bool",
		[SCHEMA_DOUBLE] = "float64",
		[SCHEMA_BYTES] = "[]uint8",
		[SCHEMA_INT_OR_STRING] = "int32",
		[SCHEMA_STRINGS] = "[]string",
		[SCHEMA_QUANTITY] = "resource.Quantity",
		[SCHEMA_TIME] = "v1.Time",
		[SCHEMA_MICROTIME] = "v1.MicroTime",
		[SCHEMA_DURATION] = "v1.Duration",
	};

	if (!element && field->shape == SCHEMA_LIST)
		(void)buf_puts(buf, "[]");
	if (!element && field->shape == SCHEMA_MAP)
		(void)buf_puts(buf, "map[string]");
	if (field->value == SCHEMA_REF)
		(void)buf_printf(buf, "v1.%s", schema_short_name(field->ref));
	else
		(void)buf_puts(buf, names[field->value] ? names[field->value] : "object");
}

/* @digits: a number that does not fit is quoted. */
static void wrong_type(struct decode *decode, const struct place *place,
		       const struct json_object *value, bool element, bool digits)
{
	static const char *const words[JSON_KIND_COUNT] = {
		[JSON_BOOL] = "bool",	  [JSON_INT] = "number",  [JSON_DOUBLE] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array", [JSON_OBJECT] = "object",
	};
	auto_buf struct buf text = BUF_INIT(4096);

	if (decode->type_error.code)
		return;
	(void)buf_printf(&text, "json: cannot unmarshal %s", words[json_kind(value)]);
	if (digits) {
		(void)buf_putc(&text, ' ');
		(void)json_write(&text, value);
	}
	(void)buf_printf(&text, " into Go struct field %s.", schema_short_name(place->type));
	place_go_path(&text, place);
	(void)buf_puts(&text, " of type ");
	go_type(&text, place->field, element);
	(void)err_say(&decode->type_error, -EINVAL, "%s", buf_str(&text));
}

static void unknown_field(struct decode *decode, const struct place *up, const char *name)
{
	auto_buf struct buf path = BUF_INIT(65536);

	if (!decode->unknown || decode->n_unknown++ >= UNKNOWN_MAX)
		return;
	place_path(&path, up);
	(void)buf_printf(decode->unknown, "unknown field \"%s%s%s\"\n", buf_str(&path),
			 up ? "." : "", name);
}

/* ---- one value: NULL keeps it, else its canonical form ---- */

typedef int value_fn(struct decode *decode, const struct place *place, struct json_object *value,
		     bool element, struct json_object **ret);

static int decode_string(struct decode *decode, const struct place *place,
			 struct json_object *value, bool element, struct json_object **ret)
{
	if (json_kind(value) != JSON_STRING)
		wrong_type(decode, place, value, element, false);
	(void)ret;
	return 0;
}

static int decode_bool(struct decode *decode, const struct place *place, struct json_object *value,
		       bool element, struct json_object **ret)
{
	if (json_kind(value) != JSON_BOOL)
		wrong_type(decode, place, value, element, false);
	(void)ret;
	return 0;
}

static int decode_int(struct decode *decode, const struct place *place, struct json_object *value,
		      bool element, struct json_object **ret)
{
	enum json_kind kind = json_kind(value);
	int64_t n = json_int(value, 0);

	if (kind != JSON_INT)
		wrong_type(decode, place, value, element, kind == JSON_DOUBLE);
	else if (place->field->value == SCHEMA_INT32 && (n < INT32_MIN || n > INT32_MAX))
		wrong_type(decode, place, value, element, true);
	(void)ret;
	return 0;
}

static int decode_double(struct decode *decode, const struct place *place,
			 struct json_object *value, bool element, struct json_object **ret)
{
	enum json_kind kind = json_kind(value);

	if (kind != JSON_INT && kind != JSON_DOUBLE)
		wrong_type(decode, place, value, element, false);
	(void)ret;
	return 0;
}

static int decode_int_or_string(struct decode *decode, const struct place *place,
				struct json_object *value, bool element, struct json_object **ret)
{
	enum json_kind kind = json_kind(value);
	int64_t n = json_int(value, 0);

	if (kind != JSON_STRING && kind != JSON_INT)
		wrong_type(decode, place, value, element, kind == JSON_DOUBLE);
	else if (n < INT32_MIN || n > INT32_MAX)
		wrong_type(decode, place, value, element, true);
	(void)ret;
	return 0;
}

static int decode_quantity(struct decode *decode, const struct place *place,
			   struct json_object *value, bool element, struct json_object **ret)
{
	auto_buf struct buf text = BUF_INIT(4096);
	char canonical[QUANTITY_TEXT_MAX];
	const char *given = json_str(value);
	struct quantity quantity;
	int r;

	(void)element;
	if (!given) { /* a number, or anything else: its text is what counts */
		(void)json_write(&text, value);
		given = buf_str(&text);
	}
	given += strspn(given, " \t\r\n");
	r = quantity_parse(given, &quantity, decode->fatal);
	if (r < 0)
		return r;
	if (place->field->shape == SCHEMA_MAP && quantity.nano % QUANTITY_MILLI) {
		quantity_round_up(&quantity, QUANTITY_MILLI); /* a list of resources */
		(void)quantity_format(&quantity, canonical);
	} else {
		(void)quantity_canonical(given, canonical, NULL);
	}
	if (json_str(value) && strcmp(canonical, json_str(value)) == 0)
		return 0;
	*ret = json_new_string(canonical);
	return *ret ? 0 : err_set(decode->fatal, -ENOMEM, "decode");
}

static int decode_time(struct decode *decode, const struct place *place, struct json_object *value,
		       bool element, struct json_object **ret)
{
	const char *given = json_str(value);
	char text[TIME_TEXT_MAX];
	int64_t ns;

	if (!given) {
		wrong_type(decode, place, value, element, false);
		return 0;
	}
	if (time_parse(given, &ns) < 0)
		return err_say(
			decode->fatal, -EINVAL,
			"parsing time \"%s\" as \"%s\": cannot parse \"%s\" as \"2006\"", given,
			place->field->value == SCHEMA_TIME ? "2006-01-02T15:04:05Z07:00"
							   : "2006-01-02T15:04:05.000000Z07:00",
			given);
	if (place->field->value == SCHEMA_TIME)
		(void)time_format(ns, text);
	else
		(void)time_format_micro(ns, text);
	if (strcmp(text, given) == 0)
		return 0;
	*ret = json_new_string(text);
	return *ret ? 0 : err_set(decode->fatal, -ENOMEM, "decode");
}

static int decode_bytes(struct decode *decode, const struct place *place, struct json_object *value,
			bool element, struct json_object **ret)
{
	auto_buf struct buf bytes = BUF_INIT(0);
	auto_buf struct buf text = BUF_INIT(0);
	const char *given = json_str(value);
	size_t wrong;

	if (!given) {
		wrong_type(decode, place, value, element, false);
		return 0;
	}
	if (schema_bytes_decode(given, json_str_len(value), &bytes, &wrong) < 0) {
		if (!decode->type_error.code)
			(void)err_say(&decode->type_error, -EINVAL,
				      "illegal base64 data at input byte %zu", wrong);
		return 0;
	}
	if (!memchr(given, '\n', json_str_len(value)) && !memchr(given, '\r', json_str_len(value)))
		return 0; /* no line breaks: it is canonical */
	if (base64_encode(&text, bytes.data, bytes.len) < 0)
		return err_set(decode->fatal, -ENOMEM, "decode");
	*ret = json_new_string(buf_str(&text));
	return *ret ? 0 : err_set(decode->fatal, -ENOMEM, "decode");
}

static int decode_object(struct decode *decode, const struct place *place,
			 struct json_object *value, bool element, struct json_object **ret)
{
	if (json_kind(value) != JSON_OBJECT)
		wrong_type(decode, place, value, element, false);
	(void)ret;
	return 0;
}

static int decode_any(struct decode *decode, const struct place *place, struct json_object *value,
		      bool element, struct json_object **ret)
{
	(void)decode;
	(void)place;
	(void)value;
	(void)element;
	(void)ret;
	return 0;
}

static int decode_strings(struct decode *decode, const struct place *place,
			  struct json_object *value, bool element, struct json_object **ret)
{
	bool ok = json_kind(value) == JSON_ARRAY;

	for (size_t i = 0, n = json_len(value); ok && i < n; i++)
		ok = json_kind(json_idx(value, i)) == JSON_STRING;
	if (!ok)
		wrong_type(decode, place, value, element, false);
	(void)ret;
	return 0;
}

static int decode_ref(struct decode *decode, const struct place *place, struct json_object *value,
		      bool element, struct json_object **ret)
{
	(void)ret;
	if (json_kind(value) != JSON_OBJECT) {
		wrong_type(decode, place, value, element, false);
		return 0;
	}
	return decode_struct(decode, place->field->ref, value, place);
}

static value_fn *const decoders[SCHEMA_VALUE_COUNT] = {
	[SCHEMA_STRING] = decode_string,
	[SCHEMA_INT32] = decode_int,
	[SCHEMA_INT64] = decode_int,
	[SCHEMA_BOOL] = decode_bool,
	[SCHEMA_DOUBLE] = decode_double,
	[SCHEMA_TIME] = decode_time,
	[SCHEMA_MICROTIME] = decode_time,
	[SCHEMA_QUANTITY] = decode_quantity,
	[SCHEMA_INT_OR_STRING] = decode_int_or_string,
	[SCHEMA_BYTES] = decode_bytes,
	[SCHEMA_DURATION] = decode_string,
	[SCHEMA_RAW_OBJECT] = decode_object,
	[SCHEMA_ANY] = decode_any,
	[SCHEMA_STRINGS] = decode_strings,
	[SCHEMA_REF] = decode_ref,
};

/* ---- shapes ---- */

/* A null inside a list or a map is the zero value. */
static struct json_object *zero_of(const struct schema_field *field)
{
	switch (field->value) {
	case SCHEMA_REF:
	case SCHEMA_RAW_OBJECT:
		return json_new_object();
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
		return json_new_int(0);
	case SCHEMA_BOOL:
		return json_new_bool(false);
	case SCHEMA_QUANTITY:
		return json_new_string("0");
	default:
		return json_new_string("");
	}
}

static int decode_list(struct decode *decode, struct place *place, struct json_object *list)
{
	if (json_kind(list) != JSON_ARRAY) {
		wrong_type(decode, place, list, false, false);
		return 0;
	}
	for (size_t i = 0, n = json_len(list); i < n; i++) {
		struct json_object *value = json_idx(list, i), *instead = NULL;
		int r = 0;

		place->index = i;
		if (!value)
			instead = zero_of(place->field);
		else
			r = decoders[place->field->value](decode, place, value, true, &instead);
		if (r < 0)
			return r;
		if (instead && json_set_idx(list, i, instead) < 0)
			return err_set(decode->fatal, -ENOMEM, "decode");
	}
	return 0;
}

static int decode_map(struct decode *decode, struct place *place, struct json_object *map)
{
	struct json_iter it;

	if (json_kind(map) != JSON_OBJECT) {
		wrong_type(decode, place, map, false, false);
		return 0;
	}
	json_for_each (it, map) {
		struct json_object *instead = NULL;
		int r = 0;

		place->key = it.key;
		if (!it.value)
			instead = zero_of(place->field);
		else
			r = decoders[place->field->value](decode, place, it.value, true, &instead);
		if (r < 0)
			return r;
		if (instead && json_put(map, it.key, instead) < 0)
			return err_set(decode->fatal, -ENOMEM, "decode");
	}
	return 0;
}

static int decode_field(struct decode *decode, struct place *place, struct json_object *object,
			struct json_object *value)
{
	struct json_object *instead = NULL;
	int r;

	if (place->field->shape == SCHEMA_LIST)
		return decode_list(decode, place, value);
	if (place->field->shape == SCHEMA_MAP)
		return decode_map(decode, place, value);
	r = decoders[place->field->value](decode, place, value, false, &instead);
	if (r == 0 && instead && json_put(object, place->field->name, instead) < 0)
		return err_set(decode->fatal, -ENOMEM, "decode");
	return r;
}

static int decode_struct(struct decode *decode, const struct schema_type *type,
			 struct json_object *object, const struct place *up)
{
	struct json_iter it;
	size_t hint = 0;
	int r = 0;

	json_for_each (it, object) {
		struct place place = { up, type, schema_field_next(type, it.key, &hint), NULL,
				       SIZE_MAX };

		if (!place.field)
			unknown_field(decode, up, it.key);
		if (!place.field || !it.value)
			json_del(object, it.key);
		else if (r == 0)
			r = decode_field(decode, &place, object, it.value);
		if (place.field && (place.field->flags & SCHEMA_GATED_OFF))
			json_del(object, place.field->name); /* known, but of no effect */
	}
	return r;
}

int schema_decode(const struct schema_type *type, struct json_object *object, struct buf *unknown,
		  struct err *err)
{
	struct err fatal = { 0 };
	struct decode decode = { .unknown = unknown, .fatal = err ? err : &fatal };
	int r;

	if (json_kind(object) != JSON_OBJECT)
		return err_say(err, -EINVAL, "the object is not a JSON object");
	r = decode_struct(&decode, type, object, NULL);
	if (r < 0)
		return r;
	if (decode.type_error.code)
		return err_say(err, -EINVAL, "%s", decode.type_error.text);
	return 0;
}
