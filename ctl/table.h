/* SPDX-License-Identifier: Apache-2.0 */
/* A server's Table (meta.k8s.io/v1) as kubectl get prints it. */
#pragma once

#include "base/json.h"
#include "ctl/tabs.h"
#include "ctl/types.h"

struct table_options {
	bool wide, no_headers, show_labels, with_namespace;
	const char *kind_prefix;	  /* "pod": names become "pod/nginx"; NULL: plain */
	const char *const *label_columns; /* -L, NULL-terminated; may be NULL */
};
struct table_printer {
	struct table_options options;
	struct tabs tabs;
	struct json_object *columns; /* of the first Table of a watch; owned */
	bool headers_done;
};
void table_init(struct table_printer *printer, const struct table_options *options);
void table_done(struct table_printer *printer);
/* Append the rows of @table (and, the first time, the header). */
int table_print(struct table_printer *printer, const struct json_object *table, struct buf *ret);
