/* SPDX-License-Identifier: Apache-2.0 */
/* The node's certificate, D/agent/pki/node.crt: renewed over the session before it runs out. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Is less than a third of its life left? Then the payload of `renew`, for the same key. 1: due. */
int nodecert_request(const char *data_dir, uint64_t id, int64_t now_ns, struct buf *ret_json,
		     struct err *err);
/* Put what a `certificate` message brings in the place of the old one. */
int nodecert_install(const char *data_dir, const struct json_object *message, struct err *err);
