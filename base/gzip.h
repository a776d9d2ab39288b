/* SPDX-License-Identifier: Apache-2.0 */
/* Packing with gzip a piece at a time (zlib), for HTTP's Content-Encoding. The quickest level. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct gzip;
int gzip_new(struct gzip **ret); /* -ENOMEM; about 260 KiB of working memory */
struct gzip *gzip_free(struct gzip *gzip);
OWN_DEFINE(gzip, struct gzip *, gzip_free)
#define auto_gzip OWN(gzip)

/* Pack @len bytes; what is ready is appended to @out. @last: nothing more follows, all of it is. */
int gzip_add(struct gzip *gzip, const void *data, size_t len, bool last, struct buf *out);
