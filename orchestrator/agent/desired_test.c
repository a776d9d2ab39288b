/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/desired.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static struct json_object *object(const char *name)
{
	char text[128];
	struct json_object *json;

	(void)snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u-%s\"}}",
		       name, name);
	CHECK(json_parse(text, strlen(text), &json, NULL) == 0);
	return json;
}

static void set(struct desired *d, const char *kind, const char *name, const char *revision)
{
	auto_json struct json_object *json = object(name);
	char uid[64];

	(void)snprintf(uid, sizeof(uid), "u-%s", name);
	CHECK(desired_set(d, kind, "ns", name, uid, revision, json) == 0);
}

static struct desired *reopen(struct desired *d, const char *dir)
{
	struct err err = { 0 };

	if (d) {
		CHECK(desired_flush(d, NULL) == 0);
		desired_close(d);
	}
	CHECK(desired_open(dir, &d, &err) == 0);
	return d;
}

static bool count_one(const struct desired_object *o, void *data)
{
	(void)o;
	++*(int *)data;
	return true;
}

static int count(const struct desired *d, const char *kind)
{
	int n = 0;

	desired_each(d, kind, count_one, &n);
	return n;
}

TEST(what_is_wanted_survives)
{
	const char *dir = test_dir();
	struct desired *d = reopen(NULL, dir);
	struct json_object *saved = json_new_object();

	set(d, "Pod", "a", "1");
	set(d, "Pod", "b", "2");
	set(d, "ConfigMap", "c", "3");
	set(d, "Pod", "a", "4");
	CHECK(desired_remove(d, "Pod", "ns", "b") == 0);
	CHECK(desired_remove(d, "Pod", "ns", "b") == -ENOENT);
	(void)json_put_int(saved, "x", 7);
	CHECK(desired_save(d, "u-a", saved) == 0);
	d = reopen(d, dir);
	CHECK_INT(count(d, "Pod"), 1);
	CHECK_INT(count(d, "ConfigMap"), 1);
	CHECK(desired_get(d, "Pod", "ns", "a") && !desired_get(d, "Pod", "ns", "b"));
	CHECK_STR(desired_find(d, "Pod", "ns", "a")->revision, "4");
	CHECK_INT(json_int_at(desired_saved(d, "u-a"), "x", 0), 7);
	auto_buf struct buf have = BUF_INIT(0);

	CHECK(desired_have(d, &have) == 0);
	CHECK_STR(buf_str(&have),
		  "{\"cluster\":\"\",\"objects\":[{\"kind\":\"ConfigMap\",\"namespace\":\"ns\","
		  "\"name\":\"c\",\"uid\":\"u-c\",\"revision\":\"3\"},{\"kind\":\"Pod\","
		  "\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"u-a\",\"revision\":\"4\"}]}");
	desired_close(d);
}

TEST(a_torn_tail_is_dropped_wherever_it_is_torn)
{
	const char *dir = test_dir();
	char path[128];
	struct desired *d = reopen(NULL, dir);
	struct stat before, after;

	(void)snprintf(path, sizeof(path), "%s/desired.log", dir);
	set(d, "Pod", "a", "1");
	CHECK(desired_flush(d, NULL) == 0 && stat(path, &before) == 0);
	set(d, "Pod", "b", "2");
	CHECK(desired_flush(d, NULL) == 0 && stat(path, &after) == 0);
	desired_close(d);
	for (off_t size = after.st_size - 1; size >= before.st_size; size -= 7) {
		struct stat st;

		CHECK(truncate(path, size) == 0);
		d = reopen(NULL, dir);
		CHECK(desired_get(d, "Pod", "ns", "a") && !desired_get(d, "Pod", "ns", "b"));
		CHECK(stat(path, &st) == 0 && st.st_size == before.st_size);
		desired_close(d);
	}
	d = reopen(NULL, dir); /* and it goes on from there */
	set(d, "Pod", "c", "3");
	d = reopen(d, dir);
	CHECK_INT(count(d, "Pod"), 2);
	desired_close(d);
}

TEST(a_newer_file_is_refused_with_a_sentence)
{
	const char *dir = test_dir();
	char path[128], line[256];
	const char *json = "{\"version\":2}";
	uint64_t h = 0xcbf29ce484222325;
	struct desired *d = NULL;
	struct err err = { 0 };
	int fd;

	for (const char *p = json; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3;
	(void)snprintf(path, sizeof(path), "%s/desired.log", dir);
	(void)snprintf(line, sizeof(line), "%016llx %s\n", (unsigned long long)h, json);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
	close(fd);
	CHECK(desired_open(dir, &d, &err) == -EPROTONOSUPPORT);
	CHECK(strstr(err.text, "has version 2, this program reads version 1"));
}

TEST(a_grown_log_is_written_anew)
{
	const char *dir = test_dir();
	struct desired *d = reopen(NULL, dir);
	char path[128], name[32];
	struct stat st;

	for (int i = 0; i < 12000; i++) {
		(void)snprintf(name, sizeof(name), "p%d", i % 10);
		set(d, "Pod", name, "1");
	}
	CHECK(desired_compact(d, NULL) == -EAGAIN); /* something waits */
	CHECK(desired_flush(d, NULL) == 0);
	CHECK(desired_compact(d, NULL) >= 0);
	set(d, "Pod", "late", "9"); /* while it is being synced */
	CHECK(desired_flush(d, NULL) == 0);
	CHECK(desired_compacted(d, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/desired.log", dir);
	CHECK(stat(path, &st) == 0 && st.st_size < 8192);
	CHECK(desired_compact(d, NULL) == -EAGAIN);
	d = reopen(d, dir);
	CHECK_INT(count(d, "Pod"), 11);
	desired_close(d);
}

TEST(states_of_pods_that_are_gone_are_forgotten)
{
	const char *dir = test_dir();
	struct desired *d = reopen(NULL, dir);

	set(d, "Pod", "a", "1");
	CHECK(desired_save(d, "u-a", json_new_object()) == 0);
	CHECK(desired_save(d, "u-old", json_new_object()) == 0);
	desired_prune(d);
	CHECK(desired_saved(d, "u-a") && !desired_saved(d, "u-old"));
	d = reopen(d, dir);
	CHECK(desired_saved(d, "u-a") && !desired_saved(d, "u-old"));
	desired_close(d);
}

TEST(opening_survives_every_failed_call)
{
	const char *dir = test_dir();
	struct desired *made = reopen(NULL, dir);

	set(made, "Pod", "a", "1");
	CHECK(desired_flush(made, NULL) == 0);
	desired_close(made);
	for (unsigned nth = 1;; nth++) {
		struct desired *d = NULL;
		struct err err = { 0 };
		int fds = open_fds(), r;

		fault_arm(nth);
		r = desired_open(dir, &d, &err);
		bool failed = fault_disarm();

		if (r == 0) {
			/* An allocation inside the JSON parser may cost the tail, nothing else. */
			desired_close(d);
		} else {
			CHECK(failed && err.code == r && !d);
		}
		CHECK_INT(open_fds(), fds);
		if (!failed)
			return;
	}
}
