/* SPDX-License-Identifier: Apache-2.0 */
/* Reads that end at once: one object, a list. Kubernetes API concepts, "Resource versions". */
#pragma once

#include "orchestrator/core/request.h"

void listing_get(struct request *request);
void listing_list(struct request *request);

/* The query's resourceVersion: false when it has been refused (and the request is gone). */
bool listing_check_options(struct request *request);
/* A decimal revision; false: it is no number. */
bool listing_parse_revision(const char *text, uint64_t *ret);
