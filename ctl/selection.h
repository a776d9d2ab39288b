/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command is about: objects named on the command line ("pods", "pod nginx", "pod/a svc/b",
 * "pods,services -l app=x"), or described in files (-f: files, directories, "-", several documents, JSON or
 * YAML, Lists).
 */
#pragma once

#include <stdbool.h>

#include "base/json.h"
#include "ctl/session.h"

struct selected {
	struct resource_type type;
	char *namespace;	    /* owned; "" for cluster kinds and for all namespaces */
	char *name;		    /* owned; NULL: the whole collection, by the selectors */
	struct json_object *object; /* from a file; owned; NULL otherwise */
	char *source;		    /* the file, for messages; owned */
};
struct selection {
	struct selected *items;
	size_t n, cap;
	bool several_types; /* names are printed with their type */
	bool one_object;    /* exactly one object was named: it is printed alone, not as a List */
};

struct selection_options {
	bool all_namespaces;
	bool names_required; /* delete, exec: "pods" alone is not enough unless a selector is given */
	bool selector_given;
};
/* Words of the command line. On failure @err has the whole sentence. */
int selection_of_args(struct session *session, const char *const *args, size_t n,
		      const struct selection_options *options, struct selection *ret,
		      struct err *err);
/* Files; @namespace_forced: -n was given, and another one in a file is an error. */
int selection_of_files(struct session *session, const char *const *files, bool recursive,
		       bool namespace_forced, struct selection *ret, struct err *err);
/* Replace each collection by the objects in it that fit, each with its object. */
int selection_expand(struct session *session, struct selection *selection, const char *labels,
		     const char *fields, struct err *err);
void selection_done(struct selection *selection);

/* The path of one selected object or collection, with no query. */
int selected_path(const struct selected *item, struct buf *ret);
