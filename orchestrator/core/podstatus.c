/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/podstatus.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"

static const char *const qos_resources[] = { "cpu", "memory" };

/* A quantity that is there and not zero. */
static const char *amount(const struct json_object *container, const char *list,
			  const char *resource)
{
	const struct json_object *resources = json_get(container, "resources");
	const char *text = json_str(json_get(json_get(resources, list), resource));

	return text && strcmp(text, "0") != 0 ? text : NULL;
}

struct qos {
	bool any;	 /* some request or limit */
	bool guaranteed; /* every container has limits, and requests that equal them */
};

static void look_at(struct qos *qos, const struct json_object *containers)
{
	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json_object *container = json_idx(containers, i);

		for (size_t j = 0; j < ARRAY_LEN(qos_resources); j++) {
			const char *request = amount(container, "requests", qos_resources[j]);
			const char *limit = amount(container, "limits", qos_resources[j]);

			qos->any |= request || limit;
			qos->guaranteed &= limit && (!request || strcmp(request, limit) == 0);
		}
	}
}

const char *podstatus_qos(const struct json_object *pod)
{
	struct qos qos = { .guaranteed = true };

	look_at(&qos, json_at(pod, "spec.containers"));
	look_at(&qos, json_at(pod, "spec.initContainers"));
	return !qos.any ? "BestEffort" : qos.guaranteed ? "Guaranteed" : "Burstable";
}

int podstatus_initial(struct json_object *pod)
{
	int r = json_put_at(pod, "status.phase", json_new_string("Pending"));

	return r < 0 ? r : json_put_at(pod, "status.qosClass", json_new_string(podstatus_qos(pod)));
}

static struct json_object *find_condition(struct json_object *conditions, const char *type)
{
	for (size_t i = 0; i < json_len(conditions); i++) {
		const char *text = json_str(json_get(json_idx(conditions, i), "type"));

		if (text && strcmp(text, type) == 0)
			return json_idx(conditions, i);
	}
	return NULL;
}

static struct json_object *add_condition(struct json_object *pod, const char *type)
{
	struct json_object *conditions = json_at(pod, "status.conditions"), *condition;

	if (json_kind(conditions) != JSON_ARRAY) {
		conditions = json_new_array();
		if (!conditions || json_put_at(pod, "status.conditions", conditions) < 0)
			return NULL;
	}
	condition = json_new_object();
	if (!condition || json_add(conditions, condition) < 0)
		return NULL;
	return json_put_str(condition, "type", type) < 0 ? NULL : condition;
}

static int put_or_drop(struct json_object *object, const char *key, const char *text)
{
	if (text && *text)
		return json_put_str(object, key, text);
	json_del(object, key);
	return 0;
}

int podstatus_condition(struct json_object *pod, const char *type, const char *status,
			const char *reason, const char *message, int64_t now_ns)
{
	struct json_object *condition = find_condition(json_at(pod, "status.conditions"), type);
	const char *before;
	char now[TIME_TEXT_MAX];
	int r = 0;

	if (!condition)
		condition = add_condition(pod, type);
	if (!condition)
		return -ENOMEM;
	before = json_str(json_get(condition, "status"));
	if (!before || strcmp(before, status) != 0)
		r = json_put_str(condition, "lastTransitionTime", time_format(now_ns, now));
	if (r == 0)
		r = json_put_str(condition, "status", status);
	if (r == 0)
		r = put_or_drop(condition, "reason", reason);
	if (r == 0)
		r = put_or_drop(condition, "message", message);
	return r;
}
