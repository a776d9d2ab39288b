/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl delete: ask, and wait until the objects are gone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "ctl/change.h"
#include "ctl/command.h"
#include "ctl/objectwatch.h"

#define WATCH_S 30 /* then looked at again */

struct deletion {
	struct cli *cli;
	struct session session;
	struct selection selection;
	int64_t grace_s; /* -1: the object's own */
	int64_t deadline_ns;
	enum dry_run dry_run;
	bool wait, failed;
};

/* The request's body: propagation, grace period, dry run. */
static int make_options(const struct deletion *d, struct buf *ret)
{
	static const struct {
		const char *cascade, *propagation;
	} policies[] = { { "background", "Background" },
			 { "foreground", "Foreground" },
			 { "orphan", "Orphan" },
			 { "true", "Background" },
			 { "false", "Orphan" } };
	auto_json struct json_object *options = json_new_object();
	const char *cascade = cli_str(d->cli, "cascade");

	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (strcmp(policies[i].cascade, cascade) == 0)
			(void)json_put_str(options, "propagationPolicy", policies[i].propagation);
	if (d->grace_s >= 0)
		(void)json_put_int(options, "gracePeriodSeconds", d->grace_s);
	if (d->dry_run == DRY_SERVER) {
		(void)json_put(options, "dryRun", json_new_array());
		(void)json_add(json_get(options, "dryRun"), json_new_string("All"));
	}
	return json_write(ret, options);
}

static void fail(struct deletion *d, const struct err *err)
{
	d->failed = true;
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s\n", rest_text(err));
}

/* `pod "nginx" deleted from default namespace` */
static void print_deleted(const struct deletion *d, const struct selected *item)
{
	static const char *const notes[] = {
		[DRY_NONE] = "", [DRY_CLIENT] = " (dry run)", [DRY_SERVER] = " (server dry run)"
	};
	char singular[256], from[300] = "";

	types_singular(&item->type, singular, sizeof(singular));
	if (strcmp(cli_str(d->cli, "output"), "name") == 0) {
		(void)printf("%s/%s\n", singular, item->name);
		return;
	}
	if (*item->namespace)
		(void)snprintf(from, sizeof(from), " from %s namespace", item->namespace);
	(void)printf("%s \"%s\" %s%s%s\n", singular, item->name,
		     d->grace_s == 0 ? "force deleted" : "deleted", from, notes[d->dry_run]);
	(void)fflush(stdout);
}

static int delete_one(struct deletion *d, const struct selected *item, char uid[64],
		      struct err *err)
{
	struct rest_request q = { .method = "DELETE", .content_type = "application/json" };
	auto_buf struct buf path = { 0 }, options = { 0 }, body = { 0 };
	auto_json struct json_object *answer = NULL;
	const char *had;
	int r;

	r = selected_path(item, &path);
	if (r == 0 && d->dry_run == DRY_CLIENT) /* only asked whether it is there */
		return rest_get(d->session.rest, buf_str(&path), NULL, &answer, err);
	if (r == 0)
		r = make_options(d, &options);
	if (r < 0)
		return err_set(err, r, "error: prepare the request");
	q.path = buf_str(&path);
	q.body = options.data;
	q.body_len = options.len;
	r = rest_call(d->session.rest, &q, &body, err);
	if (r < 0)
		return r;
	if (r < 200 || r > 299) {
		char context[PATH_MAX + 32] = "";

		if (item->source)
			(void)snprintf(context, sizeof(context),
				       "error when deleting \"%s\": ", item->source);
		return rest_problem(r, &q, &body, context, err);
	}
	(void)json_parse(buf_str(&body), body.len, &answer, NULL);
	/* A Status names the uid in its details, an object in its metadata. */
	had = json_str_at(answer, "details.uid");
	if (!had)
		had = json_str_at(answer, "metadata.uid");
	(void)snprintf(uid, 64, "%s", had ? had : "");
	return 0;
}

/* ---- waiting ---- */

/* Stop at the DELETED event. */
static int on_event(const char *type, const struct json_object *object, void *data)
{
	(void)object;
	(void)data;
	return strcmp(type, "DELETED") == 0;
}

/* Until the object is gone, or another one has its name. */
static int wait_gone(struct deletion *d, const struct selected *item, const char *uid,
		     struct err *err)
{
	for (;;) {
		auto_json struct json_object *object = NULL;
		auto_buf struct buf path = { 0 };
		const char *now_uid;
		int r;

		(void)selected_path(item, &path);
		r = rest_get(d->session.rest, buf_str(&path), NULL, &object, err);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		now_uid = json_str_at(object, "metadata.uid");
		if (*uid && now_uid && strcmp(uid, now_uid) != 0)
			return 0;
		if (d->deadline_ns && time_monotonic_ns() > d->deadline_ns)
			return err_say(err, -ETIMEDOUT,
				       "error: timed out waiting for the condition on %s/%s",
				       item->type.resource, item->name);
		r = objectwatch(&d->session, item, json_str_at(object, "metadata.resourceVersion"),
				WATCH_S, on_event, NULL, err);
		if (r < 0)
			return r;
	}
}

/* ---- the command ---- */

static int select_objects(struct deletion *d, struct err *err)
{
	bool by_selector = *cli_str(d->cli, "selector") || *cli_str(d->cli, "field-selector") ||
			   cli_bool(d->cli, "all");
	struct selection_options options = { .all_namespaces = cli_bool(d->cli, "all-namespaces"),
					     .names_required = true,
					     .selector_given = by_selector };
	struct selection named = { 0 };
	int r;

	if (*cli_list(d->cli, "filename"))
		r = selection_of_files(&d->session, cli_list(d->cli, "filename"),
				       cli_bool(d->cli, "recursive"),
				       cli_given(d->cli, "namespace"), &named, err);
	else if (d->cli->n_args == 0)
		r = err_say(err, -EINVAL,
			    "error: You must provide one or more resources by argument or "
			    "filename.\nExample "
			    "resource specifications include:\n   '-f rsrc.yaml'\n   "
			    "'--filename=rsrc.json'\n   "
			    "'<resource> <name>'\n   '<resource>'");
	else
		r = selection_of_args(&d->session, d->cli->args, d->cli->n_args, &options, &named,
				      err);
	if (r == 0)
		r = selection_expand(&d->session, &named, cli_str(d->cli, "selector"),
				     cli_str(d->cli, "field-selector"), err);
	d->selection = named;
	if (r == 0 && named.n == 0 && by_selector)
		(void)printf("No resources found\n");
	return r;
}

static int run(struct deletion *d)
{
	auto_free char(*uids)[64] = NULL;
	auto_free bool *asked = NULL;
	struct err err = { 0 };
	int r = select_objects(d, &err);

	if (r < 0) {
		fail(d, &err);
		return 1;
	}
	uids = calloc(d->selection.n ? d->selection.n : 1, sizeof(*uids));
	asked = calloc(d->selection.n ? d->selection.n : 1, sizeof(*asked));
	if (!uids || !asked)
		return command_fail("out of memory");
	for (size_t i = 0; i < d->selection.n; i++) {
		const struct selected *item = &d->selection.items[i];

		r = delete_one(d, item, uids[i], &err);
		if (r == -ENOENT && cli_bool(d->cli, "ignore-not-found"))
			continue;
		if (r < 0)
			fail(d, &err);
		else
			print_deleted(d, item), asked[i] = true;
	}
	for (size_t i = 0; d->wait && i < d->selection.n; i++)
		if (asked[i] && wait_gone(d, &d->selection.items[i], uids[i], &err) < 0)
			fail(d, &err);
	return d->failed;
}

int command_delete(struct cli *cli)
{
	struct deletion d = { .cli = cli, .grace_s = cli_int(cli, "grace-period") };
	int64_t timeout_ns = cli_duration_ns(cli, "timeout");
	bool force = cli_bool(cli, "force");
	int r;

	if (cli_bool(cli, "now")) {
		if (d.grace_s >= 0)
			return command_fail(
				"--now and --grace-period cannot be specified together");
		d.grace_s = 1;
	}
	if (d.grace_s == 0 && !force)
		d.grace_s = 1; /* kubectl: only --force removes at once */
	else if (force && d.grace_s < 0)
		d.grace_s = 0;
	if (force && d.grace_s == 0)
		(void)fprintf(stderr, "Warning: Immediate deletion does not wait for confirmation "
				      "that the running "
				      "resource has been terminated. The resource may continue to "
				      "run on the cluster "
				      "indefinitely.\n");
	r = change_dry_run(cli, &d.dry_run);
	if (r != 0)
		return r;
	d.wait = cli_bool(cli, "wait") && d.dry_run == DRY_NONE && d.grace_s != 0;
	if (timeout_ns > 0)
		d.deadline_ns = time_monotonic_ns() + timeout_ns;
	r = session_open(cli, &d.session);
	if (r != 0)
		return r;
	r = run(&d);
	selection_done(&d.selection);
	session_close(&d.session);
	return r;
}
