/* SPDX-License-Identifier: Apache-2.0 */
/* An environment under construction: names in the order they were first set, the last value counts. */
#pragma once

#include <stddef.h>

#include "base/own.h"

struct envlist {
	struct env_entry {
		char *name, *value;
	} * items;
	size_t n, cap;
	int failed; /* -ENOMEM, once an addition failed */
};

void envlist_done(struct envlist *env);
static inline void own_envlist_done(struct envlist *env)
{
	envlist_done(env);
}
#define auto_envlist OWN(envlist)

void envlist_set(struct envlist *env, const char *name, const char *value);
void envlist_put(struct envlist *env, const char *name_is_value); /* "NAME=value"; others ignored */
const char *envlist_get(const struct envlist *env, const char *name); /* NULL: not set */

/*
 * Kubernetes' $(NAME): replaced by the value in @first, else in @second (either may be NULL), else
 * left as it stands; $$ is a dollar sign. The caller frees; NULL: out of memory.
 */
char *envlist_expand(const char *text, const struct envlist *first, const struct envlist *second);
