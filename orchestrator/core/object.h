/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A published API object: its bytes, and what reads need without parsing them. Immutable, refcounted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "orchestrator/schema/schema.h"

struct object;

struct object *object_ref(struct object *object);
struct object *object_unref(struct object *object);
OWN_DEFINE(object, struct object *, object_unref)
#define auto_object OWN(object)

const struct schema_kind *object_kind(const struct object *object);
const char *object_key(const struct object *object);	   /* "pods/default/nginx" */
const char *object_namespace(const struct object *object); /* "" for cluster kinds */
const char *object_name(const struct object *object);
const char *object_uid(const struct object *object);
uint64_t object_revision(const struct object *object);
bool object_deleting(const struct object *object);
const char *object_label(const struct object *object, const char *key); /* NULL: none */
/* A field-selector value kept in the index ("spec.nodeName", "status.phase", …); "" if empty. */
const char *object_field(const struct object *object, const char *path);

/* The object as clients get it, with resourceVersion: appended to @buf. */
int object_write(const struct object *object, struct buf *buf);
/* Parsed anew, with resourceVersion but without managedFields (which a write keeps by itself), for those
 * who will change and write it; the caller's. NULL: out of memory. */
struct json_object *object_parse(const struct object *object);

/* Owners, for garbage collection: the i-th owner's uid, or NULL after the last. */
const char *object_owner_uid(const struct object *object, size_t i, bool *ret_controller);
int64_t object_created_ns(const struct object *object); /* creationTimestamp; 0: none */

/* ---- making and writing out: for core alone ---- */

/*
 * Index and serialize @json, which is complete but for resourceVersion and managedFields: it must hold
 * neither. @managed: the text of managedFields, NULL or empty for none. -EINVAL: there is no
 * metadata.name. The caller owns *ret.
 */
int object_new(const struct schema_kind *kind, uint64_t revision, const struct json_object *json,
	       const struct buf *managed, struct object **ret);
/* A new state of @old by a change that is nobody's: @old's managedFields stay. */
int object_replace(const struct object *old, const struct json_object *json, struct object **ret);
const char *object_managed(const struct object *object, size_t *ret_len); /* length 0: none */
struct json_object *
object_parse_stored(const struct object *object);		   /* no resourceVersion either */
struct json_object *object_parse_all(const struct object *object); /* with both */
void object_set_revision(struct object *object,
			 uint64_t revision); /* before anybody else sees it */
/* The same object at another revision: what a DELETED event shows. NULL: out of memory. */
struct object *object_at_revision(const struct object *object, uint64_t revision);
const char *object_bytes(const struct object *object, size_t *ret_len); /* as stored */
const char *object_tail(const struct object *object); /* the key below its resource's prefix */
size_t object_memory(const struct object *object);    /* bytes it takes, for bounds */
int object_field_index(const struct schema_kind *kind, const char *path); /* or -ENOENT */
const char *object_field_at(const struct object *object, int index);
/* "key\0value\0…", ended by an empty key. */
const char *object_labels(const struct object *object);
bool object_has_finalizers(const struct object *object);
const char *object_cells(const struct object *object); /* JSON of schema_cells(); NULL: none */

enum object_form {
	OBJECT_FULL,	     /* with kind and apiVersion */
	OBJECT_ITEM,	     /* of a typed list: without them */
	OBJECT_PARTIAL,	     /* kind PartialObjectMetadata of meta.k8s.io/v1: metadata alone */
	OBJECT_PARTIAL_BETA, /* of meta.k8s.io/v1beta1 */
	OBJECT_FORM_COUNT,
};
size_t object_form_len(const struct object *object, enum object_form form);
char *object_form_put(const struct object *object, enum object_form form, char *to); /* the end */
int object_form_write(const struct object *object, enum object_form form, struct buf *buf);
/* Append the key of an object below @kind's prefix: "default/nginx" or "n1". */
int object_tail_write(struct buf *buf, const struct schema_kind *kind, const char *namespace,
		      const char *name);
