/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the loop, for base/loop*.c only: fds, rounds and deferred work (loop.c), timers
 * (loop_timer.c), signals and children (loop_process.c).
 */
#pragma once

#include <signal.h>

#include "base/list.h"
#include "base/loop.h"

struct watch;
struct task;

struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *data;
	int64_t at_ns;
	uint64_t order; /* equal times fire in the order they were set */
	size_t slot;	/* in the heap, from 1; 0: not armed */
};

struct loop {
	struct event_base *base; /* NULL: virtual */
	int alarm_fd;
	int64_t alarm_ns; /* what it is armed for; INT64_MAX: not */

	int64_t now_ns, monotonic_ns;
	bool in_round, stopped;
	int64_t lag_ns, cpu_ns;

	struct watch **watches; /* by fd */
	size_t watches_cap;

	struct loop_timer **heap; /* [1..n_timers] */
	size_t n_timers, heap_cap, n_timer_handles;
	uint64_t timer_order;

	struct task *tasks; /* a ring; cap is a power of two */
	size_t tasks_head, n_tasks, tasks_cap, tasks_reserved;

	loop_fn *round_fn;
	void *round_data;

	int signal_fd;
	sigset_t signals;
	struct {
		loop_signal_fn *fn;
		void *data;
	} handlers[NSIG];

	struct list children, leftovers;
	void *scratch;
	size_t scratch_size;
};

/* The time of this round, or the real one outside of rounds. */
void loop_take_time(struct loop *loop);
bool loop_run_timers(struct loop *loop);
void loop_drop_timers(struct loop *loop); /* the loop ends: none is armed any more */
void loop_drop_processes(struct loop *loop);
