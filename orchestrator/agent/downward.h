/* SPDX-License-Identifier: Apache-2.0 */
/* The downward API: what a pod is told about itself, in environment and files. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* What is known of the pod besides its object. */
struct downward {
	const struct json_object *pod;
	const char *pod_ip, *host_ip;
	int64_t node_cpu_milli, node_memory_bytes, node_storage_bytes; /* allocatable */
};

/* fieldRef: appends the value of @path ("metadata.labels['app']", "status.podIP", …). */
int downward_field(const struct downward *of, const char *path, struct buf *out, struct err *err);
/* resourceFieldRef of @container ("limits.cpu", divisor "1m"): appends a number. */
int downward_resource(const struct downward *of, const struct json_object *container,
		      const struct json_object *ref, struct buf *out, struct err *err);
/* The container or init container of that name; NULL: none. */
struct json_object *downward_container(const struct json_object *pod, const char *name);
