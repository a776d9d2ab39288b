/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a container log in CRI format: "2026-11-24T10:05:16.123456789Z stdout F text\n". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crilog_line {
	const char *time; /* as written */
	size_t time_len;
	int64_t ns;		   /* the same, as a number; 0 if it can't be read */
	bool from_stderr, partial; /* partial: the text goes on in the next line */
	const char *text;
	size_t len;
};

/* @line without its newline. false: it is none of ours (then all of it is text). */
bool crilog_parse(const char *line, size_t len, struct crilog_line *ret);
