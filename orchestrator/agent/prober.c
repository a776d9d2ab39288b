/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/prober.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/http.h"
#include "base/time.h"
#include "base/tls.h"
#include "orchestrator/agent/envlist.h"
#include "orchestrator/agent/execution.h"
#include "orchestrator/agent/podenv.h"

#define OUTPUT_MAX    ((size_t)10 << 10)
#define REDIRECTS_MAX 10

struct probe_run {
	struct list link; /* nodepod->probes */
	struct nodepod *pod;
	bool hook;
	uint64_t ticket;
	struct json_object *spec;
	struct loop_timer *timer;
	int64_t timeout_ns;
	bool over; /* answered; freed at the end of the round */
	/* exec */
	struct execution *execution;
	int out_fd; /* of its output */
	struct buf output;
	bool process_ended;
	int exit_code;
	char *command; /* for messages */
	/* http, tcp */
	struct stream *stream;
	struct http_client *client;
	char host[256], url[1100];
	unsigned port;
	int status, redirects;
	char *location;
};

/* ---- an end ---- */

static void run_free(struct probe_run *run)
{
	list_remove(&run->link);
	if (run->execution)
		execution_forget(run->execution);
	if (run->out_fd >= 0) {
		loop_unwatch(run->pod->agent->loop, run->out_fd);
		fd_close(run->out_fd);
	}
	http_client_free(run->client);
	if (!run->client)
		stream_free(run->stream);
	loop_timer_free(run->timer);
	buf_done(&run->output);
	json_unref(run->spec);
	free(run->command);
	free(run->location);
	free(run);
}

static void answer(struct probe_run *run, enum podmachine_outcome outcome, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void answer(struct probe_run *run, enum podmachine_outcome outcome, const char *fmt, ...)
{
	struct nodepod *pod = run->pod;
	char text[1400];
	va_list args;
	struct podmachine_event event = { .type = run->hook ? POD_HOOKED : POD_PROBED,
					  .ticket = run->ticket,
					  .outcome = outcome,
					  .text = text };

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	run_free(run);
	nodepod_event(pod, &event);
}

void prober_end_all(struct nodepod *pod)
{
	while (!list_empty(&pod->probes))
		run_free(list_entry(pod->probes.next, struct probe_run, link));
}

/* An errno in the words of Go's net package. */
static const char *go_error(int code, char *text, size_t size)
{
	(void)snprintf(text, size, "%s", err_text(code));
	if (text[0] >= 'A' && text[0] <= 'Z')
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

/* ---- exec ---- */

static void exec_done(struct probe_run *run)
{
	if (!run->process_ended || run->out_fd >= 0)
		return;
	if (run->exit_code == 0)
		answer(run, POD_SUCCESS, "%s", "");
	else if (run->hook)
		answer(run, POD_FAILURE, "command '%s' exited with %d: %s", run->command,
		       run->exit_code, buf_str(&run->output));
	else
		answer(run, POD_FAILURE, "%s", buf_str(&run->output));
}

static void on_output(struct loop *loop, int fd, unsigned events, void *data)
{
	struct probe_run *run = data;
	char text[4096];
	ssize_t n = read(fd, text, sizeof(text));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		size_t room = OUTPUT_MAX - MIN(run->output.len, OUTPUT_MAX);

		(void)buf_append(&run->output, text, MIN((size_t)n, room));
		return;
	}
	loop_unwatch(loop, fd);
	run->out_fd = fd_close(fd);
	exec_done(run);
}

static void on_exec_ended(struct execution *execution, int exit_code, const struct err *err,
			  void *data)
{
	struct probe_run *run = data;

	(void)execution;
	run->execution = NULL;
	run->process_ended = true;
	run->exit_code = exit_code;
	if (err && err->code) {
		answer(run, run->hook ? POD_FAILURE : POD_ERROR, "%s", err->text);
		return;
	}
	if (run->out_fd >= 0) {
		/* Its children may hold the pipe open: what is in it now is all that counts. */
		char text[4096];
		ssize_t n;

		while ((n = read(run->out_fd, text, sizeof(text))) > 0 &&
		       run->output.len < OUTPUT_MAX)
			(void)buf_append(&run->output, text,
					 MIN((size_t)n, OUTPUT_MAX - run->output.len));
		loop_unwatch(run->pod->agent->loop, run->out_fd);
		run->out_fd = fd_close(run->out_fd);
	}
	exec_done(run);
}

static const char **make_argv(struct probe_run *run, const struct json_object *command,
			      const struct json_object *container, struct buf *text)
{
	auto_envlist struct envlist env = { 0 };
	size_t n = json_len(command);
	const char **argv = calloc(n + 1, sizeof(*argv));

	podenv_static(container, &env);
	for (size_t i = 0; argv && i < n; i++) {
		const char *word = json_str(json_idx(command, i));

		/* Hooks get their words as they stand; only probes expand them. */
		argv[i] = run->hook ? strdup(word ? word : "")
				    : envlist_expand(word ? word : "", &env, NULL);
		if (!argv[i])
			argv[i] = strdup("");
		(void)buf_printf(text, "%s%s", i ? " " : "", argv[i] ? argv[i] : "");
	}
	return argv;
}

static void free_argv(const char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free((char *)argv[i]);
	free(argv);
}

static void run_exec(struct probe_run *run, const char *container_id,
		     const struct json_object *container)
{
	static const struct execution_events events = { .on_ended = on_exec_ended };
	auto_buf struct buf text = BUF_INIT(4096);
	const char **argv = make_argv(run, json_at(run->spec, "exec.command"), container, &text);
	struct err err = { 0 };
	int pipe_fds[2] = { -EBADF, -EBADF }, r;

	run->command = strdup(buf_str(&text));
	if (!argv || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = err_set(&err, argv ? -errno : -ENOMEM, "exec");
	} else {
		/* Writers of the command shall block, not fail. */
		(void)fd_set_nonblocking(pipe_fds[1], false);
		r = execution_start(
			run->pod,
			&(struct execution_options){ .container_id = container_id,
						     .argv = argv,
						     .fds = { -EBADF, pipe_fds[1], pipe_fds[1] } },
			&events, run, &run->execution, NULL, &err);
	}
	free_argv(argv);
	fd_close(pipe_fds[1]);
	run->out_fd = pipe_fds[0];
	if (r == 0)
		r = loop_watch(run->pod->agent->loop, run->out_fd, LOOP_READ, on_output, run);
	if (r < 0)
		answer(run, run->hook ? POD_FAILURE : POD_ERROR, "%s", err.text);
}

/* ---- connections ---- */

static int named_port(const struct json_object *container, const char *name)
{
	struct json_object *ports = json_get(container, "ports");

	for (size_t i = 0; i < json_len(ports); i++) {
		const char *n = json_str_at(json_idx(ports, i), "name");

		if (n && strcmp(n, name) == 0)
			return (int)json_int_at(json_idx(ports, i), "containerPort", 0);
	}
	return 0;
}

static bool find_target(struct probe_run *run, const struct json_object *handler,
			const struct json_object *container)
{
	const struct json_object *port = json_get(handler, "port");
	const char *host = json_str_at(handler, "host"), *name = json_str(port);
	int64_t number = json_int(port, 0);

	if (name)
		number = named_port(container, name);
	if (name && number == 0)
		number = strtol(name, NULL, 10);
	if (number < 1 || number > 65535) {
		answer(run, run->hook ? POD_FAILURE : POD_ERROR, "invalid port number: %lld",
		       (long long)number);
		return false;
	}
	(void)snprintf(run->host, sizeof(run->host), "%s",
		       host && *host ? host : podmachine_ip(run->pod->machine));
	run->port = (unsigned)number;
	return true;
}

/* Addresses only: looking names up would block, and the kubelet's probes name addresses too. */
static int connect_to(struct probe_run *run, struct tls *tls, struct err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)run->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)run->port) };
	const char *host = strcmp(run->host, "localhost") == 0 ? "127.0.0.1" : run->host;
	struct loop *loop = run->pod->agent->loop;

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		return stream_connect(loop, (struct sockaddr *)&v4, sizeof(v4), tls, NULL,
				      &run->stream, err);
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		return stream_connect(loop, (struct sockaddr *)&v6, sizeof(v6), tls, NULL,
				      &run->stream, err);
	tls_free(tls);
	return err_say(err, -EINVAL, "lookup %s: no such host", run->host);
}

/* ---- tcpSocket ---- */

static void tcp_failed(struct probe_run *run, int code)
{
	char text[128];

	answer(run, POD_FAILURE,
	       strchr(run->host, ':') ? "dial tcp [%s]:%u: connect: %s"
				      : "dial tcp %s:%u: connect: %s",
	       run->host, run->port, go_error(code, text, sizeof(text)));
}

static void on_tcp_open(struct stream *stream, void *data)
{
	struct probe_run *run = data;

	(void)stream;
	answer(run, POD_SUCCESS, "%s", "");
}

static void on_tcp_data(struct stream *stream, void *data)
{
	(void)stream;
	(void)data;
}

static void on_tcp_end(struct stream *stream, int reason, void *data)
{
	(void)stream;
	tcp_failed(data, reason);
}

static void run_tcp(struct probe_run *run, const struct json_object *container)
{
	static const struct stream_events events = { .on_open = on_tcp_open,
						     .on_data = on_tcp_data,
						     .on_end = on_tcp_end };
	struct err err = { 0 };
	int r;

	if (!find_target(run, json_get(run->spec, "tcpSocket"), container))
		return;
	r = connect_to(run, NULL, &err);
	if (r < 0) {
		tcp_failed(run, r);
		return;
	}
	stream_set_events(run->stream, &events, run);
}

/* ---- httpGet ---- */

static void http_start(struct probe_run *run);

static bool is_https(const struct probe_run *run)
{
	return strncmp(run->url, "https:", 6) == 0;
}

/* The host part of a URL is run->host? Then its path, else NULL. */
static const char *same_host(const struct probe_run *run, const char *location)
{
	const char *host, *end;

	if (*location == '/' && location[1] != '/')
		return location;
	host = strstr(location, "://");
	if (!host)
		return NULL;
	host += 3;
	end = host + strcspn(host, ":/?#");
	if (strlen(run->host) != (size_t)(end - host) ||
	    strncasecmp(run->host, host, (size_t)(end - host)) != 0)
		return NULL;
	return *end == ':' ? strchr(end, '/') : (*end == '/' ? end : "/");
}

static void on_http_response(struct http_client *client, const struct http_response *response,
			     void *data)
{
	struct probe_run *run = data;
	const char *location = http_response_header(response, "Location");

	(void)client;
	run->status = response->status;
	free(run->location);
	run->location = location ? strdup(location) : NULL;
}

static void on_http_body(struct http_client *client, const void *bytes, size_t len, void *data)
{
	struct probe_run *run = data;

	(void)client;
	(void)buf_append(&run->output, bytes,
			 MIN(len, OUTPUT_MAX - MIN(run->output.len, OUTPUT_MAX)));
}

static void http_verdict(struct probe_run *run)
{
	const char *path = run->location ? same_host(run, run->location) : NULL;

	if (run->status >= 300 && run->status < 400 && path && run->redirects < REDIRECTS_MAX) {
		char scheme[8];

		run->redirects++;
		run->client = http_client_free(run->client);
		run->stream = NULL;
		(void)snprintf(scheme, sizeof(scheme), "%s", is_https(run) ? "https" : "http");
		(void)snprintf(run->url, sizeof(run->url), "%s://%s:%u%s", scheme, run->host,
			       run->port, path);
		buf_clear(&run->output);
		http_start(run);
		return;
	}
	if (run->hook || (run->status >= 200 && run->status < 300))
		answer(run, POD_SUCCESS, "%s", "");
	else if (run->status >= 300 && run->status < 400)
		answer(run, POD_WARNING, "Probe terminated redirects, Response body: %s",
		       buf_str(&run->output));
	else
		answer(run, POD_FAILURE, "HTTP probe failed with statuscode: %d", run->status);
}

static void on_http_done(struct http_client *client, int reason, void *data)
{
	struct probe_run *run = data;
	char text[128];

	(void)client;
	if (reason == 0 || run->status) {
		http_verdict(run);
		return;
	}
	(void)go_error(reason, text, sizeof(text));
	if (reason == -ECONNREFUSED || reason == -EHOSTUNREACH || reason == -ENETUNREACH ||
	    reason == -ETIMEDOUT)
		answer(run, POD_FAILURE, "Get \"%s\": dial tcp %s:%u: connect: %s", run->url,
		       run->host, run->port, text);
	else
		answer(run, POD_FAILURE, "Get \"%s\": %s", run->url,
		       reason == -EPIPE ? "EOF" : text);
}

static int http_connect(struct probe_run *run, const char *host_header, struct err *err)
{
	static const struct http_client_events events = { .on_response = on_http_response,
							  .on_body = on_http_body,
							  .on_done = on_http_done };
	static struct tls_context *context; /* made with the first HTTPS probe */
	struct tls *tls = NULL;
	int r;

	if (is_https(run)) {
		r = context ? 0
			    : tls_context_new(&(struct tls_options){ .skip_verify = true },
					      &context, err);
		if (r == 0)
			r = tls_new(context, NULL, &tls, err);
		if (r < 0)
			return r;
	}
	r = connect_to(run, tls, err);
	if (r < 0)
		return r;
	return http_client_new(take_ptr(&run->stream), host_header, &events, run, &run->client);
}

static void http_start(struct probe_run *run)
{
	const struct json_object *handler = json_get(run->spec, "httpGet");
	struct json_object *list = json_get(handler, "httpHeaders");
	struct http_header headers[34] = { { "User-Agent", "kube-probe/1.37" },
					   { "Accept", "*/*" } };
	size_t n = 2;
	char host[300];
	const char *path = strchr(strstr(run->url, "://") + 3, '/');
	struct err err = { 0 };
	int r;

	(void)snprintf(host, sizeof(host), strchr(run->host, ':') ? "[%s]:%u" : "%s:%u", run->host,
		       run->port);
	for (size_t i = 0; i < json_len(list) && n < ARRAY_LEN(headers); i++) {
		const char *name = json_str_at(json_idx(list, i), "name");
		const char *value = json_str_at(json_idx(list, i), "value");

		if (!name || !value)
			continue;
		if (strcasecmp(name, "Host") == 0)
			(void)snprintf(host, sizeof(host), "%s", value);
		else if (strcasecmp(name, "User-Agent") == 0)
			headers[0].value = value;
		else if (strcasecmp(name, "Accept") == 0)
			headers[1].value = value;
		else
			headers[n++] = (struct http_header){ name, value };
	}
	r = http_connect(run, host, &err);
	if (r == 0) {
		r = http_client_send(run->client, "GET", path ? path : "/", headers, n, NULL, 0);
		if (r < 0)
			(void)err_set(&err, r, "send");
	}
	if (r < 0)
		answer(run, POD_FAILURE, "Get \"%s\": %s", run->url, err.text);
}

static void run_http(struct probe_run *run, const struct json_object *container)
{
	const struct json_object *handler = json_get(run->spec, "httpGet");
	const char *scheme = json_str_at(handler, "scheme"), *path = json_str_at(handler, "path");

	if (!find_target(run, handler, container))
		return;
	(void)snprintf(run->url, sizeof(run->url),
		       strchr(run->host, ':') ? "%s://[%s]:%u%s%s" : "%s://%s:%u%s%s",
		       scheme && strcmp(scheme, "HTTPS") == 0 ? "https" : "http", run->host,
		       run->port, path && *path == '/' ? "" : "/", path ? path : "");
	http_start(run);
}

/* ---- time ---- */

static void on_timeout(struct loop *loop, void *data)
{
	struct probe_run *run = data;

	(void)loop;
	if (json_get(run->spec, "sleep")) {
		answer(run, POD_SUCCESS, "%s", "");
	} else if (run->execution) {
		execution_signal(run->execution, SIGKILL);
		answer(run, POD_FAILURE, "command timed out: \"%s\" timed out after %llds",
		       run->command ? run->command : "", (long long)(run->timeout_ns / NS_PER_S));
	} else if (json_get(run->spec, "tcpSocket")) {
		answer(run, POD_FAILURE, "dial tcp %s:%u: i/o timeout", run->host, run->port);
	} else {
		answer(run, POD_FAILURE,
		       "Get \"%s\": context deadline exceeded (Client.Timeout exceeded while "
		       "awaiting headers)",
		       run->url);
	}
}

static void dispatch(struct probe_run *run, const char *id, const struct json_object *container)
{
	if (json_get(run->spec, "exec"))
		run_exec(run, id, container);
	else if (json_get(run->spec, "httpGet"))
		run_http(run, container);
	else if (json_get(run->spec, "tcpSocket"))
		run_tcp(run, container);
	else if (json_get(run->spec, "sleep"))
		return; /* the timer answers */
	else
		answer(run, run->hook ? POD_FAILURE : POD_ERROR,
		       "probes of type %s are not supported by this node",
		       json_get(run->spec, "grpc") ? "grpc" : "(none)");
}

void prober_run(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct probe_run *run = calloc(1, sizeof(*run));
	const struct json_object *container =
		downward_container(podmachine_pod(pod->machine), effect->container);
	int64_t sleep_ns;

	if (!run || loop_timer_new(pod->agent->loop, on_timeout, run, &run->timer) < 0) {
		free(run);
		podmachine_event(pod->machine,
				 &(struct podmachine_event){
					 .type = effect->type == POD_HOOK ? POD_HOOKED : POD_PROBED,
					 .ticket = effect->ticket,
					 .outcome = POD_ERROR,
					 .text = "out of memory" },
				 agent_now_ns(pod->agent));
		return;
	}
	run->pod = pod;
	run->hook = effect->type == POD_HOOK;
	run->ticket = effect->ticket;
	run->spec = json_ref(effect->spec);
	run->out_fd = -EBADF;
	run->output = BUF_INIT(OUTPUT_MAX + 4096);
	run->timeout_ns = effect->timeout_ns;
	list_append(&pod->probes, &run->link);
	sleep_ns = json_int_at(run->spec, "sleep.seconds", 0) * NS_PER_S;
	if (json_get(run->spec, "sleep"))
		loop_timer_set_ns(run->timer, sleep_ns);
	else if (run->timeout_ns > 0)
		loop_timer_set_ns(run->timer, run->timeout_ns);
	dispatch(run, effect->id, container);
}
