/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *err_text(int code)
{
#ifdef __GLIBC__
	const char *text = strerrordesc_np(code < 0 ? -code : code);

	return text ? text : "Unknown error";
#else
	return strerror(code < 0 ? -code : code); /* musl's is a table look-up */
#endif
}

static void err_vset(struct err *err, int code, bool explain, const char *fmt, va_list args)
{
	size_t used;
	int n;

	err->code = code;
	n = vsnprintf(err->text, sizeof(err->text), fmt, args);
	used = n < 0 ? 0 : MIN((size_t)n, sizeof(err->text) - 1);
	if (explain)
		(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", err_text(code));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	err_vset(err, code, code != -EINVAL && code != -EPROTO, fmt, args);
	va_end(args);
	return code;
}

int err_say(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	err_vset(err, code, false, fmt, args);
	va_end(args);
	return code;
}

int err_prefix(struct err *err, int code, const char *fmt, ...)
{
	char tail[sizeof(err->text)];
	va_list args;
	size_t used;
	int n;

	if (!err)
		return code;
	(void)snprintf(tail, sizeof(tail), "%s", err->code ? err->text : err_text(code));
	err->code = code;
	va_start(args, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = n < 0 ? 0 : MIN((size_t)n, sizeof(err->text) - 1);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", tail);
	return code;
}
