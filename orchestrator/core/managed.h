/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.managedFields: who owns which field (Kubernetes, "Server-Side Apply").
 *
 * Their text is half of many objects and of interest to few, so it is kept out of the JSON values:
 * object_new() takes it beside them, and what has not changed is carried over as text.
 */
#pragma once

#include "orchestrator/core/fieldset.h"
#include "orchestrator/core/request.h"

/* Who writes: the identity of an entry. */
struct managed_writer {
	const char *manager, *operation; /* "Update" or "Apply" */
	const char *version;		 /* apiVersion of the request */
	const char *subresource;	 /* "" for the object itself */
};
struct managed_entry {
	struct managed_entry *next;
	struct managed_writer writer;
	const char *time;
	struct fieldset *fields;
	const char *text; /* of the fields as they were stored; NULL: they have changed */
	size_t text_len;
};
struct managed_writer managed_writer_of(const struct request *request, const char *operation);
bool managed_is_by(const struct managed_entry *entry, const struct managed_writer *writer);

/* The entries of @text (an array, our own canonical text); all lives in @arena. */
int managed_read(struct arena *arena, const char *text, size_t len, struct managed_entry **ret);
/* Sorted, empty ones left out, too many updaters merged; nothing is written when none is left. */
int managed_write(struct arena *arena, struct buf *buf, struct managed_entry *entries);
int managed_entry_add(struct arena *arena, struct managed_entry **entries,
		      const struct managed_writer *writer, int64_t now_ns,
		      struct managed_entry **ret);
/* A new time, too, unless @set says the same as before. */
int managed_set_fields(struct arena *arena, struct managed_entry *entry, struct fieldset *set,
		       int64_t now_ns);
/* Without what the server owns: kind, name, uid and the like. */
int managed_strip(struct arena *arena, struct fieldset **set);

/* Move managedFields out of @json into @ret_text (which stays empty if there are none that are sound).
 * @sorted: they come from a client, and sets must be in order to be read quickly. */
int managed_take(struct json_object *json, bool sorted, struct buf *ret_text);
/* Make request->managed from what the request changes: from @old (NULL: created) to @json. */
int managed_track(struct request *request, const struct object *old,
		  const struct json_object *old_json, struct json_object *json);
