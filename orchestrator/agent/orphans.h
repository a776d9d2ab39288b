/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier agents left behind of pods that nobody wants any more: found at the start, removed. */
#pragma once

struct agent;

/* Sandboxes, links, cgroups, directories and logs of pods that are not in agent->pods. */
void orphans_remove(struct agent *agent);
