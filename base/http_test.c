/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/stream_test.h"
#include "base/time.h"
#include "tests/unit/test.h"

/* ---- a server in memory, the test playing the client with raw text ---- */

struct server {
	struct loop *loop;
	struct test_end client;
	struct http_conn *conn;
	struct buf seen; /* "GET /path?query [body]\n" for each request */
	struct http_request *waiting;
	struct stream *upgraded;
	size_t collect_max;
	int gone, gone_reason, closed, drained;
};

static void on_request(struct http_request *request, void *data)
{
	struct server *s = data;

	request->collect_max = s->collect_max;
	(void)buf_printf(&s->seen, "%s %s?%s", request->method, request->path, request->query);
	if (s->collect_max)
		return;
	(void)buf_putc(&s->seen, '\n');
	if (!strcmp(request->path, "/wait"))
		s->waiting = request;
	else if (!strcmp(request->path, "/upgrade"))
		CHECK(http_upgrade(request, NULL, 0, &s->upgraded) == 0);
	else if (!strcmp(request->path, "/later"))
		CHECK(http_respond_start(request, 200, "text/plain", NULL, 0, -1) == 0 &&
		      http_respond_bytes(request, "abc", 3) == 0 &&
		      http_respond_bytes(request, "defg", 4) == 0 &&
		      http_respond_end(request) == 0);
	else
		CHECK(http_respond(request, 200, "text/plain", NULL, 0, request->path,
				   strlen(request->path)) == 0);
}

static void on_body(struct http_request *request, void *data)
{
	struct server *s = data;

	(void)buf_printf(&s->seen, " [%s]\n", buf_str(&request->body));
	CHECK(http_respond(request, 201, NULL, NULL, 0, "ok", 2) == 0);
	CHECK(http_respond(request, 201, NULL, NULL, 0, "ok", 2) == -EALREADY);
}

static void on_drain(struct http_request *request, void *data)
{
	(void)request;
	((struct server *)data)->drained++;
}

static void on_gone(struct http_request *request, int reason, void *data)
{
	struct server *s = data;

	s->gone++;
	s->gone_reason = reason;
	if (s->waiting == request)
		s->waiting = NULL;
}

static void on_close(struct http_conn *conn, void *data)
{
	struct server *s = data;

	CHECK(conn == s->conn);
	s->conn = NULL;
	s->closed++;
}

static const struct http_server_events server_events = { on_request, on_body, on_drain, on_gone,
							 on_close };

static void server_start(struct server *s, const struct http_options *options)
{
	struct stream *a, *b;

	*s = (struct server){ 0 };
	CHECK(loop_new_virtual(NS_PER_S, &s->loop, NULL) == 0);
	CHECK(stream_pair(s->loop, 0, &a, &b) == 0);
	test_end_init(&s->client, a);
	CHECK(http_server_new(b, options, &server_events, s, &s->conn) == 0);
}

static void server_stop(struct server *s)
{
	if (s->conn)
		http_conn_close(s->conn);
	s->upgraded = stream_free(s->upgraded);
	test_end_done(&s->client);
	(void)loop_run_until(s->loop, loop_now_ns(s->loop) + 20 * NS_PER_S);
	CHECK(!s->conn && s->closed == 1);
	buf_done(&s->seen);
	s->loop = loop_free(s->loop);
}

static void settle(struct server *s)
{
	(void)loop_run_until(s->loop, loop_now_ns(s->loop) + NS_PER_MS);
}

static void say(struct server *s, const char *text)
{
	CHECK(stream_write(s->client.stream, text, strlen(text)) == 0);
	settle(s);
}

static bool heard(const struct server *s, const char *text)
{
	return strstr(buf_str(&s->client.got), text);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

TEST(http_keeps_the_connection_and_the_order)
{
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(heard(&s, "HTTP/1.1 200 OK\r\nDate: "));
	CHECK(heard(&s, "\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n/a b"));
	CHECK(!heard(&s, "Connection"));
	/* three at once, the first answered last */
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
		"HEAD /3 HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK_STR(buf_str(&s.seen), "GET /a b?x=1\nGET /wait?\n");
	CHECK(s.waiting && s.gone == 1);
	CHECK(http_respond(s.waiting, 404, "text/plain", NULL, 0, "first", 5) == 0);
	CHECK_INT(s.gone, 1); /* not inside of the answer */
	settle(&s);
	CHECK_STR(buf_str(&s.seen), "GET /a b?x=1\nGET /wait?\nGET /2?\nHEAD /3?\n");
	CHECK(heard(&s, "Content-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK"));
	CHECK(strstr(buf_str(&s.client.got), "/2HTTP/1.1 200"));
	CHECK(!heard(&s, "/3")); /* HEAD: no content */
	CHECK_INT(s.gone, 4);
	server_stop(&s);
}

TEST(http_heads_may_come_byte_by_byte)
{
	const char *text = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "5;ext=1\r\nhello\r\n00006\r\n world\r\n0\r\nTrailer: t\r\n\r\n"
			   "PUT /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
	struct server s;

	server_start(&s, NULL);
	s.collect_max = 100;
	for (size_t i = 0; text[i]; i++) {
		CHECK(stream_write(s.client.stream, &text[i], 1) == 0);
		settle(&s);
	}
	CHECK_STR(buf_str(&s.seen), "POST /x? [hello world]\nPUT /y? [abc]\n");
	CHECK_INT(count(buf_str(&s.client.got), "201 Created"), 2);
	server_stop(&s);
}

TEST(http_streams_answers_in_chunks)
{
	struct bytes *chunk = http_chunk_new("shared", 6);
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(heard(&s, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(http_respond_start(s.waiting, 200, NULL, NULL, 0, -1) == 0);
	CHECK(http_respond_chunk(s.waiting, chunk) == 0 &&
	      http_respond_chunk(s.waiting, chunk) == 0);
	settle(&s);
	CHECK(heard(&s, "\r\n\r\n6\r\nshared\r\n6\r\nshared\r\n"));
	CHECK(http_respond_end(s.waiting) == 0);
	/* HTTP/1.0 gets no chunks, and the end is the end */
	say(&s, "GET /wait HTTP/1.0\r\n\r\n");
	buf_clear(&s.client.got);
	CHECK(http_respond_start(s.waiting, 200, NULL, NULL, 0, -1) == 0);
	CHECK(http_respond_chunk(s.waiting, chunk) == 0 && http_respond_end(s.waiting) == 0);
	settle(&s);
	CHECK(heard(&s, "Connection: close\r\n\r\nshared") && s.client.ended == 1);
	(void)bytes_unref(chunk);
	server_stop(&s);
}

TEST(http_answers_with_a_length_keep_to_it)
{
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(http_respond_start(s.waiting, 200, NULL, NULL, 0, 10) == 0);
	CHECK(http_respond_bytes(s.waiting, "0123456", 7) == 0);
	CHECK(http_respond_bytes(s.waiting, "0123456", 7) == -E2BIG);
	CHECK(http_respond_end(s.waiting) == 0); /* short: the client must notice */
	settle(&s);
	CHECK(s.closed == 1 && s.client.ended == 1);
	server_stop(&s);
}

TEST(http_refuses_broken_answers)
{
	const struct http_header bad = { "X", "a\r\nSet-Cookie: b" };
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(http_respond(s.waiting, 200, NULL, &bad, 1, "", 0) == -EINVAL);
	CHECK(http_respond(s.waiting, 200, NULL, NULL, 0, "", 0) == 0);
	settle(&s);
	CHECK(heard(&s, "HTTP/1.1 200 OK") && !heard(&s, "Cookie"));
	server_stop(&s);
}

TEST(http_bodies_are_bounded_and_may_be_refused_before_they_come)
{
	struct server s;

	server_start(&s, NULL);
	s.collect_max = 10;
	say(&s,
	    "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	CHECK(heard(&s, "HTTP/1.1 413 ") && !heard(&s, "100 Continue"));
	CHECK(s.gone == 1 && s.gone_reason == -E2BIG);
	server_stop(&s);

	server_start(&s, NULL);
	s.collect_max = 10;
	say(&s,
	    "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
	CHECK(heard(&s, "HTTP/1.1 100 Continue\r\n\r\n") && s.seen.len == 8);
	say(&s, "0123456789");
	CHECK_STR(buf_str(&s.seen), "POST /x? [0123456789]\n");
	say(&s, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n"
		"6\r\n012345\r\n");
	CHECK(heard(&s, "HTTP/1.1 413 "));
	server_stop(&s);

	server_start(&s, NULL); /* a body that nobody collects is skipped */
	say(&s, "POST /skip HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET GET /2 HTTP/1.1\r\n"
		"Host: h\r\n\r\n");
	CHECK_STR(buf_str(&s.seen), "POST /skip?\nGET /2?\n");
	/* who expects to be told to go on, and is not, sends nothing: close */
	say(&s,
	    "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	CHECK(s.closed == 1);
	server_stop(&s);
}

TEST(http_refuses_what_smuggles)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 }, /* 0.9 */
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\nHost: h\n\n", 400 }, /* bare LF */
		{ "GET / HTTP/1.1\r\nHost: h\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400 },    /* bare CR */
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400 }, /* folded */
		{ "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: \x01\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX\x80: a\r\n\r\n", 400 },
		{ "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400 },
		{ "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /a/%2e%2E HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "FROB / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
		  "\r\n\r\n0\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1"
		  "\r\n\r\n0\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\nx", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", 417 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char status[32];
		struct server s;

		server_start(&s, NULL);
		say(&s, rows[i].text);
		(void)snprintf(status, sizeof(status), "HTTP/1.1 %d ", rows[i].status);
		if (!heard(&s, status) || s.seen.len)
			fail_msg("row %zu: %s -> %s (saw %s)", i, rows[i].text,
				 buf_str(&s.client.got), buf_str(&s.seen));
		CHECK(heard(&s, "Connection: close") && s.closed == 1);
		server_stop(&s);
	}
}

TEST(http_refuses_broken_chunks)
{
	static const char *const rows[] = {
		"\r\n",
		"x\r\n",
		"5\nhello",
		"5 hello",
		"-5\r\n",
		"+5\r\nhello",
		"5\r\nhelloX\r\n",
		"5\r\nhello\nX",
		"fffffffffffffffff\r\n",
		"0\r\nX\x01\r\n\r\n",
		"5;a\x01\r\nhello",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server s;

		server_start(&s, NULL);
		s.collect_max = 1000;
		say(&s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
		say(&s, rows[i]);
		if (!heard(&s, "HTTP/1.1 400 ") || strchr(buf_str(&s.seen), '['))
			fail_msg("row %zu: %s -> %s", i, rows[i], buf_str(&s.client.got));
		CHECK(s.gone == 1 && s.gone_reason == -EBADMSG);
		server_stop(&s);
	}
}

TEST(http_heads_are_bounded)
{
	char line[1024];
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET / HTTP/1.1\r\nHost: h\r\n");
	memset(line, 'a', sizeof(line) - 1);
	line[1] = ':';
	memcpy(line + sizeof(line) - 3, "\r\n", 3);
	for (int i = 0; i < 70 && !s.closed; i++)
		say(&s, line);
	CHECK(heard(&s, "HTTP/1.1 431 ") && s.closed == 1);
	server_stop(&s);

	server_start(&s, NULL);
	CHECK(stream_write(s.client.stream, "GET / HTTP/1.1\r\nHost: h\r\n", 25) == 0);
	for (int i = 0; i < 101; i++)
		CHECK(stream_write(s.client.stream, "a: b\r\n", 6) == 0);
	say(&s, "\r\n");
	CHECK(heard(&s, "HTTP/1.1 431 "));
	server_stop(&s);
}

TEST(http_slow_and_idle_clients_are_let_go)
{
	struct http_options options = { .head_timeout_ms = 1000, .idle_timeout_ms = 5000 };
	struct server s;

	server_start(&s, &options); /* a byte now and then is not a head */
	for (int i = 0; i < 20 && !s.closed; i++) {
		CHECK(stream_write(s.client.stream, "G", 1) == 0);
		(void)loop_run_until(s.loop, loop_now_ns(s.loop) + 100 * NS_PER_MS);
	}
	CHECK(heard(&s, "HTTP/1.1 408 ") && s.closed == 1);
	CHECK(loop_now_ns(s.loop) < 4 * NS_PER_S);
	server_stop(&s);

	server_start(&s, &options); /* nothing at all */
	(void)loop_run_until(s.loop, 3 * NS_PER_S);
	CHECK(s.closed == 1 && !s.client.got.len);
	server_stop(&s);

	server_start(&s, &options); /* a body that never comes */
	s.collect_max = 100;
	say(&s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
	(void)loop_run_until(s.loop, 4 * NS_PER_S);
	CHECK(heard(&s, "HTTP/1.1 408 ") && s.gone_reason == -EBADMSG);
	server_stop(&s);

	server_start(&s, &options); /* idle after a request; an answer under way is not idle */
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)loop_run_until(s.loop, 100 * NS_PER_S);
	CHECK(s.closed == 0 && s.waiting);
	CHECK(http_respond(s.waiting, 200, NULL, NULL, 0, "", 0) == 0);
	(void)loop_run_until(s.loop, 104 * NS_PER_S);
	CHECK(s.closed == 0);
	(void)loop_run_until(s.loop, 106 * NS_PER_S);
	CHECK(s.closed == 1);
	server_stop(&s);
}

TEST(http_tells_of_clients_that_leave)
{
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(http_respond_start(s.waiting, 200, NULL, NULL, 0, -1) == 0);
	s.client.stream = stream_free(s.client.stream);
	settle(&s);
	CHECK(s.gone == 1 && s.gone_reason < 0 && !s.waiting && s.closed == 1);
	server_stop(&s);
}

TEST(http_retire_answers_what_is_under_way)
{
	struct server s;

	server_start(&s, NULL);
	say(&s, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n");
	http_conn_retire(s.conn);
	settle(&s);
	CHECK(s.closed == 0);
	CHECK(http_respond(s.waiting, 200, NULL, NULL, 0, "yes", 3) == 0);
	settle(&s);
	CHECK(heard(&s, "Connection: close") && heard(&s, "\r\n\r\nyes") && s.closed == 1);
	CHECK_STR(buf_str(&s.seen), "GET /wait?\n");
	server_stop(&s);
}

TEST(http_upgrade_hands_over_stream_and_bytes)
{
	struct test_end end;
	struct server s;

	server_start(&s, NULL);
	say(&s,
	    "GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly");
	CHECK(s.upgraded && s.gone == 1 && s.gone_reason == 0 && s.closed == 1);
	CHECK(heard(&s, "HTTP/1.1 101 Switching Protocols\r\n"));
	test_end_init(&end, s.upgraded);
	s.upgraded = NULL;
	settle(&s);
	CHECK_STR(buf_str(&end.got), "early");
	CHECK(stream_write(end.stream, "raw", 3) == 0);
	settle(&s);
	CHECK(heard(&s, "\r\n\r\nraw"));
	test_end_done(&end);
	server_stop(&s);
}

TEST(http_queries_decode_as_go_does)
{
	const char *query = "labelSelector=a%3Db%2Cc&&watch=true&empty&x=a+b%zz%00&watch=2";
	char *key, *value, *watch = http_query_get(query, "watch");
	char all[256] = "";

	CHECK_STR(watch, "true");
	free(watch);
	CHECK(!http_query_get(query, "nothing"));
	while (http_query_next(&query, &key, &value)) {
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s:%s;", key, value);
		free(key);
		free(value);
	}
	CHECK_STR(all, "labelSelector:a=b,c;watch:true;empty:;x:a b%zz%00;watch:2;");
}

/* ---- our client with our server ---- */

struct asker {
	struct http_client *client;
	int status, done, reason;
	struct buf body;
	bool free_in_body;
	struct stream *taken;
};

static void on_response(struct http_client *client, const struct http_response *response,
			void *data)
{
	struct asker *a = data;

	a->status = response->status;
	if (a->status == 101)
		a->taken = http_client_take_stream(client);
}

static void on_answer_body(struct http_client *client, const void *bytes, size_t len, void *data)
{
	struct asker *a = data;

	CHECK(buf_append(&a->body, bytes, len) == 0);
	if (a->free_in_body)
		a->client = http_client_free(client);
}

static void on_done(struct http_client *client, int reason, void *data)
{
	struct asker *a = data;

	(void)client;
	if (a->done++ == 0 || !a->client)
		a->reason = reason;
}

static const struct http_client_events asker_events = { on_response, on_answer_body, on_done };

static void asker_start(struct asker *a, struct server *s)
{
	*a = (struct asker){ 0 };
	server_start(s, NULL);
	CHECK(http_client_new(s->client.stream, "h:1", &asker_events, a, &a->client) == 0);
	s->client.stream = NULL;
}

static void ask(struct asker *a, struct server *s, const char *method, const char *target)
{
	buf_clear(&a->body);
	a->status = 0;
	CHECK(http_client_send(a->client, method, target, NULL, 0, NULL, 0) == 0);
	CHECK(http_client_send(a->client, method, target, NULL, 0, NULL, 0) == -EBUSY);
	settle(s);
}

TEST(http_client_asks_again_on_one_connection)
{
	struct asker a;
	struct server s;

	asker_start(&a, &s);
	ask(&a, &s, "GET", "/one");
	CHECK(a.status == 200 && a.done == 1 && a.reason == 0);
	CHECK_STR(buf_str(&a.body), "/one");
	ask(&a, &s, "HEAD", "/two");
	CHECK(a.done == 2 && a.body.len == 0);
	ask(&a, &s, "POST", "/later");
	CHECK(a.done == 3 && a.reason == 0);
	CHECK_STR(buf_str(&a.body), "abcdefg");
	CHECK(http_client_reusable(a.client));
	CHECK(http_client_send(a.client, "GET", "/a b", NULL, 0, NULL, 0) == -EINVAL);
	ask(&a, &s, "GET", "/upgrade");
	CHECK(a.status == 101 && a.taken && a.done == 3);
	a.taken = stream_free(a.taken);
	a.client = http_client_free(a.client);
	buf_done(&a.body);
	server_stop(&s);
}

TEST(http_client_may_be_freed_in_its_callbacks)
{
	struct asker a;
	struct server s;

	asker_start(&a, &s);
	a.free_in_body = true;
	ask(&a, &s, "GET", "/one");
	CHECK(!a.client && a.done == 0);
	buf_done(&a.body);
	server_stop(&s);
}

TEST(http_client_reports_what_goes_wrong)
{
	static const struct {
		const char *answer;
		int reason, status;
		const char *body;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n\r\nto the end", 0, 200, "to the end" },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0, 204, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", -EPIPE, 200, "abc" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX", -EPROTO, 200,
		  "abc" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  -EPROTO, 0, "" },
		{ "SSH-2.0-OpenSSH\r\n\r\n", -EPROTO, 0, "" },
		{ "HTTP/1.1 200 OK\nX: y\n\n", -EPROTO, 0, "" },
		{ "", -EPIPE, 0, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_loop struct loop *loop = NULL;
		struct asker a = { 0 };
		struct stream *x, *y;

		CHECK(loop_new_virtual(0, &loop, NULL) == 0);
		CHECK(stream_pair(loop, 0, &x, &y) == 0);
		CHECK(http_client_new(x, "h", &asker_events, &a, &a.client) == 0);
		CHECK(http_client_send(a.client, "GET", "/", NULL, 0, NULL, 0) == 0);
		(void)loop_run(loop, NULL);
		CHECK(stream_write(y, rows[i].answer, strlen(rows[i].answer)) == 0);
		stream_shutdown(y);
		(void)loop_run(loop, NULL);
		if (a.reason != rows[i].reason || a.status != rows[i].status || a.done < 1 ||
		    strcmp(buf_str(&a.body), rows[i].body) != 0 || !http_client_error(a.client))
			fail_msg("row %zu: reason %d status %d done %d body %s", i, a.reason,
				 a.status, a.done, buf_str(&a.body));
		buf_done(&a.body);
		a.client = http_client_free(a.client);
		y = stream_free(y);
	}
}

TEST(http_leaves_nothing_behind_when_making_fails)
{
	for (unsigned nth = 1;; nth++) {
		struct server s = { 0 };
		struct asker a = { 0 };
		struct stream *x, *y;
		int r, q;

		CHECK(loop_new_virtual(0, &s.loop, NULL) == 0);
		CHECK(stream_pair(s.loop, 0, &x, &y) == 0);
		fault_arm(nth);
		r = http_server_new(x, NULL, &server_events, &s, &s.conn);
		q = http_client_new(y, "h", &asker_events, &a, &a.client);
		bool hit = fault_disarm();
		CHECK(hit == (r < 0 || q < 0));
		if (s.conn)
			http_conn_close(s.conn);
		a.client = http_client_free(a.client);
		(void)loop_run(s.loop, NULL);
		s.loop = loop_free(s.loop);
		if (!hit)
			break;
	}
}

/* ---- anything in any order: every request is answered once, in order, with its own body ---- */

static struct mill {
	uint64_t seed;
	struct http_request *waiting;
	bool started; /* the waiting one's answer */
	size_t length;
} mill;

static unsigned roll(unsigned n)
{
	mill.seed = mill.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(mill.seed >> 33) % n;
}

static void mill_answer(struct http_request *request)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "#%s %zu;", request->path + 1, mill.length);

	if (!mill.started && roll(2)) {
		CHECK(http_respond(request, 200, NULL, NULL, 0, text, (size_t)n) == 0);
		mill.waiting = NULL;
		return;
	}
	if (!mill.started)
		CHECK(http_respond_start(request, 200, NULL, NULL, 0, roll(2) ? -1 : n) == 0);
	if (!mill.started && roll(2)) {
		mill.started = true;
		mill.waiting = request;
		return; /* the rest later */
	}
	CHECK(http_respond_bytes(request, text, (size_t)n) == 0);
	CHECK(http_respond_end(request) == 0);
	mill.started = false;
	mill.waiting = NULL;
}

static void mill_take(struct http_request *request, size_t length)
{
	mill.length = length;
	mill.started = false;
	mill.waiting = request;
	if (roll(3))
		mill_answer(request);
}

static void mill_request(struct http_request *request, void *data)
{
	(void)data;
	CHECK(!mill.waiting);
	if (roll(3))
		request->collect_max = 10000;
	else
		mill_take(request, 0); /* the body is skipped */
}

static void mill_body(struct http_request *request, void *data)
{
	(void)data;
	mill_take(request, request->body.len);
}

static const struct http_server_events mill_events = { .on_request = mill_request,
						       .on_body = mill_body };

static void put_request(struct buf *text, unsigned number)
{
	size_t len = roll(3) ? roll(3000) : 0;
	static const char body[3000];

	(void)buf_printf(text, "POST /%u HTTP/1.1\r\nHost: h\r\n", number);
	if (roll(2)) {
		(void)buf_printf(text, "Content-Length: %zu\r\n\r\n", len);
		(void)buf_append(text, body, len);
		return;
	}
	(void)buf_puts(text, "Transfer-Encoding: chunked\r\n\r\n");
	while (len) {
		size_t n = 1 + roll((unsigned)len);

		(void)buf_printf(text, "%zx\r\n", n);
		(void)buf_append(text, body, n);
		(void)buf_puts(text, "\r\n");
		len -= n;
	}
	(void)buf_puts(text, "0\r\n\r\n");
}

TEST(http_survives_anything_that_its_users_do)
{
	enum { REQUESTS = 40 };

	for (uint64_t seed = 1; seed <= 40; seed++) {
		auto_buf struct buf text = BUF_INIT(0);
		auto_loop struct loop *loop = NULL;
		struct http_conn *conn;
		struct stream *a, *b;
		struct test_end end;
		const char *at;

		mill = (struct mill){ .seed = seed };
		CHECK(loop_new_virtual(0, &loop, NULL) == 0);
		CHECK(stream_pair(loop, 0, &a, &b) == 0);
		CHECK(http_server_new(a, NULL, &mill_events, NULL, &conn) == 0);
		test_end_init(&end, b);
		for (unsigned i = 0; i < REQUESTS; i++)
			put_request(&text, i);
		for (int i = 0; i < 20000 && (text.len || mill.waiting); i++) {
			size_t n = 1 + roll(roll(2) ? 20 : 4000);

			n = MIN(n, text.len);

			CHECK(stream_write(b, text.data, n) == 0);
			buf_consume(&text, n);
			if (mill.waiting && roll(3) == 0)
				mill_answer(mill.waiting);
			(void)loop_run_until(loop, loop_now_ns(loop) + NS_PER_MS);
		}
		(void)loop_run_until(loop, loop_now_ns(loop) + NS_PER_MS);
		at = buf_str(&end.got);
		for (unsigned i = 0; i < REQUESTS; i++) {
			char marker[16];

			(void)snprintf(marker, sizeof(marker), "#%u ", i);
			at = strchr(at, '#');
			if (!at || strncmp(at, marker, strlen(marker)) != 0)
				fail_msg("seed %d: answer %u is missing", (int)seed, i);
			at++;
		}
		CHECK(!strchr(at, '#'));
		test_end_done(&end);
		(void)loop_run_until(loop, loop_now_ns(loop) + 10 * NS_PER_S);
	}
}
