/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "orchestrator/core/listen.h"
#include "orchestrator/core/managed.h"
#include "orchestrator/core/request.h"
#include "orchestrator/core/watch.h"

/* A batch of this size goes although more writes wait. */
#define BATCH_GATHERED 256

struct resource *state_resource(struct core *core, const struct schema_kind *kind)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (schema_kinds[i] == kind)
			return &core->resources[i];
	return NULL;
}

struct object *state_published(const struct resource *resource, const char *tail)
{
	return object_of_node(map_find(&resource->published, tail));
}

struct object *state_see(const struct resource *resource, const char *tail, bool *saw_staged)
{
	struct map_node *node;
	struct change *change;

	if (!resource->staged.count)
		return state_published(resource, tail);
	node = map_find(&resource->staged, tail);
	if (!node)
		return state_published(resource, tail);
	*saw_staged = true;
	change = map_entry(node, struct change, node);
	return change->type == CORE_DELETED ? NULL : change->object;
}

bool state_busy(const struct core *core)
{
	return core->in_flight || core->batch.n >= QUEUE_MAX;
}

bool state_staged_any(const struct core *core)
{
	return core->batch.n > 0;
}

void state_wait(struct core *core, struct waiter *waiter)
{
	list_append(&core->batch.waiters, &waiter->node);
}

/* ---- staging ---- */

static struct change *change_free(struct change *change)
{
	if (!change)
		return NULL;
	object_unref(change->object);
	object_unref(change->old);
	free(change);
	return NULL;
}
OWN_DEFINE(change, struct change *, change_free)
#define auto_change OWN(change)

static void overlay_drop(struct change *change)
{
	struct map *staged = &change->resource->staged;

	if (map_find(staged, object_tail(change->object)) == &change->node)
		map_remove(staged, &change->node);
}

static void overlay_set(struct change *change)
{
	struct map *staged = &change->resource->staged;
	const char *tail = object_tail(change->object);
	struct map_node *before = map_find(staged, tail);

	if (before)
		map_remove(staged, before);
	(void)map_insert(staged, &change->node, tail);
}

static int batch_reserve(struct batch *batch)
{
	int r = array_grow(&batch->changes, &batch->changes_cap, batch->n + 1,
			   sizeof(batch->changes[0]));

	if (r < 0)
		return r;
	return array_grow(&batch->records, &batch->records_cap, batch->n + 1,
			  sizeof(batch->records[0]));
}

static void batch_add(struct batch *batch, struct change *change)
{
	struct core_record *record = &batch->records[batch->n];

	*record = (struct core_record){ .key = object_key(change->object),
					.revision = object_revision(change->object),
					.durable = change->durable };
	if (change->type != CORE_DELETED)
		record->json = object_bytes(change->object, &record->len);
	batch->changes[batch->n++] = change;
	batch->view.durable |= change->durable;
	batch->view.last_revision = record->revision;
}

int state_stage(struct core *core, struct resource *resource, struct object *old,
		struct object *object, bool durable, struct object **ret)
{
	auto_change struct change *change = calloc(1, sizeof(*change));

	assert(!core->in_flight && (old || object));
	if (!change || batch_reserve(&core->batch) < 0)
		return -ENOMEM;
	change->resource = resource;
	change->durable = durable;
	change->old = old ? object_ref(old) : NULL;
	change->type = !object ? CORE_DELETED : old ? CORE_MODIFIED : CORE_ADDED;
	change->object = object ? object_ref(object) : object_at_revision(old, 0);
	if (!change->object)
		return -ENOMEM;
	object_set_revision(change->object, ++core->last_revision);
	*ret = change->object;
	overlay_set(change);
	batch_add(&core->batch, take_ptr(&change));
	return 0;
}

/* ---- batches ---- */

const struct core_batch *core_batch(struct core *core)
{
	struct batch *batch = &core->batch;

	if (core->in_flight || batch->n == 0)
		return NULL;
	if (!list_empty(&core->queue) && batch->n < BATCH_GATHERED)
		return NULL; /* core_step() adds those who wait; they share one write to the disk */
	core->in_flight = true;
	batch->view.records = batch->records;
	batch->view.n = batch->n;
	return &batch->view;
}

static void publish(struct core *core, struct change *change)
{
	struct resource *resource = change->resource;

	if (change->old) { /* the very object that is in the map: nothing was staged in between */
		map_remove(&resource->published, object_node(change->old));
		object_unref(change->old); /* the map's reference; the change keeps its own */
		core->stats.objects--;
	}
	if (change->type != CORE_DELETED) {
		(void)map_insert(&resource->published, object_node(change->object),
				 object_tail(change->object));
		object_ref(change->object);
		core->stats.objects++;
	}
	(void)history_add(&resource->history, change->type, change->object, change->old,
			  core->now_ns);
	core->trim_at_ns = MIN(core->trim_at_ns, core->now_ns + STATE_TRIM_NS);
}

/* Move the batch to *@ret and its waiters to @waiters: @core may stage the next one from here on. */
static void batch_take(struct core *core, struct batch *ret, struct list *waiters)
{
	struct list *from = &core->batch.waiters;

	for (size_t i = 0; i < core->batch.n; i++)
		overlay_drop(core->batch.changes[i]);
	list_init(waiters);
	list_insert_before(from, waiters); /* a second head in the same ring … */
	list_remove(from);		   /* … which the first one leaves */
	*ret = core->batch;
	core->batch = (struct batch){ 0 };
	list_init(&core->batch.waiters);
	core->in_flight = false;
}

static void settle_all(struct core *core, struct list *waiters, int code, const char *sentence)
{
	while (!list_empty(waiters)) {
		struct waiter *waiter = list_entry(waiters->next, struct waiter, node);

		list_remove(&waiter->node);
		waiter->settle(core, waiter, code, sentence);
	}
}

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		change_free(batch->changes[i]);
	free(batch->changes);
	free(batch->records);
}

void core_commit(struct core *core, int64_t now_ns)
{
	struct list waiters;
	struct batch batch;

	assert(core->in_flight);
	core->now_ns = now_ns;
	core->stats.commits++;
	batch_take(core, &batch, &waiters);
	for (size_t i = 0; i < batch.n; i++)
		publish(core, batch.changes[i]);
	core->revision = batch.view.last_revision;
	for (size_t i = 0; i < batch.n; i++)
		watch_fan_out(core, batch.changes[i]);
	for (size_t i = 0; i < batch.n; i++)
		listen_tell(core, batch.changes[i]);
	settle_all(core, &waiters, 0, NULL);
	batch_free(&batch);
	request_drain(core);
}

void core_abort(struct core *core, int code, const char *sentence, int64_t now_ns)
{
	struct list waiters;
	struct batch batch;

	assert(core->in_flight && code < 0);
	core->now_ns = now_ns;
	batch_take(core, &batch, &waiters);
	settle_all(core, &waiters, code, sentence);
	batch_free(&batch);
	request_drain(core);
}

/* ---- loading ---- */

static struct resource *resource_of_key(struct core *core, const char *key)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];
		size_t g = strlen(kind->group), n = strlen(kind->resource);
		const char *p = key;

		if (g && (strncmp(p, kind->group, g) != 0 || p[g] != '/'))
			continue;
		p += g ? g + 1 : 0;
		if (strncmp(p, kind->resource, n) == 0 && p[n] == '/')
			return &core->resources[i];
	}
	return NULL;
}

int core_load(struct core *core, const char *key, uint64_t revision, const void *json, size_t len,
	      struct err *err)
{
	struct resource *resource = resource_of_key(core, key);
	auto_json struct json_object *parsed = NULL;
	auto_object struct object *object = NULL;
	auto_buf struct buf managed = { 0 };
	int r;

	assert(!core->loaded);
	if (!resource)
		return err_say(err, -EPROTO, "stored object %s: its kind is not known", key);
	r = json_parse(json, len, &parsed, err);
	if (r < 0)
		return err_prefix(err, r, "stored object %s", key);
	r = managed_take(parsed, false, &managed);
	if (r == 0)
		r = object_new(resource->kind, revision, parsed, &managed, &object);
	if (r == 0 && strcmp(object_key(object), key) != 0)
		r = -EINVAL;
	if (r == -EINVAL)
		return err_say(err, -EPROTO, "stored object %s: its metadata names another", key);
	if (r < 0)
		return err_set(err, r, "stored object %s", key);
	if (map_insert(&resource->published, object_node(object), object_tail(object)))
		return err_say(err, -EEXIST, "stored object %s: loaded twice", key);
	core->stats.objects++;
	core->last_revision = MAX(core->last_revision, revision);
	(void)take_ptr(&object);
	return 0;
}

static void resource_done(struct resource *resource)
{
	map_for_each (node, next, &resource->published) {
		struct object *object = object_of_node(node);

		map_remove(&resource->published, node);
		object_unref(object);
	}
	history_done(&resource->history);
}

void state_done(struct core *core)
{
	struct list waiters;
	struct batch batch;

	batch_take(core, &batch, &waiters);
	settle_all(core, &waiters, -ECANCELED, "the server is going down");
	batch_free(&batch);
	for (size_t i = 0; core->resources && i < schema_n_kinds; i++)
		resource_done(&core->resources[i]);
}
