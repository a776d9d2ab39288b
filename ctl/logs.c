/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl logs */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/command.h"
#include "ctl/remote.h"

struct logs {
	struct cli *cli;
	struct session session;
	const char *prefix; /* "[pod/x/c] ", with --prefix; "" else */
	bool at_line_start;
};

static void add(struct buf *path, const char *key, const char *value)
{
	(void)buf_printf(path, "&%s=", key);
	(void)rest_escape(path, value);
}

static int make_path(const struct logs *logs, const struct json_object *pod, const char *container,
		     struct buf *path)
{
	const struct cli *cli = logs->cli;
	int64_t since_ns = cli_duration_ns(cli, "since");
	bool by_selector = *cli_str(cli, "selector") != '\0';
	char text[32];

	(void)buf_puts(path, "/api/v1/namespaces/");
	(void)rest_escape(path, json_str_at(pod, "metadata.namespace"));
	(void)buf_puts(path, "/pods/");
	(void)rest_escape(path, json_str_at(pod, "metadata.name"));
	(void)buf_puts(path, "/log?container=");
	(void)rest_escape(path, container);
	if (cli_bool(cli, "follow"))
		add(path, "follow", "true");
	if (cli_bool(cli, "previous"))
		add(path, "previous", "true");
	if (cli_bool(cli, "timestamps"))
		add(path, "timestamps", "true");
	if (since_ns > 0) {
		/* Whole seconds, rounded up, as the API has them. */
		(void)snprintf(text, sizeof(text), "%lld",
			       (long long)((since_ns + 999999999) / 1000000000));
		add(path, "sinceSeconds", text);
	}
	if (*cli_str(cli, "since-time"))
		add(path, "sinceTime", cli_str(cli, "since-time"));
	if (cli_int(cli, "limit-bytes") > 0)
		add(path, "limitBytes", cli_str(cli, "limit-bytes"));
	if (cli_int(cli, "tail") >= 0)
		add(path, "tailLines", cli_str(cli, "tail"));
	else if (by_selector && !cli_given(cli, "tail"))
		add(path, "tailLines", "10");
	return buf_error(path);
}

static int on_piece(const char *bytes, size_t len, void *data)
{
	struct logs *logs = data;

	if (!*logs->prefix)
		return fd_write_all(STDOUT_FILENO, bytes, len) < 0 ? 1 : 0;
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t n = newline ? (size_t)(newline - bytes) + 1 : len;

		if (logs->at_line_start &&
		    fd_write_all(STDOUT_FILENO, logs->prefix, strlen(logs->prefix)) < 0)
			return 1;
		if (fd_write_all(STDOUT_FILENO, bytes, n) < 0)
			return 1;
		logs->at_line_start = newline != NULL;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int print_container(struct logs *logs, const struct json_object *pod, const char *container)
{
	struct rest_request q = {
		.method = "GET", .accept = "*/*", .on_piece = on_piece, .data = logs
	};
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };
	char prefix[600] = "";
	int r;

	if (cli_bool(logs->cli, "prefix"))
		(void)snprintf(prefix, sizeof(prefix), "[pod/%s/%s] ",
			       json_str_at(pod, "metadata.name"), container);
	logs->prefix = prefix;
	logs->at_line_start = true;
	r = make_path(logs, pod, container, &path);
	q.path = buf_str(&path);
	if (r == 0)
		r = rest_call(logs->session.rest, &q, NULL, &err);
	if (r >= 0)
		return 0;
	if (cli_bool(logs->cli, "ignore-errors")) {
		(void)fprintf(stderr, "error: %s\n", err.text);
		return 0;
	}
	return session_fail(&err);
}

static int print_pod(struct logs *logs, const struct json_object *pod, const char *wanted)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers",
					     "spec.ephemeralContainers" };
	bool all = cli_bool(logs->cli, "all-containers");
	struct err err = { 0 };
	const char *container;
	int r = 0;

	if (!all) {
		r = remote_container(pod, wanted, false, &container, &err);
		return r < 0 ? session_fail(&err) : print_container(logs, pod, container);
	}
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_len(json_at(pod, lists[l])) && r == 0; i++)
			r = print_container(
				logs, pod,
				json_str_at(json_idx(json_at(pod, lists[l]), i), "name"));
	return r;
}

static int print_selected(struct logs *logs)
{
	auto_json struct json_object *list = NULL;
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };
	int r;

	(void)buf_puts(&path, "/api/v1/namespaces/");
	(void)rest_escape(&path, logs->session.namespace);
	(void)buf_puts(&path, "/pods?limit=500&labelSelector=");
	(void)rest_escape(&path, cli_str(logs->cli, "selector"));
	r = rest_get(logs->session.rest, buf_str(&path), NULL, &list, &err);
	if (r < 0)
		return session_fail(&err);
	if (json_len(json_get(list, "items")) == 0)
		(void)fprintf(stderr, "No resources found in %s namespace.\n",
			      logs->session.namespace);
	for (size_t i = 0; i < json_len(json_get(list, "items")) && r == 0; i++)
		r = print_pod(logs, json_idx(json_get(list, "items"), i),
			      cli_str(logs->cli, "container"));
	return r;
}

static int run(struct logs *logs)
{
	auto_json struct json_object *pod = NULL;
	const char *wanted = cli_str(logs->cli, "container");
	struct err err = { 0 };
	int r;

	if (*cli_str(logs->cli, "selector"))
		return print_selected(logs);
	r = remote_pod(&logs->session, logs->cli->args[0], &pod, &err);
	if (r < 0) {
		if (r != -ENOENT)
			return session_fail(&err);
		(void)fprintf(stderr,
			      "error: error from server (NotFound): %s in namespace \"%s\"\n",
			      err.text + strlen("Error from server (NotFound): "),
			      logs->session.namespace);
		return 1;
	}
	if (!*wanted && logs->cli->n_args > 1)
		wanted = logs->cli->args[1];
	return print_pod(logs, pod, wanted);
}

int command_logs(struct cli *cli)
{
	struct logs logs = { .cli = cli };
	int r;

	if (cli->n_args == 0 && !*cli_str(cli, "selector"))
		return command_fail("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c "
				    "CONTAINER]'.\nPOD or TYPE/NAME is "
				    "a required argument for the logs command\nSee 'kubectl logs "
				    "-h' for help and "
				    "examples");
	if (cli->n_args > 0 && *cli_str(cli, "selector"))
		return command_fail("only a selector (-l) or a POD name is allowed");
	if (cli->n_args > 1 && (*cli_str(cli, "container") || cli_bool(cli, "all-containers")))
		return command_fail("only one of -c or an inline [CONTAINER] arg is allowed");
	r = session_open(cli, &logs.session);
	if (r != 0)
		return r;
	r = run(&logs);
	session_close(&logs.session);
	return r;
}
