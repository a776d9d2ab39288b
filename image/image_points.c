/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_points.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "image/limits.h"

static const struct {
	const char *dir, *file; /* file NULL: the directory itself */
} points[] = {
	{ "/etc", "hosts" }, { "/etc", "hostname" }, { "/etc", "resolv.conf" },
	{ "/dev", NULL },    { "/proc", NULL },	     { "/sys", NULL },
};

int image_points_open(const struct image_store *store, const char *chain_id)
{
	char name[DIGEST_HEX + sizeof(POINTS_SUFFIX)];
	int fd;

	(void)snprintf(name, sizeof(name), "%s%s", digest_hex(chain_id), POINTS_SUFFIX);
	fd = openat(store->layers_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What is there already, be it a link to nowhere, is left to whoever mounts. */
int image_points_make(int root_fd)
{
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		auto_close int dir_fd = path_mkdirs_in_root(root_fd, points[i].dir, 0755),
			       fd = -EBADF;

		if (dir_fd == -ENOTDIR)
			continue;
		if (dir_fd < 0)
			return dir_fd;
		if (!points[i].file)
			continue;
		fd = openat(dir_fd, points[i].file,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}
