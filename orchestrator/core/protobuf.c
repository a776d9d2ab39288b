/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/protobuf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/crypt.h"
#include "base/time.h"
#include "orchestrator/schema/schema.h"

#define DEPTH_MAX 64u

/* ---- the wire: tagged values ---- */

struct wire {
	const unsigned char *p, *end;
};
struct field {
	unsigned number, type;
	uint64_t number_value; /* of types 0, 1 and 5 */
	struct wire bytes;     /* of type 2 */
};

static bool read_varint(struct wire *wire, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && wire->p < wire->end; shift += 7) {
		unsigned char byte = *wire->p++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool read_fixed(struct wire *wire, size_t size, uint64_t *ret)
{
	if ((size_t)(wire->end - wire->p) < size)
		return false;
	*ret = 0;
	for (size_t i = 0; i < size; i++)
		*ret |= (uint64_t)wire->p[i] << 8 * i;
	wire->p += size;
	return true;
}

/* 1: there is a field; 0: the end; -EINVAL. */
static int read_field(struct wire *wire, struct field *ret)
{
	uint64_t tag, len;

	if (wire->p == wire->end)
		return 0;
	if (!read_varint(wire, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return -EINVAL;
	ret->number = (unsigned)(tag >> 3);
	ret->type = tag & 7;
	switch (ret->type) {
	case 0:
		return read_varint(wire, &ret->number_value) ? 1 : -EINVAL;
	case 1:
		return read_fixed(wire, 8, &ret->number_value) ? 1 : -EINVAL;
	case 5:
		return read_fixed(wire, 4, &ret->number_value) ? 1 : -EINVAL;
	case 2:
		if (!read_varint(wire, &len) || len > (uint64_t)(wire->end - wire->p))
			return -EINVAL;
		ret->bytes = (struct wire){ wire->p, wire->p + len };
		wire->p += len;
		return 1;
	default:
		return -EINVAL;
	}
}

static size_t wire_len(const struct wire *wire)
{
	return (size_t)(wire->end - wire->p);
}

/* The last occurrence of a field in a small message; false: it is not there, or broken. */
static bool find_field(struct wire wire, unsigned number, unsigned type, struct field *ret)
{
	struct field field;
	bool found = false;

	while (read_field(&wire, &field) > 0)
		if (field.number == number && field.type == type) {
			*ret = field;
			found = true;
		}
	return found;
}

static int64_t find_number(const struct wire *wire, unsigned number)
{
	struct field field;

	return find_field(*wire, number, 0, &field) ? (int64_t)field.number_value : 0;
}

/* ---- values ---- */

static struct json_object *new_text(const struct wire *wire)
{
	if (memchr(wire->p, '\0', wire_len(wire)))
		return NULL;
	return json_new_string_len((const char *)wire->p, wire_len(wire));
}

/* Special messages: each in a function that gives NULL for what holds nothing. */

static int value_quantity(const struct wire *wire, struct json_object **ret)
{
	struct field field;

	if (find_field(*wire, 1, 2, &field))
		*ret = new_text(&field.bytes);
	return 0;
}

static int value_time(const struct wire *wire, bool micro, struct json_object **ret)
{
	int64_t seconds = find_number(wire, 1), nanos = find_number(wire, 2);
	char text[TIME_TEXT_MAX];

	if (wire_len(wire) == 0)
		return 0;
	if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos >= NS_PER_S)
		return -EINVAL;
	if (seconds > INT64_MAX / NS_PER_S - 1 || seconds < INT64_MIN / NS_PER_S + 1)
		return -EINVAL; /* beyond what a point in time can hold here */
	seconds = seconds * NS_PER_S + nanos;
	*ret = json_new_string(micro ? time_format_micro(seconds, text)
				     : time_format(seconds, text));
	return *ret ? 0 : -ENOMEM;
}

static int value_int_or_string(const struct wire *wire, struct json_object **ret)
{
	struct field field;

	if (find_number(wire, 1) == 0)
		*ret = json_new_int((int32_t)find_number(wire, 2));
	else if (find_field(*wire, 3, 2, &field))
		*ret = new_text(&field.bytes);
	else
		*ret = json_new_string("");
	return *ret ? 0 : -ENOMEM;
}

static int value_bytes(const struct wire *wire, struct json_object **ret)
{
	auto_buf struct buf text = { 0 };
	int r = base64_encode(&text, wire->p, wire_len(wire));

	if (r == 0)
		*ret = json_new_string(buf_str(&text));
	return r < 0 || !*ret ? -ENOMEM : 0;
}

/* RawExtension, FieldsV1, JSON: {1: the JSON text}. */
static int value_raw(const struct wire *wire, struct json_object **ret)
{
	struct field field;

	if (!find_field(*wire, 1, 2, &field) || wire_len(&field.bytes) == 0)
		return 0;
	return json_parse((const char *)field.bytes.p, wire_len(&field.bytes), ret, NULL);
}

static int value_duration(const struct wire *wire, struct json_object **ret)
{
	auto_buf struct buf text = { 0 };
	int64_t ns = find_number(wire, 1);

	(void)buf_printf(&text, "%" PRId64 "ns", ns);
	*ret = json_new_string(buf_str(&text));
	return *ret ? 0 : -ENOMEM;
}

/* Verbs, ExtraValue: {1: repeated string}. */
static int value_strings(struct wire wire, struct json_object **ret)
{
	struct field field;

	*ret = json_new_array();
	while (*ret && read_field(&wire, &field) > 0)
		if (field.number == 1 && field.type == 2 &&
		    json_add(*ret, new_text(&field.bytes)) < 0)
			return -ENOMEM;
	return *ret ? 0 : -ENOMEM;
}

/* ---- messages ---- */

static int decode_message(const struct schema_type *type, unsigned inside, struct wire wire,
			  unsigned depth, struct json_object *into);

static int message_value(const struct schema_field *row, const struct wire *wire, unsigned depth,
			 struct json_object **ret)
{
	switch (row->value) {
	case SCHEMA_STRING:
		*ret = new_text(wire);
		return *ret ? 0 : -EINVAL;
	case SCHEMA_BYTES:
		return value_bytes(wire, ret);
	case SCHEMA_QUANTITY:
		return value_quantity(wire, ret);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		return value_time(wire, row->value == SCHEMA_MICROTIME, ret);
	case SCHEMA_INT_OR_STRING:
		return value_int_or_string(wire, ret);
	case SCHEMA_DURATION:
		return value_duration(wire, ret);
	case SCHEMA_RAW_OBJECT:
	case SCHEMA_ANY:
		return value_raw(wire, ret);
	case SCHEMA_STRINGS:
		return value_strings(*wire, ret);
	case SCHEMA_REF:
		*ret = json_new_object();
		return *ret ? decode_message(row->ref, 0, *wire, depth + 1, *ret) : -ENOMEM;
	default:
		return -EINVAL;
	}
}

static int number_value(const struct schema_field *row, uint64_t number, struct json_object **ret)
{
	switch (row->value) {
	case SCHEMA_BOOL:
		*ret = json_new_bool(number != 0);
		break;
	case SCHEMA_INT32:
		*ret = json_new_int((int32_t)number);
		break;
	case SCHEMA_INT64:
		*ret = json_new_int((int64_t)number);
		break;
	default:
		return -EINVAL;
	}
	return *ret ? 0 : -ENOMEM;
}

static int field_value(const struct schema_field *row, const struct field *field, unsigned depth,
		       struct json_object **ret)
{
	int r;

	*ret = NULL;
	r = field->type == 2   ? message_value(row, &field->bytes, depth, ret)
	    : field->type == 0 ? number_value(row, field->number_value, ret)
			       : -EINVAL;
	if (r < 0)
		*ret = json_unref(*ret);
	return r;
}

static int add_element(const struct schema_field *row, const struct field *field, unsigned depth,
		       struct json_object *into)
{
	struct json_object *list = json_get(into, row->name), *value;
	int r = field_value(row, field, depth, &value);

	if (r < 0)
		return r;
	if (!list) {
		list = json_new_array();
		if (!list || json_put(into, row->name, list) < 0) {
			json_unref(value);
			return -ENOMEM;
		}
	}
	return json_add(list, value);
}

/* A map is a list of {1: key, 2: value}. */
static int add_member(const struct schema_field *row, const struct field *field, unsigned depth,
		      struct json_object *into)
{
	struct json_object *map = json_get(into, row->name), *value = NULL;
	auto_json struct json_object *key = NULL;
	struct field part = { 0 };
	int r = 0;

	if (field->type != 2)
		return -EINVAL;
	key = find_field(field->bytes, 1, 2, &part) ? new_text(&part.bytes) : json_new_string("");
	if (!key)
		return -EINVAL;
	if (find_field(field->bytes, 2, 2, &part) || find_field(field->bytes, 2, 0, &part))
		r = field_value(row, &part, depth, &value);
	else if (row->value == SCHEMA_STRING || row->value == SCHEMA_BYTES)
		value = json_new_string("");
	if (r < 0)
		return r;
	if (!map) {
		map = json_new_object();
		if (!map || json_put(into, row->name, map) < 0) {
			json_unref(value);
			return -ENOMEM;
		}
	}
	return json_put(map, json_str(key), value);
}

/* Go writes zeroes of what is no pointer; they say nothing. */
static int put_one(const struct schema_field *row, const struct field *field, unsigned depth,
		   struct json_object *into)
{
	struct json_object *value;
	int r = field_value(row, field, depth, &value);

	if (r < 0 || !value)
		return r;
	if (!(row->flags & SCHEMA_POINTER) && row->value != SCHEMA_REF &&
	    row->value != SCHEMA_INT_OR_STRING && schema_is_zero(value)) {
		json_unref(value);
		return 0;
	}
	return json_put(into, row->name, value);
}

/* The row of a number; *ret_inside: it is an embedded message, whose fields are rows here too. */
static const struct schema_field *find_row(const struct schema_type *type, unsigned inside,
					   unsigned number, bool *ret_embedded)
{
	*ret_embedded = false;
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct schema_field *row = &type->fields[i];

		if (row->proto == (inside << 16 | number))
			return row;
		*ret_embedded |= inside == 0 && row->proto >> 16 == number;
	}
	return NULL;
}

static int decode_field(const struct schema_type *type, unsigned inside, const struct field *field,
			unsigned depth, struct json_object *into)
{
	bool embedded;
	const struct schema_field *row = find_row(type, inside, field->number, &embedded);

	if (!row && embedded && field->type == 2)
		return decode_message(type, field->number, field->bytes, depth + 1, into);
	if (!row) /* a newer client's field */
		return 0;
	if (row->shape == SCHEMA_LIST)
		return add_element(row, field, depth, into);
	if (row->shape == SCHEMA_MAP)
		return add_member(row, field, depth, into);
	return put_one(row, field, depth, into);
}

/* @inside: the number of the embedded message whose fields these are; 0: the type's own. */
static int decode_message(const struct schema_type *type, unsigned inside, struct wire wire,
			  unsigned depth, struct json_object *into)
{
	struct field field;
	int r;

	if (depth > DEPTH_MAX)
		return -EINVAL;
	while ((r = read_field(&wire, &field)) > 0) {
		r = decode_field(type, inside, &field, depth, into);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- the envelope: runtime.Unknown {1: {1: apiVersion, 2: kind}, 2: raw} ---- */

static const struct schema_type *find_type(const char *api_version, const char *kind)
{
	const char *slash = strchr(api_version, '/');
	auto_free char *group =
		slash ? strndup(api_version, (size_t)(slash - api_version)) : strdup("");

	return group ? schema_type_of_kind(group, slash ? slash + 1 : api_version, kind) : NULL;
}

int protobuf_decode(const void *data, size_t len, struct json_object **ret, struct err *err)
{
	static const char magic[4] = { 'k', '8', 's', '\0' };
	auto_json struct json_object *json = NULL, *version = NULL, *kind = NULL;
	struct field meta = { 0 }, raw = { 0 }, text = { 0 };
	const struct schema_type *type = NULL;
	struct wire wire;
	int r;

	if (len < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return err_say(err, -EINVAL,
			       "provided data does not appear to be a protobuf "
			       "message, expected prefix 6b387300");
	wire.p = (const unsigned char *)data + sizeof(magic);
	wire.end = (const unsigned char *)data + len;
	if (find_field(wire, 1, 2, &meta)) {
		if (find_field(meta.bytes, 1, 2, &text))
			version = new_text(&text.bytes);
		if (find_field(meta.bytes, 2, 2, &text))
			kind = new_text(&text.bytes);
	}
	if (version && kind)
		type = find_type(json_str(version), json_str(kind));
	if (!type)
		return err_say(err, -EINVAL, "no kind \"%s\" is registered for version \"%s\"",
			       kind ? json_str(kind) : "", version ? json_str(version) : "");
	json = json_new_object();
	if (!json || json_put_str(json, "kind", json_str(kind)) < 0 ||
	    json_put_str(json, "apiVersion", json_str(version)) < 0)
		return err_set(err, -ENOMEM, "decode protobuf");
	if (find_field(wire, 2, 2, &raw)) {
		r = decode_message(type, 0, raw.bytes, 0, json);
		if (r == -EINVAL)
			return err_say(err, r, "protobuf message of kind %s is broken",
				       json_str(kind));
		if (r < 0)
			return err_set(err, r, "decode protobuf");
	}
	*ret = take_ptr(&json);
	return 0;
}
