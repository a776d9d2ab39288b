/* SPDX-License-Identifier: Apache-2.0 */
/* When to probe, and what the answers mean. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

static const struct {
	const char *field, *name, *fault; /* "%s failed liveness probe" */
} probe_kinds[] = {
	[POD_STARTUP] = { "startupProbe", "Startup", "startup" },
	[POD_LIVENESS] = { "livenessProbe", "Liveness", "liveness" },
	[POD_READINESS] = { "readinessProbe", "Readiness", "readiness" },
};
_Static_assert(ARRAY_LEN(probe_kinds) == POD_PROBE_COUNT, "every probe has a row");

static int64_t bounded(const struct json_object *spec, const char *field, int64_t otherwise,
		       int64_t least)
{
	int64_t value = json_int_at(spec, field, otherwise);

	return value < least ? least : MIN(value, INT32_MAX);
}

void pm_probe_parse(struct pm_container *c)
{
	for (int i = 0; i < POD_PROBE_COUNT; i++) {
		struct pm_probe *p = &c->probes[i];

		p->spec = json_get(c->spec, probe_kinds[i].field);
		if (!p->spec)
			continue;
		p->delay_s = bounded(p->spec, "initialDelaySeconds", 0, 0);
		p->period_s = bounded(p->spec, "periodSeconds", 10, 1);
		p->timeout_s = bounded(p->spec, "timeoutSeconds", 1, 1);
		p->success_threshold = (int)bounded(p->spec, "successThreshold", 1, 1);
		p->failure_threshold = (int)bounded(p->spec, "failureThreshold", 3, 1);
		p->grace_s = json_int_at(p->spec, "terminationGracePeriodSeconds", -1);
	}
}

/* A new instance: nothing is known about it, and it is left alone for its initial delay. */
void pm_probe_reset(struct pm_container *c, int64_t now_ns)
{
	for (int i = 0; i < POD_PROBE_COUNT; i++) {
		struct pm_probe *p = &c->probes[i];

		p->known = p->good = p->on_hold = p->last_good = false;
		p->run = 0;
		p->ticket = 0;
		p->next_ns = MAX(now_ns, c->started_ns + p->delay_s * NS_PER_S);
	}
}

static bool due(const struct podmachine *pm, const struct pm_container *c, int kind)
{
	const struct pm_probe *p = &c->probes[kind];

	if (!p->spec || p->ticket || p->on_hold || c->state != PM_RUNNING || c->doing != PM_IDLE ||
	    pm->tearing)
		return false;
	if (kind == POD_STARTUP)
		return !pm->ending && c->stop == PM_STAYS && !pm_started(c);
	if (kind == POD_LIVENESS && (pm->ending || c->stop != PM_STAYS))
		return false;
	return pm_started(c);
}

void pm_probe_step(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	for (int i = 0; i < POD_PROBE_COUNT; i++) {
		struct pm_probe *p = &c->probes[i];
		struct pm_effect *e;

		if (!due(pm, c, i))
			continue;
		if (p->next_ns > now_ns) {
			pm_wake(pm, p->next_ns);
			continue;
		}
		p->ticket = ++pm->tickets;
		p->next_ns = now_ns + p->period_s * NS_PER_S;
		e = pm_effect(pm, POD_PROBE, c);
		e->effect.probe = (enum podmachine_probe)i;
		e->effect.ticket = p->ticket;
		e->effect.timeout_ns = p->timeout_s * NS_PER_S;
		e->spec = json_ref(p->spec);
	}
}

static void failed_for_good(struct podmachine *pm, struct pm_container *c, int kind, int64_t now_ns)
{
	const bool restarts = pm_restarts(pm, c, 1) || c->kind == PM_SIDECAR;
	char text[320];

	(void)snprintf(text, sizeof(text), "%s %s failed %s probe%s",
		       c->kind == PM_SIDECAR ? "Init container" : "Container", c->name,
		       probe_kinds[kind].fault,
		       restarts && c->kind != PM_SIDECAR ? ", will be restarted" : "");
	pm_stop(pm, c, text, pm_grace_s(pm, c, kind), false, now_ns);
}

static void count(struct podmachine *pm, struct pm_container *c, int kind, bool good,
		  int64_t now_ns)
{
	struct pm_probe *p = &c->probes[kind];

	p->run = p->run && p->last_good == good ? p->run + 1 : 1;
	p->last_good = good;
	if (p->run < (good ? p->success_threshold : p->failure_threshold))
		return;
	pm->touched = pm->touched || !p->known || p->good != good;
	p->known = true;
	p->good = good;
	if (kind == POD_STARTUP || (kind == POD_LIVENESS && !good)) {
		p->on_hold = true;
		p->run = 0;
	}
	if (kind == POD_STARTUP && good) /* the others begin now, not at some later tick */
		for (int k = POD_LIVENESS; k <= POD_READINESS; k++)
			c->probes[k].next_ns =
				MAX(now_ns, c->started_ns + c->probes[k].delay_s * NS_PER_S);
	if (kind != POD_READINESS && !good && !pm->ending && c->stop == PM_STAYS)
		failed_for_good(pm, c, kind, now_ns);
}

static void answered(struct podmachine *pm, struct pm_container *c, int kind,
		     const struct podmachine_event *event, int64_t now_ns)
{
	const char *name = probe_kinds[kind].name;
	const char *text = event->text ? event->text : "";

	c->probes[kind].ticket = 0;
	if (c->state != PM_RUNNING)
		return;
	switch (event->outcome) {
	case POD_ERROR: /* it was not run at all: no verdict */
		pm_record(pm, c, true, "Unhealthy",
			  "%s probe errored and resulted in unknown state: %s", name, text);
		return;
	case POD_WARNING:
		pm_record(pm, c, true, "ProbeWarning", "%s probe warning: %s", name, text);
		break;
	case POD_FAILURE:
		pm_record(pm, c, true, "Unhealthy", "%s probe failed: %s", name, text);
		break;
	case POD_SUCCESS:
		break;
	}
	count(pm, c, kind, event->outcome != POD_FAILURE, now_ns);
}

void pm_probe_event(struct podmachine *pm, const struct podmachine_event *event, int64_t now_ns)
{
	for (size_t i = 0; i < pm->n_containers; i++)
		for (int k = 0; k < POD_PROBE_COUNT; k++)
			if (event->ticket && pm->containers[i].probes[k].ticket == event->ticket) {
				answered(pm, &pm->containers[i], k, event, now_ns);
				return;
			}
}
