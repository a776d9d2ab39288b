/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, revisions, history, restarts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define MAPS	  "/api/v1/namespaces/default/configmaps"
#define MAP(name) "{'metadata':{'name':'" name "'},'data':{'k':'v'}}"

static uint64_t revision_of(const struct reply *reply)
{
	return strtoull(reply_text(reply, "metadata.resourceVersion"), NULL, 10);
}

TEST(batch_answers_only_when_it_is_durable)
{
	auto_bench struct bench *bench = bench_new();
	struct ask post = { .method = "POST", .path = MAPS, .body = MAP("a") };
	auto_reply struct reply made, twice, seen = bench_call(bench, "GET", MAPS "/a", NULL);
	const struct core_batch *batch;

	bench_send(bench, &post, &made);
	bench_send(bench, &post, &twice); /* sees the first one, and waits with it */
	CHECK(!made.answered && !twice.answered);
	CHECK_INT(seen.status, 404);
	batch = core_batch(bench->core);
	CHECK(batch && batch->n == 1 && batch->durable);
	CHECK_STR(batch->records[0].key, "configmaps/default/a");
	CHECK(!core_batch(bench->core)); /* it is under way */
	core_commit(bench->core, bench->now_ns);
	CHECK_INT(made.status, 201);
	CHECK_INT(twice.status, 409);
	CHECK_STR(reply_text(&twice, "reason"), "AlreadyExists");
	bench->last_revision = revision_of(&made);
}

TEST(batch_stages_over_its_own_writes)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made, changed, gone, again;

	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("a") }, &made);
	bench_send(bench,
		   &(struct ask){ .method = "PATCH",
				  .path = MAPS "/a",
				  .type = "application/merge-patch+json",
				  .body = "{'data':{'k':'w'}}" },
		   &changed);
	bench_send(bench, &(struct ask){ .method = "DELETE", .path = MAPS "/a" }, &gone);
	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("a") },
		   &again);
	auto_reply struct reply watch =
		bench_call(bench, "GET", MAPS "?watch=1&resourceVersion=1", NULL);

	CHECK_INT(made.status, 201);
	CHECK_INT(changed.status, 200);
	CHECK_STR(reply_text(&changed, "data.k"), "w");
	CHECK_INT(gone.status, 200);
	CHECK_INT(again.status, 201);
	CHECK(revision_of(&again) == revision_of(&made) + 3);
	CHECK(strcmp(reply_text(&again, "metadata.uid"), "") != 0);
}

TEST(abort_drops_what_was_staged_and_answers_everybody)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made, queued;
	uint64_t before;

	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("a") }, &made);
	before = core_batch(bench->core)->last_revision;
	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("b") },
		   &queued);
	CHECK(queued.ticket && !queued.answered);
	core_abort(bench->core, -ENOSPC, "disk full: No space left on device", bench->now_ns);
	CHECK_INT(made.status, 507);
	CHECK_STR(reply_text(&made, "message"),
		  "Internal error occurred: disk full: No space left on device");
	bench_settle(bench);
	CHECK_INT(queued.status, 201);
	CHECK(revision_of(&queued) > before); /* revisions are not used again */
	auto_reply struct reply seen = bench_call(bench, "GET", MAPS "/a", NULL);

	CHECK_INT(seen.status, 404);
}

TEST(cancelled_requests_are_never_answered)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply staged, queued;

	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("a") },
		   &staged);
	CHECK(core_batch(bench->core));
	bench_send(bench, &(struct ask){ .method = "POST", .path = MAPS, .body = MAP("b") },
		   &queued);
	core_cancel(bench->core, staged.ticket);
	core_cancel(bench->core, queued.ticket);
	core_commit(bench->core, bench->now_ns);
	CHECK(!staged.answered && !queued.answered);
	auto_reply struct reply a, b;

	bench_send(bench, &(struct ask){ .method = "GET", .path = MAPS "/a" }, &a);
	bench_send(bench, &(struct ask){ .method = "GET", .path = MAPS "/b" }, &b);
	CHECK_INT(a.status, 200); /* it was on its way to the disk */
	CHECK_INT(b.status, 404);
	bench->last_revision = core_revision(bench->core);
}

TEST(unchanged_writes_make_no_revision)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(bench, "POST", MAPS, MAP("a"));
	unsigned commits = bench->commits;
	auto_reply struct reply same = bench_call(bench, "PUT", MAPS "/a", MAP("a"));

	CHECK_INT(same.status, 200);
	CHECK(revision_of(&same) == revision_of(&made) && bench->commits == commits);
}

TEST(stale_resource_versions_conflict)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(bench, "POST", MAPS, MAP("a"));
	auto_reply struct reply stale =
		bench_call(bench, "PUT", MAPS "/a",
			   "{'metadata':{'name':'a','resourceVersion':'1'},'data':{'k':'x'}}");

	CHECK_INT(stale.status, 409);
	CHECK_STR(
		reply_text(&stale, "message"),
		"Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
		"please apply your changes to the latest version and try again");
}

TEST(heartbeats_and_events_are_volatile)
{
	static const struct {
		const char *path, *first, *second;
		bool durable[2];
	} rows[] = {
		{ "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
		  "{'metadata':{'name':'n1'},'spec':{'holderIdentity':'n1'}}",
		  "{'spec':{'renewTime':'2026-11-24T10:00:00.000000Z'}}",
		  { false, false } },
		{ "/apis/coordination.k8s.io/v1/namespaces/default/leases",
		  "{'metadata':{'name':'n1'},'spec':{'holderIdentity':'n1'}}",
		  "{'spec':{'renewTime':'2026-11-24T10:00:00.000000Z'}}",
		  { true, false } },
		{ "/apis/coordination.k8s.io/v1/namespaces/default/leases",
		  "{'metadata':{'name':'n2'},'spec':{'holderIdentity':'n1'}}",
		  "{'spec':{'holderIdentity':'n2'}}",
		  { true, true } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_bench struct bench *bench = bench_new();
		auto_reply struct reply made, changed;
		char path[256];

		bench_send(bench,
			   &(struct ask){
				   .method = "POST", .path = rows[i].path, .body = rows[i].first },
			   &made);
		CHECK_INT(core_batch(bench->core)->durable, rows[i].durable[0]);
		core_commit(bench->core, bench->now_ns);
		CHECK_INT(made.status, 201);
		(void)snprintf(path, sizeof(path), "%s/%s", rows[i].path,
			       reply_text(&made, "metadata.name"));
		bench_send(bench,
			   &(struct ask){ .method = "PATCH",
					  .path = path,
					  .type = "application/merge-patch+json",
					  .body = rows[i].second },
			   &changed);
		CHECK_INT(core_batch(bench->core)->durable, rows[i].durable[1]);
		core_commit(bench->core, bench->now_ns);
		CHECK_INT(changed.status, 200);
	}
}

TEST(inner_status_writes_leave_the_rest_alone)
{
	const struct schema_kind *pods = schema_kind_of_kind("", "v1", "Pod");
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(bench, "POST", "/api/v1/namespaces/default/pods",
						  bench_pod("web", NULL));
	struct json_object *json = object_parse(core_get(bench->core, pods, "default", "web"));
	auto_reply struct reply labelled;

	/* the node's report was made before, and is written after, somebody's label */
	bench_send(bench,
		   &(struct ask){ .method = "PATCH",
				  .path = "/api/v1/namespaces/default/pods/web",
				  .type = "application/merge-patch+json",
				  .body = "{'metadata':{'labels':{'x':'y'}}}" },
		   &labelled);
	json_del(json_get(json, "metadata"), "resourceVersion");
	CHECK(json_put_at(json, "status.phase", json_new_string("Running")) == 0);
	core_update(bench->core, pods, "status", json, NULL, NULL);
	bench_settle(bench);
	auto_reply struct reply got =
		bench_call(bench, "GET", "/api/v1/namespaces/default/pods/web", NULL);

	CHECK_STR(reply_text(&got, "metadata.labels.x"), "y");
	CHECK_STR(reply_text(&got, "status.phase"), "Running");
}

/* ---- the past ---- */

TEST(watch_resumes_inside_the_history_and_not_beyond)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply a = bench_call(bench, "POST", MAPS, MAP("a"));
	auto_reply struct reply b = bench_call(bench, "POST", MAPS, MAP("b"));
	char path[128], want[128];

	(void)snprintf(path, sizeof(path), MAPS "?watch=1&resourceVersion=%s",
		       reply_text(&a, "metadata.resourceVersion"));
	auto_reply struct reply inside = bench_call(bench, "GET", path, NULL);
	auto_free char *frames = bench_frames(bench, inside.watch);

	(void)snprintf(want, sizeof(want), "ADDED b %s\n",
		       reply_text(&b, "metadata.resourceVersion"));
	CHECK_STR(frames, want);
	bench_pass(bench, 301);
	auto_reply struct reply outside = bench_call(bench, "GET", path, NULL);
	auto_free char *refused = bench_raw_frames(bench, outside.watch);

	CHECK(strstr(refused, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\"") == refused);
	CHECK(strstr(refused, "\"reason\":\"Expired\"") && strstr(refused, "\"code\":410"));
	CHECK(core_watch_ended(outside.watch));
}

TEST(watch_of_a_durable_kind_survives_a_restart)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply a = bench_call(bench, "POST", MAPS, MAP("a"));
	char path[128];
	uint64_t last = bench->last_revision;

	bench_restart(bench);
	(void)snprintf(path, sizeof(path), MAPS "?watch=1&resourceVersion=%llu",
		       (unsigned long long)last + 100);
	auto_reply struct reply on = bench_call(bench, "GET", path, NULL);
	auto_free char *silent = bench_raw_frames(bench, on.watch);

	CHECK_STR(silent, "");
	auto_reply struct reply b = bench_call(bench, "POST", MAPS, MAP("b"));
	auto_free char *frames = bench_frames(bench, on.watch);

	CHECK(strncmp(frames, "ADDED b ", 8) == 0);
	CHECK(revision_of(&b) > last + 100);
	auto_reply struct reply old =
		bench_call(bench, "GET", MAPS "?watch=1&resourceVersion=1", NULL);
	auto_free char *refused = bench_raw_frames(bench, old.watch);

	CHECK(strstr(refused, "Expired"));
}

TEST(lists_go_on_as_of_their_first_page)
{
	auto_bench struct bench *bench = bench_new();
	char path[512];

	for (unsigned i = 0; i < 5; i++) {
		char body[128];

		(void)snprintf(body, sizeof(body), "{'metadata':{'name':'m%u'}}", i);
		auto_reply struct reply made = bench_call(bench, "POST", MAPS, body);
	}
	auto_reply struct reply first = bench_call(
		bench, "GET",
		"/api/v1/configmaps?limit=2&fieldSelector=metadata.namespace%3Ddefault", NULL);
	auto_reply struct reply page = bench_call(bench, "GET", MAPS "?limit=2", NULL);

	CHECK_INT(json_len(json_at(first.json, "items")), 2);
	CHECK_STR(reply_text(&first, "metadata.remainingItemCount"), "");
	CHECK(strtoul(reply_text(&page, "metadata.remainingItemCount"), NULL, 10) >= 3);
	/* what comes between belongs to a later revision */
	auto_reply struct reply gone = bench_call(bench, "DELETE", MAPS "/m3", NULL);
	auto_reply struct reply more = bench_call(bench, "POST", MAPS, MAP("m33"));

	(void)snprintf(path, sizeof(path), MAPS "?limit=50&continue=%s",
		       reply_text(&page, "metadata.continue"));
	auto_reply struct reply rest = bench_call(bench, "GET", path, NULL);

	CHECK_STR(reply_text(&rest, "metadata.resourceVersion"),
		  reply_text(&page, "metadata.resourceVersion"));
	CHECK(strstr(rest.body, "\"name\":\"m3\"") && !strstr(rest.body, "\"name\":\"m33\""));
	bench_pass(bench, 301);
	auto_reply struct reply fresh = bench_call(bench, "POST", MAPS, MAP("m4x"));
	auto_reply struct reply late = bench_call(bench, "GET", path, NULL);

	CHECK_INT(late.status, 410);
	CHECK_STR(reply_text(&late, "reason"), "Expired");
	(void)snprintf(path, sizeof(path), MAPS "?continue=%s",
		       reply_text(&late, "metadata.continue"));
	auto_reply struct reply inconsistent = bench_call(bench, "GET", path, NULL);

	CHECK_INT(inconsistent.status, 200);
	CHECK(strstr(inconsistent.body, "m33") && !strstr(inconsistent.body, "\"name\":\"m3\""));
}

TEST(exact_lists_show_the_past)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply a = bench_call(bench, "POST", MAPS, MAP("a"));
	auto_reply struct reply gone = bench_call(bench, "DELETE", MAPS "/a", NULL);
	char path[256];

	(void)snprintf(path, sizeof(path), MAPS "?resourceVersionMatch=Exact&resourceVersion=%s",
		       reply_text(&a, "metadata.resourceVersion"));
	auto_reply struct reply then = bench_call(bench, "GET", path, NULL);
	auto_reply struct reply now = bench_call(bench, "GET", MAPS, NULL);

	CHECK(strstr(then.body, "\"name\":\"a\""));
	CHECK(!strstr(now.body, "\"name\":\"a\""));
}

TEST(slow_watchers_are_ended)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply watch = bench_call(bench, "GET", MAPS "?watch=1", NULL);
	auto_reply struct reply made = bench_call(bench, "POST", MAPS, MAP("a"));

	for (unsigned i = 0; i < 1001 && !core_watch_ended(watch.watch); i++) {
		char body[64];

		(void)snprintf(body, sizeof(body), "{'data':{'k':'%u'}}", i);
		auto_reply struct reply changed = bench_call(bench, "PATCH", MAPS "/a", body);
	}
	CHECK(core_watch_ended(watch.watch));
}

TEST(long_lists_come_in_pieces)
{
	auto_bench struct bench *bench = bench_new();
	char body[3000];
	size_t n;

	(void)memset(body, 'x', sizeof(body));
	for (unsigned i = 0; i < 200; i++) {
		n = (size_t)snprintf(body, sizeof(body), "{'metadata':{'name':'m%u'},'data':{'k':'",
				     i);
		(void)memset(body + n, 'x', 2000);
		(void)snprintf(body + n + 2000, sizeof(body) - n - 2000, "'}}");
		auto_reply struct reply made = bench_call(bench, "POST", MAPS, body);
	}
	auto_reply struct reply all = bench_call(bench, "GET", MAPS, NULL);
	auto_reply struct reply table = bench_ask(
		bench, &(struct ask){ .method = "GET",
				      .path = MAPS,
				      .accept = "application/json;as=Table;v=v1;g=meta.k8s.io" });

	CHECK(all.type == CORE_PAGES && table.type == CORE_PAGES);
	CHECK(json_len(json_at(all.json, "items")) >= 200);
	CHECK(json_len(json_at(table.json, "rows")) == json_len(json_at(all.json, "items")));
}

/* ---- a random life against a naive model ---- */

struct model {
	char data[8][8]; /* "" : not there */
	uint64_t uid[8];
};

/* What a client knows that has followed the watch since @from. */
static void replay(struct bench *bench, uint64_t from, struct model *model)
{
	char path[128];

	(void)snprintf(path, sizeof(path), MAPS "?watch=1&resourceVersion=%llu",
		       (unsigned long long)from);
	auto_reply struct reply reply = bench_call(bench, "GET", path, NULL);
	auto_free char *raw = bench_raw_frames(bench, reply.watch);
	uint64_t last = from;

	for (char *line = raw, *end; *line; line = end + 1) {
		auto_json struct json_object *json = NULL;
		const char *name, *type;
		uint64_t at;

		end = strchr(line, '\n');
		CHECK(end && json_parse(line, (size_t)(end - line), &json, NULL) == 0);
		name = json_str_at(json, "object.metadata.name");
		type = json_str_at(json, "type");
		at = strtoull(json_str_at(json, "object.metadata.resourceVersion"), NULL, 10);
		CHECK(at > last);
		last = at;
		if (name[0] != 'm')
			continue;
		(void)snprintf(model->data[name[1] - '0'], 8, "%s",
			       strcmp(type, "DELETED") == 0 ? ""
							    : json_str_at(json, "object.data.k"));
	}
}

static void random_step(struct bench *bench, struct model *model, unsigned seed)
{
	unsigned which = seed % 8, what = seed / 8 % 4;
	char path[64], body[128], value[8];
	const bool there = model->data[which][0];

	(void)snprintf(path, sizeof(path), MAPS "/m%u", which);
	(void)snprintf(value, sizeof(value), "%u", seed % 1000);
	(void)snprintf(body, sizeof(body), "{'metadata':{'name':'m%u'},'data':{'k':'%s'}}", which,
		       value);
	if (what == 0) {
		auto_reply struct reply reply = bench_call(bench, "POST", MAPS, body);

		CHECK_INT(reply.status, there ? 409 : 201);
		if (!there)
			(void)snprintf(model->data[which], 8, "%s", value);
	} else if (what == 1) {
		auto_reply struct reply reply = bench_call(bench, "DELETE", path, NULL);

		CHECK_INT(reply.status, there ? 200 : 404);
		model->data[which][0] = '\0';
	} else {
		auto_reply struct reply reply =
			bench_call(bench, what == 2 ? "PUT" : "PATCH", path, body);

		CHECK_INT(reply.status, there ? 200 : 404);
		if (there)
			(void)snprintf(model->data[which], 8, "%s", value);
	}
}

TEST(random_lives_replay_to_the_same_state)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		auto_bench struct bench *bench = bench_new();
		struct model model = { 0 }, snapshots[10] = { 0 };
		uint64_t revisions[10];
		unsigned random = seed;

		for (unsigned i = 0; i < 300; i++) {
			if (i % 30 == 0) {
				snapshots[i / 30] = model;
				revisions[i / 30] = core_revision(bench->core);
			}
			random = random * 1103515245 + 12345;
			random_step(bench, &model, random >> 8);
		}
		for (unsigned i = 0; i < 10; i++) {
			replay(bench, revisions[i], &snapshots[i]);
			CHECK(memcmp(snapshots[i].data, model.data, sizeof(model.data)) == 0);
		}
		bench_restart(bench);
		for (unsigned i = 0; i < 8; i++) {
			char path[64];

			(void)snprintf(path, sizeof(path), MAPS "/m%u", i);
			auto_reply struct reply reply = bench_call(bench, "GET", path, NULL);

			CHECK_INT(reply.status, model.data[i][0] ? 200 : 404);
			CHECK_STR(reply_text(&reply, "data.k"), model.data[i]);
		}
	}
}
