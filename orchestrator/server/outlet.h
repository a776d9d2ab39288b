/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client on their way to a node: sub-stream 0 of a wire channel, and what the channel does
 * not take at once. The source is to be paused while an outlet is full; what it had already sent is
 * kept here, at most OUTLET_MAX.
 */
#pragma once

#include "base/buf.h"
#include "orchestrator/wire/wire.h"

#define OUTLET_MAX ((size_t)2 << 20)

struct outlet {
	struct wire_channel *channel; /* NULL: closed; what comes goes nowhere */
	struct buf rest;
	bool end_asked, end_sent;
};
void outlet_init(struct outlet *outlet);
void outlet_done(struct outlet *outlet);

/* False: full, pause the source until outlet_writable() is true. Bytes are taken in any case; a
 * source that goes on beyond OUTLET_MAX loses them, and outlet_broken() says so. */
bool outlet_write(struct outlet *outlet, const void *bytes, size_t len);
static inline bool outlet_broken(const struct outlet *outlet)
{
	return buf_error(&outlet->rest) < 0;
}
/* From the channel's on_writable: go on. True: there is room. */
bool outlet_writable(struct outlet *outlet);
/* No more comes; told to the node after all that waits. */
void outlet_end(struct outlet *outlet);
