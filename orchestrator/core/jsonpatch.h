/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396). */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define JSONPATCH_OPERATIONS_MAX 10000u
#define JSONPATCH_COPIES_MAX	 ((size_t)3 << 20) /* bytes that copy operations may add in all */

/*
 * Apply @patch, an array of operations, to *document. -EINVAL: it is no patch; -ENOENT: it does not fit the
 * document (a test fails, a path is missing), which is then in an unknown state; -E2BIG; -ENOMEM.
 */
int jsonpatch_apply(struct json_object **document, const struct json_object *patch,
		    struct err *err);
/* Lay @patch over *document; null deletes. */
int jsonpatch_merge(struct json_object **document, const struct json_object *patch);
