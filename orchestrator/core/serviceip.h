/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that Services get: spec.clusterIP and what hangs on it. */
#pragma once

#include "orchestrator/core/request.h"

/*
 * Give a new Service its address, or check the one it asks for; on an update keep what it has, and
 * clear it when the Service becomes an ExternalName. false: the request has been ended.
 */
bool serviceip_admit(struct request *request, struct json_object *service,
		     const struct json_object *old);
