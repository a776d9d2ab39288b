/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/wire/wire_impl.h"
#include "tests/unit/test.h"

/* ---- two sides that write down what they saw ---- */

struct side {
	struct wire *wire;
	struct wire_channel *channel; /* the last that was opened, by either */
	char trace[2048];
	struct buf data; /* of all channels */
	size_t large;	 /* length of the last message above 100 bytes */
	int ended;
	bool no_bind, keep_data, free_in_data, close_in_open;
};

static void note(struct side *side, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct side *side, const char *fmt, ...)
{
	size_t used = strlen(side->trace);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(side->trace + used, sizeof(side->trace) - used, fmt, args);
	va_end(args);
}

static void on_accept(struct wire_channel *channel, const char *json, size_t len, void *data)
{
	(void)channel;
	note(data, "accept %.*s;", (int)len, json);
}

static void on_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len,
		    void *data)
{
	struct side *side = data;

	if (len < 50)
		note(side, "%d:%.*s;", sub, (int)len, (const char *)bytes);
	CHECK(buf_append(&side->data, bytes, len) == 0);
	if (side->free_in_data)
		side->wire = wire_free(side->wire);
	else if (!side->keep_data && sub < WIRE_RESULT)
		wire_consumed(channel, len);
}

static void on_writable(struct wire_channel *channel, void *data)
{
	(void)channel;
	note(data, "writable;");
}

static void on_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	(void)channel;
	note(data, "end %d;", sub);
}

static void on_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct side *side = data;

	note(side, "close %s;", err->code ? err->text : "well");
	if (side->channel == channel)
		side->channel = NULL;
}

static const struct wire_channel_events channel_events = { on_accept, on_data, on_writable, on_end,
							   on_close };

static void on_message(struct wire *wire, enum wire_message type, const char *json, size_t len,
		       void *data)
{
	struct side *side = data;

	CHECK(json[len] == '\0');
	if (len > 100)
		side->large = len;
	else
		note(side, "%s %s;", wire_message_name(type), json);
	if (type == WIRE_HELLO)
		CHECK(wire_send(wire, WIRE_WELCOME, "{\"server\":\"s\"}", 14) == 0);
}

static void on_open(struct wire *wire, struct wire_channel *channel, const char *json, size_t len,
		    void *data)
{
	struct side *side = data;

	(void)wire;
	note(side, "open %.*s;", (int)len, json);
	if (side->close_in_open) {
		wire_close(channel, &(struct err){ -ENOENT, "no such pod" });
		return;
	}
	if (side->no_bind)
		return;
	side->channel = channel;
	wire_channel_bind(channel, &channel_events, side);
	CHECK(wire_accept(channel, NULL, 0) == 0);
	CHECK(wire_accept(channel, NULL, 0) == -EALREADY);
}

static void on_drain(struct wire *wire, void *data)
{
	(void)wire;
	note(data, "drain;");
}

static void on_wire_end(struct wire *wire, const struct err *err, void *data)
{
	struct side *side = data;

	CHECK(wire == side->wire);
	side->ended++;
	note(side, "over %s;", err->text);
}

static const struct wire_events side_events = { on_message, on_open, on_drain, on_wire_end };

struct link {
	struct loop *loop;
	struct side server, agent;
};

static void settle(struct link *l)
{
	(void)loop_run_until(l->loop, loop_now_ns(l->loop) + NS_PER_S);
}

static void link_make(struct link *l, int64_t delay_ns, bool hello)
{
	struct stream *a, *b;

	*l = (struct link){ 0 };
	CHECK(loop_new_virtual(NS_PER_S, &l->loop, NULL) == 0);
	CHECK(stream_pair(l->loop, delay_ns, &a, &b) == 0);
	CHECK(wire_new(a, WIRE_SERVER, &side_events, &l->server, &l->server.wire) == 0);
	CHECK(wire_new(b, WIRE_AGENT, &side_events, &l->agent, &l->agent.wire) == 0);
	if (!hello)
		return;
	CHECK(wire_send(l->agent.wire, WIRE_HELLO, "{\"node\":\"n\"}", 12) == 0);
	settle(l);
	CHECK_STR(l->server.trace, "hello {\"versions\":{\"min\":1,\"max\":1},\"node\":\"n\"};");
	CHECK_STR(l->agent.trace, "welcome {\"version\":1,\"server\":\"s\"};");
	l->server.trace[0] = l->agent.trace[0] = '\0';
	CHECK(wire_version(l->agent.wire) == 1 && wire_version(l->server.wire) == 1);
}

static void side_done(struct side *side)
{
	side->wire = wire_free(side->wire);
	buf_done(&side->data);
}

static void link_done(struct link *l)
{
	side_done(&l->server);
	side_done(&l->agent);
	l->loop = loop_free(l->loop);
}

/* ---- messages ---- */

TEST(wire_opening_comes_first)
{
	struct wire_channel *channel;
	struct link l;

	link_make(&l, 0, false);
	CHECK(wire_send(l.agent.wire, WIRE_HAVE, "{}", 2) == -ENOTCONN);
	CHECK(wire_send(l.server.wire, WIRE_WELCOME, "{}", 2) == -EALREADY);
	CHECK(wire_send(l.server.wire, WIRE_HELLO, "{}", 2) == -EALREADY);
	CHECK(wire_open(l.agent.wire, "{}", 2, &channel_events, NULL, &channel) == -ENOTCONN);
	CHECK(wire_send(l.agent.wire, WIRE_HELLO, "[]", 2) == -EINVAL);
	CHECK(wire_send(l.agent.wire, WIRE_HELLO, "{}", 2) == 0);
	CHECK(wire_send(l.agent.wire, WIRE_HELLO, "{}", 2) == -EALREADY);
	settle(&l);
	CHECK_STR(l.server.trace, "hello {\"versions\":{\"min\":1,\"max\":1}};");
	link_done(&l);
}

TEST(wire_messages_of_every_size_arrive)
{
	char *big = malloc(WIRE_MESSAGE_MAX + 1);
	struct link l;

	memset(big, ' ', WIRE_MESSAGE_MAX + 1);
	big[0] = '{';
	big[WIRE_MESSAGE_MAX - 1] = '}';
	link_make(&l, NS_PER_MS, true);
	CHECK(wire_send(l.server.wire, WIRE_DESIRED, "{\"seq\":1}", 9) == 0);
	CHECK(wire_send(l.server.wire, WIRE_DESIRED, big, WIRE_MESSAGE_MAX + 1) == -E2BIG);
	CHECK(wire_send(l.server.wire, WIRE_DESIRED, big, WIRE_MESSAGE_MAX) == 0);
	CHECK(wire_send(l.server.wire, WIRE_SYNCED, "{\"seq\":2}", 9) == 0);
	CHECK(wire_send(l.agent.wire, WIRE_ACK, "{\"seq\":2}", 9) == 0);
	settle(&l);
	CHECK(l.agent.large == WIRE_MESSAGE_MAX);
	CHECK_STR(l.agent.trace, "desired {\"seq\":1};synced {\"seq\":2};");
	CHECK(strstr(l.server.trace, "ack {\"seq\":2};") && strstr(l.server.trace, "drain;"));
	CHECK(wire_queued(l.server.wire) == 0);
	free(big);
	link_done(&l);
}

TEST(wire_ends_when_the_peer_takes_no_messages)
{
	char *big = malloc(WIRE_MESSAGE_MAX);
	struct link l;
	int r = 0;

	memset(big, ' ', WIRE_MESSAGE_MAX);
	link_make(&l, NS_PER_MS, true);
	stream_pause(wire_stream(l.agent.wire));
	for (int i = 0; i < 20 && r == 0; i++)
		r = wire_send(l.server.wire, WIRE_DESIRED, big, WIRE_MESSAGE_MAX);
	CHECK(r == -ENOBUFS);
	(void)loop_run_until(l.loop, 2 * NS_PER_S + NS_PER_MS);
	CHECK_STR(l.server.trace, "over the peer takes no messages;");
	CHECK(wire_send(l.server.wire, WIRE_DESIRED, "{}", 2) == -EPIPE);
	free(big);
	link_done(&l);
}

TEST(wire_refuse_tells_why)
{
	struct link l;

	link_make(&l, NS_PER_MS, false);
	CHECK(wire_send(l.agent.wire, WIRE_HELLO, "{}", 2) == 0);
	CHECK(wire_refuse(l.server.wire, &(struct err){ -EACCES, "node n is not known" }) == 0);
	settle(&l);
	CHECK_STR(l.agent.trace, "over node n is not known;");
	CHECK(strstr(l.server.trace, "over node n is not known;"));
	link_done(&l);
}

TEST(wire_silence_kills_and_any_byte_proves_life)
{
	struct link l;

	link_make(&l, 0, true);
	(void)loop_run_until(l.loop, 300 * NS_PER_S); /* pings alone keep it */
	CHECK(!l.server.ended && !l.agent.ended);
	stream_pause(wire_stream(l.agent.wire)); /* the agent hears nothing any more */
	(void)loop_run_until(l.loop, 319 * NS_PER_S);
	CHECK(!l.agent.ended);
	(void)loop_run_until(l.loop, 341 * NS_PER_S);
	CHECK_STR(l.agent.trace, "over memory: silent for 30 s;");
	CHECK_STR(l.server.trace, "over memory has closed the connection;");
	link_done(&l);
}

TEST(wire_opening_takes_ten_seconds_at_most)
{
	struct link l;

	link_make(&l, 0, false);
	(void)loop_run_until(l.loop, 12 * NS_PER_S);
	CHECK_STR(l.server.trace, "over memory: the opening took more than 10 s;");
	link_done(&l);
}

/* ---- streams ---- */

TEST(wire_streams_open_carry_and_close)
{
	struct wire_channel *channel, *other;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	CHECK(wire_open(l.server.wire, "{\"kind\":\"exec\"}", 15, &channel_events, &l.server,
			&channel) == 0);
	CHECK(wire_open(l.agent.wire, "{\"kind\":\"dial\"}", 15, &channel_events, &l.agent,
			&other) == 0);
	CHECK(channel->number == 2 && other->number == 1);
	CHECK(wire_write(channel, WIRE_STDIN, "ls\n", 3) == 0); /* before it is accepted */
	CHECK(wire_end(channel, WIRE_STDIN) == 0);
	CHECK(wire_write(channel, WIRE_STDIN, "x", 1) == -EPIPE);
	CHECK(wire_write(channel, WIRE_RESIZE, "{}", 2) == 0);
	settle(&l);
	CHECK_STR(l.agent.trace, "open {\"kind\":\"exec\"};0:ls\n;end 0;4:{};accept ;");
	CHECK_STR(l.server.trace, "open {\"kind\":\"dial\"};accept ;");
	l.server.trace[0] = l.agent.trace[0] = '\0';
	CHECK(wire_write(l.agent.channel, WIRE_STDOUT, "a b", 3) == 0);
	CHECK(wire_write(l.agent.channel, WIRE_STDERR, "oops", 4) == 0);
	CHECK(wire_write(l.agent.channel, WIRE_RESULT, "{\"exitCode\":7}", 14) == 0);
	wire_close(l.agent.channel, NULL);
	wire_close(other, &(struct err){ -ECONNREFUSED, "dial api: nobody is there" });
	settle(&l);
	CHECK_STR(l.server.trace, "1:a b;2:oops;3:{\"exitCode\":7};close well;"
				  "close dial api: nobody is there;");
	CHECK(l.server.wire->n_channels == 0 && l.agent.wire->n_channels == 0);
	link_done(&l);
}

TEST(wire_credit_stops_the_sender)
{
	enum { SIZE = 200 << 10 };
	char *big = calloc(1, SIZE);
	struct wire_channel *channel;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	l.agent.keep_data = true;
	CHECK(wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &channel) == 0);
	CHECK(wire_write(channel, WIRE_STDIN, big, SIZE) == 0);
	CHECK(wire_write(channel, WIRE_STDIN, big, SIZE) == -EAGAIN);
	settle(&l);
	CHECK_INT(l.agent.data.len, WIRE_WINDOW);
	CHECK_INT(wire_channel_queued(channel), SIZE - WIRE_WINDOW);
	/* control goes past a full window, as far as what was queued before lets it */
	wire_consumed(l.agent.channel, WIRE_WINDOW);
	l.agent.keep_data = false;
	settle(&l);
	CHECK_INT(l.agent.data.len, SIZE);
	CHECK(strstr(l.server.trace, "writable;"));
	CHECK(wire_channel_queued(channel) == 0);
	/* a close frees the queue of a sender who still waits for credit */
	l.agent.keep_data = true;
	CHECK(wire_write(channel, WIRE_STDIN, big, SIZE) == 0);
	settle(&l);
	wire_close(l.agent.channel, NULL);
	settle(&l);
	CHECK(strstr(l.server.trace, "close well;"));
	CHECK(l.server.wire->n_channels == 0 && l.agent.wire->n_channels == 0);
	free(big);
	link_done(&l);
}

TEST(wire_messages_overtake_streams_and_streams_take_turns)
{
	enum { SIZE = 256 << 10 };
	char *big = malloc(WIRE_MESSAGE_MAX);
	struct wire_channel *a, *b;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	CHECK(wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &a) == 0);
	CHECK(wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &b) == 0);
	settle(&l);
	a->credit = b->credit = 1 << 20; /* let the queues, not the windows, decide */
	l.agent.wire->channels[2]->granted = l.agent.wire->channels[4]->granted = 1 << 20;
	stream_pause(wire_stream(l.agent.wire));
	memset(big, ' ', WIRE_MESSAGE_MAX);
	CHECK(wire_send(l.server.wire, WIRE_DESIRED, big, 1 << 20) == 0);
	memset(big, 'a', SIZE);
	CHECK(wire_write(a, WIRE_STDIN, big, SIZE) == 0);
	memset(big, 'b', SIZE);
	CHECK(wire_write(b, WIRE_STDIN, big, SIZE) == 0);
	CHECK(wire_send(l.server.wire, WIRE_SYNCED, "{}", 2) == 0);
	settle(&l);
	l.agent.trace[0] = '\0';
	l.agent.keep_data = true;
	stream_set_input_max(wire_stream(l.agent.wire), 2 << 20);
	stream_resume(wire_stream(l.agent.wire));
	while (l.agent.data.len < (128 << 10)) {
		CHECK(loop_step(l.loop, -1) >= 0);
		if (l.agent.data.len)
			CHECK_STR(l.agent.trace, "synced {};");
	}
	for (size_t i = 0; i < (128 << 10); i += WIRE_DATA_MAX)
		CHECK(l.agent.data.data[i] == (i / WIRE_DATA_MAX % 2 ? 'b' : 'a'));
	settle(&l);
	CHECK_INT(l.agent.data.len, 2 * SIZE);
	free(big);
	link_done(&l);
}

TEST(wire_unknown_kinds_and_refused_streams_close)
{
	struct wire_channel *channel;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	l.agent.no_bind = true;
	CHECK(wire_open(l.server.wire, "{\"kind\":\"x\"}", 12, &channel_events, &l.server,
			&channel) == 0);
	settle(&l);
	CHECK_STR(l.server.trace, "close streams of this kind are not known here;");
	l.agent.close_in_open = true;
	CHECK(wire_open(l.server.wire, "{\"kind\":\"x\"}", 12, &channel_events, &l.server,
			&channel) == 0);
	settle(&l);
	CHECK(strstr(l.server.trace, "close no such pod;"));
	CHECK(l.server.wire->n_channels == 0 && l.agent.wire->n_channels == 0);
	link_done(&l);
}

TEST(wire_channels_are_bounded)
{
	struct wire_channel *channel;
	struct link l;
	int n = 0;

	link_make(&l, NS_PER_MS, true);
	while (n < 5000 &&
	       wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &channel) == 0)
		n++;
	CHECK_INT(n, WIRE_CHANNELS_MAX);
	settle(&l);
	CHECK(l.agent.wire->n_channels == WIRE_CHANNELS_MAX && !l.agent.ended);
	CHECK(wire_open(l.agent.wire, "{}", 2, &channel_events, &l.agent, &channel) == -EMFILE);
	link_done(&l);
}

TEST(wire_lost_connection_tells_channels_then_the_wire)
{
	struct wire_channel *channel;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	CHECK(wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &channel) == 0);
	settle(&l);
	l.server.trace[0] = '\0';
	l.agent.wire = wire_free(l.agent.wire);
	settle(&l);
	CHECK_STR(l.server.trace, "close memory has closed the connection;"
				  "over memory has closed the connection;");
	link_done(&l);
}

TEST(wire_may_be_freed_in_its_callbacks)
{
	struct wire_channel *channel;
	struct link l;

	link_make(&l, NS_PER_MS, true);
	l.agent.free_in_data = true;
	CHECK(wire_open(l.server.wire, "{}", 2, &channel_events, &l.server, &channel) == 0);
	CHECK(wire_write(channel, WIRE_STDIN, "abc", 3) == 0);
	CHECK(wire_write(channel, WIRE_STDIN, "def", 3) == 0);
	settle(&l);
	CHECK(!l.agent.wire && l.server.ended == 1);
	link_done(&l);
}

/* ---- hostile bytes ---- */

#define HELLO	    "\0\0\0\x22\0\0\x10\0{\"versions\": {\"min\": 1, \"max\": 1}}"
#define BYTES(text) text, sizeof(text) - 1

TEST(wire_server_cuts_off_who_breaks_the_protocol)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
		{ BYTES("\0\0\0\x02\0\0\x20\0{}"), "a frame before the opening was done" },
		{ BYTES("\0\0\0\x02\0\x01\x01\0{}"), "a frame before the opening was done" },
		{ BYTES("\0\x3f\0\0\0\0\x20\0"), "a frame before the opening was done" },
		{ BYTES("\0\0\0\x02\0\0\x10\0{}"), "hello without a range of versions" },
		{ BYTES("\0\0\0\x02\0\0\x10\0{]"), "hello is not JSON" },
		{ BYTES("\0\0\0\x20\0\0\x10\0{\"versions\": {\"min\": 2,\"max\":9}}"),
		  "the agent speaks versions 2 to 9 of the node protocol, this server 1 to 1; "
		  "upgrade the older one" },
		{ BYTES("GET / HTTP/1.1\r\n"), "frame of unknown type 72" },
		{ BYTES(HELLO HELLO), "a second hello" },
		{ BYTES(HELLO "\0\0\0\0\0\x01\x09\0"), "frame of unknown type 9" },
		{ BYTES(HELLO "\0\0\0\x01\0\0\x03\0x"), "data on channel 0" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x20\0{}"), "have on channel 1" },
		{ BYTES(HELLO "\0\0\0\x02\0\x02\x01\0{}"),
		  "open of channel 2, which is ours to open" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\x02\0\x01\x01\0{}"),
		  "open of channel 1, which is open" },
		{ BYTES(HELLO "\0\0\0\x01\0\x01\x03\0x"),
		  "frame for channel 1, which is not open" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\0\0\x01\x02\0"),
		  "accept of channel 1" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\0\0\x01\x03\0"), "data of 0 bytes" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\x40\x01\0\x01\x03\0"),
		  "data of 16385 bytes" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\x01\0\x01\x03\x05x"),
		  "data of sub-stream 5" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\0\0\x01\x05\0\0\0\0\x01\0\x01\x03"
			      "\0x"),
		  "data after the end of sub-stream 0" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\x04\0\x01\x04\0\0\0\0\0"),
		  "credit of 0 on channel 1" },
		{ BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}\0\0\0\x04\0\x01\x04\0\xff\0\0\0"),
		  "credit of 4278190080 on channel 1" },
		{ BYTES(HELLO "\xff\xff\xff\xff\0\0\x20\0"), "have of 4294967295 bytes" },
		{ BYTES(HELLO "\0\0\0\x02\0\0\x20\x01{}"), "have with flags 1" },
		{ BYTES(HELLO "\0\0\0\x02\0\0\x63\0{}"), "frame of unknown type 99" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct side server = { .keep_data = true };
		struct stream *a, *b;
		char expected[256];
		struct loop *loop;

		CHECK(loop_new_virtual(0, &loop, NULL) == 0);
		CHECK(stream_pair(loop, 0, &a, &b) == 0);
		CHECK(wire_new(a, WIRE_SERVER, &side_events, &server, &server.wire) == 0);
		CHECK(stream_write(b, rows[i].text, rows[i].len) == 0);
		(void)loop_run_until(loop, NS_PER_S);
		(void)snprintf(expected, sizeof(expected), "over %s;", rows[i].why);
		if (server.ended != 1 || !strstr(server.trace, expected))
			fail_msg("row %zu: %s (wanted %s)", i, server.trace, expected);
		side_done(&server);
		b = stream_free(b);
		loop = loop_free(loop);
	}
}

TEST(wire_server_takes_bytes_one_by_one_and_ignores_what_is_to_come)
{
	static const char text[] = HELLO "\0\0\0\x02\0\0\xc8\0{}" /* type 200 */
					 "\0\0\0\x02\0\0\x20\0{}"
					 "\0\0\0\x02\0\x01\x01\0{}\0\0\0\x02\0\x01\x03\0hi"
					 "\0\0\0\0\0\x01\x06\0";
	struct side server = { 0 };
	struct stream *a, *b;
	struct loop *loop;

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(stream_pair(loop, 0, &a, &b) == 0);
	CHECK(wire_new(a, WIRE_SERVER, &side_events, &server, &server.wire) == 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		CHECK(stream_write(b, text + i, 1) == 0);
		(void)loop_run_until(loop, loop_now_ns(loop) + NS_PER_MS);
	}
	CHECK(strstr(server.trace, ";have {};open {};0:hi;close well;"));
	CHECK(!server.ended && server.wire->n_channels == 0);
	side_done(&server);
	b = stream_free(b);
	loop = loop_free(loop);
}

TEST(wire_sender_beyond_its_credit_is_cut_off)
{
	struct side server = { .keep_data = true };
	struct stream *a, *b;
	struct loop *loop;
	static char data[WIRE_HEADER + WIRE_DATA_MAX] = "\0\0\x40\0\0\x01\x03\0";

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(stream_pair(loop, 0, &a, &b) == 0);
	CHECK(wire_new(a, WIRE_SERVER, &side_events, &server, &server.wire) == 0);
	CHECK(stream_write(b, BYTES(HELLO "\0\0\0\x02\0\x01\x01\0{}")) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(stream_write(b, data, sizeof(data)) == 0);
	(void)loop_run_until(loop, NS_PER_S);
	CHECK(!server.ended && server.data.len == WIRE_WINDOW);
	CHECK(stream_write(b, data, sizeof(data)) == 0);
	(void)loop_run_until(loop, 2 * NS_PER_S);
	CHECK(server.ended && strstr(server.trace, "more data than channel 1 has credit for"));
	side_done(&server);
	b = stream_free(b);
	loop = loop_free(loop);
}

TEST(wire_errors_travel_by_name)
{
	auto_buf struct buf json = BUF_INIT(0);
	struct err err = { -ENOENT, "pod \"x\": not found" }, got;

	CHECK(wire_error_put(&json, &err) == 0);
	CHECK_STR(buf_str(&json),
		  "{\"error\":\"ENOENT\",\"message\":\"pod \\\"x\\\": not found\"}");
	wire_error_read(json.data, json.len, &got);
	CHECK(got.code == -ENOENT);
	CHECK_STR(got.text, err.text);
	wire_error_read("{\"error\":\"EWHAT\"}", 17, &got);
	CHECK(got.code == -EREMOTEIO);
	wire_error_read("{", 1, &got);
	CHECK(got.code == -EPROTO);
	wire_error_read("", 0, &got);
	CHECK(got.code == 0);
}

TEST(wire_message_names_are_those_of_the_document)
{
	auto_buf struct buf text = BUF_INIT(0);
	FILE *f = fopen("docs/protocol.md", "re");
	char chunk[4096];
	size_t n;

	if (!f)
		SKIP("docs/protocol.md is not here; run in the tree's top");
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		CHECK(buf_append(&text, chunk, n) == 0);
	(void)fclose(f);
	for (unsigned type = 0; type < 256; type++) {
		const char *name = wire_message_name(type);
		char row[64];

		if (!name)
			continue;
		(void)snprintf(row, sizeof(row), "| %u | `%s` |", type, name);
		if (!strstr(buf_str(&text), row))
			fail_msg("no row %s", row);
	}
}

TEST(wire_leaves_nothing_behind_when_making_fails)
{
	for (unsigned nth = 1;; nth++) {
		struct wire_channel *channel = NULL;
		struct side server = { 0 };
		struct stream *a, *b;
		struct loop *loop;
		int r;

		CHECK(loop_new_virtual(0, &loop, NULL) == 0);
		CHECK(stream_pair(loop, 0, &a, &b) == 0);
		CHECK(stream_write(b, BYTES(HELLO)) == 0);
		fault_arm(nth);
		r = wire_new(a, WIRE_SERVER, &side_events, &server, &server.wire);
		bool hit = fault_disarm();
		CHECK(hit == (r < 0));
		if (r == 0) {
			(void)loop_run_until(loop, NS_PER_S);
			for (unsigned m = 1;; m++) {
				fault_arm(m);
				r = wire_open(server.wire, "{}", 2, &channel_events, &server,
					      &channel);
				/* A stream that can't write ends the wire instead. */
				if (!fault_disarm() || server.wire->ended)
					break;
				CHECK(r == -ENOMEM && !channel);
				CHECK(server.wire->n_channels == 0);
			}
			CHECK(r == 0 && server.wire->n_channels == 1);
		}
		side_done(&server);
		b = stream_free(b);
		loop = loop_free(loop);
		if (!hit)
			break;
	}
}

/* ---- anything in any order: nothing may break the protocol, no byte may be lost or moved ---- */

#define CHATS 24

/* One stream as both its ends see it. */
struct chat {
	struct wire_channel *ends[2]; /* server's, agent's; NULL: closed, or not there yet */
	uint32_t sent[2], got[2];     /* bytes, by the side that sends them */
	size_t held[2];		      /* not given back yet, by the side that got them */
	bool used;
};

static struct chaos {
	struct link link;
	struct chat chats[CHATS];
	uint64_t seed;
	bool broken; /* bytes out of order */
} chaos;

static unsigned roll(unsigned n)
{
	chaos.seed = chaos.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(chaos.seed >> 33) % n;
}

static unsigned side_of(const struct wire_channel *channel)
{
	return channel->wire == chaos.link.agent.wire;
}

static void chat_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes,
		      size_t len, void *data)
{
	struct chat *chat = data;
	unsigned me = side_of(channel);
	const unsigned char *p = bytes;

	(void)sub;
	for (size_t i = 0; i < len; i++)
		chaos.broken |= p[i] != (unsigned char)(chat->got[!me]++ * 31 >> 3);
	if (roll(4)) {
		wire_consumed(channel, len);
	} else {
		chat->held[me] += len;
	}
	if (roll(200) == 0) {
		chat->ends[me] = NULL;
		wire_close(channel, NULL);
	}
}

static void chat_close(struct wire_channel *channel, const struct err *err, void *data)
{
	(void)err;
	((struct chat *)data)->ends[side_of(channel)] = NULL;
}

static const struct wire_channel_events chat_events = { .on_data = chat_data,
							.on_close = chat_close };

static void chat_open(struct wire *wire, struct wire_channel *channel, const char *json, size_t len,
		      void *data)
{
	struct chat *chat = &chaos.chats[json[1] - 'A'];

	(void)wire;
	(void)len;
	(void)data;
	if (roll(10) == 0)
		return; /* nobody listens: it closes by itself */
	chat->ends[side_of(channel)] = channel;
	wire_channel_bind(channel, &chat_events, chat);
	if (roll(2))
		CHECK(wire_accept(channel, NULL, 0) == 0);
}

static const struct wire_events chaos_events = { on_message, chat_open, NULL, on_wire_end };

static void chat_write(struct chat *chat, unsigned me)
{
	static unsigned char bytes[40000];
	size_t len = 1 + roll(roll(3) ? 300 : sizeof(bytes) - 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)((chat->sent[me] + i) * 31 >> 3);
	if (wire_write(chat->ends[me], WIRE_STDIN, bytes, len) == 0)
		chat->sent[me] += (uint32_t)len;
}

static void chaos_step(void)
{
	struct side *sides[2] = { &chaos.link.server, &chaos.link.agent };
	struct chat *chat = &chaos.chats[roll(CHATS)];
	unsigned me = roll(2);
	char json[8] = "{A}";

	if (!chat->used && !chat->ends[0] && !chat->ends[1]) {
		json[1] = (char)('A' + (chat - chaos.chats));
		chat->used = true;
		CHECK(wire_open(sides[me]->wire, json, 3, &chat_events, chat, &chat->ends[me]) ==
		      0);
	} else if (chat->ends[me] && roll(30) == 0) {
		wire_close(take_ptr(&chat->ends[me]), NULL);
	} else if (chat->ends[me] && chat->held[me] && roll(2)) {
		wire_consumed(chat->ends[me], chat->held[me]);
		chat->held[me] = 0;
	} else if (chat->ends[me]) {
		chat_write(chat, me);
	} else if (roll(3) == 0) {
		CHECK(wire_send(sides[me]->wire, me ? WIRE_STATS : WIRE_SYNCED, "{}", 2) == 0);
	}
	sides[me]->trace[0] = '\0';
	(void)loop_run_until(chaos.link.loop, loop_now_ns(chaos.link.loop) + roll(2) * NS_PER_MS);
}

TEST(wire_survives_anything_that_its_users_do)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct link *l = &chaos.link;
		struct stream *a, *b;

		memset(&chaos, 0, sizeof(chaos));
		chaos.seed = seed;
		CHECK(loop_new_virtual(NS_PER_S, &l->loop, NULL) == 0);
		CHECK(stream_pair(l->loop, (int64_t)roll(5) * NS_PER_MS, &a, &b) == 0);
		CHECK(wire_new(a, WIRE_SERVER, &chaos_events, &l->server, &l->server.wire) == 0);
		CHECK(wire_new(b, WIRE_AGENT, &chaos_events, &l->agent, &l->agent.wire) == 0);
		CHECK(wire_send(l->agent.wire, WIRE_HELLO, "{}", 2) == 0);
		settle(l);
		for (int i = 0; i < 1500 && !l->server.ended && !l->agent.ended; i++)
			chaos_step();
		for (size_t i = 0; i < CHATS; i++)
			for (int me = 0; me < 2; me++)
				if (chaos.chats[i].ends[me])
					wire_close(take_ptr(&chaos.chats[i].ends[me]), NULL);
		(void)loop_run_until(l->loop, loop_now_ns(l->loop) + 5 * NS_PER_S);
		if (l->server.ended || l->agent.ended || chaos.broken)
			fail_msg("seed %llu: %s / %s", (unsigned long long)seed, l->server.trace,
				 l->agent.trace);
		CHECK(l->server.wire->n_channels == 0 && l->agent.wire->n_channels == 0);
		link_done(l);
	}
}
