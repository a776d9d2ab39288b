/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip.h"

#include <string.h>
#include <zlib.h>

#include "tests/unit/test.h"

/* Unpack all of @in; the number of bytes, or -1. */
static long unpack(const struct buf *in, char *to, size_t size)
{
	z_stream z = { 0 };
	int r;

	CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
	z.next_in = (Bytef *)in->data;
	z.avail_in = (uInt)in->len;
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)size;
	r = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z);
	return r == Z_STREAM_END ? (long)z.total_out : -1;
}

TEST(gzip_pieces_are_one_stream)
{
	static char text[300000], back[300000];
	auto_buf struct buf out = BUF_INIT(0);
	auto_gzip struct gzip *gzip = NULL;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	CHECK(gzip_new(&gzip) == 0);
	for (size_t n = 1; at < sizeof(text); at += n, n = n * 3 + 1) {
		n = MIN(n, sizeof(text) - at);
		CHECK(gzip_add(gzip, text + at, n, false, &out) == 0);
	}
	CHECK(gzip_add(gzip, NULL, 0, true, &out) == 0);
	CHECK(out.len < sizeof(text) / 2);
	CHECK(unpack(&out, back, sizeof(back)) == (long)sizeof(text));
	CHECK(memcmp(text, back, sizeof(text)) == 0);
}

TEST(gzip_of_nothing_is_a_whole_file)
{
	auto_buf struct buf out = BUF_INIT(0);
	auto_gzip struct gzip *gzip = NULL;
	char back[8];

	CHECK(gzip_new(&gzip) == 0);
	CHECK(gzip_add(gzip, NULL, 0, true, &out) == 0);
	CHECK(out.len > 0 && unpack(&out, back, sizeof(back)) == 0);
}
