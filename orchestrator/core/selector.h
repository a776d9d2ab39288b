/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors of lists and watches, matched against an object's index alone. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "orchestrator/core/object.h"

#define SELECTOR_TERMS_MAX 256u

struct selector; /* both kinds of terms; NULL selects everything */

/* Either text may be NULL. -EINVAL with Kubernetes' sentence; *ret NULL when both are empty. */
int selector_new(const struct schema_kind *kind, const char *labels, const char *fields,
		 struct selector **ret, struct err *err);
struct selector *selector_free(struct selector *selector);
OWN_DEFINE(selector, struct selector *, selector_free)
#define auto_selector OWN(selector)
bool selector_match(const struct selector *selector, const struct object *object);
/* "metadata.name=x" among the field terms gives x, which turns a scan into a look-up. Or NULL. */
const char *selector_name(const struct selector *selector);
