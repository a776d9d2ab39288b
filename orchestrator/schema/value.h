/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that stand for values: base64. Shared by the files of this room. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Standard alphabet with padding; line breaks are skipped. On -EINVAL *ret_wrong is the offset that
 * Go's decoder names. */
int value_base64_decode(const char *text, size_t len, struct buf *ret, size_t *ret_wrong);
int value_base64_encode(const void *data, size_t len, struct buf *ret);
