/* SPDX-License-Identifier: Apache-2.0 */
/* core_request(): from the wire's words to a request that knows its kind, verb and options. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/core/authz.h"
#include "orchestrator/core/body.h"
#include "orchestrator/core/documents.h"
#include "orchestrator/core/podstream.h"
#include "orchestrator/core/request.h"

static int copy_user(struct request *request, const struct core_user *user)
{
	request->user_name = strdup(user->name ? user->name : "system:anonymous");
	request->user_uid = strdup(user->uid ? user->uid : "");
	request->groups = calloc(user->n_groups + 1, sizeof(request->groups[0]));
	if (!request->user_name || !request->user_uid || !request->groups)
		return -ENOMEM;
	for (size_t i = 0; i < user->n_groups; i++) {
		request->groups[i] = strdup(user->groups[i]);
		if (!request->groups[i])
			return -ENOMEM;
		request->n_groups++;
	}
	return 0;
}

/* The option, else the user agent up to its first slash, as Kubernetes names managers. */
static int set_manager(struct request *request, const char *user_agent)
{
	const char *given = request->query.field_manager;
	size_t len = strcspn(user_agent, "/");

	if (given && *given)
		request->manager = strdup(given);
	else if (len)
		request->manager = strndup(user_agent, MIN(len, (size_t)128));
	else
		request->manager = strdup("unknown");
	return request->manager ? 0 : -ENOMEM;
}

/* People's programs get their JSON indented. */
static bool for_people(const char *user_agent)
{
	static const char *const agents[] = { "curl", "Wget", "Mozilla" };

	for (size_t i = 0; i < ARRAY_LEN(agents); i++)
		if (strncmp(user_agent, agents[i], strlen(agents[i])) == 0)
			return true;
	return false;
}

static const struct schema_subresource *find_subresource(const struct schema_kind *kind,
							 const char *name)
{
	for (size_t i = 0; i < kind->n_subresources; i++)
		if (strcmp(kind->subresources[i].name, name) == 0)
			return &kind->subresources[i];
	return NULL;
}

/* What a method asks of a path with and without a name. */
static const struct {
	const char *method;
	int named, many; /* enum request_verb, or -1: not allowed */
	unsigned named_bit, many_bit;
} methods[] = {
	{ "GET", REQUEST_GET, REQUEST_LIST, VERB_GET, VERB_LIST },
	{ "HEAD", REQUEST_GET, REQUEST_LIST, VERB_GET, VERB_LIST },
	{ "POST", -1, REQUEST_CREATE, 0, VERB_CREATE },
	{ "PUT", REQUEST_UPDATE, -1, VERB_UPDATE, 0 },
	{ "PATCH", REQUEST_PATCH, -1, VERB_PATCH, 0 },
	{ "DELETE", REQUEST_DELETE, REQUEST_DELETECOLLECTION, VERB_DELETE, VERB_DELETECOLLECTION },
};

static void fail_method(struct request *request)
{
	struct apistatus status = { .code = 405, .details = true };

	request_fail_status(request, &status,
			    "the server does not allow this method on the requested resource");
}

static void fail_no_resource(struct request *request)
{
	struct apistatus status = { .code = 404, .details = true };

	request_fail_status(request, &status, "the server could not find the requested resource");
}

/* Find verb and permission of the method; false: refused. */
static bool find_verb(struct request *request, const char *method)
{
	bool named = *request->name || request->subresource;
	unsigned allowed =
		request->subresource ? request->subresource->verbs : request->kind->verbs;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		int verb = named ? methods[i].named : methods[i].many;
		unsigned bit = named ? methods[i].named_bit : methods[i].many_bit;

		if (strcmp(methods[i].method, method) != 0)
			continue;
		if (request->subresource && strcmp(method, "POST") == 0) {
			verb = REQUEST_CREATE;
			bit = VERB_CREATE;
		}
		if (verb < 0 || !(allowed & bit))
			break;
		request->verb = (enum request_verb)verb;
		if ((verb == REQUEST_LIST && request->query.watch) || request->path.legacy_watch)
			request->verb = REQUEST_WATCH;
		/* across all namespaces one can only read */
		if (request->kind->namespaced && !*request->namespace &&
		    request->verb > REQUEST_WATCH && !named)
			break;
		return true;
	}
	fail_method(request);
	return false;
}

static bool served(const char *group, const char *version)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (strcmp(schema_kinds[i]->group, group) == 0 &&
		    strcmp(schema_kinds[i]->version, version) == 0)
			return true;
	return false;
}

static bool find_kind(struct request *request)
{
	const struct apipath *path = &request->path;
	const struct schema_kind *kind =
		schema_kind_of_resource(path->group, path->version, path->resource);

	if (kind && !kind->namespaced && *path->namespace &&
	    strcmp(path->resource, "namespaces") != 0)
		kind = NULL;
	if (kind && kind->namespaced && !*path->namespace && *path->name)
		kind = NULL;
	request->kind = kind;
	request->resource = kind ? state_resource(request->core, kind) : NULL;
	request->namespace = kind && kind->namespaced ? path->namespace : "";
	request->name = path->name;
	if (kind && *path->subresource) {
		request->subresource = find_subresource(kind, path->subresource);
		if (!request->subresource)
			kind = NULL;
	}
	if (!kind && !served(path->group, path->version)) {
		documents_not_found(request);
		return false;
	}
	if (!kind || (*path->rest && strcmp(path->subresource, "proxy") != 0)) {
		fail_no_resource(request);
		return false;
	}
	return true;
}

static bool parse_target(struct request *request, const struct core_request *from)
{
	struct err err = { 0 };
	int r = apipath_parse(from->path, &request->path);

	if (r == 0)
		r = apiquery_parse(from->query, &request->query, &err);
	if (r == -EINVAL) {
		request_fail(request, 400, "%s", err.text);
		return false;
	}
	if (r == -E2BIG) {
		request_fail(request, 414, "the request URI is too long");
		return false;
	}
	if (r == 0 && !request->query.has_pretty)
		request->query.pretty = for_people(from->user_agent);
	if (r == 0)
		r = copy_user(request, &from->user);
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return false;
	}
	return true;
}

static bool streams(const struct request *request)
{
	return request->subresource && podstream_kind(request->subresource->name) >= 0;
}

static void route(struct request *request, const struct core_request *from)
{
	bool acceptable = accept_parse(from->accept, &request->accept);

	if (!parse_target(request, from))
		return;
	if (request->path.document || !*request->path.resource) {
		documents_answer(request, from);
		return;
	}
	if (!find_kind(request) || !find_verb(request, from->method) || !authz_check(request))
		return;
	if (request->kind && request->kind->deprecation)
		request_warn(request, "%s", request->kind->deprecation);
	if (streams(request)) {
		podstream_start(request);
		return;
	}
	if (!acceptable) {
		request_fail(request, 406,
			     "only the following media types are accepted: application/json, "
			     "application/yaml, application/vnd.kubernetes.protobuf");
		return;
	}
	if (request->verb > REQUEST_WATCH) {
		if (set_manager(request, from->user_agent) < 0) {
			request_fail_error(request, -ENOMEM, NULL);
			return;
		}
		if (!body_read(request, from))
			return;
	}
	request_start(request);
}

uint64_t core_request(struct core *core, const struct core_request *from, core_answer_fn *answer,
		      void *data)
{
	struct request *request;
	bool answered = false;
	uint64_t ticket;

	core->now_ns = from->now_ns;
	request = request_new(core);
	if (!request) {
		answer(&(struct core_answer){ .status = 500, .content_type = "text/plain" }, data);
		return 0;
	}
	request->answer = answer;
	request->data = data;
	request->ticket = ticket = ++core->last_ticket;
	request->answered = &answered;
	route(request, from);
	if (answered)
		return 0; /* and @request is gone */
	request->answered = NULL;
	return ticket;
}
