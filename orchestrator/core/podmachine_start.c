/* SPDX-License-Identifier: Apache-2.0 */
/* Which container starts when: order, back-off, images, the steps of one start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

/* ---- back-off ---- */

/* Long without trouble: the next failure counts as the first. */
static bool expired(const struct pm_backoff *b, int64_t event_ns)
{
	return b->delay_ns == 0 || event_ns - b->updated_ns > 2 * PM_BACKOFF_MAX_NS;
}

static void backoff_next(struct pm_backoff *b, int64_t event_ns, int64_t now_ns)
{
	b->delay_ns = expired(b, event_ns) ? PM_BACKOFF_FIRST_NS
					   : MIN(2 * b->delay_ns, PM_BACKOFF_MAX_NS);
	b->updated_ns = now_ns;
}

/* Go's Duration text for whole seconds: "10s", "1m20s", "5m0s". */
static const char *duration_text(int64_t ns, char text[32])
{
	int64_t s = ns / NS_PER_S;

	if (s < 60)
		(void)snprintf(text, 32, "%llds", (long long)s);
	else
		(void)snprintf(text, 32, "%lldm%llds", (long long)(s / 60), (long long)(s % 60));
	return text;
}

/* An exited container is to start again: may it now? Shows CrashLoopBackOff while it may not. */
static bool crash_wait(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	const int64_t ended_ns = c->end.finished_ns;
	char delay[32], text[640];

	if (expired(&c->crash, ended_ns) || now_ns - ended_ns >= c->crash.delay_ns) {
		backoff_next(&c->crash, ended_ns, now_ns);
		return false;
	}
	pm_wake(pm, ended_ns + c->crash.delay_ns);
	if (c->backing_off)
		return true;
	if (now_ns - ended_ns < PM_SHOW_NS) {
		pm_wake(pm, ended_ns + PM_SHOW_NS);
		return true;
	}
	c->backing_off = true;
	(void)snprintf(text, sizeof(text), "back-off %s restarting failed container=%s pod=%s",
		       duration_text(c->crash.delay_ns, delay), c->name, pm->full);
	pm_waits(pm, c, "CrashLoopBackOff", text);
	pm_record(pm, c, true, "BackOff", "Back-off restarting failed container %s in pod %s",
		  c->name, pm->full);
	return true;
}

/* ---- one start: image, create, start, postStart ---- */

/* 64 hex digits that no other instance on this node has: uid, name, attempt and time, mixed. */
static void make_id(const struct podmachine *pm, const struct pm_container *c, int64_t now_ns,
		    char id[PODMACHINE_ID_MAX])
{
	uint64_t h[4] = { 0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0,
			  0x082efa98ec4e6c89 };
	char text[512];
	int n = snprintf(text, sizeof(text), "%s/%s/%d/%lld", pm->uid, c->name, c->attempt,
			 (long long)now_ns);

	for (int i = 0; i < n && i < (int)sizeof(text) - 1; i++)
		for (int lane = 0; lane < 4; lane++) {
			h[lane] = (h[lane] ^ (unsigned char)text[i] ^ h[(lane + 1) & 3]) *
				  0x9e3779b97f4a7c15;
			h[lane] ^= h[lane] >> 29;
		}
	(void)snprintf(id, PODMACHINE_ID_MAX, "%016llx%016llx%016llx%016llx",
		       (unsigned long long)h[0], (unsigned long long)h[1], (unsigned long long)h[2],
		       (unsigned long long)h[3]);
}

static void start(struct podmachine *pm, struct pm_container *c, int64_t now_ns)
{
	struct pm_effect *e;

	if (c->doing != PM_IDLE || c->stop != PM_STAYS)
		return;
	if (c->retry_ns > now_ns) {
		pm_wake(pm, c->retry_ns);
		return;
	}
	if (c->pull_error && now_ns - c->pull.updated_ns < c->pull.delay_ns) {
		char text[1024];

		/* The failure itself was shown for a while; now the wait is. */
		c->retry_ns = c->pull.updated_ns + c->pull.delay_ns;
		pm_wake(pm, c->retry_ns);
		(void)snprintf(text, sizeof(text), "Back-off pulling image \"%s\": %s",
			       json_str_at(c->spec, "image"), c->pull_error);
		pm_waits(pm, c, "ImagePullBackOff", text);
		pm_record(pm, c, false, "BackOff", "Back-off pulling image \"%s\"",
			  json_str_at(c->spec, "image"));
		pm_record(pm, c, true, "Failed", "Error: ImagePullBackOff");
		return;
	}
	if (c->state == PM_EXITED && !c->lost && crash_wait(pm, c, now_ns))
		return;
	c->doing = PM_IMAGE;
	e = pm_effect(pm, POD_IMAGE, c);
	e->spec = json_ref(c->spec);
}

static void image_failed(struct podmachine *pm, struct pm_container *c,
			 const struct podmachine_event *event, int64_t now_ns)
{
	const char *reason = event->reason ? event->reason : "ErrImagePull";
	const char *text = event->text ? event->text : "";
	const char *image = json_str_at(c->spec, "image");
	char full[1024];

	c->doing = PM_IDLE;
	pm_waits(pm, c, reason, text);
	if (strcmp(reason, "ErrImagePull") == 0) {
		pm_record(pm, c, true, "Failed", "Failed to pull image \"%s\": %s",
			  image ? image : "", text);
		backoff_next(&c->pull, now_ns, now_ns);
		(void)snprintf(full, sizeof(full), "ErrImagePull: %s", text);
		pm_set(&c->pull_error, full);
		c->retry_ns = now_ns + PM_SHOW_NS;
	} else {
		if (strcmp(reason, "ErrImageNeverPull") == 0)
			pm_record(pm, c, true, "ErrImageNeverPull", "%s", text);
		else
			pm_record(pm, c, true, "InspectFailed", "%s", text);
		c->retry_ns = now_ns + PM_RETRY_NS;
	}
	pm_record(pm, c, true, "Failed", "Error: %s", reason);
}

void pm_image_event(struct podmachine *pm, struct pm_container *c,
		    const struct podmachine_event *event, int64_t now_ns)
{
	const char *image = json_str_at(c->spec, "image");
	struct pm_effect *e;

	if (c->doing != PM_IMAGE)
		return;
	if (event->type == POD_IMAGE_PULLING) {
		pm_record(pm, c, false, "Pulling", "Pulling image \"%s\"", image ? image : "");
		return;
	}
	if (event->type == POD_IMAGE_FAILED) {
		image_failed(pm, c, event, now_ns);
		return;
	}
	if (event->warning)
		pm_record(pm, c, true, "ImageNotVerified", "%s", event->warning);
	if (event->text)
		pm_record(pm, c, false, "Pulled", "%s", event->text);
	else
		pm_record(pm, c, false, "Pulled",
			  "Container image \"%s\" already present on machine and can be accessed "
			  "by the pod",
			  image ? image : "");
	pm_set(&c->pull_error, NULL);
	pm_set(&c->image, event->image);
	pm_set(&c->image_id, event->image_id);
	if (pm->ending || pm->sandbox != PM_READY) {
		c->doing = PM_IDLE;
		return;
	}
	c->doing = PM_STARTING;
	c->attempt++;
	make_id(pm, c, now_ns, c->next_id);
	e = pm_effect(pm, POD_START, c);
	(void)snprintf(e->id, sizeof(e->id), "%s", c->next_id);
	e->effect.attempt = c->attempt;
	e->spec = json_ref(c->spec);
}

/* A new instance exists: what was the newest is now the one before. */
static void replace_instance(struct podmachine *pm, struct pm_container *c)
{
	if (c->last.id[0] || c->state == PM_EXITED) {
		if (c->last.id[0] && c->state == PM_EXITED) {
			struct pm_effect *e = pm_effect(pm, POD_FORGET, c);

			(void)snprintf(e->id, sizeof(e->id), "%s", c->last.id);
		}
		if (c->state == PM_EXITED) {
			pm_end_done(&c->last);
			c->last = c->end;
			c->end = (struct pm_end){ .attempt = -1 };
			c->restart_count++;
		}
	}
	(void)snprintf(c->id, sizeof(c->id), "%s", c->next_id);
	c->next_id[0] = '\0';
	c->lost = false;
	c->backing_off = false;
	c->retry_ns = 0;
	json_unref(c->user);
	c->user = NULL;
	pm->touched = true;
}

static void note_user(struct pm_container *c, const struct podmachine_event *event)
{
	struct json_object *on_linux = json_new_object(), *groups;

	c->user = json_new_object();
	(void)json_put_int(on_linux, "uid", event->uid);
	(void)json_put_int(on_linux, "gid", event->gid);
	groups = json_new_array();
	for (unsigned i = 0; i < event->n_groups; i++)
		(void)json_add(groups, json_new_int(event->groups[i]));
	if (event->n_groups)
		(void)json_put(on_linux, "supplementalGroups", groups);
	else
		json_unref(groups);
	(void)json_put(c->user, "linux", on_linux);
}

static void started(struct podmachine *pm, struct pm_container *c,
		    const struct podmachine_event *event, int64_t now_ns)
{
	struct json_object *hook = json_at(c->spec, "lifecycle.postStart");
	struct pm_effect *e;

	replace_instance(pm, c);
	c->state = PM_RUNNING;
	c->doing = PM_IDLE;
	c->started_ns = event->at_ns ? event->at_ns : now_ns;
	if (c->kind == PM_MAIN)
		pm->main_started = true;
	if (event->has_user)
		note_user(c, event);
	pm_record(pm, c, false, "Created", "Container created");
	pm_record(pm, c, false, "Started", "Container started");
	pm_probe_reset(c, now_ns);
	if (pm->ending || !hook) {
		pm_waits(pm, c, NULL, NULL);
		return;
	}
	c->doing = PM_POST_START;
	c->hook_ticket = ++pm->tickets;
	e = pm_effect(pm, POD_HOOK, c);
	e->effect.hook = POD_POST_START;
	e->effect.ticket = c->hook_ticket;
	e->spec = json_ref(hook);
}

/* It was made but its program could not be run: that counts as an instance, as containerd has it. */
static void start_error(struct podmachine *pm, struct pm_container *c,
			const struct podmachine_event *event, int64_t now_ns)
{
	struct pm_end *end = &c->end;

	pm_record(pm, c, false, "Created", "Container created");
	replace_instance(pm, c);
	pm_end_done(end);
	(void)snprintf(end->id, sizeof(end->id), "%s", c->id);
	end->attempt = c->attempt;
	end->exit_code = 128;
	end->finished_ns = now_ns;
	pm_set(&end->reason, "StartError");
	pm_set(&end->message, event->text);
	c->state = PM_EXITED;
}

void pm_start_event(struct podmachine *pm, struct pm_container *c,
		    const struct podmachine_event *event, int64_t now_ns)
{
	const char *reason = event->reason ? event->reason : "RunContainerError";
	const char *text = event->text ? event->text : "";

	if (c->doing != PM_STARTING || strcmp(c->next_id, event->id ? event->id : "") != 0)
		return;
	if (event->type == POD_STARTED) {
		started(pm, c, event, now_ns);
		return;
	}
	c->doing = PM_IDLE;
	if (strcmp(reason, "RunContainerError") == 0) {
		start_error(pm, c, event, now_ns);
		c->retry_ns = now_ns + PM_SHOW_NS;
	} else {
		c->next_id[0] = '\0';
		c->attempt--;
		c->retry_ns = now_ns + PM_RETRY_NS;
	}
	pm_record(pm, c, true, "Failed", "Error: %s", text);
	/* One that never starts again shows how it ended, not what it waits for. */
	if (c->state == PM_EXITED && !pm_restarts(pm, c, c->end.exit_code))
		pm_waits(pm, c, NULL, NULL);
	else
		pm_waits(pm, c, reason, text);
	pm->touched = true;
}

void pm_post_start_done(struct podmachine *pm, struct pm_container *c,
			const struct podmachine_event *event, int64_t now_ns)
{
	c->doing = PM_IDLE;
	pm_probe_reset(c, now_ns);
	if (event->outcome == POD_SUCCESS || event->outcome == POD_WARNING) {
		pm_waits(pm, c, NULL, NULL);
		pm->touched = true;
		return;
	}
	pm_record(pm, c, true, "FailedPostStartHook", "PostStartHook failed");
	pm_waits(pm, c, "PostStartHookError", event->text);
	pm_stop(pm, c, "FailedPostStartHook", pm_grace_s(pm, c, -1), false, now_ns);
}

/* ---- which one ---- */

static bool init_done(const struct pm_container *c)
{
	return c->state == PM_EXITED && c->end.exit_code == 0 && !c->lost;
}

/* Returns true when the pod is initialized. */
static bool step_inits(struct podmachine *pm, int64_t now_ns)
{
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (c->kind == PM_SIDECAR) {
			if (c->state != PM_RUNNING)
				start(pm, c, now_ns);
			if (!pm->main_started && !pm_started(c))
				return false;
			continue;
		}
		if (c->kind != PM_INIT || pm->main_started || init_done(c))
			continue;
		if (c->state == PM_RUNNING)
			return false;
		if (c->state == PM_EXITED && c->doing == PM_IDLE &&
		    !pm_restarts(pm, c, c->end.exit_code)) {
			/* The status says Failed by now, and with it the pod ends. */
			pm_set(&pm->phase, "Failed");
			pm_wake(pm, now_ns);
			return false;
		}
		start(pm, c, now_ns);
		return false;
	}
	return true;
}

static bool wants_start(const struct podmachine *pm, const struct pm_container *c)
{
	return c->state == PM_NEW ||
	       (c->state == PM_EXITED && pm_restarts(pm, c, c->end.exit_code));
}

static void step_mains(struct podmachine *pm, int64_t now_ns)
{
	bool busy = false;

	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (c->kind != PM_MAIN)
			continue;
		if (c->state == PM_RUNNING || c->doing != PM_IDLE) {
			busy = true;
			continue;
		}
		if (!wants_start(pm, c))
			continue;
		busy = true;
		start(pm, c, now_ns);
	}
	if (busy)
		return;
	pm->ending = true; /* nothing is left to run: sidecars go, then the sandbox */
	pm->ending_began_ns = now_ns;
	pm_wake(pm, now_ns);
}

/* A pod whose sandbox is gone: is there anything that may run again? */
static bool may_begin_again(const struct podmachine *pm)
{
	bool any = false, had = false;

	for (size_t i = 0; i < pm->n_containers; i++) {
		const struct pm_container *c = &pm->containers[i];

		had = had || c->state != PM_NEW;
		if (c->kind == PM_MAIN && wants_start(pm, c))
			any = true;
		if (c->kind == PM_INIT && c->state == PM_EXITED && c->end.exit_code != 0 &&
		    !pm_restarts(pm, c, c->end.exit_code))
			return false;
	}
	if (had && pm->had_sandbox) {
		const char *policy = json_str_at(pm->pod, "spec.restartPolicy");

		return any && !(policy && strcmp(policy, "Never") == 0);
	}
	return any;
}

static void make_sandbox(struct podmachine *pm, int64_t now_ns)
{
	if (pm->sandbox_retry_ns > now_ns) {
		pm_wake(pm, pm->sandbox_retry_ns);
		return;
	}
	if (!may_begin_again(pm)) {
		pm->ending = true;
		pm->ending_began_ns = now_ns;
		pm_wake(pm, now_ns);
		return;
	}
	if (pm->had_sandbox) {
		pm->had_sandbox = false;
		pm_record(pm, NULL, false, "SandboxChanged",
			  "Pod sandbox changed, it will be killed and re-created.");
	}
	pm->sandbox = PM_MAKING;
	(void)pm_effect(pm, POD_SANDBOX, NULL);
}

void pm_start_step(struct podmachine *pm, int64_t now_ns)
{
	if (pm->volumes == PM_NONE) {
		if (pm->volumes_retry_ns > now_ns) {
			pm_wake(pm, pm->volumes_retry_ns);
		} else {
			pm->volumes = PM_MAKING;
			(void)pm_effect(pm, POD_VOLUMES, NULL);
		}
	}
	/* The kubelet mounts first and makes the sandbox then; so a pod whose volumes fail has none. */
	if ((pm->volumes == PM_READY || pm->volumes_pending) && pm->sandbox == PM_NONE)
		make_sandbox(pm, now_ns);
	if (pm->volumes != PM_READY || pm->sandbox != PM_READY || pm->ending)
		return;
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (c->kind == PM_EPHEMERAL && c->state == PM_NEW)
			start(pm, c, now_ns);
	}
	if (step_inits(pm, now_ns))
		step_mains(pm, now_ns);
}
