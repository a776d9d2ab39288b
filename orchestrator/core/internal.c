/* SPDX-License-Identifier: Apache-2.0 */
/* Writes from inside the server: requests of a trusted user, without a wire in front. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/request.h"

#define INTERNAL_USER	 "system:shallop"
#define INTERNAL_MANAGER "shallop"

static void fail_early(struct core *core, core_done_fn *done, void *data, int code)
{
	if (done)
		done(core, code, err_text(code), NULL, data);
}

/* NULL: out of memory. @body is taken. */
static struct request *internal_new(struct core *core, const struct schema_kind *kind,
				    const char *namespace, const char *name,
				    struct json_object *body)
{
	struct request *request = request_new(core);
	size_t namespace_len = strlen(namespace) + 1, name_len = strlen(name) + 1;

	if (!request) {
		json_unref(body);
		return NULL;
	}
	request->body = body;
	request->internal = true;
	request->kind = kind;
	request->resource = state_resource(core, kind);
	request->manager = strdup(INTERNAL_MANAGER);
	request->user_name = strdup(INTERNAL_USER);
	request->path.text = malloc(namespace_len + name_len);
	(void)apiquery_parse("", &request->query, NULL);
	if (!request->resource || !request->manager || !request->user_name || !request->path.text) {
		(void)request_free(request);
		return NULL;
	}
	request->namespace = memcpy(request->path.text, namespace, namespace_len);
	request->name = memcpy(request->path.text + namespace_len, name, name_len);
	return request;
}

void core_create(struct core *core, const struct schema_kind *kind, struct json_object *object,
		 core_done_fn *done, void *data)
{
	struct request *request = internal_new(
		core, kind, json_text_at(object, "metadata.namespace", ""), "", object);

	if (!request) {
		fail_early(core, done, data, -ENOMEM);
		return;
	}
	request->verb = REQUEST_CREATE;
	request->done = done;
	request->data = data;
	request_start(request);
}

static const struct schema_subresource *find_subresource(const struct schema_kind *kind,
							 const char *name)
{
	for (size_t i = 0; i < kind->n_subresources; i++)
		if (strcmp(kind->subresources[i].name, name) == 0)
			return &kind->subresources[i];
	return NULL;
}

void core_update(struct core *core, const struct schema_kind *kind, const char *subresource,
		 struct json_object *object, core_done_fn *done, void *data)
{
	struct request *request =
		internal_new(core, kind, json_text_at(object, "metadata.namespace", ""),
			     json_text_at(object, "metadata.name", ""), object);

	if (!request) {
		fail_early(core, done, data, -ENOMEM);
		return;
	}
	request->verb = REQUEST_UPDATE;
	request->done = done;
	request->data = data;
	if (*subresource)
		request->subresource = find_subresource(kind, subresource);
	request_start(request);
}

static struct json_object *delete_body(const struct core_delete_options *options)
{
	auto_json struct json_object *body = json_new_object();
	int r = body ? 0 : -ENOMEM;

	if (r == 0 && options && options->uid)
		r = json_put_at(body, "preconditions.uid", json_new_string(options->uid));
	if (r == 0 && options && options->propagation)
		r = json_put_str(body, "propagationPolicy", options->propagation);
	if (r == 0 && options && options->grace_s >= 0)
		r = json_put_int(body, "gracePeriodSeconds", options->grace_s);
	return r < 0 ? NULL : take_ptr(&body);
}

void core_delete(struct core *core, const struct schema_kind *kind, const char *namespace,
		 const char *name, const struct core_delete_options *options, core_done_fn *done,
		 void *data)
{
	struct json_object *body = delete_body(options);
	struct request *request = body ? internal_new(core, kind, namespace, name, body) : NULL;

	if (!request) {
		fail_early(core, done, data, -ENOMEM);
		return;
	}
	request->verb = REQUEST_DELETE;
	request->done = done;
	request->data = data;
	request_start(request);
}

void core_bind(struct core *core, const char *namespace, const char *pod, const char *uid,
	       const char *node, core_done_fn *done, void *data)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Pod");
	struct json_object *body = json_new_object();
	struct request *request = NULL;

	if (body && json_put_at(body, "metadata.name", json_new_string(pod)) == 0 &&
	    (!uid || json_put_at(body, "metadata.uid", json_new_string(uid)) == 0) &&
	    json_put_at(body, "target.kind", json_new_string("Node")) == 0 &&
	    json_put_at(body, "target.name", json_new_string(node)) == 0)
		request = internal_new(core, kind, namespace, pod, body);
	else
		json_unref(body);
	if (!request) {
		fail_early(core, done, data, -ENOMEM);
		return;
	}
	request->verb = REQUEST_CREATE;
	request->subresource = find_subresource(kind, "binding");
	request->done = done;
	request->data = data;
	request_start(request);
}
