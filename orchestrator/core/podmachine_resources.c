/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod asks for as a whole: its containers' sum, or the peak of its init containers, whichever is
 * more; sidecars count with both. spec.resources overrides. Kubernetes' PodRequests and PodLimits.
 */
#include <string.h>

#include "base/quantity.h"
#include "orchestrator/core/podmachine_state.h"

#define RESOURCES_MAX 32

struct amounts {
	struct {
		const char *name; /* borrowed from the pod */
		struct quantity value;
	} items[RESOURCES_MAX];
	size_t n;
};

static struct quantity *amount(struct amounts *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i].name, name) == 0)
			return &a->items[i].value;
	if (a->n == RESOURCES_MAX)
		return NULL;
	a->items[a->n].name = name;
	a->items[a->n].value = quantity_of(0);
	return &a->items[a->n++].value;
}

static void add_list(struct amounts *to, const struct json_object *list)
{
	struct json_iter it;

	json_for_each (it, list) {
		const char *text = json_str(it.value);
		struct quantity q;
		struct quantity *sum;

		if (!text || quantity_parse(text, &q, NULL) < 0)
			continue;
		sum = amount(to, it.key);
		if (sum)
			quantity_add(sum, &q);
	}
}

static void raise_to(struct amounts *to, const struct amounts *other)
{
	for (size_t i = 0; i < other->n; i++) {
		struct quantity *mine = amount(to, other->items[i].name);

		if (mine && quantity_cmp(mine, &other->items[i].value) < 0)
			*mine = other->items[i].value;
	}
}

static void override(struct amounts *to, const struct json_object *list)
{
	struct json_iter it;

	json_for_each (it, list) {
		const char *text = json_str(it.value);
		struct quantity *mine = amount(to, it.key);
		struct quantity q;

		if (text && mine && quantity_parse(text, &q, NULL) == 0)
			*mine = q;
	}
}

static struct json_object *to_json(const struct amounts *a)
{
	struct json_object *json = json_new_object();
	char text[QUANTITY_TEXT_MAX];

	for (size_t i = 0; i < a->n; i++)
		(void)json_put_str(json, a->items[i].name,
				   quantity_format(&a->items[i].value, text));
	return json;
}

/* @what: "requests" or "limits". */
struct json_object *pm_total(const struct podmachine *pm, const char *what)
{
	struct amounts sum = { .n = 0 }, side = { .n = 0 }, peak = { .n = 0 };

	for (size_t i = 0; i < pm->n_containers; i++) {
		const struct pm_container *c = &pm->containers[i];
		const struct json_object *list = json_get(json_get(c->spec, "resources"), what);
		struct amounts now = side;

		if (c->kind == PM_MAIN || c->kind == PM_SIDECAR)
			add_list(&sum, list);
		if (c->kind == PM_SIDECAR)
			add_list(&side, list);
		if (c->kind == PM_INIT || c->kind == PM_SIDECAR) {
			add_list(&now, list);
			raise_to(&peak, &now);
		}
	}
	raise_to(&sum, &peak);
	override(&sum, json_get(json_at(pm->pod, "spec.resources"), what));
	return to_json(&sum);
}
