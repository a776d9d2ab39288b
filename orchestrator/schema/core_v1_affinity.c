/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: where a Pod may and would like to run. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field node_selector_requirement_fields[] = {
	ONE(STRING, "key", 1, REQUIRED | ALWAYS),
	ONE(STRING, "operator", 2, REQUIRED | ALWAYS,
	    ENUM("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")),
	LIST(STRING, "values", 3, ATOMIC),
};
TYPE(core_v1_node_selector_requirement, "core.v1.NodeSelectorRequirement",
     node_selector_requirement_fields);

static const struct schema_field node_selector_term_fields[] = {
	REFS(core_v1_node_selector_requirement, "matchExpressions", 1, ATOMIC),
	REFS(core_v1_node_selector_requirement, "matchFields", 2, ATOMIC),
};
TYPE(core_v1_node_selector_term, "core.v1.NodeSelectorTerm", node_selector_term_fields,
     .atomic = true, .check = node_term_check);

static const struct schema_field node_selector_fields[] = {
	REFS(core_v1_node_selector_term, "nodeSelectorTerms", 1, REQUIRED | ALWAYS | ATOMIC),
};
TYPE(core_v1_node_selector, "core.v1.NodeSelector", node_selector_fields, .atomic = true,
     .check = node_selector_check);

static const struct schema_field preferred_scheduling_term_fields[] = {
	ONE(INT32, "weight", 1, REQUIRED | ALWAYS, RANGE(1, 100, "must be in the range 1-100")),
	REF(core_v1_node_selector_term, "preference", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_preferred_scheduling_term, "core.v1.PreferredSchedulingTerm",
     preferred_scheduling_term_fields);

static const struct schema_field node_affinity_fields[] = {
	REF(core_v1_node_selector, "requiredDuringSchedulingIgnoredDuringExecution", 1, PTR),
	REFS(core_v1_preferred_scheduling_term, "preferredDuringSchedulingIgnoredDuringExecution",
	     2, ATOMIC),
};
TYPE(core_v1_node_affinity, "core.v1.NodeAffinity", node_affinity_fields);

static const struct schema_field pod_affinity_term_fields[] = {
	REF(meta_v1_label_selector, "labelSelector", 1, PTR),
	LIST(STRING, "namespaces", 2, ATOMIC),
	ONE(STRING, "topologyKey", 3, REQUIRED | ALWAYS),
	REF(meta_v1_label_selector, "namespaceSelector", 4, PTR),
	LIST(STRING, "matchLabelKeys", 5, ATOMIC),
	LIST(STRING, "mismatchLabelKeys", 6, ATOMIC),
};
TYPE(core_v1_pod_affinity_term, "core.v1.PodAffinityTerm", pod_affinity_term_fields,
     .check = pod_affinity_term_check);

static const struct schema_field weighted_pod_affinity_term_fields[] = {
	ONE(INT32, "weight", 1, REQUIRED | ALWAYS, RANGE(1, 100, "must be in the range 1-100")),
	REF(core_v1_pod_affinity_term, "podAffinityTerm", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_weighted_pod_affinity_term, "core.v1.WeightedPodAffinityTerm",
     weighted_pod_affinity_term_fields);

static const struct schema_field pod_affinity_fields[] = {
	REFS(core_v1_pod_affinity_term, "requiredDuringSchedulingIgnoredDuringExecution", 1,
	     ATOMIC),
	REFS(core_v1_weighted_pod_affinity_term, "preferredDuringSchedulingIgnoredDuringExecution",
	     2, ATOMIC),
};
TYPE(core_v1_pod_affinity, "core.v1.PodAffinity", pod_affinity_fields);

static const struct schema_field pod_anti_affinity_fields[] = {
	REFS(core_v1_pod_affinity_term, "requiredDuringSchedulingIgnoredDuringExecution", 1,
	     ATOMIC),
	REFS(core_v1_weighted_pod_affinity_term, "preferredDuringSchedulingIgnoredDuringExecution",
	     2, ATOMIC),
};
TYPE(core_v1_pod_anti_affinity, "core.v1.PodAntiAffinity", pod_anti_affinity_fields);

static const struct schema_field affinity_fields[] = {
	REF(core_v1_node_affinity, "nodeAffinity", 1, PTR),
	REF(core_v1_pod_affinity, "podAffinity", 2, PTR),
	REF(core_v1_pod_anti_affinity, "podAntiAffinity", 3, PTR),
};
TYPE(core_v1_affinity, "core.v1.Affinity", affinity_fields);

static const struct schema_field toleration_fields[] = {
	ONE(STRING, "key", 1, 0),
	ONE(STRING, "operator", 2, 0, ENUM("Equal", "Exists", "Gt", "Lt")),
	ONE(STRING, "value", 3, 0),
	ONE(STRING, "effect", 4, 0, ENUM("NoExecute", "NoSchedule", "PreferNoSchedule")),
	ONE(INT64, "tolerationSeconds", 5, PTR),
};
TYPE(core_v1_toleration, "core.v1.Toleration", toleration_fields, .check = toleration_check);

static const struct schema_field topology_spread_constraint_fields[] = {
	ONE(INT32, "maxSkew", 1, REQUIRED | ALWAYS),
	ONE(STRING, "topologyKey", 2, REQUIRED | ALWAYS),
	ONE(STRING, "whenUnsatisfiable", 3, REQUIRED | ALWAYS,
	    ENUM("DoNotSchedule", "ScheduleAnyway")),
	REF(meta_v1_label_selector, "labelSelector", 4, PTR),
	ONE(INT32, "minDomains", 5, PTR),
	ONE(STRING, "nodeAffinityPolicy", 6, PTR, ENUM("Honor", "Ignore")),
	ONE(STRING, "nodeTaintsPolicy", 7, PTR, ENUM("Honor", "Ignore")),
	LIST(STRING, "matchLabelKeys", 8, ATOMIC),
};
TYPE(core_v1_topology_spread_constraint, "core.v1.TopologySpreadConstraint",
     topology_spread_constraint_fields, .check = topology_spread_check);
