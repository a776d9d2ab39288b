/* SPDX-License-Identifier: Apache-2.0 */
/* authentication.k8s.io/v1: reviews and tokens. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field bound_object_reference_fields[] = {
	TYPE_META,
	ONE(STRING, "name", 3, 0),
	ONE(STRING, "uid", 4, 0),
};
TYPE(authentication_v1_bound_object_reference, "authentication.v1.BoundObjectReference",
     bound_object_reference_fields);

static const struct schema_field token_request_spec_fields[] = {
	LIST(STRING, "audiences", 1, ALWAYS | ATOMIC),
	ONE(INT64, "expirationSeconds", 4, ALWAYS | PTR, DEFAULT("3600")),
	REF(authentication_v1_bound_object_reference, "boundObjectRef", 3, ALWAYS | PTR),
	MAP(STRINGS, "attestations", 5, 0),
};
TYPE(authentication_v1_token_request_spec, "authentication.v1.TokenRequestSpec",
     token_request_spec_fields);

static const struct schema_field token_request_status_fields[] = {
	ONE(STRING, "token", 1, ALWAYS),
	ONE(TIME, "expirationTimestamp", 2, ALWAYS),
};
TYPE(authentication_v1_token_request_status, "authentication.v1.TokenRequestStatus",
     token_request_status_fields);

static const struct schema_field token_request_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(authentication_v1_token_request_spec, "spec", 2, ALWAYS),
	REF(authentication_v1_token_request_status, "status", 3, ALWAYS),
};
TYPE(authentication_v1_token_request, "authentication.v1.TokenRequest", token_request_fields);

static const struct schema_field token_review_spec_fields[] = {
	ONE(STRING, "token", 1, REQUIRED),
	LIST(STRING, "audiences", 2, ATOMIC),
};
TYPE(authentication_v1_token_review_spec, "authentication.v1.TokenReviewSpec",
     token_review_spec_fields);

static const struct schema_field user_info_fields[] = {
	ONE(STRING, "username", 1, 0),
	ONE(STRING, "uid", 2, 0),
	LIST(STRING, "groups", 3, ATOMIC),
	MAP(STRINGS, "extra", 4, 0),
};
TYPE(authentication_v1_user_info, "authentication.v1.UserInfo", user_info_fields);

static const struct schema_field token_review_status_fields[] = {
	ONE(BOOL, "authenticated", 1, 0),
	REF(authentication_v1_user_info, "user", 2, ALWAYS),
	LIST(STRING, "audiences", 4, ATOMIC),
	ONE(STRING, "error", 3, 0),
};
TYPE(authentication_v1_token_review_status, "authentication.v1.TokenReviewStatus",
     token_review_status_fields);

static const struct schema_field token_review_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(authentication_v1_token_review_spec, "spec", 2, REQUIRED | ALWAYS),
	REF(authentication_v1_token_review_status, "status", 3, ALWAYS),
};
TYPE(authentication_v1_token_review, "authentication.v1.TokenReview", token_review_fields);

static const struct schema_field self_subject_review_status_fields[] = {
	REF(authentication_v1_user_info, "userInfo", 1, ALWAYS),
};
TYPE(authentication_v1_self_subject_review_status, "authentication.v1.SelfSubjectReviewStatus",
     self_subject_review_status_fields);

static const struct schema_field self_subject_review_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(authentication_v1_self_subject_review_status, "status", 2, ALWAYS),
};
TYPE(authentication_v1_self_subject_review, "authentication.v1.SelfSubjectReview",
     self_subject_review_fields);
