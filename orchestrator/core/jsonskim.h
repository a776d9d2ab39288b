/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding one's way in JSON text that this program has written itself: compact and valid. Nothing
 * is checked; text from outside is parsed by base/json.h.
 */
#pragma once

#include <stdbool.h>

const char *jsonskim_string(const char *p); /* behind the string that starts at @p */
const char *jsonskim_value(const char *p);  /* behind the value that starts at @p */
/* Whether the quoted key at @p is @quoted: "\"uid\":". */
bool jsonskim_key_is(const char *p, const char *quoted);
