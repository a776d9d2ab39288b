/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: media type, size, JSON or YAML. */
#pragma once

#include "orchestrator/core/request.h"

/* Fill body, patch type and duplicates; false: refused, and the request is gone. */
bool body_read(struct request *request, const struct core_request *from);
