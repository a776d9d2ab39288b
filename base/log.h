/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs say about themselves, one line each on stderr, prefixed for journald ("<4>")
 * when stderr is a journal stream and with a time stamp when it is not. Only mains, server/, agent/
 * and ctl/ log; libraries return a struct err.
 */
#pragma once

#include <stdbool.h>

#include "base/own.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_TRACE, LOG_LEVEL_COUNT };

void log_open(const char *program, enum log_level most);
bool log_wants(enum log_level level);
void log_say(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_say(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_say(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_say(LOG_INFO, __VA_ARGS__)
#define log_trace(...) log_say(LOG_TRACE, __VA_ARGS__)
