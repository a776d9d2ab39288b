/* SPDX-License-Identifier: Apache-2.0 */
#include "base/websocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/stream_test.h"
#include "base/time.h"
#include "tests/unit/test.h"

struct side {
	struct websocket *ws;
	struct buf got; /* "t:text;b:bytes;" */
	size_t last_len;
	unsigned code;
	char text[128];
	int closed, drained;
	bool free_on_message, pause_on_message;
};

static void on_message(struct websocket *ws, enum websocket_kind kind, const void *bytes,
		       size_t len, void *data)
{
	struct side *s = data;

	s->last_len = len;
	if (len < 200)
		(void)buf_printf(&s->got, "%c:%.*s;", kind == WEBSOCKET_TEXT ? 't' : 'b', (int)len,
				 (const char *)bytes);
	if (s->free_on_message)
		s->ws = websocket_free(ws);
	if (s->pause_on_message)
		websocket_pause(ws);
}

static void on_drain(struct websocket *ws, void *data)
{
	(void)ws;
	((struct side *)data)->drained++;
}

static void on_close(struct websocket *ws, unsigned code, const char *text, void *data)
{
	struct side *s = data;

	(void)ws;
	s->closed++;
	s->code = code;
	(void)snprintf(s->text, sizeof(s->text), "%s", text);
}

static const struct websocket_events side_events = { on_message, on_drain, on_close };

static void side_done(struct side *s)
{
	s->ws = websocket_free(s->ws);
	buf_done(&s->got);
}

/* ---- both sides ---- */

static void make_pair(struct loop **loop, struct side *server, struct side *client)
{
	struct stream *a, *b;

	*server = *client = (struct side){ 0 };
	CHECK(loop_new_virtual(0, loop, NULL) == 0);
	CHECK(stream_pair(*loop, 0, &a, &b) == 0);
	CHECK(websocket_new(a, true, &side_events, server, &server->ws) == 0);
	CHECK(websocket_new(b, false, &side_events, client, &client->ws) == 0);
}

TEST(websocket_carries_messages_of_every_size_both_ways)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, 300000 };
	struct side server, client;
	struct loop *loop;
	char *big = calloc(1, 300000);

	make_pair(&loop, &server, &client);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CHECK(websocket_send(client.ws, WEBSOCKET_BINARY, big, sizes[i]) == 0);
		(void)loop_run(loop, NULL);
		CHECK_INT(server.last_len, sizes[i]);
		CHECK(websocket_send(server.ws, WEBSOCKET_BINARY, big, sizes[i]) == 0);
		(void)loop_run(loop, NULL);
		CHECK_INT(client.last_len, sizes[i]);
	}
	CHECK(server.drained + client.drained > 0);
	buf_clear(&server.got);
	CHECK(websocket_send(client.ws, WEBSOCKET_TEXT, "gr\xc3\xbc\xc3\x9f", 6) == 0);
	CHECK(websocket_send_channel(client.ws, '1', "out", 3) == 0);
	CHECK(websocket_ping(client.ws) == 0);
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&server.got), "t:gr\xc3\xbc\xc3\x9f;b:1out;");
	CHECK(websocket_send(client.ws, WEBSOCKET_TEXT, "\xc3", 1) == 0);
	(void)loop_run(loop, NULL);
	CHECK(server.code == 1006 && client.code == 1007);
	free(big);
	side_done(&server);
	side_done(&client);
	loop = loop_free(loop);
}

TEST(websocket_close_reaches_the_peer_after_what_was_queued)
{
	struct side server, client;
	struct loop *loop;

	make_pair(&loop, &server, &client);
	CHECK(websocket_send(server.ws, WEBSOCKET_BINARY, "last", 4) == 0);
	websocket_close(server.ws, 1000, "done");
	server.ws = NULL;
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&client.got), "b:last;");
	CHECK(client.closed == 1 && client.code == 1000);
	CHECK_STR(client.text, "done");
	CHECK(websocket_send(client.ws, WEBSOCKET_BINARY, "x", 1) == -EPIPE);
	CHECK(server.closed == 0);
	side_done(&server);
	side_done(&client);
	loop = loop_free(loop);
}

TEST(websocket_lost_peer_and_frees_in_callbacks)
{
	struct side server, client;
	struct loop *loop;

	make_pair(&loop, &server, &client);
	server.free_on_message = true;
	for (int i = 0; i < 3; i++)
		CHECK(websocket_send(client.ws, WEBSOCKET_BINARY, "x", 1) == 0);
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&server.got), "b:x;");
	CHECK(!server.ws && client.closed == 1 && client.code == 1006);
	side_done(&server);
	side_done(&client);
	loop = loop_free(loop);
}

TEST(websocket_pause_keeps_messages_back)
{
	struct side server, client;
	struct loop *loop;

	make_pair(&loop, &server, &client);
	server.pause_on_message = true;
	for (int i = 0; i < 3; i++)
		CHECK(websocket_send(client.ws, WEBSOCKET_BINARY, "x", 1) == 0);
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&server.got), "b:x;");
	websocket_resume(server.ws);
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&server.got), "b:x;b:x;");
	side_done(&server);
	side_done(&client);
	loop = loop_free(loop);
}

/* ---- raw frames against a server: @text as a client would send it, unmasked by a mask of zeros ---- */

#define M	    "\0\0\0\0"
#define BYTES(text) text, sizeof(text) - 1

TEST(websocket_server_judges_frames)
{
	static const struct {
		const char *text;
		size_t len;
		const char *got;
		int closed;
		const char *why;
	} rows[] = {
		{ BYTES("\x82\x83" M "abc"), "b:abc;", 0, "" },
		{ BYTES("\x01\x83" M "abc\x80\x82" M "de"), "t:abcde;", 0, "" },
		{ BYTES("\x01\x83" M "abc\x89\x80" M "\x80\x82" M "de"), "t:abcde;", 0, "" },
		{ BYTES("\x01\x80" M "\x80\x80" M), "t:;", 0, "" },
		{ BYTES("\x82\x03"
			"abc"),
		  "", 1, "a frame without a mask" },
		{ BYTES("\xc2\x83" M "abc"), "", 1, "reserved bits are set" },
		{ BYTES("\x83\x83" M "abc"), "", 1, "not a frame of RFC 6455" },
		{ BYTES("\x8b\x80" M), "", 1, "not a frame of RFC 6455" },
		{ BYTES("\x09\x80" M), "", 1, "not a frame of RFC 6455" },
		{ BYTES("\x89\xfe\0\x7e" M), "", 1, "not a frame of RFC 6455" },
		{ BYTES("\x80\x80" M), "", 1, "fragments out of order" },
		{ BYTES("\x01\x80" M "\x01\x80" M), "", 1, "fragments out of order" },
		{ BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" M), "", 1,
		  "the message is too large" },
		{ BYTES("\x82\xff\0\0\0\0\0\x10\0\x01" M), "", 1, "the message is too large" },
		{ BYTES("\x81\x82" M "\xc0\x80"), "", 1, "text that is not UTF-8" },
		{ BYTES("\x81\x83" M "\xed\xa0\x80"), "", 1, "text that is not UTF-8" },
		{ BYTES("\x88\x81" M "x"), "", 1, "a close frame of one byte" },
		{ BYTES("\x88\x82" M "\x03\xed"), "", 1,
		  "a close frame without a proper code and text" },
		{ BYTES("\x88\x84" M "\x03\xe8hi"), "", 1, "hi" },
		{ BYTES("\x88\x80" M), "", 1, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int whole = 0; whole < 2; whole++) {
			struct side server = { 0 };
			struct loop *loop;
			struct stream *a, *b;

			CHECK(loop_new_virtual(0, &loop, NULL) == 0);
			CHECK(stream_pair(loop, 0, &a, &b) == 0);
			CHECK(websocket_new(a, true, &side_events, &server, &server.ws) == 0);
			if (whole)
				CHECK(stream_write(b, rows[i].text, rows[i].len) == 0);
			for (size_t k = 0; !whole && !server.closed && k < rows[i].len; k++) {
				CHECK(stream_write(b, rows[i].text + k, 1) == 0);
				(void)loop_run(loop, NULL);
			}
			(void)loop_run(loop, NULL);
			if (strcmp(buf_str(&server.got), rows[i].got) != 0 ||
			    server.closed != rows[i].closed ||
			    strcmp(server.text, rows[i].why) != 0)
				fail_msg("row %zu: %s / %d %s", i, buf_str(&server.got),
					 server.closed, server.text);
			side_done(&server);
			b = stream_free(b);
			loop = loop_free(loop);
		}
	}
}

TEST(websocket_answers_pings_with_their_payload)
{
	struct side server = { 0 };
	struct test_end end;
	struct stream *a, *b;
	struct loop *loop;

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(stream_pair(loop, 0, &a, &b) == 0);
	CHECK(websocket_new(a, true, &side_events, &server, &server.ws) == 0);
	test_end_init(&end, b);
	CHECK(stream_write(b, BYTES("\x89\x82\x01\x02\x03\x04"
				    "ik")) == 0);
	(void)loop_run(loop, NULL);
	CHECK_STR(buf_str(&end.got), "\x8a\x02hi");
	test_end_done(&end);
	side_done(&server);
	loop = loop_free(loop);
}

/* ---- the handshake ---- */

static const char *choose(const char *protocols, const char *version)
{
	static const char *const offered[] = { "v5.channel.k8s.io", "v4.channel.k8s.io", NULL };
	const struct http_header headers[] = {
		{ "Upgrade", "WebSocket" },
		{ "Connection", "keep-alive, Upgrade" },
		{ "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" },
		{ "Sec-WebSocket-Version", version },
		{ "sec-websocket-protocol", protocols },
	};
	struct http_request request = { .method = "GET",
					.headers = headers,
					.n_headers = ARRAY_LEN(headers) };

	return websocket_choose(&request, offered);
}

TEST(websocket_chooses_by_the_clients_order)
{
	CHECK_STR(choose("v4.channel.k8s.io, v5.channel.k8s.io", "13"), "v4.channel.k8s.io");
	CHECK_STR(choose("x,v5.channel.k8s.io", "13"), "v5.channel.k8s.io");
	CHECK_STR(choose("v5.channel.k8s.i", "13"), "");
	CHECK(!choose("v5.channel.k8s.io", "8"));
}

static struct side accepted_side;

static void accept_request(struct http_request *request, void *data)
{
	static const char *const offered[] = { "a", NULL };

	(void)data;
	CHECK(websocket_accept(request, websocket_choose(request, offered), &side_events,
			       &accepted_side, &accepted_side.ws) == 0);
}

static void no_body(struct http_request *request, void *data)
{
	(void)request;
	(void)data;
}

static const struct http_server_events accept_events = { .on_request = accept_request,
							 .on_body = no_body };

TEST(websocket_handshake_is_the_one_of_the_rfc)
{
	struct http_conn *conn;
	struct test_end end;
	struct stream *a, *b;
	struct loop *loop;
	const char *text = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			   "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Version: 13\r\n\r\n"
			   "\x82\x82" M "hi";

	accepted_side = (struct side){ 0 };
	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(stream_pair(loop, 0, &a, &b) == 0);
	test_end_init(&end, b);
	CHECK(http_server_new(a, NULL, &accept_events, NULL, &conn) == 0);
	CHECK(stream_write(b, text, strlen(text) + 6) == 0);
	(void)loop_run(loop, NULL);
	CHECK(strstr(buf_str(&end.got), "HTTP/1.1 101 "));
	CHECK(strstr(buf_str(&end.got), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
					"Sec-WebSocket-Protocol: a\r\n\r\n"));
	CHECK_STR(buf_str(&accepted_side.got), "b:hi;");
	side_done(&accepted_side);
	test_end_done(&end);
	loop = loop_free(loop);
}

TEST(websocket_new_fails_whole)
{
	for (unsigned nth = 1;; nth++) {
		struct side s = { 0 };
		struct stream *a, *b;
		struct loop *loop;

		CHECK(loop_new_virtual(0, &loop, NULL) == 0);
		CHECK(stream_pair(loop, 0, &a, &b) == 0);
		fault_arm(nth);
		int r = websocket_new(a, true, &side_events, &s, &s.ws);
		bool hit = fault_disarm();
		CHECK(hit == (r < 0) && hit == !s.ws);
		side_done(&s);
		b = stream_free(b);
		loop = loop_free(loop);
		if (!hit)
			break;
	}
}
