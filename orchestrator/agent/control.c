/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/stream.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/uplink.h"

#define LINE_MAX_BYTES 65536
#define GUESTS_MAX     32

struct control {
	struct agent *agent;
	struct listener *listener;
	struct list guests;
	unsigned n_guests;
	char path[600];
};

struct guest {
	struct list link;
	struct control *control;
	struct stream *stream;
};

/* ---- answers ---- */

static struct json_object *say_status(struct agent *agent)
{
	struct json_object *json = json_new_object();
	auto_buf struct buf text = BUF_INIT(2048);
	int64_t running = 0;

	map_for_each (node, next, &agent->pods)
		running += strcmp(podmachine_phase(map_entry(node, struct nodepod, node)->machine),
				  "Running") == 0;
	uplink_describe(agent->uplink, &text);
	(void)json_put_str(json, "node", agent->options.node_name);
	(void)json_put_str(json, "address", agent->address);
	(void)json_put_bool(json, "connected", uplink_is_session(agent->uplink));
	(void)json_put_str(json, "server", buf_str(&text));
	(void)json_put_str(json, "podCIDR", agent->pod_cidr);
	(void)json_put_int(json, "pods", (int64_t)agent->pods.count);
	(void)json_put_int(json, "running", running);
	(void)json_put_bool(json, "limitsUnenforced", agent->limits_unenforced);
	(void)json_put_str(json, "version", SHALLOP_VERSION);
	return json;
}

static struct json_object *say_pods(struct agent *agent)
{
	struct json_object *json = json_new_object(), *list = json_new_array();

	map_for_each (node, next, &agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);
		struct json_object *entry = json_new_object();

		(void)json_put_str(entry, "namespace", pod->namespace);
		(void)json_put_str(entry, "name", pod->name);
		(void)json_put_str(entry, "uid", pod->uid);
		(void)json_put(entry, "status", json_ref(podmachine_status(pod->machine)));
		(void)json_add(list, entry);
	}
	(void)json_put(json, "pods", list);
	return json;
}

static const struct {
	const char *verb;
	struct json_object *(*say)(struct agent *agent);
} verbs[] = {
	{ "status", say_status },
	{ "pods", say_pods },
};

static void answer(struct guest *guest, const char *line, size_t len)
{
	auto_json struct json_object *request = NULL, *reply = NULL;
	auto_buf struct buf text = BUF_INIT((size_t)64 << 20);
	const char *verb;

	(void)json_parse(line, len, &request, NULL);
	verb = json_str_at(request, "verb");
	for (size_t i = 0; verb && i < ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i].verb) == 0)
			reply = verbs[i].say(guest->control->agent);
	if (!reply) {
		reply = json_new_object();
		(void)json_put_str(reply, "error", "unknown verb (status and pods are known)");
	}
	(void)json_write(&text, reply);
	(void)buf_putc(&text, '\n');
	(void)stream_write(guest->stream, text.data, text.len);
}

/* ---- guests ---- */

static void guest_leave(struct guest *guest, bool at_once)
{
	list_remove(&guest->link);
	guest->control->n_guests--;
	if (at_once)
		stream_free(guest->stream);
	else
		stream_finish(guest->stream);
	free(guest);
}

static void on_data(struct stream *stream, void *data)
{
	struct guest *guest = data;
	struct buf *input = stream_input(stream);

	for (;;) {
		char *end = input->len ? memchr(input->data, '\n', input->len) : NULL;
		size_t n;

		if (!end) {
			if (input->len >= LINE_MAX_BYTES)
				guest_leave(guest, true);
			return;
		}
		n = (size_t)(end - input->data);
		answer(guest, input->data, n);
		buf_consume(input, n + 1);
	}
}

static void on_end(struct stream *stream, int reason, void *data)
{
	(void)stream;
	guest_leave(data, reason < 0);
}

static void on_guest(struct listener *listener, int fd, const struct sockaddr *peer, void *data)
{
	static const struct stream_events events = { .on_data = on_data, .on_end = on_end };
	struct control *c = data;
	struct guest *guest;
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(who);

	(void)listener;
	(void)peer;
	if (c->n_guests == GUESTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		close(fd);
		return;
	}
	guest = calloc(1, sizeof(*guest));
	if (!guest) {
		close(fd);
		return;
	}
	guest->control = c;
	if (stream_of_fd(c->agent->loop, fd, NULL, &guest->stream, NULL) < 0) {
		free(guest);
		return;
	}
	list_append(&c->guests, &guest->link);
	c->n_guests++;
	stream_set_events(guest->stream, &events, guest);
}

int control_open(struct agent *agent, struct control **ret, struct err *err)
{
	struct control *c = calloc(1, sizeof(*c));
	int fd, r;

	if (!c)
		return err_set(err, -ENOMEM, "agent.sock");
	c->agent = agent;
	list_init(&c->guests);
	(void)snprintf(c->path, sizeof(c->path), "%s/agent.sock", agent->options.run_dir);
	(void)unlink(c->path); /* of an agent that was killed: the instance is locked by now */
	r = listen_unix(c->path, 0600, &fd, err);
	if (r == 0) {
		r = listener_open(agent->loop, fd, on_guest, c, &c->listener);
		if (r < 0)
			(void)err_set(err, r, "listen on %s", c->path);
	}
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct control *control_close(struct control *c)
{
	if (!c)
		return NULL;
	while (!list_empty(&c->guests))
		guest_leave(list_entry(c->guests.next, struct guest, link), true);
	listener_close(c->listener);
	(void)unlink(c->path);
	free(c);
	return NULL;
}
