/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig file, loaded and resolved. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct kubeconfig_overrides o = { 0 };
	struct kubeconfig_target target;
	struct kubeconfig config;
	char path[64];

	if (fd < 0)
		fd = memfd_create("kubeconfig", MFD_CLOEXEC);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (kubeconfig_load(path, &config, NULL) < 0)
		return 0;
	if (kubeconfig_resolve(&config, &o, &target, NULL) == 0)
		kubeconfig_target_done(&target);
	kubeconfig_done(&config);
	return 0;
}
