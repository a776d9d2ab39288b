/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a cgroup with those that its container made below it. The shim has this, too. */
#pragma once

/* Everything below @name goes first. 0 also when it is gone; -EBUSY: somebody is still in there. */
int cgroup_remove_tree(int parent_fd, const char *name);
