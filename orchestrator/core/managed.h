/* SPDX-License-Identifier: Apache-2.0 */
/* metadata.managedFields: who owns which field (Kubernetes, "Server-Side Apply"). */
#pragma once

#include "orchestrator/core/request.h"

/* Who writes: the identity of an entry. */
struct managed_writer {
	const char *manager, *operation; /* "Update" or "Apply" */
	const char *version;		 /* apiVersion of the request */
	const char *subresource;	 /* "" for the object itself */
};
struct managed_writer managed_writer_of(const struct request *request, const char *operation);
bool managed_is_by(const struct json_object *entry, const struct managed_writer *writer);
/* A new entry without fields. */
struct json_object *managed_entry_new(const struct managed_writer *writer, int64_t now_ns);
struct json_object *managed_fields(const struct json_object *entry); /* its set; borrowed */
/* Put @set (taken) into @entry, with a new time if it differs. */
int managed_set_fields(struct json_object *entry, struct json_object *set, int64_t now_ns);
/* Without what the server owns: kind, name, uid and the like. */
void managed_strip(struct json_object *set);
/* Entries in their order, empty ones left out; @entries is taken. NULL: no memory. */
struct json_object *managed_finish(struct json_object *entries);

/* The entries of an object, for changing: a copy. NULL: no memory. */
struct json_object *managed_entries(const struct json_object *json);

/*
 * Note in @json what the request has changed since @old (NULL: created). A request that applies has
 * its entries in request->applied.
 */
int managed_track(struct request *request, struct json_object *json, const struct json_object *old);
