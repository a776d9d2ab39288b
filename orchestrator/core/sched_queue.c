/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/sched.h"

static struct map *queue_of(struct sched *sched, enum sched_state state)
{
	switch (state) {
	case SCHED_ACTIVE:
		return &sched->active;
	case SCHED_BACKOFF:
		return &sched->backoff;
	case SCHED_PARKED:
		return &sched->parked;
	default:
		return NULL;
	}
}

void sched_queue_remove(struct sched *sched, struct sched_pod *pod)
{
	struct map *queue = queue_of(sched, pod->state);

	if (queue)
		map_remove(queue, &pod->in_queue);
	pod->state = SCHED_GATED;
}

/* Keys order the queue: by rank, then by time, then by uid so that no two are the same. */
static void enter(struct sched *sched, struct sched_pod *pod, enum sched_state state, uint32_t rank,
		  int64_t time_ns)
{
	sched_queue_remove(sched, pod);
	(void)snprintf(pod->queue_key, sizeof(pod->queue_key), "%08" PRIx32 "%016" PRIx64 "%s",
		       rank, (uint64_t)time_ns, pod->uid);
	pod->state = state;
	(void)map_insert(queue_of(sched, state), &pod->in_queue, pod->queue_key);
}

void sched_queue_add(struct sched *sched, struct sched_pod *pod, int64_t now_ns)
{
	/* The highest priority first: turned round, and moved so that negative ones sort too. */
	enter(sched, pod, SCHED_ACTIVE, UINT32_MAX - ((uint32_t)pod->priority ^ 0x80000000u),
	      now_ns);
}

static int64_t backoff_ns(const struct sched_pod *pod)
{
	int64_t s = SCHED_BACKOFF_FIRST_S;

	for (unsigned i = 1; i < pod->attempts && s < SCHED_BACKOFF_MAX_S; i++)
		s *= 2;
	return MIN(s, SCHED_BACKOFF_MAX_S) * NS_PER_S;
}

void sched_queue_park(struct sched *sched, struct sched_pod *pod, int64_t now_ns)
{
	pod->attempts++;
	pod->tried_ns = now_ns;
	enter(sched, pod, SCHED_PARKED, 0, now_ns);
}

void sched_queue_retry(struct sched *sched, struct sched_pod *pod, int64_t now_ns)
{
	pod->attempts++;
	pod->tried_ns = now_ns;
	enter(sched, pod, SCHED_BACKOFF, 0, now_ns + backoff_ns(pod));
}

static void unpark(struct sched *sched, struct sched_pod *pod, int64_t now_ns)
{
	int64_t ready_ns = pod->tried_ns + backoff_ns(pod);

	if (ready_ns > now_ns)
		enter(sched, pod, SCHED_BACKOFF, 0, ready_ns);
	else
		sched_queue_add(sched, pod, now_ns);
}

static struct sched_pod *pod_of(struct map_node *node)
{
	return node ? map_entry(node, struct sched_pod, in_queue) : NULL;
}

void sched_queue_wake(struct sched *sched, unsigned events, int64_t now_ns)
{
	if (!events)
		return;
	map_for_each (node, next, &sched->parked)
		if (sched_filter_woken(pod_of(node)->refused_by, events))
			unpark(sched, pod_of(node), now_ns);
}

static int64_t key_time(const struct sched_pod *pod)
{
	uint64_t time_ns = 0;

	(void)sscanf(pod->queue_key + 8, "%16" SCNx64, &time_ns);
	return (int64_t)time_ns;
}

struct sched_pod *sched_queue_next(struct sched *sched, int64_t now_ns)
{
	struct sched_pod *pod;

	while ((pod = pod_of(map_first(&sched->backoff))) && key_time(pod) <= now_ns)
		sched_queue_add(sched, pod, now_ns);
	while ((pod = pod_of(map_first(&sched->parked))) &&
	       key_time(pod) + SCHED_PARKED_MAX_S * NS_PER_S <= now_ns)
		unpark(sched, pod, now_ns);
	return pod_of(map_first(&sched->active));
}

int64_t sched_queue_due_ns(const struct sched *sched)
{
	struct sched_pod *pod = pod_of(map_first(&sched->backoff));
	int64_t due_ns = pod ? key_time(pod) : INT64_MAX;

	pod = pod_of(map_first(&sched->parked));
	return pod ? MIN(due_ns, key_time(pod) + SCHED_PARKED_MAX_S * NS_PER_S) : due_ns;
}
