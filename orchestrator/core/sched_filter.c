/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/sched.h"

/* The answer of a filter: reasons are counted by the filter, helpless by sched_filter(). */
enum answer { YES, NO, NO_AND_HELPLESS };

static void count(struct sched_refusal *refusal, unsigned reason)
{
	refusal->counts[reason]++;
}

static enum answer is_schedulable(const struct sched_pod *pod, const struct sched_node *node,
				  struct sched_refusal *refusal)
{
	if (!node->unschedulable ||
	    sched_tolerates(pod->tolerations, "node.kubernetes.io/unschedulable", "", "NoSchedule"))
		return YES;
	count(refusal, SCHED_REASON_UNSCHEDULABLE);
	return NO_AND_HELPLESS;
}

static enum answer tolerates(const struct sched_pod *pod, const struct sched_node *node,
			     struct sched_refusal *refusal)
{
	for (size_t i = 0; i < json_len(node->taints); i++) {
		const struct json_object *taint = json_idx(node->taints, i);
		const char *effect = json_str(json_get(taint, "effect"));

		if (effect && strcmp(effect, "PreferNoSchedule") == 0)
			continue;
		if (!sched_tolerates_taint(pod->tolerations, taint)) {
			count(refusal, SCHED_REASON_TAINTS);
			return NO_AND_HELPLESS;
		}
	}
	return YES;
}

static enum answer is_wanted(const struct sched_pod *pod, const struct sched_node *node,
			     struct sched_refusal *refusal)
{
	if ((!pod->selector || sched_match_selector(pod->selector, node)) &&
	    (!pod->required || sched_match_required(pod->required, node)))
		return YES;
	count(refusal, SCHED_REASON_AFFINITY);
	return NO_AND_HELPLESS;
}

static bool collide(const struct sched_port *a, const struct sched_port *b)
{
	return a->port == b->port && a->protocol == b->protocol &&
	       (!a->host || !b->host || a->host == b->host);
}

static enum answer has_ports(const struct sched_pod *pod, const struct sched_node *node,
			     struct sched_refusal *refusal)
{
	for (size_t i = 0; i < pod->n_ports; i++)
		for (size_t j = 0; j < node->n_ports; j++)
			if (collide(&pod->ports[i], &node->ports[j])) {
				count(refusal, SCHED_REASON_PORTS);
				return NO;
			}
	return YES;
}

static enum answer has_room(const struct sched_pod *pod, const struct sched_node *node,
			    struct sched_refusal *refusal)
{
	enum answer answer = YES;

	if ((int64_t)node->n_pods + 1 > node->pods_max) {
		count(refusal, SCHED_REASON_PODS);
		answer = NO;
	}
	for (unsigned i = 0; i < SCHED_RESOURCES_MAX; i++) {
		int64_t wanted = pod->request.of[i], there = node->allocatable.of[i];

		if (wanted <= 0 || wanted <= there - node->used.of[i])
			continue;
		count(refusal, SCHED_REASON_INSUFFICIENT + i);
		/* More than the whole node has: nobody's leaving would help. */
		answer = wanted > there || answer == NO_AND_HELPLESS ? NO_AND_HELPLESS : NO;
	}
	return answer;
}

/* In the order in which they are asked; the first to refuse is the one that is told. */
static const struct {
	enum answer (*asks)(const struct sched_pod *pod, const struct sched_node *node,
			    struct sched_refusal *refusal);
	unsigned woken_by; /* bits of enum sched_event */
} filters[] = {
	[SCHED_FILTER_UNSCHEDULABLE] = { is_schedulable,
					 SCHED_EVENT_NODE_ADDED | SCHED_EVENT_TAINTS },
	[SCHED_FILTER_TAINTS] = { tolerates, SCHED_EVENT_NODE_ADDED | SCHED_EVENT_TAINTS },
	[SCHED_FILTER_AFFINITY] = { is_wanted, SCHED_EVENT_NODE_ADDED | SCHED_EVENT_LABELS },
	[SCHED_FILTER_PORTS] = { has_ports, SCHED_EVENT_NODE_ADDED | SCHED_EVENT_ROOM },
	[SCHED_FILTER_FIT] = { has_room, SCHED_EVENT_NODE_ADDED | SCHED_EVENT_ROOM },
};
_Static_assert(ARRAY_LEN(filters) == SCHED_FILTER_COUNT, "every filter has a row");

bool sched_filter(const struct sched_pod *pod, const struct sched_node *node,
		  struct sched_refusal *refusal)
{
	refusal->nodes++;
	for (unsigned i = 0; i < SCHED_FILTER_COUNT; i++) {
		enum answer answer = filters[i].asks(pod, node, refusal);

		if (answer == YES)
			continue;
		refusal->filters |= 1u << i;
		refusal->helpless += answer == NO_AND_HELPLESS;
		return false;
	}
	return true;
}

bool sched_filter_woken(unsigned refused_by, unsigned events)
{
	if (!refused_by) /* there was no node to ask */
		return events & SCHED_EVENT_NODE_ADDED;
	for (unsigned i = 0; i < SCHED_FILTER_COUNT; i++)
		if ((refused_by & (1u << i)) && (filters[i].woken_by & events))
			return true;
	return false;
}

/* ---- the sentence ---- */

static const char *const reason_texts[SCHED_REASON_INSUFFICIENT] = {
	[SCHED_REASON_UNSCHEDULABLE] = "node(s) were unschedulable",
	[SCHED_REASON_TAINTS] = "node(s) had untolerated taint(s)",
	[SCHED_REASON_AFFINITY] = "node(s) didn't match Pod's node affinity/selector",
	[SCHED_REASON_PORTS] = "node(s) didn't have free ports for the requested pod ports",
	[SCHED_REASON_PODS] = "Too many pods",
};

#define REASON_TEXT_MAX 336 /* a resource's name has up to 317 characters */

struct tally {
	char (*texts)[REASON_TEXT_MAX];
	size_t n;
};

static void tally_add(struct tally *tally, unsigned count, const char *prefix, const char *text)
{
	if (count)
		(void)snprintf(tally->texts[tally->n++], REASON_TEXT_MAX, "%u %s%s", count, prefix,
			       text);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* "1 that, 3 this.": ordered as texts, not by number ("10 …" before "9 …"), as Kubernetes does. */
static int tally_write(struct tally *tally, struct buf *ret)
{
	qsort(tally->texts, tally->n, sizeof(*tally->texts), compare_texts);
	for (size_t i = 0; i < tally->n; i++)
		(void)buf_printf(ret, "%s %s", i ? "," : "", tally->texts[i]);
	tally->n = 0;
	return buf_puts(ret, ".");
}

int sched_refusal_text(const struct sched *sched, const struct sched_pod *pod,
		       const struct sched_refusal *refusal, struct buf *ret)
{
	auto_free char(*texts)[REASON_TEXT_MAX] = calloc(SCHED_REASON_COUNT, sizeof(*texts));
	struct tally tally = { .texts = texts };

	if (!refusal->nodes)
		return buf_puts(ret, "no nodes available to schedule pods");
	if (!texts)
		return -ENOMEM;
	for (unsigned i = 0; i < SCHED_REASON_INSUFFICIENT; i++)
		tally_add(&tally, refusal->counts[i], "", reason_texts[i]);
	for (unsigned i = 0; i < sched->n_resources; i++)
		tally_add(&tally, refusal->counts[SCHED_REASON_INSUFFICIENT + i], "Insufficient ",
			  sched->resource_names[i]);
	(void)buf_printf(ret, "0/%u nodes are available:", refusal->nodes);
	(void)tally_write(&tally, ret);
	if (pod->never_preempts)
		return buf_puts(ret, " preemption: not eligible due to preemptionPolicy=Never.");
	tally_add(&tally, refusal->nodes - refusal->helpless, "",
		  "No preemption victims found for incoming pod");
	tally_add(&tally, refusal->helpless, "", "Preemption is not helpful for scheduling");
	(void)buf_printf(ret, " preemption: 0/%u nodes are available:", refusal->nodes);
	return tally_write(&tally, ret);
}
