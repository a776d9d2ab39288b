/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that are neither of an object nor of its status: binding, finalize, token. */
#pragma once

#include "orchestrator/core/request.h"

/* true: it was one of these, and has been dealt with. */
bool subresource_run(struct request *request);
