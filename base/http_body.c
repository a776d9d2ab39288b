/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a message: by length, in chunks (RFC 9112, 7.1), or up to the end. Strict where
 * leniency smuggles: sizes are hex digits and nothing else, every line ends in CR LF.
 */
#include <errno.h>
#include <string.h>

#include "base/http_head.h"

#define EXTRA_MAX ((size_t)8 << 10) /* extensions and trailers, which nobody here reads */

void http_body_start(struct http_body *body, const struct http_head *head)
{
	*body = (struct http_body){ 0 };
	if (head->chunked) {
		body->state = HTTP_BODY_CHUNK_SIZE;
	} else if (head->content_length > 0) {
		body->state = HTTP_BODY_LENGTH;
		body->left = (uint64_t)head->content_length;
	}
}

/* One byte of a chunk's size line, of the line end after its data, or of the trailer. */
static int step(struct http_body *body, char c)
{
	int digit;

	switch (body->state) {
	case HTTP_BODY_CHUNK_SIZE:
		digit = http_hex_digit(c);
		if (digit >= 0) {
			if (++body->digits > 15)
				return -EBADMSG;
			body->left = body->left << 4 | (unsigned)digit;
			return 0;
		}
		if (!body->digits || (c != '\r' && c != ';'))
			return -EBADMSG;
		body->state = c == '\r' ? HTTP_BODY_CHUNK_SIZE_LF : HTTP_BODY_CHUNK_EXTENSION;
		return 0;
	case HTTP_BODY_CHUNK_EXTENSION:
		if (c == '\r')
			body->state = HTTP_BODY_CHUNK_SIZE_LF;
		else if ((unsigned char)c < ' ' && c != '\t')
			return -EBADMSG;
		return ++body->extra_len > EXTRA_MAX ? -EBADMSG : 0;
	case HTTP_BODY_CHUNK_SIZE_LF:
		body->state = body->left ? HTTP_BODY_CHUNK_DATA : HTTP_BODY_TRAILER;
		body->digits = 0;
		return c == '\n' ? 0 : -EBADMSG;
	case HTTP_BODY_CHUNK_CR:
		body->state = HTTP_BODY_CHUNK_LF;
		return c == '\r' ? 0 : -EBADMSG;
	case HTTP_BODY_CHUNK_LF:
		body->state = HTTP_BODY_CHUNK_SIZE;
		body->digits = 0;
		return c == '\n' ? 0 : -EBADMSG;
	case HTTP_BODY_TRAILER:
		if (c == '\r')
			body->state = HTTP_BODY_TRAILER_LF;
		else if ((unsigned char)c < ' ' && c != '\t')
			return -EBADMSG;
		else
			body->digits = 1; /* the line is not empty */
		return ++body->extra_len > EXTRA_MAX ? -EBADMSG : 0;
	case HTTP_BODY_TRAILER_LF:
		body->state = body->digits ? HTTP_BODY_TRAILER : HTTP_BODY_NONE;
		body->digits = 0;
		return c == '\n' ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

ssize_t http_body_next(struct http_body *body, const char *text, size_t len, const char **ret_data,
		       size_t *ret_len)
{
	size_t used = 0, n;

	*ret_data = text;
	*ret_len = 0;
	while (used < len && body->state >= HTTP_BODY_CHUNK_SIZE &&
	       body->state != HTTP_BODY_CHUNK_DATA) {
		int r = step(body, text[used++]);

		if (r < 0)
			return r;
	}
	if (used == len || body->state == HTTP_BODY_NONE)
		return (ssize_t)used;
	n = len - used;
	if (body->state != HTTP_BODY_TO_END) {
		n = (size_t)MIN((uint64_t)n, body->left);
		body->left -= n;
		if (!body->left)
			body->state = body->state == HTTP_BODY_LENGTH ? HTTP_BODY_NONE
								      : HTTP_BODY_CHUNK_CR;
	}
	*ret_data = text + used;
	*ret_len = n;
	return (ssize_t)(used + n);
}
