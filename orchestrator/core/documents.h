/* SPDX-License-Identifier: Apache-2.0 */
/* What is served beside resources: discovery, OpenAPI, version, health. */
#pragma once

#include "orchestrator/core/request.h"

void documents_answer(struct request *request, const struct core_request *from);
void documents_not_found(struct request *request); /* 404 in plain text: no such path */
