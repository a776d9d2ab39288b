/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/authz.h"

#include <stdio.h>
#include <string.h>

#define BIT(verb) (1u << (verb))
#define READ	  (BIT(REQUEST_GET) | BIT(REQUEST_LIST) | BIT(REQUEST_WATCH))
#define CHANGE	  (BIT(REQUEST_UPDATE) | BIT(REQUEST_PATCH))

/*
 * What a node's own credential may do: a part of the Node authorizer and NodeRestriction. Secrets,
 * ConfigMaps and tokens are not in it: the node protocol gives a node those of its pods, and no others.
 */
static const struct {
	const char *group, *resource, *subresource;
	unsigned verbs;
} node_rules[] = {
	{ "", "nodes", "", READ | BIT(REQUEST_CREATE) | CHANGE },
	{ "", "nodes", "status", CHANGE },
	{ "", "pods", "", READ },
	{ "", "pods", "status", CHANGE },
	{ "", "services", "", READ },
	{ "", "endpoints", "", READ },
	{ "discovery.k8s.io", "endpointslices", "", READ },
	{ "", "events", "", BIT(REQUEST_CREATE) | CHANGE },
	{ "coordination.k8s.io", "leases", "",
	  BIT(REQUEST_GET) | BIT(REQUEST_CREATE) | CHANGE | BIT(REQUEST_DELETE) },
};
/* system:basic-user: what every authenticated user may ask about itself. */
static const struct {
	const char *group, *resource;
} self_rules[] = {
	{ "authorization.k8s.io", "selfsubjectaccessreviews" },
	{ "authorization.k8s.io", "selfsubjectrulesreviews" },
	{ "authentication.k8s.io", "selfsubjectreviews" },
};
/* Documents: of everybody, or of those who are authenticated. "/" at the end: all below. */
static const struct {
	const char *path;
	bool authenticated;
} document_rules[] = {
	{ "/healthz", false }, { "/livez", false },   { "/livez/", false },   { "/readyz", false },
	{ "/readyz/", false }, { "/version", false }, { "/version/", false }, { "/api", true },
	{ "/api/", true },     { "/apis", true },     { "/apis/", true },     { "/openapi", true },
	{ "/openapi/", true },
};

const char *authz_verb(const struct request *request)
{
	static const char *const names[REQUEST_VERB_COUNT] = {
		[REQUEST_GET] = "get",	     [REQUEST_LIST] = "list",
		[REQUEST_WATCH] = "watch",   [REQUEST_CREATE] = "create",
		[REQUEST_UPDATE] = "update", [REQUEST_PATCH] = "patch",
		[REQUEST_DELETE] = "delete", [REQUEST_DELETECOLLECTION] = "deletecollection",
	};

	return names[request->verb];
}

/* A node writes to itself alone: its Node, and the Lease of its name. */
static bool node_owns(const struct request *request)
{
	const char *self = request->user_name + strlen("system:node:");
	bool named = strcmp(request->kind->resource, "nodes") == 0 ||
		     strcmp(request->kind->resource, "leases") == 0;

	if (strcmp(request->kind->resource, "leases") == 0 &&
	    strcmp(request->namespace, "kube-node-lease") != 0)
		return false;
	return !named || !*request->name || request->verb <= REQUEST_WATCH ||
	       strcmp(request->name, self) == 0;
}

static bool node_may(const struct request *request)
{
	const char *subresource = request->subresource ? request->subresource->name : "";

	if (strncmp(request->user_name, "system:node:", strlen("system:node:")) != 0)
		return false;
	for (size_t i = 0; i < sizeof(node_rules) / sizeof(node_rules[0]); i++)
		if (strcmp(node_rules[i].group, request->kind->group) == 0 &&
		    strcmp(node_rules[i].resource, request->kind->resource) == 0 &&
		    strcmp(node_rules[i].subresource, subresource) == 0 &&
		    (node_rules[i].verbs & BIT(request->verb)))
			return node_owns(request);
	return false;
}

static bool self_may(const struct request *request)
{
	for (size_t i = 0; i < sizeof(self_rules) / sizeof(self_rules[0]); i++)
		if (strcmp(self_rules[i].group, request->kind->group) == 0 &&
		    strcmp(self_rules[i].resource, request->kind->resource) == 0)
			return request->verb == REQUEST_CREATE;
	return false;
}

static bool may(const struct request *request)
{
	if (request_in_group(request, "system:masters"))
		return true;
	if (request_in_group(request, "system:nodes") && node_may(request))
		return true;
	return request_in_group(request, "system:authenticated") && self_may(request);
}

bool authz_would_allow(const struct request *request, const struct json_object *attributes)
{
	struct request asked = *request;
	struct schema_subresource subresource = { .name = json_text_at(attributes, "subresource",
								       "") };
	struct schema_kind kind = { .group = json_text_at(attributes, "group", ""),
				    .resource = json_text_at(attributes, "resource", "") };
	const char *verb = json_text_at(attributes, "verb", "");

	if (request_in_group(request, "system:masters"))
		return true;
	asked.kind = &kind;
	asked.subresource = *subresource.name ? &subresource : NULL;
	asked.namespace = json_text_at(attributes, "namespace", "");
	asked.name = json_text_at(attributes, "name", "");
	for (int i = 0; i < REQUEST_VERB_COUNT; i++) {
		asked.verb = (enum request_verb)i;
		if (strcmp(authz_verb(&asked), verb) == 0)
			return may(&asked);
	}
	return false;
}

bool authz_check(struct request *request)
{
	const struct schema_kind *kind = request->kind;
	const char *subresource = request->subresource ? request->subresource->name : "";
	char where[320] = "at the cluster scope";

	if (may(request))
		return true;
	if (*request->namespace)
		(void)snprintf(where, sizeof(where), "in the namespace \"%s\"", request->namespace);
	request_forbid(request, "User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s",
		       request->user_name, authz_verb(request), kind->resource,
		       *subresource ? "/" : "", subresource, kind->group, where);
	return false;
}

bool authz_check_document(struct request *request, const char *method)
{
	const char *path = request->document_path;
	struct apistatus status = { .code = 403, .details = true };
	char verb[16] = "";

	if (request_in_group(request, "system:masters"))
		return true;
	for (size_t i = 0; i < sizeof(document_rules) / sizeof(document_rules[0]); i++) {
		const char *rule = document_rules[i].path;
		size_t len = strlen(rule);
		bool hit = rule[len - 1] == '/' ? strncmp(path, rule, len) == 0
						: strcmp(path, rule) == 0;

		if (hit && (!document_rules[i].authenticated ||
			    request_in_group(request, "system:authenticated")))
			return true;
	}
	for (size_t i = 0; method[i] && i < sizeof(verb) - 1; i++)
		verb[i] = (char)(method[i] | 0x20);
	request_fail_status(request, &status, "forbidden: User \"%s\" cannot %s path \"%s\"",
			    request->user_name, verb, path);
	return false;
}
