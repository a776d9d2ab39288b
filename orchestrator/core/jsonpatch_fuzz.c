/* SPDX-License-Identifier: Apache-2.0 */
/* Two JSON texts behind each other, a NUL between: a document and a patch of either kind. */
#include <stdint.h>
#include <string.h>

#include "orchestrator/core/jsonpatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json struct json_object *document = NULL, *other = NULL, *patch = NULL;
	const uint8_t *cut = memchr(data, 0, size);
	struct err err;

	if (!cut || json_parse((const char *)data, (size_t)(cut - data), &document, NULL) < 0 ||
	    json_parse((const char *)cut + 1, size - (size_t)(cut + 1 - data), &patch, NULL) < 0)
		return 0;
	other = json_copy(document);
	(void)jsonpatch_apply(&document, patch, &err);
	(void)jsonpatch_merge(&other, patch);
	return 0;
}
