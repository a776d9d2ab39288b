/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in the form that a client asked for: as they are, as Table, as PartialObjectMetadata. */
#pragma once

#include "orchestrator/core/request.h"

enum answer_include { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT };

/* How objects are shown to one client; kept by watches and long lists. */
struct answer_form {
	enum accept_form form;
	bool beta;
	enum answer_include include;
	const char *columns; /* of a Table: JSON of the column definitions, owned by the resource */
};
/* -EINVAL: a sentence for a 400. */
int answer_form_of(const struct request *request, struct answer_form *ret, struct err *err);

/* One object as the answer to @request; NULL: out of memory. The caller's. */
struct bytes *answer_object(const struct request *request, const struct object *object);
/* Compact JSON is what the client wants: neither YAML nor indented for people (?pretty, curl). */
bool answer_is_plain(const struct request *request);
/* The bytes of a finished JSON text, in the client's form, with a newline. */
struct bytes *answer_bytes(const struct request *request, const struct buf *text);

/* The parts that lists and watches are put together from. */
int answer_row(struct buf *buf, const struct answer_form *form, const struct object *object,
	       int64_t now_ns);
int answer_table_head(struct buf *buf, const struct answer_form *form, bool columns);
/* The object itself in @form (a whole Table of one row, with or without its columns). */
int answer_one(struct buf *buf, const struct answer_form *form, const struct object *object,
	       bool columns, int64_t now_ns);
enum object_form answer_object_form(const struct answer_form *form, bool item);
