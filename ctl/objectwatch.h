/* SPDX-License-Identifier: Apache-2.0 */
/* One object watched by name until something is seen, or a number of seconds has passed. */
#pragma once

#include "ctl/selection.h"

/* @type: ADDED, MODIFIED, DELETED. A non-zero return ends the watch. */
typedef int objectwatch_fn(const char *type, const struct json_object *object, void *data);

/*
 * Returns what @fn returned, or 0 when the watch ended before (time, or a version too old: look again
 * and watch anew); -errno with its sentence. @version "": from now on.
 */
int objectwatch(struct session *session, const struct selected *item, const char *version,
		int64_t seconds, objectwatch_fn *fn, void *data, struct err *err);
