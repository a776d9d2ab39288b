/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl label and annotate: KEY=VALUE sets, KEY- takes away. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/change.h"
#include "ctl/command.h"
#include "ctl/describe.h"

/* What the two differ in. */
struct marking {
	const char *field, *word; /* "labels", "label" */
	const char *done, *removed, *same;
	bool is_label;
};
static const struct marking labels = { "labels",    "label",	   "labeled",
				       "unlabeled", "not labeled", true };
static const struct marking annotations = { "annotations", "annotation", "annotated",
					    "annotated",   "annotated",	 false };

struct relabel {
	const struct marking *marking;
	struct change change;
	struct json_object *wanted; /* { key: value or null (remove) } */
	size_t n_resources;	    /* how many arguments name objects */
};

/* ---- the arguments ---- */

static bool is_pair(const char *word)
{
	size_t n = strlen(word);

	return (strchr(word, '=') && *word != '=') || (n > 1 && word[n - 1] == '-');
}

/* The API's rule for label values. */
static bool is_label_value(const char *value)
{
	size_t n = strlen(value);

	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)value[i]) &&
		    (i == 0 || i == n - 1 || !strchr("-_.", value[i])))
			return false;
	return n <= 63;
}

static int bad_value(const struct cli *cli, const char *word, const char *value)
{
	(void)cli;
	return command_fail(
		strlen(value) > 63
			? "invalid label value: \"%s\": must be no more than 63 characters"
			: "invalid label value: \"%s\": a valid label must be an empty string or "
			  "consist of alphanumeric characters, '-', '_' or '.', and must start "
			  "and end with an alphanumeric character (e.g. 'MyValue',  or "
			  "'my_value',  or '12345', regex used for validation is "
			  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
		word);
}

static int take_pair(struct relabel *l, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word) - 1;
	auto_free char *key = strndup(word, n);

	if (!key)
		return command_fail("out of memory");
	if (json_has(l->wanted, key) && json_str(json_get(l->wanted, key)) && !equals)
		return l->marking->is_label
			       ? command_fail("can not both modify and remove a label in the same "
					      "command")
			       : command_fail("can not both modify and remove the following "
					      "annotation(s) in the same command: %s",
					      key);
	if (equals && l->marking->is_label && !is_label_value(equals + 1))
		return bad_value(l->change.cli, word, equals + 1);
	return json_put(l->wanted, key, equals ? json_new_string(equals + 1) : NULL) < 0
		       ? command_fail("out of memory")
		       : 0;
}

static int parse_args(struct relabel *l)
{
	const struct cli *cli = l->change.cli;
	bool listing = cli_bool(cli, "list");
	int r = 0;

	for (size_t i = 0; i < cli->n_args && r == 0; i++) {
		if (is_pair(cli->args[i]))
			r = take_pair(l, cli->args[i]);
		else if (json_len(l->wanted))
			return command_fail("all resources must be specified before %s changes: %s",
					    l->marking->word, cli->args[i]);
		else
			l->n_resources++;
	}
	if (r != 0)
		return r;
	if (l->n_resources == 0 && !*cli_list(cli, "filename"))
		return command_fail("one or more resources must be specified as <resource> <name> "
				    "or <resource>/<name>");
	if (json_len(l->wanted) == 0 && !listing)
		return command_fail("at least one %s update is required", l->marking->word);
	return 0;
}

static int select_objects(struct relabel *l, struct err *err)
{
	struct cli *cli = l->change.cli;
	struct selection_options options = {
		.all_namespaces = cli_bool(cli, "all-namespaces"),
		.names_required = true,
		.selector_given = cli_bool(cli, "all") || *cli_str(cli, "selector") ||
				  *cli_str(cli, "field-selector"),
	};
	int r;

	if (*cli_list(cli, "filename"))
		return selection_of_files(&l->change.session, cli_list(cli, "filename"),
					  cli_bool(cli, "recursive"), cli_given(cli, "namespace"),
					  &l->change.selection, err);
	r = selection_of_args(&l->change.session, cli->args, l->n_resources, &options,
			      &l->change.selection, err);
	return r < 0 ? r
		     : selection_expand(&l->change.session, &l->change.selection,
					cli_str(cli, "selector"), cli_str(cli, "field-selector"),
					err);
}

/* ---- one object ---- */

static int check_overwrites(const struct relabel *l, const struct json_object *had, struct err *err)
{
	auto_buf struct buf declared = { 0 };
	struct json_iter it;

	if (cli_bool(l->change.cli, "overwrite"))
		return 0;
	json_for_each (it, l->wanted) {
		const char *was = json_str(json_get(had, it.key)), *now = json_str(it.value);

		if (!was || !now || strcmp(was, now) == 0)
			continue;
		(void)buf_printf(&declared, "%s'%s' already has a value (%s)",
				 declared.len ? "; " : "", it.key, was);
		if (l->marking->is_label)
			return err_say(err, -EEXIST, "error: %s, and --overwrite is false",
				       buf_str(&declared));
	}
	if (!declared.len)
		return 0;
	return err_say(err, -EEXIST,
		       "error: --overwrite is false but found the following declared "
		       "annotation(s): %s",
		       buf_str(&declared));
}

/* @had becomes what is wanted; how that is called. */
static const char *apply_pairs(const struct relabel *l, struct json_object *had)
{
	bool removed = false, set = false;
	struct json_iter it;

	json_for_each (it, l->wanted) {
		const char *was = json_str(json_get(had, it.key)), *now = json_str(it.value);

		if (now && (!was || strcmp(was, now) != 0)) {
			(void)json_put_str(had, it.key, now);
			set = true;
		} else if (!now && was) {
			json_del(had, it.key);
			removed = true;
		} else if (!now && l->marking->is_label) {
			(void)printf("label \"%s\" not found.\n", it.key);
		}
	}
	return set ? l->marking->done : removed ? l->marking->removed : l->marking->same;
}

static void print_list(const struct relabel *l, const struct selected *item,
		       const struct json_object *has)
{
	bool several = l->change.selection.n > 1;
	auto_free const char **keys = NULL;
	size_t n = describe_keys(has, &keys);

	if (several)
		(void)printf("Listing %ss for %s.%s/%s:\n", l->marking->word, item->type.kind,
			     item->type.group, item->name);
	for (size_t i = 0; i < n; i++)
		(void)printf("%s%s=%s\n", several ? " " : "", keys[i],
			     json_str(json_get(has, keys[i])));
}

static int mark(struct relabel *l, const struct selected *item, struct err *err)
{
	auto_json struct json_object *object = NULL, *answer = NULL, *patch = json_new_object();
	const char *version = cli_str(l->change.cli, "resource-version"), *done;
	struct json_object *had;
	char at[64];
	auto_buf struct buf path = { 0 };
	int r;

	(void)snprintf(at, sizeof(at), "metadata.%s", l->marking->field);
	(void)selected_path(item, &path);
	r = rest_get(l->change.session.rest, buf_str(&path), NULL, &object, err);
	if (r < 0)
		return r;
	had = json_at(object, at);
	if (json_kind(had) != JSON_OBJECT) {
		had = json_new_object();
		(void)json_put_at(object, at, had);
	}
	r = check_overwrites(l, had, err);
	if (r < 0)
		return r;
	done = apply_pairs(l, had);
	if (json_len(l->wanted) && l->change.dry_run != DRY_CLIENT && done != labels.same) {
		(void)json_put_at(patch, at, json_ref(l->wanted));
		if (*version)
			(void)json_put_at(patch, "metadata.resourceVersion",
					  json_new_string(version));
		r = change_send(&l->change, item, "PATCH", "application/merge-patch+json", patch,
				NULL, &answer, err);
	}
	if (r < 0)
		return r;
	if (cli_bool(l->change.cli, "list")) {
		print_list(l, item, json_at(answer ? answer : object, at));
		return 0;
	}
	return change_print(&l->change, item, answer ? answer : object, done);
}

static int run(struct cli *cli, const struct marking *marking)
{
	struct relabel l = { .marking = marking, .change = { .cli = cli } };
	struct err err = { 0 };
	int r;

	l.wanted = json_new_object();
	r = parse_args(&l);
	if (r == 0)
		r = change_open(cli, &l.change);
	if (r != 0) {
		(void)json_unref(l.wanted);
		return r;
	}
	if (select_objects(&l, &err) < 0)
		change_failed(&l.change, &err);
	for (size_t i = 0; i < l.change.selection.n; i++)
		if (mark(&l, &l.change.selection.items[i], &err) < 0)
			change_failed(&l.change, &err);
	r = l.change.failed;
	change_close(&l.change);
	(void)json_unref(l.wanted);
	return r;
}

int command_label(struct cli *cli)
{
	return run(cli, &labels);
}

int command_annotate(struct cli *cli)
{
	return run(cli, &annotations);
}
