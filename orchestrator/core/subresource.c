/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/subresource.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/answer.h"
#include "orchestrator/core/objectmeta.h"
#include "orchestrator/core/podstatus.h"
#include "orchestrator/core/write.h"

/* Parse the stored state of what the path names; NULL: the request has been ended. */
static struct json_object *look_up(struct request *request, struct object **ret_old)
{
	struct json_object *json;

	*ret_old = request_see(request);
	if (!*ret_old) {
		request_not_found(request);
		return NULL;
	}
	json = object_parse_stored(*ret_old);
	if (!json)
		request_fail_error(request, -ENOMEM, NULL);
	return json;
}

/* Stage @json as it is: a change that no client wrote field by field. */
static void stage_json(struct request *request, int status, struct object *old,
		       const struct json_object *json)
{
	auto_object struct object *object = NULL;
	int r = object_replace(old, json, &object);

	if (r < 0)
		request_fail_error(request, r, NULL);
	else if (request_dry_run(request))
		request_done_object(request, status, object);
	else
		request_stage(request, status, old, object, true);
}

/* ---- pods/binding ---- */

static void fail_binding(struct request *request, const char *why)
{
	struct apistatus status = { .code = 409, .name = request->name, .kind = "pods/binding" };

	request_fail_status(request, &status,
			    "Operation cannot be fulfilled on pods/binding \"%s\": %s",
			    request->name, why);
}

/* Labels and annotations of the Binding are laid over the pod's. */
static int merge_texts(struct json_object *pod, const struct json_object *binding, const char *path)
{
	struct json_iter it;
	int r = 0;

	json_for_each (it, json_at(binding, path)) {
		struct json_object *map = json_at(pod, path);

		if (json_kind(map) != JSON_OBJECT) {
			map = json_new_object();
			if (!map || json_put_at(pod, path, map) < 0)
				return -ENOMEM;
		}
		if (r == 0)
			r = json_put(map, it.key, json_ref(it.value));
	}
	return r;
}

static int put_success(struct request *request)
{
	struct apistatus status = { .code = 201 };
	auto_buf struct buf text = { 0 };

	if (apistatus_write(&status, &text) < 0)
		return -ENOMEM;
	request->body_out = answer_bytes(request, &text);
	return request->body_out ? 0 : -ENOMEM;
}

static bool may_bind(struct request *request, const struct object *old, const char *node)
{
	const char *uid = json_str_at(request->body, "metadata.uid");
	const char *bound = object_field(old, "spec.nodeName");
	auto_buf struct buf why = { 0 };
	bool named = node && *node;

	if (uid && *uid && strcmp(uid, object_uid(old)) != 0)
		(void)buf_printf(&why,
				 "Precondition failed: UID in precondition: %s, UID in object "
				 "meta: %s",
				 uid, object_uid(old));
	else if (object_deleting(old))
		(void)buf_printf(&why, "pod %s is being deleted, cannot be assigned to a host",
				 request->name);
	else if (*bound)
		(void)buf_printf(&why, "pod %s is already assigned to node \"%s\"", request->name,
				 bound);
	/* A failed request is gone, and its body with it. */
	if (!named)
		request_fail(request, 400, "Binding \"%s\" is invalid: target.name: Required value",
			     request->name);
	else if (why.len)
		fail_binding(request, buf_str(&why));
	return named && !why.len;
}

static void run_binding(struct request *request)
{
	const struct schema_kind *pods = schema_kind_of_kind("", "v1", "Pod");
	const char *name = json_str_at(request->body, "metadata.name");
	const char *node = json_str_at(request->body, "target.name");
	auto_json struct json_object *json = NULL;
	struct object *old;
	int r;

	if (!*request->name && name) /* POST to …/bindings */
		request->name = name;
	if (!name || strcmp(name, request->name) != 0) {
		request_fail(request, 400,
			     "name in URL does not match name in Binding object: %s, %s",
			     request->name, name ? name : "");
		return;
	}
	request->kind = pods;
	request->resource = state_resource(request->core, pods);
	if (request_tail(request) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	json = look_up(request, &old);
	if (!json || !may_bind(request, old, node))
		return;
	r = json_put_at(json, "spec.nodeName", json_new_string(node));
	if (r == 0)
		r = merge_texts(json, request->body, "metadata.annotations");
	if (r == 0)
		r = merge_texts(json, request->body, "metadata.labels");
	if (r == 0)
		r = podstatus_condition(json, "PodScheduled", "True", NULL, NULL, request->now_ns);
	if (r == 0)
		r = put_success(request);
	if (r < 0)
		request_fail_error(request, r, NULL);
	else
		stage_json(request, 201, old, json);
}

/* ---- pods/eviction: a deletion that asks first; nothing here forbids it yet ---- */

static void run_eviction(struct request *request)
{
	const char *name = json_str_at(request->body, "metadata.name");
	struct json_object *options = json_get(request->body, "deleteOptions");

	if (name && *name && strcmp(name, request->name) != 0) {
		request_fail(request, 400,
			     "name in URL does not match name in Eviction object: %s, %s",
			     request->name, name);
		return;
	}
	options = options ? json_ref(options) : json_new_object();
	json_unref(request->body);
	request->body = options;
	if (!options || put_success(request) < 0)
		request_fail_error(request, -ENOMEM, NULL);
	else
		verb_evict(request);
}

/* ---- namespaces/finalize ---- */

static void run_finalize(struct request *request)
{
	auto_json struct json_object *json = NULL;
	struct json_object *finalizers, *metadata;
	struct object *old;

	if (!write_decode(request, request->kind, request->body))
		return;
	json = look_up(request, &old);
	if (!json)
		return;
	finalizers = json_at(request->body, "spec.finalizers");
	if (json_put_at(json, "spec.finalizers", json_ref(finalizers)) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	metadata = json_get(json, "metadata");
	if (json_get(metadata, "deletionTimestamp") && !json_len(finalizers) &&
	    !json_len(json_get(metadata, "finalizers"))) {
		request->object = object_ref(old);
		request_stage(request, 200, old, NULL, true);
		return;
	}
	stage_json(request, 200, old, json);
}

/* ---- serviceaccounts/token ---- */

#define TOKEN_SECONDS_MIN     600
#define TOKEN_SECONDS_DEFAULT 3600

static void put_quoted(struct buf *buf, const char *text)
{
	(void)json_write_string(buf, text, strlen(text), JSON_COMPACT);
}

static void put_bound(struct buf *buf, const struct request *request)
{
	const char *kind = json_str_at(request->body, "spec.boundObjectRef.kind");
	const char *name = json_str_at(request->body, "spec.boundObjectRef.name");
	const char *uid = json_str_at(request->body, "spec.boundObjectRef.uid");

	if (!kind || !name || strcmp(kind, "Pod") != 0)
		return;
	(void)buf_puts(buf, ",\"pod\":{\"name\":");
	put_quoted(buf, name);
	(void)buf_puts(buf, ",\"uid\":");
	put_quoted(buf, uid ? uid : "");
	(void)buf_putc(buf, '}');
}

static int write_claims(struct buf *buf, const struct request *request,
			const struct object *account, int64_t seconds)
{
	struct json_object *audiences = json_at(request->body, "spec.audiences");
	int64_t now_s = request->now_ns / NS_PER_S;
	char id[37];

	objectmeta_uid(request->core, id);
	(void)buf_puts(buf, "{\"aud\":");
	(void)json_write(buf, audiences);
	(void)buf_printf(buf, ",\"exp\":%" PRId64 ",\"iat\":%" PRId64 ",\"iss\":", now_s + seconds,
			 now_s);
	put_quoted(buf, request->core->options.token_issuer);
	(void)buf_printf(buf, ",\"jti\":\"%s\",\"kubernetes.io\":{\"namespace\":", id);
	put_quoted(buf, request->namespace);
	put_bound(buf, request);
	(void)buf_puts(buf, ",\"serviceaccount\":{\"name\":");
	put_quoted(buf, request->name);
	(void)buf_puts(buf, ",\"uid\":");
	put_quoted(buf, object_uid(account));
	(void)buf_printf(buf, "}},\"nbf\":%" PRId64 ",\"sub\":", now_s);
	auto_buf struct buf subject = { 0 };

	(void)buf_printf(&subject, "system:serviceaccount:%s:%s", request->namespace,
			 request->name);
	put_quoted(buf, buf_str(&subject));
	(void)buf_putc(buf, '}');
	return buf_error(&subject) ? -ENOMEM : buf_error(buf);
}

/* The pod that a token is bound to must be there, with the uid that is named. */
static bool check_bound(struct request *request)
{
	const char *kind = json_str_at(request->body, "spec.boundObjectRef.kind");
	const char *name = json_str_at(request->body, "spec.boundObjectRef.name");
	const char *uid = json_str_at(request->body, "spec.boundObjectRef.uid");
	const struct schema_kind *pods = schema_kind_of_kind("", "v1", "Pod");
	auto_buf struct buf tail = { 0 };
	struct object *pod;

	if (!kind || !name || strcmp(kind, "Pod") != 0)
		return true;
	if (object_tail_write(&tail, pods, request->namespace, name) < 0) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	pod = state_see(state_resource(request->core, pods), buf_str(&tail), &request->saw_staged);
	if (pod && (!uid || !*uid || strcmp(uid, object_uid(pod)) == 0))
		return true;
	request->kind = pods;
	request->name = name;
	if (!pod)
		request_not_found(request);
	else
		request_fail_named(request, 409, NULL,
				   "Operation cannot be fulfilled on pods \"%s\": the UID in the "
				   "bound object reference (%s) does not match the UID in record. "
				   "The object might have been deleted and then recreated",
				   name, uid);
	return false;
}

static int default_audience(struct request *request)
{
	struct json_object *audiences;

	if (json_len(json_at(request->body, "spec.audiences")))
		return 0;
	audiences = json_new_array();
	if (!audiences)
		return -ENOMEM;
	if (json_add(audiences, json_new_string(request->core->options.token_issuer)) < 0) {
		json_unref(audiences);
		return -ENOMEM;
	}
	return json_put_at(request->body, "spec.audiences", audiences);
}

static int fill_token(struct request *request, const struct object *account, int64_t seconds,
		      struct err *err)
{
	const struct core_env *env = &request->core->options.env;
	auto_buf struct buf claims = { 0 }, token = { 0 };
	char until[TIME_TEXT_MAX];
	int r = default_audience(request);

	if (r == 0)
		r = write_claims(&claims, request, account, seconds);
	if (r == 0)
		r = env->sign(env->data, buf_str(&claims), &token, err);
	if (r == 0)
		r = json_put_at(request->body, "status.token", json_new_string(buf_str(&token)));
	if (r == 0)
		r = json_put_at(
			request->body, "status.expirationTimestamp",
			json_new_string(time_format(request->now_ns + seconds * NS_PER_S, until)));
	if (r == 0)
		r = json_put_at(request->body, "spec.expirationSeconds", json_new_int(seconds));
	return r;
}

static void fail_duration(struct request *request, int64_t seconds)
{
	static const struct schema_kind kind = { .kind = "TokenRequest",
						 .group = "authentication.k8s.io",
						 .version = "v1",
						 .resource = "" };
	auto_schema_problems struct schema_problems *problems = schema_problems_new();
	char text[24];

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRId64, seconds);
	schema_problem(problems, CAUSE_INVALID, "spec.expirationSeconds", text,
		       "may not specify a duration less than 10 minutes");
	request->kind = &kind;
	request_invalid(request, problems);
}

static void run_token(struct request *request)
{
	const struct schema_type *type =
		schema_type_of_kind("authentication.k8s.io", "v1", "TokenRequest");
	int64_t seconds =
		json_int_at(request->body, "spec.expirationSeconds", TOKEN_SECONDS_DEFAULT);
	auto_buf struct buf text = { 0 };
	struct object *account;
	struct err err = { 0 };
	char now[TIME_TEXT_MAX];
	int r;

	account = request_see(request);
	if (!account) {
		request_not_found(request);
		return;
	}
	if (seconds < TOKEN_SECONDS_MIN) {
		fail_duration(request, seconds);
		return;
	}
	if (!check_bound(request))
		return;
	r = json_kind(request->body) == JSON_OBJECT && type ? 0 : -EINVAL;
	if (r == 0)
		r = fill_token(request, account, seconds, &err);
	if (r == 0)
		r = json_put_str(request->body, "kind", "TokenRequest");
	if (r == 0)
		r = json_put_str(request->body, "apiVersion", "authentication.k8s.io/v1");
	if (r == 0)
		r = json_put_at(request->body, "metadata.name", json_new_string(request->name));
	if (r == 0)
		r = json_put_at(request->body, "metadata.namespace",
				json_new_string(request->namespace));
	if (r == 0)
		r = json_put_at(request->body, "metadata.creationTimestamp",
				json_new_string(time_format(request->now_ns, now)));
	if (r == 0)
		r = schema_write(&text, type, request->body);
	if (r < 0)
		request_fail_error(request, r, &err);
	else
		request_done_buf(request, 201, &text);
}

/* ---- dispatch ---- */

static const struct {
	const char *resource, *subresource;
	enum request_verb verb;
	void (*run)(struct request *request);
} rows[] = {
	{ "pods", "binding", REQUEST_CREATE, run_binding },
	{ "pods", "eviction", REQUEST_CREATE, run_eviction },
	{ "bindings", "", REQUEST_CREATE, run_binding },
	{ "namespaces", "finalize", REQUEST_UPDATE, run_finalize },
	{ "serviceaccounts", "token", REQUEST_CREATE, run_token },
};

bool subresource_run(struct request *request)
{
	const char *name = request->subresource ? request->subresource->name : "";

	if (*request->kind->group)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].resource, request->kind->resource) == 0 &&
		    strcmp(rows[i].subresource, name) == 0 && rows[i].verb == request->verb) {
			rows[i].run(request);
			return true;
		}
	return false;
}
