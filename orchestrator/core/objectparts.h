/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a struct object, for those who build it and those who read it. */
#pragma once

#include "base/map.h"
#include "orchestrator/core/object.h"

#define MANAGED_HEAD	 ",\"managedFields\":"
#define MANAGED_HEAD_LEN ((uint32_t)sizeof(MANAGED_HEAD) - 1)

/*
 * One allocation: this head, then @pool. All texts are offsets into the pool, which starts with
 * the key and ends with the serialized bytes.
 */
struct object {
	struct map_node node; /* in the published map of its resource: objectmap.h */
	const struct schema_kind *kind;
	uint64_t revision;
	int64_t created_ns;
	unsigned refs;
	uint32_t size;				/* of the pool */
	uint32_t tail, namespace, name, uid;	/* the key is at 0 */
	uint32_t labels, fields, owners, cells; /* runs of texts; cells 0: none */
	uint32_t json, json_len;
	uint32_t rv_at, item_at, meta_at, meta_end; /* offsets into the JSON */
	uint32_t managed_at, managed_end;	    /* the value of managedFields; 0: none */
	bool deleting, finalizers;
	char pool[];
};
