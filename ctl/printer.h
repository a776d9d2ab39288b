/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What -o means, once for all commands: json, yaml, name, jsonpath in its three forms,
 * custom-columns; for commands that print tables also "" and wide. A printer takes whole objects.
 */
#pragma once

#include "base/json.h"
#include "ctl/cli.h"
#include "ctl/jsonpath.h"
#include "ctl/tabs.h"

enum printer_kind {
	PRINTER_TABLE, /* the command's own: nothing is printed here */
	PRINTER_WIDE,
	PRINTER_JSON,
	PRINTER_YAML,
	PRINTER_NAME,
	PRINTER_JSONPATH,
	PRINTER_COLUMNS,
	PRINTER_KIND_COUNT,
};
struct printer_column {
	char *header; /* owned */
	struct jsonpath *path;
};
struct printer {
	enum printer_kind kind;
	bool as_json, missing_ok, no_headers, headers_done;
	bool in_order;	       /* JSON members as they stand, not sorted */
	char *text;	       /* the template */
	struct jsonpath *path; /* of PRINTER_JSONPATH */
	struct printer_column *columns;
	size_t n_columns, cap_columns;
	struct tabs tabs;
};

/*
 * From the command's flags output, and where it has them template, allow-missing-template-keys and
 * no-headers. @tables: "", wide and custom-columns are allowed too. Says what is wrong and returns the
 * exit code, or 0.
 */
int printer_open(const struct cli *cli, bool tables, struct printer *ret);
void printer_close(struct printer *printer);

/* Append @object (a List is one object, but for names and columns). */
int printer_put(struct printer *printer, const struct json_object *object, struct buf *out,
		struct err *err);
/* managedFields are left out, unless asked for; templates see them. */
static inline bool printer_hides_managed(const struct printer *printer)
{
	return printer->kind == PRINTER_JSON || printer->kind == PRINTER_YAML;
}
/* "pod/nginx", "deployment.apps/web" */
int printer_put_name(const struct json_object *object, struct buf *out);
