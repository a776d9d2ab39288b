/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH by JSON patch, merge patch and strategic merge patch: then it is an update. */
#include <errno.h>
#include <string.h>

#include "orchestrator/core/serverapply.h"
#include "orchestrator/core/jsonpatch.h"
#include "orchestrator/core/write.h"

static int apply(struct request *request, struct json_object **json, struct err *err)
{
	switch (request->patch) {
	case PATCH_JSON:
		return jsonpatch_apply(json, request->body, err);
	case PATCH_MERGE:
		return jsonpatch_merge(json, request->body);
	default:
		return schema_strategic_merge(request->kind->type, *json, request->body, err);
	}
}

static void fail_patch(struct request *request, int code, const struct err *err)
{
	struct apistatus status = { .code = 422, .details = true };

	if (code == -ENOENT) /* a test that fails, a path that is not there */
		request_fail_status(
			request, &status,
			"the server rejected our request due to an error in our request");
	else if (code == -E2BIG)
		request_fail(request, 413, "%s", err->text);
	else if (code == -EINVAL)
		request_fail(request, 400, "%s", err->text);
	else
		request_fail_error(request, code, err);
}

/* Only a patch that speaks of managedFields needs to see them. */
static bool touches_managed(const struct request *request)
{
	const struct json_object *body = request->body;

	if (request->patch != PATCH_JSON)
		return json_has(json_get(body, "metadata"), "managedFields");
	for (size_t i = 0; i < json_len(body); i++) {
		const char *path = json_str(json_get(json_idx(body, i), "path"));
		const char *from = json_str(json_get(json_idx(body, i), "from"));

		if ((path && (strlen(path) <= strlen("/metadata") ||
			      strncmp(path, "/metadata/managedFields", 23) == 0)) ||
		    (from && strncmp(from, "/metadata", 9) == 0))
			return true;
	}
	return false;
}

void verb_patch(struct request *request)
{
	auto_json struct json_object *old_json = NULL, *json = NULL;
	struct err err = { 0 };
	struct object *old;
	int r;

	if (request->patch == PATCH_APPLY) {
		serverapply_run(request);
		return;
	}
	old = request_see(request);
	if (!old) {
		request_not_found(request);
		return;
	}
	if (request->patch != PATCH_JSON && json_kind(request->body) != JSON_OBJECT) {
		request_fail(request, 400, "a merge patch must be a JSON object");
		return;
	}
	old_json = object_parse_stored(old);
	json = touches_managed(request) ? object_parse_all(old) : object_parse(old);
	if (!old_json || !json) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	r = apply(request, &json, &err);
	if (r < 0)
		fail_patch(request, r, &err);
	else if (write_decode(request, request->kind, json))
		write_update(request, 200, old, old_json, json);
}
