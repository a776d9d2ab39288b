/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the nodeset share:
 *	nodeset.c		life, and changes of the published state
 *	nodeset_message.c	messages and digests
 *	nodeset_need.c		what pods name
 *	nodeset_start.c		the difference at the start of a session
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "orchestrator/server/nodeset.h"

enum node_kind {
	NODE_KIND_NODE,
	NODE_KIND_POD,
	NODE_KIND_CONFIG_MAP,
	NODE_KIND_SECRET,
	NODE_KIND_SERVICE,
	NODE_KIND_SLICE,
	NODE_KIND_COUNT,
};
/* How a kind concerns nodes. */
enum node_scope { SCOPE_OWN, SCOPE_BOUND, SCOPE_NAMED, SCOPE_ALL };

struct nodeset_kind {
	const char *kind, *group, *version, *resource;
	enum node_scope scope;
};
extern const struct nodeset_kind nodeset_kinds[NODE_KIND_COUNT];

#define NODESET_REVISION_MAX 24

struct nodesets {
	struct core *core;
	struct map nodes;   /* struct nodeset by node name */
	struct map wanted;  /* struct wanted by key: who needs this ConfigMap or Secret */
	struct buf message; /* the one being made; its memory is kept */
	const struct schema_kind *kinds[NODE_KIND_COUNT];
};

/* A ConfigMap or Secret that pods somewhere name, existing or not. */
struct wanted {
	struct map_node node;
	struct list needs; /* struct need, one for each nodeset */
	enum node_kind kind;
	const char *namespace, *name; /* inside the key */
	char key[];		      /* "c/ns\0name": unique, and split in place */
};

struct need {
	struct list of_wanted;
	struct list of_set;
	struct wanted *wanted;
	struct nodeset *set;
	unsigned pods; /* that name it */
	bool sent;     /* the node has it */
};

struct nodeset {
	struct map_node node;
	struct nodesets *sets;
	char *name;
	nodeset_send_fn *send;
	void *data;
	bool started;
	char node_revision[NODESET_REVISION_MAX]; /* of the Node object as sent */
	struct map pods;			  /* struct set_pod by "ns/name" */
	struct list needs;
};

struct set_pod {
	struct map_node node;
	char *key, *uid;
	char revision[NODESET_REVISION_MAX];
	struct need **needs;
	size_t n_needs, cap_needs;
};

/* ---- messages (nodeset_message.c) ---- */

/* NULL: it could not be made, and the session must end. */
void nodeset_send(struct nodeset *set, const struct buf *message);
/* The message that sets @object; NULL: out of memory. Valid until the next one. */
const struct buf *nodeset_set_message(struct nodesets *sets, enum node_kind kind,
				      const struct object *object, const char *revision);
void nodeset_send_set(struct nodeset *set, enum node_kind kind, const struct object *object,
		      const char *revision);
void nodeset_send_remove(struct nodeset *set, const char *kind, const char *namespace,
			 const char *name, const char *uid, const char *revision);
const char *nodeset_revision(const struct object *object, char text[NODESET_REVISION_MAX]);
/* Of everything but status and managedFields, which @json loses. -ENOMEM. */
int nodeset_digest(struct json_object *json, char text[NODESET_REVISION_MAX]);
int nodeset_node_digest(const struct object *object, char revision[NODESET_REVISION_MAX]);

/* ---- what pods name (nodeset_need.c) ---- */

/* "c/namespace/name" or "s/…": the key in nodesets.wanted. Its length, or -ENAMETOOLONG. */
int nodeset_wanted_key(enum node_kind kind, const char *namespace, const char *name, char *key,
		       size_t size);
void nodeset_need_free(struct need *need);
/* Add what the pod's @json names to pod->needs. */
int nodeset_scan(struct nodeset *set, struct set_pod *pod, const char *namespace,
		 const struct json_object *json);
/* Needs of a pod that has them no longer; what nobody on the node names any more is removed. */
void nodeset_release(struct nodeset *set, struct need **needs, size_t n);

/* Take a pod into the set. 1: it differs from what the node was last told; 0; -ENOMEM. */
int nodeset_take_pod(struct nodeset *set, const struct object *object, struct set_pod **ret);
