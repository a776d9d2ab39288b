/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where committed objects live. One contract, several backends: sqlite is the embedded default,
 * memory is for tests and the simulator.
 *
 * The contract. load() gives everything that was ever acknowledged, and a revision floor that is
 * greater than or equal to every revision ever handed out; it is called once, first. submit() makes
 * one core batch durable as a whole or not at all; its answer comes later, on the loop. At most one
 * durable batch is under way. A batch without durable records is kept too, but may be lost in a
 * crash: it is copied, and answered before submit() returns.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "orchestrator/core/core.h"

struct store;

typedef int store_load_fn(const char *key, uint64_t revision, const void *json, size_t len,
			  void *data, struct err *err);
/* @err: code 0, the batch is durable; else nothing of it was kept, and the sentence says why. */
typedef void store_done_fn(const struct err *err, void *data);

struct store_stats {
	uint64_t transactions, records; /* since open */
	int64_t last_ns;		/* what the last durable transaction took */
};

struct store_ops {
	/*
	 * A refusal by @fn ends the load and is returned. *ret_durable: the revision of the last
	 * durable record that was written, deletions included.
	 */
	int (*load)(struct store *store, store_load_fn *fn, void *data, uint64_t *ret_revision,
		    uint64_t *ret_durable, struct err *err);
	/* @batch stays valid and untouched until @done, if it is durable. */
	void (*submit)(struct store *store, const struct core_batch *batch, store_done_fn *done,
		       void *data);
	void (*stats)(struct store *store, struct store_stats *ret);
	/* Waits for what is under way, without calling its @done; frees. */
	void (*close)(struct store *store);
};
struct store {
	const struct store_ops *ops;
};

/* ---- sqlite ---- */

#define STORE_VERSION 1

/*
 * Open or create @path. -EBUSY: another process has it; -EPROTONOSUPPORT: a newer shallop wrote it;
 * -EBADMSG: it is not a store, or damaged. Each with a sentence that names the file.
 */
int store_sqlite_open(struct loop *loop, const char *path, struct store **ret, struct err *err);

/* ---- memory ---- */

/* @fail_nth: that durable submit (counted from 1) fails with -EIO; 0: none does. */
int store_memory_open(struct loop *loop, unsigned fail_nth, struct store **ret);

static inline struct store *store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
	return NULL;
}
OWN_DEFINE(store, struct store *, store_close)
#define auto_store OWN(store)
