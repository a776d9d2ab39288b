/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/schema.h"

#include <string.h>

const struct schema_field *schema_field_find(const struct schema_type *type, const char *name)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	return NULL;
}

const struct schema_field *schema_field_next(const struct schema_type *type, const char *name,
					     size_t *hint)
{
	for (size_t n = 0; n < type->n_fields; n++) {
		size_t i = *hint < type->n_fields ? *hint : 0;

		*hint = i + 1;
		if (type->fields[i].name[0] == name[0] && strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	}
	return NULL;
}

void schema_gather(const struct schema_type *type, const struct json_object *object,
		   struct json_object *values[SCHEMA_FIELDS_MAX])
{
	struct json_iter it;
	size_t hint = 0;

	memset(values, 0, type->n_fields * sizeof(*values));
	json_for_each (it, object) {
		const struct schema_field *field = schema_field_next(type, it.key, &hint);

		if (field)
			values[field - type->fields] = it.value;
	}
}

bool schema_is_zero(const struct json_object *value)
{
	switch (json_kind(value)) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !json_truth(value, false);
	case JSON_INT:
		return json_int(value, 0) == 0;
	case JSON_DOUBLE:
		return json_double(value, 0) == 0;
	case JSON_STRING:
		return json_str_len(value) == 0;
	default:
		return json_len(value) == 0;
	}
}

const char *schema_short_name(const struct schema_type *type)
{
	return strrchr(type->name, '.') + 1;
}
