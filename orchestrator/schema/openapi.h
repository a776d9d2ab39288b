/* SPDX-License-Identifier: Apache-2.0 */
/* Writing OpenAPI documents: one writer for version 3 and version 2. */
#pragma once

#include "orchestrator/schema/schema.h"

struct openapi {
	struct buf *buf;
	bool v2; /* "definitions" and parameters without schemas, instead of "components" */
};
/* {"$ref":"#/components/schemas/io.k8s.api.core.v1.Pod"}; @name as in the rows: "core.v1.Pod" */
void openapi_ref(struct openapi *doc, const char *name);
/* A list type has no rows of its own: its name is that of the kind's type and "List". */
void openapi_list_ref(struct openapi *doc, const struct schema_kind *kind);
/* "coordination.k8s.io/v1" is "apis/coordination.k8s.io/v1", "v1" is "api/v1". */
bool openapi_is_of(const struct schema_kind *kind, const char *group_version);
/* The paths of one kind; @first: no comma before it. */
void openapi_paths(struct openapi *doc, const struct schema_kind *kind, bool *first);
