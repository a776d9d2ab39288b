/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next agent process must know of a pod: podmachine_save() and its reader. Version 1; a
 * reader takes what it finds and leaves the rest at what a new machine has.
 */
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

static struct json_object *save_end(const struct pm_end *end)
{
	struct json_object *json = json_new_object();

	(void)json_put_str(json, "id", end->id);
	(void)json_put_int(json, "attempt", end->attempt);
	(void)json_put_int(json, "exit", end->exit_code);
	(void)json_put_int(json, "signal", end->signal);
	(void)json_put_str(json, "reason", end->reason);
	(void)json_put_str(json, "message", end->message);
	(void)json_put_int(json, "started", end->started_ns);
	(void)json_put_int(json, "finished", end->finished_ns);
	return json;
}

static void load_end(const struct json_object *json, struct pm_end *end)
{
	const char *id = json_str_at(json, "id");

	if (!id)
		return;
	(void)snprintf(end->id, sizeof(end->id), "%s", id);
	end->attempt = (int)json_int_at(json, "attempt", 0);
	end->exit_code = (int)json_int_at(json, "exit", 0);
	end->signal = (int)json_int_at(json, "signal", 0);
	pm_set(&end->reason, json_str_at(json, "reason"));
	pm_set(&end->message, json_str_at(json, "message"));
	end->started_ns = json_int_at(json, "started", 0);
	end->finished_ns = json_int_at(json, "finished", 0);
}

static struct json_object *save_container(const struct pm_container *c)
{
	struct json_object *json = json_new_object();
	static const char *const probe_keys[] = { "startup", "liveness", "readiness" };

	(void)json_put_str(json, "id", c->id);
	if (c->doing == PM_STARTING)
		(void)json_put_str(json, "nextID", c->next_id);
	(void)json_put_int(json, "attempt", c->attempt);
	(void)json_put_int(json, "state", c->state);
	(void)json_put_int(json, "restarts", c->restart_count);
	(void)json_put_str(json, "image", c->image);
	(void)json_put_str(json, "imageID", c->image_id);
	(void)json_put_int(json, "started", c->started_ns);
	if (c->user)
		(void)json_put(json, "user", json_ref(c->user));
	if (c->state == PM_EXITED)
		(void)json_put(json, "end", save_end(&c->end));
	if (c->last.id[0])
		(void)json_put(json, "last", save_end(&c->last));
	if (c->crash.delay_ns) {
		(void)json_put_int(json, "crashDelay", c->crash.delay_ns);
		(void)json_put_int(json, "crashUpdated", c->crash.updated_ns);
	}
	for (int i = 0; i < POD_PROBE_COUNT; i++)
		if (c->probes[i].known)
			(void)json_put_bool(json, probe_keys[i], c->probes[i].good);
	return json;
}

static void load_container(const struct json_object *json, struct pm_container *c)
{
	static const char *const probe_keys[] = { "startup", "liveness", "readiness" };
	const char *id = json_str_at(json, "id"), *next = json_str_at(json, "nextID");
	int64_t state = json_int_at(json, "state", PM_NEW);

	if (!id)
		return;
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	c->attempt = (int)json_int_at(json, "attempt", -1);
	c->state = state == PM_RUNNING ? PM_RUNNING : state == PM_EXITED ? PM_EXITED : PM_NEW;
	c->restart_count = (int)json_int_at(json, "restarts", 0);
	pm_set(&c->image, json_str_at(json, "image"));
	pm_set(&c->image_id, json_str_at(json, "imageID"));
	c->started_ns = json_int_at(json, "started", 0);
	if (json_get(json, "user")) {
		json_unref(c->user);
		c->user = json_ref(json_get(json, "user"));
	}
	pm_end_done(&c->end);
	pm_end_done(&c->last);
	load_end(json_get(json, "end"), &c->end);
	load_end(json_get(json, "last"), &c->last);
	c->crash.delay_ns = json_int_at(json, "crashDelay", 0);
	c->crash.updated_ns = json_int_at(json, "crashUpdated", 0);
	if (next) { /* asked for, not answered: if the shim has it, ALIVE or EXITED will say so */
		(void)snprintf(c->next_id, sizeof(c->next_id), "%s", next);
		c->doing = PM_STARTING;
	}
	for (int i = 0; i < POD_PROBE_COUNT; i++) {
		struct json_object *good = json_get(json, probe_keys[i]);

		c->probes[i].known = good != NULL;
		c->probes[i].good = c->probes[i].last_good = json_truth(good, false);
		c->probes[i].on_hold = i == POD_STARTUP && good != NULL;
	}
}

struct json_object *podmachine_save(const struct podmachine *pm)
{
	struct json_object *json = json_new_object(), *list = json_new_object();

	(void)json_put_int(json, "version", 1);
	(void)json_put_bool(json, "sandbox", pm->sandbox != PM_NONE || pm->had_sandbox);
	(void)json_put_str(json, "ip", pm->ip);
	(void)json_put_int(json, "startTime", pm->start_ns);
	(void)json_put_bool(json, "mainStarted", pm->main_started);
	(void)json_put_bool(json, "finished", pm->finished);
	(void)json_put_str(json, "phase", pm->phase);
	(void)json_put_str(json, "reason", pm->reason);
	(void)json_put_str(json, "message", pm->message);
	for (size_t i = 0; i < pm->n_containers; i++)
		(void)json_put(list, pm->containers[i].name, save_container(&pm->containers[i]));
	(void)json_put(json, "containers", list);
	if (pm->status)
		(void)json_put(json, "status", json_ref(pm->status));
	return json;
}

void pm_restore(struct podmachine *pm, const struct json_object *saved)
{
	struct json_object *containers = json_get(saved, "containers");
	const char *ip = json_str_at(saved, "ip");

	if (json_int_at(saved, "version", 0) != 1)
		return;
	pm->had_sandbox = json_bool_at(saved, "sandbox", false);
	if (ip)
		(void)snprintf(pm->ip, sizeof(pm->ip), "%s", ip);
	pm->start_ns = json_int_at(saved, "startTime", pm->start_ns);
	pm->main_started = json_bool_at(saved, "mainStarted", false);
	pm->finished = json_bool_at(saved, "finished", false);
	pm_set(&pm->phase, json_str_at(saved, "phase"));
	pm_set(&pm->reason, json_str_at(saved, "reason"));
	pm_set(&pm->message, json_str_at(saved, "message"));
	for (size_t i = 0; i < pm->n_containers; i++)
		load_container(json_get(containers, pm->containers[i].name), &pm->containers[i]);
	json_unref(pm->status);
	pm->status = json_ref(json_get(saved, "status"));
}

/* ---- nothing saved: what the API remembers of an earlier life of this pod ---- */

static void load_api_end(const struct json_object *state, struct pm_end *end)
{
	struct json_object *t = json_get(state, "terminated");
	const char *id = json_str_at(t, "containerID"), *at;

	if (!t)
		return;
	pm_end_done(end);
	if (id && strncmp(id, "shallop://", 10) == 0)
		id += 10;
	(void)snprintf(end->id, sizeof(end->id), "%s", id ? id : "unknown");
	end->attempt = 0;
	end->exit_code = (int)json_int_at(t, "exitCode", 0);
	end->signal = (int)json_int_at(t, "signal", 0);
	pm_set(&end->reason, json_str_at(t, "reason"));
	pm_set(&end->message, json_str_at(t, "message"));
	at = json_str_at(t, "startedAt");
	(void)(at && time_parse(at, &end->started_ns));
	at = json_str_at(t, "finishedAt");
	(void)(at && time_parse(at, &end->finished_ns));
}

static void load_api_container(const struct json_object *status, struct pm_container *c)
{
	const char *id = json_str_at(status, "containerID"), *at;

	c->restart_count = (int)json_int_at(status, "restartCount", 0);
	c->attempt = c->restart_count - 1;
	load_api_end(json_get(status, "lastState"), &c->last);
	if (!id || strncmp(id, "shallop://", 10) != 0)
		return;
	(void)snprintf(c->id, sizeof(c->id), "%s", id + 10);
	c->attempt = c->restart_count;
	pm_set(&c->image, json_str_at(status, "image"));
	pm_set(&c->image_id, json_str_at(status, "imageID"));
	at = json_str_at(status, "state.running.startedAt");
	if (at) {
		(void)time_parse(at, &c->started_ns);
		c->state = PM_RUNNING;
		return;
	}
	c->state = PM_EXITED;
	load_api_end(json_get(status, "state"), &c->end);
	if (!c->end.id[0]) /* it waited for its next start */
		load_api_end(json_get(status, "lastState"), &c->end);
}

void pm_restore_status(struct podmachine *pm)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses",
					     "ephemeralContainerStatuses" };
	struct json_object *status = json_get(pm->pod, "status");
	const char *start = json_str_at(status, "startTime");

	if (start)
		(void)time_parse(start, &pm->start_ns);
	pm_set(&pm->phase, json_str_at(status, "phase"));
	pm_set(&pm->reason, json_str_at(status, "reason"));
	pm_set(&pm->message, json_str_at(status, "message"));
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct json_object *list = json_get(status, lists[l]);

		for (size_t i = 0; i < json_len(list); i++) {
			struct json_object *s = json_idx(list, i);
			struct pm_container *c = pm_find(pm, json_str_at(s, "name"));

			if (!c)
				continue;
			load_api_container(s, c);
			pm->had_sandbox = pm->had_sandbox || c->id[0];
		}
	}
}
