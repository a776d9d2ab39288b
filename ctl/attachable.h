/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod that a word means to logs, exec, attach and port-forward: "nginx", "pod/nginx", or one of
 * the pods that another object selects ("svc/web", "deploy/web"): a ready one before others, then
 * the oldest.
 */
#pragma once

#include "ctl/session.h"

struct attachable {
	struct resource_type type;  /* of what was named */
	struct json_object *object; /* what was named; owned; NULL when that is the pod */
	struct json_object *pod;    /* owned */
	size_t n_pods;
};
int attachable_find(struct session *session, const char *word, struct attachable *ret,
		    struct err *err);
void attachable_done(struct attachable *attachable);
