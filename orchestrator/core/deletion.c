/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/deletion.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/podstatus.h"

static const struct {
	const char *policy, *finalizer; /* the finalizer that the policy sets; NULL: none */
} policies[] = {
	{ "Background", NULL },
	{ "Foreground", "foregroundDeletion" },
	{ "Orphan", "orphan" },
};

bool deletion_policy_known(const char *policy)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (strcmp(policies[i].policy, policy) == 0)
			return true;
	return false;
}

bool deletion_durable(const struct object *object)
{
	const char *resource = object_kind(object)->resource;

	return strcmp(resource, "events") != 0 &&
	       !(strcmp(resource, "leases") == 0 &&
		 strcmp(object_namespace(object), "kube-node-lease") == 0);
}

static bool is_kind(const struct object *object, const char *resource)
{
	return !*object_kind(object)->group && strcmp(object_kind(object)->resource, resource) == 0;
}

/* Only pods end gracefully, and only those that a node may be running. */
static int64_t grace_of(const struct object *old, const struct json_object *json, int64_t asked_s)
{
	const char *phase = object_field(old, "status.phase");

	if (!is_kind(old, "pods") || !*object_field(old, "spec.nodeName") ||
	    strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
		return 0;
	if (asked_s >= 0)
		return asked_s;
	asked_s = json_int_at(json, "spec.terminationGracePeriodSeconds", 30);
	return asked_s < 0 ? 1 : asked_s;
}

/* Leave out the policies' finalizers and add the one that is asked for. */
static int set_policy(struct json_object *metadata, const char *policy, bool *ret_any)
{
	const struct json_object *had = json_get(metadata, "finalizers");
	struct json_object *finalizers = json_new_array();
	int r = finalizers ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < json_len(had); i++) {
		const char *name = json_str(json_idx(had, i));
		bool of_policy = false;

		for (size_t p = 0; name && p < ARRAY_LEN(policies); p++)
			of_policy |=
				policies[p].finalizer && strcmp(policies[p].finalizer, name) == 0;
		if (name && !(of_policy && policy))
			r = json_add(finalizers, json_new_string(name));
	}
	for (size_t p = 0; r == 0 && policy && p < ARRAY_LEN(policies); p++)
		if (strcmp(policies[p].policy, policy) == 0 && policies[p].finalizer)
			r = json_add(finalizers, json_new_string(policies[p].finalizer));
	if (r < 0) {
		json_unref(finalizers);
		return r;
	}
	*ret_any = json_len(finalizers) > 0;
	if (*ret_any)
		return json_put(metadata, "finalizers", finalizers);
	json_unref(finalizers);
	json_del(metadata, "finalizers");
	return 0;
}

static int put_times(struct json_object *metadata, int64_t at_ns, int64_t grace_s)
{
	int64_t generation = json_int(json_get(metadata, "generation"), 0);
	char text[TIME_TEXT_MAX];
	int r = json_put_str(metadata, "deletionTimestamp", time_format(at_ns, text));

	if (r == 0 && grace_s >= 0)
		r = json_put_int(metadata, "deletionGracePeriodSeconds", grace_s);
	if (r == 0 && generation > 0)
		r = json_put_int(metadata, "generation", generation + 1);
	return r;
}

/* A second DELETE can only shorten the time that is left. */
static int shorten(struct json_object *metadata, int64_t grace_s)
{
	int64_t before_s = json_int(json_get(metadata, "deletionGracePeriodSeconds"), 0), at_ns;
	const char *stamp = json_str(json_get(metadata, "deletionTimestamp"));

	if (grace_s < 0 || grace_s >= before_s || !stamp || time_parse(stamp, &at_ns) < 0)
		return DELETION_UNCHANGED;
	return put_times(metadata, at_ns - (before_s - grace_s) * NS_PER_S, grace_s) < 0
		       ? -ENOMEM
		       : DELETION_MARKED;
}

/* A namespace goes when its content has gone: spec.finalizers is emptied by PUT …/finalize. */
static int mark_namespace(struct json_object *json, int64_t now_ns, bool finalizers)
{
	struct json_object *metadata = json_get(json, "metadata");

	if (json_get(metadata, "deletionTimestamp"))
		return DELETION_UNCHANGED;
	if (!finalizers && !json_len(json_at(json, "spec.finalizers")))
		return DELETION_REMOVE;
	if (put_times(metadata, now_ns, -1) < 0 ||
	    json_put_at(json, "status.phase", json_new_string("Terminating")) < 0)
		return -ENOMEM;
	return DELETION_MARKED;
}

static int mark_json(struct object *old, struct json_object *json, const struct deletion *options,
		     int64_t now_ns)
{
	struct json_object *metadata = json_get(json, "metadata");
	const struct json_object *before = json_get(metadata, "finalizers");
	bool deleting = object_deleting(old), finalizers, swapped;
	auto_json struct json_object *had = json_copy(before);
	int64_t grace_s = grace_of(old, json, options->grace_s);
	int r = set_policy(metadata, options->propagation, &finalizers);

	if (r < 0)
		return r;
	swapped = !json_equal(had, json_get(metadata, "finalizers"));
	if (is_kind(old, "namespaces"))
		return mark_namespace(json, now_ns, finalizers);
	if (!deleting && grace_s == 0 && !finalizers)
		return DELETION_REMOVE;
	if (!deleting)
		return put_times(metadata, now_ns + grace_s * NS_PER_S, grace_s) < 0
			       ? -ENOMEM
			       : DELETION_MARKED;
	if (grace_s == 0 && !finalizers)
		return DELETION_REMOVE;
	r = shorten(metadata, options->grace_s);
	return r == DELETION_UNCHANGED && swapped ? DELETION_MARKED : r;
}

int deletion_mark(struct object *old, const struct deletion *options, int64_t now_ns,
		  struct object **ret)
{
	auto_json struct json_object *json = NULL;
	int r;

	*ret = NULL;
	json = object_parse_stored(old);
	if (!json)
		return -ENOMEM;
	r = mark_json(old, json, options, now_ns);
	if (r == DELETION_MARKED && options->evicted)
		r = podstatus_condition(json, "DisruptionTarget", "True", "EvictionByEvictionAPI",
					"Eviction API: evicting", now_ns) < 0
			    ? -ENOMEM
			    : DELETION_MARKED;
	if (r != DELETION_MARKED)
		return r;
	return object_replace(old, json, ret) < 0 ? -ENOMEM : DELETION_MARKED;
}
