/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl cp: tar on the other side by exec, our own tar on this one. Our half runs in a forked child with a
 * pipe, so that the loop of the connection never waits for the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "ctl/command.h"
#include "ctl/remote.h"
#include "ctl/tar.h"

/* "[[NAMESPACE/]POD:]PATH" */
struct place {
	char namespace[64], pod[254]; /* pod "": here */
	const char *path;
};

static bool parse_place(const char *text, const char *namespace, struct place *ret)
{
	const char *colon = strchr(text, ':'), *slash;

	*ret = (struct place){ .path = text };
	if (!colon || colon == text)
		return !colon;
	slash = memchr(text, '/', (size_t)(colon - text));
	if (text[0] == '.' || text[0] == '/')
		return true; /* a local name with a colon in it */
	if (slash && memchr(slash + 1, '/', (size_t)(colon - slash - 1)))
		return false;
	(void)snprintf(ret->namespace, sizeof(ret->namespace), "%.*s",
		       slash ? (int)(slash - text) : 63, slash ? text : namespace);
	(void)snprintf(ret->pod, sizeof(ret->pod), "%.*s",
		       (int)(colon - (slash ? slash + 1 : text)), slash ? slash + 1 : text);
	ret->path = colon + 1;
	return true;
}

struct copy {
	struct cli *cli;
	struct session session;
	struct place pod;
	const char *container;
	struct json_object *object; /* the pod */
};

static int exec_path(const struct copy *copy, const char *const *command, bool use_stdin,
		     struct buf *path)
{
	(void)buf_puts(path, "/api/v1/namespaces/");
	(void)rest_escape(path, copy->pod.namespace);
	(void)buf_puts(path, "/pods/");
	(void)rest_escape(path, copy->pod.pod);
	(void)buf_puts(path, "/exec?");
	for (; *command; command++) {
		(void)buf_puts(path, "command=");
		(void)rest_escape(path, *command);
		(void)buf_putc(path, '&');
	}
	(void)buf_puts(path, "container=");
	(void)rest_escape(path, copy->container);
	(void)buf_printf(path, "&stderr=true%s&stdout=true", use_stdin ? "&stdin=true" : "");
	return buf_error(path);
}

static int run_command(struct copy *copy, const char *const *command, int stdin_fd, int stdout_fd)
{
	auto_buf struct buf path = { 0 };
	struct remote_options options = { .use_stdin = stdin_fd >= 0,
					  .stdin_fd = stdin_fd,
					  .stdout_fd = stdout_fd,
					  .quiet = true };

	if (exec_path(copy, command, stdin_fd >= 0, &path) < 0)
		return command_fail("out of memory");
	options.path = buf_str(&path);
	return remote_run(&copy->session, &options);
}

/* Our half, in a child: 0 or 1 as exit code. */
static pid_t start_child(const int pipe_fds[2], bool writes, const char *path, const char *name)
{
	pid_t pid = fork();
	struct err err = { 0 };
	int r;

	if (pid != 0)
		return pid;
	(void)fd_close(pipe_fds[writes ? 0 : 1]);
	r = writes ? tar_write(pipe_fds[1], path, name, &err)
		   : tar_extract(pipe_fds[0], name, path, &err);
	if (r < 0)
		(void)fprintf(stderr, "error: %s\n", err.text);
	_exit(r < 0);
}

/* Connect a child that reads or writes the archive with @command in the container. */
static int transfer(struct copy *copy, bool upload, const char *local, const char *name,
		    const char *const *command)
{
	int pipe_fds[2], status, r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return command_fail("%s", strerror(errno));
	(void)fflush(NULL);
	pid = start_child(pipe_fds, upload, local, name);
	if (pid < 0)
		return command_fail("%s", strerror(errno));
	(void)fd_close(pipe_fds[upload ? 1 : 0]);
	r = run_command(copy, command, upload ? pipe_fds[0] : -EBADF,
			upload ? STDOUT_FILENO : pipe_fds[1]);
	(void)fd_close(pipe_fds[upload ? 0 : 1]);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		r = r ? r : 1;
	return r;
}

/* Is @path a directory over there? The answer is test's exit code; its failure is not ours. */
static bool remote_is_directory(struct copy *copy, const char *path)
{
	const char *const command[] = { "test", "-d", path, NULL };
	auto_close int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC), saved = dup(STDERR_FILENO);
	int r;

	(void)fflush(stderr);
	(void)dup2(quiet, STDERR_FILENO);
	r = run_command(copy, command, -EBADF, -EBADF);
	(void)fflush(stderr);
	(void)dup2(saved, STDERR_FILENO);
	return r == 0;
}

static int upload(struct copy *copy, const char *local)
{
	bool plain = cli_bool(copy->cli, "no-preserve");
	const char *command[8] = { "tar" }, *slash;
	char dest[PATH_MAX], dir[PATH_MAX];
	size_t n = 1, len;
	struct stat st;

	if (!*copy->pod.path)
		return command_fail("filepath can not be empty");
	if (lstat(local, &st) < 0)
		return command_fail("%s doesn't exist in local filesystem", local);
	(void)snprintf(dest, sizeof(dest), "%s", copy->pod.path);
	for (len = strlen(dest); len > 1 && dest[len - 1] == '/'; len--)
		dest[len - 1] = '\0';
	if (remote_is_directory(copy, copy->pod.path)) {
		char name[PATH_MAX];

		(void)snprintf(name, sizeof(name), "%s", local);
		for (len = strlen(name); len > 1 && name[len - 1] == '/'; len--)
			name[len - 1] = '\0';
		len = strlen(dest);
		(void)snprintf(dest + len, sizeof(dest) - len, "%s%s",
			       dest[len - 1] == '/' ? "" : "/", path_base(name));
	}
	if (plain) {
		command[n++] = "--no-same-permissions";
		command[n++] = "--no-same-owner";
	}
	command[n++] = "-xmf";
	command[n++] = "-";
	slash = strrchr(dest, '/');
	if (slash) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)MAX(slash - dest, 1), dest);
		command[n++] = "-C";
		command[n++] = dir;
	}
	return transfer(copy, true, local, path_base(dest), command);
}

static int download(struct copy *copy, const char *local)
{
	const char *const command[] = { "tar", "cf", "-", copy->pod.path, NULL };
	char dest[PATH_MAX];
	struct stat st;
	int r;

	if (!*copy->pod.path)
		return command_fail("filepath can not be empty");
	if (stat(local, &st) == 0 && S_ISDIR(st.st_mode))
		(void)snprintf(dest, sizeof(dest), "%s/%s", local, path_base(copy->pod.path));
	else
		(void)snprintf(dest, sizeof(dest), "%s", local);
	r = transfer(copy, false, dest, copy->pod.path, command);
	return r;
}

int command_cp(struct cli *cli)
{
	struct copy copy = { .cli = cli };
	struct place from, to;
	struct err err = { 0 };
	int r;

	if (cli->n_args != 2)
		return command_fail("source and destination are required");
	r = session_open(cli, &copy.session);
	if (r != 0)
		return r;
	if (!parse_place(cli->args[0], copy.session.namespace, &from) ||
	    !parse_place(cli->args[1], copy.session.namespace, &to))
		r = command_fail(
			"filespec must match the canonical format: [[namespace/]pod:]file/path");
	else if (*from.pod && *to.pod)
		r = command_fail("one of src or dest must be a local file specification");
	else if (!*from.pod && !*to.pod)
		r = command_fail("one of src or dest must be a remote file specification");
	else if (*to.pod && access(from.path, F_OK) < 0)
		r = command_fail("%s doesn't exist in local filesystem", from.path);
	if (r == 0) {
		copy.pod = *from.pod ? from : to;
		copy.session.namespace = copy.pod.namespace;
		r = remote_pod(&copy.session, copy.pod.pod, &copy.object, &err);
		if (r == 0)
			r = remote_container(copy.object, cli_str(cli, "container"), false,
					     &copy.container, &err);
		r = r < 0	? session_fail(&err)
		    : *from.pod ? download(&copy, to.path)
				: upload(&copy, from.path);
	}
	(void)json_unref(copy.object);
	session_close(&copy.session);
	return r;
}
