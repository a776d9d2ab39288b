/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: which node a pod goes to, or why to none.
 *
 * Records, not objects: what a decision needs of a node or a pod is kept as numbers (and, for the few
 * pods that select by labels, as the piece of JSON they said it in), brought up to date by events. A
 * decision is a walk over the nodes' records, filters first, then scores; no list is ever read.
 *
 * Chosen nodes are charged at once ("assumed"), so that the next pod of the round sees them fuller;
 * a binding that fails is taken back. Pods that fit nowhere are parked with the set of filters that
 * refused them, and looked at again only after an event that could change one of those minds.
 *
 *	sched_record.c	records from JSON, and charging
 *	sched_match.c	selectors, affinity, tolerations
 *	sched_filter.c	the table of filters; a refusal as data and as Kubernetes' own sentence
 *	sched_score.c	the table of scores
 *	sched_queue.c	who is next, and when
 *	sched.c		the controller around it
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"

/* ---- resources: by number, the first ones fixed ---- */

#define SCHED_RESOURCES_MAX 16
enum sched_resource { SCHED_CPU /* millicores */, SCHED_MEMORY, SCHED_STORAGE, SCHED_FIXED };
struct sched_amounts {
	int64_t of[SCHED_RESOURCES_MAX];
};

/* ---- nodes ---- */

struct sched_port {
	uint32_t host; /* a hash of hostIP; 0: every address */
	uint16_t port;
	char protocol; /* 'T', 'U', 'S' */
};
struct sched_node {
	struct map_node by_name;
	char *name;
	size_t index; /* in sched->nodes; SIZE_MAX: the Node object is not there, only pods name it */
	struct sched_amounts allocatable, used;
	int64_t usual
		[SCHED_STORAGE]; /* cpu and memory used, pods without requests counted as usual */
	int64_t pods_max;
	unsigned n_pods;
	bool unschedulable;
	struct json_object *labels, *taints; /* NULL: none */
	struct sched_port *ports;	     /* in use */
	size_t n_ports, cap_ports;
};

/* ---- pods ---- */

enum sched_state {
	SCHED_GATED,   /* spec.schedulingGates: not in any queue */
	SCHED_ACTIVE,  /* in the queue */
	SCHED_BACKOFF, /* waits for its time */
	SCHED_PARKED,  /* refused everywhere: waits for an event */
	SCHED_BINDING, /* assumed on ->node, the binding is under way */
	SCHED_BOUND,   /* charged to ->node */
	SCHED_STATE_COUNT,
};
struct sched_pod {
	struct map_node by_uid, in_queue;
	char *uid, *namespace, *name;
	enum sched_state state;
	struct sched_node *node;
	struct sched_amounts request;
	int64_t usual[SCHED_STORAGE];
	struct sched_port *ports;
	size_t n_ports;
	int32_t priority;
	bool never_preempts;
	int64_t generation;
	/* Of unbound pods only; NULL: not said. */
	struct json_object *selector, *required, *preferred, *tolerations;
	/* The queue's: */
	char queue_key[80];
	unsigned attempts;
	int64_t tried_ns;    /* when the last attempt ended */
	unsigned refused_by; /* bits of enum sched_filter_id */
};

/* ---- the whole ---- */

struct sched {
	struct map nodes_by_name, pods_by_uid;
	struct sched_node **nodes; /* those with a Node object */
	size_t n_nodes, cap_nodes;
	char *resource_names[SCHED_RESOURCES_MAX];
	unsigned n_resources;
	struct map active, backoff, parked;
	size_t turn; /* where the next walk over the nodes starts: ties go round */
	struct sched_candidate *candidates;
	size_t cap_candidates;
};
int sched_init(struct sched *sched);
void sched_done(struct sched *sched);

/* The number of a resource, made if it is new; -E2BIG: there are too many kinds of resources. */
int sched_resource_number(struct sched *sched, const char *name);

/* What happened to a node, as far as pods may care. */
enum sched_event {
	SCHED_EVENT_NODE_ADDED = 1 << 0,
	SCHED_EVENT_LABELS = 1 << 1,
	SCHED_EVENT_TAINTS = 1 << 2, /* unschedulable too */
	SCHED_EVENT_ROOM = 1 << 3,   /* more allocatable, or a pod left */
};
/* Make or change a node's record from its object; *ret_events: bits of enum sched_event. */
int sched_node_put(struct sched *sched, const struct json_object *node, unsigned *ret_events);
void sched_node_gone(struct sched *sched, const char *name);
/* The record of @name, made (without a Node object) if need be; NULL: out of memory. */
struct sched_node *sched_node_named(struct sched *sched, const char *name);

/* A record from a Pod object, in no queue and on no node. */
int sched_pod_new(struct sched *sched, const struct json_object *pod, struct sched_pod **ret);
struct sched_pod *sched_pod_find(const struct sched *sched, const char *uid);
/* Take off its node and out of its queue, and free. */
void sched_pod_free(struct sched *sched, struct sched_pod *pod);
/* Charge a node, or give it back. sched_discharge() frees a record that nobody needs any more. */
int sched_charge(struct sched_pod *pod, struct sched_node *node, enum sched_state state);
void sched_discharge(struct sched *sched, struct sched_pod *pod);
/* A bound pod keeps numbers only. */
void sched_pod_forget_wishes(struct sched_pod *pod);

/* ---- matching (Kubernetes API, "Assigning Pods to Nodes", "Taints and Tolerations") ---- */

bool sched_match_selector(const struct json_object *selector, const struct sched_node *node);
/* spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution */
bool sched_match_required(const struct json_object *required, const struct sched_node *node);
/* One nodeSelectorTerm; an empty one matches nothing. */
bool sched_match_term(const struct json_object *term, const struct sched_node *node);
bool sched_tolerates(const struct json_object *tolerations, const char *key, const char *value,
		     const char *effect);
bool sched_tolerates_taint(const struct json_object *tolerations, const struct json_object *taint);

/* ---- filters ---- */

enum sched_filter_id {
	SCHED_FILTER_UNSCHEDULABLE,
	SCHED_FILTER_TAINTS,
	SCHED_FILTER_AFFINITY,
	SCHED_FILTER_PORTS,
	SCHED_FILTER_FIT,
	SCHED_FILTER_COUNT,
};
/* Why nodes were refused, and how many for each reason. */
enum sched_reason {
	SCHED_REASON_UNSCHEDULABLE,
	SCHED_REASON_TAINTS,
	SCHED_REASON_AFFINITY,
	SCHED_REASON_PORTS,
	SCHED_REASON_PODS,
	SCHED_REASON_INSUFFICIENT, /* + the resource's number */
	SCHED_REASON_COUNT = SCHED_REASON_INSUFFICIENT + SCHED_RESOURCES_MAX,
};
struct sched_refusal {
	unsigned nodes; /* that were asked */
	unsigned counts[SCHED_REASON_COUNT];
	unsigned helpless; /* nodes where taking other pods away would not help */
	unsigned filters;  /* bits of enum sched_filter_id that refused */
};
/* May @pod run on @node? If not, the first filter's reasons are counted in @refusal. */
bool sched_filter(const struct sched_pod *pod, const struct sched_node *node,
		  struct sched_refusal *refusal);
/* Could one of @events make a filter of @filters think again? */
bool sched_filter_woken(unsigned filters, unsigned events);
/* "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: …" */
int sched_refusal_text(const struct sched *sched, const struct sched_pod *pod,
		       const struct sched_refusal *refusal, struct buf *ret);

/* ---- scores ---- */

enum { SCHED_SCORE_MAX = 100 };
struct sched_candidate {
	struct sched_node *node;
	int64_t raw[2]; /* of scores that are normalised over all candidates */
	int64_t total;
};
/* Fill in the totals. @n > 0. */
void sched_score(const struct sched_pod *pod, struct sched_candidate *candidates, size_t n);

/* The best node for @pod, or NULL and *refusal says why. Charges nothing. -ENOMEM as errno in *ret_error. */
struct sched_node *sched_choose(struct sched *sched, const struct sched_pod *pod,
				struct sched_refusal *refusal, int *ret_error);

/* ---- the queue ---- */

/* Kubernetes' own numbers. */
#define SCHED_BACKOFF_FIRST_S 1
#define SCHED_BACKOFF_MAX_S   10
#define SCHED_PARKED_MAX_S    300

void sched_queue_add(struct sched *sched, struct sched_pod *pod, int64_t now_ns);
void sched_queue_remove(struct sched *sched, struct sched_pod *pod);
/* It was refused: park it. Or it failed for another cause: try again after a while. */
void sched_queue_park(struct sched *sched, struct sched_pod *pod, int64_t now_ns);
void sched_queue_retry(struct sched *sched, struct sched_pod *pod, int64_t now_ns);
/* Bring those back that @events may help. */
void sched_queue_wake(struct sched *sched, unsigned events, int64_t now_ns);
/* Move what is due; the next pod (it stays in the queue), or NULL. */
struct sched_pod *sched_queue_next(struct sched *sched, int64_t now_ns);
int64_t sched_queue_due_ns(const struct sched *sched); /* INT64_MAX: nothing waits for a time */
