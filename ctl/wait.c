/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl wait: until objects are there, are gone, have a condition, or a path has a value. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"
#include "ctl/command.h"
#include "ctl/jsonpath.h"
#include "ctl/objectwatch.h"
#include "ctl/printer.h"

#define WEEK_NS (7 * 24 * 3600 * NS_PER_S) /* what a negative timeout means */

enum goal { GOAL_CONDITION, GOAL_JSONPATH, GOAL_DELETE, GOAL_CREATE };

struct wait {
	struct cli *cli;
	struct session session;
	struct selection selection;
	struct printer printer;
	enum goal goal;
	char *name, *value; /* of the condition; value NULL: any */
	struct jsonpath *path;
	int64_t timeout_ns;
	struct buf problems; /* one a line */
	size_t n_problems;
};

/* ---- --for ---- */

/* Where "=" ends the path: not inside of braces, where filters have them. */
static size_t path_end(const char *text)
{
	size_t i;
	unsigned open = 0;

	for (i = 0; text[i]; i++) {
		open += text[i] == '{';
		open -= text[i] == '}' && open;
		if (text[i] == '=' && !open)
			break;
	}
	return i;
}

static int parse_jsonpath(struct wait *w, const char *text, struct err *err)
{
	size_t end = path_end(text);
	auto_free char *path = strndup(text, end);
	auto_buf struct buf relaxed = { 0 };
	struct err why = { 0 };
	int r;

	w->goal = GOAL_JSONPATH;
	if (text[end]) {
		const char *value = text + end + 1;
		size_t n;

		value += strspn(value, "'\"");
		n = strlen(value);
		while (n && strchr("'\"", value[n - 1]))
			n--;
		if (!n)
			return err_say(err, -EINVAL,
				       "jsonpath wait has to have a value after equal sign, like "
				       "--for=jsonpath='{.status.readyReplicas}'=3");
		w->value = strndup(value, n);
	}
	if (!path || (text[end] && !w->value))
		return err_set(err, -ENOMEM, "--for");
	r = jsonpath_relax(path, &relaxed, err);
	if (r == 0 && jsonpath_parse(buf_str(&relaxed), &w->path, &why) < 0)
		r = err_say(err, why.code, "error parsing jsonpath %s, %s", buf_str(&relaxed),
			    why.text);
	return r;
}

static int parse_for(struct wait *w, struct err *err)
{
	const char *const *all = cli_list(w->cli, "for");
	const char *text = *all ? all[0] : NULL, *equals;

	if (!text)
		return err_say(err, -EINVAL, "unrecognized condition: []");
	if (all[1])
		return err_say(err, -EOPNOTSUPP, "one --for at a time, please: %s or %s", all[0],
			       all[1]);
	if (strcasecmp(text, "delete") == 0 || strcasecmp(text, "create") == 0) {
		w->goal = strcasecmp(text, "delete") == 0 ? GOAL_DELETE : GOAL_CREATE;
		return 0;
	}
	if (strncmp(text, "jsonpath=", 9) == 0)
		return parse_jsonpath(w, text + 9, err);
	if (strncmp(text, "condition=", 10) != 0)
		return err_say(err, -EINVAL, "unrecognized condition: \"%s\"", text);
	equals = strchr(text + 10, '=');
	w->goal = GOAL_CONDITION;
	w->name = equals ? strndup(text + 10, (size_t)(equals - text - 10)) : strdup(text + 10);
	w->value = strdup(equals ? equals + 1 : "true");
	return w->name && w->value ? 0 : err_set(err, -ENOMEM, "--for");
}

/* ---- is it so? ---- */

static bool has_condition(const struct wait *w, const struct json_object *object)
{
	const struct json_object *conditions = json_at(object, "status.conditions");
	int64_t generation = json_int_at(object, "metadata.generation", 0);

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);
		const char *type = json_str_at(c, "type"), *status = json_str_at(c, "status");

		if (!type || !status || strcasecmp(type, w->name) != 0)
			continue;
		/* A condition that was seen on an older generation says nothing. */
		if (json_int_at(c, "observedGeneration", generation) < generation)
			return false;
		return strcasecmp(status, w->value) == 0;
	}
	return false;
}

/* 1: the path has the value. */
static int has_value(const struct wait *w, const struct json_object *object, struct err *err)
{
	auto_json struct json_object *lists = NULL;
	auto_buf struct buf text = { 0 };
	const struct json_object *found, *value;
	const char *from;
	size_t len;
	int r = jsonpath_find(w->path, object, true, &lists, err);

	found = json_idx(lists, 0);
	value = json_idx(found, 0);
	if (r < 0 || json_len(found) == 0)
		return r;
	if (json_len(lists) > 1)
		return err_say(err, -EINVAL,
			       "given jsonpath expression matches more than one list");
	if (json_len(found) > 1)
		return err_say(err, -EINVAL,
			       "given jsonpath expression matches more than one value");
	if (!w->value)
		return 1;
	if (json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY)
		return err_say(err, -EINVAL,
			       "jsonpath leads to a nested object or list which is not supported");
	jsonpath_sprint(value, &text);
	from = buf_str(&text) + strspn(buf_str(&text), " \t\n");
	for (len = strlen(from); len && strchr(" \t\n", from[len - 1]);)
		len--;
	return strlen(w->value) == len && memcmp(w->value, from, len) == 0;
}

static int is_met(const struct wait *w, const struct json_object *object, struct err *err)
{
	switch (w->goal) {
	case GOAL_CONDITION:
		return has_condition(w, object);
	case GOAL_JSONPATH:
		return has_value(w, object, err);
	case GOAL_CREATE:
		return 1;
	default:
		return 0;
	}
}

/* ---- waiting for one ---- */

struct watched {
	const struct wait *w;
	struct err *err;
};

static int on_event(const char *type, const struct json_object *object, void *data)
{
	struct watched *watched = data;

	if (strcmp(type, "DELETED") == 0)
		return watched->w->goal == GOAL_DELETE;
	return is_met(watched->w, object, watched->err);
}

static int not_met(const struct wait *w, const struct selected *item, struct err *err)
{
	char plural[256];

	types_plural(&item->type, plural, sizeof(plural));
	if (w->goal == GOAL_CREATE)
		return err_say(err, -ETIMEDOUT, "timed out waiting for the condition");
	return err_say(err, -ETIMEDOUT,
		       w->timeout_ns ? "timed out waiting for the condition on %s/%s"
				     : "condition not met for %s/%s",
		       plural, item->name);
}

/* 1: met; 0: there is nothing to say (gone already); negative: @err. */
static int wait_one(struct wait *w, const struct selected *item, struct err *err)
{
	int64_t deadline_ns = time_monotonic_ns() + w->timeout_ns;
	char uid[64] = "";

	for (bool first = true;; first = false) {
		auto_json struct json_object *object = NULL;
		auto_buf struct buf path = { 0 };
		struct watched watched = { .w = w, .err = err };
		const char *now_uid;
		int64_t left_ns;
		int r;

		(void)selected_path(item, &path);
		r = rest_get(w->session.rest, buf_str(&path), NULL, &object, err);
		if (r == -ENOENT && w->goal == GOAL_DELETE)
			return !first;
		if (r < 0 && !(r == -ENOENT && (w->goal == GOAL_CREATE || !first)))
			return r;
		now_uid = json_str_at(object, "metadata.uid");
		if (w->goal == GOAL_DELETE && *uid && now_uid && strcmp(uid, now_uid) != 0)
			return 1; /* another one has the name */
		if (now_uid)
			(void)snprintf(uid, sizeof(uid), "%s", now_uid);
		r = object ? is_met(w, object, err) : 0;
		if (r != 0)
			return r;
		left_ns = deadline_ns - time_monotonic_ns();
		if (left_ns <= 0)
			return not_met(w, item, err);
		r = objectwatch(&w->session, item, json_str_at(object, "metadata.resourceVersion"),
				MIN((left_ns + NS_PER_S - 1) / NS_PER_S, 300), on_event, &watched,
				err);
		if (r != 0)
			return r;
	}
}

/* ---- all of them ---- */

static int print_met(struct wait *w, const struct selected *item)
{
	auto_json struct json_object *object = NULL;
	auto_buf struct buf path = { 0 }, out = { 0 };
	struct err err = { 0 };
	char singular[256];

	types_singular(&item->type, singular, sizeof(singular));
	if (w->printer.kind == PRINTER_NAME)
		(void)printf("%s/%s\n", singular, item->name);
	if (w->printer.kind == PRINTER_TABLE)
		(void)printf("%s/%s condition met\n", singular, item->name);
	(void)fflush(stdout);
	if (w->printer.kind == PRINTER_NAME || w->printer.kind == PRINTER_TABLE)
		return 0;
	(void)selected_path(item, &path);
	if (rest_get(w->session.rest, buf_str(&path), NULL, &object, &err) < 0)
		return 0; /* gone by now */
	if (printer_hides_managed(&w->printer))
		json_del(json_get(object, "metadata"), "managedFields");
	(void)printer_put(&w->printer, object, &out, &err);
	return command_print(&out);
}

static void add_problem(struct wait *w, const struct err *err)
{
	(void)buf_printf(&w->problems, "%s\n", rest_text(err));
	w->n_problems++;
}

static int select_objects(struct wait *w, struct err *err)
{
	struct selection_options options = {
		.all_namespaces = cli_bool(w->cli, "all-namespaces"),
		.names_required = true,
		.selector_given = cli_bool(w->cli, "all") || *cli_str(w->cli, "selector") ||
				  *cli_str(w->cli, "field-selector"),
	};
	const char *const *files = cli_list(w->cli, "filename");
	int r;

	if (*files)
		return selection_of_files(&w->session, files, cli_bool(w->cli, "recursive"),
					  cli_given(w->cli, "namespace"), &w->selection, err);
	r = selection_of_args(&w->session, w->cli->args, w->cli->n_args, &options, &w->selection,
			      err);
	return r < 0 ? r
		     : selection_expand(&w->session, &w->selection, cli_str(w->cli, "selector"),
					cli_str(w->cli, "field-selector"), err);
}

static int run(struct wait *w)
{
	struct err err = { 0 };

	if (select_objects(w, &err) < 0)
		return session_fail(&err);
	if (w->selection.n == 0)
		return w->goal == GOAL_DELETE ? 0 : command_fail("no matching resources found");
	for (size_t i = 0; i < w->selection.n; i++) {
		int r = wait_one(w, &w->selection.items[i], &err);

		if (r < 0)
			add_problem(w, &err);
		else if (r > 0)
			(void)print_met(w, &w->selection.items[i]);
	}
	if (w->n_problems == 0)
		return 0;
	(void)fflush(stdout);
	/* One alone is an error of its own kind, several are a list. */
	if (w->n_problems == 1 && strncmp(buf_str(&w->problems), "Error from", 10) != 0 &&
	    strncmp(buf_str(&w->problems), "error: ", 7) != 0)
		(void)fputs("error: ", stderr);
	(void)fputs(buf_str(&w->problems), stderr);
	return 1;
}

int command_wait(struct cli *cli)
{
	struct wait w = { .cli = cli, .timeout_ns = cli_duration_ns(cli, "timeout") };
	struct err err = { 0 };
	int r;

	if (w.timeout_ns < 0)
		w.timeout_ns = WEEK_NS;
	r = parse_for(&w, &err);
	if (r < 0)
		r = command_fail("%s", err.text);
	if (r == 0)
		r = printer_open(cli, false, &w.printer);
	if (r == 0)
		r = session_open(cli, &w.session);
	if (r == 0)
		r = run(&w);
	selection_done(&w.selection);
	session_close(&w.session);
	printer_close(&w.printer);
	buf_done(&w.problems);
	(void)jsonpath_free(w.path);
	free(w.name);
	free(w.value);
	return r;
}
