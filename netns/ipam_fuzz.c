/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "netns/ipam_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipam_record record;
	bool released;

	if (ipam_log_parse((const char *)data, size, &record, &released) == 0)
		free(record.ports);
	return 0;
}
