/* SPDX-License-Identifier: Apache-2.0 */
/* A template on a fixed object; what it prints must not be able to crash or run away. */
#include <stdlib.h>
#include <string.h>

#include "ctl/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char object[] =
		"{\"a\":[1,2.5,\"x\",{\"b\":null}],\"b\":{\"c\":[true]},\"k\":\"v\"}";
	static struct json_object *json;
	auto_jsonpath struct jsonpath *path = NULL;
	auto_buf struct buf out = BUF_INIT((size_t)1 << 20), relaxed = { 0 };
	char *text = strndup((const char *)data, size);

	if (!json && json_parse(object, strlen(object), &json, NULL) < 0)
		abort();
	if (text && jsonpath_parse(text, &path, NULL) == 0)
		(void)jsonpath_print(path, json, true, size % 2, &out, NULL);
	if (text)
		(void)jsonpath_relax(text, &relaxed, NULL);
	free(text);
	return 0;
}
