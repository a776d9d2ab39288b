/* SPDX-License-Identifier: Apache-2.0 */
/* meta/v1: what every object and every answer shares. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field preconditions_fields[] = {
	ONE(STRING, "uid", 1, PTR),
	ONE(STRING, "resourceVersion", 2, PTR),
};
TYPE(meta_v1_preconditions, "meta.v1.Preconditions", preconditions_fields);

static const struct schema_field delete_options_fields[] = {
	TYPE_META,
	ONE(INT64, "gracePeriodSeconds", 1, PTR),
	REF(meta_v1_preconditions, "preconditions", 2, PTR),
	ONE(BOOL, "orphanDependents", 3, PTR),
	ONE(STRING, "propagationPolicy", 4, PTR),
	LIST(STRING, "dryRun", 5, ATOMIC),
	ONE(BOOL, "ignoreStoreReadErrorWithClusterBreakingPotential", 6, PTR),
};
TYPE(meta_v1_delete_options, "meta.v1.DeleteOptions", delete_options_fields);

static const struct schema_field shard_info_fields[] = {
	ONE(STRING, "selector", 1, REQUIRED | ALWAYS),
};
TYPE(meta_v1_shard_info, "meta.v1.ShardInfo", shard_info_fields);

static const struct schema_field list_meta_fields[] = {
	ONE(STRING, "selfLink", 1, 0),
	ONE(STRING, "resourceVersion", 2, 0),
	ONE(STRING, "continue", 3, 0),
	ONE(INT64, "remainingItemCount", 4, PTR),
	REF(meta_v1_shard_info, "shardInfo", 5, PTR | GATED_OFF),
};
TYPE(meta_v1_list_meta, "meta.v1.ListMeta", list_meta_fields);

static const struct schema_field status_cause_fields[] = {
	ONE(STRING, "reason", 1, 0),
	ONE(STRING, "message", 2, 0),
	ONE(STRING, "field", 3, 0),
};
TYPE(meta_v1_status_cause, "meta.v1.StatusCause", status_cause_fields);

static const struct schema_field status_details_fields[] = {
	ONE(STRING, "name", 1, 0),
	ONE(STRING, "group", 2, 0),
	ONE(STRING, "kind", 3, 0),
	ONE(STRING, "uid", 6, 0),
	REFS(meta_v1_status_cause, "causes", 4, ATOMIC),
	ONE(INT32, "retryAfterSeconds", 5, 0),
};
TYPE(meta_v1_status_details, "meta.v1.StatusDetails", status_details_fields);

static const struct schema_field status_fields[] = {
	TYPE_META,
	REF(meta_v1_list_meta, "metadata", 1, ALWAYS),
	ONE(STRING, "status", 2, 0),
	ONE(STRING, "message", 3, 0),
	ONE(STRING, "reason", 4, 0),
	REF(meta_v1_status_details, "details", 5, PTR),
	ONE(INT32, "code", 6, 0),
};
TYPE(meta_v1_status, "meta.v1.Status", status_fields);

static const struct schema_field owner_reference_fields[] = {
	ONE(STRING, "apiVersion", 5, REQUIRED | ALWAYS),
	ONE(STRING, "kind", 1, REQUIRED | ALWAYS),
	ONE(STRING, "name", 3, REQUIRED | ALWAYS),
	ONE(STRING, "uid", 4, REQUIRED | ALWAYS),
	ONE(BOOL, "controller", 6, PTR),
	ONE(BOOL, "blockOwnerDeletion", 7, PTR),
};
TYPE(meta_v1_owner_reference, "meta.v1.OwnerReference", owner_reference_fields, .atomic = true);

static const struct schema_field managed_fields_entry_fields[] = {
	ONE(STRING, "manager", 1, 0),	  ONE(STRING, "operation", 2, 0),
	ONE(STRING, "apiVersion", 3, 0),  ONE(TIME, "time", 4, PTR),
	ONE(STRING, "fieldsType", 6, 0),  ONE(RAW_OBJECT, "fieldsV1", 7, PTR),
	ONE(STRING, "subresource", 8, 0),
};
TYPE(meta_v1_managed_fields_entry, "meta.v1.ManagedFieldsEntry", managed_fields_entry_fields);

static const struct schema_field object_meta_fields[] = {
	ONE(STRING, "name", 1, 0),
	ONE(STRING, "generateName", 2, 0),
	ONE(STRING, "namespace", 3, 0),
	ONE(STRING, "selfLink", 4, 0),
	ONE(STRING, "uid", 5, 0),
	ONE(STRING, "resourceVersion", 6, 0),
	ONE(INT64, "generation", 7, 0),
	ONE(TIME, "creationTimestamp", 8, 0),
	ONE(TIME, "deletionTimestamp", 9, PTR),
	ONE(INT64, "deletionGracePeriodSeconds", 10, PTR),
	MAP(STRING, "labels", 11, 0),
	MAP(STRING, "annotations", 12, 0),
	REFS(meta_v1_owner_reference, "ownerReferences", 13, KEYED("uid")),
	LIST(STRING, "finalizers", 14, SET | MERGE),
	REFS(meta_v1_managed_fields_entry, "managedFields", 17, ATOMIC),
};
TYPE(meta_v1_object_meta, "meta.v1.ObjectMeta", object_meta_fields);

static const struct schema_field condition_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS),
	ONE(STRING, "status", 2, REQUIRED | ALWAYS),
	ONE(INT64, "observedGeneration", 3, 0),
	ONE(TIME, "lastTransitionTime", 4, REQUIRED | ALWAYS),
	ONE(STRING, "reason", 5, REQUIRED | ALWAYS),
	ONE(STRING, "message", 6, REQUIRED | ALWAYS),
};
TYPE(meta_v1_condition, "meta.v1.Condition", condition_fields);

static const struct schema_field label_selector_requirement_fields[] = {
	ONE(STRING, "key", 1, REQUIRED | ALWAYS),
	ONE(STRING, "operator", 2, REQUIRED | ALWAYS),
	LIST(STRING, "values", 3, ATOMIC),
};
TYPE(meta_v1_label_selector_requirement, "meta.v1.LabelSelectorRequirement",
     label_selector_requirement_fields);

static const struct schema_field label_selector_fields[] = {
	MAP(STRING, "matchLabels", 1, 0),
	REFS(meta_v1_label_selector_requirement, "matchExpressions", 2, ATOMIC),
};
TYPE(meta_v1_label_selector, "meta.v1.LabelSelector", label_selector_fields, .atomic = true,
     .check = label_selector_check);

static const struct schema_field field_selector_requirement_fields[] = {
	ONE(STRING, "key", 1, REQUIRED | ALWAYS),
	ONE(STRING, "operator", 2, REQUIRED | ALWAYS),
	LIST(STRING, "values", 3, ATOMIC),
};
TYPE(meta_v1_field_selector_requirement, "meta.v1.FieldSelectorRequirement",
     field_selector_requirement_fields);
