/* SPDX-License-Identifier: Apache-2.0 */
/* What a DELETE makes of an object: gone at once, or marked and left to its finalizers or node. */
#pragma once

#include "orchestrator/core/state.h"

struct deletion {
	int64_t grace_s;	    /* -1: the object's own */
	const char *propagation;    /* NULL: the kind's default */
	const char *uid, *revision; /* preconditions, or NULL */
	bool evicted;		    /* a pod that stays for its grace says so in a condition */
};
enum { DELETION_REMOVE, DELETION_MARKED, DELETION_UNCHANGED };

/* One of the above, with *ret (the marked object, no revision yet) for DELETION_MARKED; or -ENOMEM. */
int deletion_mark(struct object *old, const struct deletion *options, int64_t now_ns,
		  struct object **ret);
bool deletion_policy_known(const char *policy);
bool deletion_durable(const struct object *object);
