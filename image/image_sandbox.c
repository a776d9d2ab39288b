/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define SANDBOX_MEMORY_BYTES ((rlim_t)768 << 20) /* zstd windows take 128 MiB, names 64 MiB */
#define SANDBOX_FDS	     512		 /* a layer's depth and its parents */

static const unsigned caps_kept[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,    CAP_FSETID,
	CAP_MKNOD, CAP_SETFCAP,	     CAP_SYS_ADMIN, /* trusted.overlay.opaque */
};

static int keep_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct had[2], data[2] = { { 0 } };

	if (syscall(SYS_capget, &header, had) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(caps_kept); i++)
		data[caps_kept[i] / 32].permitted |= 1u << caps_kept[i] % 32;
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		data[i].permitted &= had[i].permitted;
		data[i].effective = data[i].permitted;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static void lower(int what, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(what, &limit) < 0 || limit.rlim_cur <= most)
		return;
	limit.rlim_cur = most;
	(void)setrlimit(what, &limit);
}

/* What this process has already counts as well, and under a sanitizer that is much. */
static rlim_t data_bytes(void)
{
	auto_buf struct buf text = BUF_INIT(256);
	unsigned long long pages = 0;

	if (fd_read_file("/proc/self/statm", &text, NULL) < 0 ||
	    sscanf(buf_str(&text), "%*u %*u %*u %*u %*u %llu", &pages) != 1)
		return RLIM_INFINITY;
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + SANDBOX_MEMORY_BYTES;
}

int image_sandbox_enter(int store_fd, struct err *err)
{
	int r;

	lower(RLIMIT_DATA, data_bytes());
	lower(RLIMIT_NOFILE, SANDBOX_FDS);
	lower(RLIMIT_CORE, 0);
	(void)unshare(CLONE_NEWNET);
	if (fchdir(store_fd) < 0 || chroot(".") < 0)
		return err_set(err, -errno, "enter the sandbox: chroot");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "enter the sandbox: no_new_privs");
	r = keep_caps();
	return r < 0 ? err_set(err, r, "enter the sandbox: drop capabilities") : 0;
}
