/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/listen.h"

#include <errno.h>

struct listener_row {
	struct list node;
	core_event_fn *fn;
	void *data;
};

int core_listen(struct core *core, const struct schema_kind *kind, core_event_fn *fn, void *data)
{
	struct resource *resource = state_resource(core, kind);
	struct listener_row *row;

	if (!resource)
		return -ENOENT;
	row = calloc(1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	row->fn = fn;
	row->data = data;
	list_append(&resource->listeners, &row->node);
	map_for_each (node, next, &resource->published)
		fn(core, CORE_ADDED, object_of_node(node), NULL, data);
	return 0;
}

void listen_tell(struct core *core, const struct change *change)
{
	list_for_each (node, next, &change->resource->listeners) {
		struct listener_row *row = list_entry(node, struct listener_row, node);

		row->fn(core, change->type, change->object, change->old, row->data);
	}
}

void listen_done(struct core *core)
{
	for (size_t i = 0; core->resources && i < schema_n_kinds; i++)
		list_for_each (node, next, &core->resources[i].listeners)
			free(list_entry(node, struct listener_row, node));
}
