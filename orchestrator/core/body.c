/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/body.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/yaml.h"
#include "orchestrator/core/protobuf.h"

enum format { FORMAT_JSON, FORMAT_YAML, FORMAT_PROTOBUF };

static const struct media {
	const char *type;
	enum format format;
	int patch; /* enum patch_type; -1: a body that is no patch */
} medias[] = {
	{ "application/json", FORMAT_JSON, -1 },
	{ "application/yaml", FORMAT_YAML, -1 },
	{ "application/vnd.kubernetes.protobuf", FORMAT_PROTOBUF, -1 },
	{ "application/json-patch+json", FORMAT_JSON, PATCH_JSON },
	{ "application/merge-patch+json", FORMAT_JSON, PATCH_MERGE },
	{ "application/strategic-merge-patch+json", FORMAT_JSON, PATCH_STRATEGIC },
	{ "application/apply-patch+yaml", FORMAT_YAML, PATCH_APPLY },
};

static const struct media *find_media(const char *content_type, bool patch)
{
	size_t len = strcspn(content_type, "; \t");

	for (size_t i = 0; i < ARRAY_LEN(medias); i++)
		if (strlen(medias[i].type) == len &&
		    strncasecmp(medias[i].type, content_type, len) == 0 &&
		    (medias[i].patch >= 0) == patch)
			return &medias[i];
	return len == 0 && !patch ? &medias[0] : NULL;
}

static void fail_media(struct request *request)
{
	struct apistatus status = { .code = 415 };

	request_fail_status(
		request, &status,
		"the body of the request was in an unknown format - accepted media types include: "
		"%s",
		request->verb == REQUEST_PATCH
			? "application/json-patch+json, application/merge-patch+json, "
			  "application/strategic-merge-patch+json, application/apply-patch+yaml"
			: "application/json, application/yaml, "
			  "application/vnd.kubernetes.protobuf");
}

static int parse_yaml(const struct core_request *from, struct json_object **ret, struct err *err)
{
	auto_json struct json_object *documents = NULL;
	struct yaml_problem problem = { 0 };
	int r = yaml_parse(from->body, from->body_len, &documents, &problem);

	if (r < 0)
		return err_say(err, r, "error decoding YAML: yaml: line %u: %s", problem.line,
			       problem.text);
	if (json_len(documents) != 1)
		return err_say(err, -EINVAL, "error decoding YAML: want one document, got %zu",
			       json_len(documents));
	*ret = json_ref(json_idx(documents, 0));
	return 0;
}

static int parse_text(struct request *request, const struct core_request *from, bool yaml,
		      bool duplicates, struct err *err)
{
	/* JSON that is sent as YAML needs no detour */
	int r = json_parse(from->body, from->body_len, &request->body, err);

	if (r == 0 && duplicates)
		r = schema_duplicates(from->body, from->body_len, &request->duplicates);
	return r == -EINVAL && yaml ? parse_yaml(from, &request->body, err) : r;
}

static bool optional(const struct request *request)
{
	return request->verb == REQUEST_DELETE || request->verb == REQUEST_DELETECOLLECTION;
}

bool body_read(struct request *request, const struct core_request *from)
{
	const struct media *media = find_media(from->content_type, request->verb == REQUEST_PATCH);
	const char *validation = request->query.field_validation;
	struct err err = { 0 };
	int r;

	request->body_len = from->body_len;
	if (from->body_len > REQUEST_BODY_MAX) {
		struct apistatus status = { .code = 413, .details = true };

		request_fail_status(request, &status, "Request entity too large: limit is %zu",
				    REQUEST_BODY_MAX);
		return false;
	}
	if (from->body_len == 0 && optional(request))
		return true;
	if (!media) {
		fail_media(request);
		return false;
	}
	if (media->patch >= 0)
		request->patch = (enum patch_type)media->patch;
	if (media->format == FORMAT_PROTOBUF)
		r = protobuf_decode(from->body, from->body_len, &request->body, &err);
	else
		r = parse_text(request, from, media->format == FORMAT_YAML,
			       media->patch < 0 && !optional(request) &&
				       !(validation && strcmp(validation, "Ignore") == 0),
			       &err);
	if (r == 0)
		return true;
	if (r == -EINVAL || r == -E2BIG)
		request_fail(request, 400, "couldn't get version/kind; json parse error: %s",
			     err.text);
	else
		request_fail_error(request, r, &err);
	return false;
}
