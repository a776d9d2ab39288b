/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs probes and hooks: exec in the container, HTTP GET, a TCP connection, a pause. Each run is answered
 * by one event of the pod's machine, at the latest when its time is over.
 */
#pragma once

#include "orchestrator/agent/nodepod.h"

void prober_run(struct nodepod *pod, const struct podmachine_effect *effect);
/* Give up what runs, without answers: the pod goes. */
void prober_end_all(struct nodepod *pod);
