/* SPDX-License-Identifier: Apache-2.0 */
/* discovery.k8s.io/v1: EndpointSlice. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field endpoint_conditions_fields[] = {
	ONE(BOOL, "ready", 1, PTR),
	ONE(BOOL, "serving", 2, PTR),
	ONE(BOOL, "terminating", 3, PTR),
};
TYPE(discovery_v1_endpoint_conditions, "discovery.v1.EndpointConditions",
     endpoint_conditions_fields);

static const struct schema_field for_zone_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
};
TYPE(discovery_v1_for_zone, "discovery.v1.ForZone", for_zone_fields);

static const struct schema_field for_node_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
};
TYPE(discovery_v1_for_node, "discovery.v1.ForNode", for_node_fields);

static const struct schema_field endpoint_hints_fields[] = {
	REFS(discovery_v1_for_zone, "forZones", 1, ATOMIC),
	REFS(discovery_v1_for_node, "forNodes", 2, ATOMIC),
};
TYPE(discovery_v1_endpoint_hints, "discovery.v1.EndpointHints", endpoint_hints_fields);

static const struct schema_field endpoint_fields[] = {
	LIST(STRING, "addresses", 1, NEEDED | REQUIRED | ALWAYS | SET),
	REF(discovery_v1_endpoint_conditions, "conditions", 2, ALWAYS),
	ONE(STRING, "hostname", 3, PTR),
	REF(core_v1_object_reference, "targetRef", 4, PTR),
	MAP(STRING, "deprecatedTopology", 5, 0),
	ONE(STRING, "nodeName", 6, PTR),
	ONE(STRING, "zone", 7, PTR),
	REF(discovery_v1_endpoint_hints, "hints", 8, PTR),
};
TYPE(discovery_v1_endpoint, "discovery.v1.Endpoint", endpoint_fields);

static const struct schema_field endpoint_port_fields[] = {
	ONE(STRING, "name", 1, PTR, DEFAULT_STR(""), RULE(rule_label)),
	ONE(STRING, "protocol", 2, PTR, DEFAULT_STR("TCP"), ENUM_ONLY("SCTP", "TCP", "UDP")),
	ONE(INT32, "port", 3, PTR, PORT),
	ONE(STRING, "appProtocol", 4, PTR),
};
TYPE(discovery_v1_endpoint_port, "discovery.v1.EndpointPort", endpoint_port_fields, .atomic = true);

static const struct schema_field endpoint_slice_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	ONE(STRING, "addressType", 4, NEEDED | REQUIRED | ALWAYS,
	    ENUM_ONLY("FQDN", "IPv4", "IPv6")),
	REFS(discovery_v1_endpoint, "endpoints", 2, ALWAYS | ATOMIC),
	REFS(discovery_v1_endpoint_port, "ports", 3, ALWAYS | ATOMIC),
};
TYPE(discovery_v1_endpoint_slice, "discovery.v1.EndpointSlice", endpoint_slice_fields);
