/* SPDX-License-Identifier: Apache-2.0 */
/* coordination.k8s.io/v1: Lease. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field lease_spec_fields[] = {
	ONE(STRING, "holderIdentity", 1, PTR),
	ONE(INT32, "leaseDurationSeconds", 2, PTR, POSITIVE),
	ONE(MICROTIME, "acquireTime", 3, PTR),
	ONE(MICROTIME, "renewTime", 4, PTR),
	ONE(INT32, "leaseTransitions", 5, PTR, NOT_NEGATIVE),
	ONE(STRING, "strategy", 6, PTR | GATED_OFF),
	ONE(STRING, "preferredHolder", 7, PTR | GATED_OFF),
};
TYPE(coordination_v1_lease_spec, "coordination.v1.LeaseSpec", lease_spec_fields);

static const struct schema_field lease_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(coordination_v1_lease_spec, "spec", 2, ALWAYS),
};
TYPE(coordination_v1_lease, "coordination.v1.Lease", lease_fields);
