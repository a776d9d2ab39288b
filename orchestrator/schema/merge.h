/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge patches: what applying one and computing one share. */
#pragma once

#include "orchestrator/schema/schema.h"

#define DIRECTIVE_PATCH	      "$patch"
#define DIRECTIVE_RETAIN      "$retainKeys"
#define DIRECTIVE_ORDER	      "$setElementOrder/"
#define DIRECTIVE_DELETE_FROM "$deleteFromPrimitiveList/"

/* Where the names of an object's members have their rows: in a type, or all in the row of a map. */
struct merge_rows {
	const struct schema_type *type;
	const struct schema_field *map;
};
/* How the member @key is merged. Unknown members have no rows: lists are then replaced. */
struct merge_rule {
	struct merge_rows rows; /* of the member, or of its elements */
	const char *key;	/* merge key, or NULL */
	bool merges;		/* a list that merges */
	bool retain_keys;
};
struct merge_rule merge_rule_of(struct merge_rows rows, const char *key);

/*
 * Merge @patch into @object. @patches: @object is a patch itself, directives are kept and nulls mean
 * deletion. The engine of schema_strategic_merge().
 */
int merge_object(struct merge_rows rows, struct json_object *object,
		 const struct json_object *patch, bool patches, struct err *err);

/* The element of @list whose @key equals that of @element (no key: that is equal); SIZE_MAX: none. */
size_t merge_find(const struct json_object *list, const struct json_object *element,
		  const char *key);
/* A copy of @list with the elements that @order names in its order, others staying before those they
 * preceded in @was (the engine of $setElementOrder). NULL: out of memory. */
struct json_object *merge_ordered(const struct json_object *list, const struct json_object *order,
				  const struct json_object *was, const char *key);
