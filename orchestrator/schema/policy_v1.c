/* SPDX-License-Identifier: Apache-2.0 */
/* policy/v1: Eviction, what is posted to a Pod's eviction. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field eviction_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(meta_v1_delete_options, "deleteOptions", 2, PTR),
};
TYPE(policy_v1_eviction, "policy.v1.Eviction", eviction_fields);
