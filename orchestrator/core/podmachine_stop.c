/* SPDX-License-Identifier: Apache-2.0 */
/* How containers, and the pod, end: preStop, sidecars' turn, SIGTERM, grace, SIGKILL, teardown. */
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

/* Whole seconds gone by, as the kubelet subtracts them from a grace period. */
static int64_t seconds_since(int64_t then_ns, int64_t now_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / NS_PER_S : 0;
}

int64_t pm_grace_s(const struct podmachine *pm, const struct pm_container *c, int probe)
{
	if (pm->deleting)
		return pm->grace_s;
	if (probe >= 0 && c->probes[probe].grace_s >= 0)
		return c->probes[probe].grace_s;
	return json_int_at(pm->pod, "spec.terminationGracePeriodSeconds", 30);
}

/* Sidecars go after all main containers, the last one first. */
static bool has_turn(const struct podmachine *pm, const struct pm_container *c)
{
	if (c->kind != PM_SIDECAR || !pm->ending)
		return true;
	for (size_t i = 0; i < pm->n_containers; i++) {
		const struct pm_container *other = &pm->containers[i];

		if (other == c || !pm_is_up(other))
			continue;
		if (other->kind == PM_MAIN || (other->kind == PM_SIDECAR && other > c))
			return false;
	}
	return true;
}

static void terminate(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	int64_t left_s = c->stop_grace_s - seconds_since(c->stop_began_ns, now_ns);

	c->stop = PM_TERM;
	c->stop_due_ns = now_ns + MAX(left_s, PM_GRACE_MIN_S) * NS_PER_S;
	(void)pm_effect(pm, POD_SIGNAL, c);
}

static void after_pre_stop(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	int64_t left_s = c->stop_grace_s - seconds_since(c->stop_began_ns, now_ns);

	if (left_s <= 0 || has_turn(pm, c)) {
		terminate(pm, c, now_ns);
		return;
	}
	c->stop = PM_TURN;
	c->stop_due_ns = now_ns + left_s * NS_PER_S;
}

void pm_stop(struct podmachine *pm, struct pm_container *c, const char *message, int64_t grace_s,
	     bool final, int64_t now_ns)
{
	struct json_object *hook = json_at(c->spec, "lifecycle.preStop");
	struct pm_effect *e;

	if (!pm_is_up(c))
		return;
	c->stop_final = c->stop_final || final;
	if (c->stop != PM_STAYS)
		return;
	if (message)
		pm_record(pm, c, false, "Killing", "%s", message);
	else
		pm_record(pm, c, false, "Killing", "Stopping container %s", c->name);
	c->stop_began_ns = now_ns;
	c->stop_grace_s = grace_s;
	if (c->doing == PM_POST_START) { /* its hook is given up with it */
		c->doing = PM_IDLE;
		c->hook_ticket = 0;
	}
	if (!hook || grace_s <= 0) {
		after_pre_stop(pm, c, now_ns);
		return;
	}
	c->stop = PM_PRE_STOP;
	c->stop_due_ns = now_ns + grace_s * NS_PER_S;
	c->hook_ticket = ++pm->tickets;
	e = pm_effect(pm, POD_HOOK, c);
	e->effect.hook = POD_PRE_STOP;
	e->effect.ticket = c->hook_ticket;
	e->effect.timeout_ns = grace_s * NS_PER_S;
	e->spec = json_ref(hook);
}

void pm_pre_stop_done(struct podmachine *pm, struct pm_container *c,
		      const struct podmachine_event *event, int64_t now_ns)
{
	if (c->stop != PM_PRE_STOP)
		return;
	if (event->outcome == POD_FAILURE || event->outcome == POD_ERROR)
		pm_record(pm, c, true, "FailedPreStopHook", "PreStopHook failed");
	after_pre_stop(pm, c, now_ns);
}

void pm_stop_step(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	if (c->stop == PM_STAYS || c->stop == PM_KILLED || !pm_is_up(c))
		return;
	if (c->stop == PM_TURN && has_turn(pm, c)) {
		terminate(pm, c, now_ns);
	} else if (now_ns >= c->stop_due_ns) {
		switch (c->stop) {
		case PM_PRE_STOP: /* not done in time: go on without it */
			c->hook_ticket = 0;
			after_pre_stop(pm, c, now_ns);
			break;
		case PM_TURN:
			terminate(pm, c, now_ns);
			break;
		default:
			c->stop = PM_KILLED;
			(void)pm_effect(pm, POD_KILL, c);
		}
	}
	if (c->stop != PM_KILLED)
		pm_wake(pm, c->stop_due_ns);
}

/* A second deletion with a shorter grace period. */
void pm_shorten(struct podmachine *pm, int64_t now_ns)
{
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];
		int64_t due_ns = now_ns + MAX(pm->grace_s, PM_GRACE_MIN_S) * NS_PER_S;

		if (c->stop == PM_STAYS || c->stop == PM_KILLED)
			continue;
		c->stop_grace_s = pm->grace_s;
		c->stop_began_ns = now_ns;
		c->stop_due_ns = MIN(c->stop_due_ns, due_ns);
	}
}

void pm_ending_step(struct podmachine *pm, int64_t now_ns)
{
	bool busy = false;

	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (pm_is_up(c))
			pm_stop(pm, c, NULL, pm_grace_s(pm, c, -1), true, now_ns);
		busy = busy || pm_is_up(c) || c->doing == PM_STARTING;
	}
	busy = busy || pm->sandbox == PM_MAKING ||
	       (pm->volumes == PM_MAKING && !pm->volumes_pending);
	if (busy || pm->tearing)
		return;
	pm->tearing = true;
	pm->touched = true;
	(void)pm_effect(pm, POD_TEARDOWN, NULL);
}
