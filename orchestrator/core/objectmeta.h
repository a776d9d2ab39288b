/* SPDX-License-Identifier: Apache-2.0 */
/* What the server, not the client, decides about metadata. */
#pragma once

#include "orchestrator/core/request.h"

/* uid, creationTimestamp, generation, a generated name; what only the server sets is dropped. */
int objectmeta_on_create(struct request *request, struct json_object *json);
/* What an update may not touch comes back from @old; resourceVersion goes. */
int objectmeta_on_update(const struct schema_kind *kind, struct json_object *json,
			 const struct json_object *old);
/* Bump generation if what counts for the kind has changed. */
int objectmeta_generation(const struct schema_kind *kind, struct json_object *json,
			  const struct json_object *old);
int objectmeta_set_namespace(const struct schema_kind *kind, struct json_object *json,
			     const char *namespace);
void objectmeta_random_suffix(struct core *core, char suffix[6]);
void objectmeta_uid(struct core *core, char uid[37]);
/* Equal but for members called @key, at any depth, and times of managedFields. */
bool objectmeta_equal_but(const struct json_object *a, const struct json_object *b,
			  const char *key);
