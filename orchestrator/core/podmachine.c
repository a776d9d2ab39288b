/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/podmachine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

static const char *const effect_names[] = {
	[POD_VOLUMES] = "volumes", [POD_SANDBOX] = "sandbox",	[POD_IMAGE] = "image",
	[POD_START] = "start",	   [POD_SIGNAL] = "signal",	[POD_KILL] = "kill",
	[POD_FORGET] = "forget",   [POD_PROBE] = "probe",	[POD_HOOK] = "hook",
	[POD_RECORD] = "record",   [POD_TEARDOWN] = "teardown", [POD_STATUS] = "status",
	[POD_ENDED] = "ended",
};
_Static_assert(ARRAY_LEN(effect_names) == POD_EFFECT_COUNT, "every effect has a name");

const char *podmachine_effect_name(enum podmachine_effect_type type)
{
	return effect_names[type];
}

/* ---- small things ---- */

void pm_set(char **text, const char *value)
{
	char *copy = value && *value ? strdup(value) : NULL;

	free(*text);
	*text = copy;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

void pm_waits(struct podmachine *pm, struct pm_container *c, const char *reason,
	      const char *message)
{
	if (same_text(c->wait_reason, reason) && same_text(c->wait_message, message))
		return;
	pm_set(&c->wait_reason, reason);
	pm_set(&c->wait_message, message);
	pm->touched = true;
}

void pm_end_done(struct pm_end *end)
{
	free(end->reason);
	free(end->message);
	*end = (struct pm_end){ .attempt = -1 };
}

struct pm_container *pm_find(const struct podmachine *pm, const char *name)
{
	for (size_t i = 0; name && i < pm->n_containers; i++)
		if (strcmp(pm->containers[i].name, name) == 0)
			return &pm->containers[i];
	return NULL;
}

/* The instance @id, running or being started. */
static struct pm_container *find_id(const struct podmachine *pm, const char *id)
{
	for (size_t i = 0; id && *id && i < pm->n_containers; i++)
		if (strcmp(pm->containers[i].id, id) == 0 ||
		    strcmp(pm->containers[i].next_id, id) == 0)
			return &pm->containers[i];
	return NULL;
}

/* ---- effects ---- */

struct pm_effect *pm_effect(struct podmachine *pm, enum podmachine_effect_type type,
			    struct pm_container *c)
{
	static struct pm_effect lost; /* out of memory: the caller may fill it, nobody sees it */
	struct pm_effect *e = &lost;

	if (array_grow(&pm->effects, &pm->cap_effects, pm->n_effects + 1, sizeof(*pm->effects)) ==
	    0)
		e = &pm->effects[pm->n_effects++];
	*e = (struct pm_effect){ .effect.type = type };
	if (c) {
		e->effect.container = c->name;
		(void)snprintf(e->id, sizeof(e->id), "%s", c->id);
	}
	return e;
}

void pm_record(struct podmachine *pm, struct pm_container *c, bool warning, const char *reason,
	       const char *fmt, ...)
{
	struct pm_effect *e = pm_effect(pm, POD_RECORD, c);
	va_list args;
	char *text = NULL;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	e->effect.warning = warning;
	e->effect.field_path = c ? c->field_path : NULL;
	e->reason = strdup(reason);
	e->text = text;
}

static void effect_done(struct pm_effect *e)
{
	free(e->reason);
	free(e->text);
	json_unref(e->spec);
}

static void drop_taken(struct podmachine *pm)
{
	for (size_t i = 0; i < pm->next_effect; i++)
		effect_done(&pm->effects[i]);
	if (pm->next_effect)
		memmove(pm->effects, pm->effects + pm->next_effect,
			(pm->n_effects - pm->next_effect) * sizeof(*pm->effects));
	pm->n_effects -= pm->next_effect;
	pm->next_effect = 0;
}

bool podmachine_next(struct podmachine *pm, struct podmachine_effect *ret)
{
	if (pm->next_effect == pm->n_effects) {
		drop_taken(pm);
		return false;
	}
	struct pm_effect *e = &pm->effects[pm->next_effect++];

	e->effect.id = e->id;
	e->effect.reason = e->reason;
	e->effect.text = e->text;
	e->effect.spec = e->spec;
	*ret = e->effect;
	return true;
}

/* ---- the pod's words ---- */

static bool is_sidecar(const struct json_object *spec)
{
	const char *policy = json_str_at(spec, "restartPolicy");

	return policy && strcmp(policy, "Always") == 0;
}

static const struct {
	const char *list, *path;
	enum pm_kind kind;
} lists[] = {
	{ "spec.initContainers", "spec.initContainers", PM_INIT },
	{ "spec.containers", "spec.containers", PM_MAIN },
	{ "spec.ephemeralContainers", "spec.ephemeralContainers", PM_EPHEMERAL },
};

static int container_init(struct pm_container *c, struct json_object *spec, enum pm_kind kind,
			  const char *path)
{
	const char *name = json_str_at(spec, "name");

	*c = (struct pm_container){ .spec = json_ref(spec), .attempt = -1 };
	c->end.attempt = c->last.attempt = -1;
	c->kind = kind == PM_INIT && is_sidecar(spec) ? PM_SIDECAR : kind;
	c->name = strdup(name ? name : "");
	if (!c->name || asprintf(&c->field_path, "%s{%s}", path, c->name) < 0) {
		c->field_path = NULL;
		return -ENOMEM;
	}
	pm_probe_parse(c);
	return 0;
}

/* Containers of a new version of the pod: those known keep their state; ephemeral ones may come. */
static int read_containers(struct podmachine *pm)
{
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct json_object *list = json_at(pm->pod, lists[l].list);

		for (size_t i = 0; i < json_len(list); i++) {
			struct json_object *spec = json_idx(list, i);
			struct pm_container *c = pm_find(pm, json_str_at(spec, "name"));
			struct pm_container *bigger;

			if (c) {
				json_unref(c->spec);
				c->spec = json_ref(spec);
				pm_probe_parse(c);
				continue;
			}
			if (pm->n_containers == PM_CONTAINERS_MAX)
				return -E2BIG;
			bigger = reallocarray(pm->containers, pm->n_containers + 1,
					      sizeof(*pm->containers));
			if (!bigger)
				return -ENOMEM;
			pm->containers = bigger;
			if (container_init(&pm->containers[pm->n_containers++], spec, lists[l].kind,
					   lists[l].path) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void read_deletion(struct podmachine *pm)
{
	pm->deleting = json_str_at(pm->pod, "metadata.deletionTimestamp") != NULL;
	pm->grace_s = json_int_at(pm->pod, "metadata.deletionGracePeriodSeconds",
				  json_int_at(pm->pod, "spec.terminationGracePeriodSeconds", 30));
	if (pm->grace_s < 0)
		pm->grace_s = 1;
}

bool pm_restarts(const struct podmachine *pm, const struct pm_container *c, int exit_code)
{
	const char *policy = json_str_at(c->spec, "restartPolicy");

	if (c->kind == PM_EPHEMERAL)
		return false;
	if (!policy)
		policy = json_str_at(pm->pod, "spec.restartPolicy");
	if (policy && strcmp(policy, "Never") == 0)
		return false;
	/* A pod that starts over with its sandbox has init containers run again, whatever they said. */
	if (c->kind == PM_INIT && exit_code != 0)
		return true;
	if (policy && strcmp(policy, "OnFailure") == 0)
		return exit_code != 0;
	return true;
}

bool pm_started(const struct pm_container *c)
{
	const struct pm_probe *p = &c->probes[POD_STARTUP];

	if (c->state != PM_RUNNING || c->doing == PM_POST_START)
		return false;
	return !p->spec || (p->known && p->good);
}

bool pm_ready(const struct pm_container *c)
{
	const struct pm_probe *p = &c->probes[POD_READINESS];

	if (c->kind == PM_INIT)
		return c->state == PM_EXITED && c->end.exit_code == 0 && c->doing == PM_IDLE;
	if (c->kind == PM_EPHEMERAL)
		return false;
	return pm_started(c) && (!p->spec || (p->known && p->good));
}

/* ---- birth and death ---- */

int podmachine_new(const struct podmachine_options *options, struct json_object *pod,
		   const struct json_object *saved, int64_t now_ns, struct podmachine **ret,
		   struct err *err)
{
	auto_podmachine struct podmachine *pm = calloc(1, sizeof(*pm));
	const char *uid = json_str_at(pod, "metadata.uid");
	const char *name = json_str_at(pod, "metadata.name");
	const char *namespace = json_str_at(pod, "metadata.namespace");
	int r;

	if (!pm)
		return err_set(err, -ENOMEM, "pod");
	if (!uid || !name || !namespace)
		return err_say(err, -EINVAL, "a pod without metadata.uid, name or namespace");
	pm->pod = json_ref(pod);
	pm->uid = strdup(uid);
	pm->name = strdup(name);
	pm->namespace = strdup(namespace);
	if (asprintf(&pm->full, "%s_%s(%s)", name, namespace, uid) < 0)
		pm->full = NULL;
	if (!pm->uid || !pm->name || !pm->namespace || !pm->full)
		return err_set(err, -ENOMEM, "pod %s/%s", namespace, name);
	(void)snprintf(pm->host_ip, sizeof(pm->host_ip), "%s",
		       options->host_ip ? options->host_ip : "");
	pm->host_network = json_bool_at(pod, "spec.hostNetwork", false);
	pm->start_ns = now_ns;
	r = read_containers(pm);
	if (r < 0)
		return err_set(err, r, "pod %s/%s", namespace, name);
	read_deletion(pm);
	pm_restore_status(pm);
	if (saved)
		pm_restore(pm, saved);
	pm->touched = true;
	pm->wake_ns = now_ns;
	*ret = take_ptr(&pm);
	return 0;
}

static void container_done(struct pm_container *c)
{
	json_unref(c->spec);
	free(c->name);
	free(c->field_path);
	free(c->image);
	free(c->image_id);
	free(c->wait_reason);
	free(c->wait_message);
	free(c->pull_error);
	json_unref(c->user);
	pm_end_done(&c->end);
	pm_end_done(&c->last);
}

struct podmachine *podmachine_free(struct podmachine *pm)
{
	if (!pm)
		return NULL;
	for (size_t i = 0; i < pm->n_containers; i++)
		container_done(&pm->containers[i]);
	free(pm->containers);
	for (size_t i = 0; i < pm->n_effects; i++)
		effect_done(&pm->effects[i]);
	free(pm->effects);
	free(pm->uid);
	free(pm->name);
	free(pm->namespace);
	free(pm->full);
	free(pm->reason);
	free(pm->message);
	free(pm->phase);
	json_unref(pm->status);
	json_unref(pm->pod);
	free(pm);
	return NULL;
}

/* ---- what is wanted ---- */

void podmachine_update(struct podmachine *pm, struct json_object *pod, int64_t now_ns)
{
	struct json_object *old = pm->pod;
	int64_t grace_s = pm->grace_s;

	drop_taken(pm);
	pm->pod = json_ref(pod);
	/* Only ephemeral containers can be added; a list that has become too long is left as it is. */
	(void)read_containers(pm);
	json_unref(old);
	read_deletion(pm);
	if (pm->ending && pm->deleting && pm->grace_s < grace_s)
		pm_shorten(pm, now_ns);
	if (pm->deleting)
		pm->ended = false; /* finished before: it still has to say so */
	pm->touched = true;
	pm->wake_ns = now_ns;
}

void podmachine_remove(struct podmachine *pm, int64_t now_ns)
{
	pm->removed = true;
	pm->touched = true;
	pm->wake_ns = now_ns;
}

void podmachine_evict(struct podmachine *pm, const char *reason, const char *message,
		      int64_t now_ns)
{
	if (pm->finished || pm->tearing)
		return;
	pm_set(&pm->reason, reason);
	pm_set(&pm->message, message);
	pm_set(&pm->phase, "Failed");
	pm->touched = true;
	pm->wake_ns = now_ns;
}

/* ---- what was seen ---- */

/* How an end is called: containerd's words, which the kubelet passes on. */
static const char *end_reason(const struct podmachine_event *event)
{
	if (event->reason)
		return event->reason;
	if (event->oom)
		return "OOMKilled";
	return event->exit_code == 0 ? "Completed" : "Error";
}

static void instance_ended(struct podmachine *pm, struct pm_container *c,
			   const struct podmachine_event *event)
{
	struct pm_end *end = &c->end;

	pm_end_done(end);
	(void)snprintf(end->id, sizeof(end->id), "%s", c->id);
	end->attempt = c->attempt;
	end->exit_code = event->exit_code;
	end->signal = event->signal;
	end->started_ns = event->started_ns ? event->started_ns : c->started_ns;
	end->finished_ns = event->at_ns;
	pm_set(&end->reason, end_reason(event));
	pm_set(&end->message, event->text);
	if (end->message && strlen(end->message) > PM_MESSAGE_MAX)
		end->message[PM_MESSAGE_MAX] = '\0';
	c->state = PM_EXITED;
	if (c->doing == PM_POST_START)
		c->doing = PM_IDLE;
	c->stop = PM_STAYS;
	c->hook_ticket = 0;
	c->backing_off = false;
	c->retry_ns = 0;
	pm_waits(pm, c, NULL, NULL);
	for (int i = 0; i < POD_PROBE_COUNT; i++)
		c->probes[i].known = false, c->probes[i].ticket = 0;
	pm->touched = true;
}

static const struct podmachine_event vanished = {
	.exit_code = 137,
	.reason = "ContainerStatusUnknown",
	.text = "The container could not be located when the pod was terminated",
};

/* The sandbox is gone, and with it whatever ran there. */
static void sandbox_lost(struct podmachine *pm, int64_t now_ns)
{
	struct podmachine_event event = vanished;

	event.at_ns = now_ns;
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		c->doing = c->doing == PM_IMAGE ? PM_IMAGE : PM_IDLE;
		c->next_id[0] = '\0';
		c->lost = c->state != PM_NEW;
		if (c->state != PM_RUNNING)
			continue;
		instance_ended(pm, c, &event);
	}
	pm->sandbox = PM_NONE;
	pm->main_started = false;
	pm->ip[0] = '\0';
	pm->sandbox_retry_ns = 0;
	pm->touched = true;
}

static void exited(struct podmachine *pm, struct pm_container *c,
		   const struct podmachine_event *event)
{
	/* It may end before we hear that it started: the order of a fast process's news. */
	if (c->next_id[0] && strcmp(c->next_id, event->id) == 0 && c->doing == PM_STARTING)
		pm_start_event(pm, c,
			       &(struct podmachine_event){ .type = POD_STARTED,
							   .id = event->id,
							   .at_ns = event->started_ns },
			       event->at_ns);
	if (c->state == PM_RUNNING && strcmp(c->id, event->id) == 0)
		instance_ended(pm, c, event);
}

/* The sandbox was found alive, and this instance in it. */
static void alive(struct podmachine *pm, struct pm_container *c,
		  const struct podmachine_event *event, int64_t now_ns)
{
	if (c->doing == PM_STARTING && strcmp(c->next_id, event->id) == 0) {
		pm_start_event(pm, c,
			       &(struct podmachine_event){ .type = POD_STARTED,
							   .id = event->id,
							   .at_ns = event->started_ns },
			       now_ns);
		return;
	}
	if (strcmp(c->id, event->id) != 0)
		return;
	c->lost = false;
	c->doing = PM_IDLE;
	c->state = PM_RUNNING;
	if (c->kind == PM_MAIN)
		pm->main_started = true;
	for (int i = 0; i < POD_PROBE_COUNT; i++)
		c->probes[i].next_ns = now_ns;
	pm->touched = true;
}

static void sandbox_ready(struct podmachine *pm, const struct podmachine_event *event)
{
	pm->sandbox = PM_READY;
	pm->had_sandbox = true;
	(void)snprintf(pm->ip, sizeof(pm->ip), "%s",
		       pm->host_network ? pm->host_ip : (event->ip ? event->ip : ""));
	pm->touched = true;
}

static void adopted(struct podmachine *pm, const struct podmachine_event *event)
{
	sandbox_ready(pm, event);
	pm->volumes = PM_READY;
	for (size_t i = 0; i < pm->n_containers; i++)
		pm->containers[i].lost = pm->containers[i].state == PM_RUNNING;
}

static void synced(struct podmachine *pm, int64_t now_ns)
{
	struct podmachine_event event = vanished;

	event.at_ns = now_ns;
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (c->doing == PM_STARTING)
			c->doing = PM_IDLE;
		if (c->state == PM_RUNNING && c->lost)
			instance_ended(pm, c, &event);
		c->lost = false;
	}
}

static void volumes_failed(struct podmachine *pm, const struct podmachine_event *event,
			   int64_t now_ns)
{
	const int64_t most = 122 * NS_PER_S; /* as the kubelet's volume operations back off */

	pm->volumes = PM_NONE;
	pm->volumes_pending = false;
	pm->volumes_delay_ns =
		pm->volumes_delay_ns ? MIN(2 * pm->volumes_delay_ns, most) : NS_PER_S / 2;
	pm->volumes_retry_ns = now_ns + pm->volumes_delay_ns;
	pm_record(pm, NULL, true, "FailedMount", "%s", event->text ? event->text : "");
}

static void input_changed(struct podmachine *pm)
{
	pm->volumes_retry_ns = pm->sandbox_retry_ns = 0;
	for (size_t i = 0; i < pm->n_containers; i++)
		if (pm->containers[i].state != PM_EXITED)
			pm->containers[i].retry_ns = 0;
}

static void hooked(struct podmachine *pm, const struct podmachine_event *event, int64_t now_ns)
{
	for (size_t i = 0; i < pm->n_containers; i++) {
		struct pm_container *c = &pm->containers[i];

		if (!event->ticket || c->hook_ticket != event->ticket)
			continue;
		c->hook_ticket = 0;
		if (c->doing == PM_POST_START)
			pm_post_start_done(pm, c, event, now_ns);
		else
			pm_pre_stop_done(pm, c, event, now_ns);
		return;
	}
}

static void pod_event(struct podmachine *pm, const struct podmachine_event *event, int64_t now_ns)
{
	switch (event->type) {
	case POD_VOLUMES_READY:
		pm->volumes = PM_READY;
		pm->volumes_pending = false;
		pm->volumes_delay_ns = 0;
		break;
	case POD_VOLUMES_PENDING:
		pm->volumes_pending = pm->volumes == PM_MAKING;
		break;
	case POD_VOLUMES_FAILED:
		volumes_failed(pm, event, now_ns);
		break;
	case POD_SANDBOX_READY:
		sandbox_ready(pm, event);
		break;
	case POD_ADOPTED:
		adopted(pm, event);
		break;
	case POD_SYNCED:
		synced(pm, now_ns);
		break;
	case POD_SANDBOX_FAILED:
		pm->sandbox = PM_NONE;
		pm->sandbox_retry_ns = now_ns + PM_RETRY_NS;
		pm_record(pm, NULL, true, "FailedCreatePodSandBox",
			  "Failed to create pod sandbox: %s", event->text ? event->text : "");
		break;
	case POD_SANDBOX_LOST:
		sandbox_lost(pm, now_ns);
		break;
	case POD_INPUT_CHANGED:
		input_changed(pm);
		break;
	case POD_TORN_DOWN:
		pm->sandbox = pm->volumes = PM_NONE;
		pm->finished = true;
		pm->touched = true;
		break;
	default:
		break;
	}
}

void podmachine_event(struct podmachine *pm, const struct podmachine_event *event, int64_t now_ns)
{
	struct pm_container *c = event->id ? find_id(pm, event->id) : NULL;

	drop_taken(pm);
	if (!c && event->container)
		c = pm_find(pm, event->container);
	pm->wake_ns = MIN(pm->wake_ns, now_ns);
	switch (event->type) {
	case POD_IMAGE_READY:
	case POD_IMAGE_PULLING:
	case POD_IMAGE_FAILED:
		if (c)
			pm_image_event(pm, c, event, now_ns);
		break;
	case POD_STARTED:
	case POD_START_FAILED:
		if (c)
			pm_start_event(pm, c, event, now_ns);
		break;
	case POD_ALIVE:
		if (c)
			alive(pm, c, event, now_ns);
		break;
	case POD_EXITED:
		if (c)
			exited(pm, c, event);
		break;
	case POD_PROBED:
		pm_probe_event(pm, event, now_ns);
		break;
	case POD_HOOKED:
		hooked(pm, event, now_ns);
		break;
	default:
		pod_event(pm, event, now_ns);
	}
}

/* ---- deciding ---- */

/* activeDeadlineSeconds counts from status.startTime. */
static void check_deadline(struct podmachine *pm, int64_t now_ns)
{
	int64_t seconds = json_int_at(pm->pod, "spec.activeDeadlineSeconds", 0);
	int64_t due_ns = pm->start_ns + seconds * NS_PER_S;

	if (seconds <= 0 || pm->ending || seconds > INT32_MAX)
		return;
	if (now_ns < due_ns) {
		pm_wake(pm, due_ns);
		return;
	}
	pm_set(&pm->reason, "DeadlineExceeded");
	pm_set(&pm->message, "Pod was active on the node longer than the specified deadline");
	pm_set(&pm->phase, "Failed");
	pm_record(pm, NULL, false, pm->reason, "%s", pm->message);
	pm->touched = true;
}

static bool is_final(const char *phase)
{
	return phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
}

static void refresh_status(struct podmachine *pm, int64_t now_ns)
{
	struct json_object *status;

	if (!pm->touched)
		return;
	pm->touched = false;
	status = pm_status(pm, now_ns);
	if (!status)
		return;
	if (pm->status && json_equal(pm->status, status)) {
		json_unref(status);
		return;
	}
	json_unref(pm->status);
	pm->status = status;
	if (!pm->removed)
		(void)pm_effect(pm, POD_STATUS, NULL);
}

void podmachine_step(struct podmachine *pm, int64_t now_ns)
{
	drop_taken(pm);
	pm->wake_ns = PM_FOREVER_NS;
	if (!pm->finished) {
		check_deadline(pm, now_ns);
		refresh_status(pm, now_ns); /* an end is shown before what follows from it */
		if (!pm->ending && (pm->deleting || pm->removed || is_final(pm->phase))) {
			pm->ending = true;
			pm->ending_began_ns = now_ns;
		}
		if (pm->ending)
			pm_ending_step(pm, now_ns);
		else
			pm_start_step(pm, now_ns);
		for (size_t i = 0; i < pm->n_containers; i++) {
			pm_stop_step(pm, &pm->containers[i], now_ns);
			pm_probe_step(pm, &pm->containers[i], now_ns);
		}
	}
	refresh_status(pm, now_ns);
	if (pm->finished && !pm->ended && pm->deleting && !pm->removed)
		(void)pm_effect(pm, POD_ENDED, NULL);
	if (pm->finished && (pm->deleting || pm->removed))
		pm->ended = true;
}

int64_t podmachine_wake_ns(const struct podmachine *pm)
{
	return pm->wake_ns;
}

/* ---- looking ---- */

struct json_object *podmachine_status(const struct podmachine *pm)
{
	return pm->status;
}

struct json_object *podmachine_pod(const struct podmachine *pm)
{
	return pm->pod;
}

const char *podmachine_phase(const struct podmachine *pm)
{
	return pm->phase ? pm->phase : "Pending";
}

const char *podmachine_ip(const struct podmachine *pm)
{
	return pm->ip;
}

bool podmachine_wants_sandbox(const struct podmachine *pm)
{
	return pm->had_sandbox && !pm->finished;
}

bool podmachine_finished(const struct podmachine *pm)
{
	return pm->finished;
}

bool podmachine_ended(const struct podmachine *pm)
{
	return pm->ended;
}

static void instance_of_end(const struct pm_end *end, struct podmachine_instance *ret)
{
	(void)snprintf(ret->id, sizeof(ret->id), "%s", end->id);
	ret->attempt = end->attempt;
	ret->exit_code = end->exit_code;
	ret->started_ns = end->started_ns;
	ret->finished_ns = end->finished_ns;
}

int podmachine_instance(const struct podmachine *pm, const char *container, bool previous,
			struct podmachine_instance *ret, const char **why_waiting)
{
	const struct pm_container *c = pm_find(pm, container);

	*why_waiting = NULL;
	if (!c)
		return -ENOENT;
	*why_waiting = c->wait_reason ? c->wait_reason : "ContainerCreating";
	*ret = (struct podmachine_instance){ .spec = c->spec };
	if (previous) {
		if (!c->last.id[0])
			return -EAGAIN;
		instance_of_end(&c->last, ret);
		return 0;
	}
	if (c->state == PM_NEW)
		return -EAGAIN;
	if (c->state == PM_EXITED) {
		instance_of_end(&c->end, ret);
		return 0;
	}
	(void)snprintf(ret->id, sizeof(ret->id), "%s", c->id);
	ret->attempt = c->attempt;
	ret->running = true;
	ret->started_ns = c->started_ns;
	return 0;
}

const char *podmachine_container_of(const struct podmachine *pm, const char *id)
{
	const struct pm_container *c = find_id(pm, id);

	return c ? c->name : NULL;
}
