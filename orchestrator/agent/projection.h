/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes made of small files: configMap, secret, downwardAPI, projected; as what they contain. */
#pragma once

#include "orchestrator/agent/atomicdir.h"
#include "orchestrator/agent/volume.h"

/* Which of these a volume is: its field in spec.volumes[], or NULL. */
const char *projection_kind(const struct json_object *volume);
/* Collect the files of @volume. -EAGAIN: a token is not there yet; all else has been collected. */
int projection_collect(const struct volume_context *ctx, const struct json_object *volume,
		       struct atomicdir *dir, struct err *err);
/* Does @volume contain this object? @kind "ConfigMap" or "Secret". */
bool projection_uses(const struct json_object *volume, const char *kind, const char *name);
