/* SPDX-License-Identifier: Apache-2.0 */
/* What node, pods and containers use, sent to the server every 15 s. */
#pragma once

#include "base/err.h"

struct agent;

int usage_begin(struct agent *agent, struct err *err);
void usage_end(struct agent *agent);
