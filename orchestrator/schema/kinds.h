/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of the kinds: what their rows can't say. Each lies in the file of its kind. */
#pragma once

#include "orchestrator/schema/schema.h"

/* ---- defaults that depend on other fields: <kind>_defaults.c ---- */

void namespace_defaults(struct json_object *object);
void node_defaults(struct json_object *object);
void pod_defaults(struct json_object *object);
void pod_spec_defaults(struct json_object *spec); /* what templates get too */
void pod_template_defaults(struct json_object *object);
void secret_defaults(struct json_object *object);
void service_defaults(struct json_object *object);

/* ---- rules beyond the rows: <kind>_rules.c ---- */

struct schema_site;
typedef void schema_validate_fn(struct schema_site *site);
schema_validate_fn config_map_validate, endpoints_validate, event_validate, namespace_validate,
	node_validate, pod_validate, secret_validate, service_validate, endpoint_slice_validate;

/* ---- warnings.c ---- */

typedef void schema_warn_fn(const struct json_object *object, struct buf *lines);
schema_warn_fn pod_warn, pod_template_warn, service_warn;
