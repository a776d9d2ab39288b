/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE: grace periods, finalizers, preconditions, propagation (Kubernetes API, "Deletion"). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/answer.h"
#include "orchestrator/core/deletion.h"
#include "orchestrator/core/listing.h"
#include "orchestrator/core/objectmeta.h"
#include "orchestrator/core/pages.h"
#include "orchestrator/core/selector.h"
#include "orchestrator/core/write.h"

/* ---- options: the body's win over the query's ---- */

static void fail_options(struct request *request, const char *field, const char *text)
{
	static const struct schema_kind kind = {
		.kind = "DeleteOptions", .group = "meta.k8s.io", .version = "v1", .resource = ""
	};
	auto_schema_problems struct schema_problems *problems = schema_problems_new();

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	schema_problem(problems, CAUSE_INVALID, field, NULL, "%s", text);
	request->kind = &kind;
	request->name = "";
	request_invalid(request, problems);
}

static const char *body_text(const struct request *request, const char *path)
{
	return json_str_at(request->body, path);
}

static bool read_options(struct request *request, struct deletion *options)
{
	const struct apiquery *query = &request->query;
	const struct json_object *orphan = json_get(request->body, "orphanDependents");
	const struct json_object *dry_run = json_get(request->body, "dryRun");
	bool has_orphan = orphan || query->has_orphan;

	if (request->body && json_kind(request->body) != JSON_OBJECT) {
		request_fail(request, 400,
			     "the object provided is unrecognized (must be of type "
			     "DeleteOptions)");
		return false;
	}
	if (json_len(dry_run))
		request->query.dry_run = json_str(json_idx(dry_run, 0));
	options->grace_s = json_int_at(request->body, "gracePeriodSeconds", query->grace_s);
	if (options->grace_s < -1)
		options->grace_s = 1;
	options->propagation = body_text(request, "propagationPolicy");
	if (!options->propagation)
		options->propagation = query->propagation;
	options->uid = body_text(request, "preconditions.uid");
	options->revision = body_text(request, "preconditions.resourceVersion");
	if (has_orphan && options->propagation) {
		fail_options(request, "propagationPolicy",
			     "orphanDependents and deletionPropagation cannot be both set");
		return false;
	}
	if (has_orphan)
		options->propagation = json_truth(orphan, query->orphan) ? "Orphan" : "Background";
	if (options->propagation && !deletion_policy_known(options->propagation)) {
		fail_options(request, "propagationPolicy",
			     "must be one of Orphan, Background, Foreground");
		return false;
	}
	return true;
}

/* ---- one object ---- */

static bool protected_namespace(const struct request *request)
{
	static const char *const names[] = { "default", "kube-system", "kube-public" };

	if (*request->kind->group || strcmp(request->kind->resource, "namespaces") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(request->name, names[i]) == 0)
			return true;
	return false;
}

static void fail_precondition(struct request *request, const char *what, const char *given,
			      const char *have)
{
	struct apistatus status = { .code = 409,
				    .name = request->name,
				    .group = request->kind->group,
				    .kind = request->kind->kind };

	request_fail_status(
		request, &status,
		"Operation cannot be fulfilled on %s \"%s\": Precondition failed: %s in "
		"precondition: %s, %s in object meta: %s",
		request->kind->kind, request->name, what, given, what, have);
}

static bool check_preconditions(struct request *request, const struct object *old,
				const struct deletion *options)
{
	char revision[24];

	if (options->uid && *options->uid && strcmp(options->uid, object_uid(old)) != 0) {
		fail_precondition(request, "UID", options->uid, object_uid(old));
		return false;
	}
	(void)snprintf(revision, sizeof(revision), "%" PRIu64, object_revision(old));
	if (options->revision && *options->revision && strcmp(options->revision, revision) != 0) {
		fail_precondition(request, "ResourceVersion", options->revision, revision);
		return false;
	}
	return true;
}

/* metav1.Status of a deletion that is done. */
static int put_success(struct request *request, const struct object *old)
{
	struct apistatus status = { .code = 200,
				    .name = object_name(old),
				    .group = request->kind->group,
				    .kind = request->kind->resource,
				    .uid = object_uid(old) };
	auto_buf struct buf text = { 0 };

	if (apistatus_write(&status, &text) < 0)
		return -ENOMEM;
	request->body_out = answer_bytes(request, &text);
	return request->body_out ? 0 : -ENOMEM;
}

static void remove_now(struct request *request, struct object *old, int status)
{
	int r = 0;

	if (request->kind->delete_returns_object)
		request->object = object_ref(old);
	else
		r = put_success(request, old);
	if (r < 0)
		request_fail_error(request, r, NULL);
	else if (request_dry_run(request))
		request_done(request, status);
	else
		request_stage(request, status, old, NULL, deletion_durable(old));
}

static void delete_one(struct request *request, struct object *old, const struct deletion *options)
{
	auto_object struct object *object = NULL;
	int status = options->evicted ? 201 : 200, r;

	if (!check_preconditions(request, old, options))
		return;
	r = deletion_mark(old, options, request->now_ns, &object);
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	if (r == DELETION_REMOVE)
		remove_now(request, old, status);
	else if (r == DELETION_UNCHANGED || request_dry_run(request))
		request_done_object(request, status, object ? object : old);
	else
		request_stage(request, status, old, object, true);
}

/* The answer is a Status that is there already. */
void verb_evict(struct request *request)
{
	struct deletion options = { .evicted = true };
	struct object *old;

	if (!read_options(request, &options))
		return;
	old = request_see(request);
	if (!old)
		request_not_found(request);
	else
		delete_one(request, old, &options);
}

void verb_delete(struct request *request)
{
	struct deletion options = { 0 };
	struct object *old;

	if (!read_options(request, &options))
		return;
	if (protected_namespace(request)) {
		request_forbid(request, "this namespace may not be deleted");
		return;
	}
	old = request_see(request);
	if (!old)
		request_not_found(request);
	else
		delete_one(request, old, &options);
}

/* ---- a collection: some at a time, answered by the list of what was deleted ---- */

#define SWEEP_PIECE 32

static int sweep_one(struct request *request, const struct deletion *options,
		     const struct object *found)
{
	auto_object struct object *object = NULL;
	struct object *old = state_see(request->resource, object_tail(found), &request->saw_staged);
	struct object *staged;
	int r;

	if (!old || strcmp(object_uid(old), object_uid(found)) != 0)
		return 0; /* somebody else was quicker */
	r = deletion_mark(old, options, request->now_ns, &object);
	if (r == DELETION_REMOVE)
		return state_stage(request->core, request->resource, old, NULL,
				   deletion_durable(old), &staged);
	if (r == DELETION_MARKED)
		return state_stage(request->core, request->resource, old, object, true, &staged);
	return r < 0 ? r : 0;
}

static void end_sweep(struct request *request)
{
	struct list_meta meta = { .revision = request->core->revision, .remaining = -1 };
	struct answer_form form = { .form = ACCEPT_OBJECT };
	auto_bytes struct bytes *body = NULL;
	auto_pages struct core_pages *pages = NULL;
	int r = pages_new(request->kind, &form, &meta, request->sweep, request->now_ns, &pages);

	if (r == 0)
		body = pages_rest(pages);
	request->saw_staged = true; /* the answer waits for what was staged */
	if (body)
		request_done_bytes(request, 200, body);
	else
		request_fail_error(request, -ENOMEM, NULL);
}

static void sweep(struct request *request, const struct deletion *options)
{
	int r = 0;

	for (unsigned n = 0; r == 0 && request->sweep_at < request->sweep->n; n++) {
		if (n == SWEEP_PIECE || state_busy(request->core)) {
			request_again(request);
			return;
		}
		if (!request_dry_run(request))
			r = sweep_one(request, options, request->sweep->objects[request->sweep_at]);
		request->sweep_at++;
	}
	if (r < 0)
		request_fail_error(request, r, NULL);
	else
		end_sweep(request);
}

/* What is to go is found once, at the start. */
static int find_collection(struct request *request, struct err *err)
{
	struct snapshot_query query = { .namespace = request->namespace };
	auto_selector struct selector *selector = NULL;
	int r = selector_new(request->kind, request->query.label_selector,
			     request->query.field_selector, &selector, err);

	if (r < 0)
		return r;
	query.selector = selector;
	query.limit = request->query.limit > 0 ? (size_t)request->query.limit : 0;
	request->sweep = calloc(1, sizeof(*request->sweep));
	return request->sweep ? snapshot_take(request->resource, &query, request->sweep) : -ENOMEM;
}

void verb_deletecollection(struct request *request)
{
	struct deletion options = { 0 };
	struct err err = { 0 };
	int r = 0;

	if (!read_options(request, &options))
		return;
	if (!request->sweep)
		r = find_collection(request, &err);
	if (r == -EINVAL)
		request_fail(request, 400, "%s", err.text);
	else if (r < 0)
		request_fail_error(request, r, &err);
	else
		sweep(request, &options);
}
