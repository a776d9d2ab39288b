/* SPDX-License-Identifier: Apache-2.0 */
/* What `kubectl get pods` shows, of one pass over the container statuses. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/cells.h"

#define REASON_MAX 256

struct pod_summary {
	char reason[REASON_MAX];
	long long total, ready, restarts;
	const char *last_restart; /* RFC 3339 in UTC: texts compare as times */
};

static void say(struct pod_summary *sum, const char *before, const char *reason)
{
	(void)snprintf(sum->reason, sizeof(sum->reason), "%s%s", before, reason);
}

/* Reason of an ended container, else its signal, else its exit code. */
static void say_terminated(struct pod_summary *sum, const char *before,
			   const struct json_object *ended)
{
	long long signal = json_int_at(ended, "signal", 0);
	const char *reason = cell_string(ended, "reason");

	if (*reason)
		say(sum, before, reason);
	else if (signal)
		(void)snprintf(sum->reason, sizeof(sum->reason), "%sSignal:%lld", before, signal);
	else
		(void)snprintf(sum->reason, sizeof(sum->reason), "%sExitCode:%lld", before,
			       (long long)json_int_at(ended, "exitCode", 0));
}

static bool has_condition(const struct json_object *object, const char *type, const char *key,
			  const char *value)
{
	const struct json_object *conditions = json_at(object, "status.conditions");

	for (size_t i = 0, n = json_len(conditions); i < n; i++)
		if (strcmp(cell_string(json_idx(conditions, i), "type"), type) == 0 &&
		    strcmp(cell_string(json_idx(conditions, i), key), value) == 0)
			return true;
	return false;
}

/* An init container that stays: a sidecar. */
static bool is_sidecar(const struct json_object *init_containers, const char *name)
{
	for (size_t i = 0, n = json_len(init_containers); i < n; i++) {
		const struct json_object *container = json_idx(init_containers, i);

		if (!name || strcmp(cell_string(container, "name"), name) == 0)
			return strcmp(cell_string(container, "restartPolicy"), "Always") == 0;
	}
	return false;
}

static void count_restarts(struct pod_summary *sum, const struct json_object *status)
{
	const char *at = json_str_at(status, "lastState.terminated.finishedAt");

	sum->restarts += json_int_at(status, "restartCount", 0);
	if (at && (!sum->last_restart || strcmp(sum->last_restart, at) < 0))
		sum->last_restart = at;
}

/* Whether the pod waits at init container @i; says why. */
static bool waits_for_init(struct pod_summary *sum, const struct json_object *status, bool sidecar,
			   size_t i, size_t total)
{
	const struct json_object *ended = json_at(status, "state.terminated");
	const char *waiting = cell_string(status, "state.waiting.reason");

	if (ended && json_int_at(ended, "exitCode", 0) == 0)
		return false;
	if (sidecar && json_bool_at(status, "started", false)) {
		sum->ready += json_bool_at(status, "ready", false);
		return false;
	}
	if (ended)
		say_terminated(sum, "Init:", ended);
	else if (*waiting && strcmp(waiting, "PodInitializing") != 0)
		say(sum, "Init:", waiting);
	else
		(void)snprintf(sum->reason, sizeof(sum->reason), "Init:%zu/%zu", i, total);
	return true;
}

static bool look_at_init(struct pod_summary *sum, struct pod_summary *sidecars,
			 const struct json_object *object)
{
	const struct json_object *statuses = json_at(object, "status.initContainerStatuses");
	const struct json_object *specs = json_at(object, "spec.initContainers");

	for (size_t i = 0, n = json_len(statuses); i < n; i++) {
		const struct json_object *status = json_idx(statuses, i);
		bool sidecar = is_sidecar(specs, cell_string(status, "name"));

		count_restarts(sum, status);
		if (sidecar)
			count_restarts(sidecars, status);
		if (waits_for_init(sum, status, sidecar, i, json_len(specs)))
			return true;
	}
	return false;
}

static void look_at_containers(struct pod_summary *sum, const struct json_object *object)
{
	const struct json_object *statuses = json_at(object, "status.containerStatuses");
	char failure[REASON_MAX] = "";
	bool running = false;

	for (size_t i = json_len(statuses); i-- > 0;) {
		const struct json_object *status = json_idx(statuses, i);
		const struct json_object *ended = json_at(status, "state.terminated");
		const char *waiting = cell_string(status, "state.waiting.reason");

		count_restarts(sum, status);
		if (*waiting) {
			say(sum, "", waiting);
		} else if (ended) {
			say_terminated(sum, "", ended);
			if (json_int_at(ended, "exitCode", 0) != 0)
				memcpy(failure, sum->reason, sizeof(failure));
		} else if (json_bool_at(status, "ready", false) &&
			   json_at(status, "state.running")) {
			running = true;
			sum->ready++;
		}
	}
	if (strcmp(sum->reason, "Completed") != 0)
		return;
	if (running && has_condition(object, "Ready", "status", "True"))
		say(sum, "", "Running");
	else if (*failure)
		say(sum, "", failure);
	else if (running)
		say(sum, "", "NotReady");
}

static void look_at_deletion(struct pod_summary *sum, const struct json_object *object)
{
	const char *phase = cell_string(object, "status.phase");

	if (!json_at(object, "metadata.deletionTimestamp"))
		return;
	if (strcmp(cell_string(object, "status.reason"), "NodeLost") == 0)
		say(sum, "", "Unknown");
	else if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
		say(sum, "", "Terminating");
}

static struct pod_summary summarize(const struct json_object *object)
{
	const struct json_object *inits = json_at(object, "spec.initContainers");
	const char *reason = cell_string(object, "status.reason");
	struct pod_summary sum = { .total = (long long)json_len(
					   json_at(object, "spec.containers")) };
	struct pod_summary sidecars = { 0 };

	say(&sum, "", *reason ? reason : cell_string(object, "status.phase"));
	if (has_condition(object, "PodScheduled", "reason", "SchedulingGated"))
		say(&sum, "", "SchedulingGated");
	for (size_t i = 0, n = json_len(inits); i < n; i++)
		sum.total +=
			strcmp(cell_string(json_idx(inits, i), "restartPolicy"), "Always") == 0;
	if (!look_at_init(&sum, &sidecars, object) ||
	    has_condition(object, "Initialized", "status", "True")) {
		sum.restarts = sidecars.restarts;
		sum.last_restart = sidecars.last_restart;
		look_at_containers(&sum, object);
	}
	look_at_deletion(&sum, object);
	return sum;
}

static struct json_object *ready_cell(const struct json_object *object)
{
	struct pod_summary sum = summarize(object);
	char text[64];

	(void)snprintf(text, sizeof(text), "%lld/%lld", sum.ready, sum.total);
	return json_new_string(text);
}

static struct json_object *status_cell(const struct json_object *object)
{
	struct pod_summary sum = summarize(object);

	return json_new_string(sum.reason);
}

static struct json_object *restarts_cell(const struct json_object *object)
{
	struct pod_summary sum = summarize(object);
	char text[64];

	if (sum.restarts && sum.last_restart) {
		(void)snprintf(text, sizeof(text), "%lld (", sum.restarts);
		return cell_since(sum.last_restart, text, " ago)");
	}
	(void)snprintf(text, sizeof(text), "%lld", sum.restarts);
	return json_new_string(text);
}

static struct json_object *ip_cell(const struct json_object *object)
{
	const char *ip = cell_string(json_idx(json_at(object, "status.podIPs"), 0), "ip");

	return json_new_string(*ip ? ip : "<none>");
}

static struct json_object *gates_cell(const struct json_object *object)
{
	const struct json_object *gates = json_at(object, "spec.readinessGates");
	size_t open = 0, n = json_len(gates);
	char text[64];

	for (size_t i = 0; i < n; i++)
		open += has_condition(object, cell_string(json_idx(gates, i), "conditionType"),
				      "status", "True");
	if (n == 0)
		return json_new_string("<none>");
	(void)snprintf(text, sizeof(text), "%zu/%zu", open, n);
	return json_new_string(text);
}

const struct schema_column pod_columns[] = {
	COLUMN_NAME,
	COLUMN_CELL("Ready", 0, ready_cell, "Containers that are ready, of all that should be"),
	COLUMN_CELL("Status", 0, status_cell, "What the pod is doing, or why it does not"),
	COLUMN_CELL("Restarts", 0, restarts_cell,
		    "How often containers were restarted, and when last"),
	COLUMN_AGE,
	COLUMN_CELL("IP", 1, ip_cell, "Address inside the cluster"),
	COLUMN_PATH("Node", 1, "spec.nodeName", "<none>", "The node the pod is bound to"),
	COLUMN_PATH("Nominated Node", 1, "status.nominatedNodeName", "<none>",
		    "The node where room is being made for it"),
	COLUMN_CELL("Readiness Gates", 1, gates_cell, "Gates that are open, of all it has"),
	{ 0 },
};

/* ---- PodTemplate ---- */

static struct json_object *joined(const struct json_object *object, const char *key)
{
	const struct json_object *containers = json_at(object, "template.spec.containers");
	auto_buf struct buf text = BUF_INIT(1 << 20);

	for (size_t i = 0, n = json_len(containers); i < n; i++)
		(void)buf_printf(&text, "%s%s", i ? "," : "",
				 cell_string(json_idx(containers, i), key));
	return cell_text(&text, "");
}

static struct json_object *names_cell(const struct json_object *object)
{
	return joined(object, "name");
}

static struct json_object *images_cell(const struct json_object *object)
{
	return joined(object, "image");
}

static struct json_object *template_labels_cell(const struct json_object *object)
{
	return cell_labels(json_at(object, "template.metadata.labels"));
}

const struct schema_column pod_template_columns[] = {
	COLUMN_NAME,
	COLUMN_CELL("Containers", 0, names_cell, "Names of the containers"),
	COLUMN_CELL("Images", 0, images_cell, "Their images"),
	COLUMN_CELL("Pod Labels", 0, template_labels_cell, "Labels that the pods will have"),
	{ 0 },
};
