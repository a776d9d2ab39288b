/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of an instance that `shallop up` started: it brings server and agent back when they die,
 * at once the first time and with growing pauses (to 3 s) when they keep dying. On a host with
 * systemd the packaged units do this instead. The keeper itself holds nothing: when it dies, server,
 * agent and pods go on, and the next `up` starts another.
 */
#pragma once

#include "base/err.h"
#include "orchestrator/instance.h"

/* Run in the foreground until SIGTERM; server and agent are left running then. */
int keeper_run(const struct instance *instance, struct err *err);
/* Fork a keeper that is detached from this session, with its log in D/logs. Returns its pid. */
int keeper_start(const struct instance *instance, struct err *err);
