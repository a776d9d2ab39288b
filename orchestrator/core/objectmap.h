/* SPDX-License-Identifier: Apache-2.0 */
/* The published map of a resource: objects by their key below the resource's prefix. */
#pragma once

#include "base/map.h"
#include "orchestrator/core/object.h"

/* The node that an object brings along; it may be in one map at a time. */
struct map_node *object_node(struct object *object);
struct object *object_of_node(const struct map_node *node); /* NULL for NULL */
