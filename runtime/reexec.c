/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "runtime/kernel.h"

#define PROGRAM_MAX (64u << 20)
#define SEALS	    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int sealed_copy(const char *path, struct err *err)
{
	auto_buf struct buf program = BUF_INIT(PROGRAM_MAX);
	auto_close int fd = kernel_memfd_create("shallop", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd_read_file(path, &program, err);

	if (r < 0)
		return r;
	if (fd < 0)
		return err_set(err, -errno, "make a sealed copy of %s", path);
	r = fd_write_all(fd, program.data, program.len);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "make a sealed copy of %s", path) : take_fd(&fd);
}

int reexec_open(const char *path, struct err *err)
{
	struct kernel_mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int fd = kernel_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0 && kernel_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) == 0)
		return take_fd(&fd);
	return sealed_copy(path, err);
}

/* On a read-only mount, of ours or anybody's, or in a memfd that stays as it is. */
static bool is_sealed(int fd)
{
	struct statfs sfs;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0)
		return (seals & SEALS) == SEALS;
	return fstatfs(fd, &sfs) == 0 && sfs.f_flags & MS_RDONLY;
}

int reexec_self(char *const *argv, struct err *err)
{
	auto_close int self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = -EBADF;

	if (self_fd < 0)
		return err_set(err, -errno, "open our own program");
	if (is_sealed(self_fd)) {
		(void)prctl(PR_SET_NAME, "shallop-runtime"); /* old kernels name it by its fd */
		return 0;
	}
	fd = reexec_open("/proc/self/exe", err);
	if (fd < 0)
		return fd;
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return err_set(err, -errno, "execute our own program anew");
}
