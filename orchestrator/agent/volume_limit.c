/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/volume_limit.h"

#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "base/time.h"
#include "orchestrator/agent/uplink.h"

#define PERIOD_NS (10 * NS_PER_S)

/* One measurement under way; the pod may be gone when it is answered. */
struct measurement {
	struct agent *agent;
	char uid[NODEPOD_UID_MAX + 1];
	char volume[256], limit[64];
	int64_t limit_bytes;
};

static void measured(int kib, void *data)
{
	struct measurement *m = data;
	struct nodepod *pod = nodepod_find(m->agent, m->uid);
	char text[512];

	if (pod && (int64_t)kib * 1024 > m->limit_bytes && !podmachine_finished(pod->machine)) {
		(void)snprintf(text, sizeof(text),
			       "Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\". ",
			       m->volume, m->limit);
		uplink_event(m->agent->uplink, pod, NULL, true, "Evicted", text);
		podmachine_evict(pod->machine, "Evicted", text, agent_now_ns(m->agent));
		nodepod_pump(pod);
	}
	free(m);
}

static void measure(struct nodepod *pod, const struct json_object *volume)
{
	const char *name = json_str_at(volume, "name");
	const char *limit = json_str_at(volume, "emptyDir.sizeLimit");
	const char *medium = json_str_at(volume, "emptyDir.medium");
	struct measurement *m;
	struct quantity size;
	char path[1000];

	if (!name || !limit || (medium && *medium) || quantity_parse(limit, &size, NULL) < 0 ||
	    quantity_value(&size) <= 0)
		return;
	m = calloc(1, sizeof(*m));
	if (!m)
		return;
	m->agent = pod->agent;
	m->limit_bytes = quantity_value(&size);
	(void)snprintf(m->uid, sizeof(m->uid), "%s", pod->uid);
	(void)snprintf(m->volume, sizeof(m->volume), "%s", name);
	(void)snprintf(m->limit, sizeof(m->limit), "%s", limit);
	(void)snprintf(path, sizeof(path), "%s/volumes/kubernetes.io~empty-dir/%s", pod->dir, name);
	helper_measure_tree(pod->agent->janitor, path, measured, m);
}

void volume_limit_check(struct nodepod *pod)
{
	struct json_object *list = json_at(podmachine_pod(pod->machine), "spec.volumes");
	int64_t now_ns = loop_monotonic_ns(pod->agent->loop);

	if (now_ns < pod->sizes_due_ns || podmachine_finished(pod->machine))
		return;
	pod->sizes_due_ns = now_ns + PERIOD_NS;
	for (size_t i = 0; i < json_len(list); i++)
		measure(pod, json_idx(list, i));
}
