/* SPDX-License-Identifier: Apache-2.0 */
/* An archive from a container, extracted below a directory; nothing may appear beside it. */
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums are made right, or nothing would come past them. */
static void fix_sums(char *bytes, size_t size)
{
	for (size_t at = 0; at + 512 <= size; at += 512) {
		char *block = bytes + at, text[8];
		unsigned sum = 0;

		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += (unsigned char)block[i];
		(void)snprintf(text, sizeof(text), "%06o", sum % 0777777);
		memcpy(block + 148, text, 7);
	}
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st;
	(void)flag;
	return walk->level > 0 ? remove(path) : 0;
}

static char root[] = "/tmp/tar-fuzz.XXXXXX";

static void remove_root(void)
{
	(void)rmdir(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dest[PATH_MAX];
	static int fd = -1;
	char *bytes = malloc(size + 1);

	if (fd < 0) {
		fd = memfd_create("archive", MFD_CLOEXEC);
		if (!mkdtemp(root) || !freopen("/dev/null", "w", stderr))
			abort();
		(void)atexit(remove_root);
		(void)snprintf(dest, sizeof(dest), "%s/d", root);
	}
	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	fix_sums(bytes, size);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    fd_write_all(fd, bytes, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	free(bytes);
	(void)tar_extract(fd, "", dest, NULL);
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
