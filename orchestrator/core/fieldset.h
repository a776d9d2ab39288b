/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of fields of an object, in the form in which managedFields keep them (FieldsV1): a tree whose
 * keys are "f:name", "k:{…}" for an element of a keyed list, "v:…" for one of a set; a node that is
 * empty, or has ".", is itself in the set. Kubernetes, "Server-Side Apply".
 */
#pragma once

#include "base/json.h"
#include "orchestrator/schema/schema.h"

/* What differs between two states of an object: NULL when nothing. */
struct fieldset_change {
	struct json_object *changed; /* added or modified */
	struct json_object *removed;
};

/* From @old (NULL: the empty object) to @new. */
int fieldset_compare(const struct schema_type *type, const struct json_object *old,
		     const struct json_object *new, struct fieldset_change *ret);
void fieldset_change_done(struct fieldset_change *change);
/* All that an applied configuration says. */
int fieldset_of(const struct schema_type *type, const struct json_object *value,
		struct json_object **ret);

/* In place; @other may be NULL. */
int fieldset_add(struct json_object *set, const struct json_object *other);
void fieldset_remove(struct json_object *set, const struct json_object *other);
/* *ret NULL: nothing in common. */
int fieldset_common(const struct json_object *a, const struct json_object *b,
		    struct json_object **ret);
bool fieldset_empty(const struct json_object *set);
struct json_object *fieldset_sorted(const struct json_object *set); /* a copy, keys in byte order */
/* ".spec.containers[name=\"c\"].image", one line for each member. */
int fieldset_paths(const struct json_object *set, struct buf *ret);

/* The key of a list's element: k:{…} or v:…; appended to @buf. */
int fieldset_element_key(const struct schema_field *field, const struct json_object *element,
			 struct buf *buf);
/* Whether the elements or members of @field are owned one by one. */
bool fieldset_granular(const struct schema_field *field);
