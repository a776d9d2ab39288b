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
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	}
	return NULL;
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
