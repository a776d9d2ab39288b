/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/printer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/yaml.h"
#include "ctl/command.h"
#include "ctl/types.h"

#define TEMPLATE_FILE_MAX JSONPATH_MAX

enum argument { NO_ARGUMENT, TEMPLATE, TEMPLATE_FILE };

static const struct format {
	const char *name;
	enum printer_kind kind;
	enum argument argument;
	bool tables_only, as_json;
	const char *missing; /* when its argument is */
} formats[] = {
	{ "", PRINTER_TABLE, NO_ARGUMENT, false, false, NULL },
	{ "wide", PRINTER_WIDE, NO_ARGUMENT, true, false, NULL },
	{ "json", PRINTER_JSON, NO_ARGUMENT, false, false, NULL },
	{ "yaml", PRINTER_YAML, NO_ARGUMENT, false, false, NULL },
	{ "name", PRINTER_NAME, NO_ARGUMENT, false, false, NULL },
	{ "jsonpath", PRINTER_JSONPATH, TEMPLATE, false, false,
	  "template format specified but no template given" },
	{ "jsonpath-as-json", PRINTER_JSONPATH, TEMPLATE, false, true,
	  "template format specified but no template given" },
	{ "jsonpath-file", PRINTER_JSONPATH, TEMPLATE_FILE, false, false,
	  "template format specified but no template given" },
	{ "custom-columns", PRINTER_COLUMNS, TEMPLATE, true, false,
	  "custom-columns format specified but no custom columns given" },
	{ "custom-columns-file", PRINTER_COLUMNS, TEMPLATE_FILE, true, false,
	  "custom-columns format specified but no custom columns given" },
};
/* The real one's, which we name and refuse. */
static const char *const refused[] = { "go-template", "go-template-file", "template",
				       "templatefile", "kyaml" };

void printer_close(struct printer *printer)
{
	for (size_t i = 0; i < printer->n_columns; i++) {
		free(printer->columns[i].header);
		(void)jsonpath_free(printer->columns[i].path);
	}
	free(printer->columns);
	free(printer->text);
	(void)jsonpath_free(printer->path);
	*printer = (struct printer){ 0 };
}

/* ---- opening ---- */

static int no_such_format(const char *text, bool tables)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		size_t n = strlen(refused[i]);

		if (strncmp(text, refused[i], n) == 0 && (!text[n] || text[n] == '='))
			return command_fail("the output format \"%s\" is not supported by this "
					    "kubectl: use jsonpath, custom-columns, json or yaml",
					    refused[i]);
	}
	return command_fail(
		"unable to match a printer suitable for the output format \"%s\", "
		"allowed formats are: %sgo-template,go-template-file,json,jsonpath,"
		"jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,%syaml",
		text, tables ? "custom-columns,custom-columns-file," : "", tables ? "wide," : "");
}

static const struct format *find_format(const char *text, bool tables, const char **ret_argument)
{
	size_t len = strcspn(text, "=");

	*ret_argument = text[len] ? text + len + 1 : "";
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		const struct format *f = &formats[i];

		if (strlen(f->name) == len && memcmp(f->name, text, len) == 0 &&
		    (!text[len] || f->argument != NO_ARGUMENT) && (tables || !f->tables_only))
			return f;
	}
	return NULL;
}

static int add_column(struct printer *p, const char *header, size_t len, const char *spec,
		      struct err *err)
{
	struct printer_column column = { 0 };
	auto_buf struct buf relaxed = { 0 };
	int r;

	if (array_grow(&p->columns, &p->cap_columns, p->n_columns + 1, sizeof(column)) < 0)
		return err_set(err, -ENOMEM, "columns");
	r = jsonpath_relax(spec, &relaxed, err);
	if (r == 0)
		r = jsonpath_parse(buf_str(&relaxed), &column.path, err);
	if (r < 0)
		return r;
	column.header = strndup(header, len);
	p->columns[p->n_columns++] = column;
	return column.header ? 0 : err_set(err, -ENOMEM, "columns");
}

/* "NAME:.metadata.name,AGE:.x" */
static int parse_columns(struct printer *p, const char *text, struct err *err)
{
	int r = 0;

	for (bool more = true; more && r == 0;) {
		auto_free char *part = strndup(text, strcspn(text, ","));
		const char *colon = part ? strchr(part, ':') : NULL;

		if (!part)
			return err_set(err, -ENOMEM, "columns");
		if (!colon)
			return err_say(err, -EINVAL,
				       "unexpected custom-columns spec: %s, expected "
				       "<header>:<json-path-expr>",
				       part);
		r = add_column(p, part, (size_t)(colon - part), colon + 1, err);
		text += strlen(part);
		more = *text == ',';
		text += more;
	}
	return r;
}

/* A file of two lines: headers, and a path below each. */
static int parse_columns_file(struct printer *p, const char *text, struct err *err)
{
	const char *headers = text, *paths = strchr(text, '\n');
	int r = 0;

	if (paths)
		paths++;
	while (paths && r == 0) {
		size_t h, n;

		headers += strspn(headers, " \t\r");
		paths += strspn(paths, " \t\r");
		h = strcspn(headers, " \t\r\n");
		n = strcspn(paths, " \t\r\n");
		if (!h && !n)
			return 0;
		if (!h || !n)
			break;
		auto_free char *spec = strndup(paths, n);

		r = spec ? add_column(p, headers, h, spec, err) : err_set(err, -ENOMEM, "columns");
		headers += h;
		paths += n;
	}
	if (r < 0)
		return r;
	return err_say(err, -EINVAL, "number of headers (a line) and of paths (the next) differ");
}

static int parse_argument(struct printer *p, const struct format *format, const char *argument,
			  struct err *err)
{
	auto_buf struct buf file = BUF_INIT(TEMPLATE_FILE_MAX);
	struct err why = { 0 };
	int r = 0;

	if (format->argument == TEMPLATE_FILE && fd_read_file(argument, &file, &why) < 0)
		return err_say(err, why.code, "error reading --template %s, %s", argument,
			       err_text(why.code));
	if (format->argument == TEMPLATE_FILE)
		argument = buf_str(&file);
	p->text = strdup(argument);
	if (!p->text)
		return err_set(err, -ENOMEM, "--output");
	if (format->kind == PRINTER_COLUMNS)
		return format->argument == TEMPLATE_FILE ? parse_columns_file(p, argument, err)
							 : parse_columns(p, argument, err);
	r = jsonpath_parse(argument, &p->path, &why);
	return r < 0 ? err_say(err, r, "error parsing jsonpath %s, %s", argument, why.text) : 0;
}

int printer_open(const struct cli *cli, bool tables, struct printer *ret)
{
	struct printer p = { .missing_ok = true, .tabs = TABS_GET };
	const char *text = cli_str(cli, "output"), *argument;
	const char *given = cli_has(cli, "template") ? cli_str(cli, "template") : "";
	const struct format *format;
	struct err err = { 0 };
	int r = 0;

	format = find_format(text, tables, &argument);
	if (!format)
		return no_such_format(text, tables);
	if (!*argument)
		argument = given;
	p.kind = format->kind;
	p.as_json = format->as_json;
	if (cli_has(cli, "allow-missing-template-keys"))
		p.missing_ok = cli_bool(cli, "allow-missing-template-keys");
	if (cli_has(cli, "no-headers"))
		p.no_headers = cli_bool(cli, "no-headers");
	if (format->argument != NO_ARGUMENT)
		r = *argument ? parse_argument(&p, format, argument, &err)
			      : err_say(&err, -EINVAL, "%s", format->missing);
	if (r < 0) {
		printer_close(&p);
		return command_fail("%s", err.text);
	}
	*ret = p;
	return 0;
}

/* ---- printing ---- */

int printer_put_name(const struct json_object *object, struct buf *out)
{
	const char *version = json_str_at(object, "apiVersion");
	const char *slash = version ? strchr(version, '/') : NULL;
	const char *kind = json_str_at(object, "kind"),
		   *name = json_str_at(object, "metadata.name");
	struct resource_type type = { 0 };
	char singular[256];

	if (slash)
		(void)snprintf(type.group, sizeof(type.group), "%.*s", (int)(slash - version),
			       version);
	(void)snprintf(type.kind, sizeof(type.kind), "%s", kind ? kind : "");
	types_singular(&type, singular, sizeof(singular));
	return buf_printf(out, "%s/%s\n", singular, name ? name : "");
}

static int put_path(struct printer *p, const struct json_object *object, struct buf *out,
		    struct err *err)
{
	auto_buf struct buf shown = { 0 };
	struct err why = { 0 };
	int r = jsonpath_print(p->path, object, p->missing_ok, p->as_json, out, &why);

	if (r == 0)
		return 0;
	(void)json_write_style(&shown, object, JSON_SORTED);
	/* Said here: it may be long. */
	(void)fprintf(stderr,
		      "error: error executing jsonpath \"%s\": Error executing template: %s. "
		      "Printing more information for debugging the template:\n"
		      "\ttemplate was:\n\t\t%s\n"
		      "\tobject given to jsonpath engine was:\n\t\t%s\n\n\n",
		      p->text, why.text, p->text, buf_str(&shown));
	*err = (struct err){ .code = r };
	return r;
}

/* Escape sequences of a terminal are shown, not obeyed. */
static void put_safe(const struct buf *text, struct buf *out)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\x1b')
			(void)buf_puts(out, "^[");
		else
			(void)buf_putc(out, text->data[i]);
}

static int put_cell(struct printer *p, const struct printer_column *column,
		    const struct json_object *object, struct buf *row, struct err *err)
{
	auto_json struct json_object *lists = NULL;
	bool first = true;
	int r = jsonpath_find(column->path, object, true, &lists, err);

	(void)p;
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_len(lists); i++) {
		const struct json_object *found = json_idx(lists, i);

		for (size_t k = 0; k < json_len(found); k++, first = false) {
			auto_buf struct buf text = { 0 };

			jsonpath_sprint(json_idx(found, k), &text);
			(void)buf_puts(row, first ? "" : ",");
			put_safe(&text, row);
		}
	}
	if (json_len(json_idx(lists, 0)) == 0)
		(void)buf_puts(row, first ? "<none>" : "");
	return 0;
}

static int put_columns(struct printer *p, const struct json_object *object, struct buf *out,
		       struct err *err)
{
	struct json_object *items = json_get(object, "items");
	size_t n = json_kind(items) == JSON_ARRAY ? json_len(items) : 1;
	auto_buf struct buf rows = { 0 };
	int r = 0;

	for (size_t c = 0; c < p->n_columns && !p->no_headers && !p->headers_done; c++)
		(void)buf_printf(&rows, "%s%s%s", c ? "\t" : "", p->columns[c].header,
				 c + 1 == p->n_columns ? "\n" : "");
	p->headers_done = true;
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < p->n_columns && r == 0; c++) {
			(void)buf_puts(&rows, c ? "\t" : "");
			r = put_cell(p, &p->columns[c],
				     json_kind(items) == JSON_ARRAY ? json_idx(items, i) : object,
				     &rows, err);
			if (c + 1 == p->n_columns)
				(void)buf_putc(&rows, '\n');
		}
	if (r == 0)
		r = tabs_write(&p->tabs, buf_str(&rows), rows.len, out);
	return r;
}

int printer_put(struct printer *p, const struct json_object *object, struct buf *out,
		struct err *err)
{
	const struct json_object *items = json_get(object, "items");

	switch (p->kind) {
	case PRINTER_JSON:
		(void)json_write_style(out, object,
				       JSON_INDENT_4 | JSON_HTML_SAFE |
					       (p->in_order ? 0u : (unsigned)JSON_SORTED));
		return buf_putc(out, '\n');
	case PRINTER_YAML:
		return yaml_write(out, object);
	case PRINTER_NAME:
		if (json_kind(items) != JSON_ARRAY)
			return printer_put_name(object, out);
		for (size_t i = 0; i < json_len(items); i++)
			(void)printer_put_name(json_idx(items, i), out);
		return buf_error(out);
	case PRINTER_JSONPATH:
		return put_path(p, object, out, err);
	case PRINTER_COLUMNS:
		return put_columns(p, object, out, err);
	default:
		return -EINVAL;
	}
}
