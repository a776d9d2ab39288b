/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/attachable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void attachable_done(struct attachable *attachable)
{
	attachable->object = json_unref(attachable->object);
	attachable->pod = json_unref(attachable->pod);
}

/* ---- which pods an object means ---- */

static void put_labels(struct buf *selector, const struct json_object *labels)
{
	struct json_iter it;

	json_for_each (it, labels)
		(void)buf_printf(selector, "%s%s=%s", selector->len ? "," : "", it.key,
				 json_str(it.value) ? json_str(it.value) : "");
}

static void put_expression(struct buf *selector, const struct json_object *expression)
{
	static const struct {
		const char *operator, * format;
	} operators[] = { { "In", "%s in (" },
			  { "NotIn", "%s notin (" },
			  { "Exists", "%s" },
			  { "DoesNotExist", "!%s" } };
	const char *operator= json_str_at(expression, "operator"),
		   *key = json_str_at(expression, "key");
	const struct json_object *values = json_get(expression, "values");

	for (size_t i = 0; operator&& key && i<ARRAY_LEN(operators); i++) {
		if (strcmp(operators[i].operator, operator) != 0)
			continue;
		(void)buf_puts(selector, selector->len ? "," : "");
		(void)buf_printf(selector, operators[i].format, key);
		if (i > 1)
			continue;
		for (size_t k = 0; k < json_len(values); k++)
			(void)buf_printf(selector, "%s%s", k ? "," : "",
					 json_str(json_idx(values, k)));
		(void)buf_putc(selector, ')');
	}
}

static int make_selector(const struct json_object *object, struct buf *selector)
{
	const struct json_object *wanted = json_at(object, "spec.selector");
	const struct json_object *labels = json_get(wanted, "matchLabels"),
				 *expressions = json_get(wanted, "matchExpressions");

	if (!json_has(wanted, "matchLabels") && !json_has(wanted, "matchExpressions"))
		labels = wanted; /* a Service's, a ReplicationController's */
	put_labels(selector, labels);
	for (size_t i = 0; i < json_len(expressions); i++)
		put_expression(selector, json_idx(expressions, i));
	return selector->len ? buf_error(selector) : -ENOENT;
}

/* ---- the best of them ---- */

static bool is_ready(const struct json_object *pod)
{
	const struct json_object *conditions = json_at(pod, "status.conditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);
		const char *type = json_str_at(c, "type"), *status = json_str_at(c, "status");

		if (type && status && strcmp(type, "Ready") == 0)
			return strcmp(status, "True") == 0;
	}
	return false;
}

static int rank(const struct json_object *pod)
{
	const char *phase = json_str_at(pod, "status.phase");

	if (!json_str_at(pod, "spec.nodeName"))
		return 0;
	if (!phase || strcmp(phase, "Running") != 0)
		return 1;
	return is_ready(pod) ? 3 : 2;
}

static struct json_object *choose(const struct json_object *pods)
{
	struct json_object *best = NULL;

	for (size_t i = 0; i < json_len(pods); i++) {
		struct json_object *pod = json_idx(pods, i);
		const char *born = json_str_at(pod, "metadata.creationTimestamp"),
			   *best_born = json_str_at(best, "metadata.creationTimestamp");

		if (!best || rank(pod) > rank(best) ||
		    (rank(pod) == rank(best) && born && best_born && strcmp(born, best_born) < 0))
			best = pod;
	}
	return best;
}

static int find_selected(struct session *session, struct attachable *a, struct err *err)
{
	static const struct resource_type pods = {
		.version = "v1", .kind = "Pod", .resource = "pods", .namespaced = true
	};
	auto_buf struct buf selector = { 0 }, path = { 0 };
	auto_json struct json_object *list = NULL;
	int r = make_selector(a->object, &selector);

	if (r == -ENOENT && strcmp(a->type.resource, "services") == 0)
		return err_say(err, r,
			       "error: cannot attach to *v1.Service: invalid service '%s': Service "
			       "is defined without a selector",
			       json_str_at(a->object, "metadata.name"));
	if (r < 0)
		return err_say(err, r, "error: cannot attach to %s: it selects no pods",
			       a->type.kind);
	(void)types_path(&pods, session->namespace, "", &path);
	(void)buf_puts(&path, "?labelSelector=");
	(void)rest_escape(&path, buf_str(&selector));
	r = rest_get(session->rest, buf_str(&path), NULL, &list, err);
	if (r < 0)
		return r;
	a->n_pods = json_len(json_get(list, "items"));
	a->pod = json_ref(choose(json_get(list, "items")));
	return a->pod ? 0
		      : err_say(err, -ENOENT, "error: no pod has the labels that %s %s selects: %s",
				a->type.kind, json_str_at(a->object, "metadata.name"),
				buf_str(&selector));
}

int attachable_find(struct session *session, const char *word, struct attachable *ret,
		    struct err *err)
{
	const char *slash = strchr(word, '/');
	auto_buf struct buf path = { 0 };
	struct attachable a = { 0 };
	char name[256];
	int r;

	(void)snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - word) : 4,
		       slash ? word : "pods");
	r = types_find(session->types, name, &a.type, err);
	if (r < 0)
		return r;
	(void)types_path(&a.type, session->namespace, slash ? slash + 1 : word, &path);
	if (strcmp(a.type.resource, "pods") == 0 && !*a.type.group) {
		a.n_pods = 1;
		r = rest_get(session->rest, buf_str(&path), NULL, &a.pod, err);
	} else {
		r = rest_get(session->rest, buf_str(&path), NULL, &a.object, err);
		if (r == 0)
			r = find_selected(session, &a, err);
	}
	if (r < 0)
		attachable_done(&a);
	else
		*ret = a;
	return r;
}
