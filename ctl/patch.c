/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl patch, and scale, which is a patch of the scale subresource. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/yaml.h"
#include "ctl/change.h"
#include "ctl/command.h"

#define PATCH_MAX ((size_t)3 << 20) /* what a server takes */

static const struct {
	const char *name, *content_type;
} patch_types[] = { { "json", "application/json-patch+json" },
		    { "merge", "application/merge-patch+json" },
		    { "strategic", "application/strategic-merge-patch+json" } };

static const char *content_type_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(patch_types); i++)
		if (strcmp(patch_types[i].name, name) == 0)
			return patch_types[i].content_type;
	return NULL;
}

/* --patch or --patch-file, YAML or JSON. */
static int read_patch(const struct cli *cli, struct json_object **ret, struct err *err)
{
	const char *text = cli_str(cli, "patch"), *file = cli_str(cli, "patch-file");
	auto_json struct json_object *documents = NULL;
	auto_buf struct buf bytes = BUF_INIT(PATCH_MAX);
	struct yaml_problem problem;
	int r = 0;

	if (*file && fd_read_file(file, &bytes, err) < 0)
		return err_say(err, err->code, "unable to read patch file: %s",
			       err_text(err->code));
	if (!*file)
		r = buf_puts(&bytes, text);
	if (r == 0)
		r = yaml_parse(buf_str(&bytes), bytes.len, &documents, &problem);
	if (r < 0)
		return r == -EINVAL
			       ? err_say(err, r,
					 "unable to parse \"%s\": yaml: line %u, column %u: %s",
					 *file ? file : text, problem.line, problem.column,
					 problem.text)
			       : err_set(err, r, "read the patch");
	*ret = json_ref(json_idx(documents, 0));
	if (!*ret)
		*ret = json_new_object();
	return 0;
}

/* PATCH the object or a subresource of it. */
static int send_patch(struct change *change, const struct selected *item, const char *subresource,
		      const char *content_type, const struct json_object *patch,
		      struct json_object **ret, struct err *err)
{
	struct rest_request q = { .method = "PATCH", .content_type = content_type };
	auto_buf struct buf path = { 0 }, text = { 0 }, body = { 0 };
	int r;

	(void)selected_path(item, &path);
	if (*subresource)
		(void)buf_printf(&path, "/%s", subresource);
	(void)buf_puts(&path, "?fieldManager=");
	(void)rest_escape(&path, change->field_manager);
	if (change->dry_run != DRY_NONE)
		(void)buf_puts(&path, "&dryRun=All");
	r = json_write(&text, patch);
	if (r < 0 || buf_error(&path))
		return err_set(err, -ENOMEM, "error: prepare the request");
	q.path = buf_str(&path);
	q.body = text.data;
	q.body_len = text.len;
	r = rest_call(change->session.rest, &q, &body, err);
	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, err);
	return r < 0 ? r : json_parse(buf_str(&body), body.len, ret, err);
}

static int patch_one(struct change *change, const struct selected *item, const char *content_type,
		     const struct json_object *patch, struct err *err)
{
	auto_json struct json_object *before = NULL, *after = NULL;
	const char *subresource = cli_str(change->cli, "subresource");
	auto_buf struct buf path = { 0 };
	enum dry_run dry_run = change->dry_run;
	int r;

	(void)selected_path(item, &path);
	if (*subresource)
		(void)buf_printf(&path, "/%s", subresource);
	r = rest_get(change->session.rest, buf_str(&path), NULL, &before, err);
	if (r == 0)
		r = send_patch(change, item, subresource, content_type, patch, &after, err);
	if (r < 0)
		return r;
	change->dry_run = DRY_NONE; /* not said of patches */
	r = change_print(change, item, after,
			 json_equal(before, after) ? "patched (no change)" : "patched");
	change->dry_run = dry_run;
	return r;
}

static int select_objects(struct change *change, struct err *err)
{
	struct cli *cli = change->cli;
	struct selection_options options = { .names_required = true };

	if (*cli_list(cli, "filename"))
		return selection_of_files(&change->session, cli_list(cli, "filename"),
					  cli_bool(cli, "recursive"), cli_given(cli, "namespace"),
					  &change->selection, err);
	if (cli->n_args == 0)
		return err_say(err, -EINVAL,
			       "error: You must provide one or more resources by argument or "
			       "filename.\nExample "
			       "resource specifications include:\n   '-f rsrc.yaml'\n   "
			       "'--filename=rsrc.json'\n   "
			       "'<resource> <name>'\n   '<resource>'");
	return selection_of_args(&change->session, cli->args, cli->n_args, &options,
				 &change->selection, err);
}

int command_patch(struct cli *cli)
{
	const char *type = cli_str(cli, "type"), *content_type = content_type_of(type);
	auto_json struct json_object *patch = NULL;
	struct err err = { 0 };
	struct change change;
	int r;

	if (*cli_str(cli, "patch") && *cli_str(cli, "patch-file"))
		return command_fail("cannot specify --patch and --patch-file together");
	if (!*cli_str(cli, "patch") && !*cli_str(cli, "patch-file"))
		return command_fail("must specify --patch or --patch-file containing the contents "
				    "of the patch");
	if (!content_type)
		return command_fail("--type must be one of [json merge strategic], not \"%s\"",
				    type);
	if (read_patch(cli, &patch, &err) < 0)
		return command_fail("%s", err.text);
	r = change_open(cli, &change);
	if (r != 0)
		return r;
	if (select_objects(&change, &err) < 0)
		change_failed(&change, &err);
	for (size_t i = 0; i < change.selection.n; i++)
		if (patch_one(&change, &change.selection.items[i], content_type, patch, &err) < 0)
			change_failed(&change, &err);
	r = change.failed;
	change_close(&change);
	return r;
}

/* ---- scale ---- */

static int scale_one(struct change *change, const struct selected *item, struct err *err)
{
	auto_json struct json_object *patch = json_new_object(), *answer = NULL, *now = NULL;
	const char *version = cli_str(change->cli, "resource-version");
	int64_t current = cli_int(change->cli, "current-replicas");
	auto_buf struct buf path = { 0 };
	int r = 0;

	(void)json_put_at(patch, "spec.replicas", json_new_int(cli_int(change->cli, "replicas")));
	if (*version)
		(void)json_put_at(patch, "metadata.resourceVersion", json_new_string(version));
	if (current >= 0) {
		(void)selected_path(item, &path);
		(void)buf_puts(&path, "/scale");
		r = rest_get(change->session.rest, buf_str(&path), NULL, &now, err);
		if (r == 0 && json_int_at(now, "spec.replicas", 0) != current)
			r = err_say(err, -EINVAL, "error: Expected replicas to be %lld, was %lld",
				    (long long)current,
				    (long long)json_int_at(now, "spec.replicas", 0));
		(void)json_put_at(patch, "metadata.resourceVersion",
				  json_ref(json_at(now, "metadata.resourceVersion")));
	}
	if (r == 0 && change->dry_run != DRY_CLIENT)
		r = send_patch(change, item, "scale", "application/merge-patch+json", patch,
			       &answer, err);
	return r < 0 ? r : change_print(change, item, answer ? answer : patch, "scaled");
}

int command_scale(struct cli *cli)
{
	struct selection_options options = { .names_required = true };
	struct err err = { 0 };
	struct change change;
	int r;

	if (!cli_given(cli, "replicas"))
		return command_fail("required flag(s) \"replicas\" not set");
	if (cli_int(cli, "replicas") < 0)
		return command_fail("The --replicas=COUNT flag is required, and COUNT must be "
				    "greater than or equal to 0");
	r = change_open(cli, &change);
	if (r != 0)
		return r;
	options.selector_given = cli_bool(cli, "all") || *cli_str(cli, "selector");
	if (*cli_list(cli, "filename"))
		r = selection_of_files(&change.session, cli_list(cli, "filename"),
				       cli_bool(cli, "recursive"), cli_given(cli, "namespace"),
				       &change.selection, &err);
	else
		r = selection_of_args(&change.session, cli->args, cli->n_args, &options,
				      &change.selection, &err);
	if (r == 0)
		r = selection_expand(&change.session, &change.selection, cli_str(cli, "selector"),
				     "", &err);
	if (r < 0)
		change_failed(&change, &err);
	for (size_t i = 0; i < change.selection.n; i++)
		if (scale_one(&change, &change.selection.items[i], &err) < 0)
			change_failed(&change, &err);
	r = change.failed;
	change_close(&change);
	return r;
}
