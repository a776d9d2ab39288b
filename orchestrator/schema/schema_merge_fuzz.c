/* SPDX-License-Identifier: Apache-2.0 */
/* Two JSON texts, split at a newline: an object and its patch, any of which may be hostile. */
#include <stdint.h>
#include <string.h>

#include "orchestrator/schema/schema.h"
#include "orchestrator/schema/schema_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	auto_json struct json_object *object = NULL;
	auto_json struct json_object *patch = NULL;
	auto_json struct json_object *diff = NULL;

	if (!line || size > 8192)
		return 0;
	if (json_parse((const char *)data, (size_t)(line - data), &object, NULL) < 0 ||
	    json_parse((const char *)line + 1, size - (size_t)(line - data) - 1, &patch, NULL) < 0)
		return 0;
	(void)schema_strategic_diff(&core_v1_pod, object, patch, object, &diff, NULL);
	(void)schema_strategic_merge(&core_v1_pod, object, patch, NULL);
	return 0;
}
