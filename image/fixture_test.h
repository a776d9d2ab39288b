/* SPDX-License-Identifier: Apache-2.0 */
/* Layers and archives for tests, made by libarchive's writer from a table. */
#pragma once

#include "base/buf.h"
#include "image/digest.h"

struct tar_entry {
	const char *path;
	char type; /* f file, d directory, l symbolic link, h hard link, c b p device or FIFO */
	const char *data; /* content or link target */
	unsigned mode;	  /* 0: 0644, directories 0755 */
	long uid, gid, mtime;
	const char *xattr, *value;
	unsigned major, minor;
	size_t repeat; /* file: so many times the data (0: once) */
	size_t hole;   /* file: so many bytes of hole in front of it */
};

enum { TAR_PLAIN, TAR_GZIP, TAR_ZSTD };

struct test_layer {
	struct buf blob; /* as it is stored */
	char digest[IMAGE_DIGEST_MAX], diff_id[IMAGE_DIGEST_MAX];
};
void test_layer_make(struct test_layer *layer, const struct tar_entry *entries, size_t n,
		     int compression);
void test_layer_done(struct test_layer *layer);
/* The blob as a file without a name. */
int test_layer_fd(const struct test_layer *layer);

/* What an archive of one image looks like, and what is wrong with it. */
struct test_image {
	const char *name;   /* NULL: none */
	const char *format; /* "oci" (default), "docker", "dir" */
	struct test_layer *layers;
	size_t n_layers;
	const char *architecture; /* NULL: this machine's */
	int outer;		  /* compression of the archive itself */
	bool wrong_diff_id, wrong_size, wrong_blob, without_layer, without_config, short_config;
	bool nested; /* an index for several machines in between */
	char manifest[IMAGE_DIGEST_MAX], id[IMAGE_DIGEST_MAX]; /* out */
};
void test_image_write(const char *path, struct test_image *image);

/* Write @content as file @name of an archive under way or directory. */
void test_write_file(const char *path, const void *data, size_t len);

/* Every path below @dir with type, mode, owner and size, sorted: to compare before and after. */
void test_listing(const char *dir, struct buf *ret);
