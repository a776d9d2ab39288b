/* SPDX-License-Identifier: Apache-2.0 */
/* What YAML reads can be written, and reads the same again. */
#include "base/yaml.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json struct json_object *documents = NULL, *again = NULL;
	auto_buf struct buf text = { 0 };

	if (yaml_parse((const char *)data, size, &documents, NULL) < 0)
		return 0;
	if (json_len(documents) == 0 || json_len(json_idx(documents, 0)) == 0)
		return 0;
	assert(yaml_write(&text, json_idx(documents, 0)) == 0);
	assert(yaml_parse(text.data, text.len, &again, NULL) == 0);
	return 0;
}
