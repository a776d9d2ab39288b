/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define EVENTS                                                                                     \
	"/api/v1/namespaces/default/events?fieldSelector=reason%3DTested,involvedObject.name%3D"   \
	"kubernetes"

static void record(struct bench *bench, const char *message)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Service");
	struct object *object = core_get(bench->core, kind, "default", "kubernetes");

	core_event(bench->core, object, "Normal", "Tested", "tester", message, bench->now_ns);
	bench_settle(bench);
}

TEST(equal_events_are_counted)
{
	auto_bench struct bench *bench = bench_new();
	struct json_object *event;

	record(bench, "one");
	record(bench, "two");
	bench_pass(bench, 10);
	record(bench, "one");
	auto_reply struct reply list = bench_call(bench, "GET", EVENTS, NULL);

	CHECK_INT(json_len(json_at(list.json, "items")), 2);
	event = json_idx(json_at(list.json, "items"), 0);
	CHECK_STR(json_str_at(event, "message"), "one");
	CHECK_INT(json_int_at(event, "count", 0), 2);
	CHECK_STR(json_str_at(event, "firstTimestamp"), "2026-11-24T10:00:00Z");
	CHECK_STR(json_str_at(event, "lastTimestamp"), "2026-11-24T10:00:10Z");
	CHECK_STR(json_str_at(event, "source.component"), "tester");
	CHECK_STR(json_str_at(event, "involvedObject.kind"), "Service");
	CHECK_INT(json_int_at(json_idx(json_at(list.json, "items"), 1), "count", 0), 1);
}

TEST(events_go_an_hour_after_their_last_word)
{
	auto_bench struct bench *bench = bench_new();

	record(bench, "one");
	record(bench, "two");
	bench_pass(bench, 1800);
	record(bench, "one");
	bench_pass(bench, 1801);
	auto_reply struct reply half = bench_call(bench, "GET", EVENTS, NULL);

	CHECK_INT(json_len(json_at(half.json, "items")), 1);
	CHECK_STR(json_str_at(json_idx(json_at(half.json, "items"), 0), "message"), "one");
	bench_pass(bench, 1800);
	auto_reply struct reply none = bench_call(bench, "GET", EVENTS, NULL);

	CHECK_INT(json_len(json_at(none.json, "items")), 0);
	record(bench, "one"); /* a new one, not an update of what is gone */
	auto_reply struct reply again = bench_call(bench, "GET", EVENTS, NULL);

	CHECK_INT(json_len(json_at(again.json, "items")), 1);
	CHECK_INT(json_int_at(json_idx(json_at(again.json, "items"), 0), "count", 0), 1);
}
