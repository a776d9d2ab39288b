/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: Service and Endpoints. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field service_port_fields[] = {
	ONE(STRING, "name", 1, 0, RULE(rule_label)),
	ONE(STRING, "protocol", 2, 0, DEFAULT_STR("TCP"), ENUM_ONLY("SCTP", "TCP", "UDP")),
	ONE(STRING, "appProtocol", 6, PTR),
	ONE(INT32, "port", 3, REQUIRED | ALWAYS, PORT),
	ONE(INT_OR_STRING, "targetPort", 4, ALWAYS),
	ONE(INT32, "nodePort", 5, 0),
};
TYPE(core_v1_service_port, "core.v1.ServicePort", service_port_fields);

static const struct schema_field client_ip_config_fields[] = {
	ONE(INT32, "timeoutSeconds", 1, PTR,
	    RANGE(1, 86400, "must be greater than 0 and less than 86400")),
};
TYPE(core_v1_client_ip_config, "core.v1.ClientIPConfig", client_ip_config_fields);

static const struct schema_field session_affinity_config_fields[] = {
	REF(core_v1_client_ip_config, "clientIP", 1, PTR),
};
TYPE(core_v1_session_affinity_config, "core.v1.SessionAffinityConfig",
     session_affinity_config_fields);

static const struct schema_field service_spec_fields[] = {
	REFS(core_v1_service_port, "ports", 1, KEYED_BY("port", "port,protocol")),
	MAP(STRING, "selector", 2, MAP_ATOMIC),
	ONE(STRING, "clusterIP", 3, 0),
	LIST(STRING, "clusterIPs", 18, ATOMIC),
	ONE(STRING, "type", 4, 0, DEFAULT_STR("ClusterIP"),
	    ENUM_ONLY("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")),
	LIST(STRING, "externalIPs", 5, ATOMIC, RULE(rule_endpoint_ip)),
	ONE(STRING, "sessionAffinity", 7, 0, DEFAULT_STR("None"), ENUM_ONLY("ClientIP", "None")),
	ONE(STRING, "loadBalancerIP", 8, 0),
	LIST(STRING, "loadBalancerSourceRanges", 9, ATOMIC),
	ONE(STRING, "externalName", 10, 0),
	ONE(STRING, "externalTrafficPolicy", 11, 0, ENUM("Cluster", "Local")),
	ONE(INT32, "healthCheckNodePort", 12, 0),
	ONE(BOOL, "publishNotReadyAddresses", 13, 0),
	REF(core_v1_session_affinity_config, "sessionAffinityConfig", 14, PTR),
	LIST(STRING, "ipFamilies", 19, ATOMIC,
	     ENUM(""
		  "",
		  "IPv4", "IPv6")),
	ONE(STRING, "ipFamilyPolicy", 17, PTR,
	    ENUM("PreferDualStack", "RequireDualStack", "SingleStack")),
	ONE(BOOL, "allocateLoadBalancerNodePorts", 20, PTR),
	ONE(STRING, "loadBalancerClass", 21, PTR),
	ONE(STRING, "internalTrafficPolicy", 22, PTR, ENUM_ONLY("Cluster", "Local")),
	ONE(STRING, "trafficDistribution", 23, PTR),
};
TYPE(core_v1_service_spec, "core.v1.ServiceSpec", service_spec_fields);

static const struct schema_field port_status_fields[] = {
	ONE(INT32, "port", 1, REQUIRED | ALWAYS),
	ONE(STRING, "protocol", 2, REQUIRED | ALWAYS, ENUM("SCTP", "TCP", "UDP")),
	ONE(STRING, "error", 3, PTR),
};
TYPE(core_v1_port_status, "core.v1.PortStatus", port_status_fields);

static const struct schema_field load_balancer_ingress_fields[] = {
	ONE(STRING, "ip", 1, 0),
	ONE(STRING, "hostname", 2, 0),
	ONE(STRING, "ipMode", 3, PTR),
	REFS(core_v1_port_status, "ports", 4, ATOMIC),
};
TYPE(core_v1_load_balancer_ingress, "core.v1.LoadBalancerIngress", load_balancer_ingress_fields);

static const struct schema_field load_balancer_status_fields[] = {
	REFS(core_v1_load_balancer_ingress, "ingress", 1, ATOMIC),
};
TYPE(core_v1_load_balancer_status, "core.v1.LoadBalancerStatus", load_balancer_status_fields);

static const struct schema_field service_status_fields[] = {
	REF(core_v1_load_balancer_status, "loadBalancer", 1, ALWAYS),
	REFS(meta_v1_condition, "conditions", 2, KEYED("type")),
};
TYPE(core_v1_service_status, "core.v1.ServiceStatus", service_status_fields);

static const struct schema_field service_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_service_spec, "spec", 2, ALWAYS),
	REF(core_v1_service_status, "status", 3, ALWAYS),
};
TYPE(core_v1_service, "core.v1.Service", service_fields);

static const struct schema_field endpoint_address_fields[] = {
	ONE(STRING, "ip", 1, NEEDED | REQUIRED | ALWAYS, RULE(rule_endpoint_ip)),
	ONE(STRING, "hostname", 3, 0, RULE(rule_label)),
	ONE(STRING, "nodeName", 4, PTR),
	REF(core_v1_object_reference, "targetRef", 2, PTR),
};
TYPE(core_v1_endpoint_address, "core.v1.EndpointAddress", endpoint_address_fields, .atomic = true);

static const struct schema_field endpoint_port_fields[] = {
	ONE(STRING, "name", 1, 0, RULE(rule_label)),
	ONE(INT32, "port", 2, REQUIRED | ALWAYS, PORT),
	ONE(STRING, "protocol", 3, 0, DEFAULT_STR("TCP"), ENUM_ONLY("SCTP", "TCP", "UDP")),
	ONE(STRING, "appProtocol", 4, PTR),
};
TYPE(core_v1_endpoint_port, "core.v1.EndpointPort", endpoint_port_fields, .atomic = true);

static const struct schema_field endpoint_subset_fields[] = {
	REFS(core_v1_endpoint_address, "addresses", 1, ATOMIC),
	REFS(core_v1_endpoint_address, "notReadyAddresses", 2, ATOMIC),
	REFS(core_v1_endpoint_port, "ports", 3, ATOMIC),
};
TYPE(core_v1_endpoint_subset, "core.v1.EndpointSubset", endpoint_subset_fields);

static const struct schema_field endpoints_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REFS(core_v1_endpoint_subset, "subsets", 2, ATOMIC),
};
TYPE(core_v1_endpoints, "core.v1.Endpoints", endpoints_fields);
