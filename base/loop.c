/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop_impl.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/fd.h"
#include "base/time.h"

/*
 * libevent waits for fds; timers are kept in a heap of our own, so that a virtual loop, which has
 * no event base, shares all of the rest. The alarm, a timerfd, ends a wait when the first timer is
 * due: libevent's own time-outs are either 4 ms coarse or cost a system call in every round.
 */
struct watch {
	struct loop *loop;
	struct event *read, *write;
	loop_fd_fn *fn;
	void *data;
	int fd;
	unsigned events;
};

struct task {
	loop_fn *fn;
	void *data;
};

/* ---- the clock and the round ---- */

void loop_take_time(struct loop *loop)
{
	if (!loop->base)
		return;
	loop->now_ns = time_now_ns();
	loop->monotonic_ns = time_monotonic_ns();
}

/* libevent calls nothing between its wait and the first callback, so each callback comes here. */
static void round_begin(struct loop *loop)
{
	if (loop->in_round)
		return;
	loop->in_round = true;
	loop_take_time(loop);
}

int64_t loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

int64_t loop_monotonic_ns(const struct loop *loop)
{
	return loop->monotonic_ns;
}

int64_t loop_take_lag_ns(struct loop *loop)
{
	int64_t lag_ns = loop->lag_ns;

	loop->lag_ns = 0;
	return lag_ns;
}

void *loop_scratch(struct loop *loop, size_t size)
{
	void *bigger;

	if (size <= loop->scratch_size)
		return loop->scratch;
	bigger = realloc(loop->scratch, size);
	if (!bigger)
		return NULL;
	loop->scratch = bigger;
	loop->scratch_size = size;
	return bigger;
}

/* ---- life ---- */

static struct loop *loop_alloc(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->signal_fd = loop->alarm_fd = -EBADF;
	loop->alarm_ns = INT64_MAX;
	list_init(&loop->children);
	list_init(&loop->leftovers);
	(void)sigemptyset(&loop->signals);
	return loop;
}

static void on_alarm(struct loop *loop, int fd, unsigned events, void *data)
{
	uint64_t times;

	(void)events;
	(void)data;
	if (read(fd, &times, sizeof(times)) > 0)
		loop->alarm_ns = INT64_MAX;
}

static int alarm_set(struct loop *loop, int64_t at_ns)
{
	struct itimerspec at = { .it_value = { at_ns / NS_PER_S, at_ns % NS_PER_S } };

	if (timerfd_settime(loop->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return -errno;
	loop->alarm_ns = at_ns;
	return 0;
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_require_features(config, EV_FEATURE_O1) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int loop_new(struct loop **ret, struct err *err)
{
	auto_loop struct loop *loop = loop_alloc();
	int r;

	if (!loop)
		return err_set(err, -ENOMEM, "make event loop");
	loop->base = base_new();
	if (!loop->base)
		return err_set(err, -ENOMEM, "make event base");
	loop->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->alarm_fd < 0)
		return err_set(err, -errno, "make event loop's timer");
	r = loop_watch(loop, loop->alarm_fd, LOOP_READ, on_alarm, NULL);
	if (r < 0)
		return err_set(err, r, "watch event loop's timer");
	(void)signal(SIGPIPE, SIG_IGN);
	loop_take_time(loop);
	*ret = take_ptr(&loop);
	return 0;
}

int loop_new_virtual(int64_t start_ns, struct loop **ret, struct err *err)
{
	struct loop *loop = loop_alloc();

	if (!loop)
		return err_set(err, -ENOMEM, "make virtual loop");
	loop->now_ns = loop->monotonic_ns = start_ns;
	*ret = loop;
	return 0;
}

static struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->read)
		event_free(watch->read);
	if (watch->write)
		event_free(watch->write);
	free(watch);
	return NULL;
}

static bool run_tasks(struct loop *loop);

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	while (!list_empty(&loop->leftovers)) {
		struct loop_leftover *leftover =
			list_entry(loop->leftovers.next, struct loop_leftover, link);

		list_remove(&leftover->link);
		leftover->free(leftover);
	}
	/* Deferred work is often a last free(): let it happen, within reason. */
	for (int i = 0; i < 64 && run_tasks(loop); i++)
		;
	loop_drop_processes(loop);
	for (size_t i = 0; i < loop->watches_cap; i++)
		(void)watch_free(loop->watches[i]);
	free(loop->watches);
	loop_drop_timers(loop);
	free(loop->tasks);
	free(loop->scratch);
	loop->alarm_fd = fd_close(loop->alarm_fd);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
	return NULL;
}

/* ---- fds ---- */

static void on_fd(int fd, short what, void *data)
{
	struct watch *watch = data;
	unsigned events = (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u);

	round_begin(watch->loop);
	events &= watch->events; /* the other half's callback may have put this one to sleep */
	if (events)
		watch->fn(watch->loop, fd, events, watch->data);
}

static int watch_half(struct watch *watch, struct event **event, short what, bool on)
{
	if (!on) {
		if (*event)
			(void)event_del(*event);
		return 0;
	}
	if (!*event)
		*event = event_new(watch->loop->base, watch->fd, (short)(what | EV_PERSIST), on_fd,
				   watch);
	if (!*event)
		return -ENOMEM;
	errno = 0;
	if (event_add(*event, NULL) < 0)
		return errno ? -errno : -ENOMEM;
	return 0;
}

static int watch_slot(struct loop *loop, int fd)
{
	size_t old = loop->watches_cap;
	int r = array_grow(&loop->watches, &loop->watches_cap, (size_t)fd + 1,
			   sizeof(struct watch *));

	if (r == 0 && loop->watches_cap > old)
		memset(loop->watches + old, 0, (loop->watches_cap - old) * sizeof(struct watch *));
	return r;
}

int loop_watch(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *data)
{
	unsigned changed;
	struct watch *watch;
	int r;

	assert(fd >= 0 && fn);
	if (!loop->base)
		return -ENOTSUP;
	r = watch_slot(loop, fd);
	if (r < 0)
		return r;
	watch = loop->watches[fd];
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return -ENOMEM;
		watch->loop = loop;
		watch->fd = fd;
		loop->watches[fd] = watch;
	}
	watch->fn = fn;
	watch->data = data;
	changed = watch->events ^ events;
	if (changed & LOOP_READ)
		r = watch_half(watch, &watch->read, EV_READ, events & LOOP_READ);
	if (r == 0 && changed & LOOP_WRITE)
		r = watch_half(watch, &watch->write, EV_WRITE, events & LOOP_WRITE);
	if (r < 0) {
		loop_unwatch(loop, fd);
		return r;
	}
	watch->events = events;
	return 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->watches_cap)
		return;
	loop->watches[fd] = watch_free(loop->watches[fd]);
}

/* ---- deferred work ---- */

static int tasks_grow(struct loop *loop, size_t need)
{
	size_t cap = loop->tasks_cap ? loop->tasks_cap : 64;
	struct task *tasks;

	if (need <= loop->tasks_cap)
		return 0;
	while (cap < need)
		cap *= 2;
	tasks = reallocarray(NULL, cap, sizeof(*tasks));
	if (!tasks)
		return -ENOMEM;
	for (size_t i = 0; i < loop->n_tasks; i++)
		tasks[i] = loop->tasks[(loop->tasks_head + i) & (loop->tasks_cap - 1)];
	free(loop->tasks);
	loop->tasks = tasks;
	loop->tasks_cap = cap;
	loop->tasks_head = 0;
	return 0;
}

int loop_defer_reserve(struct loop *loop, size_t tasks)
{
	int r = tasks_grow(loop, loop->tasks_reserved + tasks + loop->n_tasks);

	if (r == 0)
		loop->tasks_reserved += tasks;
	return r;
}

void loop_defer_unreserve(struct loop *loop, size_t tasks)
{
	assert(loop->tasks_reserved >= tasks);
	loop->tasks_reserved -= tasks;
}

void loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
	if (tasks_grow(loop, loop->n_tasks + 1) < 0) {
		fn(loop, data);
		return;
	}
	loop->tasks[(loop->tasks_head + loop->n_tasks++) & (loop->tasks_cap - 1)] =
		(struct task){ fn, data };
}

/* What was deferred before this call; what it defers itself waits for the next one. */
static bool run_tasks(struct loop *loop)
{
	size_t n = loop->n_tasks;

	for (size_t i = 0; i < n; i++) {
		struct task task = loop->tasks[loop->tasks_head];

		loop->tasks_head = (loop->tasks_head + 1) & (loop->tasks_cap - 1);
		loop->n_tasks--;
		task.fn(loop, task.data);
	}
	return n > 0;
}

void loop_adopt(struct loop *loop, struct loop_leftover *leftover)
{
	list_append(&loop->leftovers, &leftover->link);
}

void loop_on_round(struct loop *loop, loop_fn *fn, void *data)
{
	loop->round_fn = fn;
	loop->round_data = data;
}

/* ---- running ---- */

static int64_t next_due_ns(const struct loop *loop)
{
	if (loop->n_tasks)
		return loop->monotonic_ns;
	return loop->n_timers ? loop->heap[1]->at_ns : INT64_MAX;
}

/* Wait for fds and run their callbacks, not past @until_ns. */
static int wait_fds(struct loop *loop, int64_t until_ns)
{
	int flags = EVLOOP_ONCE;
	int r;

	/* The time of the last round is good enough to see that something is due already. */
	if (until_ns <= loop->monotonic_ns) {
		flags = EVLOOP_NONBLOCK;
	} else if (until_ns < loop->alarm_ns) {
		r = alarm_set(loop, until_ns);
		if (r < 0)
			return r;
	}
	return event_base_loop(loop->base, flags) < 0 ? -EIO : 0;
}

/*
 * A round that takes long keeps everybody waiting: lookups, du, network mounts belong into workers.
 * Sanitizer builds say so (LOOP_WATCHDOG_MS), with the CPU's share, since on a busy machine the rest
 * may be other people's.
 */
static void watch_lag(struct loop *loop, int64_t took_ns)
{
	loop->lag_ns = MAX(loop->lag_ns, took_ns);
#ifdef LOOP_WATCHDOG_MS
	struct timespec cpu;
	int64_t cpu_ns, used_ns;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	cpu_ns = cpu.tv_sec * NS_PER_S + cpu.tv_nsec;
	used_ns = cpu_ns - loop->cpu_ns;
	loop->cpu_ns = cpu_ns;
	if (took_ns > LOOP_WATCHDOG_MS * NS_PER_MS)
		(void)fprintf(stderr,
			      "loop: a round took %lld ms (%lld ms of CPU since the last)\n",
			      (long long)(took_ns / NS_PER_MS), (long long)(used_ns / NS_PER_MS));
#endif
}

/* The second half of a round. Returns whether anything happened in it. */
static bool round_end(struct loop *loop, bool any)
{
	int64_t began_ns = loop->monotonic_ns;

	loop->in_round = true;
	any |= loop_run_timers(loop);
	any |= run_tasks(loop);
	if (any && loop->round_fn) {
		loop->round_fn(loop, loop->round_data);
		(void)run_tasks(loop);
	}
	loop->in_round = false;
	if (loop->base && any)
		watch_lag(loop, time_monotonic_ns() - began_ns);
	return any;
}

static int step_real(struct loop *loop, int timeout_ms)
{
	int64_t until_ns = next_due_ns(loop);
	bool any;
	int r;

	if (timeout_ms >= 0) {
		if (timeout_ms)
			loop_take_time(loop);
		until_ns = MIN(until_ns, loop->monotonic_ns + timeout_ms * NS_PER_MS);
	}
	r = wait_fds(loop, until_ns);
	if (r < 0)
		return r;
	any = loop->in_round;
	if (!any)
		loop_take_time(loop);
	return round_end(loop, any);
}

static int step_virtual(struct loop *loop, int64_t until_ns)
{
	int64_t due_ns = next_due_ns(loop);

	if (due_ns > until_ns || due_ns == INT64_MAX)
		return 0;
	if (due_ns > loop->monotonic_ns)
		loop->now_ns = loop->monotonic_ns = due_ns;
	return round_end(loop, false);
}

int loop_step(struct loop *loop, int timeout_ms)
{
	if (loop->base)
		return step_real(loop, timeout_ms);
	return step_virtual(loop, timeout_ms < 0 ? INT64_MAX
						 : loop->monotonic_ns + timeout_ms * NS_PER_MS);
}

int loop_run(struct loop *loop, struct err *err)
{
	int r = 0;

	loop->stopped = false;
	while (!loop->stopped) {
		r = loop_step(loop, -1);
		if (r < 0)
			return err_set(err, r, "event loop");
		if (r == 0 && !loop->base)
			break;
	}
	return 0;
}

int loop_run_until(struct loop *loop, int64_t until_ns)
{
	assert(!loop->base);
	loop->stopped = false;
	while (!loop->stopped && step_virtual(loop, until_ns) > 0)
		;
	if (!loop->stopped && until_ns > loop->monotonic_ns)
		loop->now_ns = loop->monotonic_ns = until_ns;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
