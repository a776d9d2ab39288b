/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/nodestream.h"

#include <errno.h>
#include <string.h>

#include "orchestrator/agent/nodepod.h"

#define HIGH_WATER ((size_t)64 << 10)

static const struct {
	const char *kind;
	nodestream_fn *open;
	bool of_pod;
} kinds[] = {
	{ "exec", nodeexec_open, true },  { "attach", nodeattach_open, true },
	{ "logs", nodelog_open, true },	  { "portforward", nodeforward_open, true },
	{ "dial", nodedial_open, false },
};

static struct nodepod *find_pod(struct agent *agent, const struct json_object *open,
				struct err *err)
{
	struct nodepod *pod = nodepod_find(agent, json_str_at(open, "uid"));
	const char *name = json_str_at(open, "pod"), *namespace = json_str_at(open, "namespace");

	if (!pod)
		(void)err_say(err, -ENOENT, "pod %s/%s is not on node %s",
			      namespace ? namespace : "", name ? name : "",
			      agent->options.node_name);
	return pod;
}

void nodestream_open(struct agent *agent, struct wire_channel *channel,
		     const struct json_object *open)
{
	const char *kind = json_str_at(open, "kind");
	struct err err = { 0 };

	for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++) {
		struct nodepod *pod = NULL;

		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		if (kinds[i].of_pod && !(pod = find_pod(agent, open, &err)))
			break;
		if (kinds[i].open(agent, pod, channel, open, &err) == 0)
			return;
		break;
	}
	if (!err.code)
		(void)err_say(&err, -EOPNOTSUPP, "streams of kind \"%s\" are not served here",
			      kind ? kind : "");
	wire_close(channel, &err);
}

void nodestream_poke(struct nodepod *pod)
{
	list_for_each (link, next, &pod->streams) {
		struct nodestream *s = list_entry(link, struct nodestream, link);

		if (s->ops->poke)
			s->ops->poke(s);
	}
}

void nodepod_end_streams(struct nodepod *pod)
{
	while (!list_empty(&pod->streams)) {
		struct nodestream *s = list_entry(pod->streams.next, struct nodestream, link);

		list_remove(&s->link); /* an end that cannot be at once goes on alone */
		s->ops->end(s);
	}
}

/* ---- between a stream and a channel ---- */

void bridge_pull(struct bridge *b)
{
	struct buf *input = b->stream ? stream_input(b->stream) : NULL;

	if (!input || !b->channel)
		return;
	while (input->len) {
		size_t n = MIN(input->len, WIRE_DATA_MAX);

		if (wire_channel_queued(b->channel) >= HIGH_WATER ||
		    wire_write(b->channel, b->out, input->data, n) < 0) {
			stream_pause(b->stream); /* until on_writable */
			return;
		}
		buf_consume(input, n);
	}
	stream_resume(b->stream);
}

void bridge_push(struct bridge *b, const void *bytes, size_t len)
{
	if (!b->stream || stream_write(b->stream, bytes, len) < 0) {
		wire_consumed(b->channel, len); /* nobody reads it any more */
		return;
	}
	b->owed += len;
	if (stream_queued(b->stream) < HIGH_WATER)
		bridge_drained(b);
}

void bridge_drained(struct bridge *b)
{
	size_t owed = b->owed;

	b->owed = 0;
	if (owed && b->channel)
		wire_consumed(b->channel, owed);
}
