/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this room share. Include tests/unit/test.h before it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

/* JSON written with single quotes, so that C needs no backslashes. */
static inline struct json_object *json_of(const char *quoted)
{
	auto_free char *text = strdup(quoted);
	struct json_object *json = NULL;
	struct err err = { 0 };

	for (char *c = text; c && *c; c++)
		if (*c == '\'')
			*c = '"';
	if (!text || json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s: %s", err.text, quoted);
	return json;
}
