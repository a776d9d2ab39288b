/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json or manifest.json with the files that it speaks of, through the whole importer. The input
 * is a list of files: name, NUL, content, NUL; where a content says "@N", it stands for the digest
 * of file N, so that the fuzzer need not find SHA-256 collisions to get further.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 8

static char dir[64], store_dir[80], source_dir[80];
static struct image_store *store;

static void remove_dir(void)
{
	store = image_store_close(store);
	(void)path_remove_tree_at(AT_FDCWD, dir, NULL);
}

static void make_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "/dev/shm/shallop-fuzz.XXXXXX");
	if (!mkdtemp(dir) || atexit(remove_dir) != 0)
		abort();
	(void)snprintf(store_dir, sizeof(store_dir), "%s/store", dir);
	(void)snprintf(source_dir, sizeof(source_dir), "%s/source", dir);
	if (image_store_open(store_dir, &store, NULL) < 0)
		abort();
}

/* One part of the input, up to NUL; "@N" becomes digest N. */
static void take_part(const uint8_t **data, size_t *size, char digests[][IMAGE_DIGEST_MAX],
		      size_t n_digests, struct buf *ret)
{
	while (*size && **data) {
		size_t which = *size > 1 ? (size_t)((*data)[1] - '0') : FILES_MAX;

		if (**data == '@' && which < n_digests) {
			(void)buf_puts(ret, digests[which]);
			*data += 2;
			*size -= 2;
			continue;
		}
		(void)buf_putc(ret, (char)**data);
		(*data)++;
		(*size)--;
	}
	if (*size) {
		(*data)++;
		(*size)--;
	}
}

static void write_source(const uint8_t *data, size_t size)
{
	char digests[FILES_MAX][IMAGE_DIGEST_MAX];
	auto_close int fd = -1;

	if (mkdir(source_dir, 0700) < 0)
		abort();
	fd = open(source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "blobs", 0700) < 0 || mkdirat(fd, "blobs/sha256", 0700) < 0)
		abort();
	for (size_t i = 0; i < FILES_MAX && size; i++) {
		auto_buf struct buf name = BUF_INIT(0), content = BUF_INIT(0);
		char path[128], hex[SHA256_HEX];

		take_part(&data, &size, digests, i, &name);
		take_part(&data, &size, digests, i, &content);
		sha256_of(buf_str(&content), content.len, hex);
		digest_set(digests[i], hex);
		(void)snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
		(void)fd_write_file_at(fd, path, buf_str(&content), content.len, 0600, NULL);
		if (name.len && name.len < 64 && !strchr(buf_str(&name), '/') &&
		    buf_str(&name)[0] != '.')
			(void)fd_write_file_at(fd, buf_str(&name), buf_str(&content), content.len,
					       0600, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image **list;
	struct err err = { 0 };
	size_t n;
	int r;

	if (!*dir)
		make_dir();
	write_source(data, size);
	r = image_import(store, source_dir, NULL, NULL, NULL, &err);
	assert(r == 0 || (err.code == r && *err.text));
	assert(image_list(store, &list, &n, &err) == 0);
	assert((n > 0) == (r == 0));
	for (size_t i = 0; i < n; i++)
		assert(image_remove(store, list[i]->id, &err) == 0);
	image_list_free(list, n);
	assert(image_collect(store, NULL, NULL, &err) == 0);
	assert(path_remove_tree_at(AT_FDCWD, source_dir, &err) == 0);
	return 0;
}
