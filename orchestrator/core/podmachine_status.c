/* SPDX-License-Identifier: Apache-2.0 */
/* The status that the API shows: container states, phase, conditions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/podmachine_state.h"

enum view { VIEW_WAITING, VIEW_RUNNING, VIEW_TERMINATED };

/* What is told about a container: the machine's knowledge, seen as the kubelet would show it. */
struct shown {
	const struct pm_container *c;
	enum view view;
	const char *wait_reason, *wait_message;
	const struct pm_end *end;  /* VIEW_TERMINATED; NULL: its place is known, not its end */
	const struct pm_end *last; /* lastState.terminated, or NULL */
	bool started, ready;
};

static const char unknown_text[] = "The container could not be located when the pod was terminated";

static bool has_inits(const struct podmachine *pm)
{
	return json_len(json_at(pm->pod, "spec.initContainers")) > 0;
}

static void show(const struct podmachine *pm, const struct pm_container *c, struct shown *s)
{
	const char *waiting = has_inits(pm) ? "PodInitializing" : "ContainerCreating";

	*s = (struct shown){ .c = c, .last = c->last.id[0] ? &c->last : NULL };
	s->started = pm_started(c);
	s->ready = pm_ready(c);
	switch (c->state) {
	case PM_RUNNING:
		s->view = VIEW_RUNNING;
		if (c->doing != PM_POST_START)
			return;
		s->view = VIEW_WAITING; /* until its postStart hook is done */
		s->wait_reason = waiting;
		return;
	case PM_NEW:
		s->view = VIEW_WAITING;
		s->wait_reason = c->wait_reason ? c->wait_reason : waiting;
		s->wait_message = c->wait_message;
		return;
	case PM_EXITED:
		s->view = VIEW_TERMINATED;
		s->end = &c->end;
		if (!c->wait_reason || pm->ending || !pm_restarts(pm, c, c->end.exit_code))
			return;
		s->view = VIEW_WAITING;
		s->wait_reason = c->wait_reason;
		s->wait_message = c->wait_message;
		s->last = &c->end;
		return;
	}
}

/* ---- phase: the kubelet's getPhase() ---- */

struct tally {
	int pending_init, pending_sidecar, failed_init_for_good;
	int running, waiting, stopped, stopped_for_good, succeeded;
};

static void tally_init(const struct podmachine *pm, const struct shown *s, struct tally *t)
{
	const struct pm_end *end = s->view == VIEW_TERMINATED ? s->end
				   : s->view == VIEW_WAITING  ? s->last
							      : NULL;

	if (!end) {
		t->pending_init++;
		return;
	}
	if (end->exit_code != 0 && !pm_restarts(pm, s->c, end->exit_code))
		t->failed_init_for_good++;
}

static void tally_sidecar(const struct shown *s, struct tally *t)
{
	if (s->view == VIEW_RUNNING) {
		t->pending_sidecar += !s->started;
		t->running++;
	} else if (s->view == VIEW_WAITING && !s->last) {
		t->pending_sidecar++;
		t->waiting++;
	}
}

static void tally_main(const struct podmachine *pm, const struct shown *s, struct tally *t)
{
	const struct pm_end *end = s->view == VIEW_TERMINATED ? s->end : s->last;

	if (s->view == VIEW_RUNNING) {
		t->running++;
	} else if (!end) {
		t->waiting++;
	} else {
		t->stopped++;
		t->stopped_for_good += !pm_restarts(pm, s->c, end->exit_code);
		t->succeeded += s->view == VIEW_TERMINATED && end->exit_code == 0;
	}
}

static const char *phase_of(const struct podmachine *pm, const struct shown *shown)
{
	struct tally t = { 0 };

	for (size_t i = 0; i < pm->n_containers; i++) {
		if (shown[i].c->kind == PM_INIT)
			tally_init(pm, &shown[i], &t);
		else if (shown[i].c->kind == PM_SIDECAR)
			tally_sidecar(&shown[i], &t);
		else if (shown[i].c->kind == PM_MAIN)
			tally_main(pm, &shown[i], &t);
	}
	if (t.failed_init_for_good)
		return "Failed";
	if (t.pending_init || (t.pending_sidecar && !pm->main_started) || t.waiting)
		return "Pending";
	if (t.running)
		return "Running";
	if (!t.stopped)
		return "Pending";
	if (!pm->tearing && t.stopped != t.stopped_for_good)
		return "Running";
	return t.stopped == t.succeeded ? "Succeeded" : "Failed";
}

/* ---- conditions ---- */

static const struct json_object *old_condition(const struct podmachine *pm, const char *type)
{
	struct json_object *list =
		json_get(pm->status ? pm->status : json_get(pm->pod, "status"), "conditions");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *t = json_str_at(json_idx(list, i), "type");

		if (t && strcmp(t, type) == 0)
			return json_idx(list, i);
	}
	return NULL;
}

static void put_time(struct json_object *object, const char *key, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	(void)json_put(object, key, ns ? json_new_string(time_format(ns, text)) : NULL);
}

static void condition(struct podmachine *pm, struct json_object *list, const char *type, bool truth,
		      const char *reason, const char *message, int64_t now_ns)
{
	const struct json_object *old = old_condition(pm, type);
	const char *status = truth ? "True" : "False";
	const char *was = json_str_at(old, "status"),
		   *since = json_str_at(old, "lastTransitionTime");
	struct json_object *json = json_new_object();

	(void)json_put(json, "lastProbeTime", NULL);
	if (since && was && strcmp(was, status) == 0)
		(void)json_put_str(json, "lastTransitionTime", since);
	else
		put_time(json, "lastTransitionTime", now_ns);
	if (message && *message)
		(void)json_put_str(json, "message", message);
	(void)json_put_int(json, "observedGeneration",
			   json_int_at(pm->pod, "metadata.generation", 1));
	if (reason && *reason)
		(void)json_put_str(json, "reason", reason);
	(void)json_put_str(json, "status", status);
	(void)json_put_str(json, "type", type);
	(void)json_add(list, json);
}

/* "containers with unready status: [a b]", as Go prints a slice. */
static void name_list(const struct podmachine *pm, const struct shown *shown, const char *what,
		      bool (*wants)(const struct shown *s), struct buf *text)
{
	bool any = false;

	for (size_t i = 0; i < pm->n_containers; i++) {
		if (!wants(&shown[i]))
			continue;
		if (any)
			(void)buf_printf(text, " %s", shown[i].c->name);
		else
			(void)buf_printf(text, "%s: [%s", what, shown[i].c->name);
		any = true;
	}
	if (any)
		(void)buf_putc(text, ']');
}

static bool is_unready(const struct shown *s)
{
	return (s->c->kind == PM_MAIN || s->c->kind == PM_SIDECAR) && !s->ready;
}

static bool is_incomplete(const struct shown *s)
{
	return (s->c->kind == PM_INIT && !s->ready) || (s->c->kind == PM_SIDECAR && !s->started);
}

static bool any_main_begun(const struct podmachine *pm, const struct shown *shown)
{
	for (size_t i = 0; i < pm->n_containers; i++)
		if (shown[i].c->kind == PM_MAIN && shown[i].view != VIEW_WAITING)
			return true;
	return false;
}

static void initialized(struct podmachine *pm, const struct shown *shown, struct json_object *list,
			int64_t now_ns)
{
	const struct json_object *old = old_condition(pm, "Initialized");
	const char *was = json_str_at(old, "status");
	auto_buf struct buf text = BUF_INIT(0);

	name_list(pm, shown, "containers with incomplete status", is_incomplete, &text);
	if (strcmp(pm->phase, "Succeeded") == 0)
		condition(pm, list, "Initialized", true, "PodCompleted", NULL, now_ns);
	else if (text.len == 0 || any_main_begun(pm, shown) || (was && strcmp(was, "True") == 0))
		condition(pm, list, "Initialized", true, NULL, NULL, now_ns);
	else
		condition(pm, list, "Initialized", false, "ContainersNotInitialized",
			  buf_str(&text), now_ns);
}

/* spec.readinessGates: conditions that somebody else sets. */
static void gates(const struct podmachine *pm, struct buf *text)
{
	struct json_object *list = json_at(pm->pod, "spec.readinessGates");
	struct json_object *conditions = json_at(pm->pod, "status.conditions");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *type = json_str_at(json_idx(list, i), "conditionType");
		const char *status = NULL;

		for (size_t k = 0; type && k < json_len(conditions); k++) {
			const char *t = json_str_at(json_idx(conditions, k), "type");

			if (t && strcmp(t, type) == 0)
				status = json_str_at(json_idx(conditions, k), "status");
		}
		if (!type || (status && strcmp(status, "True") == 0))
			continue;
		if (text->len)
			(void)buf_puts(text, ", ");
		if (status)
			(void)buf_printf(text,
					 "the status of pod readiness gate \"%s\" is not \"True\", "
					 "but %s",
					 type, status);
		else
			(void)buf_printf(
				text,
				"corresponding condition of pod readiness gate \"%s\" does "
				"not exist.",
				type);
	}
}

static void readiness(struct podmachine *pm, const struct shown *shown, struct json_object *list,
		      int64_t now_ns)
{
	auto_buf struct buf unready = BUF_INIT(0), gated = BUF_INIT(0);
	const char *reason = NULL, *text;

	name_list(pm, shown, "containers with unready status", is_unready, &unready);
	gates(pm, &gated);
	if (strcmp(pm->phase, "Succeeded") == 0)
		reason = "PodCompleted";
	else if (strcmp(pm->phase, "Failed") == 0)
		reason = "PodFailed";
	else if (unready.len)
		reason = "ContainersNotReady";
	text = reason && strcmp(reason, "ContainersNotReady") == 0 ? buf_str(&unready) : NULL;
	if (reason || gated.len == 0)
		condition(pm, list, "Ready", !reason, reason, text, now_ns);
	else
		condition(pm, list, "Ready", false, "ReadinessGatesNotReady", buf_str(&gated),
			  now_ns);
	condition(pm, list, "ContainersReady", !reason, reason, text, now_ns);
}

static bool is_ours(const char *type)
{
	static const char *const ours[] = { "PodReadyToStartContainers", "Initialized", "Ready",
					    "ContainersReady", "PodScheduled" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(type, ours[i]) == 0)
			return true;
	return false;
}

static struct json_object *conditions(struct podmachine *pm, const struct shown *shown,
				      int64_t now_ns)
{
	struct json_object *list = json_new_array();
	struct json_object *old = json_at(pm->pod, "status.conditions");
	bool up = pm->sandbox == PM_READY && !pm->finished;

	for (size_t i = 0; i < json_len(old); i++) {
		const char *type = json_str_at(json_idx(old, i), "type");

		if (type && !is_ours(type))
			(void)json_add(list, json_ref(json_idx(old, i)));
	}
	condition(pm, list, "PodReadyToStartContainers", up, up ? NULL : "PodSandboxNotReady",
		  up				    ? NULL
		  : pm->had_sandbox || pm->finished ? "pod sandbox is not ready"
						    : "no pod sandbox exists",
		  now_ns);
	initialized(pm, shown, list, now_ns);
	readiness(pm, shown, list, now_ns);
	return list;
}

/* ---- container statuses ---- */

static struct json_object *terminated(const struct pm_end *end)
{
	struct json_object *json = json_new_object(), *state = json_new_object();
	bool unknown = !end || (end->reason && strcmp(end->reason, "ContainerStatusUnknown") == 0);
	char text[PODMACHINE_ID_MAX + 16], epoch[TIME_TEXT_MAX];

	(void)json_put(state, "terminated", json);
	if (end && end->id[0]) {
		(void)snprintf(text, sizeof(text), "shallop://%s", end->id);
		(void)json_put_str(json, "containerID", text);
	}
	(void)json_put_int(json, "exitCode", end ? end->exit_code : 137);
	put_time(json, "finishedAt", unknown ? 0 : end->finished_ns);
	if (!end)
		(void)json_put_str(json, "message", unknown_text);
	else if (end->message)
		(void)json_put_str(json, "message", end->message);
	(void)json_put_str(json, "reason",
			   end && end->reason ? end->reason : "ContainerStatusUnknown");
	if (unknown || end->started_ns)
		put_time(json, "startedAt", unknown ? 0 : end->started_ns);
	else
		(void)json_put_str(json, "startedAt", time_format(0, epoch));
	return state;
}

static struct json_object *state_of(const struct shown *s)
{
	struct json_object *state, *json;

	if (s->view == VIEW_TERMINATED)
		return terminated(s->end);
	state = json_new_object();
	json = json_new_object();
	if (s->view == VIEW_RUNNING) {
		put_time(json, "startedAt", s->c->started_ns);
		(void)json_put(state, "running", json);
		return state;
	}
	if (s->wait_message)
		(void)json_put_str(json, "message", s->wait_message);
	(void)json_put_str(json, "reason", s->wait_reason);
	(void)json_put(state, "waiting", json);
	return state;
}

static void put_volume_mounts(struct json_object *json, const struct json_object *spec)
{
	struct json_object *mounts = json_get(spec, "volumeMounts");
	struct json_object *list;

	if (json_len(mounts) == 0)
		return;
	list = json_new_array();
	for (size_t i = 0; i < json_len(mounts); i++) {
		struct json_object *mount = json_idx(mounts, i), *out = json_new_object();
		const char *mode = json_str_at(mount, "recursiveReadOnly");
		bool read_only = json_bool_at(mount, "readOnly", false);
		bool recursive = mode && strcmp(mode, "Disabled") != 0;

		(void)json_put_str(out, "mountPath", json_str_at(mount, "mountPath"));
		(void)json_put_str(out, "name", json_str_at(mount, "name"));
		if (read_only) {
			(void)json_put_bool(out, "readOnly", true);
			(void)json_put_str(out, "recursiveReadOnly",
					   recursive ? "Enabled" : "Disabled");
		}
		(void)json_add(list, out);
	}
	(void)json_put(json, "volumeMounts", list);
}

static struct json_object *container_status(const struct shown *s)
{
	const struct pm_container *c = s->c;
	struct json_object *json = json_new_object();
	struct json_object *requests = json_at(c->spec, "resources.requests");
	struct json_object *resources = json_get(c->spec, "resources");
	bool exists = c->state != PM_NEW;
	char id[PODMACHINE_ID_MAX + 16];

	if (exists && json_len(requests))
		(void)json_put(json, "allocatedResources", json_ref(requests));
	if (exists) {
		(void)snprintf(id, sizeof(id), "shallop://%s", c->id);
		(void)json_put_str(json, "containerID", id);
	}
	(void)json_put_str(json, "image",
			   exists && c->image ? c->image : json_str_at(c->spec, "image"));
	(void)json_put_str(json, "imageID", exists && c->image_id ? c->image_id : "");
	(void)json_put(json, "lastState", s->last ? terminated(s->last) : json_new_object());
	(void)json_put_str(json, "name", c->name);
	(void)json_put_bool(json, "ready", s->ready);
	if (exists)
		(void)json_put(json, "resources",
			       resources ? json_ref(resources) : json_new_object());
	(void)json_put_int(json, "restartCount", c->restart_count);
	(void)json_put_bool(json, "started", s->started);
	(void)json_put(json, "state", state_of(s));
	if (exists && c->user)
		(void)json_put(json, "user", json_ref(c->user));
	put_volume_mounts(json, c->spec);
	return json;
}

static int by_name(const void *a, const void *b)
{
	const struct shown *const *x = a, *const *y = b;

	return strcmp((*x)->c->name, (*y)->c->name);
}

/* Init containers in their order, all others sorted by name. */
static void put_statuses(struct json_object *status, const char *key, const struct podmachine *pm,
			 const struct shown *shown, unsigned kinds)
{
	const struct shown **list = calloc(pm->n_containers + 1, sizeof(*list));
	struct json_object *out;
	size_t n = 0;

	if (!list)
		return;
	for (size_t i = 0; i < pm->n_containers; i++)
		if (kinds & (1u << shown[i].c->kind))
			list[n++] = &shown[i];
	if (!(kinds & (1u << PM_INIT)))
		qsort(list, n, sizeof(*list), by_name);
	if (n) {
		out = json_new_array();
		for (size_t i = 0; i < n; i++)
			(void)json_add(out, container_status(list[i]));
		(void)json_put(status, key, out);
	}
	free(list);
}

/* ---- all of it ---- */

/* A pod that is over has no container that waits: what never came is an end nobody saw. */
static void close_waiting(const struct podmachine *pm, struct shown *shown)
{
	bool begun = !has_inits(pm) || any_main_begun(pm, shown);
	size_t last_init = 0;

	for (size_t i = 0; i < pm->n_containers; i++) {
		if (shown[i].c->kind != PM_INIT && shown[i].c->kind != PM_SIDECAR)
			continue;
		if (shown[i].view != VIEW_WAITING || shown[i].last)
			last_init = i;
		if (shown[i].c->kind == PM_INIT && shown[i].view == VIEW_TERMINATED &&
		    shown[i].end && shown[i].end->exit_code == 0 &&
		    (i + 1 == pm->n_containers || shown[i + 1].c->kind == PM_MAIN))
			begun = true;
	}
	for (size_t i = 0; i < pm->n_containers; i++) {
		enum pm_kind kind = shown[i].c->kind;
		bool init = kind == PM_INIT || kind == PM_SIDECAR;

		if (shown[i].view != VIEW_WAITING || kind == PM_EPHEMERAL)
			continue;
		if (init ? i > last_init : !begun)
			continue;
		shown[i].view = VIEW_TERMINATED;
		shown[i].end = NULL;
	}
}

static void settle_phase(struct podmachine *pm, struct shown *shown)
{
	const char *phase = phase_of(pm, shown);
	bool final = pm->phase &&
		     (strcmp(pm->phase, "Succeeded") == 0 || strcmp(pm->phase, "Failed") == 0);

	if (pm->tearing)
		close_waiting(pm, shown);
	if (final)
		return;
	if (pm->tearing && strcmp(phase, "Succeeded") != 0)
		phase = "Failed";
	pm_set(&pm->phase, phase);
}

static void put_ips(struct json_object *status, const char *one, const char *many, const char *ip)
{
	struct json_object *list = json_new_array(), *item = json_new_object();

	(void)json_put_str(status, one, ip);
	(void)json_put_str(item, "ip", ip);
	(void)json_add(list, item);
	(void)json_put(status, many, list);
}

static void put_resources(struct json_object *status, const struct podmachine *pm)
{
	struct json_object *requests = pm_total(pm, "requests"), *limits = pm_total(pm, "limits");
	struct json_object *resources = json_new_object();

	if (json_len(requests))
		(void)json_put(status, "allocatedResources", json_ref(requests));
	if (json_len(limits))
		(void)json_put(resources, "limits", json_ref(limits));
	if (json_len(requests))
		(void)json_put(resources, "requests", json_ref(requests));
	(void)json_put(status, "resources", resources);
	json_unref(requests);
	json_unref(limits);
}

static const char *qos_class(const struct podmachine *pm)
{
	const char *given = json_str_at(pm->pod, "status.qosClass");

	return given ? given : "BestEffort";
}

struct json_object *pm_status(struct podmachine *pm, int64_t now_ns)
{
	struct shown *shown = calloc(pm->n_containers + 1, sizeof(*shown));
	struct json_object *status = json_new_object();

	if (!shown || !status) {
		free(shown);
		return json_unref(status);
	}
	for (size_t i = 0; i < pm->n_containers; i++)
		show(pm, &pm->containers[i], &shown[i]);
	settle_phase(pm, shown);
	(void)json_put(status, "conditions", conditions(pm, shown, now_ns));
	put_statuses(status, "containerStatuses", pm, shown, 1u << PM_MAIN);
	put_statuses(status, "ephemeralContainerStatuses", pm, shown, 1u << PM_EPHEMERAL);
	if (pm->host_ip[0])
		put_ips(status, "hostIP", "hostIPs", pm->host_ip);
	put_statuses(status, "initContainerStatuses", pm, shown, 1u << PM_INIT | 1u << PM_SIDECAR);
	if (pm->message)
		(void)json_put_str(status, "message", pm->message);
	(void)json_put_int(status, "observedGeneration",
			   json_int_at(pm->pod, "metadata.generation", 1));
	(void)json_put_str(status, "phase", pm->phase);
	if (pm->ip[0])
		put_ips(status, "podIP", "podIPs", pm->ip);
	(void)json_put_str(status, "qosClass", qos_class(pm));
	if (pm->reason)
		(void)json_put_str(status, "reason", pm->reason);
	put_resources(status, pm);
	put_time(status, "startTime", pm->start_ns);
	free(shown);
	return status;
}
