/* SPDX-License-Identifier: Apache-2.0 */
/* --sort-by: order by what a path finds, as kubectl compares: numbers and quantities by value, other
 * text byte by byte, what has no such field first. */
#pragma once

#include "base/json.h"

/*
 * Sort @array. Each element's object is at @member ("object" of table rows; NULL: itself). -EINVAL for a
 * bad path; -ENOENT when no element has the field, and the order is kept.
 */
int sortby(struct json_object *array, const char *member, const char *field, struct err *err);
