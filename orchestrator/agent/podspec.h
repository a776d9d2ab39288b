/* SPDX-License-Identifier: Apache-2.0 */
/* From a Pod's container and its image to the runtime's struct spec. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/image.h"
#include "orchestrator/agent/volume.h"
#include "runtime/runtime.h"

struct podspec_input {
	const struct volume_context *volumes; /* pod, downward values, desired state */
	const struct json_object *container;
	const struct image *image;
	int rootfs_fd;		     /* for users and groups of the image */
	const char *termination_log; /* the host's file behind terminationMessagePath; NULL: none */
	const char *hostname;
	const struct cgroup_host *cgroup;
	int oom_score_floor; /* the lowest oom_score_adj that we may set */
	int64_t memory_capacity_bytes;
};
struct podspec_user {
	uint32_t uid, gid, groups[64];
	size_t n_groups;
};

/*
 * Fill @spec. Files opened on the way go to @fds and must stay open until the container has been
 * started. Errors are sentences for CreateContainerConfigError (-EINVAL) or, where the kubelet has
 * the runtime find out, CreateContainerError (any other code).
 */
int podspec_make(const struct podspec_input *in, struct spec *spec, struct fd_list *fds,
		 struct podspec_user *ret_user, struct err *err);

/* A signal by the name that images and pods use ("SIGTERM", "TERM", "15"); 0: unknown. */
int podspec_signal(const char *name);

/* ---- resources, as the kubelet gives them to cgroups: podspec_resources.c ---- */

/* Shares, quota and limits of one container. */
void podspec_resources(const struct json_object *container, const struct cgroup_host *host,
		       struct spec *spec);

enum podspec_qos { QOS_GUARANTEED, QOS_BURSTABLE, QOS_BEST_EFFORT };
enum podspec_qos podspec_qos(const struct json_object *pod);
/* The limits of the pod's own cgroup: sums of its containers'. */
void podspec_pod_limits(const struct json_object *pod, struct cgroup_limits *ret);
int podspec_oom_score(const struct json_object *pod, const struct json_object *container,
		      int64_t memory_capacity_bytes);
