/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/stream_test.h"
#include "base/time.h"
#include "base/tls.h"
#include "tests/unit/test.h"

/* ---- two ends and what they saw (base/stream_test.h) ---- */

static void end_open(struct stream *stream, void *data)
{
	struct test_end *end = data;

	(void)stream;
	end->opened++;
}

static void end_data(struct stream *stream, void *data)
{
	struct test_end *end = data;
	struct buf *input = stream_input(stream);

	end->calls++;
	if (end->keep_input)
		return;
	CHECK(buf_append(&end->got, input->data, input->len) == 0);
	buf_consume(input, input->len);
}

static void end_drain(struct stream *stream, void *data)
{
	struct test_end *end = data;

	(void)stream;
	end->drained++;
}

static void end_end(struct stream *stream, int reason, void *data)
{
	struct test_end *end = data;

	if (reason == 0)
		end->ended++;
	else
		end->failed = reason;
	if (end->free_on_end && end->stream)
		end->stream = stream_free(stream);
}

const struct stream_events test_end_events = { end_open, end_data, end_drain, end_end };

void test_end_init(struct test_end *end, struct stream *stream)
{
	*end = (struct test_end){ .stream = stream };
	stream_set_events(stream, &test_end_events, end);
}

void test_end_done(struct test_end *end)
{
	end->stream = stream_free(end->stream);
	buf_done(&end->got);
}

void test_rounds(struct loop *loop, int rounds)
{
	for (int i = 0; i < rounds; i++)
		CHECK(loop_step(loop, 1) >= 0);
}

/* ---- keys, made once ---- */

static struct {
	struct buf ca_key, ca, server_key, server, client_key, client, expired;
} pki;

static void issue(const char *name, const char *org, enum cert_usage usage, int64_t days,
		  const struct buf *key, struct buf *cert)
{
	const char *orgs[] = { org, NULL }, *dns[] = { "server.test", NULL };
	const char *ips[] = { "127.0.0.1", NULL };
	int64_t now_ns = time_now_ns(), day_ns = 86400 * NS_PER_S;
	struct cert_request request = { .usage = usage,
					.common_name = name,
					.organizations = org ? orgs : NULL,
					.dns_names = usage == CERT_SERVER ? dns : NULL,
					.ip_addresses = usage == CERT_SERVER ? ips : NULL,
					.not_before_ns = now_ns - 10 * day_ns,
					.not_after_ns = now_ns + days * day_ns };
	bool self = usage == CERT_CA;

	CHECK(cert_issue(&request, buf_str(key), self ? NULL : buf_str(&pki.ca),
			 self ? NULL : buf_str(&pki.ca_key), cert, NULL) == 0);
}

static void make_pki(void)
{
	if (pki.ca.len)
		return;
	CHECK(key_new_p256(&pki.ca_key, NULL) == 0 && key_new_p256(&pki.server_key, NULL) == 0 &&
	      key_new_p256(&pki.client_key, NULL) == 0);
	issue("test-ca", NULL, CERT_CA, 100, &pki.ca_key, &pki.ca);
	issue("server", NULL, CERT_SERVER, 10, &pki.server_key, &pki.server);
	issue("system:node:n1", "system:nodes", CERT_CLIENT, 10, &pki.client_key, &pki.client);
	issue("system:node:n1", "system:nodes", CERT_CLIENT, -1, &pki.client_key, &pki.expired);
}

struct tls_context *test_server_context(bool allow_expired)
{
	struct tls_context *context;
	auto_buf struct buf chain = BUF_INIT(0);

	make_pki();
	CHECK(buf_puts(&chain, buf_str(&pki.server)) == 0 &&
	      buf_puts(&chain, buf_str(&pki.ca)) == 0);
	struct tls_options options = { .server = true,
				       .cert_pem = buf_str(&chain),
				       .key_pem = buf_str(&pki.server_key),
				       .client_ca_pem = buf_str(&pki.ca),
				       .alpn = "http/1.1",
				       .allow_expired = allow_expired };
	CHECK(tls_context_new(&options, &context, NULL) == 0);
	return context;
}

struct tls_context *test_client_context(const char *which)
{
	struct tls_context *context;
	struct cert_info info;
	char wrong[SHA256_HEX];

	make_pki();
	CHECK(cert_read(buf_str(&pki.ca), &info, NULL) == 0 && info.is_ca);
	memset(wrong, '0', sizeof(wrong));
	wrong[64] = '\0';
	bool cert = !strcmp(which, "cert"), expired = !strcmp(which, "expired");
	bool pin = !strcmp(which, "pin"), bad_pin = !strcmp(which, "wrong pin");
	struct tls_options options = {
		.cert_pem = cert      ? buf_str(&pki.client)
			    : expired ? buf_str(&pki.expired)
				      : NULL,
		.key_pem = cert || expired ? buf_str(&pki.client_key) : NULL,
		.ca_pem = pin || bad_pin ? NULL : buf_str(&pki.ca),
		.pin_sha256_hex = pin	    ? info.spki_sha256
				  : bad_pin ? wrong
					    : NULL,
		.alpn = "http/1.1",
	};
	CHECK(tls_context_new(&options, &context, NULL) == 0);
	return context;
}

static void tls_ends(struct loop *loop, struct tls_context *server, struct tls_context *client,
		     const char *name, struct test_end *a, struct test_end *b)
{
	struct stream *streams[2];
	struct tls *tls;
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(tls_new(client, name, &tls, NULL) == 0);
	CHECK(stream_of_fd(loop, fds[0], tls, &streams[0], NULL) == 0);
	CHECK(tls_new(server, NULL, &tls, NULL) == 0);
	CHECK(stream_of_fd(loop, fds[1], tls, &streams[1], NULL) == 0);
	test_end_init(a, streams[0]);
	test_end_init(b, streams[1]);
}

/* ---- every kind of pair is the same to its user ---- */

enum pair_kind { PAIR_FD, PAIR_TLS, PAIR_MEMORY, PAIR_KIND_COUNT };

struct pair {
	struct loop *loop;
	struct tls_context *server, *client;
	struct test_end a, b;
	int fds_before;
};

static void pair_make(struct pair *pair, enum pair_kind kind)
{
	struct stream *streams[2];
	int fds[2];

	*pair = (struct pair){ .fds_before = open_fds() };
	CHECK(loop_new(&pair->loop, NULL) == 0);
	if (kind == PAIR_TLS) {
		pair->server = test_server_context(false);
		pair->client = test_client_context("cert");
		tls_ends(pair->loop, pair->server, pair->client, "server.test", &pair->a, &pair->b);
	} else {
		if (kind == PAIR_FD) {
			CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
			CHECK(stream_of_fd(pair->loop, fds[0], NULL, &streams[0], NULL) == 0);
			CHECK(stream_of_fd(pair->loop, fds[1], NULL, &streams[1], NULL) == 0);
		} else {
			CHECK(stream_pair(pair->loop, 0, &streams[0], &streams[1]) == 0);
		}
		test_end_init(&pair->a, streams[0]);
		test_end_init(&pair->b, streams[1]);
	}
	test_rounds(pair->loop, 10);
	CHECK(pair->a.opened == 1 && pair->b.opened == 1);
}

static void pair_done(struct pair *pair)
{
	test_end_done(&pair->a);
	test_end_done(&pair->b);
	pair->loop = loop_free(pair->loop);
	pair->server = tls_context_free(pair->server);
	pair->client = tls_context_free(pair->client);
	CHECK_INT(open_fds(), pair->fds_before);
}

TEST(stream_carries_bytes_and_both_ends)
{
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		struct pair p;

		pair_make(&p, kind);
		CHECK(stream_write(p.a.stream, "hello ", 6) == 0);
		CHECK(stream_write(p.a.stream, "world", 5) == 0);
		CHECK(stream_write(p.b.stream, "yes", 3) == 0);
		stream_shutdown(p.a.stream);
		CHECK(stream_write(p.a.stream, "x", 1) == -EPIPE);
		test_rounds(p.loop, 10);
		CHECK_STR(buf_str(&p.b.got), "hello world");
		CHECK_INT(p.b.ended, 1);
		CHECK_STR(buf_str(&p.a.got), "yes");
		/* half-closed: the other way still works */
		CHECK(stream_write(p.b.stream, " still", 6) == 0);
		stream_finish(p.b.stream);
		p.b.stream = NULL;
		test_rounds(p.loop, 10);
		CHECK_STR(buf_str(&p.a.got), "yes still");
		CHECK_INT(p.a.ended, 1);
		CHECK_INT(p.a.failed, 0);
		pair_done(&p);
	}
}

TEST(stream_large_writes_arrive_whole_with_back_pressure)
{
	enum { SIZE = 3 << 20 };
	char *big = malloc(SIZE);

	for (size_t i = 0; i < SIZE; i++)
		big[i] = (char)(i * 31 + (i >> 9));
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		auto_bytes struct bytes *shared = bytes_new(big, SIZE);
		struct pair p;

		pair_make(&p, kind);
		p.b.keep_input = true;
		CHECK(stream_write(p.a.stream, big, 1000) == 0);
		CHECK(stream_write_shared(p.a.stream, shared) == 0);
		CHECK(shared->refs == 2);
		CHECK(stream_write(p.a.stream, big, 1000) == 0);
		test_rounds(p.loop, 20);
		CHECK(stream_queued(p.a.stream) > (size_t)1 << 20);
		CHECK(stream_input(p.b.stream)->len < (size_t)256 << 10);
		CHECK_INT(p.a.drained, 0);
		p.b.keep_input = false;
		stream_resume(p.b.stream);
		for (int i = 0; i < 1000 && p.b.got.len < SIZE + 2000; i++)
			CHECK(loop_step(p.loop, 10) >= 0);
		CHECK_INT(p.b.got.len, SIZE + 2000);
		CHECK(!memcmp(p.b.got.data + 1000, big, SIZE));
		CHECK(!memcmp(p.b.got.data + 1000 + SIZE, big, 1000));
		test_rounds(p.loop, 2);
		CHECK_INT(p.a.drained, 1);
		CHECK(stream_queued(p.a.stream) == 0 && shared->refs == 1);
		pair_done(&p);
	}
	free(big);
}

TEST(stream_pause_holds_bytes_and_the_end_back)
{
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		struct pair p;

		pair_make(&p, kind);
		stream_pause(p.b.stream);
		CHECK(stream_write(p.a.stream, "abc", 3) == 0);
		stream_shutdown(p.a.stream);
		test_rounds(p.loop, 10);
		CHECK(p.b.calls == 0 && p.b.ended == 0);
		stream_resume(p.b.stream);
		test_rounds(p.loop, 10);
		CHECK_STR(buf_str(&p.b.got), "abc");
		CHECK_INT(p.b.ended, 1);
		pair_done(&p);
	}
}

TEST(stream_gone_peer_is_told_once)
{
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		struct pair p;

		pair_make(&p, kind);
		p.a.stream = stream_free(p.a.stream);
		test_rounds(p.loop, 10);
		CHECK_INT(p.b.ended, 1); /* without close_notify too */
		CHECK(stream_write(p.b.stream, "anyone?", 7) == 0);
		test_rounds(p.loop, 10);
		CHECK(p.b.failed == -EPIPE || p.b.failed == -ECONNRESET);
		CHECK(stream_error(p.b.stream)->code == p.b.failed);
		CHECK(stream_write(p.b.stream, "x", 1) == p.b.failed);
		pair_done(&p);
	}
}

TEST(stream_may_be_freed_in_its_callbacks)
{
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		struct pair p;

		pair_make(&p, kind);
		p.b.free_on_end = true;
		stream_shutdown(p.a.stream);
		test_rounds(p.loop, 10);
		CHECK(!p.b.stream);
		CHECK_INT(p.a.ended, 1);
		pair_done(&p);
	}
}

TEST(stream_memory_takes_its_time)
{
	auto_loop struct loop *loop = NULL;
	struct stream *a, *b;
	struct test_end end_a, end_b;

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(stream_pair(loop, 50 * NS_PER_MS, &a, &b) == 0);
	test_end_init(&end_a, a);
	test_end_init(&end_b, b);
	CHECK(stream_write(a, "ping", 4) == 0);
	CHECK(loop_run_until(loop, 49 * NS_PER_MS) == 0);
	CHECK_INT(end_b.got.len, 0);
	end_a.stream = stream_free(a); /* closes; what is on its way arrives */
	CHECK(loop_run_until(loop, 51 * NS_PER_MS) == 0);
	CHECK_STR(buf_str(&end_b.got), "ping");
	CHECK_INT(end_b.ended, 0);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK_INT(end_b.ended, 1);
	CHECK_INT(loop_now_ns(loop), 99 * NS_PER_MS);
	test_end_done(&end_a);
	test_end_done(&end_b);
}

/* ---- TLS: who is who ---- */

static void tls_try(const char *client_kind, const char *name, bool allow_expired,
		    struct test_end *a, struct test_end *b, struct tls_identity *id, bool *known)
{
	struct tls_context *server = test_server_context(allow_expired);
	struct tls_context *client = test_client_context(client_kind);
	struct loop *loop;

	CHECK(loop_new(&loop, NULL) == 0);
	tls_ends(loop, server, client, name, a, b);
	test_rounds(loop, 10);
	*known = tls_peer(stream_tls(b->stream), id);
	test_end_done(a);
	test_end_done(b);
	(void)loop_free(loop);
	(void)tls_context_free(server);
	(void)tls_context_free(client);
}

TEST(tls_knows_the_peer_by_a_verified_certificate_only)
{
	struct test_end a, b;
	struct tls_identity id;
	bool known;

	tls_try("cert", "server.test", false, &a, &b, &id, &known);
	CHECK(known && a.opened && b.opened && !id.expired);
	CHECK_STR(id.common_name, "system:node:n1");
	CHECK(id.n_organizations == 1 && strlen(id.fingerprint) == 64);
	CHECK_STR(id.organizations[0], "system:nodes");
	tls_try("none", "127.0.0.1", false, &a, &b, &id, &known);
	CHECK(!known && a.opened && b.opened && !*id.common_name);
	tls_try("expired", "server.test", false, &a, &b, &id, &known);
	CHECK(!known && b.failed == -EKEYREJECTED);
	tls_try("expired", "server.test", true, &a, &b, &id, &known);
	CHECK(known && id.expired && b.opened);
	tls_try("none", "other.test", false, &a, &b, &id, &known);
	CHECK(a.failed == -EKEYREJECTED && !a.opened);
	tls_try("pin", "server.test", false, &a, &b, &id, &known);
	CHECK(a.opened && b.opened);
	tls_try("pin", "other.test", false, &a, &b, &id, &known);
	CHECK(a.failed == -EKEYREJECTED);
	tls_try("wrong pin", "server.test", false, &a, &b, &id, &known);
	CHECK(a.failed == -EKEYREJECTED && !a.opened);
}

TEST(tls_refuses_what_is_not_tls)
{
	struct tls_context *server = test_server_context(false);
	auto_loop struct loop *loop = NULL;
	struct test_end end;
	struct stream *stream;
	struct tls *tls;
	int fds[2];

	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(tls_new(server, NULL, &tls, NULL) == 0);
	CHECK(stream_of_fd(loop, fds[1], tls, &stream, NULL) == 0);
	test_end_init(&end, stream);
	CHECK(write(fds[0], "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	test_rounds(loop, 5);
	CHECK(end.failed == -EPROTO && !end.opened);
	test_end_done(&end);
	(void)close(fds[0]);
	(void)tls_context_free(server);
}

/* ---- connecting and listening ---- */

static void keep_fd(struct listener *listener, int fd, const struct sockaddr *peer, void *data)
{
	(void)listener;
	CHECK(peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
	*(int *)data = fd;
}

TEST(stream_connects_to_a_listener)
{
	auto_loop struct loop *loop = NULL;
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	struct listener *listener;
	struct stream *stream;
	struct test_end end;
	int fd, got_fd = -EBADF, before = open_fds();

	CHECK(listen_tcp("127.0.0.1", 0, &fd, NULL) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(listener_open(loop, fd, keep_fd, &got_fd, &listener) == 0);
	CHECK(stream_connect(loop, (struct sockaddr *)&addr, len, NULL, NULL, &stream, NULL) == 0);
	test_end_init(&end, stream);
	test_rounds(loop, 5);
	CHECK(end.opened == 1 && got_fd >= 0);
	CHECK(!strncmp(stream_peer(stream), "127.0.0.1:", 10));
	test_end_done(&end);
	(void)close(got_fd);
	listener = listener_close(listener);
	/* nobody listens any more */
	int r = stream_connect(loop, (struct sockaddr *)&addr, len, NULL, "n1", &stream, NULL);
	if (r == 0) {
		test_end_init(&end, stream);
		test_rounds(loop, 5);
		CHECK(end.failed == -ECONNREFUSED);
		CHECK_STR(stream_error(stream)->text, "connect to n1: Connection refused");
		test_end_done(&end);
	}
	loop = loop_free(loop);
	CHECK_INT(open_fds(), before);
}

TEST(listener_goes_on_after_fds_ran_out)
{
	auto_loop struct loop *loop = NULL;
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	struct rlimit old, none;
	struct listener *listener;
	int fd, client_fd, got_fd = -EBADF;

	CHECK(listen_tcp("127.0.0.1", 0, &fd, NULL) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(listener_open(loop, fd, keep_fd, &got_fd, &listener) == 0);
	client_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(client_fd, (struct sockaddr *)&addr, len) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = (struct rlimit){ 1, old.rlim_max };
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	test_rounds(loop, 3);
	CHECK(got_fd < 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	int64_t deadline_ns = time_monotonic_ns() + NS_PER_S;
	while (got_fd < 0 && time_monotonic_ns() < deadline_ns)
		CHECK(loop_step(loop, 50) >= 0);
	CHECK(got_fd >= 0);
	(void)close(got_fd);
	(void)close(client_fd);
	listener = listener_close(listener);
}

TEST(listen_unix_replaces_only_what_nobody_answers_on)
{
	struct err err = { 0 };
	char path[128];
	int fd, other = -EBADF;

	(void)snprintf(path, sizeof(path), "%s/sock", test_dir());
	CHECK(listen_unix(path, 0600, &fd, &err) == 0);
	CHECK(listen_unix(path, 0600, &other, &err) == -EADDRINUSE);
	(void)close(fd);
	CHECK(listen_unix(path, 0600, &fd, &err) == 0);
	(void)close(fd);
	CHECK(listen_tcp("not-an-address", 1, &fd, &err) == -EINVAL);
}

TEST(stream_of_a_pipe_ends_by_closing_it)
{
	auto_loop struct loop *loop = NULL;
	struct test_end in, out;
	struct stream *reader, *writer;
	int fds[2], before = open_fds();

	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	CHECK(stream_of_fd(loop, fds[0], NULL, &reader, NULL) == 0);
	CHECK(stream_of_fd(loop, fds[1], NULL, &writer, NULL) == 0);
	test_end_init(&in, reader);
	test_end_init(&out, writer);
	CHECK(stream_write(writer, "through", 7) == 0);
	stream_shutdown(writer);
	test_rounds(loop, 5);
	CHECK_STR(buf_str(&in.got), "through");
	CHECK_INT(in.ended, 1);
	test_end_done(&in);
	test_end_done(&out);
	loop = loop_free(loop);
	CHECK_INT(open_fds(), before);
}

TEST(streams_leave_nothing_behind_when_making_fails)
{
	struct tls_context *client = test_client_context("none");
	int before = open_fds();

	for (unsigned nth = 1;; nth++) {
		auto_loop struct loop *loop = NULL;
		struct stream *a = NULL, *b = NULL, *c = NULL;
		struct err err = { 0 };
		struct tls *tls = NULL;
		int fds[2], r;

		CHECK(loop_new(&loop, NULL) == 0);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
		fault_arm(nth);
		r = tls_new(client, "n1", &tls, &err);
		if (r == 0)
			r = stream_of_fd(loop, fds[0], tls, &a, &err);
		else
			(void)close(fds[0]);
		if (r == 0)
			r = stream_pair(loop, 0, &b, &c);
		bool hit = fault_disarm();
		CHECK(hit ? r <= 0 : r == 0);
		a = stream_free(a);
		b = stream_free(b);
		c = stream_free(c);
		(void)close(fds[1]);
		loop = loop_free(loop);
		CHECK_INT(open_fds(), before);
		if (!hit)
			break;
	}
	(void)tls_context_free(client);
}

static void count_end(struct stream *stream, int reason, void *data)
{
	(void)stream;
	(void)reason;
	++*(int *)data;
}

/* The writing end of a pipe has no input: no end is told when events are set, and bytes arrive. */
TEST(stream_of_a_pipes_writing_end_stays_open)
{
	static const struct stream_events events = { .on_end = count_end };
	auto_loop struct loop *loop = NULL;
	struct stream *stream;
	int fds[2], ends = 0;
	char got[8] = "";

	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	CHECK(stream_of_fd(loop, fds[1], NULL, &stream, NULL) == 0);
	stream_set_events(stream, &events, &ends);
	for (int i = 0; i < 3; i++)
		(void)loop_step(loop, 0);
	CHECK(ends == 0);
	CHECK(stream_write(stream, "piped", 5) == 0);
	(void)loop_step(loop, 0);
	CHECK(read(fds[0], got, sizeof(got)) == 5);
	(void)stream_free(stream);
	(void)fd_close(fds[0]);
}

TEST(listeners_and_contexts_leave_nothing_behind_when_making_fails)
{
	struct tls_context *made = test_server_context(false); /* the keys are there now */
	int before = open_fds();

	for (unsigned nth = 1;; nth++) {
		auto_loop struct loop *loop = NULL;
		struct tls_context *context = NULL;
		struct listener *listener = NULL;
		struct err err = { 0 };
		int fd = -EBADF, r, got;

		CHECK(loop_new(&loop, NULL) == 0);
		fault_arm(nth);
		r = listen_tcp("127.0.0.1", 0, &fd, &err);
		if (r == 0)
			r = listener_open(loop, fd, keep_fd, &got, &listener);
		if (r == 0)
			r = tls_context_new(&(struct tls_options){ .ca_pem = buf_str(&pki.ca) },
					    &context, &err);
		bool hit = fault_disarm();
		CHECK(hit == (r < 0));
		(void)tls_context_free(context);
		listener = listener_close(listener);
		loop = loop_free(loop);
		CHECK_INT(open_fds(), before);
		if (!hit)
			break;
	}
	(void)tls_context_free(made);
}

TEST(tls_contexts_say_what_is_wrong_with_their_keys)
{
	struct tls_context *context = test_server_context(false);
	struct err err = { 0 };
	struct tls_options options = { .server = true,
				       .cert_pem = buf_str(&pki.server),
				       .key_pem = buf_str(&pki.client_key) };

	CHECK(tls_context_reload(context, &options, &err) == -EINVAL && *err.text);
	options.key_pem = "nonsense";
	CHECK(tls_context_reload(context, &options, &err) == -EINVAL);
	CHECK(!strncmp(err.text, "read private key", 16));
	options.key_pem = buf_str(&pki.server_key);
	options.client_ca_pem = "";
	CHECK(tls_context_reload(context, &options, &err) == -EINVAL);
	CHECK_STR(err.text, "no certificate in the list of authorities");
	options.client_ca_pem = buf_str(&pki.ca);
	CHECK(tls_context_reload(context, &options, &err) == 0);
	(void)tls_context_free(context);
}

/* Carry what two sockets say to each other in pieces of any size, some of them one byte. */
static void relay(int from, int to, unsigned *seed)
{
	char piece[700];
	ssize_t n;

	*seed = *seed * 1103515245 + 12345;
	/* a quarter of the pieces are single bytes */
	n = recv(from, piece, *seed >> 30 ? 1 + (*seed >> 16) % sizeof(piece) : 1, MSG_DONTWAIT);
	if (n > 0)
		CHECK(send(to, piece, (size_t)n, MSG_NOSIGNAL) == n);
}

TEST(tls_takes_records_in_pieces_of_any_size)
{
	enum { SIZE = 150000 };
	struct tls_context *server = test_server_context(false);
	struct tls_context *client = test_client_context("cert");
	char *data = malloc(SIZE);
	struct test_end a, b;
	struct stream *stream;
	unsigned seed = 7;
	struct loop *loop;
	struct tls *tls;
	int x[2], y[2];

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7 + (i >> 8));
	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, x) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, y) == 0);
	CHECK(tls_new(client, "server.test", &tls, NULL) == 0);
	CHECK(stream_of_fd(loop, x[0], tls, &stream, NULL) == 0);
	test_end_init(&a, stream);
	CHECK(tls_new(server, NULL, &tls, NULL) == 0);
	CHECK(stream_of_fd(loop, y[0], tls, &stream, NULL) == 0);
	test_end_init(&b, stream);
	CHECK(stream_write(a.stream, data, SIZE) == 0); /* before the handshake is done */
	CHECK(stream_write(b.stream, data, SIZE) == 0);
	for (int i = 0; i < 100000 && a.got.len + b.got.len < (size_t)2 * SIZE; i++) {
		relay(x[1], y[1], &seed);
		relay(y[1], x[1], &seed);
		if (i % 1000 == 500)
			stream_pause(b.stream);
		if (i % 1000 == 700)
			stream_resume(b.stream);
		CHECK(loop_step(loop, 0) >= 0);
	}
	CHECK(a.opened == 1 && b.opened == 1);
	CHECK(a.got.len == SIZE && !memcmp(a.got.data, data, SIZE));
	CHECK(b.got.len == SIZE && !memcmp(b.got.data, data, SIZE));
	test_end_done(&a);
	test_end_done(&b);
	(void)close(x[1]);
	(void)close(y[1]);
	(void)loop_free(loop);
	(void)tls_context_free(server);
	(void)tls_context_free(client);
	free(data);
}

/* ---- anything in any order, on every kind: all bytes come, in order, then the end ---- */

struct talker {
	struct stream *stream;
	uint32_t sent, got;
	uint64_t *seed;
	bool broken, paused;
	int ended, failed;
};

static unsigned roll(uint64_t *seed, unsigned n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33) % n;
}

static void talker_data(struct stream *stream, void *data)
{
	struct talker *t = data;
	struct buf *input = stream_input(stream);
	size_t n = roll(t->seed, 3) ? input->len : roll(t->seed, (unsigned)input->len + 1);

	for (size_t i = 0; i < n; i++)
		t->broken |= (unsigned char)input->data[i] != (unsigned char)(t->got++ * 31 >> 3);
	buf_consume(input, n);
	if (roll(t->seed, 8) == 0) {
		t->paused = true;
		stream_pause(stream);
	}
}

static void talker_end(struct stream *stream, int reason, void *data)
{
	struct talker *t = data;

	(void)stream;
	if (reason)
		t->failed = reason;
	else
		t->ended++;
}

static const struct stream_events talker_events = { .on_data = talker_data, .on_end = talker_end };

static void talker_step(struct talker *t)
{
	static char bytes[100000];
	size_t len = 1 + roll(t->seed, roll(t->seed, 4) ? 500 : sizeof(bytes) - 1);

	switch (roll(t->seed, 6)) {
	case 0:
		t->paused = !t->paused;
		if (t->paused)
			stream_pause(t->stream);
		else
			stream_resume(t->stream);
		break;
	case 1:
		stream_set_input_max(t->stream, 1 + roll(t->seed, 100000));
		break;
	default:
		if (stream_queued(t->stream) > (1 << 20))
			break;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)((t->sent + i) * 31 >> 3);
		CHECK(stream_write(t->stream, bytes, len) == 0);
		t->sent += (uint32_t)len;
	}
}

TEST(stream_survives_anything_that_its_users_do)
{
	for (enum pair_kind kind = 0; kind < PAIR_KIND_COUNT; kind++) {
		for (uint64_t n = 1; n <= 8; n++) {
			uint64_t seed = n;
			struct pair p;

			pair_make(&p, kind);
			struct talker talkers[2] = { { .stream = p.a.stream, .seed = &seed },
						     { .stream = p.b.stream, .seed = &seed } };
			for (int i = 0; i < 2; i++)
				stream_set_events(talkers[i].stream, &talker_events, &talkers[i]);
			for (int i = 0; i < 400; i++) {
				talker_step(&talkers[roll(&seed, 2)]);
				if (roll(&seed, 2))
					CHECK(loop_step(p.loop, 0) >= 0);
			}
			stream_shutdown(p.a.stream);
			stream_shutdown(p.b.stream);
			for (int i = 0; i < 20000 && !(talkers[0].ended && talkers[1].ended); i++) {
				for (int k = 0; k < 2; k++) /* what was left must be asked for */
					stream_resume(talkers[k].stream);
				CHECK(loop_step(p.loop, 1) >= 0);
			}
			for (int i = 0; i < 2; i++) {
				struct talker *t = &talkers[i], *other = &talkers[!i];

				if (t->broken || t->failed || t->ended != 1)
					fail_msg("kind %d seed %d: broken %d failed %d ended %d",
						 kind, (int)n, t->broken, t->failed, t->ended);
				CHECK_INT(t->got + stream_input(t->stream)->len, other->sent);
			}
			pair_done(&p);
		}
	}
}
