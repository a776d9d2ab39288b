/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/reviews.h"

#include <errno.h>
#include <string.h>

#include "orchestrator/core/authz.h"
#include "orchestrator/core/write.h"

static struct json_object *groups_of(const struct request *request)
{
	auto_json struct json_object *groups = json_new_array();

	for (size_t i = 0; groups && i < request->n_groups; i++)
		if (json_add(groups, json_new_string(request->groups[i])) < 0)
			return NULL;
	return take_ptr(&groups);
}

static int fill_self(struct request *request)
{
	struct json_object *body = request->body;
	int r = json_put_at(body, "status.userInfo.username", json_new_string(request->user_name));

	if (r == 0 && *request->user_uid)
		r = json_put_at(body, "status.userInfo.uid", json_new_string(request->user_uid));
	return r < 0 ? r : json_put_at(body, "status.userInfo.groups", groups_of(request));
}

/* Ask the authorizer as if the user had sent the request that the review describes. */
static int fill_access(struct request *request)
{
	const struct json_object *attributes = json_at(request->body, "spec.resourceAttributes");
	bool allowed = authz_would_allow(request, attributes);

	return json_put_at(request->body, "status.allowed", json_new_bool(allowed));
}

static const struct {
	const char *kind;
	int (*fill)(struct request *request);
} rows[] = {
	{ "SelfSubjectReview", fill_self },
	{ "SelfSubjectAccessReview", fill_access },
};

bool reviews_run(struct request *request)
{
	auto_buf struct buf text = { 0 };
	int r = -ENOSYS;

	if (request->kind->verbs != VERB_CREATE)
		return false;
	if (!write_decode(request, request->kind, request->body))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].kind, request->kind->kind) == 0)
			r = rows[i].fill(request);
	if (r == 0)
		r = schema_write(&text, request->kind->type, request->body);
	if (r == -ENOSYS)
		request_fail(request, 405,
			     "the server does not allow this method on the requested resource");
	else if (r < 0)
		request_fail_error(request, r, NULL);
	else
		request_done_buf(request, 201, &text);
	return true;
}
