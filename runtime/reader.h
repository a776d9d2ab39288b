/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects into structs, by tables: a row per member, what it must be and where it goes. A member
 * whose own object is flattened into the same struct has offset 0 and a table that counts from there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "runtime/spec.h"

struct json_object;

#define PATH_TEXT_MAX 256
#define ITEMS_MAX     65536 /* of one array: more is an attack, not a container */

struct reader {
	struct spec *spec;
	struct err *err;
	char path[PATH_TEXT_MAX]; /* where we are, for messages */
};

struct table;

struct field {
	const char *name;
	/* How to read @json into @at, which lies @offset into the struct. */
	int (*read)(struct reader *r, const struct field *f, const struct json_object *json,
		    void *at);
	size_t offset;
	size_t extra; /* NUMBER: width; ARRAY, MAP: offset of the count; OPTIONAL: offset of the flag */
	const struct table *table; /* OBJECT, ARRAY */
	bool required;
};
struct table {
	const struct field *fields;
	size_t n, size;
	/* Looks at the whole thing when its members are read. */
	int (*check)(struct reader *r, void *at);
};

#define TABLE(type, rows, check_fn)                                                                \
	{                                                                                          \
		rows, ARRAY_LEN(rows), sizeof(type), check_fn                                      \
	}

#define AT(type, member) offsetof(struct type, member)

/* "linux.resources.memory.limit: " and @what; -EINVAL. */
int reader_refuse(struct reader *r, const char *what);
int reader_table(struct reader *r, const struct table *t, const struct json_object *json, void *at);
int reader_check_items(struct reader *r, const struct json_object *json); /* an array, bounded */
void reader_set_flag(const struct field *f, void *at);			  /* the bool at @extra */

/* ---- what a row may name ---- */

#define READER(name)                                                                               \
	int name(struct reader *r, const struct field *f, const struct json_object *json, void *at)

READER(reader_text);
READER(reader_bool);
READER(reader_u16);
READER(reader_u32);
READER(reader_id);
READER(reader_u64);
READER(reader_i64);
READER(reader_i32);
READER(reader_u32_flagged);
READER(reader_i32_flagged);
READER(reader_i64_flagged);
READER(reader_texts);
READER(reader_ids);
READER(reader_object);
READER(reader_array);
READER(reader_pairs);
