/* SPDX-License-Identifier: Apache-2.0 */
/* port-forward and dial: a TCP connection made on or in behalf of the node, carried by a channel. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestream.h"

struct dialled {
	struct nodestream base;
	struct bridge bridge;
	int fd; /* while connecting inside a pod */
	bool tried_v6, channel_ended;
	unsigned port;
	struct buf early; /* came before there was a connection: a window's worth at most */
};

static void dialled_free(struct loop *loop, void *data)
{
	struct dialled *d = data;

	(void)loop;
	buf_done(&d->early);
	free(d);
}

/* Both sides are done with it. */
static void release(struct dialled *d)
{
	list_remove(&d->base.link);
	if (d->fd >= 0) {
		loop_unwatch(d->base.agent->loop, d->fd);
		d->fd = fd_close(d->fd);
	}
	d->bridge.channel = d->base.channel = NULL;
	if (d->bridge.stream)
		stream_finish(take_ptr(&d->bridge.stream));
	loop_defer(d->base.agent->loop, dialled_free, d);
}

static void close_with(struct dialled *d, const struct err *err)
{
	if (d->base.channel)
		wire_close(d->base.channel, err);
	release(d);
}

static void on_pod_gone(struct nodestream *base)
{
	struct err err = { 0 };

	(void)err_say(&err, -ECONNRESET, "the pod has ended");
	close_with((struct dialled *)base, &err);
}

static const struct nodestream_ops ops = { .end = on_pod_gone };

/* ---- bytes ---- */

static void maybe_close(struct dialled *d)
{
	if (d->bridge.ended && stream_input(d->bridge.stream)->len == 0) {
		(void)wire_end(d->base.channel, WIRE_STDIN);
		if (d->channel_ended)
			close_with(d, NULL);
	}
}

static void on_stream_data(struct stream *stream, void *data)
{
	struct dialled *d = data;

	(void)stream;
	bridge_pull(&d->bridge);
}

static void on_stream_drain(struct stream *stream, void *data)
{
	struct dialled *d = data;

	(void)stream;
	bridge_drained(&d->bridge);
}

static void on_stream_end(struct stream *stream, int reason, void *data)
{
	struct dialled *d = data;

	if (reason < 0) {
		struct err err = *stream_error(stream);

		close_with(d, &err);
		return;
	}
	d->bridge.ended = true;
	maybe_close(d);
}

static void on_stream_open(struct stream *stream, void *data)
{
	struct dialled *d = data;

	(void)stream;
	(void)wire_accept(d->base.channel, NULL, 0);
}

static void on_channel_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
			    size_t len, void *data)
{
	struct dialled *d = data;

	struct err err = { 0 };

	(void)sub;
	(void)channel;
	if (d->bridge.stream) {
		bridge_push(&d->bridge, bytes, len);
	} else if (buf_append(&d->early, bytes, len) < 0) {
		(void)err_set(&err, -ENOMEM, "dial");
		close_with(d, &err);
	}
}

static void on_channel_writable(struct wire_channel *channel, void *data)
{
	struct dialled *d = data;

	(void)channel;
	bridge_pull(&d->bridge);
	if (d->bridge.stream)
		maybe_close(d);
}

static void on_channel_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	struct dialled *d = data;

	(void)channel;
	(void)sub;
	d->channel_ended = true;
	if (!d->bridge.stream)
		return;
	stream_shutdown(d->bridge.stream);
	maybe_close(d);
}

static void on_channel_close(struct wire_channel *channel, const struct err *err, void *data)
{
	(void)channel;
	(void)err;
	release(data);
}

static const struct stream_events stream_callbacks = { .on_open = on_stream_open,
						       .on_data = on_stream_data,
						       .on_drain = on_stream_drain,
						       .on_end = on_stream_end };
static const struct wire_channel_events channel_callbacks = {
	.on_data = on_channel_data,
	.on_writable = on_channel_writable,
	.on_end = on_channel_end,
	.on_close = on_channel_close,
};

static struct dialled *dialled_new(struct agent *agent, struct nodepod *pod,
				   struct wire_channel *channel, struct err *err)
{
	struct dialled *d = calloc(1, sizeof(*d));

	if (!d) {
		(void)err_set(err, -ENOMEM, "dial");
		return NULL;
	}
	list_init(&d->base.link);
	d->base.ops = &ops;
	d->base.agent = agent;
	d->base.pod = pod;
	d->base.channel = d->bridge.channel = channel;
	d->bridge.out = WIRE_STDIN; /* sub-stream 0, both ways */
	d->fd = -EBADF;
	d->early = BUF_INIT(WIRE_WINDOW);
	return d;
}

/* ---- port-forward: to the pod's own loopback ---- */

static int connect_inside(struct dialled *d, struct err *err);

static void on_connected(struct loop *loop, int fd, unsigned events, void *data)
{
	struct dialled *d = data;
	int code = 0, r;
	socklen_t size = sizeof(code);
	struct err err = { 0 };

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		code = errno;
	loop_unwatch(loop, fd);
	if (code && !d->tried_v6) {
		d->tried_v6 = true;
		d->fd = fd_close(d->fd);
		if (connect_inside(d, &err) == 0)
			return;
		code = ECONNREFUSED;
	}
	if (code) {
		(void)err_say(&err, -code, "failed to connect to localhost:%u inside the pod: %s",
			      d->port, err_text(-code));
		close_with(d, &err);
		return;
	}
	r = stream_of_fd(loop, take_fd(&d->fd), NULL, &d->bridge.stream, &err);
	if (r < 0) {
		close_with(d, &err);
		return;
	}
	stream_set_events(d->bridge.stream, &stream_callbacks, d);
	/* Whoever opens a stream may send at once, and may have ended by now. */
	if (d->early.len)
		bridge_push(&d->bridge, d->early.data, d->early.len);
	buf_done(&d->early);
	if (d->channel_ended)
		stream_shutdown(d->bridge.stream);
}

static int connect_inside(struct dialled *d, struct err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)d->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)d->port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int net_fd = sandbox_net_fd(d->base.pod->sandbox),
	    family = d->tried_v6 ? AF_INET6 : AF_INET;
	bool host = json_bool_at(podmachine_pod(d->base.pod->machine), "spec.hostNetwork", false);
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, r;

	d->fd = host ? socket(family, type, 0) : netns_socket(net_fd, family, type, 0);
	if (d->fd < 0)
		return err_set(err, host ? -errno : d->fd, "socket inside the pod");
	(void)fd_set_nonblocking(d->fd, true);
	r = d->tried_v6 ? connect(d->fd, (struct sockaddr *)&v6, sizeof(v6))
			: connect(d->fd, (struct sockaddr *)&v4, sizeof(v4));
	if (r < 0 && errno == ECONNREFUSED && !d->tried_v6) { /* loopback may answer at once */
		d->tried_v6 = true;
		d->fd = fd_close(d->fd);
		return connect_inside(d, err);
	}
	if (r < 0 && errno != EINPROGRESS)
		return err_say(err, -errno, "failed to connect to localhost:%u inside the pod: %s",
			       d->port, err_text(-errno));
	return loop_watch(d->base.agent->loop, d->fd, LOOP_WRITE, on_connected, d);
}

int nodeforward_open(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
		     const struct json_object *open, struct err *err)
{
	int64_t port = json_int_at(open, "port", 0);
	struct dialled *d;
	int r;

	if (port < 1 || port > 65535)
		return err_say(err, -EINVAL, "port %lld is out of range", (long long)port);
	if (!pod->sandbox)
		return err_say(err, -ENOENT, "pod %s/%s does not run", pod->namespace, pod->name);
	d = dialled_new(agent, pod, channel, err);
	if (!d)
		return -ENOMEM;
	d->port = (unsigned)port;
	r = connect_inside(d, err);
	if (r < 0) {
		fd_close(d->fd);
		free(d);
		return r;
	}
	list_append(&pod->streams, &d->base.link);
	wire_channel_bind(channel, &channel_callbacks, d);
	return 0;
}

/* ---- dial: from the node ---- */

int nodedial_open(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
		  const struct json_object *open, struct err *err)
{
	int64_t port = json_int_at(open, "port", 0);
	const char *text = json_str_at(open, "address");
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct dialled *d;
	int r;

	pod = nodepod_find(agent, json_str_at(open, "uid"));
	if (pod)
		text = podmachine_ip(pod->machine);
	if (port < 1 || port > 65535 || !text)
		return err_say(err, -EINVAL, "dial: no address or port");
	d = dialled_new(agent, pod, channel, err);
	if (!d)
		return -ENOMEM;
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		r = stream_connect(agent->loop, (struct sockaddr *)&v4, sizeof(v4), NULL, NULL,
				   &d->bridge.stream, err);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		r = stream_connect(agent->loop, (struct sockaddr *)&v6, sizeof(v6), NULL, NULL,
				   &d->bridge.stream, err);
	else
		r = err_say(err, -EINVAL, "dial: \"%s\" is not an address", text);
	if (r < 0) {
		free(d);
		return r;
	}
	if (pod)
		list_append(&pod->streams, &d->base.link);
	wire_channel_bind(channel, &channel_callbacks, d);
	stream_set_events(d->bridge.stream, &stream_callbacks, d);
	return 0;
}
