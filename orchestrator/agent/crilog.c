/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/crilog.h"

#include <string.h>

#include "base/own.h"
#include "base/time.h"

/* Length of the word at @p, or 0 if no space follows it. */
static size_t word(const char *p, const char *end)
{
	const char *space = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;

	return space ? (size_t)(space - p) : 0;
}

bool crilog_parse(const char *line, size_t len, struct crilog_line *ret)
{
	const char *p = line, *end = line + len;
	char time[TIME_TEXT_MAX];
	size_t n = word(p, end);

	*ret = (struct crilog_line){ .text = line, .len = len };
	if (n == 0 || n >= sizeof(time))
		return false;
	memcpy(time, p, n);
	time[n] = '\0';
	if (time_parse(time, &ret->ns) < 0) {
		ret->ns = 0;
		return false;
	}
	ret->time = p;
	ret->time_len = n;
	p += n + 1;
	n = word(p, end);
	ret->from_stderr = n == 6 && memcmp(p, "stderr", 6) == 0;
	if (!ret->from_stderr && !(n == 6 && memcmp(p, "stdout", 6) == 0))
		return false;
	p += n + 1;
	n = word(p, end);
	if (n == 0 || (*p != 'F' && *p != 'P')) {
		if (end - p == 1 && *p == 'F') { /* an empty line whose space was trimmed */
			ret->text = end;
			ret->len = 0;
			return true;
		}
		return false;
	}
	ret->partial = *p == 'P';
	p += n + 1;
	ret->text = p;
	ret->len = (size_t)(end - p);
	return true;
}
