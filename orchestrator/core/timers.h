/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines in a binary heap, the timer embedded in what waits. Virtual time: nobody sleeps here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct core;
struct timer;
typedef void timer_fn(struct core *core, struct timer *timer);
struct timer {
	timer_fn *fire;
	int64_t at_ns;
	size_t slot; /* index + 1 in the heap; 0: not armed */
};
struct timers {
	struct timer **heap;
	size_t n, cap;
};

int timers_arm(struct timers *timers, struct timer *timer, int64_t at_ns); /* also moves it */
void timers_disarm(struct timers *timers, struct timer *timer);
int64_t timers_next(const struct timers *timers);		 /* INT64_MAX: none */
struct timer *timers_due(struct timers *timers, int64_t now_ns); /* disarmed; NULL: none is due */
void timers_done(struct timers *timers);
