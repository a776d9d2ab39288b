/* SPDX-License-Identifier: Apache-2.0 */
/* What of a Pod's spec may change after it was made. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/kinds.h"
#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/spec_diff.h"
#include "orchestrator/schema/schema_types.h"

/* Returns false if containers came or went. */
static bool same_number(struct schema_site *site, const struct json_object *spec,
			const struct json_object *old)
{
	static const char *const lists[] = { "containers", "initContainers" };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (json_len(json_get(spec, lists[i])) != json_len(json_get(old, lists[i]))) {
			site_problem(site, CAUSE_FORBIDDEN, lists[i], NULL,
				     "pod updates may not add or remove containers");
			return false;
		}
	return true;
}

/* It may be set, or lowered. */
static bool check_deadline(struct schema_site *site, const struct json_object *spec,
			   const struct json_object *old)
{
	const struct json_object *now = json_get(spec, "activeDeadlineSeconds");
	const struct json_object *was = json_get(old, "activeDeadlineSeconds");

	if (was && !now)
		site_problem(site, CAUSE_INVALID, "activeDeadlineSeconds", NULL,
			     "must not update from a positive integer to nil value");
	else if (now && json_int(now, 0) < 0)
		site_problem(site, CAUSE_INVALID, "activeDeadlineSeconds", now,
			     "must be between 0 and 2147483647, inclusive");
	else if (was && json_int(now, 0) > json_int(was, 0))
		site_problem(site, CAUSE_INVALID, "activeDeadlineSeconds", now,
			     "must be less than or equal to previous value");
	else
		return true;
	return false;
}

static bool same_but_seconds(const struct json_object *a, const struct json_object *b)
{
	auto_json struct json_object *left = json_copy(a);
	auto_json struct json_object *right = json_copy(b);

	json_del(left, "tolerationSeconds");
	json_del(right, "tolerationSeconds");
	return json_equal(left, right);
}

static void check_tolerations(struct schema_site *site, const struct json_object *spec,
			      const struct json_object *old)
{
	const struct json_object *now = json_get(spec, "tolerations");
	const struct json_object *was = json_get(old, "tolerations");

	for (size_t i = 0, n = json_len(was); i < n; i++) {
		bool kept = false;

		for (size_t k = 0, m = json_len(now); k < m && !kept; k++)
			kept = same_but_seconds(json_idx(was, i), json_idx(now, k));
		if (!kept) {
			site_problem(site, CAUSE_FORBIDDEN, "tolerations", NULL,
				     "existing toleration can not be modified except its "
				     "tolerationSeconds");
			return;
		}
	}
}

static void check_scheduling_gates(struct schema_site *site, const struct json_object *spec,
				   const struct json_object *old)
{
	const struct json_object *now = json_get(spec, "schedulingGates");
	const struct json_object *was = json_get(old, "schedulingGates");

	for (size_t i = 0, n = json_len(now); i < n; i++) {
		bool known = false;
		char sub[64];

		for (size_t k = 0, m = json_len(was); k < m && !known; k++)
			known = json_equal(json_idx(now, i), json_idx(was, k));
		(void)snprintf(sub, sizeof(sub), "schedulingGates[%zu].name", i);
		if (!known)
			site_problem(site, CAUSE_FORBIDDEN, sub, NULL,
				     "only deletion is allowed, but found new scheduling gate '%s'",
				     json_str_at(json_idx(now, i), "name"));
	}
}

/* Give @spec the old value of @key, or none. */
static void restore(struct json_object *spec, const struct json_object *old, const char *key)
{
	if (json_has(old, key))
		(void)json_put(spec, key, json_copy(json_get(old, key)));
	else
		json_del(spec, key);
}

/* The new spec, with everything that may change as it was. */
static struct json_object *munged(const struct json_object *spec, const struct json_object *old)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct json_object *copy = json_copy(spec);

	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		struct json_object *list = json_get(copy, lists[k]);

		for (size_t i = 0, n = json_len(list); i < n; i++)
			restore(json_idx(list, i), json_idx(json_get(old, lists[k]), i), "image");
	}
	restore(copy, old, "activeDeadlineSeconds");
	restore(copy, old, "tolerations");
	restore(copy, old, "schedulingGates");
	if (json_int_at(old, "terminationGracePeriodSeconds", 0) < 0 &&
	    json_int_at(spec, "terminationGracePeriodSeconds", 0) == 1)
		restore(copy, old, "terminationGracePeriodSeconds");
	return copy;
}

static void check_update(struct schema_site *site, const struct json_object *spec,
			 const struct json_object *old)
{
	auto_json struct json_object *rest = NULL;
	auto_buf struct buf diff = BUF_INIT(1 << 20);

	if (!same_number(site, spec, old) || !check_deadline(site, spec, old))
		return;
	check_tolerations(site, spec, old);
	check_scheduling_gates(site, spec, old);
	rest = munged(spec, old);
	if (!rest)
		schema_problems_incomplete(site->problems);
	if (!rest || json_equal(rest, old))
		return;
	(void)spec_diff(&core_v1_pod_spec, old, rest, &diff);
	if (!diff.len) /* empties that the encoder writes: "resources": {} */
		return;
	site_problem(
		site, CAUSE_FORBIDDEN, NULL, NULL,
		"pod updates may not change fields other than "
		"`spec.containers[*].image`,`spec.initContainers[*].image`,"
		"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
		"tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if "
		"it was previously negative)\n%s",
		buf_str(&diff));
}

void pod_validate(struct schema_site *site)
{
	const struct json_object *spec = json_get(site->root, "spec");
	size_t mark = site_enter(site, "spec", SIZE_MAX);

	if (site->old)
		check_update(site, spec, json_get(site->old, "spec"));
	else if (json_len(json_get(spec, "ephemeralContainers")))
		site_problem(site, CAUSE_FORBIDDEN, "ephemeralContainers", NULL,
			     "cannot be set on create");
	if (!spec)
		site_required(site, "containers");
	site_leave(site, mark);
}
