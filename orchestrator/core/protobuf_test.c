/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/protobuf.h"
#include "tests/unit/test.h"

/* Messages by hand: each function appends a field. */
static void put_varint(struct buf *buf, uint64_t n)
{
	for (; n > 0x7f; n >>= 7)
		(void)buf_putc(buf, (char)(n | 0x80));
	(void)buf_putc(buf, (char)n);
}

static void put_bytes(struct buf *buf, unsigned number, const void *data, size_t len)
{
	put_varint(buf, number << 3 | 2);
	put_varint(buf, len);
	(void)buf_append(buf, data, len);
}

static void put_text(struct buf *buf, unsigned number, const char *text)
{
	put_bytes(buf, number, text, strlen(text));
}

static void put_message(struct buf *buf, unsigned number, struct buf *message)
{
	put_bytes(buf, number, buf_str(message), message->len);
	buf_clear(message);
}

static void put_number(struct buf *buf, unsigned number, uint64_t n)
{
	put_varint(buf, number << 3);
	put_varint(buf, n);
}

static void wrap(struct buf *buf, const char *version, const char *kind, struct buf *raw)
{
	auto_buf struct buf meta = { 0 };

	(void)buf_append(buf, "k8s", 4);
	put_text(&meta, 1, version);
	put_text(&meta, 2, kind);
	put_message(buf, 1, &meta);
	put_message(buf, 2, raw);
}

static char *decoded(const struct buf *message)
{
	auto_json struct json_object *json = NULL;
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	if (protobuf_decode(message->data, message->len, &json, &err) < 0)
		return strdup(err.text);
	(void)json_write(&text, json);
	return buf_take(&text);
}

TEST(protobuf_becomes_the_json_of_the_same_object)
{
	auto_buf struct buf message = { 0 }, raw = { 0 }, spec = { 0 }, part = { 0 }, inner = { 0 };

	put_text(&part, 1, "web");
	put_text(&part, 3, ""); /* Go writes empty texts */
	put_text(&inner, 1, "app");
	put_text(&inner, 2, "x");
	put_message(&part, 11, &inner); /* labels */
	put_bytes(&part, 8, "", 0);	/* creationTimestamp of nobody */
	put_message(&raw, 1, &part);
	put_text(&part, 1, "c");
	put_text(&part, 2, "nginx");
	put_number(&inner, 3, 80); /* a port */
	put_message(&part, 6, &inner);
	put_message(&spec, 2, &part);
	put_number(&spec, 4, 0); /* terminationGracePeriodSeconds: a pointer keeps its zero */
	put_message(&raw, 2, &spec);
	wrap(&message, "v1", "Pod", &raw);
	auto_free char *text = decoded(&message);

	CHECK_STR(text, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web\","
			"\"labels\":{\"app\":\"x\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
			"\"image\":\"nginx\",\"ports\":[{\"containerPort\":80}]}],"
			"\"terminationGracePeriodSeconds\":0}}");
}

TEST(protobuf_knows_embedded_and_special_messages)
{
	auto_buf struct buf message = { 0 }, raw = { 0 }, inner = { 0 };

	put_text(&inner, 1, "k");
	put_bytes(&inner, 2, "v\xff", 2);
	put_message(&raw, 2, &inner); /* data: bytes are base64 in JSON */
	wrap(&message, "v1", "Secret", &raw);
	auto_free char *text = decoded(&message);

	CHECK_STR(text, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"data\":{\"k\":\"dv8=\"}}");
}

TEST(protobuf_refuses_what_is_broken)
{
	auto_buf struct buf message = { 0 }, raw = { 0 }, metadata = { 0 };
	auto_free char *foreign = NULL, *unknown = NULL;

	(void)buf_puts(&message, "{\"kind\":\"Pod\"}");
	foreign = decoded(&message);
	CHECK(strstr(foreign, "expected prefix 6b387300"));
	buf_clear(&message);
	wrap(&message, "v9", "Nothing", &raw);
	unknown = decoded(&message);
	CHECK(strstr(unknown, "no kind \"Nothing\""));
	/* cut off anywhere, or with any byte changed: an error or an object, never worse */
	buf_clear(&message);
	put_text(&metadata, 1, "web");
	put_message(&raw, 1, &metadata);
	wrap(&message, "v1", "ConfigMap", &raw);
	for (size_t i = 0; i < message.len; i++) {
		auto_free char *copy = malloc(message.len);
		auto_json struct json_object *json = NULL;

		(void)protobuf_decode(message.data, i, &json, NULL);
		json = json_unref(json);
		memcpy(copy, message.data, message.len);
		copy[i] ^= 0x55;
		(void)protobuf_decode(copy, message.len, &json, NULL);
	}
}
