/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster's API for the verbs of this program: one request, one answer, waited for. Uses the
 * admin credentials of the instance on this machine.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "orchestrator/instance.h"

/*
 * GET @path from the instance's server and parse the answer. Waits @timeout_ms at most. -ECONNREFUSED
 * and -ETIMEDOUT: nobody answers; a status that is not 2xx: -EREMOTEIO with the server's sentence
 * (404: -ENOENT).
 */
int client_get(const struct instance *instance, const char *path, int timeout_ms,
	       struct json_object **ret, struct err *err);
