/* SPDX-License-Identifier: Apache-2.0 */
/* exec and attach: a process's standard streams on the sub-streams of a channel. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "orchestrator/agent/execution.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestream.h"

#define LINGER_MS   500	  /* for output that children of an ended process may still write */
#define HANGUP_MS   10000 /* between SIGHUP and SIGKILL */
#define COMMAND_MAX 4096

struct remote_run {
	struct nodestream base;
	bool tty, attach;
	struct bridge in, out, err; /* with a terminal: out is both ways, in shares its stream */
	struct execution *execution;
	char container_id[PODMACHINE_ID_MAX];
	struct loop_timer *timer;
	bool process_ended, finished;
	int master_fd; /* of its terminal, while out has it; borrowed */
	int exit_code;
};

static void on_pipe_data(struct stream *stream, void *data);
static void on_pipe_drain(struct stream *stream, void *data);
static void on_pipe_end(struct stream *stream, int reason, void *data);
static const struct stream_events pipe_events = { .on_data = on_pipe_data,
						  .on_drain = on_pipe_drain,
						  .on_end = on_pipe_end };

/* ---- the end ---- */

static void close_streams(struct remote_run *run)
{
	if (run->in.stream && run->in.stream != run->out.stream)
		run->in.stream = stream_free(run->in.stream);
	run->out.stream = stream_free(run->out.stream);
	run->err.stream = stream_free(run->err.stream);
	run->in.stream = NULL;
	run->master_fd = -EBADF;
}

static void run_free(struct loop *loop, void *data)
{
	struct remote_run *run = data;

	(void)loop;
	loop_timer_free(run->timer);
	free(run);
}

/* Nobody is at the other end any more. The process is told, and left to end. */
static void let_go(struct remote_run *run)
{
	list_remove(&run->base.link);
	run->base.channel = run->in.channel = run->out.channel = run->err.channel = NULL;
	close_streams(run);
	if (run->execution && !run->process_ended) {
		execution_signal(run->execution, SIGHUP);
		loop_timer_set_ms(run->timer, HANGUP_MS);
		return;
	}
	if (run->execution)
		execution_forget(run->execution);
	run->execution = NULL;
	loop_defer(run->base.agent->loop, run_free, run);
}

static void finish(struct remote_run *run, const struct err *err)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"exitCode\":%d}", run->exit_code);

	if (run->finished || !run->base.channel)
		return;
	run->finished = true;
	if (!err) {
		(void)wire_end(run->base.channel, WIRE_STDOUT);
		(void)wire_end(run->base.channel, WIRE_STDERR);
		(void)wire_write(run->base.channel, WIRE_RESULT, text, (size_t)n);
	}
	wire_close(run->base.channel, err);
	let_go(run);
}

static void maybe_finish(struct remote_run *run)
{
	bool open = (run->out.stream && !run->out.ended) || (run->err.stream && !run->err.ended);

	if (run->attach ? open : !run->process_ended)
		return;
	if (open) {
		loop_timer_set_ms(run->timer, LINGER_MS);
		return;
	}
	finish(run, NULL);
}

static void on_run_timer(struct loop *loop, void *data)
{
	struct remote_run *run = data;

	if (run->base.channel) { /* lingered long enough */
		bridge_pull(&run->out);
		bridge_pull(&run->err);
		finish(run, NULL);
		return;
	}
	if (run->execution) {
		execution_signal(run->execution, SIGKILL);
		execution_forget(run->execution);
		run->execution = NULL;
	}
	run_free(loop, run);
}

static void on_pod_gone(struct nodestream *base)
{
	struct err err = { 0 };

	(void)err_say(&err, -ECONNRESET, "the pod has ended");
	finish((struct remote_run *)base, &err);
}

static const struct nodestream_ops run_ops = { .end = on_pod_gone };

/* ---- the process's side ---- */

static struct bridge *bridge_of(struct remote_run *run, const struct stream *stream)
{
	if (stream == run->out.stream)
		return &run->out;
	return stream == run->err.stream ? &run->err : &run->in;
}

static void on_pipe_data(struct stream *stream, void *data)
{
	bridge_pull(bridge_of(data, stream));
}

static void on_pipe_drain(struct stream *stream, void *data)
{
	struct remote_run *run = data;

	(void)stream;
	bridge_drained(&run->in);
}

static void on_pipe_end(struct stream *stream, int reason, void *data)
{
	struct remote_run *run = data;
	struct bridge *b = bridge_of(run, stream);

	(void)reason; /* EIO is how a terminal says that nobody is left */
	if (b == &run->in && reason == 0)
		return;	     /* a pipe for writing gives nothing, and says so */
	if (b == &run->in) { /* the process reads no more */
		run->in.stream = stream_free(run->in.stream);
		bridge_drained(&run->in);
		return;
	}
	b->ended = true;
	if (stream_input(stream)->len == 0)
		maybe_finish(run);
}

static void on_started(struct execution *execution, void *data)
{
	struct remote_run *run = data;

	(void)execution;
	if (run->base.channel)
		(void)wire_accept(run->base.channel, NULL, 0);
}

static void on_ended(struct execution *execution, int exit_code, const struct err *err, void *data)
{
	struct remote_run *run = data;

	(void)execution;
	run->execution = NULL;
	run->process_ended = true;
	run->exit_code = exit_code;
	if (!run->base.channel) { /* it had been let go */
		run_free(run->base.agent->loop, run);
		return;
	}
	if (err && err->code)
		finish(run, err);
	else
		maybe_finish(run);
}

/* ---- the channel's side ---- */

static void set_size(struct remote_run *run, int64_t width, int64_t height)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };

	if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX || !run->tty)
		return;
	if (run->master_fd >= 0)
		(void)ioctl(run->master_fd, TIOCSWINSZ, &size);
	else if (run->attach && run->base.pod->sandbox)
		(void)sandbox_resize(run->base.pod->sandbox, run->container_id, size.ws_row,
				     size.ws_col, NULL);
}

static void resize(struct remote_run *run, const void *bytes, size_t len)
{
	auto_json struct json_object *size = NULL;

	if (json_parse(bytes, len, &size, NULL) == 0)
		set_size(run, json_int_at(size, "width", 0), json_int_at(size, "height", 0));
}

static void on_channel_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			    size_t len, void *data)
{
	struct remote_run *run = data;

	if (sub == WIRE_RESIZE)
		resize(run, bytes, len);
	else if (sub == WIRE_STDIN)
		bridge_push(&run->in, bytes, len);
	else
		wire_consumed(channel, len);
}

static void on_channel_writable(struct wire_channel *channel, void *data)
{
	struct remote_run *run = data;

	(void)channel;
	bridge_pull(&run->out);
	bridge_pull(&run->err);
	if ((run->out.ended && stream_input(run->out.stream)->len == 0) ||
	    (run->err.ended && stream_input(run->err.stream)->len == 0))
		maybe_finish(run);
}

static void on_channel_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	struct remote_run *run = data;

	(void)channel;
	if (sub != WIRE_STDIN || !run->in.stream)
		return;
	if (run->tty)
		(void)stream_write(run->in.stream, "\x04", 1); /* what ends input on a terminal */
	else
		stream_shutdown(run->in.stream);
}

static void on_channel_close(struct wire_channel *channel, const struct err *err, void *data)
{
	(void)channel;
	(void)err;
	let_go(data);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_channel_data,
	.on_writable = on_channel_writable,
	.on_end = on_channel_end,
	.on_close = on_channel_close,
};

/* ---- the beginning ---- */

struct stdio {
	int theirs[3], ours[3];
};

static void stdio_done(struct stdio *io)
{
	for (int i = 0; i < 3; i++) {
		fd_close(io->theirs[i]);
		fd_close(io->ours[i]);
	}
}

static int make_pipes(const struct json_object *open, bool tty, struct stdio *io, struct err *err)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };

	*io = (struct stdio){ { -EBADF, -EBADF, -EBADF }, { -EBADF, -EBADF, -EBADF } };
	for (int i = 0; i < 3; i++) {
		int fds[2], reader = i == 0;

		if (!json_bool_at(open, names[i], false) || (tty && i == 2))
			continue;
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_set(err, -errno, "pipe");
		io->theirs[i] = fds[reader ? 0 : 1];
		io->ours[i] = fds[reader ? 1 : 0];
	}
	return 0;
}

static int open_bridge(struct remote_run *run, struct bridge *b, int *fd, enum wire_sub out,
		       struct err *err)
{
	int r;

	b->out = out;
	b->channel = run->base.channel;
	if (*fd < 0)
		return 0;
	(void)fd_set_nonblocking(*fd, true);
	r = stream_of_fd(run->base.agent->loop, take_fd(fd), NULL, &b->stream, err);
	if (r == 0)
		stream_set_events(b->stream, &pipe_events, run);
	return r;
}

static int open_bridges(struct remote_run *run, struct stdio *io, int master_fd, struct err *err)
{
	int r;

	if (run->tty && !run->attach) {
		run->master_fd = master_fd;
		r = open_bridge(run, &run->out, &master_fd, WIRE_STDOUT, err);
		run->in.channel = run->base.channel;
		run->in.stream = run->out.stream;
		return r;
	}
	r = open_bridge(run, &run->in, &io->ours[0], WIRE_STDIN, err);
	if (r == 0)
		r = open_bridge(run, &run->out, &io->ours[1], WIRE_STDOUT, err);
	return r == 0 ? open_bridge(run, &run->err, &io->ours[2], WIRE_STDERR, err) : r;
}

static int find_container(struct nodepod *pod, const struct json_object *open, char id[],
			  struct json_object **ret_spec, struct err *err)
{
	const char *name = json_str_at(open, "container"), *why;
	struct podmachine_instance instance;
	int r = podmachine_instance(pod->machine, name ? name : "", false, &instance, &why);

	if (r == -ENOENT)
		return err_say(err, r, "container %s not found in pod %s/%s", name ? name : "",
			       pod->namespace, pod->name);
	if (r < 0 || !instance.running || !pod->sandbox)
		return err_say(err, -ENOENT,
			       "unable to upgrade connection: container not found (\"%s\")",
			       name ? name : "");
	(void)snprintf(id, PODMACHINE_ID_MAX, "%s", instance.id);
	if (ret_spec)
		*ret_spec = instance.spec;
	return 0;
}

static struct remote_run *run_new(struct agent *agent, struct nodepod *pod,
				  struct wire_channel *channel, struct err *err)
{
	struct remote_run *run = calloc(1, sizeof(*run));

	if (!run || loop_timer_new(agent->loop, on_run_timer, run, &run->timer) < 0) {
		free(run);
		(void)err_set(err, -ENOMEM, "exec");
		return NULL;
	}
	list_init(&run->base.link);
	run->base.ops = &run_ops;
	run->master_fd = -EBADF;
	run->base.agent = agent;
	run->base.pod = pod;
	run->base.channel = channel;
	return run;
}

/* From here on the stream is served. */
static void run_begin(struct remote_run *run)
{
	list_append(&run->base.pod->streams, &run->base.link);
	wire_channel_bind(run->base.channel, &channel_events, run);
}

static int start_exec(struct remote_run *run, const char *const *argv, struct stdio *io,
		      int *master_fd, struct err *err)
{
	static const struct execution_events events = { .on_started = on_started,
							.on_ended = on_ended };

	return execution_start(run->base.pod,
			       &(struct execution_options){
				       .container_id = run->container_id,
				       .argv = argv,
				       .tty = run->tty,
				       .fds = { io->theirs[0], io->theirs[1], io->theirs[2] } },
			       &events, run, &run->execution, master_fd, err);
}

int nodeexec_open(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
		  const struct json_object *open, struct err *err)
{
	const struct json_object *command = json_get(open, "command");
	size_t n = json_len(command);
	auto_free const char **argv = calloc(n + 1, sizeof(*argv));
	struct remote_run *run;
	struct stdio io;
	int r, master_fd = -EBADF;

	if (!argv || n == 0 || n > COMMAND_MAX)
		return err_say(err, -EINVAL,
			       "you must specify at least one command for the container");
	for (size_t i = 0; i < n; i++)
		argv[i] = json_str(json_idx(command, i)) ? json_str(json_idx(command, i)) : "";
	run = run_new(agent, pod, channel, err);
	if (!run)
		return -ENOMEM;
	run->tty = json_bool_at(open, "tty", false);
	r = find_container(pod, open, run->container_id, NULL, err);
	if (r == 0 && !run->tty)
		r = make_pipes(open, false, &io, err);
	else
		io = (struct stdio){ { -EBADF, -EBADF, -EBADF }, { -EBADF, -EBADF, -EBADF } };
	if (r == 0)
		r = start_exec(run, argv, &io, &master_fd, err);
	if (r == 0 && run->tty) { /* before the program can ask */
		run->master_fd = master_fd;
		set_size(run, json_int_at(open, "width", 0), json_int_at(open, "height", 0));
	}
	if (r == 0) {
		run_begin(run);
		r = open_bridges(run, &io, master_fd, err);
		if (r < 0)
			finish(run, err);
		stdio_done(&io);
		return 0;
	}
	stdio_done(&io);
	run_free(agent->loop, run);
	return r;
}

int nodeattach_open(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
		    const struct json_object *open, struct err *err)
{
	struct remote_run *run = run_new(agent, pod, channel, err);
	struct json_object *spec = NULL;
	struct stdio io = { { -EBADF, -EBADF, -EBADF }, { -EBADF, -EBADF, -EBADF } };
	int r;

	if (!run)
		return -ENOMEM;
	run->attach = true;
	r = find_container(pod, open, run->container_id, &spec, err);
	run->tty = json_bool_at(spec, "tty", false);
	if (r == 0)
		r = make_pipes(open, run->tty, &io, err);
	if (r == 0) {
		int64_t request = sandbox_attach(pod->sandbox, run->container_id, io.theirs, err);

		r = request < 0 ? (int)request : 0;
	}
	if (r == 0) {
		run_begin(run);
		(void)wire_accept(channel, NULL, 0);
		r = open_bridges(run, &io, -EBADF, err);
		if (r < 0)
			finish(run, err);
		stdio_done(&io);
		return 0;
	}
	stdio_done(&io);
	run_free(agent->loop, run);
	return r;
}
