/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: Node. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field taint_fields[] = {
	ONE(STRING, "key", 1, REQUIRED | ALWAYS),
	ONE(STRING, "value", 2, 0),
	ONE(STRING, "effect", 3, REQUIRED | ALWAYS,
	    ENUM("NoExecute", "NoSchedule", "PreferNoSchedule")),
	ONE(TIME, "timeAdded", 4, PTR),
};
TYPE(core_v1_taint, "core.v1.Taint", taint_fields);

static const struct schema_field config_map_node_config_source_fields[] = {
	ONE(STRING, "namespace", 1, REQUIRED | ALWAYS),
	ONE(STRING, "name", 2, REQUIRED | ALWAYS),
	ONE(STRING, "uid", 3, 0),
	ONE(STRING, "resourceVersion", 4, 0),
	ONE(STRING, "kubeletConfigKey", 5, REQUIRED | ALWAYS),
};
TYPE(core_v1_config_map_node_config_source, "core.v1.ConfigMapNodeConfigSource",
     config_map_node_config_source_fields);

static const struct schema_field node_config_source_fields[] = {
	REF(core_v1_config_map_node_config_source, "configMap", 2, PTR),
};
TYPE(core_v1_node_config_source, "core.v1.NodeConfigSource", node_config_source_fields);

static const struct schema_field node_pod_preemption_policy_fields[] = {
	LIST(STRING, "disableResizePreemption", 1, SET),
};
TYPE(core_v1_node_pod_preemption_policy, "core.v1.NodePodPreemptionPolicy",
     node_pod_preemption_policy_fields);

static const struct schema_field node_spec_fields[] = {
	ONE(STRING, "podCIDR", 1, 0),
	LIST(STRING, "podCIDRs", 7, SET | MERGE),
	ONE(STRING, "providerID", 3, 0),
	ONE(BOOL, "unschedulable", 4, 0),
	REFS(core_v1_taint, "taints", 5, ATOMIC),
	REF(core_v1_node_config_source, "configSource", 6, PTR),
	ONE(STRING, "externalID", 2, 0),
	REF(core_v1_node_pod_preemption_policy, "podPreemptionPolicy", 8, PTR | GATED_OFF),
};
TYPE(core_v1_node_spec, "core.v1.NodeSpec", node_spec_fields);

static const struct schema_field node_condition_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS),
	ONE(STRING, "status", 2, REQUIRED | ALWAYS),
	ONE(TIME, "lastHeartbeatTime", 3, ALWAYS),
	ONE(TIME, "lastTransitionTime", 4, ALWAYS),
	ONE(STRING, "reason", 5, 0),
	ONE(STRING, "message", 6, 0),
};
TYPE(core_v1_node_condition, "core.v1.NodeCondition", node_condition_fields);

static const struct schema_field node_address_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS),
	ONE(STRING, "address", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_node_address, "core.v1.NodeAddress", node_address_fields);

static const struct schema_field daemon_endpoint_fields[] = {
	ONE(INT32, "Port", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_daemon_endpoint, "core.v1.DaemonEndpoint", daemon_endpoint_fields);

static const struct schema_field node_daemon_endpoints_fields[] = {
	REF(core_v1_daemon_endpoint, "kubeletEndpoint", 1, ALWAYS),
};
TYPE(core_v1_node_daemon_endpoints, "core.v1.NodeDaemonEndpoints", node_daemon_endpoints_fields);

static const struct schema_field node_swap_status_fields[] = {
	ONE(INT64, "capacity", 1, PTR),
};
TYPE(core_v1_node_swap_status, "core.v1.NodeSwapStatus", node_swap_status_fields);

static const struct schema_field node_system_info_fields[] = {
	ONE(STRING, "machineID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "systemUUID", 2, REQUIRED | ALWAYS),
	ONE(STRING, "bootID", 3, REQUIRED | ALWAYS),
	ONE(STRING, "kernelVersion", 4, REQUIRED | ALWAYS),
	ONE(STRING, "osImage", 5, REQUIRED | ALWAYS),
	ONE(STRING, "containerRuntimeVersion", 6, REQUIRED | ALWAYS),
	ONE(STRING, "kubeletVersion", 7, REQUIRED | ALWAYS),
	ONE(STRING, "kubeProxyVersion", 8, REQUIRED | ALWAYS),
	ONE(STRING, "operatingSystem", 9, REQUIRED | ALWAYS),
	ONE(STRING, "architecture", 10, REQUIRED | ALWAYS),
	REF(core_v1_node_swap_status, "swap", 11, PTR),
	ONE(BOOL, "runningInUserNamespace", 12, PTR),
};
TYPE(core_v1_node_system_info, "core.v1.NodeSystemInfo", node_system_info_fields);

static const struct schema_field container_image_fields[] = {
	LIST(STRING, "names", 1, ALWAYS | ATOMIC),
	ONE(INT64, "sizeBytes", 2, 0),
};
TYPE(core_v1_container_image, "core.v1.ContainerImage", container_image_fields);

static const struct schema_field attached_volume_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "devicePath", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_attached_volume, "core.v1.AttachedVolume", attached_volume_fields);

static const struct schema_field node_config_status_fields[] = {
	REF(core_v1_node_config_source, "assigned", 1, PTR),
	REF(core_v1_node_config_source, "active", 2, PTR),
	REF(core_v1_node_config_source, "lastKnownGood", 3, PTR),
	ONE(STRING, "error", 4, 0),
};
TYPE(core_v1_node_config_status, "core.v1.NodeConfigStatus", node_config_status_fields);

static const struct schema_field node_runtime_handler_features_fields[] = {
	ONE(BOOL, "recursiveReadOnlyMounts", 1, PTR),
	ONE(BOOL, "userNamespaces", 2, PTR),
};
TYPE(core_v1_node_runtime_handler_features, "core.v1.NodeRuntimeHandlerFeatures",
     node_runtime_handler_features_fields);

static const struct schema_field node_runtime_handler_fields[] = {
	ONE(STRING, "name", 1, ALWAYS),
	REF(core_v1_node_runtime_handler_features, "features", 2, PTR),
};
TYPE(core_v1_node_runtime_handler, "core.v1.NodeRuntimeHandler", node_runtime_handler_fields);

static const struct schema_field node_features_fields[] = {
	ONE(BOOL, "supplementalGroupsPolicy", 1, PTR),
};
TYPE(core_v1_node_features, "core.v1.NodeFeatures", node_features_fields);

static const struct schema_field node_status_fields[] = {
	MAP(QUANTITY, "capacity", 1, 0),
	MAP(QUANTITY, "allocatable", 2, 0),
	ONE(STRING, "phase", 3, 0, ENUM("Pending", "Running", "Terminated")),
	REFS(core_v1_node_condition, "conditions", 4, KEYED("type")),
	REFS(core_v1_node_address, "addresses", 5, KEYED("type")),
	REF(core_v1_node_daemon_endpoints, "daemonEndpoints", 6, ALWAYS),
	REF(core_v1_node_system_info, "nodeInfo", 7, ALWAYS),
	REFS(core_v1_container_image, "images", 8, ATOMIC),
	LIST(STRING, "volumesInUse", 9, ATOMIC),
	REFS(core_v1_attached_volume, "volumesAttached", 10, ATOMIC),
	REF(core_v1_node_config_status, "config", 11, PTR),
	REFS(core_v1_node_runtime_handler, "runtimeHandlers", 12, ATOMIC),
	REF(core_v1_node_features, "features", 13, PTR),
	LIST(STRING, "declaredFeatures", 14, ATOMIC),
};
TYPE(core_v1_node_status, "core.v1.NodeStatus", node_status_fields);

static const struct schema_field node_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_node_spec, "spec", 2, ALWAYS),
	REF(core_v1_node_status, "status", 3, ALWAYS),
};
TYPE(core_v1_node, "core.v1.Node", node_fields);

static const struct schema_field node_allocatable_mapped_resources_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(QUANTITY, "quantity", 2, REQUIRED | ALWAYS | PTR),
};
TYPE(core_v1_node_allocatable_mapped_resources, "core.v1.NodeAllocatableMappedResources",
     node_allocatable_mapped_resources_fields);

static const struct schema_field node_allocatable_overhead_resources_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(QUANTITY, "perPod", 2, PTR),
	ONE(QUANTITY, "perContainer", 3, PTR),
};
TYPE(core_v1_node_allocatable_overhead_resources, "core.v1.NodeAllocatableOverheadResources",
     node_allocatable_overhead_resources_fields);

static const struct schema_field node_allocatable_resource_claim_status_fields[] = {
	ONE(STRING, "resourceClaimName", 1, REQUIRED | ALWAYS),
	LIST(STRING, "containers", 2, SET),
	REFS(core_v1_node_allocatable_mapped_resources, "mapping", 4, KEYED("name")),
	REFS(core_v1_node_allocatable_overhead_resources, "overhead", 5, KEYED("name")),
};
TYPE(core_v1_node_allocatable_resource_claim_status, "core.v1.NodeAllocatableResourceClaimStatus",
     node_allocatable_resource_claim_status_fields);
