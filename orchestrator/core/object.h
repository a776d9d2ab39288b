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
/* Parsed anew, with resourceVersion, for those who will change and write it; the caller's. */
struct json_object *object_parse(const struct object *object);
