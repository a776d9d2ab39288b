/* SPDX-License-Identifier: Apache-2.0 */
/* core/v1: what the node reports of a container. */
#include "orchestrator/schema/rows.h"
#include "orchestrator/schema/schema_types.h"

static const struct schema_field container_state_waiting_fields[] = {
	ONE(STRING, "reason", 1, 0),
	ONE(STRING, "message", 2, 0),
};
TYPE(core_v1_container_state_waiting, "core.v1.ContainerStateWaiting",
     container_state_waiting_fields);

static const struct schema_field container_state_running_fields[] = {
	ONE(TIME, "startedAt", 1, ALWAYS),
};
TYPE(core_v1_container_state_running, "core.v1.ContainerStateRunning",
     container_state_running_fields);

static const struct schema_field container_state_terminated_fields[] = {
	ONE(INT32, "exitCode", 1, REQUIRED | ALWAYS),
	ONE(INT32, "signal", 2, 0),
	ONE(STRING, "reason", 3, 0),
	ONE(STRING, "message", 4, 0),
	ONE(TIME, "startedAt", 5, ALWAYS),
	ONE(TIME, "finishedAt", 6, ALWAYS),
	ONE(STRING, "containerID", 7, 0),
};
TYPE(core_v1_container_state_terminated, "core.v1.ContainerStateTerminated",
     container_state_terminated_fields);

static const struct schema_field container_state_fields[] = {
	REF(core_v1_container_state_waiting, "waiting", 1, PTR),
	REF(core_v1_container_state_running, "running", 2, PTR),
	REF(core_v1_container_state_terminated, "terminated", 3, PTR),
};
TYPE(core_v1_container_state, "core.v1.ContainerState", container_state_fields);

static const struct schema_field image_volume_status_fields[] = {
	ONE(STRING, "imageRef", 1, REQUIRED),
};
TYPE(core_v1_image_volume_status, "core.v1.ImageVolumeStatus", image_volume_status_fields);

static const struct schema_field volume_status_fields[] = {
	REF(core_v1_image_volume_status, "image", 1, PTR | GATED_OFF),
};
TYPE(core_v1_volume_status, "core.v1.VolumeStatus", volume_status_fields);

static const struct schema_field volume_mount_status_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	ONE(STRING, "mountPath", 2, REQUIRED | ALWAYS),
	ONE(BOOL, "readOnly", 3, 0),
	ONE(STRING, "recursiveReadOnly", 4, PTR),
	REF(core_v1_volume_status, "volumeStatus", 5, PTR),
};
TYPE(core_v1_volume_mount_status, "core.v1.VolumeMountStatus", volume_mount_status_fields);

static const struct schema_field linux_container_user_fields[] = {
	ONE(INT64, "uid", 1, REQUIRED | ALWAYS),
	ONE(INT64, "gid", 2, REQUIRED | ALWAYS),
	LIST(INT64, "supplementalGroups", 3, ATOMIC),
};
TYPE(core_v1_linux_container_user, "core.v1.LinuxContainerUser", linux_container_user_fields);

static const struct schema_field container_user_fields[] = {
	REF(core_v1_linux_container_user, "linux", 1, PTR),
};
TYPE(core_v1_container_user, "core.v1.ContainerUser", container_user_fields);

static const struct schema_field resource_health_fields[] = {
	ONE(STRING, "resourceID", 1, REQUIRED | ALWAYS),
	ONE(STRING, "health", 2, 0),
	ONE(STRING, "message", 6, PTR),
};
TYPE(core_v1_resource_health, "core.v1.ResourceHealth", resource_health_fields);

static const struct schema_field resource_status_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	REFS(core_v1_resource_health, "resources", 2, LIST_KEYS("resourceID")),
};
TYPE(core_v1_resource_status, "core.v1.ResourceStatus", resource_status_fields);

static const struct schema_field container_status_fields[] = {
	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
	REF(core_v1_container_state, "state", 2, ALWAYS),
	REF(core_v1_container_state, "lastState", 3, ALWAYS),
	ONE(BOOL, "ready", 4, REQUIRED | ALWAYS),
	ONE(INT32, "restartCount", 5, REQUIRED | ALWAYS),
	ONE(STRING, "image", 6, REQUIRED | ALWAYS),
	ONE(STRING, "imageID", 7, REQUIRED | ALWAYS),
	ONE(STRING, "containerID", 8, 0),
	ONE(BOOL, "started", 9, PTR),
	MAP(QUANTITY, "allocatedResources", 10, 0),
	REF(core_v1_resource_requirements, "resources", 11, PTR),
	REFS(core_v1_volume_mount_status, "volumeMounts", 12, KEYED("mountPath")),
	REF(core_v1_container_user, "user", 13, PTR),
	REFS(core_v1_resource_status, "allocatedResourcesStatus", 14, KEYED("name")),
	ONE(STRING, "stopSignal", 15, PTR | GATED_OFF,
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
TYPE(core_v1_container_status, "core.v1.ContainerStatus", container_status_fields);
