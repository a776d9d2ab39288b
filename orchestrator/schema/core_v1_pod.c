/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: Pod. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field se_linux_options_fields[] = {
	ONE(STRING, "user", 1, 0),
	ONE(STRING, "role", 2, 0),
	ONE(STRING, "type", 3, 0),
	ONE(STRING, "level", 4, 0),
};
TYPE(core_v1_se_linux_options, "core.v1.SELinuxOptions", se_linux_options_fields);

static const struct schema_field windows_security_context_options_fields[] = {
	ONE(STRING, "gmsaCredentialSpecName", 1, PTR),
	ONE(STRING, "gmsaCredentialSpec", 2, PTR),
	ONE(STRING, "runAsUserName", 3, PTR),
	ONE(BOOL, "hostProcess", 4, PTR),
};
TYPE(core_v1_windows_security_context_options, "core.v1.WindowsSecurityContextOptions",
     windows_security_context_options_fields);

static const struct schema_field sysctl_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "value", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_sysctl, "core.v1.Sysctl", sysctl_fields);

static const struct schema_field seccomp_profile_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS,
	    ENUM("Localhost", "RuntimeDefault", "Unconfined")),
	ONE(STRING, "localhostProfile", 2, PTR),
};
TYPE(core_v1_seccomp_profile, "core.v1.SeccompProfile", seccomp_profile_fields,
     .check = seccomp_profile_check);

static const struct schema_field app_armor_profile_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS,
	    ENUM("Localhost", "RuntimeDefault", "Unconfined")),
	ONE(STRING, "localhostProfile", 2, PTR),
};
TYPE(core_v1_app_armor_profile, "core.v1.AppArmorProfile", app_armor_profile_fields,
     .check = app_armor_profile_check);

static const struct schema_field pod_security_context_fields[] = {
	REF(core_v1_se_linux_options, "seLinuxOptions", 1, PTR),
	REF(core_v1_windows_security_context_options, "windowsOptions", 8, PTR),
	ONE(INT64, "runAsUser", 2, PTR, USER_ID),
	ONE(INT64, "runAsGroup", 6, PTR, USER_ID),
	ONE(BOOL, "runAsNonRoot", 3, PTR),
	LIST(INT64, "supplementalGroups", 4, ATOMIC, USER_ID),
	ONE(STRING, "supplementalGroupsPolicy", 12, PTR, ENUM("Merge", "Strict")),
	ONE(INT64, "fsGroup", 5, PTR, USER_ID),
	REFS(core_v1_sysctl, "sysctls", 7, ATOMIC),
	ONE(STRING, "fsGroupChangePolicy", 9, PTR, ENUM("Always", "OnRootMismatch"),
	    ONE_OF("Always", "OnRootMismatch")),
	REF(core_v1_seccomp_profile, "seccompProfile", 10, PTR),
	REF(core_v1_app_armor_profile, "appArmorProfile", 11, PTR),
	ONE(STRING, "seLinuxChangePolicy", 13, PTR),
};
TYPE(core_v1_pod_security_context, "core.v1.PodSecurityContext", pod_security_context_fields,
     .check = pod_security_check);

static const struct schema_field host_alias_fields[] = {
	ONE(STRING, "ip", 1, REQUIRED | ALWAYS, RULE(rule_ip)),
	LIST(STRING, "hostnames", 2, ATOMIC, RULE(rule_subdomain)),
};
TYPE(core_v1_host_alias, "core.v1.HostAlias", host_alias_fields);

static const struct schema_field pod_dns_config_option_fields[] = {
	ONE(STRING, "name", 1, 0),
	ONE(STRING, "value", 2, PTR),
};
TYPE(core_v1_pod_dns_config_option, "core.v1.PodDNSConfigOption", pod_dns_config_option_fields);

static const struct schema_field pod_dns_config_fields[] = {
	LIST(STRING, "nameservers", 1, ATOMIC, RULE(rule_ip)),
	LIST(STRING, "searches", 2, ATOMIC, RULE(rule_search_domain)),
	REFS(core_v1_pod_dns_config_option, "options", 3, ATOMIC),
};
TYPE(core_v1_pod_dns_config, "core.v1.PodDNSConfig", pod_dns_config_fields,
     .check = pod_dns_config_check);

static const struct schema_field pod_readiness_gate_fields[] = {
	ONE(STRING, "conditionType", 1, REQUIRED | ALWAYS, RULE(rule_qualified_name)),
};
TYPE(core_v1_pod_readiness_gate, "core.v1.PodReadinessGate", pod_readiness_gate_fields);

static const struct schema_field pod_os_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_pod_os, "core.v1.PodOS", pod_os_fields, .check = pod_os_check);

static const struct schema_field pod_scheduling_gate_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_pod_scheduling_gate, "core.v1.PodSchedulingGate", pod_scheduling_gate_fields);

static const struct schema_field pod_resource_claim_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "resourceClaimName", 3, PTR),
	ONE(STRING, "resourceClaimTemplateName", 4, PTR),
};
TYPE(core_v1_pod_resource_claim, "core.v1.PodResourceClaim", pod_resource_claim_fields);

static const struct schema_field pod_scheduling_group_fields[] = {
	ONE(STRING, "podGroupName", 1, PTR),
};
TYPE(core_v1_pod_scheduling_group, "core.v1.PodSchedulingGroup", pod_scheduling_group_fields);

static const struct schema_field eviction_responder_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(INT32, "priority", 2, REQUIRED | ALWAYS | PTR),
};
TYPE(core_v1_eviction_responder, "core.v1.EvictionResponder", eviction_responder_fields,
     .atomic = true);

static const struct schema_field pod_spec_fields[] = {
	REFS(core_v1_volume, "volumes", 1, RETAIN_KEYS | KEYED("name")),
	REFS(core_v1_container, "initContainers", 20, KEYED("name")),
	REFS(core_v1_container, "containers", 2, NEEDED | REQUIRED | ALWAYS | KEYED("name")),
	REFS(core_v1_ephemeral_container, "ephemeralContainers", 34, KEYED("name")),
	ONE(STRING, "restartPolicy", 3, 0, DEFAULT_STR("Always"),
	    ENUM("Always", "Never", "OnFailure"), ONE_OF("Always", "OnFailure", "Never")),
	ONE(INT64, "terminationGracePeriodSeconds", 4, PTR),
	ONE(INT64, "activeDeadlineSeconds", 5, PTR,
	    RANGE(1, INT32_MAX, "must be between 1 and 2147483647, inclusive")),
	ONE(STRING, "dnsPolicy", 6, 0, DEFAULT_STR("ClusterFirst"),
	    ENUM("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
	    ONE_OF("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
	MAP(STRING, "nodeSelector", 7, MAP_ATOMIC),
	ONE(STRING, "serviceAccountName", 8, 0, RULE(rule_subdomain)),
	ONE(STRING, "serviceAccount", 9, 0),
	ONE(BOOL, "automountServiceAccountToken", 21, PTR),
	ONE(STRING, "nodeName", 10, 0, RULE(rule_subdomain)),
	ONE(BOOL, "hostNetwork", 11, 0),
	ONE(BOOL, "hostPID", 12, 0),
	ONE(BOOL, "hostIPC", 13, 0),
	ONE(BOOL, "shareProcessNamespace", 27, PTR),
	REF(core_v1_pod_security_context, "securityContext", 14, PTR),
	REFS(core_v1_local_object_reference, "imagePullSecrets", 15, KEYED("name")),
	ONE(STRING, "hostname", 16, 0, RULE(rule_label)),
	ONE(STRING, "subdomain", 17, 0, RULE(rule_label)),
	REF(core_v1_affinity, "affinity", 18, PTR),
	ONE(STRING, "schedulerName", 19, 0, DEFAULT_STR("default-scheduler")),
	REFS(core_v1_toleration, "tolerations", 22, ATOMIC),
	REFS(core_v1_host_alias, "hostAliases", 23, KEYED("ip")),
	ONE(STRING, "priorityClassName", 24, 0, RULE(rule_subdomain)),
	ONE(INT32, "priority", 25, PTR),
	REF(core_v1_pod_dns_config, "dnsConfig", 26, PTR),
	REFS(core_v1_pod_readiness_gate, "readinessGates", 28, ATOMIC),
	ONE(STRING, "runtimeClassName", 29, PTR, RULE(rule_subdomain)),
	ONE(BOOL, "enableServiceLinks", 30, PTR),
	ONE(STRING, "preemptionPolicy", 31, PTR, ENUM_ONLY("Never", "PreemptLowerPriority")),
	MAP(QUANTITY, "overhead", 32, 0),
	REFS(core_v1_topology_spread_constraint, "topologySpreadConstraints", 33,
	     KEYED_BY("topologyKey", "topologyKey,whenUnsatisfiable")),
	ONE(BOOL, "setHostnameAsFQDN", 35, PTR),
	REF(core_v1_pod_os, "os", 36, PTR),
	ONE(BOOL, "hostUsers", 37, PTR),
	REFS(core_v1_pod_scheduling_gate, "schedulingGates", 38, KEYED("name")),
	REFS(core_v1_pod_resource_claim, "resourceClaims", 39, RETAIN_KEYS | KEYED("name")),
	REF(core_v1_resource_requirements, "resources", 40, PTR),
	ONE(STRING, "hostnameOverride", 41, PTR),
	REF(core_v1_pod_scheduling_group, "schedulingGroup", 43, PTR | GATED_OFF),
	REFS(core_v1_eviction_responder, "evictionResponders", 44, GATED_OFF | KEYED("name")),
};
TYPE(core_v1_pod_spec, "core.v1.PodSpec", pod_spec_fields, .check = pod_spec_check);

static const struct schema_field pod_condition_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS),
	ONE(INT64, "observedGeneration", 7, 0),
	ONE(STRING, "status", 2, REQUIRED | ALWAYS),
	ONE(TIME, "lastProbeTime", 3, ALWAYS),
	ONE(TIME, "lastTransitionTime", 4, ALWAYS),
	ONE(STRING, "reason", 5, 0),
	ONE(STRING, "message", 6, 0),
};
TYPE(core_v1_pod_condition, "core.v1.PodCondition", pod_condition_fields);

static const struct schema_field host_ip_fields[] = {
	ONE(STRING, "ip", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_host_ip, "core.v1.HostIP", host_ip_fields);

static const struct schema_field pod_ip_fields[] = {
	ONE(STRING, "ip", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_pod_ip, "core.v1.PodIP", pod_ip_fields);

static const struct schema_field pod_resource_claim_status_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "resourceClaimName", 2, PTR),
};
TYPE(core_v1_pod_resource_claim_status, "core.v1.PodResourceClaimStatus",
     pod_resource_claim_status_fields);

static const struct schema_field container_extended_resource_request_fields[] = {
	ONE(STRING, "containerName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "resourceName", 2, REQUIRED | ALWAYS),
	ONE(STRING, "requestName", 3, REQUIRED | ALWAYS),
};
TYPE(core_v1_container_extended_resource_request, "core.v1.ContainerExtendedResourceRequest",
     container_extended_resource_request_fields);

static const struct schema_field pod_extended_resource_claim_status_fields[] = {
	REFS(core_v1_container_extended_resource_request, "requestMappings", 1,
	     REQUIRED | ALWAYS | ATOMIC),
	ONE(STRING, "resourceClaimName", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_pod_extended_resource_claim_status, "core.v1.PodExtendedResourceClaimStatus",
     pod_extended_resource_claim_status_fields);

static const struct schema_field pod_status_fields[] = {
	ONE(INT64, "observedGeneration", 17, 0),
	ONE(STRING, "phase", 1, 0, ENUM("Failed", "Pending", "Running", "Succeeded", "Unknown")),
	REFS(core_v1_pod_condition, "conditions", 2, KEYED("type")),
	ONE(STRING, "message", 3, 0),
	ONE(STRING, "reason", 4, 0),
	ONE(STRING, "nominatedNodeName", 11, 0),
	ONE(STRING, "hostIP", 5, 0),
	REFS(core_v1_host_ip, "hostIPs", 16, ATOMIC | MERGE_BY("ip")),
	ONE(STRING, "podIP", 6, 0),
	REFS(core_v1_pod_ip, "podIPs", 12, KEYED("ip")),
	ONE(TIME, "startTime", 7, PTR),
	REFS(core_v1_container_status, "initContainerStatuses", 10, ATOMIC),
	REFS(core_v1_container_status, "containerStatuses", 8, ATOMIC),
	ONE(STRING, "qosClass", 9, 0, ENUM("BestEffort", "Burstable", "Guaranteed")),
	REFS(core_v1_container_status, "ephemeralContainerStatuses", 13, ATOMIC),
	ONE(STRING, "resize", 14, 0),
	REFS(core_v1_pod_resource_claim_status, "resourceClaimStatuses", 15,
	     RETAIN_KEYS | KEYED("name")),
	REF(core_v1_pod_extended_resource_claim_status, "extendedResourceClaimStatus", 18, PTR),
	MAP(QUANTITY, "allocatedResources", 19, 0),
	REF(core_v1_resource_requirements, "resources", 20, PTR),
	REFS(core_v1_node_allocatable_resource_claim_status, "nodeAllocatableResourceClaimStatuses",
	     21, GATED_OFF | KEYED("resourceClaimName")),
	REFS(core_v1_pod_volume_health, "volumeHealth", 22, GATED_OFF | LIST_KEYS("name")),
};
TYPE(core_v1_pod_status, "core.v1.PodStatus", pod_status_fields);

static const struct schema_field pod_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_pod_spec, "spec", 2, ALWAYS),
	REF(core_v1_pod_status, "status", 3, ALWAYS),
};
TYPE(core_v1_pod, "core.v1.Pod", pod_fields);

static const struct schema_field pod_template_spec_fields[] = {
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_pod_spec, "spec", 2, ALWAYS),
};
TYPE(core_v1_pod_template_spec, "core.v1.PodTemplateSpec", pod_template_spec_fields,
     .check = pod_template_spec_check);

static const struct schema_field pod_template_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_pod_template_spec, "template", 2, ALWAYS),
};
TYPE(core_v1_pod_template, "core.v1.PodTemplate", pod_template_fields);
