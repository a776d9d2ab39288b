/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that travels: a negative errno for the program, a sentence for the person.
 *
 * A function that knows a name the user would recognise takes a struct err * as its last argument
 * (NULL if nobody cares). The lowest such function fills it, callers may put their own name in
 * front. Text: lower case, verb and object, no full stop:
 *
 *	pod default/web: unpack layer sha256:4be2…: No space left on device
 *
 * err_set() and err_prefix() add the errno's own text after a colon, except for a @code of
 * -EINVAL and -EPROTO, whose sentence must say what is wrong by itself, and for ERR_PLAIN codes.
 */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "base/own.h"

struct err {
	int code;	/* negative errno; 0 while nothing has failed */
	char text[508]; /* "pod default/web: cgroup web-0: set memory.max: Invalid argument" */
};
_Static_assert(sizeof(struct err) <= PIPE_BUF, "a child reports its error in one atomic write");

/* Returns @code; @err may be NULL. The errno's text is appended (see above). */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same without the errno's text: the sentence is complete. */
int err_say(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "fmt: " in front of what @err already says (or of @code's text). Returns @code. */
int err_prefix(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The text of a negative errno, from a static table: safe after clone. */
const char *err_text(int code);
