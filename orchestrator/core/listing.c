/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/listing.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/crypt.h"
#include "orchestrator/core/answer.h"
#include "orchestrator/core/pages.h"
#include "orchestrator/core/selector.h"

/* Bodies up to this size are one piece. */
#define ONE_PIECE_MAX ((size_t)256 << 10)

void listing_get(struct request *request)
{
	struct object *object;
	struct answer_form form;
	struct err err = { 0 };

	if (request->accept.form == ACCEPT_PARTIAL_LIST) {
		request_fail(request, 406,
			     "you requested PartialObjectMetadataList, but the requested object is "
			     "not a list (*%s)",
			     request->kind->kind);
		return;
	}
	if (answer_form_of(request, &form, &err) == -EINVAL) {
		request_fail(request, 400, "%s", err.text);
		return;
	}
	if (object_tail_write(&request->tail, request->kind, request->namespace, request->name) <
	    0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	object = state_published(request->resource, buf_str(&request->tail));
	if (object)
		request_done_object(request, 200, object);
	else
		request_not_found(request);
}

/* ---- options ---- */

static const struct schema_kind list_options = {
	.kind = "ListOptions", .group = "meta.k8s.io", .version = "v1", .resource = ""
};

/* The rules of resourceVersionMatch and sendInitialEvents, of lists and watches. */
static void check_match(const struct request *request, struct schema_problems *problems)
{
	const struct apiquery *query = &request->query;
	const char *match = query->resource_version_match, *rv = query->resource_version;
	bool watch = request->verb == REQUEST_WATCH;
	static const char field[] = "resourceVersionMatch";

	if (query->has_send_initial && !watch)
		schema_problem(problems, CAUSE_FORBIDDEN, "sendInitialEvents", NULL,
			       "sendInitialEvents is forbidden for list");
	if (watch && query->has_send_initial && (!match || strcmp(match, "NotOlderThan") != 0)) {
		schema_problem(problems, CAUSE_FORBIDDEN, field, NULL,
			       "sendInitialEvents requires setting resourceVersionMatch to "
			       "NotOlderThan");
		return;
	}
	if (!match || !*match)
		return;
	if (watch && !query->has_send_initial)
		schema_problem(problems, CAUSE_FORBIDDEN, field, NULL,
			       "resourceVersionMatch is forbidden for watch unless "
			       "sendInitialEvents is provided");
	if (!watch && (!rv || !*rv))
		schema_problem(problems, CAUSE_FORBIDDEN, field, NULL,
			       "resourceVersionMatch is forbidden unless resourceVersion is "
			       "provided");
	if (query->continue_token && *query->continue_token)
		schema_problem(problems, CAUSE_FORBIDDEN, field, NULL,
			       "resourceVersionMatch is forbidden when continue is provided");
	if (strcmp(match, "Exact") == 0) {
		if (rv && strcmp(rv, "0") == 0)
			schema_problem(problems, CAUSE_FORBIDDEN, field, NULL,
				       "resourceVersionMatch \"exact\" is forbidden for "
				       "resourceVersion \"0\"");
	} else if (strcmp(match, "NotOlderThan") != 0) {
		schema_problem(problems, CAUSE_UNSUPPORTED, field, NULL,
			       "supported values: \"Exact\", \"NotOlderThan\"");
	}
}

bool listing_check_options(struct request *request)
{
	auto_schema_problems struct schema_problems *problems = schema_problems_new();

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	check_match(request, problems);
	if (schema_problems_count(problems) == 0)
		return true;
	request->kind = &list_options;
	request->name = "";
	request_invalid(request, problems);
	return false;
}

bool listing_parse_revision(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*ret = n;
	return true;
}

/* ---- continue tokens: base64url of {"v":"meta.k8s.io/v1","rv":N,"start":"default/a"} ---- */

static int token_write(struct buf *buf, int64_t revision, const char *after)
{
	auto_buf struct buf json = { 0 };

	(void)buf_printf(&json,
			 "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRId64 ",\"start\":", revision);
	(void)json_write_string(&json, after, strlen(after), JSON_COMPACT);
	(void)buf_putc(&json, '}');
	return buf_error(&json) ? -ENOMEM : base64url_encode(buf, json.data, json.len);
}

static int token_read(const char *token, int64_t *ret_revision, struct buf *ret_after)
{
	auto_json struct json_object *json = NULL;
	auto_buf struct buf text = BUF_INIT(4096);
	const char *version, *start;

	if (base64_decode(&text, token, strlen(token)) < 0 ||
	    json_parse(buf_str(&text), text.len, &json, NULL) < 0)
		return -EINVAL;
	version = json_str(json_get(json, "v"));
	start = json_str(json_get(json, "start"));
	*ret_revision = json_int(json_get(json, "rv"), 0);
	if (!version || strcmp(version, "meta.k8s.io/v1") != 0 || !start || *ret_revision == 0)
		return -EINVAL;
	return buf_puts(ret_after, start);
}

/* ---- the list ---- */

struct list_plan {
	struct snapshot_query query;
	struct buf after;
	uint64_t shown; /* the resourceVersion of the list */
};

static void fail_too_large(struct request *request, uint64_t revision)
{
	static const char cause[] =
		"[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource "
		"version\"}]";
	auto_json struct json_object *causes = NULL;
	struct apistatus status = { .code = 504, .retry_after_s = 1 };

	(void)json_parse(cause, sizeof(cause) - 1, &causes, NULL);
	status.causes = causes;
	request_fail_status(request, &status,
			    "Timeout: Too large resource version: %" PRIu64 ", current: %" PRIu64,
			    revision, request->core->revision);
}

static bool plan_continue(struct request *request, struct list_plan *plan)
{
	const char *rv = request->query.resource_version;
	int64_t revision;

	if (rv && *rv && strcmp(rv, "0") != 0) {
		request_fail(request, 400,
			     "specifying resource version is not allowed when using continue");
		return false;
	}
	if (token_read(request->query.continue_token, &revision, &plan->after) < 0) {
		request_fail(request, 400, "continue key is not valid: %s",
			     request->query.continue_token);
		return false;
	}
	plan->query.after = buf_str(&plan->after);
	if (revision > 0 && (uint64_t)revision < request->core->revision)
		plan->query.revision = (uint64_t)revision;
	if (revision > 0)
		plan->shown = (uint64_t)revision;
	return true;
}

static bool plan_revision(struct request *request, struct list_plan *plan)
{
	const char *rv = request->query.resource_version;
	const char *match = request->query.resource_version_match;
	uint64_t revision;

	if (!rv || !*rv)
		return true;
	if (!listing_parse_revision(rv, &revision)) {
		request_fail(request, 400,
			     "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing "
			     "\"%s\": invalid syntax",
			     rv, rv);
		return false;
	}
	if (revision > request->core->revision) {
		fail_too_large(request, revision);
		return false;
	}
	if (match && strcmp(match, "Exact") == 0) {
		plan->shown = revision;
		plan->query.revision = revision < request->core->revision ? revision : 0;
	}
	return true;
}

static void fail_expired(struct request *request, const struct list_plan *plan)
{
	struct apistatus status = { .code = 410 };
	auto_buf struct buf token = { 0 };

	if (!plan->query.after) {
		request_fail(request, 410, "The resourceVersion for the provided list is too old.");
		return;
	}
	(void)token_write(&token, -1, plan->query.after);
	status.continue_token = buf_str(&token);
	request_fail_status(
		request, &status,
		"The provided continue parameter is too old to display a consistent list result. "
		"You can start a new list without the continue parameter, or use the continue "
		"token in this response to retrieve the remainder of the results. Continuing with "
		"the provided token results in an inconsistent list - objects that were created, "
		"modified, or deleted between the time the first chunk was returned and now may "
		"show up in the list.");
}

/* Write the list out: in one piece when it is small, else as pages. */
static void answer_list(struct request *request, struct core_pages *pages)
{
	struct core_answer answer = { .type = CORE_PAGES,
				      .status = 200,
				      .content_type = accept_content_type(&request->accept) };
	auto_bytes struct bytes *body = NULL;

	if (answer_is_plain(request) && pages_weight(pages) > ONE_PIECE_MAX) {
		answer.pages = pages;
		request_end(request, &answer);
		return;
	}
	body = pages_rest(pages);
	(void)core_pages_free(pages);
	if (body && !answer_is_plain(request)) {
		auto_buf struct buf text = { 0 };

		(void)buf_append(&text, body->data, body->len);
		request_done_buf(request, 200, &text);
		return;
	}
	answer.type = CORE_ANSWER;
	answer.status = body ? 200 : 500;
	answer.body = body;
	request_end(request, &answer);
}

static void list_as_planned(struct request *request, const struct answer_form *form,
			    struct list_plan *plan)
{
	struct list_meta meta = { .revision = plan->shown, .remaining = -1 };
	auto_buf struct buf token = { 0 };
	struct snapshot snapshot;
	struct core_pages *pages;
	int r = snapshot_take(request->resource, &plan->query, &snapshot);

	if (r == -ESTALE) {
		fail_expired(request, plan);
		return;
	}
	if (r == 0 && snapshot.remaining) {
		r = token_write(&token, (int64_t)plan->shown,
				object_tail(snapshot.objects[snapshot.n - 1]));
		meta.continue_token = buf_str(&token);
		if (!plan->query.selector)
			meta.remaining = (int64_t)snapshot.remaining;
	}
	if (r == 0)
		r = pages_new(request->kind, form, &meta, &snapshot, request->now_ns, &pages);
	if (r < 0) {
		snapshot_done(&snapshot);
		request_fail_error(request, r, NULL);
		return;
	}
	answer_list(request, pages);
}

void listing_list(struct request *request)
{
	struct list_plan plan = { .query.namespace = request->namespace,
				  .shown = request->core->revision };
	auto_selector struct selector *selector = NULL;
	const char *token = request->query.continue_token;
	struct answer_form form;
	struct err err = { 0 };
	bool go_on;
	int r;

	if (request->accept.form == ACCEPT_PARTIAL) {
		request_fail(request, 406,
			     "you requested PartialObjectMetadata, but the requested object is a "
			     "list (*%s)",
			     request->kind->list_kind);
		return;
	}
	if (!listing_check_options(request))
		return;
	r = selector_new(request->kind, request->query.label_selector,
			 request->query.field_selector, &selector, &err);
	if (r == 0)
		r = answer_form_of(request, &form, &err);
	if (r < 0) {
		request_fail(request, r == -EINVAL ? 400 : 500, "%s", err.text);
		return;
	}
	plan.query.selector = selector;
	plan.query.limit = request->query.limit > 0 ? (size_t)request->query.limit : 0;
	go_on = token && *token ? plan_continue(request, &plan) : plan_revision(request, &plan);
	if (go_on)
		list_as_planned(request, &form, &plan);
	buf_done(&plan.after);
}
