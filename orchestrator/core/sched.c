/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler as a controller: events into records, choices into bindings. */
#include "orchestrator/core/sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/podstatus.h"

#define SCHEDULER_NAME "default-scheduler"
#define NOTE_MAX       1024  /* of an Event */
#define STEP_WORK      20000 /* nodes asked in a step: a millisecond */

struct scheduler {
	struct sched sched;
	const struct schema_kind *pods, *nodes;
	struct list bindings; /* under way */
};

/* A binding under way. The pod may go meanwhile, so it is known by uid. */
struct binding {
	struct list node;
	struct scheduler *scheduler;
	char *uid, *namespace, *name, *node_name;
};

/* ---- events ---- */

static bool ended(const struct object *pod)
{
	const char *phase = object_field(pod, "status.phase");

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

static void let_go(struct core *core, struct scheduler *s, const char *uid)
{
	struct sched_pod *pod = sched_pod_find(&s->sched, uid);
	bool had_node = pod && pod->node;

	if (!pod)
		return;
	sched_pod_free(&s->sched, pod);
	if (had_node)
		sched_queue_wake(&s->sched, SCHED_EVENT_ROOM, core_now_ns(core));
}

/* It is on a node: ours by our own binding, or somebody's word. */
static void settle(struct scheduler *s, struct object *object, struct sched_pod *pod)
{
	const char *name = object_field(object, "spec.nodeName");
	auto_json struct json_object *json = NULL;
	struct sched_node *node;

	if (pod && pod->node && strcmp(pod->node->name, name) == 0) {
		pod->state = SCHED_BOUND;
		sched_pod_forget_wishes(pod);
		return;
	}
	if (pod) {
		sched_queue_remove(&s->sched, pod);
		sched_discharge(&s->sched, pod);
	} else {
		json = object_parse(object);
		if (!json || sched_pod_new(&s->sched, json, &pod) < 0)
			return; /* out of memory: the next event of the pod tells it again */
	}
	node = sched_node_named(&s->sched, name);
	if (!node || sched_charge(pod, node, SCHED_BOUND) < 0) {
		sched_pod_free(&s->sched, pod);
		return;
	}
	sched_pod_forget_wishes(pod);
}

/* It waits for a node. Changes of its status alone (our own words) are no reason to try again. */
static void enqueue(struct core *core, struct scheduler *s, struct object *object,
		    struct sched_pod *pod)
{
	auto_json struct json_object *json = object_parse(object);
	unsigned attempts = 0;

	if (!json || (pod && pod->generation == json_int_at(json, "metadata.generation", 0)))
		return;
	if (pod && pod->state == SCHED_BINDING)
		return;
	if (pod) {
		attempts = pod->attempts;
		sched_pod_free(&s->sched, pod);
	}
	if (sched_pod_new(&s->sched, json, &pod) < 0)
		return;
	pod->attempts = attempts;
	if (!json_len(json_at(json, "spec.schedulingGates")))
		sched_queue_add(&s->sched, pod, core_now_ns(core));
}

static void on_pod(struct core *core, enum core_event_type type, struct object *object,
		   struct object *old, void *data)
{
	struct scheduler *s = data;
	const char *scheduler = object_field(object, "spec.schedulerName");
	struct sched_pod *pod = sched_pod_find(&s->sched, object_uid(object));

	(void)old;
	if (type == CORE_DELETED || ended(object))
		let_go(core, s, object_uid(object));
	else if (*object_field(object, "spec.nodeName"))
		settle(s, object, pod);
	else if (object_deleting(object) || (*scheduler && strcmp(scheduler, SCHEDULER_NAME) != 0))
		let_go(core, s, object_uid(object));
	else
		enqueue(core, s, object, pod);
}

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct scheduler *s = data;
	auto_json struct json_object *json = NULL;
	unsigned events = 0;

	(void)old;
	if (type == CORE_DELETED) {
		sched_node_gone(&s->sched, object_name(object));
		return;
	}
	json = object_parse(object);
	if (json && sched_node_put(&s->sched, json, &events) == 0)
		sched_queue_wake(&s->sched, events, core_now_ns(core));
}

/* ---- binding ---- */

static void binding_free(struct binding *b)
{
	list_remove(&b->node);
	free(b->uid);
	free(b->namespace);
	free(b->name);
	free(b->node_name);
	free(b);
}

static struct binding *binding_new(struct scheduler *s, const struct sched_pod *pod)
{
	struct binding *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	list_init(&b->node);
	b->scheduler = s;
	b->uid = strdup(pod->uid);
	b->namespace = strdup(pod->namespace);
	b->name = strdup(pod->name);
	b->node_name = strdup(pod->node->name);
	if (!b->uid || !b->namespace || !b->name || !b->node_name) {
		binding_free(b);
		return NULL;
	}
	list_append(&s->bindings, &b->node);
	return b;
}

static void tell(struct core *core, struct scheduler *s, const char *namespace, const char *name,
		 const char *uid, const char *type, const char *reason, const char *message)
{
	struct object *object = core_get(core, s->pods, namespace, name);

	if (object && strcmp(object_uid(object), uid) == 0)
		core_event(core, object, type, reason, SCHEDULER_NAME, message, core_now_ns(core));
}

static void on_bound(struct core *core, int result, const char *sentence, struct object *object,
		     void *data)
{
	struct binding *b = data;
	struct scheduler *s = b->scheduler;
	struct sched_pod *pod = sched_pod_find(&s->sched, b->uid);
	auto_buf struct buf text = BUF_INIT(NOTE_MAX * 2);

	(void)object;
	if (result == 0) {
		(void)buf_printf(&text, "Successfully assigned %s/%s to %s", b->namespace, b->name,
				 b->node_name);
		tell(core, s, b->namespace, b->name, b->uid, "Normal", "Scheduled", buf_str(&text));
	} else if (pod && pod->state == SCHED_BINDING) {
		sched_discharge(&s->sched, pod);
		sched_queue_retry(&s->sched, pod, core_now_ns(core));
		sched_queue_wake(&s->sched, SCHED_EVENT_ROOM, core_now_ns(core));
		if (result != -ENOENT && result != -EEXIST)
			tell(core, s, b->namespace, b->name, b->uid, "Warning", "FailedScheduling",
			     sentence);
	}
	binding_free(b);
}

static void bind_to(struct core *core, struct scheduler *s, struct sched_pod *pod,
		    struct sched_node *node)
{
	struct binding *b = NULL;

	sched_queue_remove(&s->sched, pod);
	if (sched_charge(pod, node, SCHED_BINDING) == 0)
		b = binding_new(s, pod);
	if (!b) {
		sched_discharge(&s->sched, pod);
		sched_queue_retry(&s->sched, pod, core_now_ns(core));
		return;
	}
	core_bind(core, b->namespace, b->name, b->uid, b->node_name, on_bound, b);
}

/* ---- refusing ---- */

static bool says_already(const struct json_object *pod, const char *message)
{
	const struct json_object *conditions = json_at(pod, "status.conditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *one = json_idx(conditions, i);
		const char *type = json_str(json_get(one, "type"));
		const char *said = json_str(json_get(one, "message"));

		if (type && strcmp(type, "PodScheduled") == 0)
			return said && strcmp(said, message) == 0;
	}
	return false;
}

static void note_refusal(struct core *core, struct scheduler *s, const struct sched_pod *pod,
			 const char *message)
{
	struct object *object = core_get(core, s->pods, pod->namespace, pod->name);
	auto_json struct json_object *json = NULL;

	if (!object || strcmp(object_uid(object), pod->uid) != 0)
		return;
	json = object_parse(object);
	if (!json || says_already(json, message) ||
	    podstatus_condition(json, "PodScheduled", "False", "Unschedulable", message,
				core_now_ns(core)) < 0)
		return;
	core_update(core, s->pods, "status", take_ptr(&json), NULL, NULL);
}

/* An Event's note is bounded: Kubernetes cuts it and says so. */
static void cut(struct buf *text)
{
	if (text->len > NOTE_MAX) {
		buf_truncate(text, NOTE_MAX - 4);
		(void)buf_puts(text, " ...");
	}
}

static void refuse(struct core *core, struct scheduler *s, struct sched_pod *pod,
		   const struct sched_refusal *refusal)
{
	auto_buf struct buf text = { 0 };

	pod->refused_by = refusal->filters;
	sched_queue_park(&s->sched, pod, core_now_ns(core));
	if (sched_refusal_text(&s->sched, pod, refusal, &text) < 0)
		return;
	note_refusal(core, s, pod, buf_str(&text));
	cut(&text);
	tell(core, s, pod->namespace, pod->name, pod->uid, "Warning", "FailedScheduling",
	     buf_str(&text));
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct scheduler *s = data;

	if (!s)
		return;
	list_for_each (node, next, &s->bindings)
		binding_free(list_entry(node, struct binding, node));
	sched_done(&s->sched);
	free(s);
}
OWN_DEFINE(scheduler, struct scheduler *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(scheduler) struct scheduler *s = calloc(1, sizeof(*s));
	int r;

	(void)now_ns;
	if (!s)
		return err_set(err, -ENOMEM, "start");
	list_init(&s->bindings);
	s->pods = schema_kind_of_kind("", "v1", "Pod");
	s->nodes = schema_kind_of_kind("", "v1", "Node");
	r = sched_init(&s->sched);
	if (r == 0)
		r = core_listen(core, s->nodes, on_node, s);
	if (r == 0)
		r = core_listen(core, s->pods, on_pod, s);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&s);
	return 0;
}

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct scheduler *s = data;
	size_t work = 0;
	struct sched_pod *pod;

	while ((pod = sched_queue_next(&s->sched, now_ns))) {
		struct sched_refusal refusal;
		struct sched_node *node;
		int error;

		if (work > STEP_WORK) {
			*ret_more = true;
			break;
		}
		work += s->sched.n_nodes + 50;
		node = sched_choose(&s->sched, pod, &refusal, &error);
		if (node)
			bind_to(core, s, pod, node);
		else if (error < 0)
			sched_queue_retry(&s->sched, pod, now_ns);
		else
			refuse(core, s, pod, &refusal);
	}
	return sched_queue_due_ns(&s->sched);
}

const struct controller sched_controller = { "scheduler", start, step, stop };
