/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void table_init(struct table_printer *printer, const struct table_options *options)
{
	*printer = (struct table_printer){ .options = *options, .tabs = TABS_GET };
}

void table_done(struct table_printer *printer)
{
	printer->columns = json_unref(printer->columns);
}

static bool shown(const struct table_printer *printer, const struct json_object *column)
{
	return printer->options.wide || json_int_at(column, "priority", 0) == 0;
}

static void put_upper(struct buf *text, const char *name)
{
	for (; *name; name++)
		(void)buf_putc(text, (char)toupper((unsigned char)*name));
}

/* The name of a label column is what stands after the last slash. */
static void put_label_header(struct buf *text, const char *label)
{
	const char *slash = strrchr(label, '/');

	put_upper(text, slash ? slash + 1 : label);
}

static void print_header(struct table_printer *printer, struct buf *text)
{
	const char *const *label = printer->options.label_columns;
	bool first = true;

	if (printer->options.with_namespace) {
		(void)buf_puts(text, "NAMESPACE");
		first = false;
	}
	for (size_t i = 0; i < json_len(printer->columns); i++) {
		const struct json_object *column = json_idx(printer->columns, i);

		if (!shown(printer, column))
			continue;
		(void)buf_puts(text, first ? "" : "\t");
		put_upper(text, json_str_at(column, "name"));
		first = false;
	}
	for (; label && *label; label++) {
		(void)buf_putc(text, '\t');
		put_label_header(text, *label);
	}
	if (printer->options.show_labels)
		(void)buf_puts(text, "\tLABELS");
	(void)buf_putc(text, '\n');
}

/* A cell's text, whatever its type; line breaks and tabs would break the table. */
static void put_cell(struct buf *text, const struct json_object *cell)
{
	const char *string = json_str(cell);
	size_t from = text->len;

	if (json_kind(cell) == JSON_NULL)
		(void)buf_puts(text, "<none>");
	else if (string)
		(void)buf_puts(text, string);
	else
		(void)json_write(text, cell);
	for (size_t i = from; i < text->len; i++)
		if (text->data[i] == '\n' || text->data[i] == '\t' || text->data[i] == '\r')
			text->data[i] = ' ';
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a=1,b=2", by key, or <none> */
static void put_labels(struct buf *text, const struct json_object *labels)
{
	size_t n = json_len(labels), i = 0;
	auto_free const char **keys = calloc(n ? n : 1, sizeof(*keys));
	struct json_iter it;

	if (n == 0 || !keys) {
		(void)buf_puts(text, "<none>");
		return;
	}
	json_for_each (it, labels)
		keys[i++] = it.key;
	qsort(keys, n, sizeof(*keys), by_text);
	for (i = 0; i < n; i++)
		(void)buf_printf(text, "%s%s=%s", i ? "," : "", keys[i],
				 json_str(json_get(labels, keys[i])));
}

static void print_row(const struct table_printer *printer, const struct json_object *row,
		      struct buf *text)
{
	const struct json_object *cells = json_get(row, "cells");
	const struct json_object *labels = json_at(row, "object.metadata.labels");
	const char *const *label = printer->options.label_columns;
	const char *namespace = json_str_at(row, "object.metadata.namespace");
	bool first = true;

	if (printer->options.with_namespace) {
		(void)buf_puts(text, namespace ? namespace : "");
		first = false;
	}
	for (size_t i = 0; i < json_len(cells); i++) {
		const struct json_object *column = json_idx(printer->columns, i);

		if (!shown(printer, column))
			continue;
		(void)buf_puts(text, first ? "" : "\t");
		if (i == 0 && printer->options.kind_prefix)
			(void)buf_printf(text, "%s/", printer->options.kind_prefix);
		put_cell(text, json_idx(cells, i));
		first = false;
	}
	for (; label && *label; label++) {
		const char *value = json_str(json_get(labels, *label));

		(void)buf_printf(text, "\t%s", value ? value : "");
	}
	if (printer->options.show_labels) {
		(void)buf_putc(text, '\t');
		put_labels(text, labels);
	}
	(void)buf_putc(text, '\n');
}

int table_print(struct table_printer *printer, const struct json_object *table, struct buf *ret)
{
	const struct json_object *rows = json_get(table, "rows");
	struct json_object *columns = json_get(table, "columnDefinitions");
	auto_buf struct buf text = { 0 };

	if (json_len(columns)) {
		(void)json_unref(printer->columns);
		printer->columns = json_ref(columns);
	}
	if (!printer->headers_done && !printer->options.no_headers)
		print_header(printer, &text);
	printer->headers_done = true;
	for (size_t i = 0; i < json_len(rows); i++)
		print_row(printer, json_idx(rows, i), &text);
	if (buf_error(&text))
		return buf_error(&text);
	return tabs_write(&printer->tabs, buf_str(&text), text.len, ret);
}
