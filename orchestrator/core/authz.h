/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what. system:masters may do all; nodes what the Node authorizer lets them; all others
 * discovery and reviews of themselves. One hook, so that RBAC finds its place.
 */
#pragma once

#include "orchestrator/core/request.h"

/* false: refused with Kubernetes' words, and the request is gone. */
bool authz_check(struct request *request);
bool authz_check_document(struct request *request, const char *method);
const char *authz_verb(const struct request *request); /* "deletecollection" */

struct json_object;
/* What the authorizer would say to the user for the resourceAttributes of an access review. */
bool authz_would_allow(const struct request *request, const struct json_object *attributes);
