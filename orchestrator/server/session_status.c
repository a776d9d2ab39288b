/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reports, as writes to the core: pods, its node, its Lease, events. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "orchestrator/server/session_impl.h"

#define EVENTS_A_MESSAGE 200
#define LEASE_NAMESPACE	 "kube-node-lease"

/* ---- pods ---- */

static struct json_object *condition_of(const struct json_object *status, const char *type)
{
	const struct json_object *all = json_get(status, "conditions");

	for (size_t i = 0; i < json_len(all); i++) {
		const char *text = json_str(json_get(json_idx(all, i), "type"));

		if (text && strcmp(text, type) == 0)
			return json_idx(all, i);
	}
	return NULL;
}

/* The agent's status with the one condition that is the server's. */
static struct json_object *merged_status(const struct json_object *current,
					 const struct json_object *reported)
{
	struct json_object *status = json_copy(reported);
	struct json_object *scheduled = condition_of(current, "PodScheduled");
	const char *qos = json_str(json_get(current, "qosClass"));
	struct json_object *conditions;

	if (!status)
		return NULL;
	if (qos && !json_has(status, "qosClass"))
		(void)json_put_str(status, "qosClass", qos);
	if (!scheduled || condition_of(status, "PodScheduled"))
		return status;
	conditions = json_get(status, "conditions");
	if (!conditions) {
		conditions = json_new_array();
		(void)json_put(status, "conditions", conditions);
	}
	(void)json_add(conditions, json_copy(scheduled));
	return status;
}

static void pod_ended(struct session *s, const struct object *object, struct receipt *receipt)
{
	const struct core_delete_options options = { .grace_s = 0, .uid = object_uid(object) };

	core_delete(s->options.core, s->pods, object_namespace(object), object_name(object),
		    &options, session_written, receipt_use(receipt));
}

static void take_pod_status(struct session *s, const struct json_object *one,
			    struct receipt *receipt)
{
	const char *namespace = json_str(json_get(one, "namespace"));
	const char *name = json_str(json_get(one, "name"));
	const char *uid = json_str(json_get(one, "uid"));
	const struct json_object *reported = json_get(one, "status");
	bool ended = json_truth(json_get(one, "ended"), false);
	auto_json struct json_object *pod = NULL, *status = NULL;
	struct object *object =
		namespace && name && uid ? nodeset_pod(s->set, namespace, name, uid) : NULL;

	if (!object) /* no such pod any more: forgotten, its `remove` is on the way */
		return;
	pod = object_parse(object);
	status = pod && reported ? merged_status(json_get(pod, "status"), reported) : NULL;
	if (pod && reported && !status) {
		session_written(s->options.core, -ENOMEM, NULL, NULL, receipt_use(receipt));
		return;
	}
	/* Equal to what is published, with nothing on the way that could change it. */
	if (status && !(s->receipts.next == &receipt->node && receipt->writes == 1 &&
			json_equal(json_get(pod, "status"), status))) {
		(void)json_put(pod, "status", take_ptr(&status));
		/* The status has one owner: no revision is checked, the uid is. */
		json_del(json_get(pod, "metadata"), "resourceVersion");
		core_update(s->options.core, s->pods, "status", take_ptr(&pod), session_written,
			    receipt_use(receipt));
	}
	/* Deleting is the server's: a pod that nobody asked to end has only ended. */
	if (ended && object_deleting(object))
		pod_ended(s, object, receipt);
}

void session_pod_status(struct session *s, const struct json_object *json, struct receipt *receipt)
{
	const struct json_object *pods = json_get(json, "pods");

	for (size_t i = 0; i < json_len(pods) && !s->failed; i++)
		take_pod_status(s, json_idx(pods, i), receipt);
}

/* ---- the node ---- */

static void put_range(struct json_object *spec, const char *range)
{
	struct json_object *ranges = json_new_array();

	(void)json_add(ranges, json_new_string(range));
	(void)json_put_str(spec, "podCIDR", range);
	(void)json_put(spec, "podCIDRs", ranges);
}

static void on_registered(struct core *core, int result, const char *sentence,
			  struct object *object, void *data)
{
	struct receipt *receipt = data;

	/* -EEXIST: an older session of this node was faster. */
	if (receipt->session && (result >= 0 || result == -EEXIST))
		session_registered(receipt->session);
	session_written(core, result == -EEXIST ? 0 : result, sentence, object, data);
}

static int register_node(struct session *s, const struct json_object *reported,
			 struct receipt *receipt, struct err *err)
{
	auto_json struct json_object *node = json_new_object();
	struct json_object *metadata = json_copy(json_get(reported, "metadata"));
	struct json_object *spec = json_copy(json_get(reported, "spec"));
	char range[PODRANGE_MAX];
	int r = podranges_claim(s->options.ranges, s->node, range, err);

	metadata = metadata ? metadata : json_new_object();
	spec = spec ? spec : json_new_object();
	if (r == 0 && (!node || !metadata || !spec))
		r = err_set(err, -ENOMEM, "register node %s", s->node);
	if (r < 0) {
		(void)json_unref(metadata);
		(void)json_unref(spec);
		return r;
	}
	put_range(spec, range);
	(void)json_put_str(metadata, "name", s->node);
	(void)json_put_str(node, "apiVersion", "v1");
	(void)json_put_str(node, "kind", "Node");
	(void)json_put(node, "metadata", metadata);
	(void)json_put(node, "spec", spec);
	(void)json_put(node, "status", json_copy(json_get(reported, "status")));
	core_create(s->options.core, s->nodes, take_ptr(&node), on_registered,
		    receipt_use(receipt));
	return 0;
}

/* Labels of the report that the object lacks or has otherwise; @metadata is changed. */
static bool merge_labels(struct json_object *metadata, const struct json_object *reported)
{
	struct json_object *labels = json_get(metadata, "labels");
	bool changed = false;
	struct json_iter it;

	if (!labels) {
		labels = json_new_object();
		(void)json_put(metadata, "labels", labels);
	}
	json_for_each (it, json_at(reported, "metadata.labels")) {
		const char *value = json_str(it.value), *has = json_str(json_get(labels, it.key));

		if (!value || (has && strcmp(has, value) == 0))
			continue;
		(void)json_put_str(labels, it.key, value);
		changed = true;
	}
	return changed;
}

/* A Node that somebody made by hand has no part of the pod range yet. */
static bool complete_range(struct session *s, struct json_object *node)
{
	const char *has = json_str_at(node, "spec.podCIDR");
	char range[PODRANGE_MAX];

	if (has && *has)
		return false;
	if (podranges_claim(s->options.ranges, s->node, range, NULL) < 0)
		return false; /* it runs pods of the host's network only */
	if (!json_get(node, "spec"))
		(void)json_put(node, "spec", json_new_object());
	put_range(json_get(node, "spec"), range);
	return true;
}

/* Conditions that others keep (NetworkUnavailable) stay beside the agent's. */
static void keep_conditions(struct json_object *status, const struct json_object *current)
{
	const struct json_object *old = json_get(current, "conditions");
	struct json_object *conditions = json_get(status, "conditions");

	for (size_t i = 0; conditions && i < json_len(old); i++) {
		const char *type = json_str(json_get(json_idx(old, i), "type"));

		if (type && !condition_of(status, type))
			(void)json_add(conditions, json_copy(json_idx(old, i)));
	}
}

static int update_node(struct session *s, const struct object *object,
		       const struct json_object *reported, struct receipt *receipt, struct err *err)
{
	auto_json struct json_object *node = object_parse(object);
	auto_json struct json_object *status = json_copy(json_get(node, "status"));
	struct json_object *metadata = json_get(node, "metadata");
	struct json_iter it;

	if (!node || !metadata)
		return err_set(err, -ENOMEM, "update node %s", s->node);
	if (!status)
		status = json_new_object();
	json_del(metadata, "resourceVersion");
	if (!s->registered &&
	    (int)merge_labels(metadata, reported) | (int)complete_range(s, node)) {
		struct json_object *copy = json_copy(node);

		if (!copy)
			return err_set(err, -ENOMEM, "update node %s", s->node);
		core_update(s->options.core, s->nodes, "", copy, session_written,
			    receipt_use(receipt));
	}
	json_for_each (it, json_get(reported, "status"))
		(void)json_put(status, it.key, json_copy(it.value));
	keep_conditions(status, json_get(node, "status"));
	(void)json_put(node, "status", take_ptr(&status));
	core_update(s->options.core, s->nodes, "status", take_ptr(&node), session_written,
		    receipt_use(receipt));
	if (!s->registered)
		session_registered(s);
	return 0;
}

int session_node_status(struct session *s, const struct json_object *json, struct receipt *receipt,
			struct err *err)
{
	const struct json_object *reported = json_get(json, "node");
	struct object *object = core_get(s->options.core, s->nodes, "", s->node);

	if (json_kind(json_get(reported, "status")) != JSON_OBJECT)
		return err_say(err, -EPROTO, "node_status carries no status");
	return object ? update_node(s, object, reported, receipt, err)
		      : register_node(s, reported, receipt, err);
}

/* ---- the Lease ---- */

static struct json_object *lease_of(struct session *s)
{
	struct json_object *lease = json_new_object();
	struct object *node = core_get(s->options.core, s->nodes, "", s->node);
	char now[TIME_TEXT_MAX];

	if (!lease)
		return NULL;
	(void)json_put_str(lease, "apiVersion", "coordination.k8s.io/v1");
	(void)json_put_str(lease, "kind", "Lease");
	(void)json_put_at(lease, "metadata.name", json_new_string(s->node));
	(void)json_put_at(lease, "metadata.namespace", json_new_string(LEASE_NAMESPACE));
	if (node) {
		struct json_object *owners = json_new_array(), *owner = json_new_object();

		(void)json_put_str(owner, "apiVersion", "v1");
		(void)json_put_str(owner, "kind", "Node");
		(void)json_put_str(owner, "name", s->node);
		(void)json_put_str(owner, "uid", object_uid(node));
		(void)json_add(owners, owner);
		(void)json_put_at(lease, "metadata.ownerReferences", owners);
	}
	(void)json_put_at(lease, "spec.holderIdentity", json_new_string(s->node));
	(void)json_put_at(lease, "spec.leaseDurationSeconds", json_new_int(40));
	(void)json_put_at(lease, "spec.renewTime",
			  json_new_string(time_format_micro(loop_now_ns(s->options.loop), now)));
	return lease;
}

void session_renew_lease(struct session *s)
{
	struct json_object *lease = s->leases ? lease_of(s) : NULL;

	if (!lease) /* the next one comes in ten seconds */
		return;
	if (core_get(s->options.core, s->leases, LEASE_NAMESPACE, s->node))
		core_update(s->options.core, s->leases, "", lease, NULL, NULL);
	else
		core_create(s->options.core, s->leases, lease, NULL, NULL);
}

/* ---- events ---- */

/* "web.187f4c5b9d2a7c31": of the object it is about, and of nothing else. */
static bool is_event_name(const struct json_object *event)
{
	const char *name = json_str_at(event, "metadata.name");
	const char *about = json_str_at(event, "involvedObject.name");
	size_t n = about ? MIN(strlen(about), (size_t)230) : 0;

	return name && n && strncmp(name, about, n) == 0 && name[n] == '.' && name[n + 1] &&
	       strspn(name + n + 1, "0123456789abcdef") == strlen(name + n + 1);
}

/*
 * The agent names its events, and tells the same one again with a higher count. One without a name gets
 * FNV-1a over what makes it one.
 */
static void event_name(const struct json_object *event, char *text, size_t size)
{
	static const char *const parts[] = { "involvedObject.uid",
					     "involvedObject.fieldPath",
					     "reason",
					     "type",
					     "message",
					     "source.component",
					     "firstTimestamp" };
	const char *name = json_str_at(event, "involvedObject.name");
	uint64_t hash = 0xcbf29ce484222325u;

	if (is_event_name(event)) {
		(void)snprintf(text, size, "%s", json_str_at(event, "metadata.name"));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *part = json_str_at(event, parts[i]);

		for (const char *c = part ? part : ""; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
		hash = (hash ^ 0xff) * 0x100000001b3u;
	}
	(void)snprintf(text, size, "%.200s.%016" PRIx64, name ? name : "node", hash);
}

static void take_event(struct session *s, const struct json_object *given)
{
	const char *namespace = json_str_at(given, "metadata.namespace");
	const char *involved = json_str_at(given, "involvedObject.namespace");
	struct json_object *event = json_copy(given);
	char name[256];

	if (!event || json_kind(json_get(event, "involvedObject")) != JSON_OBJECT) {
		(void)json_unref(event);
		return;
	}
	if (!namespace || !*namespace)
	namespace = involved && *involved ? involved : "default";
	event_name(given, name, sizeof(name));
	(void)json_put_str(event, "apiVersion", "v1");
	(void)json_put_str(event, "kind", "Event");
	(void)json_put_at(event, "metadata.name", json_new_string(name));
	(void)json_put_at(event, "metadata.namespace", json_new_string(namespace));
	if (core_get(s->options.core, s->events, namespace, name))
		core_update(s->options.core, s->events, "", event, NULL, NULL);
	else
		core_create(s->options.core, s->events, event, NULL, NULL);
}

void session_events(struct session *s, const struct json_object *json)
{
	const struct json_object *events = json_get(json, "events");

	for (size_t i = 0; s->events && i < MIN(json_len(events), EVENTS_A_MESSAGE); i++)
		take_event(s, json_idx(events, i));
}
