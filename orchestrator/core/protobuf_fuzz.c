/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of any bytes can be decoded by the schema or is refused there. */
#include <stdint.h>

#include "orchestrator/core/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json struct json_object *json = NULL;
	auto_buf struct buf text = { 0 };

	if (protobuf_decode(data, size, &json, NULL) == 0)
		(void)json_write(&text, json);
	return 0;
}
