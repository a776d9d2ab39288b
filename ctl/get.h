/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl get in two files: get.c asks and prints once, get_watch.c goes on (-w). */
#pragma once

#include "ctl/printer.h"
#include "ctl/selection.h"
#include "ctl/table.h"

#define GET_ACCEPT_TABLE                                                                           \
	"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"        \
	"g=meta.k8s.io,application/json"

struct get {
	struct cli *cli;
	struct session session;
	struct selection selection;
	struct printer printer;
	const char *sort_by;
	bool all_namespaces, watch;
	struct json_object *items; /* of all outputs but tables */
	size_t printed;		   /* rows, for "No resources found" */
	bool failed;
};

static inline bool get_prints_tables(const struct get *get)
{
	return get->printer.kind == PRINTER_TABLE || get->printer.kind == PRINTER_WIDE;
}
/* The path of @item with selectors; "limit" for lists, "watch" and "resourceVersion" for watches. */
int get_path(struct get *get, const struct selected *item, bool watch, const char *version,
	     const char *more, struct buf *path);
/* One object into get->items, as it is printed. */
int get_collect_one(struct get *get, const struct resource_type *type, struct json_object *object);
int get_collect(struct get *get, const struct selected *item, struct err *err);
int get_print_collected(struct get *get);
/* All chunks of a Table. */
int get_table(struct get *get, const struct selected *item, struct json_object **ret,
	      struct err *err);
void get_table_setup(struct get *get, const struct selected *item, char *prefix, size_t prefix_size,
		     struct table_printer *printer);

int get_watch(struct get *get); /* get_watch.c: returns the exit code */
