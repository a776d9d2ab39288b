/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image is imported from: a directory or a tar archive, seen as files by clean path. Each
 * file is copied into the staging directory once, hashed on the way, and later renamed to become a
 * blob: no byte is written twice. A file named after a digest (blobs/sha256/HEX) that the store has
 * already is not read at all; else its digest is what its content has, whatever its name says.
 */
#pragma once

#include "base/buf.h"
#include "image/image_store.h"

struct image_source;

struct source_file {
	const char *path;	       /* clean */
	char digest[IMAGE_DIGEST_MAX]; /* of the content */
	uint64_t size;
	bool in_store;	 /* a blob of the store; else staged */
	char staged[16]; /* file name below the staging directory */
};

/* @fd, borrowed, stays open as long as the source. All of an archive is read here. Errors: -EBADMSG
 * broken, -E2BIG, -EXDEV. */
int image_source_open(struct image_store *store, struct store_staging *staging, int fd,
		      struct image_source **ret, struct err *err);
struct image_source *image_source_close(struct image_source *source);
OWN_DEFINE(image_source, struct image_source *, image_source_close)
#define auto_image_source OWN(image_source)

/* Borrowed; links inside an archive are followed. -ENOENT: no such file. */
int image_source_find(struct image_source *source, const char *path, const struct source_file **ret,
		      struct err *err);
int image_source_find_blob(struct image_source *source, const char *digest,
			   const struct source_file **ret, struct err *err);
int image_source_read(struct image_source *source, const struct source_file *file, struct buf *ret,
		      struct err *err);
int image_source_open_file(struct image_source *source, const struct source_file *file);
/* A file of our own making. */
int image_source_add(struct image_source *source, const char *path, const struct buf *content,
		     const struct source_file **ret, struct err *err);
