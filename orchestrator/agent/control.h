/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R/agent.sock (0600, root): the node's own view, with no server in reach. A line of JSON in, a line
 * of JSON out: {"verb":"status"}, {"verb":"pods"}. Unknown verbs get {"error":"…"}.
 */
#pragma once

#include "base/err.h"

struct agent;
struct control;

int control_open(struct agent *agent, struct control **ret, struct err *err);
struct control *control_close(struct control *control);
