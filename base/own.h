/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership shows in the declaration.
 *
 *	auto_free char *name = strdup(s);	freed when the scope ends
 *	*ret = take_ptr(&name);			given away instead
 *
 * A room adds its own auto_<type> with OWN_DEFINE(thing, struct thing *, thing_free).
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#define PRINTF_LIKE(fmt, args)		__attribute__((format(printf, fmt, args)))
#define MUST_CHECK			__attribute__((warn_unused_result))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Declare own_<name>_done(), to be used as: #define auto_<name> OWN(<name>) */
#define OWN_DEFINE(name, type, destroy)                                                            \
	static inline void own_##name##_done(type *p)                                              \
	{                                                                                          \
		(void)destroy(*p);                                                                 \
	}
#define OWN(name) __attribute__((cleanup(own_##name##_done)))

static inline void own_free_done(void *p)
{
	free(*(void **)p);
}
#define auto_free OWN(free)

/* An fd that is -EBADF (or any negative) is not open. Keeps errno, so it is safe on error paths. */
int fd_close(int fd); /* base/fd.h; always returns -EBADF */
OWN_DEFINE(close, int, fd_close)
#define auto_close OWN(close)

/* The value of *p, which becomes NULL (or -EBADF): ownership has moved to the caller. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_p_ = (p);                                                       \
		__typeof__(*take_p_) take_v_ = *take_p_;                                           \
		*take_p_ = NULL;                                                                   \
		take_v_;                                                                           \
	})

static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -9; /* -EBADF, without dragging errno.h into every file */
	return v;
}

/* Grow *items (element size @size) so that it holds @need of them; 0 or -ENOMEM. */
static inline int array_grow(void *items, size_t *cap, size_t need, size_t size)
{
	void **p = items, *bigger;
	size_t n = *cap ? *cap : 8;

	if (need <= *cap)
		return 0;
	while (n < need)
		n *= 2;
	bigger = reallocarray(*p, n, size);
	if (!bigger)
		return -12; /* -ENOMEM */
	*p = bigger;
	*cap = n;
	return 0;
}
