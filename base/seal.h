/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that only the holder of a key can read or change: AES-256-GCM, with a random nonce in front
 * and the tag behind. @context is not in the sealed bytes but bound to them: opened in another
 * context (another object's, say) they do not hold.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"

#define SEAL_KEY   32
#define SEAL_EXTRA (12 + 16) /* sealed bytes are so much longer */

/* Append the sealed bytes to @out. -ENOMEM, -E2BIG. */
int seal_put(const unsigned char key[SEAL_KEY], const char *context, const void *data, size_t len,
	     struct buf *out);
/* Append what was sealed to @out. -EBADMSG: not sealed with this key in this context, or changed. */
int seal_take(const unsigned char key[SEAL_KEY], const char *context, const void *sealed,
	      size_t len, struct buf *out);
