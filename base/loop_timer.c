/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: a binary heap, each timer knowing its slot. */
#include <errno.h>

#include "base/loop_impl.h"
#include "base/time.h"

static bool sooner(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct loop *loop, size_t slot, struct loop_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void heap_settle(struct loop *loop, size_t slot, struct loop_timer *timer)
{
	while (slot > 1 && sooner(timer, loop->heap[slot / 2])) {
		heap_put(loop, slot, loop->heap[slot / 2]);
		slot /= 2;
	}
	for (;;) {
		size_t child = slot * 2;

		if (child > loop->n_timers)
			break;
		if (child < loop->n_timers && sooner(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!sooner(loop->heap[child], timer))
			break;
		heap_put(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_put(loop, slot, timer);
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *last = loop->heap[loop->n_timers--];
	size_t slot = timer->slot;

	timer->slot = 0;
	if (last != timer)
		heap_settle(loop, slot, last);
}

int loop_timer_new(struct loop *loop, loop_fn *fn, void *data, struct loop_timer **ret)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	/* The place in the heap is taken here, so that arming never fails. */
	if (!timer || array_grow(&loop->heap, &loop->heap_cap, loop->n_timer_handles + 2,
				 sizeof(struct loop_timer *)) < 0) {
		free(timer);
		return -ENOMEM;
	}
	loop->n_timer_handles++;
	timer->loop = loop;
	timer->fn = fn;
	timer->data = data;
	*ret = timer;
	return 0;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return NULL;
	loop_timer_clear(timer);
	timer->loop->n_timer_handles--;
	free(timer);
	return NULL;
}

void loop_timer_set_ns(struct loop_timer *timer, int64_t in_ns)
{
	struct loop *loop = timer->loop;

	if (timer->slot)
		heap_remove(loop, timer);
	if (!loop->in_round)
		loop_take_time(loop);
	timer->at_ns = loop->monotonic_ns + MAX(in_ns, 0);
	timer->order = ++loop->timer_order;
	loop->n_timers++;
	heap_settle(loop, loop->n_timers, timer);
}

void loop_timer_set_ms(struct loop_timer *timer, int64_t in_ms)
{
	loop_timer_set_ns(timer, in_ms * NS_PER_MS);
}

void loop_timer_clear(struct loop_timer *timer)
{
	if (timer->slot)
		heap_remove(timer->loop, timer);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
	return timer->slot != 0;
}

/* Those that are due now; what they arm anew for "at once" waits for the next round. */
bool loop_run_timers(struct loop *loop)
{
	uint64_t last_order = loop->timer_order;
	bool any = false;

	while (loop->n_timers && loop->heap[1]->at_ns <= loop->monotonic_ns &&
	       loop->heap[1]->order <= last_order) {
		struct loop_timer *timer = loop->heap[1];

		heap_remove(loop, timer);
		any = true;
		timer->fn(loop, timer->data);
	}
	return any;
}

void loop_drop_timers(struct loop *loop)
{
	for (size_t i = 1; i <= loop->n_timers; i++)
		loop->heap[i]->slot = 0;
	free(loop->heap);
}
