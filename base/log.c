/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/time.h"

static const struct {
	const char *name, *syslog;
} levels[] = {
	[LOG_ERROR] = { "error", "<3>" },
	[LOG_WARN] = { "warning", "<4>" },
	[LOG_INFO] = { "info", "<6>" },
	[LOG_TRACE] = { "trace", "<7>" },
};
_Static_assert(ARRAY_LEN(levels) == LOG_LEVEL_COUNT, "every level has a row");

static struct {
	const char *program;
	enum log_level most;
	bool journal;
} state = { "shallop", LOG_INFO, false };

void log_open(const char *program, enum log_level most)
{
	state.program = program;
	state.most = most;
	state.journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_wants(enum log_level level)
{
	return level <= state.most;
}

void log_say(enum log_level level, const char *fmt, ...)
{
	char line[1024], stamp[TIME_TEXT_MAX];
	va_list args;
	size_t used;
	int n;

	if (level > state.most)
		return;
	n = state.journal ? snprintf(line, sizeof(line), "%s", levels[level].syslog)
			  : snprintf(line, sizeof(line),
				     "%s %s %s: ", time_format_micro(time_now_ns(), stamp),
				     state.program, levels[level].name);
	used = (size_t)n;
	va_start(args, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, args);
	va_end(args);
	used = n < 0 ? used : MIN(used + (size_t)n, sizeof(line) - 2);
	/* One line per message, whatever a peer put into it. */
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
			line[i] = ' ';
	line[used++] = '\n';
	(void)fd_write_all(STDERR_FILENO, line, used); /* stderr gone: nowhere left to say so */
}
