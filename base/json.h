/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values, on json-c, which no other file includes.
 *
 * A struct json_object * owns its children. Reading functions borrow; json_put() and json_add()
 * take over the value given to them, also when they fail. Values come from hostile peers: size and
 * depth are bounded (JSON_DEPTH_MAX), text must be UTF-8 without NUL, and a number keeps its digits.
 *
 * A dotted path ("spec.nodeName") is allowed wherever a parameter is called @path; a @key is
 * taken literally, since label keys contain dots.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 128

enum json_kind {
	JSON_NULL, /* also what a missing value is */
	JSON_BOOL,
	JSON_INT,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_KIND_COUNT,
};

struct json_object; /* json-c's */

struct json_object *json_unref(struct json_object *json); /* NULL is fine; returns NULL */
struct json_object *json_ref(struct json_object *json);
OWN_DEFINE(json, struct json_object *, json_unref)
#define auto_json OWN(json)

/* ---- text and back ---- */

/* Exactly one value, white space around it. Errors say where: "offset 17: unexpected character". */
int json_parse(const char *text, size_t len, struct json_object **ret, struct err *err);

/* Compact, keys in their order; <, > and & as they are. Bytes are appended to @buf. */
int json_write(struct buf *buf, const struct json_object *json);

enum json_style {
	JSON_COMPACT = 0,
	JSON_HTML_SAFE =
		1 << 0,	      /* <, >, &, U+2028, U+2029 as \u00XX, as Go's encoder writes them */
	JSON_SORTED = 1 << 1, /* keys in byte order */
	JSON_INDENT_2 = 1 << 2,
	JSON_INDENT_4 = 1 << 3, /* as kubectl -o json */
};
int json_write_style(struct buf *buf, const struct json_object *json, unsigned style);
int json_write_string(struct buf *buf, const char *text, size_t len, unsigned style); /* quoted */

/* ---- making ---- */

struct json_object *json_new_object(void);
struct json_object *json_new_array(void);
struct json_object *json_new_string(const char *text); /* NULL gives NULL: JSON null */
struct json_object *json_new_string_len(const char *text, size_t len);
struct json_object *json_new_int(int64_t value);
struct json_object *json_new_bool(bool value);
struct json_object *json_new_double(double value); /* written as Go writes it: 0.5, 3, 1e+21 */
struct json_object *json_copy(const struct json_object *json); /* deep */

/* 0 or -ENOMEM; @value is taken over in any case. A NULL @value is stored as null. */
int json_put(struct json_object *object, const char *key, struct json_object *value);
int json_put_str(struct json_object *object, const char *key, const char *text);
int json_put_int(struct json_object *object, const char *key, int64_t value);
int json_put_bool(struct json_object *object, const char *key, bool value);
/* Set at a dotted path, making objects on the way. */
int json_put_at(struct json_object *object, const char *path, struct json_object *value);
void json_del(struct json_object *object, const char *key);
int json_add(struct json_object *array, struct json_object *value);
int json_set_idx(struct json_object *array, size_t i, struct json_object *value);
void json_del_idx(struct json_object *array, size_t i);

/* ---- reading: never fails, a wrong type reads as missing ---- */

enum json_kind json_kind(const struct json_object *json);
struct json_object *json_get(const struct json_object *object, const char *key);
struct json_object *json_at(const struct json_object *object, const char *path);
bool json_has(const struct json_object *object, const char *key); /* also when it is null */
const char *json_str(const struct json_object *json);		  /* the string itself, or NULL */
size_t json_str_len(const struct json_object *json);
int64_t json_int(const struct json_object *json, int64_t otherwise);
double json_double(const struct json_object *json, double otherwise);
bool json_truth(const struct json_object *json, bool otherwise);
/* The same, at a path below @object. */
const char *json_str_at(const struct json_object *object, const char *path);
const char *json_text_at(const struct json_object *object, const char *path,
			 const char *otherwise); /* @otherwise also for a string of no bytes */
int64_t json_int_at(const struct json_object *object, const char *path, int64_t otherwise);
bool json_bool_at(const struct json_object *object, const char *path, bool otherwise);

size_t json_len(const struct json_object *json); /* elements or members; 0 for all else */
struct json_object *json_idx(const struct json_object *array, size_t i);
bool json_equal(const struct json_object *a, const struct json_object *b); /* order of keys apart */

/* Members in their order. The body may delete the current one, nothing else. */
struct json_iter {
	const char *key;
	struct json_object *value; /* NULL is JSON null */
	void *next;		   /* internal */
};
bool json_iter_start(const struct json_object *object, struct json_iter *it);
bool json_iter_next(struct json_iter *it);
#define json_for_each(it, object)                                                                  \
	for (bool it##_more = json_iter_start((object), &it); it##_more;                           \
	     it##_more = json_iter_next(&it))
