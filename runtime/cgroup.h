/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup v2 inside the room; what the agent may use is in runtime.h. man 7 cgroups. */
#pragma once

#include "runtime/cgroup_tree.h"
#include "runtime/runtime.h"

/*
 * Write @resources into the cgroup @dir_fd. What this machine can't enforce (the file is missing)
 * is an error when @strict; otherwise it is skipped and *ret_unenforced set.
 * OCI config-linux.md, "Control groups"; numbers are cgroup v1's and are converted.
 */
int cgroup_apply(int dir_fd, const struct spec_resources *resources, bool strict,
		 bool *ret_unenforced, struct err *err);
/* Allow and deny devices by an eBPF program on @dir_fd. No rules: nothing is changed. */
int cgroup_set_devices(int dir_fd, const struct spec_device_rule *rules, size_t n, struct err *err);

/* Give the cgroups below @dir_fd all controllers that it has itself. */
void cgroup_delegate(int dir_fd);

/* Does @path exist, with processes somewhere in it? */
bool cgroup_in_use(const struct cgroup_host *host, const char *path);

/* Kill every process below @dir_fd and wait until it is empty, at most @timeout_ms. */
int cgroup_kill_all(int dir_fd, int timeout_ms);
int cgroup_freeze(int dir_fd, bool frozen, struct err *err);
