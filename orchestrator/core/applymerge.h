/* SPDX-License-Identifier: Apache-2.0 */
/* The two movements of an apply on the object itself: laying over, and taking out. */
#pragma once

#include "orchestrator/core/fieldset.h"

/* Lay @config over @object, by its type: keyed lists by key, sets by value, atomic fields whole. */
int applymerge(const struct schema_type *type, struct json_object *object,
	       const struct json_object *config);
/* Take out of @object what is in @gone and not (nor anything below it) in @kept. */
int applymerge_prune(const struct schema_type *type, struct json_object *object,
		     struct fieldset *gone, struct fieldset *kept);
