/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer_stream.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"

#define READ_BLOCK_BYTES ((size_t)128 << 10)

struct layer_stream {
	struct archive *raw; /* takes the compression off */
	struct archive *tar; /* pulls from raw through on_read() */
	struct sha256 *sha;  /* NULL: not asked for */
	const struct layer_limits *limits;
	uint64_t bytes_in, bytes_out;
	int code; /* our own refusal, which archive_errno() can't carry */
};

/* Only what these bytes ask for is registered: libarchive would run a program for a filter that it
 * was built without. */
static const struct {
	unsigned char magic[4];
	unsigned char mask[4];
	enum layer_compression is;
} magics[] = {
	{ { 0x1f, 0x8b }, { 0xff, 0xff }, LAYER_GZIP },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, { 0xff, 0xff, 0xff, 0xff }, LAYER_ZSTD },
	{ { 0x50, 0x2a, 0x4d, 0x18 }, { 0xf0, 0xff, 0xff, 0xff }, LAYER_ZSTD }, /* skippable */
};

int layer_compression_of(int fd)
{
	unsigned char head[4] = { 0 };

	if (pread(fd, head, sizeof(head), 0) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		bool match = true;

		for (size_t k = 0; k < sizeof(head); k++)
			match = match && (head[k] & magics[i].mask[k]) == magics[i].magic[k];
		if (match)
			return magics[i].is;
	}
	return LAYER_PLAIN;
}

static int add_filter(struct archive *raw, int compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return archive_read_support_filter_gzip(raw);
	case LAYER_ZSTD:
		return archive_read_support_filter_zstd(raw);
	default:
		return ARCHIVE_OK;
	}
}

static bool within_limits(const struct layer_stream *s)
{
	const struct layer_limits *l = s->limits;

	/* Half as much again as files may hold: headers and padding count here. */
	if (s->bytes_out > l->bytes + l->bytes / 2 + ((uint64_t)1 << 20))
		return false;
	return s->bytes_out <= l->ratio_after || s->bytes_out / l->ratio <= s->bytes_in;
}

static la_ssize_t on_read(struct archive *tar, void *data, const void **ret_block)
{
	struct layer_stream *s = data;
	la_int64_t offset;
	size_t len = 0;
	int r;

	do
		r = archive_read_data_block(s->raw, ret_block, &len, &offset);
	while (r == ARCHIVE_OK && len == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN) {
		s->code = -EBADMSG;
		archive_set_error(tar, EBADMSG, "%s", archive_error_string(s->raw));
		return -1;
	}
	s->bytes_out += len;
	if (!within_limits(s)) {
		s->code = -E2BIG;
		archive_set_error(tar, E2BIG, "%s", "it unpacks to more than is allowed");
		return -1;
	}
	if (s->sha)
		sha256_add(s->sha, *ret_block, len);
	return (la_ssize_t)len;
}

static int open_raw(struct layer_stream *s, int fd, struct err *err)
{
	struct archive_entry *entry;
	int compression = layer_compression_of(fd);

	if (compression < 0)
		return err_set(err, compression, "read");
	s->raw = archive_read_new();
	if (!s->raw)
		return err_set(err, -ENOMEM, "read");
	if (add_filter(s->raw, compression) != ARCHIVE_OK)
		return err_say(err, -ENOTSUP, "libarchive has no %s here",
			       compression == LAYER_ZSTD ? "zstd" : "gzip");
	if (archive_read_support_format_raw(s->raw) != ARCHIVE_OK || lseek(fd, 0, SEEK_SET) < 0 ||
	    archive_read_open_fd(s->raw, fd, READ_BLOCK_BYTES) != ARCHIVE_OK ||
	    archive_read_next_header(s->raw, &entry) != ARCHIVE_OK)
		return err_say(err, -EBADMSG, "not readable: %s", archive_error_string(s->raw));
	return 0;
}

int layer_stream_open(int fd, bool hash, const struct layer_limits *limits,
		      struct layer_stream **ret, struct err *err)
{
	auto_layer_stream struct layer_stream *s = calloc(1, sizeof(*s));
	struct stat st;
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "read");
	s->limits = limits;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "read");
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_say(err, -EBADMSG, "it is empty");
	s->bytes_in = (uint64_t)st.st_size;
	r = hash ? sha256_new(&s->sha) : 0;
	if (r < 0)
		return err_set(err, r, "read");
	r = open_raw(s, fd, err);
	if (r < 0)
		return r;
	s->tar = archive_read_new();
	if (!s->tar)
		return err_set(err, -ENOMEM, "read");
	if (archive_read_support_format_tar(s->tar) != ARCHIVE_OK ||
	    archive_read_open(s->tar, s, NULL, on_read, NULL) != ARCHIVE_OK)
		return layer_stream_failed(s, err);
	*ret = take_ptr(&s);
	return 0;
}

struct layer_stream *layer_stream_close(struct layer_stream *s)
{
	if (!s)
		return NULL;
	if (s->tar)
		(void)archive_read_free(s->tar);
	if (s->raw)
		(void)archive_read_free(s->raw);
	(void)sha256_free(s->sha);
	free(s);
	return NULL;
}

struct archive *layer_stream_tar(struct layer_stream *s)
{
	return s->tar;
}

int layer_stream_failed(struct layer_stream *s, struct err *err)
{
	const char *why = archive_error_string(s->tar);

	if (s->code == 0 && archive_errno(s->tar) == ENOMEM)
		s->code = -ENOMEM;
	return err_say(err, s->code ? s->code : -EBADMSG, "broken archive: %s",
		       why ? why : "not a tar file");
}

int layer_stream_digest(struct layer_stream *s, char digest[IMAGE_DIGEST_MAX], struct err *err)
{
	char hex[SHA256_HEX];
	const void *block;
	la_ssize_t n;

	while ((n = on_read(s->tar, s, &block)) > 0)
		continue;
	if (n < 0)
		return layer_stream_failed(s, err);
	sha256_hex(s->sha, hex);
	digest_set(digest, hex);
	return 0;
}
