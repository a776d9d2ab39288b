/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests: beside the code as <file>_test.c, one binary a room, run by cmocka.
 *
 *	TEST(map_keeps_order)
 *	{
 *		CHECK(map_first(&map) == &a.node);
 *	}
 *
 * A TEST registers itself. Run one: build/<variant>/test/base_test 'map_*'.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_case {
	struct CMUnitTest test;
	struct test_case *next;
};
void test_register(struct test_case *c);

#define TEST(id)                                                                                   \
	static void id(void **cmocka_state);                                                       \
	__attribute__((constructor)) static void id##_register(void)                               \
	{                                                                                          \
		static struct test_case c = { { #id, id, NULL, NULL, NULL }, NULL };               \
		test_register(&c);                                                                 \
	}                                                                                          \
	static void id(__attribute__((unused)) void **cmocka_state)

#define CHECK(truth)	_assert_true((truth) ? 1 : 0, #truth, __FILE__, __LINE__)
#define CHECK_INT(a, b) _assert_int_equal((uintmax_t)(a), (uintmax_t)(b), __FILE__, __LINE__)
#define CHECK_STR(a, b) _assert_string_equal((a), (b), __FILE__, __LINE__)

/* Leave the test as skipped, and say why. */
#define SKIP(...)                                                                                  \
	do {                                                                                       \
		print_message("SKIP: " __VA_ARGS__);                                               \
		print_message("\n");                                                               \
		skip();                                                                            \
	} while (0)

/* ---- fault injection: the nth libc call from here on fails (tests/unit/fault.c) ---- */

/* Calls of the product's own objects only, by the linker's --wrap; libraries are not touched. In this
 * process only, or only in those it clones; fault_disarm() knows nothing of the latter. */
void fault_arm(unsigned nth);
void fault_arm_clones(unsigned nth);
bool fault_disarm(void);      /* true: a call did fail since fault_arm() */
const char *fault_name(void); /* which function it was */

/* ---- what must be as before ---- */

int open_fds(void);		   /* of this process */
int dir_entries(const char *path); /* not counting . and ..; -errno */
int mount_count(void);		   /* lines of /proc/self/mountinfo */

/* A fresh directory below $TMPDIR, removed at exit. */
const char *test_dir(void);
