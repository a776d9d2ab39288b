/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the building of a container's file system; what others call is in enact.h. */
#pragma once

#include "runtime/enact.h"

struct rootfs {
	const struct plan *plan;
	const int *fds;
	int root_fd; /* names below it are seen with it as "/" */
	struct err *err;
};

/* rootfs_mount.c: one mount of the plan. */
int rootfs_mount(struct rootfs *fs, const struct plan_mount *mount);
/* A detached mount of a new file system; -ENOSYS: this kernel has no mount API, use the other. */
int rootfs_fresh_mount(const char *type, const char *source, const char *data, uint64_t attr);
int rootfs_fresh_mount_old(const char *type, const char *source, const char *data,
			   unsigned long ms_flags, int target_fd);

/* rootfs_device.c: the nodes and links in /dev. */
int rootfs_make_devices(struct rootfs *fs);

/* rootfs_cover.c: what must not be seen, or not be written. */
int rootfs_cover(struct rootfs *fs);
int rootfs_bind_fd(int source_fd, int target_fd, unsigned recursive, uint64_t attr);

/* rootfs.c */
#define ROOTFS_LINKS_MAX 40 /* as the kernel's */
/* Attributes of a mount; @flags: 0 or AT_RECURSIVE. */
int rootfs_set_attr(int fd, uint64_t set, uint64_t clr, unsigned propagation, unsigned flags);
unsigned long rootfs_attr_to_ms(uint64_t attr); /* the same for mount(2) */
/* An empty file to mount on, and the directory that @path lies in; made where missing. */
int rootfs_make_file(int root_fd, const char *path, unsigned links);
int rootfs_open_parent(struct rootfs *fs, const char *path, const char **ret_name);
