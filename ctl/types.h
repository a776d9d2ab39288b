/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words of the command line to resources: "po", "pods", "Pod", "deployments.v1.apps",
 * "pod/nginx", "pods,services", "all". Kinds that our tables hold need no request; for any other word
 * the server's discovery is asked, once.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "ctl/rest.h"

struct resource_type {
	char group[128], version[32], kind[64], resource[64], singular[64];
	bool namespaced;
};

/* What discovery says of a type. Lists are comma-separated. */
struct resource_info {
	struct resource_type type;
	char short_names[128], verbs[128], categories[64];
	bool preferred; /* the group's first version that has it */
};

struct types; /* caches what discovery said */
int types_new(struct rest *rest, struct types **ret);
struct types *types_free(struct types *types);
OWN_DEFINE(types, struct types *, types_free)
#define auto_types OWN(types)

/* -ENOENT: `error: the server doesn't have a resource type "x"`. */
int types_find(struct types *types, const char *word, struct resource_type *ret, struct err *err);
/* By apiVersion and kind, as objects in files name themselves. -ENOENT with kubectl's `no matches for
 * kind …` sentence. */
int types_of_kind(struct types *types, const char *api_version, const char *kind,
		  struct resource_type *ret, struct err *err);
/* Every resource that discovery names, in its order; *ret is borrowed from @types. */
int types_all(struct types *types, const struct resource_info **ret, size_t *ret_n,
	      struct err *err);
/* Is @word (of @len bytes) one of a comma-separated list? Case does not matter. */
bool types_in_list(const char *list, const char *word, size_t len);

/* "/api/v1/namespaces/NS/pods/NAME"; @name "" for the collection, @namespace "" for all of them. */
int types_path(const struct resource_type *type, const char *namespace, const char *name,
	       struct buf *ret);
/* "pod" or "deployment.apps": how kubectl names the type before a slash. */
void types_singular(const struct resource_type *type, char *text, size_t size);
/* "pods" or "deployments.apps" */
void types_plural(const struct resource_type *type, char *text, size_t size);
