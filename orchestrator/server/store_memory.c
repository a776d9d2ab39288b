/* SPDX-License-Identifier: Apache-2.0 */
/* The store of tests and of the simulator: records in a map, answers in the next round. */
#include "orchestrator/server/store.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"

struct memory_record {
	struct map_node node;
	uint64_t revision;
	size_t len;
	char *key;
	char json[];
};

struct store_memory {
	struct store base;
	struct loop *loop;
	struct map records;
	uint64_t revision, durable;
	unsigned submits, fail_nth;
	store_done_fn *done; /* of the batch under way */
	void *data;
	struct err err;
	bool closed; /* the deferred answer frees it */
	struct store_stats stats;
};

static void drop(struct store_memory *m, const char *key)
{
	struct map_node *node = map_find(&m->records, key);
	struct memory_record *record;

	if (!node)
		return;
	record = map_entry(node, struct memory_record, node);
	map_remove(&m->records, node);
	free(record->key);
	free(record);
}

static int put(struct store_memory *m, const struct core_record *from)
{
	struct memory_record *record = malloc(sizeof(*record) + from->len);

	if (!record)
		return -ENOMEM;
	*record = (struct memory_record){ .revision = from->revision, .len = from->len };
	record->key = strdup(from->key);
	if (!record->key) {
		free(record);
		return -ENOMEM;
	}
	memcpy(record->json, from->json, from->len);
	drop(m, from->key);
	(void)map_insert(&m->records, &record->node, record->key);
	return 0;
}

static void memory_free(struct store_memory *m)
{
	map_for_each (node, next, &m->records)
		drop(m, node->key);
	free(m);
}

static void answer(struct loop *loop, void *data)
{
	struct store_memory *m = data;
	store_done_fn *done = m->done;

	(void)loop;
	if (m->closed) {
		memory_free(m);
		return;
	}
	m->done = NULL;
	done(&m->err, m->data);
}

static void memory_submit(struct store *store, const struct core_batch *batch, store_done_fn *done,
			  void *data)
{
	struct store_memory *m = CONTAINER_OF(store, struct store_memory, base);
	int r = 0;

	m->err = (struct err){ 0 };
	if (batch->durable && m->fail_nth && ++m->submits == m->fail_nth)
		r = err_set(&m->err, -EIO, "store: write");
	for (size_t i = 0; r == 0 && i < batch->n; i++) {
		if (batch->records[i].json)
			r = put(m, &batch->records[i]);
		else
			drop(m, batch->records[i].key);
		if (r < 0)
			(void)err_set(&m->err, r, "store: write");
	}
	m->revision = MAX(m->revision, batch->last_revision);
	if (batch->durable && r == 0)
		m->durable = batch->last_revision;
	m->stats.transactions++;
	m->stats.records += batch->n;
	if (!batch->durable) {
		done(&m->err, data);
		return;
	}
	m->done = done;
	m->data = data;
	loop_defer(m->loop, answer, m);
}

static int memory_load(struct store *store, store_load_fn *fn, void *data, uint64_t *ret_revision,
		       uint64_t *ret_durable, struct err *err)
{
	struct store_memory *m = CONTAINER_OF(store, struct store_memory, base);

	map_for_each (node, next, &m->records) {
		struct memory_record *record = map_entry(node, struct memory_record, node);
		int r = fn(record->key, record->revision, record->json, record->len, data, err);

		if (r < 0)
			return r;
	}
	*ret_revision = m->revision;
	*ret_durable = m->durable;
	return 0;
}

static void memory_stats(struct store *store, struct store_stats *ret)
{
	*ret = CONTAINER_OF(store, struct store_memory, base)->stats;
}

static void memory_close(struct store *store)
{
	struct store_memory *m = CONTAINER_OF(store, struct store_memory, base);

	m->closed = true;
	if (!m->done)
		memory_free(m);
}

static const struct store_ops memory_ops = {
	.load = memory_load,
	.submit = memory_submit,
	.stats = memory_stats,
	.close = memory_close,
};

int store_memory_open(struct loop *loop, unsigned fail_nth, struct store **ret)
{
	struct store_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->base.ops = &memory_ops;
	m->loop = loop;
	m->fail_nth = fail_nth;
	*ret = &m->base;
	return 0;
}
