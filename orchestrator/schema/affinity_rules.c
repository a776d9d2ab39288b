/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/rules.h"

void node_selector_check(struct schema_site *site, const struct json_object *selector)
{
	if (json_len(json_get(selector, "nodeSelectorTerms")) == 0)
		site_problem(site, CAUSE_REQUIRED, "nodeSelectorTerms", NULL,
			     "must have at least one node selector term");
}

/* What an operator asks of its values. */
static const struct {
	const char *name;
	bool some, one, none, labels; /* labels: also in a label selector */
} operators[] = {
	{ "In", true, false, false, true },	{ "NotIn", true, false, false, true },
	{ "Exists", false, false, true, true }, { "DoesNotExist", false, false, true, true },
	{ "Gt", false, true, false, false },	{ "Lt", false, true, false, false },
};

static void check_requirement(struct schema_site *site, const struct json_object *requirement,
			      bool labels)
{
	const struct json_object *values = json_get(requirement, "values");
	size_t i = 0, n = json_len(values);

	while (i < ARRAY_LEN(operators) &&
	       !((!labels || operators[i].labels) &&
		 site_text_is(requirement, "operator", operators[i].name)))
		i++;
	if (i == ARRAY_LEN(operators))
		site_problem(site, CAUSE_INVALID, "operator", json_get(requirement, "operator"),
			     "not a valid selector operator");
	else if (operators[i].some && n == 0)
		site_problem(site, CAUSE_REQUIRED, "values", NULL,
			     "must be specified when `operator` is 'In' or 'NotIn'");
	else if (operators[i].none && n > 0)
		site_problem(site, CAUSE_FORBIDDEN, "values", NULL,
			     "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	else if (operators[i].one && n != 1)
		site_problem(site, CAUSE_REQUIRED, "values", NULL,
			     "must be specified single value when `operator` is 'Lt' or 'Gt'");
	site_rule(site, "key", json_get(requirement, "key"), rule_qualified_name);
	for (size_t k = 0; labels && k < n; k++) {
		char sub[64];

		(void)snprintf(sub, sizeof(sub), "values[%zu]", k);
		site_rule(site, sub, json_idx(values, k), rule_label_value);
	}
}

void node_term_check(struct schema_site *site, const struct json_object *term)
{
	const struct json_object *expressions = json_get(term, "matchExpressions");
	const struct json_object *fields = json_get(term, "matchFields");

	for (size_t i = 0, n = json_len(expressions); i < n; i++) {
		size_t mark = site_enter(site, "matchExpressions", i);

		check_requirement(site, json_idx(expressions, i), false);
		site_leave(site, mark);
	}
	for (size_t i = 0, n = json_len(fields); i < n; i++) {
		const struct json_object *one = json_idx(fields, i);
		size_t mark = site_enter(site, "matchFields", i);

		if (!site_text_is(one, "operator", "In") && !site_text_is(one, "operator", "NotIn"))
			site_problem(site, CAUSE_INVALID, "operator", json_get(one, "operator"),
				     "not a valid selector operator");
		else if (json_len(json_get(one, "values")) != 1)
			site_problem(
				site, CAUSE_REQUIRED, "values", NULL,
				"must be only one value when `operator` is 'In' or 'NotIn' for "
				"node field selector");
		if (!site_text_is(one, "key", "metadata.name"))
			site_problem(site, CAUSE_INVALID, "key", json_get(one, "key"),
				     "not a valid field selector key");
		site_leave(site, mark);
	}
}

void label_selector_check(struct schema_site *site, const struct json_object *selector)
{
	const struct json_object *expressions = json_get(selector, "matchExpressions");

	site_labels(site, "matchLabels", json_get(selector, "matchLabels"));
	for (size_t i = 0, n = json_len(expressions); i < n; i++) {
		size_t mark = site_enter(site, "matchExpressions", i);

		check_requirement(site, json_idx(expressions, i), true);
		site_leave(site, mark);
	}
}

void pod_affinity_term_check(struct schema_site *site, const struct json_object *term)
{
	const struct json_object *key = json_get(term, "topologyKey");

	if (!json_str_len(key))
		site_problem(site, CAUSE_REQUIRED, "topologyKey", NULL, "can not be empty");
	site_text_rule(site, "topologyKey", json_str(key) ? json_str(key) : "",
		       rule_qualified_name);
}
