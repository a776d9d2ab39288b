/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl exec and attach. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/remote.h"

struct exec {
	struct cli *cli;
	const char *subresource; /* "exec" or "attach" */
	const char *const *command;
	size_t n_command;
	bool use_stdin, tty;
};

static int make_path(const struct exec *exec, const struct session *session,
		     const struct json_object *pod, const char *container, struct buf *path)
{
	(void)buf_puts(path, "/api/v1/namespaces/");
	(void)rest_escape(path, session->namespace);
	(void)buf_puts(path, "/pods/");
	(void)rest_escape(path, json_str_at(pod, "metadata.name"));
	(void)buf_printf(path, "/%s?", exec->subresource);
	for (size_t i = 0; i < exec->n_command; i++) {
		(void)buf_puts(path, "command=");
		(void)rest_escape(path, exec->command[i]);
		(void)buf_putc(path, '&');
	}
	(void)buf_puts(path, "container=");
	(void)rest_escape(path, container);
	if (!exec->tty)
		(void)buf_puts(path, "&stderr=true");
	if (exec->use_stdin)
		(void)buf_puts(path, "&stdin=true");
	(void)buf_puts(path, "&stdout=true");
	if (exec->tty)
		(void)buf_puts(path, "&tty=true");
	return buf_error(path);
}

/* A container of the pod's spec by name, init containers too. */
static const struct json_object *container_spec(const struct json_object *pod, const char *name)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers" };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_len(json_at(pod, lists[l])); i++) {
			const struct json_object *c = json_idx(json_at(pod, lists[l]), i);
			const char *has = json_str_at(c, "name");

			if (has && strcmp(has, name) == 0)
				return c;
		}
	return NULL;
}

static void check_attach_terminal(struct exec *exec, const struct json_object *pod,
				  const char *container)
{
	if (!exec->tty || json_bool_at(container_spec(pod, container), "tty", false))
		return;
	exec->tty = false;
	(void)fprintf(stderr, "Unable to use a TTY - container %s did not allocate one\n",
		      container);
}

static int run(struct exec *exec, struct session *session, const char *word)
{
	bool attach = strcmp(exec->subresource, "attach") == 0,
	     quiet = cli_bool(exec->cli, "quiet");
	struct remote_options options = { .stdin_fd = STDIN_FILENO, .stdout_fd = STDOUT_FILENO };
	auto_json struct json_object *pod = NULL;
	auto_buf struct buf path = { 0 };
	const char *container, *phase;
	struct err err = { 0 };
	int r;

	r = remote_pod(session, word, &pod, &err);
	if (r < 0)
		return session_fail(&err);
	phase = json_str_at(pod, "status.phase");
	if (phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0))
		return command_fail("cannot %s a container in a completed pod; current phase is %s",
				    attach ? "attach" : "exec into", phase);
	r = remote_container(pod, cli_str(exec->cli, "container"), quiet, &container, &err);
	if (r < 0 && attach) {
		(void)fprintf(stderr, "error: cannot attach to the container: %s\n",
			      err.text + strlen("error: "));
		return 1;
	}
	if (r < 0)
		return session_fail(&err);
	if (exec->tty && !exec->use_stdin) {
		exec->tty = false;
	} else if (exec->tty && !isatty(STDIN_FILENO)) {
		exec->tty = false;
		(void)fprintf(stderr,
			      "Unable to use a TTY - input is not a terminal or the right kind of "
			      "file\n");
	}
	if (attach) {
		check_attach_terminal(exec, pod, container);
		if (!quiet)
			(void)fprintf(
				stderr,
				"All commands and output from this session will be recorded in "
				"container logs, including credentials and sensitive information "
				"passed through the command prompt.\n"
				"If you don't see a command prompt, try pressing enter.\n");
	}
	r = make_path(exec, session, pod, container, &path);
	if (r < 0)
		return command_fail("%s", err_text(r));
	options.path = buf_str(&path);
	options.use_stdin = exec->use_stdin;
	options.tty = exec->tty;
	return remote_run(session, &options);
}

int command_exec(struct cli *cli)
{
	struct exec exec = { .cli = cli, .subresource = "exec" };
	struct session session;
	int r;

	if (cli->n_args == 0 || cli->dash == 0)
		return command_fail("pod, type/name or --filename must be specified");
	if (cli->dash == SIZE_MAX && cli->n_args > 1)
		return command_fail("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] "
				    "-- [COMMAND] "
				    "instead\nSee 'kubectl exec -h' for help and examples");
	if (cli->n_args < 2)
		return command_fail("you must specify at least one command for the container");
	if (cli->dash > 1 && cli->dash != SIZE_MAX)
		return command_fail("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] "
				    "-- [COMMAND] "
				    "instead\nSee 'kubectl exec -h' for help and examples");
	exec.command = cli->args + 1;
	exec.n_command = cli->n_args - 1;
	exec.use_stdin = cli_bool(cli, "stdin");
	exec.tty = cli_bool(cli, "tty");
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = run(&exec, &session, cli->args[0]);
	session_close(&session);
	return r;
}

int command_attach(struct cli *cli)
{
	struct exec exec = { .cli = cli, .subresource = "attach" };
	struct session session;
	int r;

	if (cli->n_args != 1)
		return command_fail(cli->n_args
					    ? "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 "
					      "arguments) saw "
					      "%zu: %s"
					    : "at least 1 argument is required for attach%.0zu%.0s",
				    cli->n_args, cli->n_args ? cli->args[0] : "");
	exec.use_stdin = cli_bool(cli, "stdin");
	exec.tty = cli_bool(cli, "tty");
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = run(&exec, &session, cli->args[0]);
	session_close(&session);
	return r;
}
