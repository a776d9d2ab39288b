/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of fields of an object: what managedFields keep as FieldsV1 (Kubernetes, "Server-Side Apply").
 * A set is a tree; a node's key is "f:name", "k:{…}" for an element of a keyed list, "v:…" for one of
 * a set, in the escaped form in which it stands in JSON. Siblings are in byte order. A node is a member
 * itself, or only leads to members, or both.
 *
 * Nodes live in an arena, and sets may share them: what changes a set says so.
 */
#pragma once

#include "base/json.h"
#include "orchestrator/core/arena.h"
#include "orchestrator/schema/schema.h"

struct fieldset {
	const char *key;
	size_t key_len;
	struct fieldset *child, *next;
	bool member;
};

/* What differs between two states of an object; sets may be NULL: empty. */
struct fieldset_change {
	struct fieldset *changed; /* added or modified: first child of the root */
	struct fieldset *removed;
};

/* A set is the first node of its top level. All return -ENOMEM when memory ends. */

/* From @old (NULL: the empty object) to @new. */
int fieldset_compare(struct arena *arena, const struct schema_type *type,
		     const struct json_object *old, const struct json_object *new,
		     struct fieldset_change *ret);
/* All that an applied configuration says. */
int fieldset_of(struct arena *arena, const struct schema_type *type,
		const struct json_object *value, struct fieldset **ret);

int fieldset_read(struct arena *arena, const char *text, size_t len, struct fieldset **ret);
int fieldset_write(struct buf *buf, const struct fieldset *set);

/* New sets; they share nodes with @a and @b, which must not be changed afterwards. */
int fieldset_union(struct arena *arena, struct fieldset *a, struct fieldset *b,
		   struct fieldset **ret);
int fieldset_minus(struct arena *arena, struct fieldset *a, const struct fieldset *b,
		   struct fieldset **ret);
int fieldset_common(struct arena *arena, const struct fieldset *a, const struct fieldset *b,
		    struct fieldset **ret);
struct fieldset *fieldset_find(struct fieldset *set, const char *key, size_t len);
/* ".spec.containers[name=\"c\"].image", one line for each member. */
int fieldset_paths(const struct fieldset *set, struct buf *ret);

/* The key of a list's element: k:{…} or v:…, escaped; appended to @buf. */
int fieldset_element_key(const struct schema_field *field, const struct json_object *element,
			 struct buf *buf);
/* Whether the elements or members of @field are owned one by one. */
bool fieldset_granular(const struct schema_field *field);
