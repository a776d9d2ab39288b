/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/core.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/admission.h"
#include "orchestrator/core/bootstrap.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/listen.h"
#include "orchestrator/core/recorder.h"
#include "orchestrator/core/request.h"
#include "orchestrator/core/state.h"
#include "orchestrator/core/watch.h"

#define TIMERS_PER_STEP 256

/* ---- life ---- */

/* Kinds some of whose writes may be lost in a crash (write.c, is_durable()). */
static bool volatile_too(const struct schema_kind *kind)
{
	static const char *const resources[] = { "events", "leases", "nodes" };

	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (strcmp(kind->resource, resources[i]) == 0)
			return true;
	return false;
}

static int own_text(const char **text)
{
	*text = strdup(*text ? *text : "");
	return *text ? 0 : -ENOMEM;
}

/* The texts of @options become the core's; on failure those not yet copied are NULL. */
static int own_options(struct core_options *options)
{
	const char **texts[] = { &options->cluster_domain, &options->service_cidr,
				 &options->server_address, &options->ca_pem,
				 &options->token_issuer };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (r == 0)
			r = own_text(texts[i]);
		else
			*texts[i] = NULL;
	return r;
}

static int make_resources(struct core *core)
{
	core->resources = calloc(schema_n_kinds, sizeof(core->resources[0]));
	if (!core->resources)
		return -ENOMEM;
	for (size_t i = 0; i < schema_n_kinds; i++) {
		struct resource *resource = &core->resources[i];

		resource->kind = schema_kinds[i];
		resource->volatile_too = volatile_too(schema_kinds[i]);
		list_init(&resource->watches);
		list_init(&resource->listeners);
	}
	return 0;
}

int core_new(const struct core_options *options, struct core **ret, struct err *err)
{
	auto_core struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return err_set(err, -ENOMEM, "core");
	list_init(&core->queue);
	list_init(&core->parked);
	list_init(&core->batch.waiters);
	core->options = *options;
	if (own_options(&core->options) < 0 || make_resources(core) < 0)
		return err_set(err, -ENOMEM, "core");
	core->controllers = calloc(controllers_count + 1, sizeof(core->controllers[0]));
	core->recorder = recorder_new();
	if (!core->controllers || !core->recorder)
		return err_set(err, -ENOMEM, "core");
	*ret = take_ptr(&core);
	return 0;
}

static void drop_waiting(struct core *core, struct list *head)
{
	while (!list_empty(head)) {
		struct request *request = list_entry(head->next, struct request, waiter.node);

		list_remove(&request->waiter.node);
		timers_disarm(&core->timers, &request->timer);
		request_fail(request, 503, "the server is going down");
	}
}

struct core *core_free(struct core *core)
{
	if (!core)
		return NULL;
	watch_done(core);
	drop_waiting(core, &core->queue);
	drop_waiting(core, &core->parked);
	state_done(core);
	for (size_t i = core->controllers_started; i-- > 0;)
		controllers[i]->stop(core->controllers[i]);
	free(core->controllers);
	recorder_free(core->recorder);
	listen_done(core);
	timers_done(&core->timers);
	arena_done(&core->arena);
	for (size_t i = 0; core->resources && i < schema_n_kinds; i++)
		buf_done(&core->resources[i].columns);
	free(core->resources);
	free((void *)core->options.cluster_domain);
	free((void *)core->options.service_cidr);
	free((void *)core->options.server_address);
	free((void *)core->options.ca_pem);
	free((void *)core->options.token_issuer);
	free(core);
	return NULL;
}

static int start_controllers(struct core *core, struct err *err)
{
	for (size_t i = 0; i < controllers_count; i++) {
		int r = controllers[i]->start(core, core->now_ns, &core->controllers[i], err);

		if (r < 0)
			return err_prefix(err, r, "controller %s", controllers[i]->name);
		core->controllers_started = i + 1;
	}
	return 0;
}

int core_loaded(struct core *core, uint64_t revision, uint64_t durable_revision, int64_t now_ns,
		struct err *err)
{
	int r;

	core->last_revision = MAX(core->last_revision, MAX(revision, (uint64_t)1));
	core->revision = core->last_revision;
	core->now_ns = now_ns;
	core->loaded = true;
	for (size_t i = 0; i < schema_n_kinds; i++)
		core->resources[i].history.floor =
			core->resources[i].volatile_too ? core->revision : durable_revision;
	r = recorder_start(core, core->recorder);
	if (r == 0)
		r = admission_start(core);
	if (r < 0)
		return err_set(err, r, "core");
	r = bootstrap(core, err);
	return r < 0 ? r : start_controllers(core, err);
}

/* ---- the clockwork ---- */

static bool run_timers(struct core *core)
{
	for (unsigned n = 0; n < TIMERS_PER_STEP; n++) {
		struct timer *timer = timers_due(&core->timers, core->now_ns);

		if (!timer)
			return false;
		timer->fire(core, timer);
	}
	return true;
}

/* While there is a past there is something to forget; a server at rest is not woken. */
static void trim(struct core *core)
{
	bool any = false;

	if (core->now_ns < core->trim_at_ns)
		return;
	for (size_t i = 0; i < schema_n_kinds; i++) {
		history_trim(&core->resources[i].history, core->now_ns);
		any |= core->resources[i].history.n > 0;
	}
	core->trim_at_ns = any ? core->now_ns + STATE_TRIM_NS : INT64_MAX;
}

int64_t core_step(struct core *core, int64_t now_ns, bool *ret_more)
{
	int64_t due_ns;
	bool more;

	core->now_ns = now_ns;
	more = run_timers(core);
	request_drain(core);
	trim(core);
	due_ns = recorder_step(core, core->recorder, &more);
	for (size_t i = 0; i < core->controllers_started; i++) {
		int64_t at_ns = controllers[i]->step(core, core->controllers[i], now_ns, &more);

		due_ns = MIN(due_ns, at_ns);
	}
	if (!list_empty(&core->queue) && !state_busy(core))
		more = true;
	*ret_more = more;
	due_ns = MIN(due_ns, timers_next(&core->timers));
	return MIN(due_ns, core->trim_at_ns);
}

/* ---- published state ---- */

struct object *core_get(struct core *core, const struct schema_kind *kind, const char *namespace,
			const char *name)
{
	struct resource *resource = state_resource(core, kind);
	auto_buf struct buf tail = { 0 };

	if (!resource)
		return NULL;
	if (!kind->namespaced)
		return state_published(resource, name);
	if (object_tail_write(&tail, kind, namespace, name) < 0)
		return NULL;
	return state_published(resource, buf_str(&tail));
}

void core_each(struct core *core, const struct schema_kind *kind, const char *namespace,
	       core_each_fn *fn, void *data)
{
	struct resource *resource = state_resource(core, kind);
	auto_buf struct buf prefix = { 0 };
	struct map_node *node;

	if (!resource)
		return;
	if (namespace && kind->namespaced && buf_printf(&prefix, "%s/", namespace) < 0)
		return;
	node = prefix.len ? map_seek(&resource->published, buf_str(&prefix))
			  : map_first(&resource->published);
	while (node && strncmp(node->key, buf_str(&prefix), prefix.len) == 0) {
		struct map_node *next = map_next(node);

		if (!fn(object_of_node(node), data))
			return;
		node = next;
	}
}

uint64_t core_revision(const struct core *core)
{
	return core->revision;
}

void core_stats(const struct core *core, struct core_stats *ret)
{
	*ret = core->stats;
	ret->staged = core->batch.n;
	ret->revision = core->revision;
}

const struct core_options *core_options_of(const struct core *core)
{
	return &core->options;
}

int64_t core_now_ns(const struct core *core)
{
	return core->now_ns;
}

void core_random(struct core *core, void *bytes, size_t len)
{
	core->options.env.random(core->options.env.data, bytes, len);
}
