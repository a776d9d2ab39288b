/* SPDX-License-Identifier: Apache-2.0 */
/* Sets read from any text: written, they read the same; arithmetic keeps its laws. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "orchestrator/core/fieldset.h"

static bool same(const struct fieldset *a, const struct fieldset *b)
{
	auto_buf struct buf x = { 0 }, y = { 0 };

	assert(fieldset_write(&x, a) == 0 && fieldset_write(&y, b) == 0);
	return x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memchr(data, '\n', size);
	struct fieldset *a, *b, *both, *common, *left, *again;
	auto_buf struct buf text = { 0 };
	struct arena arena = { 0 };
	size_t first = cut ? (size_t)(cut - data) : size;

	if (!cut || fieldset_read(&arena, (const char *)data, first, &a) < 0 ||
	    fieldset_read(&arena, (const char *)cut + 1, size - first - 1, &b) < 0)
		goto out;
	assert(fieldset_union(&arena, a, b, &both) == 0);
	assert(fieldset_common(&arena, a, b, &common) == 0);
	assert(fieldset_minus(&arena, a, b, &left) == 0);
	/* what is left of a, with what it shares with b, is a */
	assert(fieldset_union(&arena, left, common, &again) == 0);
	assert(same(again, a));
	/* a and b without b is what is left of a */
	assert(fieldset_minus(&arena, both, b, &again) == 0);
	assert(same(again, left));
	assert(fieldset_write(&text, both) == 0);
	assert(fieldset_read(&arena, text.data, text.len, &again) == 0);
	assert(same(again, both));
out:
	arena_done(&arena);
	return 0;
}
