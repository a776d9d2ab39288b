/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes: decode, default, admit, validate, stage. Everything from the look at the present object to
 * the staging happens in one go, so nothing can come in between; a conflict is a matter of the
 * resourceVersion that the client saw.
 */
#pragma once

#include "orchestrator/core/request.h"

void write_run(struct request *request);

/* ---- steps; each returns false when it has ended the request ---- */

/* Type checks, unknown and duplicate fields by fieldValidation, kind, name and namespace. */
bool write_decode(struct request *request, const struct schema_kind *kind,
		  struct json_object *json);
/* Validate, build and stage @json in place of @old (NULL: create). Unchanged: answer @old. */
void write_commit(struct request *request, int status, struct object *old,
		  const struct json_object *old_json, struct json_object *json);
/* An update of @old (with its parsed form) to @json: what main endpoint, status and patches share. */
void write_update(struct request *request, int status, struct object *old,
		  const struct json_object *old_json, struct json_object *json);
/* managedFields: what @json changes is the requester's from here on. */
bool write_track(struct request *request, struct object *old, const struct json_object *old_json,
		 struct json_object *json);
void write_create(struct request *request, struct json_object *json);

void verb_update(struct request *request);
void verb_patch(struct request *request);
void verb_delete(struct request *request);
void verb_evict(struct request *request); /* delete, with the condition that says why */
void verb_deletecollection(struct request *request);
bool write_is_status(const struct request *request);
