/* SPDX-License-Identifier: Apache-2.0 */
/* What the server counts about itself, for /metrics and /readyz. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "orchestrator/core/core.h"
#include "orchestrator/server/store.h"

struct metrics {
	struct loop *loop;
	struct core *core;
	struct store *store;
	int64_t started_ns;
	/* Lines about each node with a session (nodefront.c); may be NULL. */
	void (*write_nodes)(void *data, struct buf *out);
	void *nodes;
	uint64_t requests, responses_by_class[6]; /* [2]: 2xx … */
	uint64_t connections_total, connections_refused;
	size_t connections, node_sessions, streams;
	bool store_failed;	    /* its last batch was not kept */
	int64_t lag_ns, lag_max_ns; /* of the loop: since the last look, ever */
};
/* Text exposition format 0.0.4, appended to @out. */
int metrics_write(struct metrics *metrics, struct buf *out);
/* NULL: ready; else what is wrong, in a few words. */
const char *metrics_unready(struct metrics *metrics);
