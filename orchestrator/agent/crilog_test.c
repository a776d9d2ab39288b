/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/crilog.h"

#include "tests/unit/test.h"

#include <string.h>

#include "base/own.h"

TEST(log_lines_are_taken_apart)
{
	static const struct {
		const char *line, *text;
		bool ours, from_stderr, partial;
	} cases[] = {
		{ "2026-11-24T10:05:16.123456789Z stdout F hello world", "hello world", true, false,
		  false },
		{ "2026-11-24T10:05:16Z stderr P part", "part", true, true, true },
		{ "2026-11-24T10:05:16Z stdout F ", "", true, false, false },
		{ "2026-11-24T10:05:16Z stdout F", "", true, false, false },
		{ "2026-11-24T10:05:16Z stdout F:tag x", "x", true, false, false },
		{ "no log line", "no log line", false, false, false },
		{ "", "", false, false, false },
		{ "2026-11-24T10:05:16Z other F x", "2026-11-24T10:05:16Z other F x", false, false,
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct crilog_line line;

		CHECK(crilog_parse(cases[i].line, strlen(cases[i].line), &line) == cases[i].ours);
		CHECK(line.len == strlen(cases[i].text) &&
		      memcmp(line.text, cases[i].text, line.len) == 0);
		if (!cases[i].ours)
			continue;
		CHECK(line.from_stderr == cases[i].from_stderr);
		CHECK(line.partial == cases[i].partial);
		CHECK(line.ns != 0);
	}
}
