/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/remote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/websocket.h"
#include "ctl/attachable.h"
#include "ctl/command.h"

enum channel { CH_STDIN, CH_STDOUT, CH_STDERR, CH_RESULT, CH_RESIZE, CH_END = 255 };

#define CHUNK	   ((size_t)16 << 10)
#define QUEUED_MAX ((size_t)256 << 10) /* of standard input, not yet sent */

struct remote {
	struct loop *loop;
	struct websocket *ws;
	const struct remote_options *options;
	bool stdin_watched, stdin_done, is_file, ended;
	int exit_code;
};

/* ---- the terminal ---- */

static struct termios saved_terminal;
static bool terminal_is_raw;

static void restore_terminal(void)
{
	if (terminal_is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
	terminal_is_raw = false;
}

static void make_terminal_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved_terminal) < 0)
		return;
	raw = saved_terminal;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		terminal_is_raw = true;
	(void)atexit(restore_terminal);
}

static void send_size(struct remote *remote)
{
	struct winsize size;
	char text[64];
	int n;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 &&
	    ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	n = snprintf(text, sizeof(text), "{\"Width\":%u,\"Height\":%u}\n", size.ws_col,
		     size.ws_row);
	(void)websocket_send_channel(remote->ws, CH_RESIZE, text, (size_t)n);
}

static void on_resize(struct loop *loop, int signo, void *data)
{
	(void)loop;
	(void)signo;
	send_size(data);
}

/* ---- standard input ---- */

static void on_stdin(struct loop *loop, int fd, unsigned events, void *data);

static void pump_file(struct loop *loop, void *data)
{
	struct remote *remote = data;

	if (!remote->ended && !remote->stdin_done)
		on_stdin(loop, remote->options->stdin_fd, LOOP_READ, remote);
}

static void watch_stdin(struct remote *remote)
{
	int fd = remote->options->stdin_fd;
	struct stat st;

	if (remote->stdin_done || remote->ended)
		return;
	/* epoll knows no regular files: they are always ready. */
	remote->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!remote->is_file && loop_watch(remote->loop, fd, LOOP_READ, on_stdin, remote) == 0) {
		remote->stdin_watched = true;
		return;
	}
	if (remote->is_file)
		loop_defer(remote->loop, pump_file, remote);
}

static void unwatch_stdin(struct remote *remote)
{
	if (remote->stdin_watched)
		loop_unwatch(remote->loop, remote->options->stdin_fd);
	remote->stdin_watched = false;
}

static void on_stdin(struct loop *loop, int fd, unsigned events, void *data)
{
	static const char end_of_stdin[] = { (char)CH_END, CH_STDIN };
	struct remote *remote = data;
	char bytes[CHUNK];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)events;
	(void)loop;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		unwatch_stdin(remote);
		remote->stdin_done = true;
		(void)websocket_send(remote->ws, WEBSOCKET_BINARY, end_of_stdin,
				     sizeof(end_of_stdin));
		return;
	}
	(void)websocket_send_channel(remote->ws, CH_STDIN, bytes, (size_t)n);
	if (websocket_queued(remote->ws) > QUEUED_MAX)
		unwatch_stdin(remote); /* on_drain goes on */
	else if (remote->is_file)
		loop_defer(remote->loop, pump_file, remote);
}

/* ---- what comes back ---- */

static void finish(struct remote *remote, int exit_code)
{
	if (remote->ended)
		return;
	remote->ended = true;
	remote->exit_code = exit_code;
	loop_stop(remote->loop);
}

/* The Status on channel 3: success, an exit code, or why it could not be run. */
static void on_result(struct remote *remote, const char *text, size_t len)
{
	auto_json struct json_object *status = NULL;
	const struct json_object *causes;
	const char *said, *reason;

	if (json_parse(text, len, &status, NULL) < 0) {
		(void)fprintf(stderr, "error: %.*s\n", (int)len, text);
		finish(remote, 1);
		return;
	}
	said = json_str_at(status, "status");
	if (said && strcmp(said, "Success") == 0) {
		finish(remote, 0);
		return;
	}
	reason = json_str_at(status, "reason");
	causes = json_at(status, "details.causes");
	if (reason && strcmp(reason, "NonZeroExitCode") == 0)
		for (size_t i = 0; i < json_len(causes); i++) {
			const char *code = json_str_at(json_idx(causes, i), "message");
			const char *type = json_str_at(json_idx(causes, i), "reason");

			if (!type || !code || strcmp(type, "ExitCode") != 0)
				continue;
			restore_terminal();
			(void)fprintf(stderr, "command terminated with exit code %s\n", code);
			finish(remote, (int)strtol(code, NULL, 10));
			return;
		}
	said = json_str_at(status, "message");
	restore_terminal();
	(void)fprintf(stderr, "error: %s\n", said ? said : "the server gave no reason");
	finish(remote, 1);
}

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct remote *remote = data;
	const unsigned char *p = bytes;

	(void)ws;
	(void)kind;
	if (len < 1 || remote->ended)
		return;
	if (p[0] == CH_STDOUT && remote->options->stdout_fd >= 0) {
		if (fd_write_all(remote->options->stdout_fd, p + 1, len - 1) < 0)
			finish(remote, 1); /* nobody reads any more */
	} else if (p[0] == CH_STDERR) {
		(void)fd_write_all(STDERR_FILENO, p + 1, len - 1);
	} else if (p[0] == CH_RESULT) {
		on_result(remote, (const char *)p + 1, len - 1);
	}
}

static void on_drain(struct websocket *ws, void *data)
{
	struct remote *remote = data;

	(void)ws;
	if (remote->options->use_stdin && !remote->stdin_watched)
		watch_stdin(remote);
}

static void on_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	struct remote *remote = data;

	(void)ws;
	if (!remote->ended && code != 1000) {
		restore_terminal();
		(void)fprintf(stderr, "error: the connection was lost%s%s\n",
			      text && *text ? ": " : "", text ? text : "");
		finish(remote, 1);
	}
	finish(remote, 0);
}

int remote_run(struct session *session, const struct remote_options *options)
{
	static const struct websocket_events events = { on_message, on_drain, on_close };
	struct remote remote = { .options = options, .loop = rest_loop(session->rest) };
	struct stream *stream;
	struct err err = { 0 };
	char protocol[64];
	int r;

	r = rest_websocket(session->rest, options->path, "v5.channel.k8s.io", &stream, protocol,
			   sizeof(protocol), &err);
	if (r < 0 && strncmp(err.text, "Error from server", 17) == 0)
		return command_fail("unable to upgrade connection: %s",
				    strstr(rest_text(&err), ": ") + 2);
	if (r < 0)
		return session_fail(&err);
	r = websocket_new(stream, false, &events, &remote, &remote.ws);
	if (r < 0) {
		(void)err_set(&err, r, "error: speak WebSocket");
		return session_fail(&err);
	}
	if (options->tty) {
		make_terminal_raw();
		(void)loop_signal(remote.loop, SIGWINCH, on_resize, &remote);
		send_size(&remote);
	}
	if (options->use_stdin)
		watch_stdin(&remote);
	r = remote.ended ? 0 : loop_run(remote.loop, &err);
	unwatch_stdin(&remote);
	(void)websocket_free(remote.ws);
	restore_terminal();
	return r < 0 ? session_fail(&err) : remote.exit_code;
}

/* ---- which pod, which container ---- */

int remote_pod(struct session *session, const char *word, struct json_object **ret, struct err *err)
{
	struct attachable found = { 0 };
	int r = attachable_find(session, word, &found, err);

	if (r == 0)
		*ret = take_ptr(&found.pod);
	attachable_done(&found);
	return r;
}

static bool has_container(const struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *has = json_str_at(json_idx(list, i), "name");

		if (has && strcmp(has, name) == 0)
			return true;
	}
	return false;
}

int remote_container(const struct json_object *pod, const char *wanted, bool quiet,
		     const char **ret, struct err *err)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers",
					     "spec.ephemeralContainers" };
	const struct json_object *containers = json_at(pod, lists[0]);
	const char *noted = json_str(json_get(json_at(pod, "metadata.annotations"),
					      "kubectl.kubernetes.io/default-container"));
	auto_buf struct buf names = { 0 };
	size_t n = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_len(json_at(pod, lists[l])); i++, n++)
			(void)buf_printf(&names, "%s%s%s", n ? ", " : "",
					 json_str_at(json_idx(json_at(pod, lists[l]), i), "name"),
					 l == 1	  ? " (init)"
					 : l == 2 ? " (ephem)"
						  : "");
	if (wanted && *wanted) {
		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			if (has_container(json_at(pod, lists[i]), wanted)) {
				*ret = wanted;
				return 0;
			}
		return err_say(err, -ENOENT,
			       "error: container %s is not valid for pod %s out of: %s", wanted,
			       json_str_at(pod, "metadata.name"), buf_str(&names));
	}
	if (noted && has_container(containers, noted)) {
		*ret = noted;
		return 0;
	}
	*ret = json_str_at(json_idx(containers, 0), "name");
	if (!*ret)
		return err_say(err, -ENOENT, "error: pod %s has no containers",
			       json_str_at(pod, "metadata.name"));
	if (n > 1 && !quiet)
		(void)fprintf(stderr, "Defaulted container \"%s\" out of: %s\n", *ret,
			      buf_str(&names));
	return 0;
}
