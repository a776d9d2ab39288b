/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl run: a pod from flags. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "ctl/change.h"
#include "ctl/command.h"
#include "ctl/objectwatch.h"
#include "ctl/remote.h"
#include "orchestrator/schema/schema.h"

static const struct resource_type pods = {
	.version = "v1", .kind = "Pod", .resource = "pods", .singular = "pod", .namespaced = true
};

struct runner {
	struct change change;
	const char *name;
	bool attach;
};

/* ---- the pod ---- */

/* "a=b,c=d" into @object. */
static int put_pairs(struct json_object *object, const char *text, struct err *err)
{
	while (*text) {
		size_t len = strcspn(text, ","), n = strcspn(text, "=,");
		auto_free char *key = strndup(text, n), *value = NULL;

		if (n >= len || n == 0)
			return err_say(err, -EINVAL, "unexpected label spec: %.*s", (int)len, text);
		value = strndup(text + n + 1, len - n - 1);
		if (!key || !value || json_put_str(object, key, value) < 0)
			return err_set(err, -ENOMEM, "labels");
		text += len + (text[len] == ',');
	}
	return 0;
}

static int put_annotations(struct json_object *metadata, const char *const *list, struct err *err)
{
	struct json_object *annotations;
	int r = 0;

	if (!*list)
		return 0;
	annotations = json_new_object();
	(void)json_put(metadata, "annotations", annotations);
	for (; *list && r == 0; list++)
		r = put_pairs(annotations, *list, err);
	return r;
}

static struct json_object *strings(const char *const *list, size_t n)
{
	struct json_object *array = json_new_array();

	for (size_t i = 0; i < n; i++)
		(void)json_add(array, json_new_string(list[i]));
	return array;
}

static int put_env(struct json_object *container, const char *const *list, struct err *err)
{
	struct json_object *env;

	if (!*list)
		return 0;
	env = json_new_array();
	(void)json_put(container, "env", env);
	for (; *list; list++) {
		const char *equals = strchr(*list, '=');
		struct json_object *one = json_new_object();

		if (!equals || equals == *list) {
			(void)json_unref(one);
			return err_say(err, -EINVAL, "invalid env: %s", *list);
		}
		(void)json_put(one, "name", json_new_string_len(*list, (size_t)(equals - *list)));
		if (equals[1])
			(void)json_put_str(one, "value", equals + 1);
		(void)json_add(env, one);
	}
	return 0;
}

static int put_port(struct json_object *container, const char *text, struct err *err)
{
	struct json_object *ports, *one;
	char *end;
	long port = strtol(text, &end, 10);

	if (!*text)
		return 0;
	if (*end)
		return err_say(err, -EINVAL, "--port must be a number");
	ports = json_new_array();
	one = json_new_object();
	(void)json_put_int(one, "containerPort", port);
	(void)json_add(ports, one);
	return json_put(container, "ports", ports);
}

/* Members in the order of the API's types: that is how the real one prints them. */
static int make_container(const struct runner *run, struct json_object **ret, struct err *err)
{
	const struct cli *cli = run->change.cli;
	auto_json struct json_object *c = json_new_object();
	int r;

	(void)json_put_str(c, "name", run->name);
	(void)json_put_str(c, "image", cli_str(cli, "image"));
	if (cli->n_args > 1)
		(void)json_put(c, cli_bool(cli, "command") ? "command" : "args",
			       strings(cli->args + 1, cli->n_args - 1));
	r = put_port(c, cli_str(cli, "port"), err);
	if (r == 0)
		r = put_env(c, cli_list(cli, "env"), err);
	if (r < 0)
		return r;
	(void)json_put(c, "resources", json_new_object());
	if (*cli_str(cli, "image-pull-policy"))
		(void)json_put_str(c, "imagePullPolicy", cli_str(cli, "image-pull-policy"));
	if (cli_bool(cli, "privileged"))
		(void)json_put_at(c, "securityContext.privileged", json_new_bool(true));
	if (cli_bool(cli, "stdin")) {
		(void)json_put_bool(c, "stdin", true);
		if (!cli_bool(cli, "leave-stdin-open"))
			(void)json_put_bool(c, "stdinOnce", true);
	}
	if (cli_bool(cli, "tty"))
		(void)json_put_bool(c, "tty", true);
	*ret = take_ptr(&c);
	return 0;
}

/* RFC 7396; the depth is JSON's. */
static int merge(struct json_object *object, const struct json_object *patch)
{
	struct json_iter it;
	int r = 0;

	json_for_each (it, patch) {
		struct json_object *had = json_get(object, it.key);

		if (!it.value)
			json_del(object, it.key);
		else if (json_kind(had) == JSON_OBJECT && json_kind(it.value) == JSON_OBJECT)
			r = merge(had, it.value);
		else
			r = json_put(object, it.key, json_copy(it.value));
		if (r < 0)
			break;
	}
	return r;
}

static int apply_overrides(const struct cli *cli, struct json_object *pod, struct err *err)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Pod");
	const char *text = cli_str(cli, "overrides"), *type = cli_str(cli, "override-type");
	auto_json struct json_object *patch = NULL;
	int r;

	if (!*text)
		return 0;
	if (strcmp(type, "merge") != 0 && strcmp(type, "strategic") != 0)
		return err_say(err, -EOPNOTSUPP,
			       "--override-type %s is not supported by this kubectl: merge or "
			       "strategic",
			       type);
	r = json_parse(text, strlen(text), &patch, err);
	if (r < 0)
		return err_prefix(err, r, "--overrides");
	if (strcmp(type, "strategic") == 0)
		return schema_strategic_merge(kind->type, pod, patch, err);
	return merge(pod, patch) < 0 ? err_set(err, -ENOMEM, "--overrides") : 0;
}

static int make_pod(const struct runner *run, struct json_object **ret, struct err *err)
{
	const struct cli *cli = run->change.cli;
	auto_json struct json_object *pod = json_new_object(), *container = NULL;
	struct json_object *metadata = json_new_object(), *labels = json_new_object(),
			   *containers = json_new_array();
	int r = 0;

	(void)json_put_str(pod, "kind", "Pod");
	(void)json_put_str(pod, "apiVersion", "v1");
	(void)json_put(pod, "metadata", metadata);
	(void)json_put_str(metadata, "name", run->name);
	(void)json_put(metadata, "labels", labels);
	(void)json_put(pod, "spec", json_new_object());
	(void)json_put_at(pod, "spec.containers", containers);
	(void)json_put_at(pod, "spec.restartPolicy", json_new_string(cli_str(cli, "restart")));
	(void)json_put_at(pod, "spec.dnsPolicy", json_new_string("ClusterFirst"));
	(void)json_put(pod, "status", json_new_object());
	if (*cli_str(cli, "labels"))
		r = put_pairs(labels, cli_str(cli, "labels"), err);
	else
		(void)json_put_str(labels, "run", run->name);
	if (r == 0)
		r = put_annotations(metadata, cli_list(cli, "annotations"), err);
	if (r == 0)
		r = make_container(run, &container, err);
	if (r == 0 && json_add(containers, take_ptr(&container)) < 0)
		r = err_set(err, -ENOMEM, "make the pod");
	if (r == 0)
		r = apply_overrides(cli, pod, err);
	if (r == 0)
		*ret = take_ptr(&pod);
	return r;
}

/* ---- attaching ---- */

static bool has_begun(const struct json_object *pod)
{
	const char *phase = json_str_at(pod, "status.phase");

	return phase && strcmp(phase, "Pending") != 0;
}

static int on_event(const char *type, const struct json_object *pod, void *data)
{
	struct json_object **seen = data;

	(void)json_unref(*seen);
	*seen = json_ref((struct json_object *)pod);
	return has_begun(pod) || strcmp(type, "DELETED") == 0;
}

/* Until it runs, or has run already. */
static int wait_begun(struct runner *run, const struct selected *item, struct json_object **pod,
		      struct err *err)
{
	int64_t deadline_ns =
		time_monotonic_ns() + cli_duration_ns(run->change.cli, "pod-running-timeout");

	while (!has_begun(*pod)) {
		auto_free char *version = NULL;
		const char *from = json_str_at(*pod, "metadata.resourceVersion");
		int64_t left_ns = deadline_ns - time_monotonic_ns();
		int r;

		if (left_ns <= 0)
			return err_say(err, -ETIMEDOUT,
				       "error: timed out waiting for the condition");
		version = strdup(from ? from : "");
		r = version ? objectwatch(&run->change.session, item, version,
					  left_ns / NS_PER_S + 1, on_event, pod, err)
			    : err_set(err, -ENOMEM, "error: wait");
		if (r < 0)
			return r;
	}
	return 0;
}

static int print_logs(struct runner *run, const struct selected *item)
{
	auto_buf struct buf path = { 0 }, body = { 0 };
	struct rest_request q = { .method = "GET" };
	struct err err = { 0 };
	int r;

	(void)selected_path(item, &path);
	(void)buf_puts(&path, "/log?container=");
	(void)rest_escape(&path, run->name);
	q.path = buf_str(&path);
	r = rest_call(run->change.session.rest, &q, &body, &err);
	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, &err);
	return r < 0 ? session_fail(&err) : command_print(&body);
}

static int attach(struct runner *run, const struct selected *item, struct json_object **pod)
{
	const struct cli *cli = run->change.cli;
	struct remote_options options = { .use_stdin = cli_bool(cli, "stdin"),
					  .tty = cli_bool(cli, "tty"),
					  .quiet = cli_bool(cli, "quiet"),
					  .stdin_fd = STDIN_FILENO,
					  .stdout_fd = STDOUT_FILENO };
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };
	const char *phase;

	if (wait_begun(run, item, pod, &err) < 0)
		return session_fail(&err);
	phase = json_str_at(*pod, "status.phase");
	if (strcmp(phase, "Running") != 0) /* too fast for us: what it said is in its log */
		return print_logs(run, item);
	if (!options.quiet)
		(void)fprintf(stderr,
			      "All commands and output from this session will be recorded in "
			      "container logs, including credentials and sensitive information "
			      "passed through the command prompt.\n"
			      "If you don't see a command prompt, try pressing enter.\n");
	(void)selected_path(item, &path);
	(void)buf_puts(&path, "/attach?container=");
	(void)rest_escape(&path, run->name);
	(void)buf_printf(&path, "%s%s&stdout=true%s", options.tty ? "" : "&stderr=true",
			 options.use_stdin ? "&stdin=true" : "", options.tty ? "&tty=true" : "");
	options.path = buf_str(&path);
	return remote_run(&run->change.session, &options);
}

static int remove_pod(struct runner *run, const struct selected *item)
{
	static const char body[] = "{\"propagationPolicy\":\"Background\"}";
	auto_buf struct buf path = { 0 }, answer = { 0 };
	struct rest_request q = { .method = "DELETE",
				  .content_type = "application/json",
				  .body = body,
				  .body_len = sizeof(body) - 1 };
	struct err err = { 0 };
	int r;

	(void)selected_path(item, &path);
	q.path = buf_str(&path);
	r = rest_call(run->change.session.rest, &q, &answer, &err);
	if (r >= 0 && r != 404 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &answer, NULL, &err);
	if (r < 0)
		return session_fail(&err);
	if (!cli_bool(run->change.cli, "quiet"))
		(void)printf("pod \"%s\" deleted from %s namespace\n", item->name, item->namespace);
	return 0;
}

/* ---- the command ---- */

static int check_flags(struct runner *run)
{
	static const char *const policies[] = { "Always", "OnFailure", "Never" };
	const struct cli *cli = run->change.cli;
	const char *restart = cli_str(cli, "restart");
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		known |= strcmp(policies[i], restart) == 0;
	if (!cli_given(cli, "image"))
		return command_fail("required flag(s) \"image\" not set");
	if (cli->n_args == 0 || cli->dash == 0)
		return command_fail("NAME is required for run");
	if (!*cli_str(cli, "image"))
		return command_fail("--image is required");
	if (cli_bool(cli, "tty") && !cli_bool(cli, "stdin"))
		return command_fail("-i/--stdin is required for containers with -t/--tty=true");
	if (!known)
		return command_fail("invalid restart policy: %s, valid values are: Always, "
				    "OnFailure, Never",
				    restart);
	if (cli_bool(cli, "expose"))
		return command_fail("--expose is not supported by this kubectl: create a Service "
				    "from a file");
	run->name = cli->args[0];
	run->attach = cli_given(cli, "attach") ? cli_bool(cli, "attach") : cli_bool(cli, "stdin");
	if (cli_bool(cli, "rm") && !run->attach)
		return command_fail("--rm should only be used for attached containers");
	if (run->attach && strcmp(cli_str(cli, "dry-run"), "none") != 0)
		return command_fail("--dry-run=[server|client] can't be used with attached "
				    "containers options (--attach, --stdin, or --tty)");
	return 0;
}

static int create(struct runner *run, struct err *err)
{
	struct cli *cli = run->change.cli;
	auto_json struct json_object *pod = NULL, *answer = NULL;
	auto_free char *namespace = strdup(run->change.session.namespace),
		       *name = strdup(run->name);
	struct selected item = { .type = pods, .namespace = namespace, .name = name };
	int r = make_pod(run, &pod, err), code;

	if (r < 0) {
		(void)command_fail("%s", err->text);
		return 1;
	}
	if (run->change.dry_run == DRY_CLIENT) {
		run->change.printer.in_order = true;
		return change_print(&run->change, &item, pod, "created");
	}
	json_del(pod, "status");
	r = change_send(&run->change, &item, "POST", "application/json", pod, NULL, &answer, err);
	if (r < 0)
		return session_fail(err);
	if (!run->attach)
		return change_print(&run->change, &item, answer, "created");
	code = attach(run, &item, &answer);
	if (cli_bool(cli, "rm"))
		(void)remove_pod(run, &item);
	return code;
}

int command_run(struct cli *cli)
{
	struct runner run = { .change = { .cli = cli } };
	struct err err = { 0 };
	int r = check_flags(&run);

	if (r == 0)
		r = change_open(cli, &run.change);
	if (r != 0)
		return r;
	r = create(&run, &err);
	change_close(&run.change);
	return r;
}
