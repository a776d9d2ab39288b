/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static const struct {
	const char *name;
	enum dry_run means;
} dry_runs[] = { { "none", DRY_NONE },
		 { "client", DRY_CLIENT },
		 { "server", DRY_SERVER },
		 { "unchanged", DRY_CLIENT } };

int change_dry_run(const struct cli *cli, enum dry_run *ret)
{
	const char *dry = cli_str(cli, "dry-run");

	for (size_t i = 0; i < ARRAY_LEN(dry_runs); i++) {
		if (strcmp(dry_runs[i].name, dry) != 0)
			continue;
		*ret = dry_runs[i].means;
		if (strcmp(dry, "unchanged") == 0)
			(void)fprintf(stderr, "W: --dry-run is deprecated and can be replaced with "
					      "--dry-run=client.\n");
		return 0;
	}
	return command_fail(
		"Invalid dry-run value (%s). Must be \"none\", \"server\", or \"client\".", dry);
}

int change_open(struct cli *cli, struct change *ret)
{
	struct change change = { .cli = cli };
	int r = change_dry_run(cli, &change.dry_run);

	if (r != 0)
		return r;
	r = printer_open(cli, false, &change.printer);
	if (r != 0)
		return r;
	r = session_open(cli, &change.session);
	if (r != 0) {
		printer_close(&change.printer);
		return r;
	}
	change.field_manager =
		cli_has(cli, "field-manager") ? cli_str(cli, "field-manager") : "kubectl";
	*ret = change;
	return 0;
}

void change_close(struct change *change)
{
	change->shown = json_unref(change->shown);
	selection_done(&change->selection);
	printer_close(&change->printer);
	session_close(&change->session);
}

/* --validate as the API's fieldValidation. */
static const char *field_validation(const struct cli *cli)
{
	static const struct {
		const char *word, *means;
	} words[] = { { "strict", "Strict" },
		      { "true", "Strict" },
		      { "warn", "Warn" },
		      { "ignore", "Ignore" },
		      { "false", "Ignore" } };
	const char *text = cli_has(cli, "validate") ? cli_str(cli, "validate") : "strict";

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, text) == 0)
			return words[i].means;
	return "Strict";
}

int change_query(const struct change *change, struct buf *path)
{
	(void)buf_puts(path, "?fieldManager=");
	(void)rest_escape(path, change->field_manager);
	(void)buf_printf(path, "&fieldValidation=%s", field_validation(change->cli));
	if (change->dry_run == DRY_SERVER)
		(void)buf_puts(path, "&dryRun=All");
	return buf_error(path);
}

int change_send(struct change *change, const struct selected *item, const char *method,
		const char *content_type, const struct json_object *body, const char *doing,
		struct json_object **ret, struct err *err)
{
	struct rest_request q = { .method = method, .content_type = content_type };
	auto_buf struct buf path = { 0 }, text = { 0 }, answer = { 0 }, context = { 0 };
	bool create = strcmp(method, "POST") == 0;
	int r;

	(void)types_path(&item->type, item->namespace, create ? "" : item->name, &path);
	r = change_query(change, &path);
	if (r == 0)
		r = json_write(&text, body);
	if (r < 0)
		return err_set(err, r, "error: prepare the request");
	q.path = buf_str(&path);
	q.body = text.data;
	q.body_len = text.len;
	r = rest_call(change->session.rest, &q, &answer, err);
	if (r < 0)
		return r;
	if (r < 200 || r > 299) {
		if (doing)
			(void)buf_printf(&context, "error when %s \"%s\": ", doing, item->source);
		return rest_problem(r, &q, &answer, buf_str(&context), err);
	}
	r = json_parse(buf_str(&answer), answer.len, ret, err);
	return r < 0 ? err_prefix(err, r, "error: the server's answer") : 0;
}

static int print_whole(struct change *change, const struct json_object *object)
{
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };
	int r;

	if (change->printer.kind == PRINTER_YAML && change->printed++)
		(void)buf_puts(&out, "---\n");
	r = printer_put(&change->printer, object, &out, &err);
	if (r == 0)
		return command_print(&out);
	change->failed = true;
	return *err.text ? command_fail("%s", err.text) : 0;
}

int change_print(struct change *change, const struct selected *item,
		 const struct json_object *object, const char *done)
{
	static const char *const notes[] = {
		[DRY_NONE] = "", [DRY_CLIENT] = " (dry run)", [DRY_SERVER] = " (server dry run)"
	};
	const char *name = json_str_at(object, "metadata.name");
	auto_json struct json_object *shown = NULL;
	char singular[256];

	types_singular(&item->type, singular, sizeof(singular));
	if (change->printer.kind == PRINTER_TABLE || change->printer.kind == PRINTER_NAME) {
		(void)printf(change->printer.kind == PRINTER_NAME ? "%s/%s\n" : "%s/%s %s%s\n",
			     singular, name ? name : item->name, done, notes[change->dry_run]);
		return 0;
	}
	shown = json_copy(object);
	if (printer_hides_managed(&change->printer) &&
	    (!cli_has(change->cli, "show-managed-fields") ||
	     !cli_bool(change->cli, "show-managed-fields")))
		json_del(json_get(shown, "metadata"), "managedFields");
	if (change->shown)
		return json_add(change->shown, take_ptr(&shown));
	return print_whole(change, shown);
}

int change_print_shown(struct change *change)
{
	auto_json struct json_object *list = NULL;

	if (json_len(change->shown) == 0)
		return 0;
	if (json_len(change->shown) == 1)
		return print_whole(change, json_idx(change->shown, 0));
	list = json_new_object();
	(void)json_put_str(list, "apiVersion", "v1");
	(void)json_put(list, "items", json_ref(change->shown));
	(void)json_put_str(list, "kind", "List");
	(void)json_put(list, "metadata", json_new_object());
	return print_whole(change, list);
}

void change_failed(struct change *change, const struct err *err)
{
	change->failed = true;
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s\n", rest_text(err));
}
