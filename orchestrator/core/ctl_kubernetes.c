/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service default/kubernetes with its Endpoints and EndpointSlice, and the namespaces that every
 * cluster has: made at start (bootstrap.c), put back here when somebody deletes or changes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/bootstrap.h"
#include "orchestrator/core/controller.h"

/* People who fight over them are answered once a second. */
#define REST_NS NS_PER_S

struct kubernetes {
	int64_t due_ns; /* INT64_MAX: nothing to do */
	int64_t last_ns;
};

static const struct {
	const char *group, *kind;
} kinds[] = {
	{ "", "Service" },
	{ "", "Endpoints" },
	{ "discovery.k8s.io", "EndpointSlice" },
};

static void on_object(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	struct kubernetes *k = data;

	(void)old;
	if (type == CORE_ADDED || strcmp(object_namespace(object), "default") != 0 ||
	    strcmp(object_name(object), "kubernetes") != 0)
		return;
	k->due_ns = MIN(k->due_ns, MAX(core_now_ns(core), k->last_ns + REST_NS));
}

static void on_namespace(struct core *core, enum core_event_type type, struct object *object,
			 struct object *old, void *data)
{
	struct kubernetes *k = data;

	(void)object;
	(void)old;
	if (type == CORE_DELETED)
		k->due_ns = MIN(k->due_ns, MAX(core_now_ns(core), k->last_ns + REST_NS));
}

static void stop(void *data)
{
	free(data);
}
OWN_DEFINE(kubernetes, struct kubernetes *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(kubernetes) struct kubernetes *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, -ENOMEM, "start");
	k->due_ns = INT64_MAX;
	k->last_ns = now_ns - REST_NS;
	r = core_listen(core, schema_kind_of_kind("", "v1", "Namespace"), on_namespace, k);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(kinds); i++)
		r = core_listen(core, schema_kind_of_kind(kinds[i].group, "v1", kinds[i].kind),
				on_object, k);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&k);
	return 0;
}

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct kubernetes *k = data;

	(void)ret_more;
	if (k->due_ns > now_ns)
		return k->due_ns;
	k->due_ns = INT64_MAX;
	k->last_ns = now_ns;
	if (bootstrap(core, NULL) < 0) /* out of memory: later */
		k->due_ns = now_ns + REST_NS;
	return k->due_ns;
}

const struct controller ctl_kubernetes = { "default/kubernetes", start, step, stop };
