/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/time.h"
#include "tests/unit/test.h"

#define TEXT(text) ((void *)(uintptr_t)(text)) /* callbacks take no const */

static char trace[256];

static void note(struct loop *loop, void *data)
{
	size_t used = strlen(trace);

	(void)loop;
	(void)snprintf(trace + used, sizeof(trace) - used, "%s ", (const char *)data);
}

TEST(loop_virtual_time_jumps_from_timer_to_timer)
{
	auto_loop struct loop *loop = NULL;
	struct loop_timer *timers[3];

	CHECK(loop_new_virtual(1000, &loop, NULL) == 0);
	CHECK(loop_timer_new(loop, note, TEXT("late"), &timers[0]) == 0);
	CHECK(loop_timer_new(loop, note, TEXT("soon"), &timers[1]) == 0);
	CHECK(loop_timer_new(loop, note, TEXT("never"), &timers[2]) == 0);
	trace[0] = '\0';
	loop_timer_set_ms(timers[0], 60000);
	loop_timer_set_ms(timers[1], 10);
	loop_timer_set_ms(timers[2], 20);
	loop_timer_clear(timers[2]);
	CHECK(!loop_timer_armed(timers[2]));
	CHECK(loop_run_until(loop, 1000 + NS_PER_S) == 0);
	CHECK_STR(trace, "soon ");
	CHECK_INT(loop_now_ns(loop), 1000 + NS_PER_S);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK_STR(trace, "soon late ");
	CHECK_INT(loop_now_ns(loop), 1000 + 60 * NS_PER_S);
	for (int i = 0; i < 3; i++)
		timers[i] = loop_timer_free(timers[i]);
}

TEST(loop_timers_fire_in_order_whatever_the_order_of_setting)
{
	auto_loop struct loop *loop = NULL;
	struct loop_timer *timers[64];
	char names[64][4], expected[256] = "";

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	trace[0] = '\0';
	for (int i = 0; i < 64; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%d", i);
		CHECK(loop_timer_new(loop, note, names[i], &timers[i]) == 0);
	}
	for (int i = 0; i < 64; i++)
		loop_timer_set_ms(timers[i * 37 % 64], i * 37 % 64);
	for (int i = 0; i < 64; i += 2)
		loop_timer_clear(timers[i]);
	for (int i = 1; i < 64; i += 2)
		(void)snprintf(expected + strlen(expected), 5, "%d ", i);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK_STR(trace, expected);
	for (int i = 0; i < 64; i++)
		timers[i] = loop_timer_free(timers[i]);
}

static void defer_more(struct loop *loop, void *data)
{
	note(loop, TEXT("first"));
	loop_defer(loop, note, data);
}

TEST(loop_deferred_work_ends_the_round_and_may_defer)
{
	auto_loop struct loop *loop = NULL;

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	loop_on_round(loop, note, TEXT("round"));
	trace[0] = '\0';
	loop_defer(loop, defer_more, TEXT("second"));
	CHECK(loop_step(loop, 0) == 1);
	CHECK_STR(trace, "first round second ");
	CHECK(loop_step(loop, 0) == 0);
	for (int i = 0; i < 1000; i++)
		loop_defer(loop, note, TEXT(""));
	CHECK(loop_run(loop, NULL) == 0);
}

static void read_one(struct loop *loop, int fd, unsigned events, void *data)
{
	char c;

	CHECK(events == LOOP_READ);
	CHECK(read(fd, &c, 1) == 1);
	*(char *)data = c;
	loop_unwatch(loop, fd);
	loop_stop(loop);
}

TEST(loop_watches_fds_and_keeps_time)
{
	auto_loop struct loop *loop = NULL;
	struct loop_timer *timer;
	int fds[2], before = open_fds();
	char got = 0;

	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(loop_watch(loop, fds[0], LOOP_READ, read_one, &got) == 0);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK(got == 'x');
	trace[0] = '\0';
	CHECK(loop_timer_new(loop, note, TEXT("timer"), &timer) == 0);
	loop_timer_set_ms(timer, 5);
	int64_t began_ns = time_monotonic_ns();
	while (!*trace)
		CHECK(loop_step(loop, -1) >= 0);
	int64_t took_ns = time_monotonic_ns() - began_ns;
	CHECK(took_ns >= 5 * NS_PER_MS && took_ns < 500 * NS_PER_MS);
	timer = loop_timer_free(timer);
	loop = loop_free(loop);
	(void)close(fds[0]);
	(void)close(fds[1]);
	CHECK(open_fds() == before);
}

TEST(loop_virtual_refuses_fds)
{
	auto_loop struct loop *loop = NULL;
	char got;

	CHECK(loop_new_virtual(0, &loop, NULL) == 0);
	CHECK(loop_watch(loop, 0, LOOP_READ, read_one, &got) == -ENOTSUP);
}

static void on_signal(struct loop *loop, int signo, void *data)
{
	*(int *)data = signo;
	loop_stop(loop);
}

TEST(loop_signals_arrive_as_events)
{
	auto_loop struct loop *loop = NULL;
	sigset_t old;
	int got = 0;

	(void)sigprocmask(SIG_BLOCK, NULL, &old);
	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(loop_signal(loop, SIGUSR1, on_signal, &got) == 0);
	CHECK(loop_signal(loop, SIGUSR2, on_signal, &got) == 0);
	CHECK(kill(getpid(), SIGUSR2) == 0);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK_INT(got, SIGUSR2);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void on_exit_of(struct loop *loop, pid_t pid, int code, int status, void *data)
{
	(void)pid;
	CHECK(code == CLD_EXITED);
	*(int *)data = status;
	loop_stop(loop);
}

TEST(loop_child_reports_the_exit_once)
{
	auto_loop struct loop *loop = NULL;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	CHECK(loop_new(&loop, NULL) == 0);
	CHECK(loop_child(loop, pid, (int)syscall(SYS_pidfd_open, pid, 0), on_exit_of, &status) ==
	      0);
	CHECK(loop_run(loop, NULL) == 0);
	CHECK_INT(status, 7);
	CHECK(waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD);
}

TEST(loop_new_leaves_nothing_behind_when_it_fails)
{
	int before = open_fds();

	for (unsigned nth = 1;; nth++) {
		auto_loop struct loop *loop = NULL;
		struct err err = { 0 };

		fault_arm(nth);
		int r = loop_new(&loop, &err);
		if (!fault_disarm()) {
			CHECK(r == 0 && loop);
			break;
		}
		CHECK(r < 0 && r == err.code && !loop);
		CHECK_INT(open_fds(), before);
	}
	CHECK_INT(open_fds(), before);
}
