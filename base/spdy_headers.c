/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spdy_headers.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

/*
 * The dictionary is words with their length in front, then text in which codes and phrases of old
 * HTTP run into each other; nothing may be changed in it, down to its misspelt months.
 */
static const char *const words[] = {
	"options",
	"head",
	"post",
	"put",
	"delete",
	"trace",
	"accept",
	"accept-charset",
	"accept-encoding",
	"accept-language",
	"accept-ranges",
	"age",
	"allow",
	"authorization",
	"cache-control",
	"connection",
	"content-base",
	"content-encoding",
	"content-language",
	"content-length",
	"content-location",
	"content-md5",
	"content-range",
	"content-type",
	"date",
	"etag",
	"expect",
	"expires",
	"from",
	"host",
	"if-match",
	"if-modified-since",
	"if-none-match",
	"if-range",
	"if-unmodified-since",
	"last-modified",
	"location",
	"max-forwards",
	"pragma",
	"proxy-authenticate",
	"proxy-authorization",
	"range",
	"referer",
	"retry-after",
	"server",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	"user-agent",
	"vary",
	"via",
	"warning",
	"www-authenticate",
	"method",
	"get",
	"status",
	"200 OK",
	"version",
	"HTTP/1.1",
	"url",
	"public",
	"set-cookie",
	"keep-alive",
	"origin",
};

static const char tail[] =
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504"
	"505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
	"401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
	"503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, "
	"Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
	"application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
	"gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const unsigned char *spdy_dictionary(void)
{
	static unsigned char dictionary[SPDY_DICTIONARY_SIZE];
	unsigned char *to = dictionary;

	if (*tail && dictionary[3])
		return dictionary;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		to += 3; /* zeros */
		*to++ = (unsigned char)len;
		memcpy(to, words[i], len);
		to += len;
	}
	assert((size_t)(to - dictionary) + sizeof(tail) - 1 == SPDY_DICTIONARY_SIZE);
	memcpy(to, tail, sizeof(tail) - 1);
	return dictionary;
}

struct spdy_packer {
	bool unpack;
	z_stream z;
};

int spdy_packer_new(bool unpack, struct spdy_packer **ret)
{
	struct spdy_packer *packer = calloc(1, sizeof(*packer));
	int r;

	if (!packer)
		return -ENOMEM;
	packer->unpack = unpack;
	/* Ours is a small window, which any peer can read; theirs may be the largest. */
	if (unpack)
		r = inflateInit(&packer->z);
	else
		r = deflateInit2(&packer->z, Z_BEST_SPEED, Z_DEFLATED, 11, 1, Z_DEFAULT_STRATEGY);
	if (r == Z_OK && !unpack)
		r = deflateSetDictionary(&packer->z, spdy_dictionary(), SPDY_DICTIONARY_SIZE);
	if (r != Z_OK) {
		(void)spdy_packer_free(packer);
		return -ENOMEM;
	}
	*ret = packer;
	return 0;
}

struct spdy_packer *spdy_packer_free(struct spdy_packer *packer)
{
	if (packer) {
		if (packer->unpack)
			(void)inflateEnd(&packer->z);
		else
			(void)deflateEnd(&packer->z);
		free(packer);
	}
	return NULL;
}

static int put_number(struct buf *text, size_t n)
{
	const unsigned char bytes[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
					 (unsigned char)(n >> 8), (unsigned char)n };

	return buf_append(text, bytes, 4);
}

static int put_text(struct buf *text, const char *s, bool lower)
{
	size_t len = strlen(s);
	int r = put_number(text, len);

	if (r == 0)
		r = buf_append(text, s, len);
	for (size_t i = text->len - (r == 0 ? len : 0); lower && i < text->len; i++)
		text->data[i] = (char)tolower((unsigned char)text->data[i]);
	return r;
}

int spdy_pack(struct spdy_packer *packer, const struct http_header *headers, size_t n,
	      struct buf *out)
{
	auto_buf struct buf text = BUF_INIT(SPDY_HEADER_BYTES_MAX);
	int r = put_number(&text, n);
	z_stream *z = &packer->z;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = put_text(&text, headers[i].name, true);
		if (r == 0)
			r = put_text(&text, headers[i].value, false);
	}
	if (r < 0)
		return r;
	r = buf_reserve(out, deflateBound(z, text.len) + 64);
	if (r < 0)
		return r;
	z->next_in = (unsigned char *)text.data;
	z->avail_in = (unsigned)text.len;
	z->next_out = (unsigned char *)out->data + out->len;
	z->avail_out = (unsigned)(deflateBound(z, text.len) + 64);
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in)
		return -EIO;
	out->len = (size_t)((char *)z->next_out - out->data);
	out->data[out->len] = '\0';
	return 0;
}

static int inflate_block(z_stream *z, const void *block, size_t len, struct buf *text)
{
	z->next_in = (unsigned char *)block;
	z->avail_in = (unsigned)len;
	for (;;) {
		size_t room = 4096;
		int r = buf_reserve(text, room);

		if (r < 0)
			return r == -E2BIG ? -EPROTO : r;
		z->next_out = (unsigned char *)text->data + text->len;
		z->avail_out = (unsigned)room;
		r = inflate(z, Z_SYNC_FLUSH);
		if (r == Z_NEED_DICT) {
			r = inflateSetDictionary(z, spdy_dictionary(), SPDY_DICTIONARY_SIZE);
			if (r != Z_OK)
				return -EPROTO;
			continue;
		}
		text->len = (size_t)((char *)z->next_out - text->data);
		text->data[text->len] = '\0';
		if (r == Z_MEM_ERROR)
			return -ENOMEM;
		if (r != Z_OK && r != Z_BUF_ERROR)
			return -EPROTO; /* a stream that has ended too: there are blocks to come */
		if (z->avail_out)
			return z->avail_in ? -EPROTO : 0;
	}
}

/* A length and so many bytes at *p; the bytes are ended with a NUL where the next length begins. */
static char *take_text(unsigned char **p, const unsigned char *end)
{
	size_t len;
	char *text;

	if (end - *p < 4)
		return NULL;
	len = (size_t)(*p)[0] << 24 | (size_t)(*p)[1] << 16 | (size_t)(*p)[2] << 8 | (*p)[3];
	(*p)[0] = '\0'; /* ends the text before */
	*p += 4;
	if ((size_t)(end - *p) < len || memchr(*p, 0, len))
		return NULL;
	text = (char *)*p;
	*p += len;
	return text;
}

int spdy_unpack(struct spdy_packer *packer, const void *block, size_t len, struct buf *text,
		struct http_header *headers, size_t *ret_n)
{
	unsigned char *p, *end;
	size_t n;
	int r = inflate_block(&packer->z, block, len, text);

	if (r < 0)
		return r;
	p = (unsigned char *)text->data;
	end = p + text->len;
	if (text->len < 4)
		return -EPROTO;
	n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	p += 4;
	if (n > SPDY_HEADERS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < n; i++) {
		headers[i].name = take_text(&p, end);
		headers[i].value = headers[i].name ? take_text(&p, end) : NULL;
		if (!headers[i].value || !*headers[i].name)
			return -EPROTO;
	}
	if (p != end)
		return -EPROTO;
	*ret_n = n; /* the last value is ended by the buffer's own NUL */
	return 0;
}
