/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node that says anything: each line is a message, its first byte chooses the type. The core is one
 * for all inputs, as it is for a server that such a node comes back to again and again.
 */
#include <assert.h>
#include <string.h>

#include "orchestrator/server/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_NS 1795514400000000000

static struct loop *loop;
static struct core *core;
static struct nodesets *sets;
static struct podranges *ranges;
static struct pki pki;

static void env_random(void *data, void *bytes, size_t len)
{
	static unsigned char n;

	(void)data;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = n++;
}

static int env_sign(void *data, const char *claims, struct buf *ret_token, struct err *err)
{
	(void)data;
	(void)claims;
	(void)err;
	return buf_puts(ret_token, "a.b.c");
}

static void settle(void)
{
	bool more = true;

	for (unsigned i = 0; i < 50 && more; i++) {
		(void)core_step(core, NOW_NS, &more);
		if (core_batch(core)) {
			core_commit(core, NOW_NS);
			more = true;
		}
	}
}

static void start(void)
{
	const struct core_options options = {
		.env = { env_random, env_sign, NULL },
		.cluster_domain = "cluster.local",
		.service_cidr = "10.96.0.0/12",
		.server_address = "10.0.0.1",
		.server_port = 6443,
		.ca_pem = "ca",
		.token_issuer = "https://issuer",
	};

	if (core)
		return;
	assert(loop_new_virtual(NOW_NS, &loop, NULL) == 0);
	assert(core_new(&options, &core, NULL) == 0);
	assert(core_loaded(core, 0, 0, NOW_NS, NULL) == 0);
	assert(nodesets_new(core, &sets) == 0);
	assert(podranges_new(core, "10.244.0.0/16", &ranges, NULL) == 0);
	settle();
}

static void on_message(struct wire *wire, enum wire_message type, const char *json, size_t len,
		       void *data)
{
	(void)wire;
	(void)type;
	(void)json;
	(void)len;
	(void)data;
}

static void on_open(struct wire *wire, struct wire_channel *channel, const char *json, size_t len,
		    void *data)
{
	(void)wire;
	(void)json;
	(void)len;
	(void)data;
	wire_close(channel, NULL);
}

static void on_end(struct wire *wire, const struct err *err, void *data)
{
	(void)wire;
	(void)err;
	(void)data;
}

static void say(struct session *session, const char *line, size_t len)
{
	static const enum wire_message types[] = { WIRE_HAVE,  WIRE_POD_STATUS,	   WIRE_NODE_STATUS,
						   WIRE_EVENT, WIRE_TOKEN_REQUEST, WIRE_RENEW,
						   WIRE_ACK,   WIRE_STATS,	   WIRE_DESIRED };
	auto_json struct json_object *json = NULL;

	if (len < 2 || json_parse(line + 1, len - 1, &json, NULL) < 0)
		return;
	(void)session_message(session, types[(unsigned char)line[0] % ARRAY_LEN(types)], json,
			      NULL);
	settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wire_events events = { .on_message = on_message,
						   .on_open = on_open,
						   .on_end = on_end };
	const char *at = (const char *)data, *end = at + size;
	struct stream *ours, *theirs;
	struct session *session;
	struct wire *wire;

	start();
	if (stream_pair(loop, 0, &ours, &theirs) < 0)
		return 0;
	assert(wire_new(ours, WIRE_SERVER, &events, NULL, &wire) == 0);
	const struct session_options options = { .loop = loop,
						 .core = core,
						 .sets = sets,
						 .ranges = ranges,
						 .pki = &pki,
						 .wire = wire,
						 .node = "n1" };
	assert(session_new(&options, &session) == 0);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		say(session, at, (size_t)(stop - at));
		at = stop + 1;
	}
	(void)session_free(session);
	(void)wire_free(wire);
	(void)stream_free(theirs);
	settle();
	(void)loop_run_until(loop, NOW_NS);
	return 0;
}
