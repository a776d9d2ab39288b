/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl get -w: what changes, as it changes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/get.h"

struct watching {
	struct get *get;
	const struct selected *item;
	struct table_printer printer;
	struct buf pending; /* an event that has not come whole yet */
	struct err err;
};

static int watch_print(struct watching *w, struct json_object *event)
{
	struct get *get = w->get;
	struct json_object *object = json_get(event, "object");
	const char *type = json_str_at(event, "type");
	auto_buf struct buf out = { 0 };
	int r = 0;

	if (type && strcmp(type, "BOOKMARK") == 0)
		return 0;
	if (type && strcmp(type, "ERROR") == 0)
		return err_say(&w->err, -EREMOTEIO, "error: %s",
			       json_str_at(object, "message") ? json_str_at(object, "message")
							      : "watch ended");
	if (get_prints_tables(get)) {
		r = table_print(&w->printer, object, &out);
	} else {
		get->items = json_unref(get->items);
		get->items = json_new_array();
		r = get_collect_one(get, &w->item->type, object);
		if (get->printer.kind == PRINTER_YAML)
			(void)buf_puts(&out, "---\n");
		if (r == 0)
			r = printer_put(&get->printer, json_idx(get->items, 0), &out, &w->err);
	}
	return r < 0 ? r : command_print(&out);
}

static int on_watch_piece(const char *bytes, size_t len, void *data)
{
	struct watching *w = data;
	char *newline;

	if (buf_append(&w->pending, bytes, len) < 0)
		return -ENOMEM;
	while ((newline = memchr(buf_str(&w->pending), '\n', w->pending.len))) {
		auto_json struct json_object *event = NULL;
		size_t n = (size_t)(newline - w->pending.data) + 1;
		int r = json_parse(w->pending.data, n, &event, &w->err);

		buf_consume(&w->pending, n);
		if (r == 0)
			r = watch_print(w, event);
		if (r != 0)
			return r < 0 ? r : 1;
	}
	return 0;
}

static int watch_from(struct watching *w, const char *version)
{
	struct get *get = w->get;
	struct rest_request q = { .method = "GET", .on_piece = on_watch_piece, .data = w };
	auto_buf struct buf path = { 0 };
	int r;

	q.accept = get_prints_tables(get) ? GET_ACCEPT_TABLE : NULL;
	r = get_path(get, w->item, true, version, NULL, &path);
	q.path = buf_str(&path);
	if (r == 0)
		r = rest_call(get->session.rest, &q, NULL, &w->err);
	return r < 0 ? session_fail(&w->err) : 0;
}

int get_watch(struct get *get)
{
	struct watching w = { .get = get, .item = &get->selection.items[0] };
	auto_json struct json_object *first = NULL;
	char prefix[256];
	const char *version = NULL;
	struct err err = { 0 };
	int r = 0;

	if (get->selection.n != 1)
		return command_fail("watch is only supported on individual resources and resource "
				    "collections - %zu "
				    "resources were found",
				    get->selection.n);
	get_table_setup(get, w.item, prefix, sizeof(prefix), &w.printer);
	r = get_table(get, w.item, &first, &err);
	if (r < 0) {
		table_done(&w.printer);
		return session_fail(&err);
	}
	version = json_str_at(first, "metadata.resourceVersion");
	if (!cli_bool(get->cli, "watch-only")) {
		auto_buf struct buf out = { 0 };

		if (get_prints_tables(get)) {
			if (json_len(json_get(first, "rows")))
				r = table_print(&w.printer, first, &out);
		} else {
			r = get_collect(get, w.item, &err);
			if (r == 0)
				r = get_print_collected(get);
		}
		if (r == 0)
			r = command_print(&out);
	}
	if (r == 0)
		r = watch_from(&w, version);
	table_done(&w.printer);
	buf_done(&w.pending);
	return r;
}
