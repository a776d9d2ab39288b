/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that are served: a row each. */
#include "orchestrator/schema/kinds.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/cells.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

#define READ_VERBS (VERB_GET | VERB_LIST | VERB_WATCH)
#define ALL_VERBS                                                                                  \
	(READ_VERBS | VERB_CREATE | VERB_DELETE | VERB_DELETECOLLECTION | VERB_PATCH | VERB_UPDATE)
#define CHANGE_VERBS (VERB_GET | VERB_PATCH | VERB_UPDATE)
#define PROXY_VERBS  (VERB_CREATE | VERB_DELETE | CHANGE_VERBS)

#define NAMES(kind_, resource_, singular_)                                                         \
	.kind = (kind_), .resource = (resource_), .singular = (singular_),                         \
	.list_kind = (kind_ "List")
/* A kind that is only ever posted: an answer, nothing stored. */
#define REVIEW(kind_, resource_, singular_)                                                        \
	.kind = (kind_), .resource = (resource_), .singular = (singular_), .verbs = VERB_CREATE
#define SUBRESOURCES(...)                                                                          \
	.subresources = (const struct schema_subresource[]){ __VA_ARGS__ },                        \
	.n_subresources = ARRAY_LEN(((const struct schema_subresource[]){ __VA_ARGS__ }))
#define SELECTORS(...)                                                                             \
	.field_selectors = (const char *const[])                                                   \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define STATUS_OF(kind_)                                                                           \
	{                                                                                          \
		.name = "status", .group = "", .version = "v1", .kind = (kind_),                   \
		.verbs = CHANGE_VERBS                                                              \
	}
#define SUB(name_, kind_, verbs_)                                                                  \
	{                                                                                          \
		.name = (name_), .group = "", .version = "v1", .kind = (kind_), .verbs = (verbs_)  \
	}

#define EVICTION                                                                                   \
	{                                                                                          \
		.name = "eviction", .group = "policy", .version = "v1", .kind = "Eviction",        \
		.verbs = VERB_CREATE                                                               \
	}

/* ---- core/v1 ---- */

static const struct schema_kind binding = {
	.group = "",
	.version = "v1",
	REVIEW("Binding", "bindings", "binding"),
	.namespaced = true,
	.type = &core_v1_binding,
};
static const struct schema_kind config_map = {
	.group = "",
	.version = "v1",
	NAMES("ConfigMap", "configmaps", "configmap"),
	.short_names = "cm",
	.storage_hash = "qFsyl6wFWjQ=",
	.namespaced = true,
	.columns = config_map_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_config_map,
	.name_rule = rule_subdomain,
	.validate = config_map_validate,
};
static const struct schema_kind endpoints = {
	.group = "",
	.version = "v1",
	NAMES("Endpoints", "endpoints", "endpoints"),
	.short_names = "ep",
	.storage_hash = "fWeeMqaN/OA=",
	.namespaced = true,
	.put_creates = true,
	.columns = endpoints_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_endpoints,
	.name_rule = rule_subdomain,
	.validate = endpoints_validate,
	.deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 "
		       "EndpointSlice",
};
static const struct schema_kind event = {
	.group = "",
	.version = "v1",
	NAMES("Event", "events", "event"),
	.short_names = "ev",
	.storage_hash = "r2yiGXH7wu8=",
	.namespaced = true,
	.put_creates = true,
	SELECTORS("involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
		  "involvedObject.uid", "involvedObject.apiVersion",
		  "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
		  "reportingComponent", "source", "type"),
	.columns = event_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_event,
	.validate = event_validate,
};
static const struct schema_kind namespace = {
	.group = "",
	.version = "v1",
	NAMES("Namespace", "namespaces", "namespace"),
	.short_names = "ns",
	.storage_hash = "Q3oi5N2YM8M=",
	.has_status = true,
	.delete_returns_object = true,
	SUBRESOURCES(SUB("finalize", "Namespace", VERB_UPDATE), STATUS_OF("Namespace")),
	SELECTORS("status.phase"),
	.columns = namespace_columns,
	.verbs = ALL_VERBS & ~VERB_DELETECOLLECTION,
	.put_unconditional = true,
	.type = &core_v1_namespace,
	.name_rule = rule_label,
	.set_defaults = namespace_defaults,
	.validate = namespace_validate,
};
static const struct schema_kind node = {
	.group = "",
	.version = "v1",
	NAMES("Node", "nodes", "node"),
	.short_names = "no",
	.storage_hash = "XwShjMxG9Fs=",
	.has_status = true,
	.status_on_create = true,
	SUBRESOURCES(SUB("proxy", "NodeProxyOptions", PROXY_VERBS), STATUS_OF("Node")),
	SELECTORS("spec.unschedulable"),
	.columns = node_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_node,
	.name_rule = rule_subdomain,
	.set_defaults = node_defaults,
	.validate = node_validate,
};
static const struct schema_kind pod = {
	.group = "",
	.version = "v1",
	NAMES("Pod", "pods", "pod"),
	.short_names = "po",
	.categories = "all",
	.storage_hash = "xPOwRZ+Yhw8=",
	.namespaced = true,
	.has_status = true,
	.has_generation = true,
	.delete_returns_object = true,
	SUBRESOURCES(SUB("attach", "PodAttachOptions", VERB_CREATE | VERB_GET),
		     SUB("binding", "Binding", VERB_CREATE), EVICTION,
		     SUB("exec", "PodExecOptions", VERB_CREATE | VERB_GET),
		     SUB("log", "Pod", VERB_GET),
		     SUB("portforward", "PodPortForwardOptions", VERB_CREATE | VERB_GET),
		     SUB("proxy", "PodProxyOptions", PROXY_VERBS), STATUS_OF("Pod")),
	SELECTORS("spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
		  "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP",
		  "status.podIPs", "status.nominatedNodeName"),
	.columns = pod_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_pod,
	.name_rule = rule_subdomain,
	.set_defaults = pod_defaults,
	.validate = pod_validate,
	.warn = pod_warn,
};
static const struct schema_kind pod_template = {
	.group = "",
	.version = "v1",
	NAMES("PodTemplate", "podtemplates", "podtemplate"),
	.storage_hash = "LIXB2x4IFpk=",
	.namespaced = true,
	.has_generation = true,
	.delete_returns_object = true,
	.columns = pod_template_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_pod_template,
	.name_rule = rule_subdomain,
	.set_defaults = pod_template_defaults,
	.warn = pod_template_warn,
};
static const struct schema_kind secret = {
	.group = "",
	.version = "v1",
	NAMES("Secret", "secrets", "secret"),
	.storage_hash = "S6u1pOWzb84=",
	.namespaced = true,
	SELECTORS("type"),
	.columns = secret_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_secret,
	.name_rule = rule_subdomain,
	.set_defaults = secret_defaults,
	.validate = secret_validate,
};
static const struct schema_kind service_account = {
	.group = "",
	.version = "v1",
	NAMES("ServiceAccount", "serviceaccounts", "serviceaccount"),
	.short_names = "sa",
	.storage_hash = "pbx9ZvyFpBE=",
	.namespaced = true,
	.delete_returns_object = true,
	SUBRESOURCES({ .name = "token",
		       .group = "authentication.k8s.io",
		       .version = "v1",
		       .kind = "TokenRequest",
		       .verbs = VERB_CREATE }),
	.columns = service_account_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_service_account,
	.name_rule = rule_subdomain,
};
static const struct schema_kind service = {
	.group = "",
	.version = "v1",
	NAMES("Service", "services", "service"),
	.short_names = "svc",
	.categories = "all",
	.storage_hash = "0/CO1lhkEBI=",
	.namespaced = true,
	.has_status = true,
	.put_creates = true,
	.delete_returns_object = true,
	SUBRESOURCES(SUB("proxy", "ServiceProxyOptions", PROXY_VERBS), STATUS_OF("Service")),
	SELECTORS("spec.clusterIP", "spec.type"),
	.columns = service_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &core_v1_service,
	.name_rule = rule_label,
	.set_defaults = service_defaults,
	.validate = service_validate,
	.warn = service_warn,
};

/* ---- other groups ---- */

static const struct schema_kind self_subject_review = {
	.group = "authentication.k8s.io",
	.version = "v1",
	REVIEW("SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview"),
	.type = &authentication_v1_self_subject_review,
};
static const struct schema_kind token_review = {
	.group = "authentication.k8s.io",
	.version = "v1",
	REVIEW("TokenReview", "tokenreviews", "tokenreview"),
	.type = &authentication_v1_token_review,
};
static const struct schema_kind self_subject_access_review = {
	.group = "authorization.k8s.io",
	.version = "v1",
	REVIEW("SelfSubjectAccessReview", "selfsubjectaccessreviews", "selfsubjectaccessreview"),
	.type = &authorization_v1_self_subject_access_review,
};
static const struct schema_kind lease = {
	.group = "coordination.k8s.io",
	.version = "v1",
	NAMES("Lease", "leases", "lease"),
	.storage_hash = "gqkMMb/YqFM=",
	.namespaced = true,
	.put_creates = true,
	.columns = lease_columns,
	.verbs = ALL_VERBS,
	.type = &coordination_v1_lease,
	.name_rule = rule_subdomain,
};
static const struct schema_kind endpoint_slice = {
	.group = "discovery.k8s.io",
	.version = "v1",
	NAMES("EndpointSlice", "endpointslices", "endpointslice"),
	.storage_hash = "qgS0xkrxYAI=",
	.namespaced = true,
	.has_generation = true,
	.columns = endpoint_slice_columns,
	.verbs = ALL_VERBS,
	.put_unconditional = true,
	.type = &discovery_v1_endpoint_slice,
	.name_rule = rule_subdomain,
	.validate = endpoint_slice_validate,
};

const struct schema_kind *const schema_kinds[] = {
	&binding,      &config_map,
	&endpoints,    &event,
	&namespace,    &node,
	&pod,	       &pod_template,
	&secret,       &service_account,
	&service,      &self_subject_review,
	&token_review, &self_subject_access_review,
	&lease,	       &endpoint_slice,
};
const size_t schema_n_kinds = ARRAY_LEN(schema_kinds);

const struct schema_group schema_groups[] = {
	{ "", "v1" },
	{ "authentication.k8s.io", "v1" },
	{ "authorization.k8s.io", "v1" },
	{ "coordination.k8s.io", "v1" },
	{ "discovery.k8s.io", "v1" },
};
const size_t schema_n_groups = ARRAY_LEN(schema_groups);

/* Kinds that are no resource of their own. Groups of meta.v1: each serves them. */
static const struct {
	const char *group, *version, *kind;
	const struct schema_type *type;
} other_kinds[] = {
	{ "authentication.k8s.io", "v1", "TokenRequest", &authentication_v1_token_request },
	{ NULL, "v1", "DeleteOptions", &meta_v1_delete_options },
	{ "policy", "v1", "Eviction", &policy_v1_eviction },
	{ "", "v1", "Status", &meta_v1_status },
};

const struct schema_kind *schema_kind_of_resource(const char *group, const char *version,
						  const char *resource)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];

		if (strcmp(kind->resource, resource) == 0 && strcmp(kind->group, group) == 0 &&
		    strcmp(kind->version, version) == 0)
			return kind;
	}
	return NULL;
}

const struct schema_kind *schema_kind_of_kind(const char *group, const char *version,
					      const char *name)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];

		if (strcmp(kind->kind, name) == 0 && strcmp(kind->group, group) == 0 &&
		    strcmp(kind->version, version) == 0)
			return kind;
	}
	return NULL;
}

const struct schema_type *schema_type_of_kind(const char *group, const char *version,
					      const char *name)
{
	const struct schema_kind *kind = schema_kind_of_kind(group, version, name);

	for (size_t i = 0; !kind && i < ARRAY_LEN(other_kinds); i++)
		if (strcmp(other_kinds[i].kind, name) == 0 &&
		    strcmp(other_kinds[i].version, version) == 0 &&
		    (!other_kinds[i].group || strcmp(other_kinds[i].group, group) == 0))
			return other_kinds[i].type;
	return kind ? kind->type : NULL;
}

const char *schema_api_version(const struct schema_kind *kind, char *text, size_t size)
{
	(void)snprintf(text, size, "%s%s%s", kind->group, *kind->group ? "/" : "", kind->version);
	return text;
}
