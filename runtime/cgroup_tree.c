/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

#define DEPTH_MAX 64

static int remove_below(int parent_fd, const char *name, unsigned depth)
{
	struct dirent *e;
	DIR *dir;
	int fd;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return -errno;
	}
	while (depth && (e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			(void)remove_below(fd, e->d_name, depth - 1);
	(void)closedir(dir);
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove_tree(int parent_fd, const char *name)
{
	return remove_below(parent_fd, name, DEPTH_MAX);
}
