/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/wire/wire_impl.h"

/* docs/protocol.md, sections 2, 4 and 7: what may come on which channel, and how long it may be. */
static const struct rule {
	const char *name;
	bool message; /* on channel 0; else on any other */
	uint32_t min, max;
} rules[] = {
	[FRAME_OPEN] = { "open", false, 2, WIRE_TEXT_MAX },
	[FRAME_ACCEPT] = { "accept", false, 0, WIRE_TEXT_MAX },
	[FRAME_DATA] = { "data", false, 1, WIRE_DATA_MAX },
	[FRAME_CREDIT] = { "credit", false, 4, 4 },
	[FRAME_END] = { "end", false, 0, 0 },
	[FRAME_CLOSE] = { "close", false, 0, WIRE_TEXT_MAX },
	[WIRE_HELLO] = { "hello", true, 2, WIRE_TEXT_MAX },
	[WIRE_WELCOME] = { "welcome", true, 2, WIRE_TEXT_MAX },
	[WIRE_REFUSE] = { "refuse", true, 2, WIRE_TEXT_MAX },
	[WIRE_JOIN] = { "join", true, 2, WIRE_TEXT_MAX },
	[WIRE_RENEW] = { "renew", true, 2, WIRE_TEXT_MAX },
	[WIRE_CERTIFICATE] = { "certificate", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_PING] = { "ping", true, 2, WIRE_TEXT_MAX },
	[WIRE_PONG] = { "pong", true, 2, WIRE_TEXT_MAX },
	[WIRE_ACK] = { "ack", true, 2, WIRE_TEXT_MAX },
	[WIRE_FAILED] = { "failed", true, 2, WIRE_TEXT_MAX },
	[WIRE_HAVE] = { "have", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_DESIRED] = { "desired", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_SYNCED] = { "synced", true, 2, WIRE_TEXT_MAX },
	[WIRE_POD_STATUS] = { "pod_status", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_NODE_STATUS] = { "node_status", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_EVENT] = { "event", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_STATS] = { "stats", true, 2, WIRE_MESSAGE_MAX },
	[WIRE_TOKEN_REQUEST] = { "token_request", true, 2, WIRE_TEXT_MAX },
	[WIRE_TOKEN] = { "token", true, 2, WIRE_TEXT_MAX },
};

/* Section 11: messages of later versions that may be ignored. */
#define LATER_FIRST 128
static const struct rule later_rule = { "unknown message", true, 0, WIRE_MESSAGE_MAX };

static const struct rule *rule_of(unsigned type)
{
	if (type >= LATER_FIRST)
		return &later_rule;
	return type < ARRAY_LEN(rules) && rules[type].name ? &rules[type] : NULL;
}

const char *wire_message_name(enum wire_message type)
{
	const struct rule *rule = rule_of(type);

	return rule && rule->message && rule != &later_rule ? rule->name : NULL;
}

void wire_header_put(const struct wire_header *header, unsigned char to[WIRE_HEADER])
{
	to[0] = (unsigned char)(header->len >> 24);
	to[1] = (unsigned char)(header->len >> 16);
	to[2] = (unsigned char)(header->len >> 8);
	to[3] = (unsigned char)header->len;
	to[4] = (unsigned char)(header->channel >> 8);
	to[5] = (unsigned char)header->channel;
	to[6] = header->type;
	to[7] = header->flags;
}

int wire_header_read(const unsigned char from[WIRE_HEADER], struct wire_header *ret,
		     struct err *err)
{
	struct wire_header h = {
		.len = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 |
		       from[3],
		.channel = (uint16_t)(from[4] << 8 | from[5]),
		.type = from[6],
		.flags = from[7],
	};
	const struct rule *rule = rule_of(h.type);

	if (!rule)
		return err_say(err, -EPROTO, "frame of unknown type %u", h.type);
	if (rule->message != (h.channel == 0))
		return err_say(err, -EPROTO, "%s on channel %u", rule->name, h.channel);
	if (h.len < rule->min || h.len > rule->max)
		return err_say(err, -EPROTO, "%s of %u bytes", rule->name, h.len);
	if (h.flags && h.type != FRAME_DATA && h.type != FRAME_END)
		return err_say(err, -EPROTO, "%s with flags %u", rule->name, h.flags);
	if (h.flags >= WIRE_SUB_COUNT)
		return err_say(err, -EPROTO, "%s of sub-stream %u", rule->name, h.flags);
	*ret = h;
	return 0;
}

struct wire_frame *wire_frame_new(const struct wire_header *header, const char *text,
				  const void *data, size_t len)
{
	struct wire_frame *frame = malloc(sizeof(*frame));
	size_t text_len = text ? strlen(text) : 0;

	if (!frame)
		return NULL;
	frame->bytes = bytes_new(NULL, WIRE_HEADER + text_len + len);
	if (!frame->bytes) {
		free(frame);
		return NULL;
	}
	list_init(&frame->link);
	frame->header = *header;
	frame->header.len = (uint32_t)(text_len + len);
	wire_header_put(&frame->header, (unsigned char *)frame->bytes->data);
	if (text_len)
		memcpy(frame->bytes->data + WIRE_HEADER, text, text_len);
	if (len)
		memcpy(frame->bytes->data + WIRE_HEADER + text_len, data, len);
	return frame;
}

struct wire_frame *wire_frame_free(struct wire_frame *frame)
{
	if (frame) {
		list_remove(&frame->link);
		(void)bytes_unref(frame->bytes);
		free(frame);
	}
	return NULL;
}

/* ---- errors, by the name of their errno: numbers differ between machines ---- */

#define ERRNO_MAX 133

static int errno_of(const char *name)
{
	for (int code = 1; name && code <= ERRNO_MAX; code++) {
		const char *known = strerrorname_np(code);

		if (known && !strcmp(known, name))
			return -code;
	}
	return -EREMOTEIO;
}

int wire_error_put(struct buf *json, const struct err *err)
{
	const char *name = strerrorname_np(-err->code);
	int r = buf_printf(json, "{\"error\":\"%s\",\"message\":", name ? name : "EREMOTEIO");

	if (r == 0)
		r = json_write_string(json, err->text, strlen(err->text), JSON_COMPACT);
	return r < 0 ? r : buf_putc(json, '}');
}

void wire_error_read(const char *json, size_t len, struct err *ret)
{
	auto_json struct json_object *object = NULL;
	const char *message;

	*ret = (struct err){ 0 };
	if (!len)
		return;
	if (json_parse(json, len, &object, NULL) < 0) {
		(void)err_say(ret, -EPROTO, "the peer gave a reason that is not JSON");
		return;
	}
	if (!json_has(object, "error"))
		return;
	message = json_str(json_get(object, "message"));
	(void)err_say(ret, errno_of(json_str(json_get(object, "error"))), "%s",
		      message ? message : "the peer gave no reason");
}
