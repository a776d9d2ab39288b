/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/sched.h"

static bool equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool one_of(const struct json_object *values, const char *value)
{
	for (size_t i = 0; i < json_len(values); i++)
		if (equal(json_str(json_idx(values, i)), value))
			return true;
	return false;
}

static bool whole_number(const char *text, int64_t *ret)
{
	char *end;

	if (!text || !*text)
		return false;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !*end && errno == 0;
}

static bool in(const struct json_object *values, const char *value)
{
	return value && one_of(values, value);
}
static bool not_in(const struct json_object *values, const char *value)
{
	return !value || !one_of(values, value);
}
static bool exists(const struct json_object *values, const char *value)
{
	(void)values;
	return value;
}
static bool does_not_exist(const struct json_object *values, const char *value)
{
	(void)values;
	return !value;
}
static bool compared(const struct json_object *values, const char *value, int sign)
{
	int64_t have, bound;

	if (!whole_number(value, &have) || !whole_number(json_str(json_idx(values, 0)), &bound))
		return false;
	return sign > 0 ? have > bound : have < bound;
}
static bool greater(const struct json_object *values, const char *value)
{
	return compared(values, value, 1);
}
static bool less(const struct json_object *values, const char *value)
{
	return compared(values, value, -1);
}

static const struct {
	const char *name;
	bool (*holds)(const struct json_object *values, const char *value); /* value NULL: no key */
} operators[] = {
	{ "In", in },	      { "NotIn", not_in },
	{ "Exists", exists }, { "DoesNotExist", does_not_exist },
	{ "Gt", greater },    { "Lt", less },
};

static bool requirement_holds(const struct json_object *requirement, const char *value)
{
	const char *name = json_str(json_get(requirement, "operator"));

	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (equal(operators[i].name, name))
			return operators[i].holds(json_get(requirement, "values"), value);
	return false;
}

bool sched_match_term(const struct json_object *term, const struct sched_node *node)
{
	const struct json_object *expressions = json_get(term, "matchExpressions");
	const struct json_object *fields = json_get(term, "matchFields");

	if (!json_len(expressions) && !json_len(fields))
		return false;
	for (size_t i = 0; i < json_len(expressions); i++) {
		const struct json_object *one = json_idx(expressions, i);
		const char *key = json_str(json_get(one, "key"));

		if (!requirement_holds(one, json_str(json_get(node->labels, key ? key : ""))))
			return false;
	}
	for (size_t i = 0; i < json_len(fields); i++) {
		const struct json_object *one = json_idx(fields, i);
		bool name = equal(json_str(json_get(one, "key")), "metadata.name");

		if (!requirement_holds(one, name ? node->name : NULL))
			return false;
	}
	return true;
}

bool sched_match_required(const struct json_object *required, const struct sched_node *node)
{
	const struct json_object *terms = json_get(required, "nodeSelectorTerms");

	for (size_t i = 0; i < json_len(terms); i++)
		if (sched_match_term(json_idx(terms, i), node))
			return true;
	return false;
}

bool sched_match_selector(const struct json_object *selector, const struct sched_node *node)
{
	struct json_iter it;

	json_for_each (it, selector) {
		const char *have = json_str(json_get(node->labels, it.key));

		if (!have || !equal(have, json_str(it.value)))
			return false;
	}
	return true;
}

bool sched_tolerates(const struct json_object *tolerations, const char *key, const char *value,
		     const char *effect)
{
	for (size_t i = 0; i < json_len(tolerations); i++) {
		const struct json_object *t = json_idx(tolerations, i);
		const char *t_key = json_str(json_get(t, "key"));
		const char *t_effect = json_str(json_get(t, "effect"));
		const char *t_operator = json_str(json_get(t, "operator"));

		if (t_effect && *t_effect && !equal(t_effect, effect))
			continue;
		if (t_key && *t_key && !equal(t_key, key))
			continue;
		if (equal(t_operator, "Exists"))
			return true;
		if ((!t_operator || !*t_operator || equal(t_operator, "Equal")) &&
		    equal(json_str(json_get(t, "value")), value) && equal(t_key, key))
			return true;
	}
	return false;
}

bool sched_tolerates_taint(const struct json_object *tolerations, const struct json_object *taint)
{
	return sched_tolerates(tolerations, json_str(json_get(taint, "key")),
			       json_str(json_get(taint, "value")),
			       json_str(json_get(taint, "effect")));
}
