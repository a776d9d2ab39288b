/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in JSON: base64 as Go's decoder takes it, and its words when it does not. (Encoding, and a
 * decoder that takes both alphabets, are in base/crypt.h.) */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Standard alphabet with padding; line breaks are skipped. On -EINVAL *ret_wrong is the offset that
 * Go's decoder names. */
int schema_bytes_decode(const char *text, size_t len, struct buf *ret, size_t *ret_wrong);
