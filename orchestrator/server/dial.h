/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that an agent opens to the API's port: the way of a pod to kubernetes.default. */
#pragma once

#include "base/loop.h"
#include "orchestrator/wire/wire.h"

/* Answer the open message @json of @channel; connects to 127.0.0.1:@port. */
void dial_start(struct loop *loop, struct wire_channel *channel, const char *json, size_t len,
		unsigned port);
