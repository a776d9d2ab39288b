/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

static int fsconfig_call(int fs_fd, unsigned command, const char *key, const char *value, int aux)
{
	return result(syscall(SYS_fsconfig, fs_fd, command, key, value, aux));
}

int image_fsopen(const char *type)
{
	return result(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int image_fs_set_fd(int fs_fd, const char *key, int fd)
{
	return fsconfig_call(fs_fd, FSCONFIG_SET_FD, key, NULL, fd);
}

int image_fs_set_text(int fs_fd, const char *key, const char *value)
{
	return fsconfig_call(fs_fd, FSCONFIG_SET_STRING, key, value, 0);
}

int image_fs_set_flag(int fs_fd, const char *key)
{
	return fsconfig_call(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
}

int image_fs_create(int fs_fd)
{
	return fsconfig_call(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int image_fsmount(int fs_fd, bool read_only)
{
	return result(
		syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, read_only ? MOUNT_ATTR_RDONLY : 0));
}

int image_open_tree(const char *path)
{
	return result(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}
