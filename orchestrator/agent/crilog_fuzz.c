/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "orchestrator/agent/crilog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crilog_line line;

	(void)crilog_parse((const char *)data, size, &line);
	if (line.text < (const char *)data || line.text + line.len > (const char *)data + size)
		abort();
	return 0;
}
