/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/yaml.h"

/* Computed when the first Table of a kind is asked for, kept with the resource. */
static const char *columns_of(struct resource *resource)
{
	if (!resource->columns.len) {
		auto_json struct json_object *columns = schema_column_definitions(resource->kind);

		if (!columns || json_write(&resource->columns, columns) < 0)
			return NULL;
	}
	return buf_str(&resource->columns);
}

int answer_form_of(const struct request *request, struct answer_form *ret, struct err *err)
{
	const char *include = request->query.include_object;
	struct answer_form form = { .form = request->accept.form, .beta = request->accept.beta };

	if (form.form == ACCEPT_DISCOVERY)
		form.form = ACCEPT_OBJECT;
	if (form.form == ACCEPT_TABLE) {
		form.columns = columns_of(request->resource);
		if (!form.columns)
			return err_set(err, -ENOMEM, "columns");
		form.include = !include || !*include || strcmp(include, "Metadata") == 0
				       ? INCLUDE_METADATA
			       : strcmp(include, "None") == 0 ? INCLUDE_NONE
							      : INCLUDE_OBJECT;
		if (form.include == INCLUDE_OBJECT && strcmp(include, "Object") != 0)
			return err_say(err, -EINVAL, "unrecognized includeObject value: \"%s\"",
				       include);
	}
	*ret = form;
	return 0;
}

enum object_form answer_object_form(const struct answer_form *form, bool item)
{
	if (form->form == ACCEPT_PARTIAL || form->form == ACCEPT_PARTIAL_LIST)
		return form->beta ? OBJECT_PARTIAL_BETA : OBJECT_PARTIAL;
	return item ? OBJECT_ITEM : OBJECT_FULL;
}

/* Pods that have ended carry a condition in their row. */
static void put_row_conditions(struct buf *buf, const struct object *object)
{
	static const struct {
		const char *phase, *message;
	} ended[] = {
		{ "Succeeded", "The pod has completed successfully." },
		{ "Failed", "The pod failed." },
	};
	const char *phase;

	if (strcmp(object_kind(object)->kind, "Pod") != 0)
		return;
	phase = object_field(object, "status.phase");
	for (size_t i = 0; i < ARRAY_LEN(ended); i++)
		if (strcmp(phase, ended[i].phase) == 0)
			(void)buf_printf(buf,
					 ",\"conditions\":[{\"type\":\"Completed\",\"status\":"
					 "\"True\",\"reason\":\"%s\",\"message\":\"%s\"}]",
					 phase, ended[i].message);
}

int answer_row(struct buf *buf, const struct answer_form *form, const struct object *object,
	       int64_t now_ns)
{
	const char *text = object_cells(object);
	auto_json struct json_object *cells = NULL;

	(void)buf_puts(buf, "{\"cells\":");
	if (!text)
		(void)buf_puts(buf, "[]");
	else if (json_parse(text, strlen(text), &cells, NULL) < 0 ||
		 schema_cells_write(buf, cells, now_ns) < 0)
		return -ENOMEM;
	put_row_conditions(buf, object);
	if (form->include != INCLUDE_NONE) {
		(void)buf_puts(buf, ",\"object\":");
		(void)object_form_write(object,
					form->include == INCLUDE_OBJECT ? OBJECT_FULL
					: form->beta			? OBJECT_PARTIAL_BETA
									: OBJECT_PARTIAL,
					buf);
	}
	return buf_putc(buf, '}');
}

int answer_table_head(struct buf *buf, const struct answer_form *form, bool columns)
{
	return buf_printf(buf, ",\"columnDefinitions\":%s,\"rows\":[",
			  columns ? form->columns : "[]");
}

int answer_one(struct buf *buf, const struct answer_form *form, const struct object *object,
	       bool columns, int64_t now_ns)
{
	int r;

	if (form->form != ACCEPT_TABLE)
		return object_form_write(object, answer_object_form(form, false), buf);
	(void)buf_printf(buf,
			 "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":{"
			 "\"resourceVersion\":\"%" PRIu64 "\"}",
			 form->beta ? "v1beta1" : "v1", object_revision(object));
	(void)answer_table_head(buf, form, columns);
	r = answer_row(buf, form, object, now_ns);
	return r < 0 ? r : buf_puts(buf, "]}");
}

static int reshape(const struct request *request, const struct buf *text, struct buf *ret)
{
	auto_json struct json_object *json = NULL;
	int r = json_parse(buf_str(text), text->len, &json, NULL);

	if (r < 0)
		return r;
	return request->accept.encoding == ACCEPT_YAML
		       ? yaml_write(ret, json)
		       : json_write_style(ret, json, JSON_INDENT_2 | JSON_HTML_SAFE);
}

bool answer_is_plain(const struct request *request)
{
	return !request->query.pretty && request->accept.encoding == ACCEPT_JSON;
}

struct bytes *answer_bytes(const struct request *request, const struct buf *text)
{
	auto_buf struct buf shaped = { 0 };
	struct bytes *bytes;

	if (!answer_is_plain(request)) {
		if (reshape(request, text, &shaped) < 0)
			return NULL;
		text = &shaped;
	}
	if (buf_error(text))
		return NULL;
	if (text->len && text->data[text->len - 1] == '\n') /* YAML has it already */
		return bytes_new(text->data, text->len);
	bytes = bytes_new(NULL, text->len + 1);
	if (!bytes)
		return NULL;
	memcpy(bytes->data, buf_str(text), text->len);
	bytes->data[text->len] = '\n';
	return bytes;
}

struct bytes *answer_object(const struct request *request, const struct object *object)
{
	auto_buf struct buf text = { 0 };
	struct answer_form form;
	struct bytes *bytes;
	size_t len;

	if (answer_form_of(request, &form, NULL) < 0)
		return NULL;
	if (form.form == ACCEPT_TABLE || !answer_is_plain(request)) {
		if (answer_one(&text, &form, object, true, request->now_ns) < 0)
			return NULL;
		return answer_bytes(request, &text);
	}
	/* the usual case, without a detour through a buffer */
	enum object_form shape = answer_object_form(&form, false);

	len = object_form_len(object, shape);
	bytes = bytes_new(NULL, len + 1);
	if (!bytes)
		return NULL;
	*object_form_put(object, shape, bytes->data) = '\n';
	return bytes;
}
