/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/jsonskim.h"

#include <string.h>

const char *jsonskim_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

const char *jsonskim_value(const char *p)
{
	int depth = 0;

	do {
		if (*p == '"') {
			p = jsonskim_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (depth > 0 || (*p != ',' && *p != '}' && *p != ']' && *p != '\0'));
	return p;
}

bool jsonskim_key_is(const char *p, const char *quoted)
{
	return strncmp(p, quoted, strlen(quoted)) == 0;
}
