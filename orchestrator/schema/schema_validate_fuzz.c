/* SPDX-License-Identifier: Apache-2.0 */
/* Any object of any kind, as new and as an update of itself. */
#include <stdint.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json struct json_object *json = NULL;
	auto_schema_problems struct schema_problems *problems = NULL;
	auto_buf struct buf found = BUF_INIT(1 << 20);
	auto_buf struct buf message = BUF_INIT(1 << 24);
	const struct schema_kind *kind;

	if (size < 2 || size > 8192)
		return 0;
	kind = schema_kinds[data[0] % schema_n_kinds];
	data++;
	size--;
	(void)schema_duplicates((const char *)data, size, &found);
	if (json_parse((const char *)data, size, &json, NULL) < 0 ||
	    schema_decode(kind->type, json, NULL, NULL) < 0)
		return 0;
	schema_default(kind, json);
	problems = schema_problems_new();
	schema_validate(kind, json, NULL, problems);
	schema_validate(kind, json, json, problems);
	(void)schema_problems_message(problems, kind, "x", &message);
	return 0;
}
