/* SPDX-License-Identifier: Apache-2.0 */
/* The harness behind core_test.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

struct stored {
	char *key, *json;
	size_t len;
	uint64_t revision;
};

unsigned bench_fault;
bool bench_fault_hit;

static void fill_random(void *data, void *bytes, size_t len)
{
	struct bench *bench = data;
	unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		bench->random = bench->random * 6364136223846793005u + 1442695040888963407u;
		p[i] = (unsigned char)(bench->random >> 33);
	}
}

static int sign(void *data, const char *claims, struct buf *ret_token, struct err *err)
{
	(void)data;
	(void)err;
	return buf_printf(ret_token, "signed:%s", claims);
}

static void start(struct bench *bench)
{
	struct core_options options = {
		.env = { fill_random, sign, bench },
		.cluster_domain = "cluster.local",
		.service_cidr = "10.96.0.0/12",
		.server_address = "192.0.2.1",
		.server_port = 6443,
		.ca_pem = "-----BEGIN CERTIFICATE-----\n",
		.token_issuer = "https://kubernetes.default.svc.cluster.local",
	};
	uint64_t durable = 0;
	struct err err = { 0 };

	if (core_new(&options, &bench->core, &err) < 0)
		fail_msg("core_new: %s", err.text);
	for (size_t i = 0; i < bench->n_stored; i++) {
		struct stored *s = &bench->store[i];

		durable = s->revision > durable ? s->revision : durable;
		if (core_load(bench->core, s->key, s->revision, s->json, s->len, &err) < 0)
			fail_msg("core_load: %s", err.text);
	}
	if (core_loaded(bench->core, bench->last_revision, bench->last_revision, bench->now_ns,
			&err) < 0)
		fail_msg("core_loaded: %s", err.text);
	bench_settle(bench);
}

struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->now_ns = TEST_START_NS;
	bench->random = 42;
	start(bench);
	return bench;
}

static void drop_store(struct bench *bench)
{
	for (size_t i = 0; i < bench->n_stored; i++) {
		free(bench->store[i].key);
		free(bench->store[i].json);
	}
	free(bench->store);
}

struct bench *bench_free(struct bench *bench)
{
	if (!bench)
		return NULL;
	core_free(bench->core);
	drop_store(bench);
	free(bench);
	return NULL;
}

void bench_restart(struct bench *bench)
{
	core_free(bench->core);
	bench->last_revision += 100; /* a reserved block */
	start(bench);
}

static struct stored *find(struct bench *bench, const char *key)
{
	for (size_t i = 0; i < bench->n_stored; i++)
		if (strcmp(bench->store[i].key, key) == 0)
			return &bench->store[i];
	return NULL;
}

const char *bench_stored(struct bench *bench, const char *key)
{
	struct stored *s = find(bench, key);

	return s ? s->json : NULL;
}

static void store_record(struct bench *bench, const struct core_record *record)
{
	struct stored *s = find(bench, record->key);

	CHECK(record->revision > bench->last_revision);
	bench->last_revision = record->revision;
	if (s) {
		free(s->json);
	} else {
		if (array_grow(&bench->store, &bench->cap_stored, bench->n_stored + 1, sizeof(*s)) <
		    0)
			abort();
		s = &bench->store[bench->n_stored++];
		s->key = strdup(record->key);
	}
	if (!record->json) {
		free(s->key);
		*s = bench->store[--bench->n_stored];
		return;
	}
	s->json = strndup(record->json, record->len);
	s->len = record->len;
	s->revision = record->revision;
}

void bench_settle(struct bench *bench)
{
	bool more = true;

	for (unsigned i = 0; more && i < 1000; i++) {
		const struct core_batch *batch;

		while ((batch = core_batch(bench->core))) {
			for (size_t j = 0; j < batch->n; j++)
				store_record(bench, &batch->records[j]);
			bench->commits++;
			core_commit(bench->core, bench->now_ns);
			more = true;
		}
		more = false;
		(void)core_step(bench->core, bench->now_ns, &more);
		batch = NULL;
		struct core_stats stats;

		core_stats(bench->core, &stats);
		more |= stats.staged > 0;
	}
	CHECK(!more);
}

void bench_pass(struct bench *bench, int64_t seconds)
{
	bench->now_ns += seconds * NS_PER_S;
	bench_settle(bench);
}

/* ---- asking ---- */

void reply_done(struct reply *reply)
{
	free(reply->body);
	json_unref(reply->json);
	free(reply->warnings);
	free(reply->etag);
	free(reply->stream);
	core_watch_free(reply->watch);
	*reply = (struct reply){ 0 };
}

static void note_stream(struct reply *reply, const struct core_stream *stream)
{
	static const char *const kinds[] = { "exec", "attach", "log", "portforward", "proxy" };
	auto_buf struct buf text = { 0 };

	(void)buf_printf(&text, "%s %s %s/%s %s ", kinds[stream->kind], stream->node,
			 stream->namespace, stream->pod, stream->container);
	(void)json_write(&text, stream->options);
	reply->stream = buf_take(&text);
}

static void note_pages(struct reply *reply, struct core_pages *pages)
{
	int64_t length = core_pages_length(pages);
	auto_buf struct buf text = { 0 };

	for (;;) {
		auto_bytes struct bytes *piece = core_pages_next(pages);

		if (!piece)
			break;
		(void)buf_append(&text, piece->data, piece->len);
	}
	CHECK(length == -1 || (size_t)length == text.len);
	core_pages_free(pages);
	reply->body = buf_take(&text);
}

static void on_answer(const struct core_answer *answer, void *data)
{
	struct reply *reply = data;
	auto_buf struct buf warnings = { 0 };

	(void)fault_disarm(); /* the test's own allocations do not fail */
	CHECK(!reply->answered);
	reply->answered = true;
	reply->type = answer->type;
	reply->status = answer->status;
	reply->content_type = answer->content_type;
	reply->retry_after_s = answer->retry_after_s;
	reply->watch = answer->watch;
	reply->etag = answer->etag ? strdup(answer->etag) : NULL;
	if (answer->body)
		reply->body = strndup(answer->body->data, answer->body->len);
	if (answer->type == CORE_PAGES)
		note_pages(reply, answer->pages);
	if (reply->body)
		(void)json_parse(reply->body, strlen(reply->body), &reply->json, NULL);
	for (size_t i = 0; answer->warnings && answer->warnings[i]; i++)
		(void)buf_printf(&warnings, "%s%s", i ? "|" : "", answer->warnings[i]);
	reply->warnings = buf_take(&warnings);
	if (answer->stream)
		note_stream(reply, answer->stream);
}

void bench_send(struct bench *bench, const struct ask *ask, struct reply *ret)
{
	const char *groups[] = { ask->group ? ask->group : "system:masters",
				 "system:authenticated" };
	const char *query = strchr(ask->path, '?');
	auto_free char *path =
		strndup(ask->path, query ? (size_t)(query - ask->path) : strlen(ask->path));
	auto_free char *body = strdup(ask->body ? ask->body : "");
	struct core_request request = {
		.method = ask->method,
		.path = path,
		.query = query ? query + 1 : "",
		.accept = ask->accept ? ask->accept : "application/json",
		.content_type = ask->type   ? ask->type
				: ask->body ? "application/json"
					    : "",
		.user_agent = ask->agent ? ask->agent : "test/1.0",
		.body = body,
		.body_len = strlen(body),
		.user = { ask->user ? ask->user : "admin", "", groups, 2 },
		.now_ns = bench->now_ns,
	};

	for (char *p = body; *p; p++)
		if (*p == '\'')
			*p = '"';
	*ret = (struct reply){ 0 };
	if (bench_fault)
		fault_arm(bench_fault);
	ret->ticket = core_request(bench->core, &request, on_answer, ret);
	bench_fault_hit = bench_fault && fault_disarm();
	bench_fault = 0;
	CHECK(ret->answered == (ret->ticket == 0));
}

struct reply bench_ask(struct bench *bench, const struct ask *ask)
{
	struct reply reply;

	bench_send(bench, ask, &reply);
	bench_settle(bench);
	CHECK(reply.answered);
	return reply;
}

struct reply bench_call(struct bench *bench, const char *method, const char *path, const char *body)
{
	const char *type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : NULL;

	return bench_ask(
		bench, &(struct ask){ .method = method, .path = path, .body = body, .type = type });
}

const char *reply_text(const struct reply *reply, const char *path)
{
	static char number[32];
	struct json_object *value = json_at(reply->json, path);

	if (json_kind(value) == JSON_INT) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)json_int(value, 0));
		return number;
	}
	return json_str(value) ? json_str(value) : "";
}

char *bench_raw_frames(struct bench *bench, struct core_watch *watch)
{
	auto_buf struct buf text = { 0 };

	for (;;) {
		auto_bytes struct bytes *piece = core_watch_next(watch, bench->now_ns);

		if (!piece)
			break;
		(void)buf_append(&text, piece->data, piece->len);
	}
	return buf_take(&text);
}

char *bench_frames(struct bench *bench, struct core_watch *watch)
{
	auto_free char *raw = bench_raw_frames(bench, watch);
	auto_buf struct buf text = { 0 };

	for (char *line = raw, *end; *line; line = end + 1) {
		auto_json struct json_object *json = NULL;
		const char *name;

		end = strchr(line, '\n');
		CHECK(end && json_parse(line, (size_t)(end - line), &json, NULL) == 0);
		name = json_str_at(json, "object.metadata.name");
		(void)buf_printf(&text, "%s %s %s\n", json_str_at(json, "type"), name ? name : "-",
				 json_str_at(json, "object.metadata.resourceVersion")
					 ? json_str_at(json, "object.metadata.resourceVersion")
					 : "-");
	}
	return buf_take(&text);
}

const char *bench_pod(const char *name, const char *extra)
{
	static char text[4096];

	(void)snprintf(
		text, sizeof(text),
		"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','labels':{'app':'%s'"
		"}},'spec':{'schedulerName':'none','containers':[{'name':'c','image':'nginx'}]%s}}",
		name, name, extra ? extra : "");
	return text;
}
