/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's volumes on this node: made, kept up to date, mounted into containers, taken away.
 *
 *	D/pods/UID/volumes/kubernetes.io~empty-dir/NAME
 *	R/pods/UID/volumes/kubernetes.io~secret/NAME, …~configmap, …~projected, …~downward-api
 *
 * hostPath stays where it is. What is made of small files can be made again and may be secret: it
 * lies in R, which is memory, as the kubelet's secrets do, and wears no flash.
 * emptyDir of medium Memory is a tmpfs mounted there: the one mount of a pod that the host sees.
 */
#pragma once

#include "base/err.h"
#include "orchestrator/agent/desired.h"
#include "orchestrator/agent/downward.h"
#include "orchestrator/agent/tokens.h"
#include "runtime/spec.h"

struct volume_context {
	const struct desired *desired;
	struct downward of;
	struct tokens *tokens;
	int pod_dir_fd; /* D/pods/UID; borrowed */
	const char *pod_dir;
	int small_dir_fd; /* R/pods/UID; borrowed */
	int64_t now_ns;
};

/*
 * Make what is missing of all volumes of the pod. -EAGAIN (no sentence): all is there but tokens that
 * have to be asked for; they stand in ctx->tokens. Other errors: the kubelet's sentence,
 * 'MountVolume.SetUp failed for volume "v" : configmap "c" not found'. Idempotent.
 */
int volumes_make(const struct volume_context *ctx, struct err *err);
/* Write anew what depends on ConfigMaps, Secrets, tokens and the pod's labels. 1: something changed. */
int volumes_refresh(const struct volume_context *ctx, struct err *err);
/* Add the mounts of @container to @spec. fds opened on the way go to @fds (the caller closes them
 * once the container is started). @env is for subPathExpr. */
struct fd_list {
	int *fds;
	size_t n, cap;
};
void fd_list_done(struct fd_list *list);
static inline void own_fd_list_done(struct fd_list *list)
{
	fd_list_done(list);
}
#define auto_fd_list OWN(fd_list)
int fd_list_add(struct fd_list *list, int fd); /* takes the fd, also on failure; returns it */

struct envlist;
int volumes_mount(const struct volume_context *ctx, const struct json_object *container,
		  const struct envlist *env, struct spec *spec, struct fd_list *fds,
		  struct err *err);
/* Undo mounts of the host (tmpfs); the directories go with the pod's. Quick. */
int volumes_unmount(const char *pod_dir, const struct json_object *pod, struct err *err);
/* The same for a pod that nobody knows any more: whatever is mounted below @pod_dir. */
int volumes_unmount_all(const char *pod_dir, struct err *err);
/* Does the pod read this ConfigMap or Secret in a volume? */
bool volumes_use(const struct json_object *pod, const char *kind, const char *name);
