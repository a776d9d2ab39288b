/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compressed file as a stream of plain bytes that is hashed and bounded while libarchive's tar
 * reader pulls it: the digest of the uncompressed layer (its diff id) costs no second pass.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/limits.h"

struct archive;
struct layer_stream;

/* @fd: a regular file at any offset, borrowed. gzip, zstd or plain, told by its first bytes. */
int layer_stream_open(int fd, bool hash, const struct layer_limits *limits,
		      struct layer_stream **ret, struct err *err);
struct layer_stream *layer_stream_close(struct layer_stream *stream);
OWN_DEFINE(layer_stream, struct layer_stream *, layer_stream_close)
#define auto_layer_stream OWN(layer_stream)

/* The tar reader on top, borrowed; it is closed with the stream. */
struct archive *layer_stream_tar(struct layer_stream *stream);

/* Why the tar reader's last call failed, as a sentence. Returns a negative errno. */
int layer_stream_failed(struct layer_stream *stream, struct err *err);

/* Read what follows the tar's end mark, then give the digest of every byte that came. */
int layer_stream_digest(struct layer_stream *stream, char digest[IMAGE_DIGEST_MAX],
			struct err *err);

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD, LAYER_COMPRESSION_COUNT };
/* Told by magic numbers; -errno if @fd can't be read. */
int layer_compression_of(int fd);
