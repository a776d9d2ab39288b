/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever parses has a canonical text that parses to the same value. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256], out[QUANTITY_TEXT_MAX];
	struct quantity first, again;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (quantity_parse(text, &first, NULL) < 0)
		return 0;
	assert(quantity_canonical(text, out, NULL) == 0);
	assert(quantity_parse(out, &again, NULL) == 0);
	assert(quantity_cmp(&first, &again) == 0);
	(void)quantity_value(&first);
	(void)quantity_milli_value(&first);
	return 0;
}
