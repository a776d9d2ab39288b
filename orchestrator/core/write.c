/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/write.h"

#include <errno.h>
#include <string.h>

#include "orchestrator/core/admission.h"
#include "orchestrator/core/managed.h"
#include "orchestrator/core/objectmeta.h"
#include "orchestrator/core/podstatus.h"
#include "orchestrator/core/reviews.h"
#include "orchestrator/core/subresource.h"

bool write_is_status(const struct request *request)
{
	return request->subresource && strcmp(request->subresource->name, "status") == 0;
}

/* ---- options ---- */

static const char *const option_kinds[REQUEST_VERB_COUNT] = {
	[REQUEST_CREATE] = "CreateOptions",
	[REQUEST_UPDATE] = "UpdateOptions",
	[REQUEST_PATCH] = "PatchOptions",
	[REQUEST_DELETE] = "DeleteOptions",
	[REQUEST_DELETECOLLECTION] = "DeleteOptions",
};

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static void check_manager(const struct request *request, struct schema_problems *problems)
{
	const char *manager = request->query.field_manager;
	bool apply = request->verb == REQUEST_PATCH && request->patch == PATCH_APPLY;

	if (manager && strlen(manager) > 128)
		schema_problem(problems, CAUSE_TOO_LONG, "fieldManager", NULL,
			       "may not be more than 128 bytes");
	if (manager && !printable(manager))
		schema_problem(problems, CAUSE_INVALID, "fieldManager", NULL,
			       "should only contain printable characters");
	if (apply && (!manager || !*manager))
		schema_problem(problems, CAUSE_REQUIRED, "fieldManager", NULL,
			       "is required for apply patch");
	if (request->query.has_force && !apply && request->verb == REQUEST_PATCH)
		schema_problem(problems, CAUSE_FORBIDDEN, "force", NULL,
			       "may not be specified for non-apply patch");
}

static void check_words(const struct request *request, struct schema_problems *problems)
{
	static const char *const validations[] = { "", "Ignore", "Warn", "Strict" };
	const char *validation = request->query.field_validation;
	auto_buf struct buf quoted = { 0 };
	bool known = !validation;

	if (request_dry_run(request) && strcmp(request->query.dry_run, "All") != 0) {
		(void)json_write_string(&quoted, request->query.dry_run,
					strlen(request->query.dry_run), JSON_COMPACT);
		schema_problem(problems, CAUSE_UNSUPPORTED, "dryRun", buf_str(&quoted),
			       "supported values: \"All\"");
	}
	for (size_t i = 0; !known && i < ARRAY_LEN(validations); i++)
		known = strcmp(validation, validations[i]) == 0;
	if (known)
		return;
	buf_clear(&quoted);
	(void)json_write_string(&quoted, validation, strlen(validation), JSON_COMPACT);
	schema_problem(problems, CAUSE_UNSUPPORTED, "fieldValidation", buf_str(&quoted),
		       "supported values: \"Ignore\", \"Strict\", \"Warn\"");
}

static bool check_options(struct request *request)
{
	static const struct schema_kind base = { .group = "meta.k8s.io",
						 .version = "v1",
						 .resource = "" };
	const struct apiquery *query = &request->query;
	auto_schema_problems struct schema_problems *problems = NULL;
	struct schema_kind kind = base;

	if (request->internal ||
	    (!query->field_manager && !query->field_validation && !query->dry_run &&
	     !query->has_force &&
	     (request->verb != REQUEST_PATCH || request->patch != PATCH_APPLY)))
		return true;
	problems = schema_problems_new();
	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	check_manager(request, problems);
	check_words(request, problems);
	if (schema_problems_count(problems) == 0)
		return true;
	kind.kind = option_kinds[request->verb];
	request->kind = &kind;
	request->name = "";
	request_invalid(request, problems);
	return false;
}

/* ---- decoding ---- */

static bool check_kind(struct request *request, const struct schema_kind *kind,
		       struct json_object *json)
{
	const char *version = json_str(json_get(json, "apiVersion"));
	const char *name = json_str(json_get(json, "kind"));
	char expected[256];

	schema_api_version(kind, expected, sizeof(expected));
	if (version && *version && strcmp(version, expected) != 0) {
		request_fail(request, 400,
			     "the API version in the data (%s) does not match the expected API "
			     "version (%s)",
			     version, expected);
		return false;
	}
	if (name && *name && strcmp(name, kind->kind) != 0) {
		request_fail(
			request, 400,
			"%s in version \"%s\" cannot be handled as a %s: converting (v1.%s) to "
			"(core.%s): unknown conversion",
			name, expected, kind->kind, name, kind->kind);
		return false;
	}
	if (json_put_str(json, "kind", kind->kind) < 0 ||
	    json_put_str(json, "apiVersion", expected) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	return true;
}

static void warn_lines(struct request *request, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		if (len)
			request_warn(request, "%.*s", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void join_lines(struct buf *buf, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		if (len) {
			if (buf->len)
				(void)buf_puts(buf, ", ");
			(void)buf_append(buf, lines, len);
		}
		lines += len + (lines[len] == '\n');
	}
}

/* An apply cannot own what has no type. */
static void fail_undeclared(struct request *request, const struct schema_kind *kind,
			    const char *unknown)
{
	const char *field = strchr(unknown, '"');
	size_t len = field ? strcspn(field + 1, "\"") : 0;
	struct apistatus status = { .code = 500, .reason = "" };
	char version[128];

	request_fail_status(
		request, &status,
		"failed to create typed patch object (%s/%s; %s, Kind=%s): .%.*s: field "
		"not declared in schema",
		request->namespace, request->name,
		schema_api_version(kind, version, sizeof(version)), kind->kind, (int)len,
		field ? field + 1 : "");
}

/* What is too much in the body: nothing, a warning for each, or a refusal with all of them. */
static bool judge_fields(struct request *request, const struct schema_kind *kind,
			 const struct buf *unknown)
{
	const char *validation = request->query.field_validation;
	auto_buf struct buf all = { 0 };

	if (request->internal || (validation && strcmp(validation, "Ignore") == 0) ||
	    (!unknown->len && !request->duplicates.len))
		return true;
	if (request->verb == REQUEST_PATCH && request->patch == PATCH_APPLY && unknown->len) {
		fail_undeclared(request, kind, buf_str(unknown));
		return false;
	}
	if (!validation || strcmp(validation, "Strict") != 0) {
		warn_lines(request, buf_str(unknown));
		warn_lines(request, buf_str(&request->duplicates));
		return true;
	}
	join_lines(&all, buf_str(unknown));
	join_lines(&all, buf_str(&request->duplicates));
	request_fail(request, 400,
		     "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
		     kind->kind, kind->version, kind->kind, buf_str(&all));
	return false;
}

static bool check_names(struct request *request, const struct schema_kind *kind,
			struct json_object *json)
{
	const char *namespace = json_str_at(json, "metadata.namespace");
	const char *name = json_str_at(json, "metadata.name");

	if (!kind->namespaced) /* what a client says is of no effect */
		json_del(json_get(json, "metadata"), "namespace");
	if (kind->namespaced && namespace && *namespace &&
	    strcmp(namespace, request->namespace) != 0) {
		request_fail(request, 400,
			     "the namespace of the provided object does not match the namespace "
			     "sent on the request");
		return false;
	}
	if (*request->name && name && *name && strcmp(name, request->name) != 0) {
		request_fail(request, 400,
			     "the name of the object (%s) does not match the name on the URL (%s)",
			     name, request->name);
		return false;
	}
	return true;
}

bool write_decode(struct request *request, const struct schema_kind *kind, struct json_object *json)
{
	auto_buf struct buf unknown = BUF_INIT((size_t)64 << 10);
	struct err err = { 0 };
	int r;

	if (json_kind(json) != JSON_OBJECT) {
		request_fail(request, 400,
			     "the object provided is unrecognized (must be of type %s)",
			     kind->kind);
		return false;
	}
	if (!check_kind(request, kind, json))
		return false;
	r = schema_decode(kind->type, json, &unknown, &err);
	if (r == -EINVAL) {
		request_fail(request, 400, "%s in version \"%s\" cannot be handled as a %s: %s",
			     kind->kind, kind->version, kind->kind, err.text);
		return false;
	}
	if (r < 0) {
		request_fail_error(request, r, &err);
		return false;
	}
	return judge_fields(request, kind, &unknown) && check_names(request, kind, json);
}

/* ---- the end of every write ---- */

/* Heartbeats need not be on disk before they are acknowledged. */
static bool is_durable(const struct request *request, const struct json_object *old,
		       const struct json_object *json)
{
	const char *resource = request->kind->resource;

	if (strcmp(resource, "events") == 0)
		return false;
	if (strcmp(resource, "leases") == 0)
		return strcmp(request->namespace, "kube-node-lease") != 0 &&
		       !(old && json && objectmeta_equal_but(old, json, "renewTime"));
	if (strcmp(resource, "nodes") == 0)
		return !(old && json && objectmeta_equal_but(old, json, "lastHeartbeatTime"));
	return true;
}

static bool same_bytes(const struct object *a, const struct object *b)
{
	size_t a_len, b_len;
	const char *a_bytes = object_bytes(a, &a_len), *b_bytes = object_bytes(b, &b_len);

	return a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
}

/* What is odd in a new spec; one that stays says nothing again. */
static void warn_of_oddities(struct request *request, const struct json_object *json,
			     const struct json_object *old)
{
	auto_buf struct buf lines = BUF_INIT((size_t)64 << 10);

	if (request->internal || (old && json_equal(json_get(json, "spec"), json_get(old, "spec"))))
		return;
	(void)schema_warnings(request->kind, json, &lines);
	warn_lines(request, buf_str(&lines));
}

static bool valid(struct request *request, const struct json_object *json,
		  const struct json_object *old)
{
	auto_schema_problems struct schema_problems *problems = schema_problems_new();
	const char *name = json_str_at(json, "metadata.name");

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	schema_validate(request->kind, json, old, problems);
	if (schema_problems_are_incomplete(problems)) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	if (schema_problems_count(problems) == 0) {
		warn_of_oddities(request, json, old);
		return true;
	}
	if (name && !*request->name)
		request->name = name;
	request_invalid(request, problems);
	return false;
}

/* A deleting object whose last finalizer goes is removed by the update that took it. */
static bool finishes(const struct request *request, const struct json_object *json)
{
	const struct json_object *metadata = json_get(json, "metadata");

	if (!json_get(metadata, "deletionTimestamp") || json_len(json_get(metadata, "finalizers")))
		return false;
	if (strcmp(request->kind->resource, "namespaces") == 0 &&
	    json_len(json_at(json, "spec.finalizers")))
		return false;
	return json_int(json_get(metadata, "deletionGracePeriodSeconds"), 0) == 0;
}

void write_commit(struct request *request, int status, struct object *old,
		  const struct json_object *old_json, struct json_object *json)
{
	auto_object struct object *object = NULL;
	int r;

	if (!valid(request, json, old_json))
		return;
	r = object_new(request->kind, 0, json, &request->managed, &object);
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	if (old && same_bytes(old, object)) {
		request_done_object(request, status, old);
		return;
	}
	if (request_dry_run(request)) {
		if (old)
			object_set_revision(object, object_revision(old));
		request_done_object(request, status, object);
		return;
	}
	if (old && finishes(request, json)) {
		/* the answer shows what was asked for, at the revision of the last stored state */
		object_set_revision(object, object_revision(old));
		request->object = object_ref(object);
		request_stage(request, status, old, NULL, true);
		return;
	}
	request_stage(request, status, old, object, is_durable(request, old_json, json));
}

bool write_track(struct request *request, struct object *old, const struct json_object *old_json,
		 struct json_object *json)
{
	int r;

	schema_api_version(request->kind, request->api_version, sizeof(request->api_version));
	r = managed_track(request, old, old_json, json);
	if (r < 0)
		request_fail_error(request, r, NULL);
	return r == 0;
}

/* ---- create ---- */

/* It may go only when its content has gone: the namespace controller takes this finalizer. */
static int new_namespace(struct json_object *json)
{
	struct json_object *finalizers = json_at(json, "spec.finalizers");
	int r = json_put_at(json, "status.phase", json_new_string("Active"));

	for (size_t i = 0; i < json_len(finalizers); i++) {
		const char *name = json_str(json_idx(finalizers, i));

		if (name && strcmp(name, "kubernetes") == 0)
			return r;
	}
	if (r == 0 && json_kind(finalizers) != JSON_ARRAY) {
		finalizers = json_new_array();
		r = finalizers ? json_put_at(json, "spec.finalizers", finalizers) : -ENOMEM;
	}
	return r < 0 ? r : json_add(finalizers, json_new_string("kubernetes"));
}

static int reset_status(struct request *request, struct json_object *json)
{
	const struct schema_kind *kind = request->kind;

	if (!kind->has_status || kind->status_on_create)
		return 0;
	json_del(json, "status");
	if (strcmp(kind->resource, "pods") == 0)
		return podstatus_initial(json);
	return strcmp(kind->resource, "namespaces") == 0 ? new_namespace(json) : 0;
}

static bool prepare_new(struct request *request, struct json_object *json)
{
	const char *revision = json_str_at(json, "metadata.resourceVersion");
	int r;

	if (revision && *revision) {
		struct apistatus status = { .code = 500, .reason = "" };

		request_fail_status(request, &status,
				    "resourceVersion should not be set on objects to be created");
		return false;
	}
	r = objectmeta_set_namespace(request->kind, json, request->namespace);
	if (r == 0)
		r = objectmeta_on_create(request, json);
	if (r == 0)
		r = reset_status(request, json);
	if (r < 0)
		request_fail_error(request, r, NULL);
	return r == 0;
}

static void fail_exists(struct request *request, const struct object *old)
{
	char resource[256];

	request_fail_named(request, 409, "AlreadyExists", "%s%s \"%s\" already exists",
			   object_deleting(old) ? "object is being deleted: " : "",
			   request_resource_text(request, resource, sizeof(resource)),
			   request->name);
}

void write_create(struct request *request, struct json_object *json)
{
	const char *name;
	struct object *old;

	if (!admission_namespace(request, json) || !prepare_new(request, json))
		return;
	schema_default(request->kind, json);
	if (!write_track(request, NULL, NULL, json) || !admission_mutate(request, json, NULL))
		return;
	name = json_str_at(json, "metadata.name");
	free(request->made_name);
	request->name = request->made_name = strdup(name ? name : "");
	if (!request->name) {
		request->name = "";
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	if (request_tail(request) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	old = *request->name ? request_see(request) : NULL;
	if (old)
		fail_exists(request, old);
	else
		write_commit(request, 201, NULL, NULL, json);
}

static void verb_create(struct request *request)
{
	if (write_decode(request, request->kind, request->body))
		write_create(request, request->body);
}

/* ---- dispatch ---- */

void write_run(struct request *request)
{
	static void (*const verbs[REQUEST_VERB_COUNT])(struct request *) = {
		[REQUEST_CREATE] = verb_create,
		[REQUEST_UPDATE] = verb_update,
		[REQUEST_PATCH] = verb_patch,
		[REQUEST_DELETE] = verb_delete,
		[REQUEST_DELETECOLLECTION] = verb_deletecollection,
	};

	if (request_tail(request) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	if (!check_options(request) || subresource_run(request) || reviews_run(request))
		return;
	verbs[request->verb](request);
}
