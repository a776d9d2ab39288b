/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "orchestrator/core/admission.h"
#include "orchestrator/core/objectmeta.h"
#include "orchestrator/core/write.h"

#include "orchestrator/core/listing.h"

/* Put the member @key of @from into @json, or take it out of there. */
static int take_member(struct json_object *json, const struct json_object *from, const char *key)
{
	struct json_object *value = json_get(from, key);

	if (value)
		return json_put(json, key, json_ref(value));
	json_del(json, key);
	return 0;
}

/*
 * A write of /status changes the status and, in metadata, what kinds of old let through (labels,
 * annotations, finalizers); one of the main endpoint leaves the status alone.
 */
static int keep_other_half(const struct request *request, struct json_object *json,
			   const struct json_object *old)
{
	struct json_iter it;
	int r = 0;

	if (!write_is_status(request))
		return request->kind->has_status ? take_member(json, old, "status") : 0;
	if (request->internal) /* the metadata that it saw may have moved on meanwhile */
		r = take_member(json, old, "metadata");
	json_for_each (it, json)
		if (strcmp(it.key, "status") != 0 && strcmp(it.key, "metadata") != 0 &&
		    !json_has(old, it.key))
			json_del(json, it.key);
	json_for_each (it, old)
		if (r == 0 && strcmp(it.key, "status") != 0 && strcmp(it.key, "metadata") != 0)
			r = take_member(json, old, it.key);
	return r;
}

static void fail_conflict(struct request *request)
{
	char resource[256];

	request_fail_named(
		request, 409, NULL,
		"Operation cannot be fulfilled on %s \"%s\": the object has been "
		"modified; please apply your changes to the latest version and try again",
		request_resource_text(request, resource, sizeof(resource)), request->name);
}

static void fail_must_be_specified(struct request *request)
{
	auto_schema_problems struct schema_problems *problems = schema_problems_new();

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	schema_problem(problems, CAUSE_INVALID, "metadata.resourceVersion", "0",
		       "must be specified for an update");
	request_invalid(request, problems);
}

/* The resourceVersion and uid that the client saw must be the object's. */
static bool check_version(struct request *request, const struct object *old,
			  const struct json_object *json)
{
	const char *seen = json_str_at(json, "metadata.resourceVersion");
	const char *uid = json_str_at(json, "metadata.uid");
	uint64_t revision = 0;

	if (seen && *seen && strcmp(seen, "0") != 0) {
		if (!listing_parse_revision(seen, &revision) || revision != object_revision(old)) {
			fail_conflict(request);
			return false;
		}
	} else if (request->verb == REQUEST_UPDATE && !request->internal &&
		   !request->kind->put_unconditional) {
		fail_must_be_specified(request);
		return false;
	}
	if (uid && *uid && strcmp(uid, object_uid(old)) != 0) {
		char resource[256];

		request_fail_named(
			request, 409, NULL,
			"Operation cannot be fulfilled on %s \"%s\": Precondition failed: UID in "
			"precondition: %s, UID in object meta: %s",
			request_resource_text(request, resource, sizeof(resource)), request->name,
			uid, object_uid(old));
		return false;
	}
	return true;
}

void write_update(struct request *request, int status, struct object *old,
		  const struct json_object *old_json, struct json_object *json)
{
	int r;

	if (!check_version(request, old, json))
		return;
	r = objectmeta_on_update(request->kind, json, old_json);
	if (r == 0)
		r = keep_other_half(request, json, old_json);
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	schema_default(request->kind, json);
	if (!write_track(request, old, old_json, json) ||
	    !admission_mutate(request, json, old_json))
		return;
	r = objectmeta_generation(request->kind, json, old_json);
	if (r < 0)
		request_fail_error(request, r, NULL);
	else
		write_commit(request, status, old, old_json, json);
}

void verb_update(struct request *request)
{
	auto_json struct json_object *old_json = NULL;
	struct object *old;

	if (!write_decode(request, request->kind, request->body))
		return;
	old = request_see(request);
	if (!old && request->kind->put_creates && !request->subresource) {
		if (json_put_at(request->body, "metadata.name", json_new_string(request->name)) < 0)
			request_fail_error(request, -ENOMEM, NULL);
		else
			write_create(request, request->body);
		return;
	}
	if (!old) {
		request_not_found(request);
		return;
	}
	old_json = object_parse_stored(old);
	if (!old_json)
		request_fail_error(request, -ENOMEM, NULL);
	else
		write_update(request, 200, old, old_json, request->body);
}
