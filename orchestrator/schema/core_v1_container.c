/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: Container and what it is made of. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field container_port_fields[] = {
	ONE(STRING, "name", 1, 0, RULE(rule_port_name)),
	ONE(INT32, "hostPort", 2, 0, PORT),
	ONE(INT32, "containerPort", 3, NEEDED | REQUIRED | ALWAYS, PORT),
	ONE(STRING, "protocol", 4, 0, DEFAULT_STR("TCP"), ENUM_ONLY("SCTP", "TCP", "UDP")),
	ONE(STRING, "hostIP", 5, 0),
};
TYPE(core_v1_container_port, "core.v1.ContainerPort", container_port_fields);

static const struct schema_field config_map_env_source_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED, RULE(rule_subdomain)),
	ONE(BOOL, "optional", 2, PTR),
};
TYPE(core_v1_config_map_env_source, "core.v1.ConfigMapEnvSource", config_map_env_source_fields,
     .embeds = "LocalObjectReference");

static const struct schema_field secret_env_source_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED, RULE(rule_subdomain)),
	ONE(BOOL, "optional", 2, PTR),
};
TYPE(core_v1_secret_env_source, "core.v1.SecretEnvSource", secret_env_source_fields,
     .embeds = "LocalObjectReference");

static const struct schema_field env_from_source_fields[] = {
	ONE(STRING, "prefix", 1, 0, RULE(rule_env_name)),
	REF(core_v1_config_map_env_source, "configMapRef", 2, PTR),
	REF(core_v1_secret_env_source, "secretRef", 3, PTR),
};
TYPE(core_v1_env_from_source, "core.v1.EnvFromSource", env_from_source_fields,
     .check = env_from_check);

static const struct schema_field object_field_selector_fields[] = {
	ONE(STRING, "apiVersion", 1, 0, DEFAULT_STR("v1")),
	ONE(STRING, "fieldPath", 2, NEEDED | REQUIRED | ALWAYS),
};
TYPE(core_v1_object_field_selector, "core.v1.ObjectFieldSelector", object_field_selector_fields,
     .atomic = true);

static const struct schema_field resource_field_selector_fields[] = {
	ONE(STRING, "containerName", 1, 0),
	ONE(STRING, "resource", 2, NEEDED | REQUIRED | ALWAYS),
	ONE(QUANTITY, "divisor", 3, ALWAYS),
};
TYPE(core_v1_resource_field_selector, "core.v1.ResourceFieldSelector",
     resource_field_selector_fields, .atomic = true);

static const struct schema_field config_map_key_selector_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED, RULE(rule_subdomain)),
	ONE(STRING, "key", 2, NEEDED | REQUIRED | ALWAYS, RULE(rule_config_key)),
	ONE(BOOL, "optional", 3, PTR),
};
TYPE(core_v1_config_map_key_selector, "core.v1.ConfigMapKeySelector",
     config_map_key_selector_fields, .atomic = true, .embeds = "LocalObjectReference");

static const struct schema_field secret_key_selector_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED, RULE(rule_subdomain)),
	ONE(STRING, "key", 2, NEEDED | REQUIRED | ALWAYS, RULE(rule_config_key)),
	ONE(BOOL, "optional", 3, PTR),
};
TYPE(core_v1_secret_key_selector, "core.v1.SecretKeySelector", secret_key_selector_fields,
     .atomic = true, .embeds = "LocalObjectReference");

static const struct schema_field file_key_selector_fields[] = {
	ONE(STRING, "volumeName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "path", 2, REQUIRED | ALWAYS),
	ONE(STRING, "key", 3, REQUIRED | ALWAYS),
	ONE(BOOL, "optional", 4, PTR, DEFAULT("false")),
};
TYPE(core_v1_file_key_selector, "core.v1.FileKeySelector", file_key_selector_fields,
     .atomic = true);

static const struct schema_field env_var_source_fields[] = {
	REF(core_v1_object_field_selector, "fieldRef", 1, PTR),
	REF(core_v1_resource_field_selector, "resourceFieldRef", 2, PTR),
	REF(core_v1_config_map_key_selector, "configMapKeyRef", 3, PTR),
	REF(core_v1_secret_key_selector, "secretKeyRef", 4, PTR),
	REF(core_v1_file_key_selector, "fileKeyRef", 5, PTR),
};
TYPE(core_v1_env_var_source, "core.v1.EnvVarSource", env_var_source_fields,
     .check = env_var_source_check);

static const struct schema_field env_var_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS, RULE(rule_env_name)),
	ONE(STRING, "value", 2, 0),
	REF(core_v1_env_var_source, "valueFrom", 3, PTR),
};
TYPE(core_v1_env_var, "core.v1.EnvVar", env_var_fields, .check = env_var_check);

static const struct schema_field resource_claim_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "request", 2, 0),
};
TYPE(core_v1_resource_claim, "core.v1.ResourceClaim", resource_claim_fields);

static const struct schema_field resource_requirements_fields[] = {
	MAP(QUANTITY, "limits", 1, 0),
	MAP(QUANTITY, "requests", 2, 0),
	REFS(core_v1_resource_claim, "claims", 3, LIST_KEYS("name")),
};
TYPE(core_v1_resource_requirements, "core.v1.ResourceRequirements", resource_requirements_fields,
     .check = resources_check);

static const struct schema_field container_resize_policy_fields[] = {
	ONE(STRING, "resourceName", 1, REQUIRED | ALWAYS),
	ONE(STRING, "restartPolicy", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_container_resize_policy, "core.v1.ContainerResizePolicy",
     container_resize_policy_fields);

static const struct schema_field container_restart_rule_on_exit_codes_fields[] = {
	ONE(STRING, "operator", 1, REQUIRED),
	LIST(INT32, "values", 2, SET),
};
TYPE(core_v1_container_restart_rule_on_exit_codes, "core.v1.ContainerRestartRuleOnExitCodes",
     container_restart_rule_on_exit_codes_fields);

static const struct schema_field container_restart_rule_fields[] = {
	ONE(STRING, "action", 1, REQUIRED),
	REF(core_v1_container_restart_rule_on_exit_codes, "exitCodes", 2, PTR),
};
TYPE(core_v1_container_restart_rule, "core.v1.ContainerRestartRule", container_restart_rule_fields);

static const struct schema_field volume_mount_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 2, 0),
	ONE(STRING, "recursiveReadOnly", 7, PTR),
	ONE(STRING, "mountPath", 3, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "subPath", 4, 0),
	ONE(STRING, "mountPropagation", 5, PTR, ENUM("Bidirectional", "HostToContainer", "None")),
	ONE(STRING, "subPathExpr", 6, 0),
	LIST(STRING, "bindMountOptions", 8, SET | GATED_OFF),
};
TYPE(core_v1_volume_mount, "core.v1.VolumeMount", volume_mount_fields);

static const struct schema_field volume_device_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS),
	ONE(STRING, "devicePath", 2, NEEDED | REQUIRED | ALWAYS, RULE(rule_device_path)),
};
TYPE(core_v1_volume_device, "core.v1.VolumeDevice", volume_device_fields);

static const struct schema_field exec_action_fields[] = {
	LIST(STRING, "command", 1, NEEDED | ATOMIC),
};
TYPE(core_v1_exec_action, "core.v1.ExecAction", exec_action_fields);

static const struct schema_field http_header_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "value", 2, REQUIRED | ALWAYS),
};
TYPE(core_v1_http_header, "core.v1.HTTPHeader", http_header_fields);

static const struct schema_field http_get_action_fields[] = {
	ONE(STRING, "path", 1, NEEDED, DEFAULT_STR("/")),
	ONE(INT_OR_STRING, "port", 2, REQUIRED | ALWAYS),
	ONE(STRING, "host", 3, 0),
	ONE(STRING, "scheme", 4, 0, DEFAULT_STR("HTTP"), ENUM_ONLY("HTTP", "HTTPS")),
	REFS(core_v1_http_header, "httpHeaders", 5, ATOMIC),
	ONE(STRING, "protocol", 6, PTR | GATED_OFF, ENUM("HTTP1", "HTTP2")),
};
TYPE(core_v1_http_get_action, "core.v1.HTTPGetAction", http_get_action_fields,
     .check = http_get_check);

static const struct schema_field tcp_socket_action_fields[] = {
	ONE(INT_OR_STRING, "port", 1, REQUIRED | ALWAYS),
	ONE(STRING, "host", 2, 0),
};
TYPE(core_v1_tcp_socket_action, "core.v1.TCPSocketAction", tcp_socket_action_fields,
     .check = tcp_socket_check);

static const struct schema_field grpc_action_fields[] = {
	ONE(INT32, "port", 1, REQUIRED | ALWAYS, PORT),
	ONE(STRING, "service", 2, ALWAYS | PTR, DEFAULT_STR("")),
	ONE(STRING, "mode", 3, PTR | GATED_OFF, ENUM("Plaintext", "TLS")),
};
TYPE(core_v1_grpc_action, "core.v1.GRPCAction", grpc_action_fields);

static const struct schema_field probe_fields[] = {
	REF(core_v1_exec_action, "exec", IN(1, 1), PTR),
	REF(core_v1_http_get_action, "httpGet", IN(1, 2), PTR),
	REF(core_v1_tcp_socket_action, "tcpSocket", IN(1, 3), PTR),
	REF(core_v1_grpc_action, "grpc", IN(1, 4), PTR),
	ONE(INT32, "initialDelaySeconds", 2, 0, NOT_NEGATIVE),
	ONE(INT32, "timeoutSeconds", 3, 0, DEFAULT("1"), NOT_NEGATIVE),
	ONE(INT32, "periodSeconds", 4, 0, DEFAULT("10"), NOT_NEGATIVE),
	ONE(INT32, "successThreshold", 5, 0, DEFAULT("1"), NOT_NEGATIVE),
	ONE(INT32, "failureThreshold", 6, 0, DEFAULT("3"), NOT_NEGATIVE),
	ONE(INT64, "terminationGracePeriodSeconds", 7, PTR, POSITIVE),
};
TYPE(core_v1_probe, "core.v1.Probe", probe_fields, .embeds = "ProbeHandler", .check = probe_check);

static const struct schema_field sleep_action_fields[] = {
	ONE(INT64, "seconds", 1, REQUIRED | ALWAYS),
};
TYPE(core_v1_sleep_action, "core.v1.SleepAction", sleep_action_fields);

static const struct schema_field lifecycle_handler_fields[] = {
	REF(core_v1_exec_action, "exec", 1, PTR),
	REF(core_v1_http_get_action, "httpGet", 2, PTR),
	REF(core_v1_tcp_socket_action, "tcpSocket", 3, PTR),
	REF(core_v1_sleep_action, "sleep", 4, PTR),
};
TYPE(core_v1_lifecycle_handler, "core.v1.LifecycleHandler", lifecycle_handler_fields,
     .check = lifecycle_handler_check);

static const struct schema_field lifecycle_fields[] = {
	REF(core_v1_lifecycle_handler, "postStart", 1, PTR),
	REF(core_v1_lifecycle_handler, "preStop", 2, PTR),
	ONE(STRING, "stopSignal", 3, PTR,
	    ENUM("SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP",
		 "SIGILL", "SIGINT", "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF",
		 "SIGPWR", "SIGQUIT", "SIGRTMAX", "SIGRTMAX-1", "SIGRTMAX-10", "SIGRTMAX-11",
		 "SIGRTMAX-12", "SIGRTMAX-13", "SIGRTMAX-14", "SIGRTMAX-2", "SIGRTMAX-3",
		 "SIGRTMAX-4", "SIGRTMAX-5", "SIGRTMAX-6", "SIGRTMAX-7", "SIGRTMAX-8", "SIGRTMAX-9",
		 "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12",
		 "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+2", "SIGRTMIN+3",
		 "SIGRTMIN+4", "SIGRTMIN+5", "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9",
		 "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP",
		 "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH",
		 "SIGXCPU", "SIGXFSZ")),
};
TYPE(core_v1_lifecycle, "core.v1.Lifecycle", lifecycle_fields);

static const struct schema_field capabilities_fields[] = {
	LIST(STRING, "add", 1, ATOMIC),
	LIST(STRING, "drop", 2, ATOMIC),
};
TYPE(core_v1_capabilities, "core.v1.Capabilities", capabilities_fields);

static const struct schema_field security_context_fields[] = {
	REF(core_v1_capabilities, "capabilities", 1, PTR),
	ONE(BOOL, "privileged", 2, PTR),
	REF(core_v1_se_linux_options, "seLinuxOptions", 3, PTR),
	REF(core_v1_windows_security_context_options, "windowsOptions", 10, PTR),
	ONE(INT64, "runAsUser", 4, PTR, USER_ID),
	ONE(INT64, "runAsGroup", 8, PTR, USER_ID),
	ONE(BOOL, "runAsNonRoot", 5, PTR),
	ONE(BOOL, "readOnlyRootFilesystem", 6, PTR),
	ONE(BOOL, "allowPrivilegeEscalation", 7, PTR),
	ONE(STRING, "procMount", 9, PTR, ENUM("Default", "Unmasked"),
	    ONE_OF("Default", "Unmasked")),
	REF(core_v1_seccomp_profile, "seccompProfile", 11, PTR),
	REF(core_v1_app_armor_profile, "appArmorProfile", 12, PTR),
};
TYPE(core_v1_security_context, "core.v1.SecurityContext", security_context_fields,
     .check = security_context_check);

static const struct schema_field container_fields[] = {
	ONE(STRING, "name", 1, NEEDED | REQUIRED | ALWAYS, RULE(rule_label)),
	ONE(STRING, "image", 2, NEEDED),
	LIST(STRING, "command", 3, ATOMIC),
	LIST(STRING, "args", 4, ATOMIC),
	ONE(STRING, "workingDir", 5, 0),
	REFS(core_v1_container_port, "ports", 6,
	     KEYED_BY("containerPort", "containerPort,protocol")),
	REFS(core_v1_env_from_source, "envFrom", 19, ATOMIC),
	REFS(core_v1_env_var, "env", 7, KEYED("name")),
	REF(core_v1_resource_requirements, "resources", 8, ALWAYS),
	REFS(core_v1_container_resize_policy, "resizePolicy", 23, ATOMIC),
	ONE(STRING, "restartPolicy", 24, PTR, ONE_OF("Always", "Never", "OnFailure")),
	REFS(core_v1_container_restart_rule, "restartPolicyRules", 25, ATOMIC),
	REFS(core_v1_volume_mount, "volumeMounts", 9, KEYED("mountPath")),
	REFS(core_v1_volume_device, "volumeDevices", 21, KEYED("devicePath")),
	REF(core_v1_probe, "livenessProbe", 10, PTR),
	REF(core_v1_probe, "readinessProbe", 11, PTR),
	REF(core_v1_probe, "startupProbe", 22, PTR),
	REF(core_v1_lifecycle, "lifecycle", 12, PTR),
	ONE(STRING, "terminationMessagePath", 13, 0, DEFAULT_STR("/dev/termination-log")),
	ONE(STRING, "terminationMessagePolicy", 20, 0, DEFAULT_STR("File"),
	    ENUM("FallbackToLogsOnError", "File"), ONE_OF("File", "FallbackToLogsOnError")),
	ONE(STRING, "imagePullPolicy", 14, 0, ENUM_ONLY("Always", "IfNotPresent", "Never")),
	REF(core_v1_security_context, "securityContext", 15, PTR),
	ONE(BOOL, "stdin", 16, 0),
	ONE(BOOL, "stdinOnce", 17, 0),
	ONE(BOOL, "tty", 18, 0),
};
TYPE(core_v1_container, "core.v1.Container", container_fields, .check = container_check);

static const struct schema_field ephemeral_container_fields[] = {
	ONE(STRING, "name", IN(1, 1), NEEDED | REQUIRED | ALWAYS, RULE(rule_label)),
	ONE(STRING, "image", IN(1, 2), NEEDED),
	LIST(STRING, "command", IN(1, 3), ATOMIC),
	LIST(STRING, "args", IN(1, 4), ATOMIC),
	ONE(STRING, "workingDir", IN(1, 5), 0),
	REFS(core_v1_container_port, "ports", IN(1, 6),
	     KEYED_BY("containerPort", "containerPort,protocol")),
	REFS(core_v1_env_from_source, "envFrom", IN(1, 19), ATOMIC),
	REFS(core_v1_env_var, "env", IN(1, 7), KEYED("name")),
	REF(core_v1_resource_requirements, "resources", IN(1, 8), ALWAYS),
	REFS(core_v1_container_resize_policy, "resizePolicy", IN(1, 23), ATOMIC),
	ONE(STRING, "restartPolicy", IN(1, 24), PTR),
	REFS(core_v1_container_restart_rule, "restartPolicyRules", IN(1, 25), ATOMIC),
	REFS(core_v1_volume_mount, "volumeMounts", IN(1, 9), KEYED("mountPath")),
	REFS(core_v1_volume_device, "volumeDevices", IN(1, 21), KEYED("devicePath")),
	REF(core_v1_probe, "livenessProbe", IN(1, 10), PTR),
	REF(core_v1_probe, "readinessProbe", IN(1, 11), PTR),
	REF(core_v1_probe, "startupProbe", IN(1, 22), PTR),
	REF(core_v1_lifecycle, "lifecycle", IN(1, 12), PTR),
	ONE(STRING, "terminationMessagePath", IN(1, 13), 0, DEFAULT_STR("/dev/termination-log")),
	ONE(STRING, "terminationMessagePolicy", IN(1, 20), 0, DEFAULT_STR("File"),
	    ENUM("FallbackToLogsOnError", "File"), ONE_OF("File", "FallbackToLogsOnError")),
	ONE(STRING, "imagePullPolicy", IN(1, 14), 0, ENUM_ONLY("Always", "IfNotPresent", "Never")),
	REF(core_v1_security_context, "securityContext", IN(1, 15), PTR),
	ONE(BOOL, "stdin", IN(1, 16), 0),
	ONE(BOOL, "stdinOnce", IN(1, 17), 0),
	ONE(BOOL, "tty", IN(1, 18), 0),
	ONE(STRING, "targetContainerName", 2, 0),
};
TYPE(core_v1_ephemeral_container, "core.v1.EphemeralContainer", ephemeral_container_fields,
     .embeds = "EphemeralContainerCommon", .check = ephemeral_container_check);
