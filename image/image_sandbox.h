/* SPDX-License-Identifier: Apache-2.0 */
/* What a process gives up before it reads a hostile archive. */
#pragma once

#include "base/err.h"

/*
 * For good: the directory @store_fd becomes "/", no new privileges, an empty network namespace,
 * capabilities for owners, modes, devices and overlayfs' attributes only, bounded memory and fds.
 * Fds that are open stay. What the kernel can't do is passed over, except the chroot and the
 * capabilities. System calls are not filtered here: that is for whoever starts the worker.
 */
int image_sandbox_enter(int store_fd, struct err *err);
