/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSONPath in kubectl's dialect: a template of text and {actions}; an action is a path (".a.b", "..b",
 * "['a\.b']", "[0]", "[-1:]", "[0:8:2]", "[a,b]", "[*]", "[?(@.x==1)]"), a quoted text, a number, or
 * range … end. https://kubernetes.io/docs/reference/kubectl/jsonpath/
 *
 * Templates are bounded (JSONPATH_MAX bytes, JSONPATH_DEPTH_MAX levels), and so is what they find.
 */
#pragma once

#include <stdbool.h>

#include "base/json.h"

#define JSONPATH_MAX	   ((size_t)64 << 10)
#define JSONPATH_DEPTH_MAX 16
#define JSONPATH_FOUND_MAX 1000000u

enum jsonpath_kind {
	JSONPATH_LIST, /* children in turn: the root's actions, an action's steps */
	JSONPATH_TEXT,
	JSONPATH_LITERAL, /* a number or boolean */
	JSONPATH_FIELD,
	JSONPATH_WILDCARD,
	JSONPATH_RECURSIVE,
	JSONPATH_ARRAY,
	JSONPATH_UNION,	     /* of its children */
	JSONPATH_FILTER,     /* children: left, right; text: the operator, or "exists" */
	JSONPATH_IDENTIFIER, /* range, end */
	JSONPATH_KIND_COUNT,
};
struct jsonpath {
	enum jsonpath_kind kind;
	char *text; /* owned; with its length, since "\u0000" is fine */
	size_t text_len;
	struct json_object *literal;
	struct jsonpath_index {
		bool known, derived;
		int value;
	} index[3]; /* from, to, step */
	struct jsonpath *children;
	size_t n, cap;
};

/* -EINVAL with the real one's sentence, without "error: ". */
int jsonpath_parse(const char *text, struct jsonpath **ret, struct err *err);
struct jsonpath *jsonpath_free(struct jsonpath *path);
OWN_DEFINE(jsonpath, struct jsonpath *, jsonpath_free)
#define auto_jsonpath OWN(jsonpath)

/* ".a.b", "a.b", "{.a.b}", "{a.b}" as "{.a.b}", appended. -EINVAL with its sentence. */
int jsonpath_relax(const char *text, struct buf *ret, struct err *err);

/* ---- jsonpath_eval.c ---- */

/* *ret: an array with an array of values for every action. @missing_ok: a field that is nowhere finds
 * nothing; else -ENOENT. */
int jsonpath_find(const struct jsonpath *path, const struct json_object *data, bool missing_ok,
		  struct json_object **ret, struct err *err);
/* The output of `-o jsonpath=`, or with @as_json of `-o jsonpath-as-json=`. */
int jsonpath_print(const struct jsonpath *path, const struct json_object *data, bool missing_ok,
		   bool as_json, struct buf *ret, struct err *err);
/* A value as Go's fmt.Sprint writes it: text bare, "map[a:1 b:2]", "[1 2]", "<nil>". */
void jsonpath_sprint(const struct json_object *value, struct buf *ret);
