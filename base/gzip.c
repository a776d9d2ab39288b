/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* deflateInit2: a gzip header around 32 KiB windows */
#define MEM_LEVEL   8
#define ROOM	    ((size_t)16 << 10)

struct gzip {
	z_stream z;
};

int gzip_new(struct gzip **ret)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip)
		return -ENOMEM;
	if (deflateInit2(&gzip->z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gzip);
		return -ENOMEM;
	}
	*ret = gzip;
	return 0;
}

struct gzip *gzip_free(struct gzip *gzip)
{
	if (gzip)
		(void)deflateEnd(&gzip->z);
	free(gzip);
	return NULL;
}

int gzip_add(struct gzip *gzip, const void *data, size_t len, bool last, struct buf *out)
{
	int r;

	assert(len <= UINT_MAX);
	gzip->z.next_in = (Bytef *)(uintptr_t)data;
	gzip->z.avail_in = (uInt)len;
	do {
		if (buf_reserve(out, ROOM) < 0)
			return -ENOMEM;
		gzip->z.next_out = (Bytef *)out->data + out->len;
		gzip->z.avail_out = (uInt)ROOM;
		r = deflate(&gzip->z, last ? Z_FINISH : Z_NO_FLUSH);
		if (r == Z_STREAM_ERROR)
			return -EINVAL; /* something after the last piece */
		out->len += ROOM - gzip->z.avail_out;
		out->data[out->len] = '\0';
	} while (gzip->z.avail_out == 0);
	return 0;
}
