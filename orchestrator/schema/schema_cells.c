/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/schema/cells.h"

const char *cell_string(const struct json_object *object, const char *path)
{
	return json_text_at(object, path, "");
}

struct json_object *cell_text(struct buf *buf, const char *missing)
{
	return json_new_string(buf->len ? buf_str(buf) : missing);
}

struct json_object *cell_since(const char *time, const char *before, const char *after)
{
	struct json_object *cell;
	int64_t ns;

	if (!time || time_parse(time, &ns) < 0)
		return json_new_string("<unknown>");
	cell = json_new_object();
	if (!cell)
		return NULL;
	(void)json_put_int(cell, "since", ns);
	if (before)
		(void)json_put_str(cell, "before", before);
	if (after)
		(void)json_put_str(cell, "after", after);
	return cell;
}

struct json_object *cell_age(const struct json_object *object)
{
	return cell_since(json_str_at(object, "metadata.creationTimestamp"), NULL, NULL);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct json_object *cell_labels(const struct json_object *labels)
{
	auto_free const char **keys = calloc(json_len(labels) + 1, sizeof(*keys));
	auto_buf struct buf text = BUF_INIT(1 << 20);
	struct json_iter it;
	size_t n = 0;

	if (!keys)
		return NULL;
	json_for_each (it, labels)
		keys[n++] = it.key;
	qsort(keys, n, sizeof(*keys), by_text);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&text, "%s%s=%s", i ? "," : "", keys[i],
				 json_str(json_get(labels, keys[i])));
	return cell_text(&text, "<none>");
}

#define LIST_SHOWN 3

void cell_list_add(struct cell_list *list, const char *text)
{
	list->count++;
	if (list->shown == LIST_SHOWN) {
		list->more = true;
		return;
	}
	(void)buf_printf(&list->text, "%s%s", list->shown ? "," : "", text);
	list->shown++;
}

struct json_object *cell_list_end(struct cell_list *list, const char *missing)
{
	struct json_object *cell;

	if (list->more)
		(void)buf_printf(&list->text, " + %u more...", list->count - LIST_SHOWN);
	cell = json_new_string(list->count ? buf_str(&list->text) : missing);
	buf_done(&list->text);
	return cell;
}

static struct json_object *cell_of(const struct schema_column *column,
				   const struct json_object *object)
{
	struct json_object *value;

	if (column->cell)
		return column->cell(object);
	value = json_at(object, column->path);
	if (schema_is_zero(value))
		return json_new_string(column->missing ? column->missing : "");
	return json_copy(value);
}

struct json_object *schema_cells(const struct schema_kind *kind, const struct json_object *object)
{
	struct json_object *cells = json_new_array();

	if (!cells)
		return NULL;
	for (const struct schema_column *column = kind->columns; column && column->name; column++)
		if (json_add(cells, cell_of(column, object)) < 0)
			return json_unref(cells);
	return cells;
}

static void write_cell(struct buf *buf, const struct json_object *cell, int64_t now_ns)
{
	char human[TIME_TEXT_MAX], text[128];

	if (json_kind(cell) != JSON_OBJECT) {
		(void)json_write_style(buf, cell, JSON_HTML_SAFE);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s%s%s", cell_string(cell, "before"),
		       time_human(now_ns - json_int_at(cell, "since", 0), human),
		       cell_string(cell, "after"));
	(void)json_write_string(buf, text, strlen(text), JSON_HTML_SAFE);
}

int schema_cells_write(struct buf *buf, const struct json_object *cells, int64_t now_ns)
{
	(void)buf_putc(buf, '[');
	for (size_t i = 0, n = json_len(cells); i < n; i++) {
		if (i)
			(void)buf_putc(buf, ',');
		write_cell(buf, json_idx(cells, i), now_ns);
	}
	(void)buf_putc(buf, ']');
	return buf_error(buf);
}

struct json_object *schema_column_definitions(const struct schema_kind *kind)
{
	struct json_object *array = json_new_array();

	if (!array)
		return NULL;
	for (const struct schema_column *column = kind->columns; column && column->name; column++) {
		struct json_object *one = json_new_object();

		if (!one || json_put_str(one, "name", column->name) < 0 ||
		    json_put_str(one, "type", column->type) < 0 ||
		    json_put_str(one, "format", column->format) < 0 ||
		    json_put_str(one, "description", column->description) < 0 ||
		    json_put_int(one, "priority", column->priority) < 0 || json_add(array, one) < 0)
			return json_unref(array);
	}
	return array;
}

struct json_object *schema_row_conditions(const struct schema_kind *kind,
					  const struct json_object *object)
{
	const char *phase = cell_string(object, "status.phase");
	struct json_object *array = NULL, *one;

	if (strcmp(kind->kind, "Pod") != 0 || *kind->group)
		return NULL;
	if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
		return NULL;
	array = json_new_array();
	one = json_new_object();
	if (one) {
		(void)json_put_str(one, "type", "Completed");
		(void)json_put_str(one, "status", "True");
		(void)json_put_str(one, "reason", phase);
		(void)json_put_str(one, "message",
				   strcmp(phase, "Failed") == 0
					   ? "The pod failed."
					   : "The pod has completed successfully.");
	}
	if (!array || json_add(array, one) < 0)
		return json_unref(array);
	return array;
}
