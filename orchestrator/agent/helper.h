/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process for what would make the loop wait for a disk: fsync, removing and measuring big trees.
 *
 * Forked when the agent starts, before anything else exists; it shares nothing, does one job after
 * the other and ends when the agent does. If it dies, jobs are done in the agent itself: slower, not
 * wrong.
 */
#pragma once

#include "base/err.h"
#include "base/loop.h"

struct helper;

/* Fork it. Call before anything that a child should not inherit; attach to the loop afterwards. */
int helper_start(struct helper **ret, struct err *err);
int helper_attach(struct helper *helper, struct loop *loop, struct err *err);
struct helper *helper_stop(struct helper *helper); /* jobs under way are finished by it */
OWN_DEFINE(helper, struct helper *, helper_stop)
#define auto_helper OWN(helper)

/* @result: 0 or a negative errno. Called once, never from inside the asking function. */
typedef void helper_fn(int result, void *data);
void helper_sync(struct helper *helper, int fd, helper_fn *fn, void *data);
/* @result: KiB that the tree takes on its disk. */
void helper_measure_tree(struct helper *helper, const char *path, helper_fn *fn, void *data);
void helper_remove_tree(struct helper *helper, const char *path, helper_fn *fn, void *data);
