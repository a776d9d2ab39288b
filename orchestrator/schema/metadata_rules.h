/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that every kind's metadata obeys (Kubernetes API conventions, "Metadata"). */
#pragma once

#include "orchestrator/schema/rules.h"

/* Qualified, or one of the standard ones; problems name "finalizers[i]" if @indexed. */
void metadata_finalizers(struct schema_site *site, const char *field,
			 const struct json_object *finalizers, bool indexed);
/* Keys, and the size of all; problems lie on "annotations". */
void metadata_annotations(struct schema_site *site, const struct json_object *annotations);
void metadata_validate(struct schema_site *site, const struct schema_kind *kind);
