/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/timers.h"

#include <errno.h>

#include "base/own.h"

static void place(struct timers *timers, struct timer *timer, size_t i)
{
	timers->heap[i] = timer;
	timer->slot = i + 1;
}

static void sift_up(struct timers *timers, struct timer *timer, size_t i)
{
	while (i > 0 && timers->heap[(i - 1) / 2]->at_ns > timer->at_ns) {
		place(timers, timers->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	place(timers, timer, i);
}

static void sift_down(struct timers *timers, struct timer *timer, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= timers->n)
			break;
		if (child + 1 < timers->n &&
		    timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
			child++;
		if (timers->heap[child]->at_ns >= timer->at_ns)
			break;
		place(timers, timers->heap[child], i);
		i = child;
	}
	place(timers, timer, i);
}

int timers_arm(struct timers *timers, struct timer *timer, int64_t at_ns)
{
	if (timer->slot) {
		timer->at_ns = at_ns;
		sift_up(timers, timer, timer->slot - 1);
		sift_down(timers, timer, timer->slot - 1);
		return 0;
	}
	if (array_grow(&timers->heap, &timers->cap, timers->n + 1, sizeof(timers->heap[0])) < 0)
		return -ENOMEM;
	timer->at_ns = at_ns;
	sift_up(timers, timer, timers->n++);
	return 0;
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
	size_t i = timer->slot;
	struct timer *last;

	if (!i--)
		return;
	timer->slot = 0;
	last = timers->heap[--timers->n];
	if (last == timer)
		return;
	sift_up(timers, last, i);
	sift_down(timers, last, last->slot - 1);
}

int64_t timers_next(const struct timers *timers)
{
	return timers->n ? timers->heap[0]->at_ns : INT64_MAX;
}

struct timer *timers_due(struct timers *timers, int64_t now_ns)
{
	struct timer *timer = timers->n ? timers->heap[0] : NULL;

	if (!timer || timer->at_ns > now_ns)
		return NULL;
	timers_disarm(timers, timer);
	return timer;
}

void timers_done(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}
