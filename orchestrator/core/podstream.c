/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/podstream.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"

static const char *const names[CORE_STREAM_COUNT] = {
	[CORE_EXEC] = "exec",	[CORE_ATTACH] = "attach",
	[CORE_LOG] = "log",	[CORE_PORTFORWARD] = "portforward",
	[CORE_PROXY] = "proxy",
};

int podstream_kind(const char *subresource)
{
	for (int i = 0; i < CORE_STREAM_COUNT; i++)
		if (strcmp(names[i], subresource) == 0)
			return i;
	return -ENOENT;
}

/* ---- which container ---- */

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

static bool list_has(const struct json_object *containers, const char *name)
{
	for (size_t i = 0; i < json_len(containers); i++) {
		const char *have = json_str(json_get(json_idx(containers, i), "name"));

		if (have && strcmp(have, name) == 0)
			return true;
	}
	return false;
}

static bool has_container(const struct json_object *pod, const char *name)
{
	for (size_t l = 0; l < ARRAY_LEN(container_lists); l++)
		if (list_has(json_get(json_get(pod, "spec"), container_lists[l]), name))
			return true;
	return false;
}

/* "[a b]": names of a list, as Go prints a slice. */
static void put_names(struct buf *buf, const struct json_object *containers)
{
	(void)buf_putc(buf, '[');
	for (size_t i = 0; i < json_len(containers); i++) {
		const char *name = json_str(json_get(json_idx(containers, i), "name"));

		(void)buf_printf(buf, "%s%s", i ? " " : "", name ? name : "");
	}
	(void)buf_putc(buf, ']');
}

static void fail_choose(struct request *request, const struct json_object *spec)
{
	auto_buf struct buf text = { 0 };
	const struct json_object *init = json_get(spec, "initContainers");
	const struct json_object *debug = json_get(spec, "ephemeralContainers");

	(void)buf_printf(&text, "a container name must be specified for pod %s, choose one of: ",
			 request->name);
	put_names(&text, json_get(spec, "containers"));
	if (json_len(init)) {
		(void)buf_puts(&text, " or one of the init containers: ");
		put_names(&text, init);
	}
	if (json_len(debug)) {
		(void)buf_puts(&text, " or one of the ephemeral containers: ");
		put_names(&text, debug);
	}
	request_fail(request, 400, "%s", buf_str(&text));
}

/* The container that is meant; NULL: the request has been ended. */
static const char *find_container(struct request *request, const struct json_object *pod)
{
	const struct json_object *spec = json_get(pod, "spec");
	const struct json_object *containers = json_get(spec, "containers");
	const char *given = request->query.container;

	if (given && *given) {
		if (has_container(pod, given))
			return given;
		request_fail(request, 400, "container %s is not valid for pod %s", given,
			     request->name);
		return NULL;
	}
	if (json_len(containers) == 1)
		return json_str(json_get(json_idx(containers, 0), "name"));
	if (json_len(containers) == 0)
		request_fail(request, 400, "a container name must be specified for pod %s",
			     request->name);
	else
		fail_choose(request, spec);
	return NULL;
}

/* ---- options ---- */

static int put_texts(struct json_object *options, const char *key, const char **texts, size_t n)
{
	struct json_object *array = n ? json_new_array() : NULL;

	if (!n)
		return 0;
	for (size_t i = 0; array && i < n; i++)
		if (json_add(array, json_new_string(texts[i])) < 0)
			array = json_unref(array);
	return array ? json_put(options, key, array) : -ENOMEM;
}

static int put_number(struct json_object *options, const char *key, int64_t n)
{
	return n < 0 ? 0 : json_put_int(options, key, n);
}

static int put_text(struct json_object *options, const char *key, const char *text)
{
	return text ? json_put_str(options, key, text) : 0;
}

static struct json_object *options_of(const struct request *request, enum core_stream_kind kind)
{
	const struct apiquery *query = &request->query;
	auto_json struct json_object *options = json_new_object();
	const struct {
		const char *key;
		bool value;
	} flags[] = {
		{ "stdin", query->standard_in },     { "stdout", query->standard_out },
		{ "stderr", query->standard_error }, { "tty", query->tty },
		{ "follow", query->follow },	     { "previous", query->previous },
		{ "timestamps", query->timestamps },
	};
	int r = options ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(flags); i++)
		if (flags[i].value)
			r = json_put_bool(options, flags[i].key, true);
	if (r == 0)
		r = put_texts(options, "command", query->commands, query->n_commands);
	if (r == 0)
		r = put_texts(options, "ports", query->ports, query->n_ports);
	if (r == 0)
		r = put_number(options, "tailLines", query->tail_lines);
	if (r == 0)
		r = put_number(options, "limitBytes", query->limit_bytes);
	if (r == 0)
		r = put_number(options, "sinceSeconds", query->since_s);
	if (r == 0)
		r = put_text(options, "sinceTime", query->since_time);
	if (r == 0 && kind == CORE_PROXY)
		r = put_text(options, "path", request->path.rest);
	return r < 0 ? NULL : take_ptr(&options);
}

/* What the options themselves say wrong: 422 of PodExecOptions and its like. */
static void check_exec(const struct request *request, struct schema_problems *problems)
{
	const struct apiquery *query = &request->query;

	if (!query->standard_in && !query->standard_out && !query->standard_error)
		schema_problem(problems, CAUSE_REQUIRED, "", NULL,
			       "must specify at least one of stdin, stdout, stderr");
	if (query->tty && query->standard_error)
		schema_problem(problems, CAUSE_INVALID, "tty", "true",
			       "tty and stderr cannot both be true");
}

static void check_log(const struct request *request, struct schema_problems *problems)
{
	const struct apiquery *query = &request->query;
	int64_t since_ns;

	if (query->tail_lines < -1)
		schema_problem(problems, CAUSE_INVALID, "tailLines", NULL,
			       "must be greater than or equal to 0");
	if (query->limit_bytes == 0 || query->limit_bytes < -1)
		schema_problem(problems, CAUSE_INVALID, "limitBytes", NULL,
			       "must be greater than or equal to 1");
	if (query->since_s >= 0 && query->since_time)
		schema_problem(problems, CAUSE_FORBIDDEN, "", NULL,
			       "at most one of `sinceTime` or `sinceSeconds` may be specified");
	else if (query->since_s == 0 || query->since_s < -1)
		schema_problem(problems, CAUSE_INVALID, "sinceSeconds", NULL,
			       "must be greater than 0");
	if (query->since_time && time_parse(query->since_time, &since_ns) < 0)
		schema_problem(problems, CAUSE_INVALID, "sinceTime", NULL,
			       "must be a time as RFC 3339 writes it");
}

static bool check_options(struct request *request, enum core_stream_kind kind)
{
	static const struct schema_kind kinds[CORE_STREAM_COUNT] = {
		[CORE_EXEC] = { .kind = "PodExecOptions", .group = "", .resource = "" },
		[CORE_ATTACH] = { .kind = "PodAttachOptions", .group = "", .resource = "" },
		[CORE_LOG] = { .kind = "PodLogOptions", .group = "", .resource = "" },
	};
	auto_schema_problems struct schema_problems *problems = schema_problems_new();

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	if (kind == CORE_EXEC && !request->query.n_commands)
		schema_problem(problems, CAUSE_REQUIRED, "command", NULL, "%s", "");
	if (kind == CORE_EXEC || kind == CORE_ATTACH)
		check_exec(request, problems);
	if (kind == CORE_LOG)
		check_log(request, problems);
	if (schema_problems_count(problems) == 0)
		return true;
	request->kind = &kinds[kind];
	request_invalid(request, problems);
	return false;
}

/* ---- the pod ---- */

/* The status of a container in one of the pod's lists, or NULL. */
static struct json_object *container_status(const struct json_object *pod, const char *name)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses",
					     "ephemeralContainerStatuses" };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json_object *list = json_get(json_get(pod, "status"), lists[l]);

		for (size_t i = 0; i < json_len(list); i++) {
			const char *have = json_str(json_get(json_idx(list, i), "name"));

			if (have && strcmp(have, name) == 0)
				return json_idx(list, i);
		}
	}
	return NULL;
}

/* Logs of a container that has none yet: the node's sentence, said here. */
static bool check_started(struct request *request, const struct json_object *pod,
			  const char *container)
{
	const struct json_object *status = container_status(pod, container);
	const struct json_object *state = json_get(status, "state");
	const struct json_object *last = json_at(status, "lastState.terminated");
	const char *reason = json_str_at(state, "waiting.reason");

	if (request->query.previous) {
		if (last)
			return true;
		request_fail(request, 400,
			     "previous terminated container \"%s\" in pod \"%s\" not found",
			     container, request->name);
		return false;
	}
	if (json_get(state, "running") || json_get(state, "terminated") || last)
		return true;
	if (reason &&
	    (strcmp(reason, "ErrImagePull") == 0 || strcmp(reason, "ImagePullBackOff") == 0))
		request_fail(request, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s",
			     container, request->name,
			     strcmp(reason, "ErrImagePull") == 0 ? "image can't be pulled"
								 : "trying and failing to pull "
								   "image");
	else
		request_fail(request, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s",
			     container, request->name, reason ? reason : "ContainerCreating");
	return false;
}

static void fail_unassigned(struct request *request, enum core_stream_kind kind)
{
	struct core_answer answer = { .status = 204, .content_type = "text/plain" };

	if (kind == CORE_LOG) /* nothing to show, and nothing wrong */
		request_end(request, &answer);
	else
		request_fail(request, 400, "pod %s does not have a host assigned", request->name);
}

static void hand_over(struct request *request, struct core_stream *stream)
{
	struct core_answer answer = {
		.type = CORE_STREAM, .status = 200, .content_type = "", .stream = stream
	};

	request_end(request, &answer);
}

static void start(struct request *request, enum core_stream_kind kind, const struct object *object)
{
	auto_json struct json_object *pod = object_parse(object);
	auto_json struct json_object *options = options_of(request, kind);
	const char *container = "";

	if (!pod || !options) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	if (kind == CORE_EXEC || kind == CORE_ATTACH || kind == CORE_LOG) {
		container = find_container(request, pod);
		if (!container)
			return;
	}
	if (!*object_field(object, "spec.nodeName")) {
		fail_unassigned(request, kind);
		return;
	}
	if (kind == CORE_LOG && !check_started(request, pod, container))
		return;
	hand_over(request, &(struct core_stream){ .kind = kind,
						  .node = object_field(object, "spec.nodeName"),
						  .namespace = object_namespace(object),
						  .pod = object_name(object),
						  .uid = object_uid(object),
						  .container = container,
						  .options = options });
}

static bool is_pod(const struct request *request)
{
	return strcmp(request->kind->resource, "pods") == 0;
}

void podstream_start(struct request *request)
{
	enum core_stream_kind kind =
		(enum core_stream_kind)podstream_kind(request->subresource->name);
	auto_object struct object *object = NULL;

	if (!check_options(request, kind))
		return;
	if (object_tail_write(&request->tail, request->kind, request->namespace, request->name) <
	    0) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	object = state_published(request->resource, buf_str(&request->tail));
	if (object)
		object_ref(object);
	if (!object)
		request_not_found(request);
	else if (!is_pod(request))
		request_fail(request, 503, "no node serves proxies of %s", request->kind->resource);
	else
		start(request, kind, object);
}
