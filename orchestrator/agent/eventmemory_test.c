/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/eventmemory.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "tests/unit/test.h"

static struct json_object *event_of(const char *pod, const char *message)
{
	struct json_object *event = json_new_object();

	(void)json_put_at(event, "involvedObject.name", json_new_string(pod));
	(void)json_put_at(event, "message", json_new_string(message));
	return event;
}

TEST(eventmemory_counts_the_same_event)
{
	static struct eventmemory memory;
	auto_json struct json_object *a = event_of("web", "x"), *b = event_of("web", "x");
	auto_json struct json_object *c = event_of("web", "y");

	CHECK(eventmemory_stamp(&memory, a, NS_PER_S) == 0);
	CHECK(eventmemory_stamp(&memory, b, 61 * NS_PER_S) == 0);
	CHECK(eventmemory_stamp(&memory, c, 61 * NS_PER_S) == 0);
	CHECK_STR(json_str_at(a, "metadata.name"), json_str_at(b, "metadata.name"));
	CHECK_INT(json_int_at(b, "count", 0), 2);
	CHECK_STR(json_str_at(b, "firstTimestamp"), "1970-01-01T00:00:01Z");
	CHECK_STR(json_str_at(b, "lastTimestamp"), "1970-01-01T00:01:01Z");
	CHECK_INT(json_int_at(c, "count", 0), 1);
	CHECK(strcmp(json_str_at(c, "metadata.name"), json_str_at(b, "metadata.name")) > 0);
}

TEST(eventmemory_names_rise_within_one_tick)
{
	static struct eventmemory memory;
	char last[300] = "", message[16];

	for (int i = 0; i < 50; i++) {
		auto_json struct json_object *event = NULL;

		(void)snprintf(message, sizeof(message), "m%d", i);
		event = event_of("web", message);
		CHECK(eventmemory_stamp(&memory, event, 1795514716 * NS_PER_S) == 0);
		CHECK(strcmp(json_str_at(event, "metadata.name"), last) > 0);
		(void)snprintf(last, sizeof(last), "%s", json_str_at(event, "metadata.name"));
	}
}

TEST(eventmemory_forgets_the_oldest)
{
	static struct eventmemory memory;
	auto_json struct json_object *again = event_of("web", "m0");
	char message[16];

	for (int i = 0; i <= EVENTMEMORY_MAX; i++) {
		auto_json struct json_object *event = NULL;

		(void)snprintf(message, sizeof(message), "m%d", i);
		event = event_of("web", message);
		CHECK(eventmemory_stamp(&memory, event, (i + 1) * NS_PER_S) == 0);
	}
	CHECK(eventmemory_stamp(&memory, again, 1000 * NS_PER_S) == 0);
	CHECK_INT(json_int_at(again, "count", 0), 1);
}
