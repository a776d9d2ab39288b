/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/objectwatch.h"

#include <errno.h>
#include <string.h>

struct watching {
	struct buf pending; /* an event that has not come whole */
	objectwatch_fn *fn;
	void *data;
	int result;
};

static int take_event(struct watching *w, const struct json_object *event)
{
	const char *type = json_str_at(event, "type");

	if (!type || strcmp(type, "ERROR") == 0)
		return 1; /* too old: over */
	if (strcmp(type, "BOOKMARK") == 0)
		return 0;
	w->result = w->fn(type, json_get(event, "object"), w->data);
	return w->result != 0;
}

static int on_piece(const char *bytes, size_t len, void *data)
{
	struct watching *w = data;
	char *newline;

	if (buf_append(&w->pending, bytes, len) < 0)
		return -ENOMEM;
	while ((newline = memchr(buf_str(&w->pending), '\n', w->pending.len))) {
		auto_json struct json_object *event = NULL;
		size_t n = (size_t)(newline - w->pending.data) + 1;
		int r = json_parse(w->pending.data, n, &event, NULL);

		buf_consume(&w->pending, n);
		if (r < 0)
			return r;
		if (take_event(w, event))
			return 1;
	}
	return 0;
}

int objectwatch(struct session *session, const struct selected *item, const char *version,
		int64_t seconds, objectwatch_fn *fn, void *data, struct err *err)
{
	struct watching w = { .fn = fn, .data = data };
	struct rest_request q = { .method = "GET", .on_piece = on_piece, .data = &w };
	auto_buf struct buf path = { 0 };
	int r;

	(void)types_path(&item->type, item->namespace, "", &path);
	(void)buf_puts(&path, "?fieldSelector=metadata.name%3D");
	(void)rest_escape(&path, item->name);
	if (version && *version)
		(void)buf_printf(&path, "&resourceVersion=%s", version);
	(void)buf_printf(&path, "&timeoutSeconds=%lld&watch=true", (long long)MAX(seconds, 1));
	q.path = buf_str(&path);
	r = buf_error(&path) ? err_set(err, -ENOMEM, "error: watch %s", item->name)
			     : rest_call(session->rest, &q, NULL, err);
	buf_done(&w.pending);
	return r < 0 ? r : w.result;
}
