/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel can do, by asking it: a call with arguments that can't succeed tells ENOSYS apart. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "runtime/kernel.h"
#include "runtime/runtime.h"

static bool knows(long result)
{
	return result >= 0 || (errno != ENOSYS && errno != EPERM);
}

static bool knows_file_system(const char *name)
{
	auto_buf struct buf text = BUF_INIT(65536);
	size_t len = strlen(name);

	if (fd_read_file("/proc/filesystems", &text, NULL) < 0)
		return false;
	for (const char *p = buf_str(&text); (p = strstr(p, name)); p += len)
		if (p > buf_str(&text) && p[-1] == '\t' && p[len] == '\n')
			return true;
	return false;
}

void runtime_host_probe(struct runtime_host *ret)
{
	*ret = (struct runtime_host){
		.root = geteuid() == 0,
		.clone3 = knows(syscall(SYS_clone3, NULL, 0)),
		.pidfd = knows(syscall(SYS_pidfd_open, -1, 0)),
		.openat2 = knows(syscall(SYS_openat2, -1, "", NULL, 0)),
		.new_mount_api = knows(syscall(SYS_open_tree, -1, "", 0)) &&
				 knows(syscall(SYS_mount_setattr, -1, "", 0, NULL, 0)),
		.overlayfs = knows_file_system("overlay"),
		.userns = access("/proc/self/ns/user", F_OK) == 0,
	};
	cgroup_host_probe(&ret->cgroup);
}
