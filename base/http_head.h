/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One head of an HTTP/1.1 message, for base/http_*.c only: found, checked against what smuggles,
 * and taken apart in place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/http.h"

struct http_head {
	const char *method, *target; /* requests */
	int status;		     /* responses */
	unsigned minor;		     /* HTTP/1.minor */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	int64_t content_length; /* -1: none said */
	bool chunked, keep_alive, expect_continue;
};

/* A refusal: the status to answer with, and why. */
struct http_refusal {
	int status;
	const char *why;
};

/*
 * Is there a whole head in the first @len bytes of @text? Its length with the empty line; 0: not
 * yet; -EBADMSG: it can't become one. *scanned remembers how far it was looked at (start with 0).
 */
ssize_t http_head_find(const char *text, size_t len, size_t *scanned, struct http_refusal *no);
/* Take apart @len bytes (from http_head_find()); NULs are written into @text. */
int http_head_parse(char *text, size_t len, bool is_request, struct http_head *ret,
		    struct http_refusal *no);
const char *http_find_header(const struct http_header *headers, size_t n, const char *name);
/* Does a comma-separated header value have this word (case aside)? */
bool http_has_word(const char *value, const char *word);
/* -1: none. */
static inline int http_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/* Append "Name: value\r\n" lines; -EINVAL for control characters in them. */
int http_put_headers(struct buf *head, const struct http_header *headers, size_t n);

/* ---- the body: how much is left, or which part of a chunk comes ---- */

struct http_body {
	enum {
		HTTP_BODY_NONE,
		HTTP_BODY_LENGTH,
		HTTP_BODY_TO_END, /* responses without a length */
		HTTP_BODY_CHUNK_SIZE,
		HTTP_BODY_CHUNK_EXTENSION,
		HTTP_BODY_CHUNK_SIZE_LF,
		HTTP_BODY_CHUNK_DATA,
		HTTP_BODY_CHUNK_CR,
		HTTP_BODY_CHUNK_LF,
		HTTP_BODY_TRAILER,
		HTTP_BODY_TRAILER_LF,
	} state;
	uint64_t left;	  /* bytes of the body or chunk */
	unsigned digits;  /* of the chunk size; or in the trailer: of the line */
	size_t extra_len; /* bytes of extensions and trailers so far */
};

void http_body_start(struct http_body *body, const struct http_head *head);
static inline bool http_body_done(const struct http_body *body)
{
	return body->state == HTTP_BODY_NONE;
}
/*
 * Go on with @len bytes of @text: *ret_data and *ret_len are the next run of content (maybe empty).
 * Returns how many bytes were used, at least 1 if @len > 0; or -EBADMSG.
 */
ssize_t http_body_next(struct http_body *body, const char *text, size_t len, const char **ret_data,
		       size_t *ret_len);
