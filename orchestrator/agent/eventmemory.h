/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events were told lately, so that the same one again raises the count of the first instead of
 * being another object: as client-go's recorder does it for the kubelet. Bounded: the one told
 * longest ago is forgotten.
 */
#pragma once

#include <stdint.h>

#include "base/json.h"

#define EVENTMEMORY_MAX 256

struct eventmemory {
	struct {
		uint64_t key;	  /* of what makes two events the same; 0: free */
		uint64_t name_ns; /* the name's second part */
		int64_t count, last_ns;
		char first[40]; /* firstTimestamp of the first */
	} rows[EVENTMEMORY_MAX];
	uint64_t last_name_ns; /* names rise with time, also within one tick of the clock */
};

/*
 * Complete @event (involvedObject, reason, message, type, source are there): metadata.name
 * ("web.187f4c5b9d2a7c31", as client-go names them, so that names sort by time), firstTimestamp,
 * lastTimestamp and count.
 */
int eventmemory_stamp(struct eventmemory *memory, struct json_object *event, int64_t now_ns);
