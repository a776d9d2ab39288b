/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void buf_done(struct buf *buf)
{
	if (buf->data)
		free(buf->data - buf->off);
	*buf = BUF_INIT(buf->max);
}

static int buf_fail(struct buf *buf, int code)
{
	if (!buf->failed)
		buf->failed = code;
	return code;
}

int buf_reserve(struct buf *buf, size_t extra)
{
	size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;
	size_t need, cap;
	char *base;

	if (buf->failed) /* what comes after a hole would be worse than nothing */
		return buf->failed;
	if (extra > max || buf->len > max - extra)
		return buf_fail(buf, -E2BIG);
	need = buf->len + extra + 1;
	if (buf->data && buf->off + need <= buf->cap)
		return 0;
	base = buf->data ? buf->data - buf->off : NULL;
	if (buf->off) { /* consumed bytes in front: move down before asking for more memory */
		memmove(base, buf->data, buf->len + 1);
		buf->data = base;
		buf->off = 0;
		if (need <= buf->cap)
			return 0;
	}
	cap = buf->cap ? buf->cap : 64;
	while (cap < need)
		cap *= 2;
	base = realloc(base, cap);
	if (!base)
		return buf_fail(buf, -ENOMEM);
	buf->data = base;
	buf->cap = cap;
	return 0;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
	int r = buf_reserve(buf, len);

	if (r < 0)
		return r;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int buf_puts(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

int buf_putc(struct buf *buf, char c)
{
	return buf_append(buf, &c, 1);
}

/* What fits into the room that is there is printed once; the rest a second time. */
int buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	size_t room;
	int n, r;

	r = buf_reserve(buf, 0);
	if (r < 0)
		return r;
	room = buf->cap - buf->off - buf->len;
	va_copy(again, args);
	n = vsnprintf(buf->data + buf->len, room, fmt, again);
	va_end(again);
	if (n < 0 || (size_t)n >= room) {
		buf->data[buf->len] = '\0';
		if (n < 0)
			return buf_fail(buf, -EINVAL);
	}
	r = buf_reserve(buf, (size_t)n);
	if (r < 0) {
		buf->data[buf->len] = '\0';
		return r;
	}
	if ((size_t)n >= room)
		(void)vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
	buf->len += (size_t)n;
	return 0;
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = buf_vprintf(buf, fmt, args);
	va_end(args);
	return r;
}

void buf_consume(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	if (!buf->data)
		return;
	if (len == buf->len) { /* the usual case: eaten up, start again at the front */
		buf->data -= buf->off;
		buf->off = 0;
		buf->len = 0;
		buf->data[0] = '\0';
		return;
	}
	buf->data += len;
	buf->off += len;
	buf->len -= len;
}

void buf_truncate(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len = len;
	if (buf->data)
		buf->data[len] = '\0';
}

void buf_clear(struct buf *buf)
{
	buf_consume(buf, buf->len);
	buf->failed = 0;
}

char *buf_take(struct buf *buf)
{
	char *text;

	if (buf->failed || buf_reserve(buf, 0) < 0)
		return NULL;
	buf->data[buf->len] = '\0';
	if (buf->off)
		memmove(buf->data - buf->off, buf->data, buf->len + 1);
	text = buf->data - buf->off;
	*buf = BUF_INIT(buf->max);
	return text;
}

const char *buf_str(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}
