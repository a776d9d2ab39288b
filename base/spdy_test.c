/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spdy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/spdy_headers.h"
#include "tests/unit/test.h"

/* ---- one side that writes down what it saw; its output goes to a buffer ---- */

struct side {
	struct spdy *spdy;
	struct spdy_stream *last;
	struct buf out, data;
	char trace[1024];
	bool reply, free_on_bytes, reset_on_stream, fail_output;
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

static int on_output(struct spdy *spdy, const void *bytes, size_t len, void *data)
{
	struct side *side = data;

	(void)spdy;
	return side->fail_output ? -EPIPE : buf_append(&side->out, bytes, len);
}

static void on_stream(struct spdy *spdy, struct spdy_stream *stream,
		      const struct http_header *headers, size_t n_headers, void *data)
{
	struct side *side = data;

	(void)spdy;
	note(side, "+%u", spdy_stream_id(stream));
	for (size_t i = 0; i < n_headers; i++)
		note(side, " %s=%s", headers[i].name, headers[i].value);
	note(side, ";");
	side->last = stream;
	if (side->reset_on_stream)
		CHECK(spdy_reset(stream, SPDY_REFUSED_STREAM) == 0);
	else if (side->reply)
		CHECK(spdy_reply(stream) == 0 && spdy_reply(stream) == -EALREADY);
}

static void on_reply(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	(void)spdy;
	note(data, "reply %u;", spdy_stream_id(stream));
}

static void on_bytes(struct spdy *spdy, struct spdy_stream *stream, const void *bytes, size_t len,
		     void *data)
{
	struct side *side = data;

	if (len < 20)
		note(side, "%u:%.*s;", spdy_stream_id(stream), (int)len, (const char *)bytes);
	(void)buf_append(&side->data, bytes, len);
	spdy_consumed(stream, len);
	if (side->free_on_bytes)
		side->spdy = spdy_free(spdy);
}

static void on_writable(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	(void)spdy;
	note(data, "writable %u;", spdy_stream_id(stream));
}

static void on_stream_end(struct spdy *spdy, struct spdy_stream *stream, int reason, void *data)
{
	(void)spdy;
	note(data, "end %u %d;", spdy_stream_id(stream), reason);
}

static void on_stream_gone(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	(void)spdy;
	note(data, "-%u;", spdy_stream_id(stream));
}

static void on_error(struct spdy *spdy, const struct err *err, void *data)
{
	(void)spdy;
	note(data, "%s;", err->text);
}

static const struct spdy_events events = {
	.on_output = on_output,
	.on_stream = on_stream,
	.on_reply = on_reply,
	.on_bytes = on_bytes,
	.on_writable = on_writable,
	.on_stream_end = on_stream_end,
	.on_stream_gone = on_stream_gone,
	.on_error = on_error,
};

static void side_make(struct side *side, bool server)
{
	*side = (struct side){ .reply = true };
	CHECK(spdy_new(server, &events, side, &side->spdy) == 0);
}

static void side_done(struct side *side)
{
	side->spdy = spdy_free(side->spdy);
	buf_done(&side->out);
	buf_done(&side->data);
}

static void carry_pieces(struct side *a, struct side *b, size_t max)
{
	size_t piece = 1;

	while (a->out.len || b->out.len) {
		struct side *from = a->out.len ? a : b, *to = a->out.len ? b : a;
		size_t n = MIN(from->out.len, max == 51 ? piece : max);
		char bytes[1024];

		memcpy(bytes, from->out.data, n);
		buf_consume(&from->out, n);
		if (to->spdy)
			(void)spdy_input(to->spdy, bytes, n);
		piece = piece % 51 + 1;
	}
}

/* Until both are quiet. */
static void carry(struct side *a, struct side *b)
{
	carry_pieces(a, b, 1024);
}

TEST(spdy_dictionary_is_the_one_of_the_draft)
{
	CHECK(adler32(1, spdy_dictionary(), SPDY_DICTIONARY_SIZE) == 0xe3c6a7c2);
}

TEST(spdy_reads_what_client_go_sends)
{
	static const char text[] =
		"\x80\x03\x00\x01\x00\x00\x00\x3c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x78\xf9\xe3\xc6\xa7\xc2\x02\x25\x3a\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16"
		"\x25\xac\xa9\xa0\x80\x86\x14\xcb\x45\xa0\x24\xcc\x64\x61\x00\x24\x39\x8b"
		"\x20\x91\x98\x09\x4a\xdc\x8c\x06\x00\x00\x00\x00\xff\xff\x80\x03\x00\x01"
		"\x00\x00\x00\x18\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\xc2\xaa\x15\x54"
		"\x0a\x25\x12\xd2\x09\x00\x00\x00\xff\xff\x00\x00\x00\x03\x00\x00\x00\x03"
		"\x47\x45\x54\x00\x00\x00\x03\x01\x00\x00\x00";
	struct side server;

	side_make(&server, true);
	CHECK(!memcmp(text + 18, "\x78\xf9\xe3\xc6\xa7\xc2", 6));
	CHECK(spdy_input(server.spdy, text, sizeof(text) - 1) == 0);
	CHECK_STR(server.trace, "+1 streamtype=error port=80 requestid=0;"
				"+3 streamtype=data port=80 requestid=0;3:GET;end 3 0;");
	side_done(&server);
}

TEST(spdy_streams_open_talk_and_end_both_ways)
{
	const struct http_header headers[] = { { "streamType", "data" }, { "port", "8080" } };
	struct side server, client;
	struct spdy_stream *stream, *second;

	side_make(&server, true);
	side_make(&client, false);
	CHECK(spdy_open(client.spdy, headers, 2, false, &stream) == 0);
	CHECK(spdy_open(client.spdy, headers, 1, true, &second) == 0);
	carry(&server, &client);
	CHECK_STR(server.trace, "+1 streamtype=data port=8080;+3 streamtype=data;end 3 0;");
	CHECK_STR(client.trace, "reply 1;reply 3;");
	server.trace[0] = client.trace[0] = '\0';
	CHECK(spdy_write(stream, "ask", 3) == 0 && spdy_finish(stream) == 0);
	CHECK(spdy_write(stream, "x", 1) == -EPIPE && spdy_finish(stream) == -EPIPE);
	carry(&server, &client);
	CHECK_STR(server.trace, "1:ask;end 1 0;");
	CHECK(spdy_write(server.last, "answer", 6) == 0 && spdy_finish(server.last) == 0);
	carry(&server, &client);
	CHECK_STR(client.trace, "3:answer;end 3 0;-3;");
	CHECK_STR(server.trace, "1:ask;end 1 0;-3;");
	CHECK(spdy_reset(stream, SPDY_CANCEL) == 0);
	carry(&server, &client);
	CHECK_STR(server.trace, "1:ask;end 1 0;-3;end 1 -104;-1;");
	CHECK(spdy_goaway(client.spdy) == 0);
	carry(&server, &client);
	CHECK(spdy_open(server.spdy, headers, 2, false, &stream) == -EPIPE);
	side_done(&server);
	side_done(&client);
}

TEST(spdy_windows_bind_only_with_a_peer_that_has_them)
{
	enum { SIZE = 300000 };
	char *big = calloc(1, SIZE);
	struct side server, client;
	struct spdy_stream *stream;

	side_make(&server, true);
	side_make(&client, false);
	CHECK(spdy_open(client.spdy, NULL, 0, false, &stream) == 0);
	CHECK(spdy_write(stream, big, SIZE) == 0); /* nothing is known of windows: all goes out */
	CHECK(spdy_queued(stream) == 0);
	carry_pieces(&server, &client, 51);
	CHECK_INT(server.data.len, SIZE);
	/* The server has granted what it used; from now on its windows count, in the client's eyes. */
	CHECK(spdy_write(stream, big, SIZE) == 0);
	CHECK(spdy_queued(stream) > 0);
	carry_pieces(&server, &client, 51);
	CHECK_INT(server.data.len, 2 * SIZE);
	CHECK(spdy_queued(stream) == 0 && strstr(client.trace, "writable 1;"));
	free(big);
	side_done(&server);
	side_done(&client);
}

TEST(spdy_hold_queues_until_the_carrier_has_drained)
{
	struct side server, client;
	struct spdy_stream *stream;

	side_make(&server, true);
	side_make(&client, false);
	CHECK(spdy_open(client.spdy, NULL, 0, false, &stream) == 0);
	carry(&server, &client);
	spdy_hold(client.spdy, true);
	CHECK(spdy_write(stream, "held", 4) == 0 && spdy_finish(stream) == 0);
	CHECK(spdy_queued(stream) == 4 && client.out.len == 0);
	spdy_hold(client.spdy, false);
	CHECK(client.out.len == 8 + 4 && spdy_queued(stream) == 0);
	carry(&server, &client);
	CHECK(strstr(server.trace, "1:held;end 1 0;"));
	side_done(&server);
	side_done(&client);
}

TEST(spdy_queue_is_bounded)
{
	char *big = calloc(1, 3 << 20);
	struct side client;
	struct spdy_stream *stream;

	side_make(&client, false);
	CHECK(spdy_open(client.spdy, NULL, 0, false, &stream) == 0);
	spdy_hold(client.spdy, true);
	CHECK(spdy_write(stream, big, 3 << 20) == 0);
	CHECK(spdy_write(stream, big, 3 << 20) == -EAGAIN);
	CHECK(spdy_queued(stream) == 3 << 20);
	free(big);
	side_done(&client);
}

TEST(spdy_may_be_freed_and_streams_reset_in_callbacks)
{
	struct side server, client;
	struct spdy_stream *stream;

	side_make(&server, true);
	side_make(&client, false);
	server.reset_on_stream = true;
	CHECK(spdy_open(client.spdy, NULL, 0, false, &stream) == 0);
	CHECK(spdy_write(stream, "x", 1) == 0);
	carry(&server, &client);
	CHECK_STR(server.trace, "+1;-1;"); /* the byte was too late */
	CHECK_STR(client.trace, "end 1 -104;-1;");
	server.reset_on_stream = false;
	server.free_on_bytes = true;
	CHECK(spdy_open(client.spdy, NULL, 0, false, &stream) == 0);
	CHECK(spdy_write(stream, "x", 1) == 0 && spdy_write(stream, "y", 1) == 0);
	carry(&server, &client);
	CHECK(!server.spdy && strstr(server.trace, "3:x;") && !strstr(server.trace, "3:y;"));
	side_done(&server);
	side_done(&client);
}

TEST(spdy_answers_pings_and_lost_carriers)
{
	struct side server;

	side_make(&server, true);
	CHECK(spdy_input(server.spdy, "\x80\x03\0\x06\0\0\0\x04\0\0\0\x07", 12) == 0);
	CHECK(server.out.len == 12 && !memcmp(server.out.data + 8, "\0\0\0\x07", 4));
	CHECK(spdy_input(server.spdy, "\x80\x03\0\x06\0\0\0\x04\0\0\0\x02", 12) == 0);
	CHECK(server.out.len == 12);
	server.fail_output = true;
	CHECK(spdy_input(server.spdy, "\x80\x03\0\x06\0\0\0\x04\0\0\0\x09", 12) == -EPIPE);
	CHECK_STR(server.trace, "SPDY: send: Broken pipe;");
	side_done(&server);
}

#define BYTES(text) text, sizeof(text) - 1

TEST(spdy_refuses_broken_frames)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
		{ BYTES("\x80\x02\0\x01\0\0\0\x0a"), "not SPDY/3" },
		{ BYTES("GET / HTTP/1.1\r\n"), NULL }, /* data of an unknown stream: skipped */
		{ BYTES("\x80\x03\0\x01\0\xff\xff\xff"), "a control frame that is too large" },
		{ BYTES("\x80\x03\0\x01\0\0\0\x01x"), "a short SYN_STREAM" },
		{ BYTES("\x80\x03\0\x01\0\0\0\x0a\0\0\0\x02\0\0\0\0\0\0"),
		  "a stream with a number that is not its own" },
		{ BYTES("\x80\x03\0\x01\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0"),
		  "a broken block of headers" },
		{ BYTES("\x80\x03\0\x01\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0xx"),
		  "a broken block of headers" },
		{ BYTES("\x80\x03\0\x02\0\0\0\x02\0\0"), "a short SYN_REPLY" },
		{ BYTES("\x80\x03\0\x03\0\0\0\x02\0\0"), "a short RST_STREAM" },
		{ BYTES("\x80\x03\0\x04\0\0\0\x04\xff\xff\xff\xff"), "a short SETTINGS" },
		{ BYTES("\x80\x03\0\x04\0\0\0\x0c\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff"),
		  "a window that is too large" },
		{ BYTES("\x80\x03\0\x09\0\0\0\x04\0\0\0\x01"), "a short WINDOW_UPDATE" },
		{ BYTES("\x80\x03\0\x06\0\0\0\0"), "a short PING" },
		{ BYTES("\x80\x03\0\x63\0\0\0\x02hi"), NULL }, /* unknown: ignored */
		{ BYTES("\x80\x03\0\x03\0\0\0\x08\0\0\0\x01\0\0\0\x05"), NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char expected[128] = "";
		struct side server;
		int r = 0;

		side_make(&server, true);
		for (size_t k = 0; k < rows[i].len && r == 0; k++)
			r = spdy_input(server.spdy, rows[i].text + k, 1);
		if (rows[i].why)
			(void)snprintf(expected, sizeof(expected), "SPDY: %s;", rows[i].why);
		if (strcmp(server.trace, expected) != 0 || r != (rows[i].why ? -EPROTO : 0))
			fail_msg("row %zu: %s (%d)", i, server.trace, r);
		if (rows[i].why) /* it is told, and hears no more */
			CHECK(server.out.len == 16 && server.out.data[3] == 7 &&
			      spdy_input(server.spdy, "x", 1) == -EPROTO);
		side_done(&server);
	}
}

/* A small block that grows beyond all bounds when unpacked. */
TEST(spdy_header_bombs_are_refused)
{
	auto_buf struct buf block = BUF_INIT(0), text = BUF_INIT(SPDY_HEADER_BYTES_MAX);
	struct http_header headers[SPDY_HEADERS_MAX];
	struct spdy_packer *unpacker;
	unsigned char packed[4096];
	char *zeros = calloc(1, 1 << 20);
	z_stream z = { 0 };
	size_t n;

	CHECK(deflateInit(&z, 9) == Z_OK);
	CHECK(deflateSetDictionary(&z, spdy_dictionary(), SPDY_DICTIONARY_SIZE) == Z_OK);
	z.next_in = (unsigned char *)zeros;
	z.avail_in = 1 << 20;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	CHECK(deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0);
	CHECK(spdy_packer_new(true, &unpacker) == 0);
	CHECK(spdy_unpack(unpacker, packed, sizeof(packed) - z.avail_out, &text, headers, &n) ==
	      -EPROTO);
	unpacker = spdy_packer_free(unpacker);
	(void)deflateEnd(&z);
	free(zeros);
}

TEST(spdy_new_fails_whole)
{
	for (unsigned nth = 1;; nth++) {
		struct side side = { 0 };

		fault_arm(nth);
		int r = spdy_new(true, &events, &side, &side.spdy);
		bool hit = fault_disarm();
		CHECK(hit == (r < 0) && hit == !side.spdy);
		side_done(&side);
		if (!hit)
			break;
	}
}

/* ---- anything in any order: bytes come whole and in order on every stream, streams go away ---- */

#define LINES 32

static struct exchange {
	uint64_t seed;
	struct end {
		struct spdy *spdy;
		struct buf out;
		struct line {
			struct spdy_stream *stream;
			uint32_t sent, got;
		} lines[LINES]; /* by half of the id; the client opens them all */
	} ends[2];
	int gone[2], failed;
	bool broken;
} ex;

static unsigned roll(unsigned n)
{
	ex.seed = ex.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(ex.seed >> 33) % n;
}

static int ex_output(struct spdy *spdy, const void *bytes, size_t len, void *data)
{
	(void)spdy;
	return buf_append(&((struct end *)data)->out, bytes, len);
}

static struct line *line_of(struct end *end, const struct spdy_stream *stream)
{
	return &end->lines[spdy_stream_id(stream) / 2];
}

static void ex_stream(struct spdy *spdy, struct spdy_stream *stream,
		      const struct http_header *headers, size_t n_headers, void *data)
{
	(void)spdy;
	CHECK(n_headers == 1 && strlen(headers[0].value) == 40);
	line_of(data, stream)->stream = stream;
	(void)spdy_reply(stream);
}

static void ex_bytes(struct spdy *spdy, struct spdy_stream *stream, const void *bytes, size_t len,
		     void *data)
{
	struct line *line = line_of(data, stream);
	const unsigned char *p = bytes;

	(void)spdy;
	for (size_t i = 0; i < len; i++)
		ex.broken |= p[i] != (unsigned char)(line->got++ * 31 >> 3);
	spdy_consumed(stream, len);
	if (roll(300) == 0)
		(void)spdy_reset(stream, SPDY_CANCEL);
}

static void ex_gone(struct spdy *spdy, struct spdy_stream *stream, void *data)
{
	struct end *end = data;

	(void)spdy;
	line_of(end, stream)->stream = NULL;
	ex.gone[end - ex.ends]++;
}

static void ex_error(struct spdy *spdy, const struct err *err, void *data)
{
	(void)spdy;
	(void)err;
	(void)data;
	ex.failed++;
}

static const struct spdy_events ex_events = { .on_output = ex_output,
					      .on_stream = ex_stream,
					      .on_bytes = ex_bytes,
					      .on_stream_gone = ex_gone,
					      .on_error = ex_error };

static void ex_step(struct end *end)
{
	static unsigned char bytes[30000];
	struct line *line = &end->lines[roll(LINES)];
	size_t len = 1 + roll(roll(2) ? 200 : 29999);

	if (roll(10) == 0)
		spdy_hold(end->spdy, roll(2));
	if (!line->stream)
		return;
	if (roll(40) == 0) {
		(void)spdy_finish(line->stream);
		return;
	}
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)((line->sent + i) * 31 >> 3);
	if (spdy_write(line->stream, bytes, len) == 0)
		line->sent += (uint32_t)len;
}

static void ex_carry(struct end *from, struct end *to, unsigned max)
{
	size_t n = roll(max);

	n = MIN(n, from->out.len);
	CHECK(spdy_input(to->spdy, buf_str(&from->out), n) == 0);
	buf_consume(&from->out, n);
}

TEST(spdy_survives_anything_that_its_users_do)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		char value[41] = "the same header in each block, for zlib!";
		const struct http_header header = { "x", value };
		unsigned opened = 0;

		memset(&ex, 0, sizeof(ex));
		ex.seed = seed;
		for (int i = 0; i < 2; i++)
			CHECK(spdy_new(i == 0, &ex_events, &ex.ends[i], &ex.ends[i].spdy) == 0);
		for (int i = 0; i < 3000; i++) {
			struct line *line = &ex.ends[1].lines[opened];

			if (opened < LINES && roll(50) == 0) {
				CHECK(spdy_open(ex.ends[1].spdy, &header, 1, false,
						&line->stream) == 0);
				opened++;
			}
			ex_step(&ex.ends[roll(2)]);
			ex_carry(&ex.ends[0], &ex.ends[1], roll(2) ? 60 : 60000);
			ex_carry(&ex.ends[1], &ex.ends[0], roll(2) ? 60 : 60000);
		}
		for (int i = 0; i < 2; i++) {
			spdy_hold(ex.ends[i].spdy, false);
			for (int k = 0; k < LINES; k++)
				if (ex.ends[i].lines[k].stream)
					(void)spdy_finish(ex.ends[i].lines[k].stream);
		}
		while (ex.ends[0].out.len || ex.ends[1].out.len) {
			ex_carry(&ex.ends[0], &ex.ends[1], 60000);
			ex_carry(&ex.ends[1], &ex.ends[0], 60000);
		}
		if (ex.broken || ex.failed || ex.gone[0] != (int)opened ||
		    ex.gone[1] != (int)opened)
			fail_msg("seed %d: broken %d failed %d, %u opened, %d and %d gone",
				 (int)seed, ex.broken, ex.failed, opened, ex.gone[0], ex.gone[1]);
		for (int i = 0; i < 2; i++) {
			ex.ends[i].spdy = spdy_free(ex.ends[i].spdy);
			buf_done(&ex.ends[i].out);
		}
	}
}
