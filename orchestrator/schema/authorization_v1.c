/* SPDX-License-Identifier: Apache-2.0 */
/* authorization.k8s.io/v1: access reviews. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field field_selector_attributes_fields[] = {
	ONE(STRING, "rawSelector", 1, 0),
	REFS(meta_v1_field_selector_requirement, "requirements", 2, ATOMIC),
};
TYPE(authorization_v1_field_selector_attributes, "authorization.v1.FieldSelectorAttributes",
     field_selector_attributes_fields);

static const struct schema_field label_selector_attributes_fields[] = {
	ONE(STRING, "rawSelector", 1, 0),
	REFS(meta_v1_label_selector_requirement, "requirements", 2, ATOMIC),
};
TYPE(authorization_v1_label_selector_attributes, "authorization.v1.LabelSelectorAttributes",
     label_selector_attributes_fields);

static const struct schema_field resource_attributes_fields[] = {
	ONE(STRING, "namespace", 1, 0),
	ONE(STRING, "verb", 2, 0),
	ONE(STRING, "group", 3, 0),
	ONE(STRING, "version", 4, 0),
	ONE(STRING, "resource", 5, 0),
	ONE(STRING, "subresource", 6, 0),
	ONE(STRING, "name", 7, 0),
	REF(authorization_v1_field_selector_attributes, "fieldSelector", 8, PTR),
	REF(authorization_v1_label_selector_attributes, "labelSelector", 9, PTR),
};
TYPE(authorization_v1_resource_attributes, "authorization.v1.ResourceAttributes",
     resource_attributes_fields);

static const struct schema_field non_resource_attributes_fields[] = {
	ONE(STRING, "path", 1, 0),
	ONE(STRING, "verb", 2, 0),
};
TYPE(authorization_v1_non_resource_attributes, "authorization.v1.NonResourceAttributes",
     non_resource_attributes_fields);

static const struct schema_field self_subject_access_review_spec_fields[] = {
	REF(authorization_v1_resource_attributes, "resourceAttributes", 1, PTR),
	REF(authorization_v1_non_resource_attributes, "nonResourceAttributes", 2, PTR),
};
TYPE(authorization_v1_self_subject_access_review_spec,
     "authorization.v1.SelfSubjectAccessReviewSpec", self_subject_access_review_spec_fields);

static const struct schema_field subject_access_review_status_fields[] = {
	ONE(BOOL, "allowed", 1, REQUIRED | ALWAYS),
	ONE(BOOL, "denied", 4, 0),
	ONE(STRING, "reason", 2, 0),
	ONE(STRING, "evaluationError", 3, 0),
};
TYPE(authorization_v1_subject_access_review_status, "authorization.v1.SubjectAccessReviewStatus",
     subject_access_review_status_fields);

static const struct schema_field self_subject_access_review_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(authorization_v1_self_subject_access_review_spec, "spec", 2, REQUIRED | ALWAYS),
	REF(authorization_v1_subject_access_review_status, "status", 3, ALWAYS),
};
TYPE(authorization_v1_self_subject_access_review, "authorization.v1.SelfSubjectAccessReview",
     self_subject_access_review_fields);
