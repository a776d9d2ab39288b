/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that are only posted, and answered instead of stored: who am I, may I. */
#pragma once

#include "orchestrator/core/request.h"

/* true: it was one of these, and has been dealt with. */
bool reviews_run(struct request *request);
