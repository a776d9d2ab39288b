/* SPDX-License-Identifier: Apache-2.0 */
/* exec, attach, log, portforward, proxy: checked here, then connected to the node by the server. */
#pragma once

#include "orchestrator/core/request.h"

/* enum core_stream_kind of a subresource's name, or -ENOENT. */
int podstream_kind(const char *subresource);
void podstream_start(struct request *request);
