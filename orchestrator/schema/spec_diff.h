/* SPDX-License-Identifier: Apache-2.0 */
/* What changed in a spec, as Kubernetes shows it to who may not change it: a unified diff of two
 * dumps of Go structs, three lines of context. */
#pragma once

#include "orchestrator/schema/schema.h"

int spec_diff(const struct schema_type *type, const struct json_object *old,
	      const struct json_object *new_spec, struct buf *ret);
