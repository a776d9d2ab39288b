/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded, growing run of bytes; also the queue that sockets read into and parsers eat from.
 *
 * The content is data[0..len), always followed by a NUL that does not count. An append that would
 * pass @max fails with -E2BIG and changes nothing. The first failure is kept in ->failed and fails every
 * later append too (until buf_clear()), so a writer may append many times and look once, at the last
 * one's result or with buf_error().
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/own.h"

struct buf {
	char *data; /* owned; never NULL after an append that succeeded */
	size_t len; /* bytes of content */
	size_t off; /* bytes already consumed and still in front of data: internal */
	size_t cap; /* bytes allocated, from data - off */
	size_t max; /* most bytes of content; 0: BUF_MAX_DEFAULT */
	int failed; /* first error of an append, or 0 */
};

#define BUF_MAX_DEFAULT	    ((size_t)1 << 30)
#define BUF_INIT(max_bytes) ((struct buf){ .max = (max_bytes) })

void buf_done(struct buf *buf); /* free the content; the struct can be used again */
static inline void own_buf_done(struct buf *buf)
{
	buf_done(buf);
}
#define auto_buf OWN(buf)

int buf_reserve(struct buf *buf,
		size_t extra); /* make room; write at data + len, then add to len */
int buf_append(struct buf *buf, const void *data, size_t len);
int buf_puts(struct buf *buf, const char *text);
int buf_putc(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
int buf_vprintf(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

void buf_consume(struct buf *buf, size_t len);	/* drop the first @len bytes */
void buf_truncate(struct buf *buf, size_t len); /* keep the first @len bytes */
void buf_clear(struct buf *buf);		/* drop all; keeps the memory */
char *buf_take(struct buf *buf);	    /* the content as a heap string (NULL: out of memory) */
const char *buf_str(const struct buf *buf); /* borrowed, NUL-terminated, never NULL */
static inline int buf_error(const struct buf *buf)
{
	return buf->failed;
}
