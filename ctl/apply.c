/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl apply and create: what files say becomes what the server has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/change.h"
#include "ctl/command.h"
#include "orchestrator/schema/schema.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* The annotation: the object itself, compact, keys sorted, with empty annotations and a newline. */
static int set_last_applied(struct json_object *object)
{
	struct json_object *metadata = json_get(object, "metadata"), *annotations;
	auto_buf struct buf text = { 0 };

	annotations = json_get(metadata, "annotations");
	if (json_kind(annotations) != JSON_OBJECT) {
		annotations = json_new_object();
		if (json_put(metadata, "annotations", annotations) < 0)
			return -ENOMEM;
	}
	json_del(annotations, LAST_APPLIED);
	(void)json_write_style(&text, object, JSON_SORTED | JSON_HTML_SAFE);
	(void)buf_putc(&text, '\n');
	if (buf_error(&text))
		return buf_error(&text);
	return json_put_str(annotations, LAST_APPLIED, buf_str(&text));
}

static const struct schema_kind *kind_of(const struct selected *item)
{
	return schema_kind_of_kind(item->type.group, item->type.version, item->type.kind);
}

static void warn_not_declarative(const struct selected *item)
{
	char plural[256];

	types_plural(&item->type, plural, sizeof(plural));
	(void)fflush(stdout);
	(void)fprintf(stderr,
		      "Warning: resource %s/%s is missing the " LAST_APPLIED
		      " annotation which is required by kubectl apply. kubectl apply should only "
		      "be used on "
		      "resources created declaratively by either kubectl create --save-config or "
		      "kubectl apply. "
		      "The missing annotation will be patched automatically.\n",
		      plural, item->name);
}

/* The patch from what was applied last and what is there to what the file says now. */
static int make_patch(const struct selected *item, const struct json_object *current,
		      struct json_object **ret, struct err *err)
{
	const struct schema_kind *kind = kind_of(item);
	const char *last =
		json_str(json_get(json_at(current, "metadata.annotations"), LAST_APPLIED));
	auto_json struct json_object *original = NULL;
	int r = 0;

	if (last)
		r = json_parse(last, strlen(last), &original, err);
	else
		warn_not_declarative(item);
	if (r < 0)
		return err_prefix(err, r, "error: annotation " LAST_APPLIED " of %s", item->name);
	if (!kind)
		return err_say(err, -EOPNOTSUPP,
			       "error: cannot apply a %s: its schema is not known",
			       item->type.kind);
	return schema_strategic_diff(kind->type, original, item->object, current, ret, err);
}

/* What was tried, for the sentence of a refusal. */
static int describe_patch(const struct selected *item, const struct json_object *patch,
			  struct buf *ret)
{
	const struct resource_type *t = &item->type;

	(void)buf_puts(ret, "applying patch:\n");
	(void)json_write(ret, patch);
	return buf_printf(ret,
			  "\nto:\nResource: \"%s/%s, Resource=%s\", GroupVersionKind: \"%s/%s, "
			  "Kind=%s\"\nName: \"%s\", Namespace: \"%s\"\nfor: \"%s\": error when "
			  "patching",
			  t->group, t->version, t->resource, t->group, t->version, t->kind,
			  item->name, item->namespace, item->source);
}

static int apply_change(struct change *change, const struct selected *item,
			const struct json_object *current, struct err *err)
{
	auto_json struct json_object *patch = NULL, *answer = NULL;
	auto_buf struct buf doing = { 0 };
	int r = make_patch(item, current, &patch, err);

	if (r < 0)
		return r;
	if (json_len(patch) == 0)
		return change_print(change, item, current, "unchanged");
	if (change->dry_run == DRY_CLIENT) {
		auto_json struct json_object *merged = json_copy(current);

		r = merged ? schema_strategic_merge(kind_of(item)->type, merged, patch, err)
			   : err_set(err, -ENOMEM, "error: apply %s", item->name);
		return r < 0 ? r : change_print(change, item, merged, "configured");
	}
	r = describe_patch(item, patch, &doing);
	if (r < 0)
		return err_set(err, r, "error: apply %s", item->name);
	r = change_send(change, item, "PATCH", "application/strategic-merge-patch+json", patch,
			buf_str(&doing), &answer, err);
	return r < 0 ? r : change_print(change, item, answer, "configured");
}

static int apply_client_side(struct change *change, const struct selected *item, struct err *err)
{
	auto_json struct json_object *current = NULL, *answer = NULL;
	auto_buf struct buf path = { 0 };
	int r;

	r = set_last_applied(item->object);
	if (r == 0)
		r = selected_path(item, &path);
	if (r < 0)
		return err_set(err, r, "error: prepare %s", item->name);
	r = rest_get(change->session.rest, buf_str(&path), NULL, &current, err);
	if (r == 0)
		return apply_change(change, item, current, err);
	if (r != -ENOENT)
		return r;
	if (change->dry_run == DRY_CLIENT)
		return change_print(change, item, item->object, "created");
	r = change_send(change, item, "POST", "application/json", item->object, "creating", &answer,
			err);
	return r < 0 ? r : change_print(change, item, answer, "created");
}

static int apply_server_side(struct change *change, const struct selected *item, struct err *err)
{
	struct rest_request q = { .method = "PATCH",
				  .content_type = "application/apply-patch+yaml" };
	auto_buf struct buf path = { 0 }, text = { 0 }, body = { 0 };
	auto_json struct json_object *answer = NULL;
	int r;

	(void)selected_path(item, &path);
	(void)change_query(change, &path);
	(void)buf_printf(&path, "&force=%s", cli_str(change->cli, "force-conflicts"));
	r = json_write(&text, item->object);
	if (r < 0 || buf_error(&path))
		return err_set(err, -ENOMEM, "error: prepare %s", item->name);
	q.path = buf_str(&path);
	q.body = text.data;
	q.body_len = text.len;
	r = rest_call(change->session.rest, &q, &body, err);
	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, err);
	if (r >= 0)
		r = json_parse(buf_str(&body), body.len, &answer, err);
	return r < 0 ? r : change_print(change, item, answer, "serverside-applied");
}

static int select_files(struct change *change, const char *verb, struct err *err)
{
	struct cli *cli = change->cli;

	if (*cli_str(cli, "kustomize"))
		return err_say(err, -EOPNOTSUPP,
			       "error: -k is not supported by this kubectl: pipe the output of "
			       "kustomize build into "
			       "kubectl %s -f -",
			       verb);
	if (cli->n_args > 0)
		return err_say(
			err, -EINVAL,
			"error: Unexpected args: [%s]\nSee 'kubectl %s -h' for help and examples",
			cli->args[0], verb);
	if (!*cli_list(cli, "filename"))
		return err_say(err, -EINVAL, "error: must specify one of -f and -k");
	return selection_of_files(&change->session, cli_list(cli, "filename"),
				  cli_bool(cli, "recursive"), cli_given(cli, "namespace"),
				  &change->selection, err);
}

int command_apply(struct cli *cli)
{
	struct err err = { 0 };
	struct change change;
	int r = change_open(cli, &change);

	if (r != 0)
		return r;
	if (cli_bool(cli, "server-side") && !cli_given(cli, "field-manager"))
		change.field_manager = "kubectl";
	change.shown = json_new_array();
	r = select_files(&change, "apply", &err);
	if (r < 0)
		change_failed(&change, &err);
	for (size_t i = 0; i < change.selection.n && r >= 0; i++) {
		const struct selected *item = &change.selection.items[i];
		int one = cli_bool(cli, "server-side") ? apply_server_side(&change, item, &err)
						       : apply_client_side(&change, item, &err);

		if (one < 0)
			change_failed(&change, &err);
	}
	(void)change_print_shown(&change);
	r = change.failed;
	change_close(&change);
	return r;
}

int command_create(struct cli *cli)
{
	struct err err = { 0 };
	struct change change;
	int r = change_open(cli, &change);

	if (r != 0)
		return r;
	r = select_files(&change, "create", &err);
	if (r < 0)
		change_failed(&change, &err);
	for (size_t i = 0; i < change.selection.n && r >= 0; i++) {
		const struct selected *item = &change.selection.items[i];
		auto_json struct json_object *answer = NULL;
		int one = 0;

		if (cli_bool(cli, "save-config"))
			one = set_last_applied(item->object);
		if (change.dry_run == DRY_CLIENT)
			one = change_print(&change, item, item->object, "created");
		else if (one == 0)
			one = change_send(&change, item, "POST", "application/json", item->object,
					  "creating", &answer, &err);
		if (one == 0 && answer)
			one = change_print(&change, item, answer, "created");
		if (one < 0)
			change_failed(&change, &err);
	}
	r = change.failed;
	change_close(&change);
	return r;
}
