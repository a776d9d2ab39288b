/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl port-forward: TCP listeners here, each connection a pair of SPDY streams (data, error) to the
 * pod, all of them in one WebSocket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "base/spdy.h"
#include "base/websocket.h"
#include "ctl/attachable.h"
#include "ctl/command.h"
#include "ctl/portspec.h"

#define PORTS_MAX     64
#define ADDRESSES_MAX 16
#define QUEUED_MAX    ((size_t)1 << 20)	  /* to a local reader, before all wait for it */
#define SENT_MAX      ((size_t)256 << 10) /* in the WebSocket's queue */
#define MESSAGE_MAX   ((size_t)16 << 10)  /* of the error stream */

struct forwarder {
	struct loop *loop;
	struct websocket *ws;
	struct spdy *spdy;
	struct forwarded {
		struct portspec spec;
		struct forwarder *forwarder;
	} ports[PORTS_MAX];
	size_t n_ports;
	struct list connections, listeners;
	unsigned next_request, pauses;
	bool held, ended;
	int exit_code;
};

struct accepting {
	struct list node;
	struct listener *listener;
};

/* One local connection. Freed when both directions have ended, or one has broken. */
struct forwarding {
	struct list node;
	struct forwarder *forwarder;
	const struct forwarded *port;
	struct stream *local;
	struct spdy_stream *data, *error; /* NULL: gone */
	struct buf message;		  /* from the error stream */
	size_t not_granted;		  /* bytes the peer may not yet replace */
	bool pauses, local_ended, remote_ended;
};

static void end(struct forwarder *f, int exit_code)
{
	if (f->ended)
		return;
	f->ended = true;
	f->exit_code = exit_code;
	loop_stop(f->loop);
}

/* ---- one connection ---- */

static void set_pause(struct forwarding *c, bool pause)
{
	struct forwarder *f = c->forwarder;

	if (c->pauses == pause)
		return;
	c->pauses = pause;
	f->pauses += pause ? 1 : -1u;
	if (f->pauses == 0)
		websocket_resume(f->ws);
	else if (pause && f->pauses == 1)
		websocket_pause(f->ws);
}

static void forwarding_free(struct forwarding *c)
{
	set_pause(c, false);
	if (c->data)
		spdy_stream_set_data(c->data, NULL);
	if (c->error)
		spdy_stream_set_data(c->error, NULL);
	if (c->data)
		(void)spdy_reset(c->data, SPDY_CANCEL);
	if (c->error)
		(void)spdy_reset(c->error, SPDY_CANCEL);
	list_remove(&c->node);
	buf_done(&c->message);
	free(c);
}

static void free_when_over(struct forwarding *c)
{
	if (!c->local_ended || !c->remote_ended)
		return;
	stream_finish(c->local);
	forwarding_free(c);
}

static void on_local_data(struct stream *local, void *data)
{
	struct forwarding *c = data;
	struct buf *input = stream_input(local);

	if (!c->data || spdy_queued(c->data) > SENT_MAX) {
		stream_pause(local);
		return;
	}
	if (input->len && spdy_write(c->data, input->data, input->len) == 0)
		buf_consume(input, input->len);
	if (websocket_queued(c->forwarder->ws) > SENT_MAX && !c->forwarder->held) {
		c->forwarder->held = true;
		spdy_hold(c->forwarder->spdy, true);
	}
}

static void on_local_drain(struct stream *local, void *data)
{
	struct forwarding *c = data;

	(void)local;
	if (c->data)
		spdy_consumed(c->data, c->not_granted);
	c->not_granted = 0;
	set_pause(c, false);
}

static void on_local_end(struct stream *local, int reason, void *data)
{
	struct forwarding *c = data;

	if (reason < 0) {
		(void)stream_free(local);
		forwarding_free(c);
		return;
	}
	c->local_ended = true;
	if (c->data)
		(void)spdy_finish(c->data);
	free_when_over(c);
}

static int open_stream(struct forwarding *c, const char *type, bool fin, struct spdy_stream **ret)
{
	char port[8], request[12];
	struct http_header headers[] = { { "port", port },
					 { "requestid", request },
					 { "streamtype", type } };
	int r;

	(void)snprintf(port, sizeof(port), "%u", c->port->spec.remote);
	(void)snprintf(request, sizeof(request), "%u", c->forwarder->next_request);
	r = spdy_open(c->forwarder->spdy, headers, ARRAY_LEN(headers), fin, ret);
	if (r == 0)
		spdy_stream_set_data(*ret, c);
	return r;
}

static void on_accept(struct listener *listener, int fd, const struct sockaddr *peer, void *data)
{
	static const struct stream_events events = { NULL, on_local_data, on_local_drain,
						     on_local_end };
	struct forwarded *port = data;
	struct forwarder *f = port->forwarder;
	struct forwarding *c;

	(void)listener;
	(void)peer;
	(void)printf("Handling connection for %u\n", port->spec.local);
	(void)fflush(stdout);
	c = calloc(1, sizeof(*c));
	if (!c || stream_of_fd(f->loop, fd, NULL, &c->local, NULL) < 0) {
		(void)fprintf(stderr, "error: out of memory for a connection\n");
		if (!c)
			(void)fd_close(fd);
		free(c);
		return;
	}
	c->forwarder = f;
	c->port = port;
	c->message.max = MESSAGE_MAX;
	list_append(&f->connections, &c->node);
	/* The error stream first, and finished from our side: nothing is ever said on it. */
	if (open_stream(c, "error", true, &c->error) < 0 ||
	    open_stream(c, "data", false, &c->data) < 0) {
		(void)stream_free(c->local);
		forwarding_free(c);
	} else {
		stream_set_events(c->local, &events, c);
	}
	f->next_request++;
}

/* ---- SPDY's events ---- */

static int on_output(struct spdy *spdy, const void *bytes, size_t len, void *data)
{
	struct forwarder *f = data;

	(void)spdy;
	return f->ended ? -EPIPE : websocket_send(f->ws, WEBSOCKET_BINARY, bytes, len);
}

static void on_stream(struct spdy *spdy, struct spdy_stream *stream,
		      const struct http_header *headers, size_t n_headers, void *data)
{
	(void)spdy;
	(void)headers;
	(void)n_headers;
	(void)data;
	(void)spdy_reset(stream, SPDY_REFUSED_STREAM); /* it is we who open streams here */
}

static void on_reply(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	(void)spdy;
	(void)stream;
	(void)data;
}

static void on_bytes(struct spdy *spdy, struct spdy_stream *stream, const void *bytes, size_t len,
		     void *data)
{
	struct forwarding *c = spdy_stream_data(stream);

	(void)spdy;
	(void)data;
	if (!c || stream == c->error) {
		spdy_consumed(stream, len);
		if (c)
			(void)buf_append(&c->message, bytes, len);
		return;
	}
	(void)stream_write(c->local, bytes, len);
	c->not_granted += len;
	if (stream_queued(c->local) > QUEUED_MAX)
		set_pause(c, true);
	if (stream_queued(c->local) < STREAM_HIGH_WATER) {
		spdy_consumed(stream, c->not_granted);
		c->not_granted = 0;
	}
}

static void on_writable(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	struct forwarding *c = spdy_stream_data(stream);

	(void)spdy;
	(void)data;
	if (c && stream == c->data)
		stream_resume(c->local);
}

/* The pod's side could not be reached, or broke: said, and that ends it, as with the real one. */
static void tell_problem(struct forwarding *c)
{
	struct forwarder *f = c->forwarder;

	(void)fflush(stdout);
	(void)fprintf(stderr, "error: an error occurred forwarding %u -> %u: %s\n",
		      c->port->spec.local, c->port->spec.remote, buf_str(&c->message));
	(void)fprintf(stderr, "error: lost connection to pod\n");
	end(f, 1);
}

static void on_stream_end(struct spdy *spdy, struct spdy_stream *stream, int reason, void *data)
{
	struct forwarding *c = spdy_stream_data(stream);

	(void)spdy;
	(void)data;
	if (!c)
		return;
	if (stream == c->error) {
		if (c->message.len)
			tell_problem(c);
		return;
	}
	if (reason < 0) {
		(void)stream_free(c->local);
		forwarding_free(c);
		return;
	}
	c->remote_ended = true;
	stream_shutdown(c->local);
	free_when_over(c);
}

static void on_stream_gone(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	struct forwarding *c = spdy_stream_data(stream);

	(void)spdy;
	(void)data;
	if (!c)
		return;
	if (stream == c->data)
		c->data = NULL;
	else
		c->error = NULL;
}

static void on_spdy_error(struct spdy *spdy, const struct err *err, void *data)
{
	struct forwarder *f = data;

	(void)spdy;
	if (!f->ended)
		(void)fprintf(stderr, "error: lost connection to pod: %s\n", err->text);
	end(f, 1);
}

/* ---- the WebSocket's ---- */

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct forwarder *f = data;

	(void)ws;
	(void)kind;
	if (!f->ended)
		(void)spdy_input(f->spdy, bytes, len);
}

static void on_drain(struct websocket *ws, void *data)
{
	struct forwarder *f = data;

	(void)ws;
	if (!f->held)
		return;
	f->held = false;
	spdy_hold(f->spdy, false);
}

static void on_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	struct forwarder *f = data;

	(void)ws;
	(void)code;
	(void)text;
	if (!f->ended)
		(void)fprintf(stderr, "error: lost connection to pod\n");
	end(f, 1);
}

static void on_interrupt(struct loop *loop, int signo, void *data)
{
	(void)loop;
	(void)signo;
	end(data, 0);
}

/* ---- listening ---- */

struct address {
	const char *ip, *family; /* "tcp4", "tcp6" */
	bool either;		 /* "localhost": one of the two is enough */
};

static int add_address(struct address *list, size_t *n, const char *ip, const char *family,
		       bool either)
{
	size_t at = 0;

	while (at < *n && strcmp(list[at].ip, ip) < 0)
		at++;
	if (at < *n && strcmp(list[at].ip, ip) == 0)
		return 0;
	if (*n == ADDRESSES_MAX)
		return -E2BIG;
	memmove(&list[at + 1], &list[at], (*n - at) * sizeof(*list));
	list[at] = (struct address){ ip, family, either };
	(*n)++;
	return 0;
}

/* Sorted, each once. */
static int parse_addresses(const char *const *words, struct address *list, size_t *n,
			   struct err *err)
{
	static const char *const local[] = { "localhost", NULL };
	unsigned char binary[16];
	int r = 0;

	for (words = *words ? words : local; *words && r == 0; words++) {
		if (strcmp(*words, "localhost") == 0) {
			r = add_address(list, n, "127.0.0.1", "tcp4", true);
			if (r == 0)
				r = add_address(list, n, "::1", "tcp6", true);
		} else if (inet_pton(AF_INET, *words, binary) == 1) {
			r = add_address(list, n, *words, "tcp4", false);
		} else if (inet_pton(AF_INET6, *words, binary) == 1) {
			r = add_address(list, n, *words, "tcp6", false);
		} else {
			return err_say(err, -EINVAL, "%s is not a valid IP", *words);
		}
	}
	return r < 0 ? err_set(err, r, "--address") : 0;
}

static const char *host_port(const char *ip, unsigned port, char *text, size_t size)
{
	(void)snprintf(text, size, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
	return text;
}

static int listen_one(struct forwarder *f, struct forwarded *port, const struct address *address,
		      struct buf *problems)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	struct accepting *accepting;
	char where[80], why[64];
	int fd, r;

	r = listen_tcp(address->ip, port->spec.local, &fd, NULL);
	if (r < 0) {
		(void)snprintf(why, sizeof(why), "%s", err_text(r));
		for (char *p = why; *p; p++) /* Go has them in lower case */
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
		(void)buf_printf(
			problems, "%sunable to create listener: Error listen %s %s: bind: %s",
			problems->len ? " " : "", address->family,
			host_port(address->ip, port->spec.local, where, sizeof(where)), why);
		return r;
	}
	if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
		port->spec.local = ntohs(bound.ss_family == AF_INET6
						 ? ((struct sockaddr_in6 *)&bound)->sin6_port
						 : ((struct sockaddr_in *)&bound)->sin_port);
	accepting = calloc(1, sizeof(*accepting));
	if (!accepting) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	r = listener_open(f->loop, fd, on_accept, port, &accepting->listener);
	if (r < 0) {
		free(accepting);
		return r;
	}
	list_append(&f->listeners, &accepting->node);
	(void)printf("Forwarding from %s -> %u\n",
		     host_port(address->ip, port->spec.local, where, sizeof(where)),
		     port->spec.remote);
	return 0;
}

static int listen_port(struct forwarder *f, struct forwarded *port, const struct address *addresses,
		       size_t n)
{
	unsigned failed[2] = { 0 }, opened[2] = { 0 }; /* [either] */
	auto_buf struct buf problems = { 0 };

	for (size_t i = 0; i < n; i++)
		if (listen_one(f, port, &addresses[i], &problems) < 0)
			failed[addresses[i].either]++;
		else
			opened[addresses[i].either]++;
	if ((opened[1] || !failed[1]) && !failed[0])
		return 0;
	(void)fflush(stdout);
	(void)fprintf(stderr,
		      "Unable to listen on port %u: Listeners failed to create with the following "
		      "errors: [%s]\n",
		      port->spec.local, buf_str(&problems));
	return -EADDRINUSE;
}

static int listen_all(struct forwarder *f, const struct address *addresses, size_t n)
{
	auto_buf struct buf ports = { 0 };
	bool any = false;

	for (size_t i = 0; i < f->n_ports; i++) {
		f->ports[i].forwarder = f;
		any |= listen_port(f, &f->ports[i], addresses, n) == 0;
		(void)buf_printf(&ports, "%s{%u %u}", i ? " " : "", f->ports[i].spec.local,
				 f->ports[i].spec.remote);
	}
	(void)fflush(stdout);
	return any ? 0
		   : command_fail("unable to listen on any of the requested ports: [%s]",
				  buf_str(&ports));
}

/* ---- the command ---- */

static void forwarder_done(struct forwarder *f)
{
	f->ended = true;
	list_for_each (node, next, &f->listeners) {
		struct accepting *accepting = list_entry(node, struct accepting, node);

		(void)listener_close(accepting->listener);
		free(accepting);
	}
	list_for_each (node, next, &f->connections) {
		struct forwarding *c = list_entry(node, struct forwarding, node);

		(void)stream_free(c->local);
		forwarding_free(c);
	}
	(void)spdy_free(f->spdy);
	if (f->ws)
		(void)websocket_free(f->ws);
}

static int connect_pod(struct forwarder *f, struct session *session, const struct json_object *pod,
		       struct err *err)
{
	static const struct websocket_events ws_events = { on_message, on_drain, on_close };
	static const struct spdy_events spdy_events = {
		.on_output = on_output,
		.on_stream = on_stream,
		.on_reply = on_reply,
		.on_bytes = on_bytes,
		.on_writable = on_writable,
		.on_stream_end = on_stream_end,
		.on_stream_gone = on_stream_gone,
		.on_error = on_spdy_error,
	};
	auto_buf struct buf path = { 0 };
	struct stream *stream;
	char protocol[64];
	int r;

	(void)buf_puts(&path, "/api/v1/namespaces/");
	(void)rest_escape(&path, json_str_at(pod, "metadata.namespace"));
	(void)buf_puts(&path, "/pods/");
	(void)rest_escape(&path, json_str_at(pod, "metadata.name"));
	(void)buf_puts(&path, "/portforward");
	r = rest_websocket(session->rest, buf_str(&path), "SPDY/3.1+portforward.k8s.io", &stream,
			   protocol, sizeof(protocol), err);
	if (r < 0)
		return r;
	r = websocket_new(stream, false, &ws_events, f, &f->ws);
	if (r == 0)
		r = spdy_new(false, &spdy_events, f, &f->spdy);
	return r < 0 ? err_set(err, r, "error: forward ports") : 0;
}

static int run(struct session *session, struct cli *cli)
{
	struct forwarder f = { .loop = rest_loop(session->rest) };
	struct address addresses[ADDRESSES_MAX];
	struct attachable target = { 0 };
	const char *phase;
	size_t n = 0;
	struct err err = { 0 };
	int r = attachable_find(session, cli->args[0], &target, &err);

	list_init(&f.connections);
	list_init(&f.listeners);
	if (r < 0)
		return session_fail(&err);
	for (size_t i = 1; i < cli->n_args && r == 0; i++)
		r = f.n_ports == PORTS_MAX
			    ? err_set(&err, -E2BIG, "ports")
			    : portspec_parse(cli->args[i],
					     strcmp(target.type.kind, "Service") == 0
						     ? target.object
						     : NULL,
					     target.pod, &f.ports[f.n_ports++].spec, &err);
	phase = json_str_at(target.pod, "status.phase");
	if (r == 0 && (!phase || strcmp(phase, "Running") != 0))
		r = err_say(&err, -EINVAL,
			    "unable to forward port because pod is not running. Current status=%s",
			    phase ? phase : "");
	if (r == 0)
		r = parse_addresses(cli_list(cli, "address"), addresses, &n, &err);
	if (r < 0) {
		r = command_fail("%s", err.text);
	} else {
		r = connect_pod(&f, session, target.pod, &err);
		r = r < 0 ? session_fail(&err) : listen_all(&f, addresses, n);
		if (r == 0) {
			(void)loop_signal(f.loop, SIGINT, on_interrupt, &f);
			r = loop_run(f.loop, &err) < 0 ? session_fail(&err) : f.exit_code;
		}
	}
	forwarder_done(&f);
	attachable_done(&target);
	return r;
}

int command_port_forward(struct cli *cli)
{
	struct session session;
	int r;

	if (cli->n_args < 2)
		return command_fail("TYPE/NAME and list of ports are required for port-forward\n"
				    "See 'kubectl port-forward -h' for help and examples");
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = run(&session, cli);
	session_close(&session);
	return r;
}
