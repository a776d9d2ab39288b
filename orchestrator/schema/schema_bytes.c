/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/schema_bytes.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t skip_breaks(const char *text, size_t len, size_t at)
{
	while (at < len && (text[at] == '\n' || text[at] == '\r'))
		at++;
	return at;
}

/* The last group: "xx==" or "xxx=", and nothing behind it. @at is behind the first '='. */
static int end_of_padding(const char *text, size_t len, size_t at, unsigned n, size_t *ret_wrong)
{
	if (n < 2) {
		*ret_wrong = at - 1;
		return -EINVAL;
	}
	if (n == 2) {
		at = skip_breaks(text, len, at);
		if (at == len || text[at] != '=') {
			*ret_wrong = at == len ? len : at;
			return -EINVAL;
		}
		at++;
	}
	at = skip_breaks(text, len, at);
	if (at < len) {
		*ret_wrong = at;
		return -EINVAL;
	}
	return 0;
}

int schema_bytes_decode(const char *text, size_t len, struct buf *ret, size_t *ret_wrong)
{
	uint32_t group = 0;
	unsigned n = 0;

	for (size_t at = skip_breaks(text, len, 0); at < len; at = skip_breaks(text, len, at)) {
		char c = text[at++];
		int digit = digit_of(c);

		if (c == '=') {
			if (end_of_padding(text, len, at, n, ret_wrong) < 0)
				return -EINVAL;
			(void)buf_putc(ret, (char)(n == 3 ? group >> 10 : group >> 4));
			if (n == 3)
				(void)buf_putc(ret, (char)(group >> 2));
			return buf_error(ret);
		}
		if (digit < 0) {
			*ret_wrong = at - 1;
			return -EINVAL;
		}
		group = group << 6 | (uint32_t)digit;
		if (++n == 4) {
			char three[] = { (char)(group >> 16), (char)(group >> 8), (char)group };

			(void)buf_append(ret, three, 3);
			group = n = 0;
		}
	}
	if (n) {
		*ret_wrong = len - n;
		return -EINVAL;
	}
	return buf_error(ret);
}
