/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI: which requests a kind takes. kubectl looks for parameters of PATCH, explain for the kind
 * behind a path. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/openapi.h"

struct parameter {
	const char *name, *type;
};
static const struct parameter list_parameters[] = {
	{ "allowWatchBookmarks", "boolean" },
	{ "continue", "string" },
	{ "fieldSelector", "string" },
	{ "labelSelector", "string" },
	{ "limit", "integer" },
	{ "resourceVersion", "string" },
	{ "resourceVersionMatch", "string" },
	{ "sendInitialEvents", "boolean" },
	{ "timeoutSeconds", "integer" },
	{ "watch", "boolean" },
	{ NULL, NULL },
};
static const struct parameter write_parameters[] = {
	{ "dryRun", "string" },
	{ "fieldManager", "string" },
	{ "fieldValidation", "string" },
	{ NULL, NULL },
};
static const struct parameter patch_parameters[] = {
	{ "dryRun", "string" },
	{ "fieldManager", "string" },
	{ "fieldValidation", "string" },
	{ "force", "boolean" },
	{ NULL, NULL },
};
static const struct parameter delete_parameters[] = {
	{ "dryRun", "string" },
	{ "gracePeriodSeconds", "integer" },
	{ "orphanDependents", "boolean" },
	{ "propagationPolicy", "string" },
	{ NULL, NULL },
};
static const struct parameter no_parameters[] = { { NULL, NULL } };

/* What is answered, and what is sent. */
enum content { NOTHING, OBJECT, LIST, PATCH, OPTIONS, STATUS };

static const struct operation {
	unsigned verb;
	bool named; /* of one object, not of the collection */
	const char *method, *action, *id;
	const struct parameter *parameters;
	enum content request, response;
} operations[] = {
	{ VERB_LIST, false, "get", "list", "list", list_parameters, NOTHING, LIST },
	{ VERB_CREATE, false, "post", "post", "create", write_parameters, OBJECT, OBJECT },
	{ VERB_DELETECOLLECTION, false, "delete", "deletecollection", "deleteCollection",
	  delete_parameters, OPTIONS, STATUS },
	{ VERB_GET, true, "get", "get", "read", no_parameters, NOTHING, OBJECT },
	{ VERB_UPDATE, true, "put", "put", "replace", write_parameters, OBJECT, OBJECT },
	{ VERB_DELETE, true, "delete", "delete", "delete", delete_parameters, OPTIONS, STATUS },
	{ VERB_PATCH, true, "patch", "patch", "patch", patch_parameters, PATCH, OBJECT },
};
/* What may follow the name: each verb by its own method. */
static const struct operation sub_operations[] = {
	{ VERB_GET, true, "get", "get", "read", no_parameters, NOTHING, OBJECT },
	{ VERB_CREATE, true, "post", "post", "create", write_parameters, OBJECT, OBJECT },
	{ VERB_UPDATE, true, "put", "put", "replace", write_parameters, OBJECT, OBJECT },
	{ VERB_DELETE, true, "delete", "delete", "delete", no_parameters, NOTHING, STATUS },
	{ VERB_PATCH, true, "patch", "patch", "patch", patch_parameters, PATCH, OBJECT },
};

/* The kind that an operation is about, which may be another than that of the path. */
struct target {
	const struct schema_kind *kind;
	const char *group, *version, *name, *sub; /* @sub "" without */
	const struct schema_type *type;		  /* NULL: not described (exec and its like) */
	bool everywhere;			  /* the collection of all namespaces */
};

static void write_parameter(struct openapi *doc, const char *name, const char *in, const char *type)
{
	(void)buf_printf(doc->buf, "{\"name\":\"%s\",\"in\":\"%s\",", name, in);
	if (strcmp(in, "path") == 0)
		(void)buf_puts(doc->buf, "\"required\":true,");
	(void)buf_printf(doc->buf,
			 doc->v2 ? "\"type\":\"%s\",\"uniqueItems\":true}"
				 : "\"schema\":{\"type\":\"%s\",\"uniqueItems\":true}}",
			 type);
}

static void write_content_ref(struct openapi *doc, const struct target *target,
			      enum content content)
{
	switch (content) {
	case LIST:
		openapi_list_ref(doc, target->kind);
		break;
	case PATCH:
		openapi_ref(doc, "meta.v1.Patch");
		break;
	case OPTIONS:
		openapi_ref(doc, "meta.v1.DeleteOptions");
		break;
	case STATUS:
		openapi_ref(doc, "meta.v1.Status");
		break;
	default:
		if (target->type)
			openapi_ref(doc, target->type->name);
		else
			(void)buf_puts(doc->buf, "{\"type\":\"string\"}");
	}
}

static void write_body(struct openapi *doc, const struct target *target, enum content content)
{
	static const char *const patch_types[] = { "application/apply-patch+yaml",
						   "application/json-patch+json",
						   "application/merge-patch+json",
						   "application/strategic-merge-patch+json" };
	static const char *const any_type[] = { "*/*" };
	const char *const *types = content == PATCH ? patch_types : any_type;
	size_t n = content == PATCH ? ARRAY_LEN(patch_types) : 1;

	if (doc->v2) {
		(void)buf_puts(doc->buf, ",{\"name\":\"body\",\"in\":\"body\",\"schema\":");
		write_content_ref(doc, target, content);
		(void)buf_puts(doc->buf, "}");
		return;
	}
	(void)buf_puts(doc->buf, ",\"requestBody\":{\"content\":{");
	for (size_t i = 0; i < n; i++) {
		(void)buf_printf(doc->buf, "%s\"%s\":{\"schema\":", i ? "," : "", types[i]);
		write_content_ref(doc, target, content);
		(void)buf_putc(doc->buf, '}');
	}
	(void)buf_puts(doc->buf, "}}");
}

static void write_responses(struct openapi *doc, const struct target *target,
			    const struct operation *operation)
{
	const char *code = strcmp(operation->method, "post") == 0 ? "201" : "200";
	const char *text = strcmp(operation->method, "post") == 0 ? "Created" : "OK";

	(void)buf_printf(doc->buf, ",\"responses\":{\"%s\":{\"description\":\"%s\",%s", code, text,
			 doc->v2 ? "\"schema\":"
				 : "\"content\":{\"application/json\":{\"schema\":");
	write_content_ref(doc, target, operation->response);
	(void)buf_puts(doc->buf, doc->v2 ? "}}" : "}}}}");
}

/* "coordination.k8s.io" gives "Coordination", "" gives "Core"; "v1" gives "V1". */
static void write_id(struct buf *buf, const struct target *target,
		     const struct operation *operation)
{
	const char *group = *target->kind->group ? target->kind->group : "core";
	const char *version = target->kind->version;

	(void)buf_printf(buf, "%s%c%.*s%c%s%s%s", operation->id, toupper((unsigned char)*group),
			 (int)strcspn(group, ".") - 1, group + 1, toupper((unsigned char)*version),
			 version + 1,
			 target->kind->namespaced && !target->everywhere ? "Namespaced" : "",
			 target->kind->kind);
	if (*target->sub)
		(void)buf_printf(buf, "%c%s", toupper((unsigned char)*target->sub),
				 target->sub + 1);
	if (target->everywhere && target->kind->namespaced)
		(void)buf_puts(buf, "ForAllNamespaces");
}

static void write_operation(struct openapi *doc, const struct target *target,
			    const struct operation *operation)
{
	struct buf *buf = doc->buf;

	(void)buf_printf(buf, ",\"%s\":{\"operationId\":\"", operation->method);
	write_id(buf, target, operation);
	(void)buf_puts(buf, "\",\"parameters\":[");
	for (const struct parameter *p = operation->parameters; p->name; p++) {
		(void)buf_puts(buf, p == operation->parameters ? "" : ",");
		write_parameter(doc, p->name, "query", p->type);
	}
	if (doc->v2 && operation->request != NOTHING && !operation->parameters->name)
		write_parameter(doc, "pretty", "query", "string");
	if (doc->v2 && operation->request != NOTHING)
		write_body(doc, target, operation->request);
	(void)buf_putc(buf, ']');
	if (!doc->v2 && operation->request != NOTHING)
		write_body(doc, target, operation->request);
	write_responses(doc, target, operation);
	(void)buf_printf(buf,
			 ",\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":{"
			 "\"group\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\"}}",
			 operation->action, target->group, target->name, target->version);
}

static void write_path(struct openapi *doc, const struct target *target, bool named)
{
	const struct schema_kind *kind = target->kind;

	(void)buf_printf(doc->buf, "\"%s%s/%s%s%s%s%s%s\":{\"parameters\":[",
			 *kind->group ? "/apis/" : "/api", kind->group, kind->version,
			 kind->namespaced && !target->everywhere ? "/namespaces/{namespace}/" : "/",
			 kind->resource, named ? "/{name}" : "", *target->sub ? "/" : "",
			 target->sub);
	if (named) {
		write_parameter(doc, "name", "path", "string");
		(void)buf_putc(doc->buf, ',');
	}
	if (kind->namespaced && !target->everywhere) {
		write_parameter(doc, "namespace", "path", "string");
		(void)buf_putc(doc->buf, ',');
	}
	write_parameter(doc, "pretty", "query", "string");
	(void)buf_putc(doc->buf, ']');
}

static void write_operations(struct openapi *doc, const struct target *target, bool named,
			     const struct operation *table, size_t n, unsigned verbs, bool *first)
{
	(void)buf_puts(doc->buf, *first ? "" : ",");
	*first = false;
	write_path(doc, target, named);
	for (size_t i = 0; i < n; i++)
		if (table[i].named == named && (table[i].verb & verbs))
			write_operation(doc, target, &table[i]);
	(void)buf_putc(doc->buf, '}');
}

void openapi_paths(struct openapi *doc, const struct schema_kind *kind, bool *first)
{
	const unsigned of_one = VERB_GET | VERB_UPDATE | VERB_DELETE | VERB_PATCH;
	struct target target = {
		kind, kind->group, kind->version, kind->kind, "", kind->type, false
	};

	write_operations(doc, &target, false, operations, ARRAY_LEN(operations), kind->verbs,
			 first);
	if (kind->verbs & of_one)
		write_operations(doc, &target, true, operations, ARRAY_LEN(operations), kind->verbs,
				 first);
	for (size_t i = 0; i < kind->n_subresources; i++) {
		const struct schema_subresource *sub = &kind->subresources[i];
		struct target below = { kind,	   sub->group, sub->version, sub->kind,
					sub->name, NULL,       false };

		below.type = schema_type_of_kind(sub->group, sub->version, sub->kind);
		write_operations(doc, &below, true, sub_operations, ARRAY_LEN(sub_operations),
				 sub->verbs, first);
	}
	if (kind->namespaced && (kind->verbs & VERB_LIST)) {
		target.everywhere = true;
		write_operations(doc, &target, false, operations, ARRAY_LEN(operations), VERB_LIST,
				 first);
	}
}
