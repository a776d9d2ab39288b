/* SPDX-License-Identifier: Apache-2.0 */
/* A label selector, a field selector, a query, a path and an Accept header from the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "orchestrator/core/accept.h"
#include "orchestrator/core/apipath.h"
#include "orchestrator/core/apiquery.h"
#include "orchestrator/core/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schema_kind *pods = schema_kind_of_kind("", "v1", "Pod");
	auto_selector struct selector *labels = NULL, *fields = NULL;
	auto_free char *text = strndup((const char *)data, size);
	struct apiquery query;
	struct apipath path;
	struct accept accept;
	struct err err;

	if (!text)
		return 0;
	(void)selector_new(pods, text, NULL, &labels, &err);
	(void)selector_new(pods, NULL, text, &fields, &err);
	if (apiquery_parse(text, &query, &err) == 0)
		apiquery_done(&query);
	if (apipath_parse(text, &path) == 0) {
		assert(path.resource && path.name && path.rest);
		apipath_done(&path);
	}
	(void)accept_parse(text, &accept);
	return 0;
}
