/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount API's system calls by number: the C library of CentOS 9 has no names for them, and where
 * it has, <sys/mount.h> and <linux/mount.h> can't be included together.
 */
#pragma once

#include <stdbool.h>

int image_fsopen(const char *type); /* an fd or -errno */
int image_fs_set_fd(int fs_fd, const char *key, int fd);
int image_fs_set_text(int fs_fd, const char *key, const char *value);
int image_fs_set_flag(int fs_fd, const char *key);
int image_fs_create(int fs_fd);
int image_fsmount(int fs_fd, bool read_only); /* a detached mount's fd or -errno */
int image_open_tree(const char *path);	      /* a detached copy of the mount at @path */
