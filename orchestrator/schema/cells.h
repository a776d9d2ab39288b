/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of Tables, and helpers for their cells. A table of columns ends with a nameless one.
 *
 * A cell that shows a duration is kept as {"since":NS,"before":"1 (","after":" ago)"} until it is
 * written: only then is the time known.
 */
#pragma once

#include "orchestrator/schema/schema.h"

extern const struct schema_column config_map_columns[], endpoints_columns[], event_columns[],
	namespace_columns[], node_columns[], pod_columns[], pod_template_columns[],
	secret_columns[], service_account_columns[], service_columns[], lease_columns[],
	endpoint_slice_columns[];

#define COLUMN_NAME                                                                                \
	{                                                                                          \
		.name = "Name", .type = "string", .format = "name",                                \
		.description = "The name, unique among objects of this kind in the namespace",     \
		.path = "metadata.name"                                                            \
	}
#define COLUMN_AGE                                                                                 \
	{                                                                                          \
		.name = "Age", .type = "string", .format = "",                                     \
		.description = "Time since the object was created", .cell = cell_age               \
	}
/* A field's text; @missing where it is empty. */
#define COLUMN_PATH(name_, priority_, path_, missing_, description_)                               \
	{                                                                                          \
		.name = (name_), .type = "string", .format = "", .description = (description_),    \
		.path = (path_), .missing = (missing_), .priority = (priority_)                    \
	}
#define COLUMN_CELL(name_, priority_, cell_, description_)                                         \
	{                                                                                          \
		.name = (name_), .type = "string", .format = "", .description = (description_),    \
		.cell = (cell_), .priority = (priority_)                                           \
	}

schema_cell_fn cell_age; /* since metadata.creationTimestamp */
/* Since the point @time says, "<unknown>" if it says none; @before and @after may be NULL. */
struct json_object *cell_since(const char *time, const char *before, const char *after);
struct json_object *cell_text(struct buf *buf, const char *missing); /* @missing if it is empty */
/* "a=1,b=2", sorted; "<none>" of nothing */
struct json_object *cell_labels(const struct json_object *labels);
const char *cell_string(const struct json_object *object, const char *path); /* never NULL */

/* "a,b,c + 2 more...": append to a list that shows three. */
struct cell_list {
	struct buf text;
	unsigned shown, count;
	bool more; /* also counts what it does not show */
};
void cell_list_add(struct cell_list *list, const char *text);
struct json_object *cell_list_end(struct cell_list *list, const char *missing);
