/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/apistatus.h"

#include <string.h>

static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{ 400, "BadRequest" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "NotFound" },
	{ 405, "MethodNotAllowed" },
	{ 406, "NotAcceptable" },
	{ 409, "Conflict" },
	{ 410, "Expired" },
	{ 413, "RequestEntityTooLarge" },
	{ 415, "UnsupportedMediaType" },
	{ 422, "Invalid" },
	{ 429, "TooManyRequests" },
	{ 500, "InternalError" },
	{ 503, "ServiceUnavailable" },
	{ 504, "Timeout" },
};

const char *apistatus_reason(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return NULL;
}

static void put_text(struct buf *buf, bool *first, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	(void)buf_printf(buf, "%s\"%s\":", *first ? "" : ",", key);
	(void)json_write_string(buf, text, strlen(text), JSON_HTML_SAFE);
	*first = false;
}

static void put_details(struct buf *buf, const struct apistatus *status)
{
	bool first = true;

	(void)buf_puts(buf, ",\"details\":{");
	put_text(buf, &first, "name", status->name);
	put_text(buf, &first, "group", status->group);
	put_text(buf, &first, "kind", status->kind);
	put_text(buf, &first, "uid", status->uid);
	if (json_len(status->causes)) {
		(void)buf_puts(buf, first ? "\"causes\":" : ",\"causes\":");
		(void)json_write_style(buf, status->causes, JSON_HTML_SAFE);
		first = false;
	}
	if (status->retry_after_s)
		(void)buf_printf(buf, "%s\"retryAfterSeconds\":%u", first ? "" : ",",
				 status->retry_after_s);
	(void)buf_putc(buf, '}');
}

int apistatus_write(const struct apistatus *status, struct buf *buf)
{
	bool first = false;

	(void)buf_puts(buf, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
	if (status->continue_token)
		(void)buf_printf(buf, "\"continue\":\"%s\"", status->continue_token);
	(void)buf_printf(buf, "},\"status\":\"%s\"", status->code < 400 ? "Success" : "Failure");
	put_text(buf, &first, "message", status->message);
	put_text(buf, &first, "reason", status->reason);
	if (status->details || status->name || status->kind || status->uid ||
	    json_len(status->causes) || status->retry_after_s)
		put_details(buf, status);
	if (status->code != 200) /* as Kubernetes says of what is simply done */
		(void)buf_printf(buf, ",\"code\":%d", status->code);
	return buf_putc(buf, '}');
}
