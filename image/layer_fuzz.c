/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's bytes, unpacked into a directory of tmpfs: whatever they are, nothing appears outside. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "image/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct layer_limits limits = { .entries = 200,
					    .bytes = 1 << 20,
					    .path_bytes = 1 << 16,
					    .ratio = 100,
					    .ratio_after = 1 << 20 };
static char dir[64];

static void remove_dir(void)
{
	(void)path_remove_tree_at(AT_FDCWD, dir, NULL);
}

static void make_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "/dev/shm/shallop-fuzz.XXXXXX");
	if (!mkdtemp(dir) || atexit(remove_dir) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char diff_id[] =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	auto_close int blob_fd = memfd_create("layer", MFD_CLOEXEC);
	auto_close int dir_fd = -EBADF, root_fd = -EBADF;
	struct err err = { 0 };
	int r;

	if (!*dir)
		make_dir();
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || blob_fd < 0 || mkdirat(dir_fd, "root", 0700) < 0)
		abort();
	root_fd = openat(dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || fd_write_all(blob_fd, data, size) < 0)
		abort();
	r = layer_unpack(blob_fd, diff_id, root_fd, NULL, 0, &limits, &err);
	assert(r < 0 && err.code == r && *err.text); /* no input has that digest */
	assert(memchr(err.text, '\x1b', strlen(err.text)) == NULL);
	/* Only "root" is there, and it can be removed whatever is in it. */
	assert(path_remove_tree_at(dir_fd, "root", &err) == 0);
	assert(rmdir(dir) == 0 && mkdir(dir, 0700) == 0);
	return 0;
}
