/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of the smaller kinds of core/v1. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/cells.h"

/* ---- ConfigMap, Secret, Namespace, ServiceAccount ---- */

static struct json_object *config_data_cell(const struct json_object *object)
{
	return json_new_int((int64_t)(json_len(json_get(object, "data")) +
				      json_len(json_get(object, "binaryData"))));
}

static struct json_object *secret_data_cell(const struct json_object *object)
{
	return json_new_int((int64_t)json_len(json_get(object, "data")));
}

const struct schema_column config_map_columns[] = {
	COLUMN_NAME,
	COLUMN_CELL("Data", 0, config_data_cell, "Number of keys"),
	COLUMN_AGE,
	{ 0 },
};
const struct schema_column secret_columns[] = {
	COLUMN_NAME,
	COLUMN_PATH("Type", 0, "type", "", "What the data is for"),
	COLUMN_CELL("Data", 0, secret_data_cell, "Number of keys"),
	COLUMN_AGE,
	{ 0 },
};
const struct schema_column namespace_columns[] = {
	COLUMN_NAME,
	COLUMN_PATH("Status", 0, "status.phase", "", "Active, or Terminating"),
	COLUMN_AGE,
	{ 0 },
};
const struct schema_column service_account_columns[] = {
	COLUMN_NAME,
	COLUMN_AGE,
	{ 0 },
};

/* ---- Event ---- */

static struct json_object *first_seen_cell(const struct json_object *object)
{
	const char *first = json_str_at(object, "firstTimestamp");

	return cell_since(first ? first : json_str_at(object, "eventTime"), NULL, NULL);
}

static struct json_object *last_seen_cell(const struct json_object *object)
{
	const char *last = json_str_at(object, "lastTimestamp");

	if (json_get(object, "series"))
		return cell_since(json_str_at(object, "series.lastObservedTime"), NULL, NULL);
	return last ? cell_since(last, NULL, NULL) : first_seen_cell(object);
}

static struct json_object *object_cell(const struct json_object *object)
{
	const char *kind = cell_string(object, "involvedObject.kind");
	const char *name = cell_string(object, "involvedObject.name");
	auto_buf struct buf text = BUF_INIT(65536);

	for (; *kind; kind++)
		(void)buf_putc(&text, (char)tolower((unsigned char)*kind));
	if (*name)
		(void)buf_printf(&text, "/%s", name);
	return cell_text(&text, "");
}

static struct json_object *source_cell(const struct json_object *object)
{
	const char *component = cell_string(object, "source.component");
	const char *host = cell_string(object, "source.host");
	auto_buf struct buf text = BUF_INIT(65536);

	if (!*component)
		component = cell_string(object, "reportingComponent");
	if (!*host)
		host = cell_string(object, "reportingInstance");
	(void)buf_printf(&text, *host ? "%s, %s" : "%s", component, host);
	return cell_text(&text, "");
}

static struct json_object *message_cell(const struct json_object *object)
{
	const char *message = cell_string(object, "message");
	size_t len;

	while (isspace((unsigned char)*message))
		message++;
	for (len = strlen(message); len && isspace((unsigned char)message[len - 1]); len--)
		continue;
	return json_new_string_len(message, len);
}

static struct json_object *count_cell(const struct json_object *object)
{
	int64_t count = json_int_at(object, "count", 0);

	if (json_get(object, "series"))
		return json_new_int(json_int_at(object, "series.count", 0));
	return json_new_int(count ? count : 1);
}

const struct schema_column event_columns[] = {
	COLUMN_CELL("Last Seen", 0, last_seen_cell, "Time since it happened last"),
	COLUMN_PATH("Type", 0, "type", "", "Normal, or Warning"),
	COLUMN_PATH("Reason", 0, "reason", "", "What happened, in one word"),
	COLUMN_CELL("Object", 0, object_cell, "What it is about"),
	COLUMN_PATH("Subobject", 1, "involvedObject.fieldPath", "", "Which part of it"),
	COLUMN_CELL("Source", 1, source_cell, "Who says so"),
	COLUMN_CELL("Message", 0, message_cell, "What happened, in a sentence"),
	COLUMN_CELL("First Seen", 1, first_seen_cell, "Time since it happened first"),
	COLUMN_CELL("Count", 1, count_cell, "How often it happened"),
	{ .name = "Name",
	  .type = "string",
	  .format = "name",
	  .description = "The event's own name",
	  .path = "metadata.name",
	  .priority = 1 },
	{ 0 },
};
