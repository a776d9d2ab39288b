/* SPDX-License-Identifier: Apache-2.0 */
#include "base/seal.h"

#include <errno.h>
#include <string.h>

#include "base/crypt.h"
#include "tests/unit/test.h"

TEST(seal_gives_back_what_it_took_and_nothing_else)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 5000 };
	unsigned char key[SEAL_KEY], other[SEAL_KEY];
	char text[5000];

	random_bytes(key, sizeof(key));
	random_bytes(other, sizeof(other));
	memset(text, 's', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		auto_buf struct buf sealed = BUF_INIT(0), again = BUF_INIT(0), back = BUF_INIT(0);
		size_t len = lengths[i];

		CHECK_INT(seal_put(key, "secrets/a/b", text, len, &sealed), 0);
		CHECK_INT(sealed.len, len + SEAL_EXTRA);
		CHECK_INT(seal_put(key, "secrets/a/b", text, len, &again), 0);
		CHECK(memcmp(sealed.data, again.data, sealed.len) != 0); /* a nonce of its own */
		CHECK_INT(seal_take(key, "secrets/a/b", sealed.data, sealed.len, &back), 0);
		CHECK(back.len == len && memcmp(back.data, text, len) == 0);
		buf_clear(&back);
		CHECK_INT(seal_take(key, "secrets/a/c", sealed.data, sealed.len, &back), -EBADMSG);
		CHECK_INT(seal_take(other, "secrets/a/b", sealed.data, sealed.len, &back),
			  -EBADMSG);
		for (size_t cut = 0; cut < sealed.len && cut < 40; cut++)
			CHECK_INT(seal_take(key, "secrets/a/b", sealed.data, cut, &back), -EBADMSG);
		for (size_t at = 0; at < sealed.len; at += 1 + sealed.len / 50) {
			sealed.data[at] ^= 1;
			CHECK_INT(seal_take(key, "secrets/a/b", sealed.data, sealed.len, &back),
				  -EBADMSG);
			sealed.data[at] ^= 1;
		}
		CHECK_INT(back.len, 0);
	}
}
