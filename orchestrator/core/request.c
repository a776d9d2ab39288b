/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/request.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/answer.h"
#include "orchestrator/core/authz.h"
#include "orchestrator/core/documents.h"
#include "orchestrator/core/listing.h"
#include "orchestrator/core/snapshot.h"
#include "orchestrator/core/watch.h"
#include "orchestrator/core/write.h"

/* Writes taken from the queue in one go: about a millisecond of work. */
#define DRAIN_MAX 16

/* ---- life ---- */

static void request_settle(struct core *core, struct waiter *waiter, int code,
			   const char *sentence);

struct request *request_new(struct core *core)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->core = core;
	request->now_ns = core->now_ns;
	request->waiter.settle = request_settle;
	list_init(&request->waiter.node);
	request->path.namespace = request->namespace = request->name = "";
	core->stats.requests++;
	return request;
}

struct request *request_free(struct request *request)
{
	if (!request)
		return NULL;
	apipath_done(&request->path);
	apiquery_done(&request->query);
	free(request->manager);
	free(request->made_name);
	buf_done(&request->managed);
	json_unref(request->body);
	buf_done(&request->duplicates);
	free(request->user_name);
	free(request->user_uid);
	for (size_t i = 0; i < request->n_groups; i++)
		free(request->groups[i]);
	free(request->groups);
	buf_done(&request->tail);
	if (request->sweep)
		snapshot_done(request->sweep);
	free(request->sweep);
	for (size_t i = 0; i < request->n_warnings; i++)
		free(request->warnings[i]);
	object_unref(request->object);
	bytes_unref(request->body_out);
	free(request->sentence);
	free(request);
	return NULL;
}

void request_warn(struct request *request, const char *fmt, ...)
{
	auto_buf struct buf text = { 0 };
	va_list args;

	if (request->n_warnings == WARNINGS_MAX)
		return;
	va_start(args, fmt);
	(void)buf_vprintf(&text, fmt, args);
	va_end(args);
	for (size_t i = 0; i < request->n_warnings; i++)
		if (strcmp(request->warnings[i], buf_str(&text)) == 0)
			return; /* said before the write began anew */
	request->warnings[request->n_warnings] = buf_take(&text);
	request->n_warnings += request->warnings[request->n_warnings] != NULL;
}

const char *request_resource_text(const struct request *request, char *text, size_t size)
{
	(void)snprintf(text, size, "%s%s%s", request->kind->resource,
		       request->kind->group[0] ? "." : "", request->kind->group);
	return text;
}

bool request_dry_run(const struct request *request)
{
	return request->query.dry_run && *request->query.dry_run;
}

bool request_in_group(const struct request *request, const char *group)
{
	for (size_t i = 0; i < request->n_groups; i++)
		if (strcmp(request->groups[i], group) == 0)
			return true;
	return false;
}

int request_tail(struct request *request)
{
	buf_clear(&request->tail);
	return object_tail_write(&request->tail, request->kind, request->namespace, request->name);
}

struct object *request_see(struct request *request)
{
	return state_see(request->resource, buf_str(&request->tail), &request->saw_staged);
}

/* ---- ends ---- */

void request_end(struct request *request, const struct core_answer *answer)
{
	struct core_answer full = *answer;

	if (request->answered)
		*request->answered = true;
	if (request->n_warnings)
		full.warnings = (const char *const *)request->warnings;
	if (request->answer)
		request->answer(&full, request->data);
	(void)request_free(request);
}

static void deliver(struct request *request)
{
	struct core_answer answer = { .status = request->status,
				      .content_type = "application/json",
				      .retry_after_s = request->retry_after_s };
	auto_bytes struct bytes *body = NULL;

	if (request->internal) {
		if (request->done)
			request->done(request->core, request->result,
				      request->sentence ? request->sentence : "", request->object,
				      request->data);
		(void)request_free(request);
		return;
	}
	if (request->body_out)
		body = bytes_ref(request->body_out);
	else if (request->object)
		body = answer_object(request, request->object);
	if (!body)
		answer.status = 500;
	else
		answer.content_type = accept_content_type(&request->accept);
	answer.body = body;
	request_end(request, &answer);
}

/* The outcome is noted in the request: give it now, or when what it rests on is durable. */
static void finish(struct request *request)
{
	if (request->saw_staged && state_staged_any(request->core))
		state_wait(request->core, &request->waiter);
	else
		deliver(request);
}

static int errno_of(int status, const char *reason)
{
	if (reason && strcmp(reason, "AlreadyExists") == 0)
		return -EEXIST;
	return status == 404   ? -ENOENT
	       : status == 409 ? -ESTALE
	       : status == 422 ? -EINVAL
	       : status == 403 ? -EPERM
	       : status == 429 ? -EAGAIN
			       : -EIO;
}

/* Note a failure as the request's outcome. */
static void note_status(struct request *request, const struct apistatus *status)
{
	auto_buf struct buf text = { 0 };

	request->object = object_unref(request->object);
	request->status = status->code;
	request->retry_after_s = status->retry_after_s;
	if (request->internal) {
		request->result = errno_of(status->code, status->reason);
		request->sentence = status->message ? strdup(status->message) : NULL;
		return;
	}
	(void)apistatus_write(status, &text);
	bytes_unref(request->body_out);
	request->body_out = answer_bytes(request, &text);
}

void request_fail_status(struct request *request, struct apistatus *status, const char *fmt, ...)
{
	auto_buf struct buf message = { 0 };
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&message, fmt, args);
	va_end(args);
	status->message = buf_str(&message);
	if (!status->reason)
		status->reason = apistatus_reason(status->code);
	note_status(request, status);
	finish(request);
}

void request_fail(struct request *request, int code, const char *fmt, ...)
{
	struct apistatus status = { .code = code };
	auto_buf struct buf message = { 0 };
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&message, fmt, args);
	va_end(args);
	request_fail_status(request, &status, "%s", buf_str(&message));
}

void request_fail_named(struct request *request, int code, const char *reason, const char *fmt, ...)
{
	struct apistatus status = { .code = code,
				    .reason = reason,
				    .name = request->name,
				    .group = request->kind->group,
				    .kind = request->kind->resource,
				    .details = true };
	auto_buf struct buf message = { 0 };
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&message, fmt, args);
	va_end(args);
	request_fail_status(request, &status, "%s", buf_str(&message));
}

void request_not_found(struct request *request)
{
	char resource[256];

	request_fail_named(request, 404, NULL, "%s \"%s\" not found",
			   request_resource_text(request, resource, sizeof(resource)),
			   request->name);
}

void request_forbid(struct request *request, const char *fmt, ...)
{
	auto_buf struct buf message = { 0 };
	char resource[256];
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&message, fmt, args);
	va_end(args);
	request_resource_text(request, resource, sizeof(resource));
	if (*request->name)
		request_fail_named(request, 403, NULL, "%s \"%s\" is forbidden: %s", resource,
				   request->name, buf_str(&message));
	else
		request_fail_named(request, 403, NULL, "%s is forbidden: %s", resource,
				   buf_str(&message));
}

void request_invalid(struct request *request, const struct schema_problems *problems)
{
	auto_json struct json_object *causes = schema_problems_causes(problems);
	auto_buf struct buf message = { 0 };
	struct apistatus status = { .code = 422,
				    .name = request->name,
				    .group = request->kind->group,
				    .kind = request->kind->kind,
				    .causes = causes };

	if (json_len(causes) == 0) { /* the checks, or this, ran out of memory */
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	(void)schema_problems_message(problems, request->kind, request->name, &message);
	request_fail_status(request, &status, "%s", buf_str(&message));
}

void request_fail_error(struct request *request, int code, const struct err *err)
{
	request_fail(request, 500, "Internal error occurred: %s",
		     err && err->code ? err->text : err_text(code));
}

void request_done(struct request *request, int status)
{
	request->status = status;
	finish(request);
}

void request_done_object(struct request *request, int status, struct object *object)
{
	request->status = status;
	if (object != request->object) {
		object_unref(request->object);
		request->object = object_ref(object);
	}
	finish(request);
}

void request_done_bytes(struct request *request, int status, struct bytes *body)
{
	request->status = status;
	bytes_unref(request->body_out);
	request->body_out = bytes_ref(body);
	finish(request);
}

void request_done_buf(struct request *request, int status, struct buf *body)
{
	request->status = status;
	bytes_unref(request->body_out);
	request->body_out = answer_bytes(request, body);
	buf_clear(body);
	finish(request);
}

void request_stage(struct request *request, int status, struct object *old, struct object *object,
		   bool durable)
{
	int r = state_stage(request->core, request->resource, old, object, durable, &object);

	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	request->status = status;
	if (!request->body_out && !request->object)
		request->object = object_ref(object);
	state_wait(request->core, &request->waiter);
}

static void request_settle(struct core *core, struct waiter *waiter, int code, const char *sentence)
{
	struct request *request = CONTAINER_OF(waiter, struct request, waiter);

	if (code < 0) {
		struct apistatus status = { .code = code == -ENOSPC ? 507 : 500,
					    .reason = "InternalError",
					    .details = true };
		auto_buf struct buf message = { 0 };

		(void)buf_printf(&message, "Internal error occurred: %s", sentence);
		status.message = buf_str(&message);
		note_status(request, &status);
		request->result = code;
	}
	request->now_ns = core->now_ns;
	deliver(request);
}

/* ---- turns ---- */

static void enqueue(struct request *request)
{
	struct core *core = request->core;

	if (!request->internal && (core->queued >= QUEUE_MAX ||
				   core->queued_bytes + request->body_len > QUEUE_BYTES_MAX)) {
		struct apistatus status = { .code = 429, .retry_after_s = 1 };

		request_fail_status(request, &status,
				    "the server has received too many requests and has asked us "
				    "to try again later");
		return;
	}
	request->queued = true;
	core->queued++;
	core->queued_bytes += request->body_len;
	list_append(&core->queue, &request->waiter.node);
}

void request_again(struct request *request)
{
	request->queued = true;
	request->core->queued++;
	request->core->queued_bytes += request->body_len;
	list_prepend(&request->core->queue, &request->waiter.node);
}

static void dequeue(struct request *request)
{
	request->queued = false;
	request->core->queued--;
	request->core->queued_bytes -= request->body_len;
	list_remove(&request->waiter.node);
}

static void run(struct request *request)
{
	switch (request->verb) {
	case REQUEST_GET:
		listing_get(request);
		break;
	case REQUEST_LIST:
		listing_list(request);
		break;
	case REQUEST_WATCH:
		watch_start(request);
		break;
	default:
		write_run(request);
	}
}

static void on_parked_long_enough(struct core *core, struct timer *timer)
{
	(void)core;
	request_unpark(CONTAINER_OF(timer, struct request, timer));
}

int request_park(struct request *request, int64_t delay_ns)
{
	struct core *core = request->core;
	int r;

	request->timer.fire = on_parked_long_enough;
	r = timers_arm(&core->timers, &request->timer, core->now_ns + delay_ns);
	if (r < 0)
		return r;
	request->was_parked = true;
	request->saw_staged = false;
	buf_clear(&request->managed);
	list_append(&core->parked, &request->waiter.node);
	return 0;
}

void request_unpark(struct request *request)
{
	timers_disarm(&request->core->timers, &request->timer);
	list_remove(&request->waiter.node);
	request->now_ns = request->core->now_ns;
	request_start(request);
}

/* Reads, and what only looks and signs or connects: never behind a batch that is being made durable. */
static bool stages_nothing(const struct request *request)
{
	static const char *const subresources[] = { "token", "exec", "attach", "portforward",
						    "proxy" };

	if (request->verb <= REQUEST_WATCH)
		return true;
	for (size_t i = 0; request->subresource && i < ARRAY_LEN(subresources); i++)
		if (strcmp(request->subresource->name, subresources[i]) == 0)
			return true;
	return false;
}

void request_start(struct request *request)
{
	struct core *core = request->core;

	if (stages_nothing(request) || (!state_busy(core) && list_empty(&core->queue)))
		run(request);
	else
		enqueue(request);
}

void request_drain(struct core *core)
{
	for (unsigned n = 0; n < DRAIN_MAX; n++) {
		struct request *request;

		if (state_busy(core) || list_empty(&core->queue))
			return;
		request = list_entry(core->queue.next, struct request, waiter.node);
		dequeue(request);
		request->now_ns = core->now_ns;
		run(request);
	}
}

static struct request *find_ticket(struct list *head, uint64_t ticket)
{
	list_for_each (node, next, head) {
		struct waiter *waiter = list_entry(node, struct waiter, node);

		if (waiter->settle != request_settle)
			continue;
		struct request *request = CONTAINER_OF(waiter, struct request, waiter);

		if (request->ticket == ticket)
			return request;
	}
	return NULL;
}

void core_cancel(struct core *core, uint64_t ticket)
{
	struct request *request = ticket ? find_ticket(&core->queue, ticket) : NULL;

	if (request) {
		dequeue(request);
		(void)request_free(request);
		return;
	}
	request = ticket ? find_ticket(&core->parked, ticket) : NULL;
	if (request) {
		timers_disarm(&core->timers, &request->timer);
		list_remove(&request->waiter.node);
		(void)request_free(request);
		return;
	}
	request = ticket ? find_ticket(&core->batch.waiters, ticket) : NULL;
	if (request) /* its write is staged and stays; only the answer has nobody left */
		request->answer = NULL;
}
