/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command that talks to a server works with: the kubeconfig's target, the connection, the
 * resource types, and the namespace that flags and context choose.
 */
#pragma once

#include "ctl/cli.h"
#include "ctl/kubeconfig.h"
#include "ctl/rest.h"
#include "ctl/types.h"

struct session {
	struct kubeconfig config;
	struct kubeconfig_target target;
	struct rest *rest;
	struct types *types;
	const char *namespace; /* borrowed from target */
};
/* On failure a message has been printed; returns the exit code, 0 when all is well. */
int session_open(const struct cli *cli, struct session *ret);
void session_close(struct session *session);

/* Print what a failed request says and return the exit code. */
int session_fail(const struct err *err);
