/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever decodes as a Pod can be defaulted, written, shown, and decoded again to the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schema_kind *kind = schema_kind_of_resource("", "v1", "pods");
	auto_json struct json_object *json = NULL;
	auto_json struct json_object *again = NULL;
	auto_json struct json_object *cells = NULL;
	auto_buf struct buf unknown = BUF_INIT(1 << 20);
	auto_buf struct buf once = BUF_INIT(1 << 24);
	auto_buf struct buf twice = BUF_INIT(1 << 24);

	if (size > 8192 || json_parse((const char *)data, size, &json, NULL) < 0 ||
	    schema_decode(kind->type, json, &unknown, NULL) < 0)
		return 0;
	schema_default(kind, json);
	assert(schema_write(&once, kind->type, json) == 0);
	cells = schema_cells(kind, json);
	assert(cells);
	assert(json_parse(once.data, once.len, &again, NULL) == 0);
	assert(schema_decode(kind->type, again, NULL, NULL) == 0);
	schema_default(kind, again);
	assert(schema_write(&twice, kind->type, again) == 0);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	return 0;
}
