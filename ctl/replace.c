/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl replace: what files say instead of what the server has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/change.h"
#include "ctl/command.h"
#include "ctl/objectwatch.h"

/* A file rarely names the version it replaces: then it is the one that is there. */
static int fill_version(struct change *change, const struct selected *item, struct err *err)
{
	auto_json struct json_object *current = NULL;
	auto_buf struct buf path = { 0 };
	const char *version = json_str_at(item->object, "metadata.resourceVersion");
	int r;

	if (version && *version)
		return 0;
	(void)selected_path(item, &path);
	r = rest_get(change->session.rest, buf_str(&path), NULL, &current, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* PUT says it, with the file's name */
	version = json_str_at(current, "metadata.resourceVersion");
	return json_put_at(item->object, "metadata.resourceVersion", json_new_string(version)) < 0
		       ? err_set(err, -ENOMEM, "error: replace")
		       : 0;
}

static int on_event(const char *type, const struct json_object *object, void *data)
{
	(void)object;
	(void)data;
	return strcmp(type, "DELETED") == 0;
}

/* --force: the old one goes first, and is waited for. */
static int remove_first(struct change *change, const struct selected *item, struct err *err)
{
	auto_json struct json_object *options = json_new_object();
	auto_buf struct buf path = { 0 }, text = { 0 }, body = { 0 };
	struct rest_request q = { .method = "DELETE", .content_type = "application/json" };
	int64_t grace_s = cli_int(change->cli, "grace-period");
	char singular[256];
	int r;

	(void)json_put_str(options, "propagationPolicy", "Background");
	if (grace_s >= 0)
		(void)json_put_int(options, "gracePeriodSeconds", grace_s);
	(void)selected_path(item, &path);
	if (json_write(&text, options) < 0 || buf_error(&path))
		return err_set(err, -ENOMEM, "error: replace");
	q.path = buf_str(&path);
	q.body = text.data;
	q.body_len = text.len;
	r = rest_call(change->session.rest, &q, &body, err);
	if (r == 404)
		return 0;
	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, err);
	if (r < 0)
		return r;
	types_singular(&item->type, singular, sizeof(singular));
	(void)printf("%s \"%s\" deleted%s%s%s\n", singular, item->name,
		     *item->namespace ? " from " : "", item->namespace,
		     *item->namespace ? " namespace" : "");
	for (;;) {
		auto_json struct json_object *current = NULL;

		r = rest_get(change->session.rest, buf_str(&path), NULL, &current, err);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = objectwatch(&change->session, item,
				json_str_at(current, "metadata.resourceVersion"), 30, on_event,
				NULL, err);
		if (r < 0)
			return r;
	}
}

static int replace(struct change *change, const struct selected *item, struct err *err)
{
	bool force = cli_bool(change->cli, "force");
	auto_json struct json_object *answer = NULL;
	int r;

	if (change->dry_run == DRY_CLIENT)
		return change_print(change, item, item->object, "replaced");
	r = force ? remove_first(change, item, err) : fill_version(change, item, err);
	if (r == 0)
		r = change_send(change, item, force ? "POST" : "PUT", "application/json",
				item->object, force ? "creating" : "replacing", &answer, err);
	return r < 0 ? r : change_print(change, item, answer, "replaced");
}

int command_replace(struct cli *cli)
{
	struct err err = { 0 };
	struct change change;
	int r = change_open(cli, &change);

	if (r != 0)
		return r;
	if (cli_bool(cli, "force") && change.dry_run != DRY_NONE)
		r = err_say(&err, -EINVAL, "error: --dry-run can not be used when --force is set");
	else if (!*cli_list(cli, "filename"))
		r = err_say(&err, -EINVAL, "error: must specify one of -f and -k");
	else
		r = selection_of_files(&change.session, cli_list(cli, "filename"),
				       cli_bool(cli, "recursive"), cli_given(cli, "namespace"),
				       &change.selection, &err);
	if (r < 0)
		change_failed(&change, &err);
	for (size_t i = 0; i < change.selection.n; i++)
		if (replace(&change, &change.selection.items[i], &err) < 0)
			change_failed(&change, &err);
	r = change.failed;
	change_close(&change);
	return r;
}
