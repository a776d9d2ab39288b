/* SPDX-License-Identifier: Apache-2.0 */
/* Static defaults from the rows; what depends on other fields is the kind's set_defaults hook. */
#include <string.h>

#include "orchestrator/schema/schema.h"

static void default_struct(const struct schema_type *type, struct json_object *object);

static void put_default(struct json_object *object, const struct schema_field *field)
{
	const char *text = field->default_json;
	struct json_object *value = NULL;

	if (*text == '"') /* rows hold plain texts: no escapes */
		value = json_new_string_len(text + 1, strlen(text) - 2);
	else if (json_parse(text, strlen(text), &value, NULL) < 0)
		return;
	(void)json_put(object, field->name, value);
}

/* Go's defaulting also walks a struct that is not there, when it is no pointer. */
static void default_ref(const struct schema_field *field, struct json_object *object,
			struct json_object *value)
{
	bool missing = !value;

	if (missing && ((field->flags & SCHEMA_POINTER) || !(field->flags & SCHEMA_ALWAYS)))
		return;
	if (missing) {
		value = json_new_object();
		if (!value || json_put(object, field->name, value) < 0)
			return;
	}
	default_struct(field->ref, value);
	if (missing && json_len(value) == 0)
		json_del(object, field->name);
}

static void default_elements(const struct schema_field *field, struct json_object *value)
{
	struct json_iter it;

	for (size_t i = 0, n = json_len(value); field->shape == SCHEMA_LIST && i < n; i++)
		default_struct(field->ref, json_idx(value, i));
	if (field->shape == SCHEMA_MAP)
		json_for_each (it, value)
			default_struct(field->ref, it.value);
}

static void default_struct(const struct schema_type *type, struct json_object *object)
{
	struct json_object *values[SCHEMA_FIELDS_MAX];

	schema_gather(type, object, values);
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct schema_field *field = &type->fields[i];
		struct json_object *value = values[i];

		if (!field->default_json && field->value != SCHEMA_REF)
			continue;
		if (field->value != SCHEMA_REF) {
			if (!value || (!(field->flags & SCHEMA_POINTER) && schema_is_zero(value)))
				put_default(object, field);
		} else if (field->shape == SCHEMA_ONE) {
			default_ref(field, object, value);
		} else {
			default_elements(field, value);
		}
	}
}

void schema_default_type(const struct schema_type *type, struct json_object *object)
{
	default_struct(type, object);
}

void schema_default(const struct schema_kind *kind, struct json_object *object)
{
	default_struct(kind->type, object);
	if (kind->set_defaults)
		kind->set_defaults(object);
}
