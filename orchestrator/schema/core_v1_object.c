/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: Namespace, ConfigMap, Secret, ServiceAccount, Event, Binding and references. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field namespace_spec_fields[] = {
	LIST(STRING, "finalizers", 1, ATOMIC),
};
TYPE(core_v1_namespace_spec, "core.v1.NamespaceSpec", namespace_spec_fields);

static const struct schema_field namespace_condition_fields[] = {
	ONE(STRING, "type", 1, REQUIRED | ALWAYS),
	ONE(STRING, "status", 2, REQUIRED | ALWAYS),
	ONE(TIME, "lastTransitionTime", 4, ALWAYS),
	ONE(STRING, "reason", 5, 0),
	ONE(STRING, "message", 6, 0),
};
TYPE(core_v1_namespace_condition, "core.v1.NamespaceCondition", namespace_condition_fields);

static const struct schema_field namespace_status_fields[] = {
	ONE(STRING, "phase", 1, 0, DEFAULT_STR("Active"), ENUM("Active", "Terminating")),
	REFS(core_v1_namespace_condition, "conditions", 2, KEYED("type")),
};
TYPE(core_v1_namespace_status, "core.v1.NamespaceStatus", namespace_status_fields);

static const struct schema_field namespace_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_namespace_spec, "spec", 2, ALWAYS),
	REF(core_v1_namespace_status, "status", 3, ALWAYS),
};
TYPE(core_v1_namespace, "core.v1.Namespace", namespace_fields);

static const struct schema_field object_reference_fields[] = {
	ONE(STRING, "kind", 1, 0),	 ONE(STRING, "namespace", 2, 0),
	ONE(STRING, "name", 3, 0),	 ONE(STRING, "uid", 4, 0),
	ONE(STRING, "apiVersion", 5, 0), ONE(STRING, "resourceVersion", 6, 0),
	ONE(STRING, "fieldPath", 7, 0),
};
TYPE(core_v1_object_reference, "core.v1.ObjectReference", object_reference_fields, .atomic = true);

static const struct schema_field event_source_fields[] = {
	ONE(STRING, "component", 1, 0),
	ONE(STRING, "host", 2, 0),
};
TYPE(core_v1_event_source, "core.v1.EventSource", event_source_fields);

static const struct schema_field event_series_fields[] = {
	ONE(INT32, "count", 1, 0),
	ONE(MICROTIME, "lastObservedTime", 2, ALWAYS),
};
TYPE(core_v1_event_series, "core.v1.EventSeries", event_series_fields);

static const struct schema_field event_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, REQUIRED | ALWAYS),
	REF(core_v1_object_reference, "involvedObject", 2, REQUIRED | ALWAYS),
	ONE(STRING, "reason", 3, 0),
	ONE(STRING, "message", 4, 0),
	REF(core_v1_event_source, "source", 5, ALWAYS),
	ONE(TIME, "firstTimestamp", 6, ALWAYS),
	ONE(TIME, "lastTimestamp", 7, ALWAYS),
	ONE(INT32, "count", 8, 0),
	ONE(STRING, "type", 9, 0),
	ONE(MICROTIME, "eventTime", 10, ALWAYS),
	REF(core_v1_event_series, "series", 11, PTR),
	ONE(STRING, "action", 12, 0),
	REF(core_v1_object_reference, "related", 13, PTR),
	ONE(STRING, "reportingComponent", 14, ALWAYS),
	ONE(STRING, "reportingInstance", 15, ALWAYS),
};
TYPE(core_v1_event, "core.v1.Event", event_fields);

static const struct schema_field config_map_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	ONE(BOOL, "immutable", 4, PTR),
	MAP(STRING, "data", 2, 0),
	MAP(BYTES, "binaryData", 3, 0),
};
TYPE(core_v1_config_map, "core.v1.ConfigMap", config_map_fields);

static const struct schema_field secret_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	ONE(BOOL, "immutable", 5, PTR),
	MAP(BYTES, "data", 2, 0),
	MAP(STRING, "stringData", 4, 0),
	ONE(STRING, "type", 3, 0, DEFAULT_STR("Opaque")),
};
TYPE(core_v1_secret, "core.v1.Secret", secret_fields);

static const struct schema_field local_object_reference_fields[] = {
	ONE(STRING, "name", 1, 0),
};
TYPE(core_v1_local_object_reference, "core.v1.LocalObjectReference", local_object_reference_fields,
     .atomic = true);

static const struct schema_field service_account_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REFS(core_v1_object_reference, "secrets", 2, KEYED("name")),
	REFS(core_v1_local_object_reference, "imagePullSecrets", 3, ATOMIC),
	ONE(BOOL, "automountServiceAccountToken", 4, PTR),
};
TYPE(core_v1_service_account, "core.v1.ServiceAccount", service_account_fields);

static const struct schema_field binding_fields[] = {
	TYPE_META,
	REF(meta_v1_object_meta, "metadata", 1, ALWAYS),
	REF(core_v1_object_reference, "target", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_binding, "core.v1.Binding", binding_fields);
