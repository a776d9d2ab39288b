/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one loop of a daemon: everything is an fd or a deadline, on libevent's core.
 *
 * A callback translates and posts; it neither blocks nor decides. Nothing is freed under its own
 * callback: loop_defer() runs its work when the round is over. Rounds are bounded: a source that
 * could go on for ever stops after its share and is called again.
 *
 * The clock belongs to the loop. loop_new_virtual() gives one whose time moves only when nothing
 * is left to do, for the simulator and for tests of time-outs; fds do not work on it (-ENOTSUP),
 * the in-memory streams of base/stream.h do.
 *
 * A round: the callbacks of fds that are ready, then timers that are due, deferred work, the
 * on_round function, and the work that this deferred. loop_new() has SIGPIPE ignored: a child must
 * put that back, as it must unblock the signals of loop_signal().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"

struct loop;
struct loop_timer;
struct loop_signal;

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };

int loop_new(struct loop **ret, struct err *err);
int loop_new_virtual(int64_t start_ns, struct loop **ret, struct err *err);
struct loop *loop_free(struct loop *loop);
OWN_DEFINE(loop, struct loop *, loop_free)
#define auto_loop OWN(loop)

int64_t loop_now_ns(const struct loop *loop);	    /* wall clock, taken once per round */
int64_t loop_monotonic_ns(const struct loop *loop); /* for intervals, taken once per round */

/* Run until loop_stop(). Virtual: also until nothing is left to do. */
int loop_run(struct loop *loop, struct err *err);
/* Virtual only: until nothing is left to do at or before @until_ns; then that is the time. */
int loop_run_until(struct loop *loop, int64_t until_ns);
/* One round: wait at most @timeout_ms (-1: for ever, 0: not at all). Returns 1 if anything
 * happened, 0 if not, or -errno. A virtual loop's clock goes forward by at most that. */
int loop_step(struct loop *loop, int timeout_ms);
void loop_stop(struct loop *loop);

/*
 * Level-triggered. One watch per fd; loop_watch() on a watched fd changes its @events and callback,
 * 0 keeps the watch but sleeps. Unwatch before closing the fd; both are fine inside the callback.
 */
typedef void loop_fd_fn(struct loop *loop, int fd, unsigned events, void *data);
int loop_watch(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *data);
void loop_unwatch(struct loop *loop, int fd);

/* One-shot timers, embedded nowhere: the handle is the caller's until loop_timer_free(). */
typedef void loop_fn(struct loop *loop, void *data);
int loop_timer_new(struct loop *loop, loop_fn *fn, void *data, struct loop_timer **ret);
struct loop_timer *loop_timer_free(struct loop_timer *timer);	 /* disarms; NULL is fine */
void loop_timer_set_ns(struct loop_timer *timer, int64_t in_ns); /* (re)arm, from now */
void loop_timer_set_ms(struct loop_timer *timer, int64_t in_ms);
void loop_timer_clear(struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);

/* Run @fn once, at the end of this round (or the next, outside callbacks). Never fails: the node
 * lives in a ring that grows; out of memory runs it at once. */
void loop_defer(struct loop *loop, loop_fn *fn, void *data);
/* Room in the ring for @tasks more, so that so many never run at once; take it back when done. */
int loop_defer_reserve(struct loop *loop, size_t tasks);
void loop_defer_unreserve(struct loop *loop, size_t tasks);

/* What nobody else will free if the loop ends before it does itself: loop_free() does then. To take
 * it back, list_remove(&leftover->link). */
struct loop_leftover {
	struct list link;
	void (*free)(struct loop_leftover *leftover);
};
void loop_adopt(struct loop *loop, struct loop_leftover *leftover);

/* Runs at the end of every round in which anything happened, after the deferred work: the place
 * where a batch is stepped and effects leave. One per loop. */
void loop_on_round(struct loop *loop, loop_fn *fn, void *data);

/* Signals, through signalfd (blocked for the process from the first call on). */
typedef void loop_signal_fn(struct loop *loop, int signo, void *data);
int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *data);

/* The end of a child: watches a pidfd (owned from now on), reaps it, calls @fn once. */
typedef void loop_exit_fn(struct loop *loop, pid_t pid, int code, int status, void *data);
int loop_child(struct loop *loop, pid_t pid, int pid_fd, loop_exit_fn *fn, void *data);
void loop_child_forget(struct loop *loop, pid_t pid);

/* Working memory for one callback, shared by all: at least @size bytes, larger only than what was
 * asked before if NULL (no memory) is fine. What is in it is lost when the callback returns. */
void *loop_scratch(struct loop *loop, size_t size);

/* The longest time a round's callbacks took, since the last call: the loop lag metric. */
int64_t loop_take_lag_ns(struct loop *loop);
