/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl get */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/get.h"
#include "ctl/sortby.h"

/* ---- asking ---- */

static void add_query(struct buf *path, bool *first, const char *key, const char *value)
{
	(void)buf_printf(path, "%c%s=", *first ? '?' : '&', key);
	(void)rest_escape(path, value);
	*first = false;
}

/* The path of @item with selectors; "limit" for lists, "watch" and "resourceVersion" for watches. */
int get_path(struct get *get, const struct selected *item, bool watch, const char *version,
	     const char *more, struct buf *path)
{
	const char *selector = cli_str(get->cli, "selector"),
		   *fields = cli_str(get->cli, "field-selector");
	auto_buf struct buf by_name = { 0 };
	bool first = true;

	if (watch && item->name) {
		(void)types_path(&item->type, item->namespace, "", path);
		(void)buf_printf(&by_name, "metadata.name=%s", item->name);
		fields = buf_str(&by_name);
	} else {
		(void)selected_path(item, path);
	}
	if (!item->name || watch) {
		if (*selector)
			add_query(path, &first, "labelSelector", selector);
		if (*fields)
			add_query(path, &first, "fieldSelector", fields);
	}
	if (!watch && !item->name && cli_int(get->cli, "chunk-size") > 0)
		add_query(path, &first, "limit", cli_str(get->cli, "chunk-size"));
	if (*get->sort_by && get_prints_tables(get))
		add_query(path, &first, "includeObject", "Object");
	if (more && *more)
		add_query(path, &first, "continue", more);
	if (version)
		add_query(path, &first, "resourceVersion", version);
	if (watch)
		add_query(path, &first, "watch", "true");
	return buf_error(path);
}

/* GET; a selector that the server does not understand is named, as kubectl does. */
static int ask(struct get *get, const struct selected *item, const char *path, const char *accept,
	       struct json_object **ret, struct err *err)
{
	struct rest_request q = { .method = "GET", .path = path, .accept = accept };
	const char *labels = cli_str(get->cli, "selector"),
		   *fields = cli_str(get->cli, "field-selector");
	auto_buf struct buf body = { 0 }, context = { 0 };
	int r = rest_call(get->session.rest, &q, &body, err);

	if (r < 0)
		return r;
	if (r == 400 && !item->name)
		(void)buf_printf(&context,
				 "Unable to find \"%s/%s, Resource=%s\" that match label selector "
				 "\"%s\", field selector \"%s\": ",
				 item->type.group, item->type.version, item->type.resource, labels,
				 fields);
	if (r < 200 || r > 299)
		return rest_problem(r, &q, &body, buf_str(&context), err);
	r = json_parse(buf_str(&body), body.len, ret, err);
	return r < 0 ? err_prefix(err, r, "error: the answer to %s", path) : 0;
}

static int complain(struct get *get, const struct err *err)
{
	get->failed = true;
	(void)fprintf(stderr, "%s\n", rest_text(err));
	return 0;
}

/* ---- json, yaml, name ---- */

int get_collect_one(struct get *get, const struct resource_type *type, struct json_object *object)
{
	char version[192];

	(void)snprintf(version, sizeof(version), "%s%s%s", type->group, *type->group ? "/" : "",
		       type->version);
	/* Items of a typed list carry neither. */
	(void)json_put_str(object, "apiVersion", version);
	(void)json_put_str(object, "kind", type->kind);
	if (printer_hides_managed(&get->printer) && !cli_bool(get->cli, "show-managed-fields"))
		json_del(json_get(object, "metadata"), "managedFields");
	return json_add(get->items, json_ref(object));
}

int get_collect(struct get *get, const struct selected *item, struct err *err)
{
	auto_buf struct buf more = { 0 };
	int r;

	do {
		auto_json struct json_object *answer = NULL;
		auto_buf struct buf path = { 0 };
		const struct json_object *items;

		r = get_path(get, item, false, NULL, buf_str(&more), &path);
		if (r == 0)
			r = ask(get, item, buf_str(&path), NULL, &answer, err);
		if (r < 0)
			return r;
		items = json_get(answer, "items");
		if (item->name) {
			if (get_collect_one(get, &item->type, answer) < 0)
				return err_set(err, -ENOMEM, "error: read %s", item->name);
			return 0;
		}
		for (size_t i = 0; i < json_len(items); i++)
			if (get_collect_one(get, &item->type, json_idx(items, i)) < 0)
				return err_set(err, -ENOMEM, "error: read %s", item->type.resource);
		buf_clear(&more);
		if (json_str_at(answer, "metadata.continue"))
			(void)buf_puts(&more, json_str_at(answer, "metadata.continue"));
	} while (more.len);
	return 0;
}

int get_print_collected(struct get *get)
{
	auto_json struct json_object *list = NULL;
	const struct json_object *object = json_idx(get->items, 0);
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };
	int r;

	if (get->selection.one_object && !object)
		return 0;
	if (*get->sort_by && !get->selection.one_object)
		if (sortby(get->items, NULL, get->sort_by, &err) < 0)
			return command_fail("%s", err.text);
	if (!get->selection.one_object) {
		list = json_new_object();
		(void)json_put_str(list, "apiVersion", "v1");
		(void)json_put(list, "items", json_ref(get->items));
		(void)json_put_str(list, "kind", "List");
		(void)json_put_at(list, "metadata.resourceVersion", json_new_string(""));
		object = list;
	}
	r = printer_put(&get->printer, object, &out, &err);
	if (r < 0)
		return *err.text || get->printer.kind != PRINTER_JSONPATH
			       ? command_fail("%s", *err.text ? err.text : err_text(r))
			       : 1;
	return command_print(&out);
}

/* ---- tables ---- */

void get_table_setup(struct get *get, const struct selected *item, char *prefix, size_t prefix_size,
		     struct table_printer *printer)
{
	struct table_options options = {
		.wide = get->printer.kind == PRINTER_WIDE,
		.no_headers = cli_bool(get->cli, "no-headers"),
		.show_labels = cli_bool(get->cli, "show-labels"),
		.with_namespace = get->all_namespaces && item->type.namespaced,
		.label_columns = cli_list(get->cli, "label-columns"),
	};

	if (get->selection.several_types || cli_bool(get->cli, "show-kind")) {
		types_singular(&item->type, prefix, prefix_size);
		options.kind_prefix = prefix;
	}
	table_init(printer, &options);
}

/* A list may come in chunks; they are one table to the eye. */
int get_table(struct get *get, const struct selected *item, struct json_object **ret,
	      struct err *err)
{
	auto_json struct json_object *table = NULL;
	auto_buf struct buf more = { 0 };

	do {
		auto_json struct json_object *chunk = NULL;
		auto_buf struct buf path = { 0 };
		int r = get_path(get, item, false, NULL, buf_str(&more), &path);

		if (r == 0)
			r = ask(get, item, buf_str(&path), GET_ACCEPT_TABLE, &chunk, err);
		if (r < 0)
			return r;
		buf_clear(&more);
		if (json_str_at(chunk, "metadata.continue"))
			(void)buf_puts(&more, json_str_at(chunk, "metadata.continue"));
		if (!table) {
			table = take_ptr(&chunk);
			continue;
		}
		for (size_t i = 0; i < json_len(json_get(chunk, "rows")); i++)
			if (json_add(json_get(table, "rows"),
				     json_ref(json_idx(json_get(chunk, "rows"), i))) < 0)
				return err_set(err, -ENOMEM, "error: read %s", item->type.resource);
	} while (more.len);
	*ret = take_ptr(&table);
	return 0;
}

/* Consecutive names of one type share a table, as they were one question. */
static int print_group(struct get *get, size_t from, size_t to, bool blank_before)
{
	struct table_printer printer;
	auto_buf struct buf out = { 0 };
	auto_json struct json_object *all = NULL;
	char prefix[256];
	int r = 0;

	get_table_setup(get, &get->selection.items[from], prefix, sizeof(prefix), &printer);
	for (size_t i = from; i < to; i++) {
		auto_json struct json_object *table = NULL;
		struct err err = { 0 };

		r = get_table(get, &get->selection.items[i], &table, &err);
		if (r == -ENOENT && cli_bool(get->cli, "ignore-not-found"))
			continue;
		if (r < 0) {
			(void)complain(get, &err);
			continue;
		}
		if (!all) {
			all = take_ptr(&table);
			continue;
		}
		for (size_t k = 0; k < json_len(json_get(table, "rows")); k++)
			(void)json_add(json_get(all, "rows"),
				       json_ref(json_idx(json_get(table, "rows"), k)));
	}
	r = 0;
	if (all && *get->sort_by && sortby(json_get(all, "rows"), "object", get->sort_by, NULL) < 0)
		return 0; /* kubectl finds nothing then, and says so */
	if (json_len(json_get(all, "rows"))) {
		if (blank_before && get->printed)
			(void)buf_putc(&out, '\n');
		get->printed += json_len(json_get(all, "rows"));
		r = table_print(&printer, all, &out);
		if (r == 0)
			r = command_print(&out);
	}
	table_done(&printer);
	return r;
}

static bool same_type(const struct selected *a, const struct selected *b)
{
	return strcmp(a->type.resource, b->type.resource) == 0 &&
	       strcmp(a->type.group, b->type.group) == 0;
}

static int print_tables(struct get *get)
{
	const struct selection *s = &get->selection;
	int r = 0;

	for (size_t i = 0, to; i < s->n && r == 0; i = to) {
		for (to = i + 1; to < s->n && same_type(&s->items[i], &s->items[to]);)
			to++;
		r = print_group(get, i, to, true);
	}
	if (r == 0 && get->printed == 0 && !get->failed &&
	    !cli_bool(get->cli, "ignore-not-found")) {
		if (get->all_namespaces || !s->items[0].type.namespaced)
			(void)fprintf(stderr, "No resources found\n");
		else
			(void)fprintf(stderr, "No resources found in %s namespace.\n",
				      get->session.namespace);
	}
	return r;
}

/* ---- the command ---- */

static int select_objects(struct get *get, struct err *err)
{
	const char *const *files = cli_list(get->cli, "filename");
	struct selection_options options = {
		.all_namespaces = get->all_namespaces,
		.selector_given = *cli_str(get->cli, "selector") != '\0',
	};

	if (*files)
		return selection_of_files(&get->session, files, cli_bool(get->cli, "recursive"),
					  cli_given(get->cli, "namespace"), &get->selection, err);
	if (get->cli->n_args == 0)
		return err_say(
			err, -EINVAL,
			"You must specify the type of resource to get. Use \"kubectl "
			"api-resources\" for "
			"a complete list of supported resources.\n\nerror: Required resource not "
			"specified.\nUse \"kubectl explain <resource>\" for a detailed description "
			"of that "
			"resource (e.g. kubectl explain pods).\nSee 'kubectl get -h' for help and "
			"examples");
	return selection_of_args(&get->session, get->cli->args, get->cli->n_args, &options,
				 &get->selection, err);
}

static int get_raw(struct get *get)
{
	struct rest_request q = { .method = "GET",
				  .path = cli_str(get->cli, "raw"),
				  .accept = "*/*" };
	auto_buf struct buf body = { 0 };
	struct err err = { 0 };
	int r = rest_call(get->session.rest, &q, &body, &err);

	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, &err);
	return r < 0 ? session_fail(&err) : command_print(&body);
}

static int run(struct get *get)
{
	struct err err = { 0 };
	int r = 0;

	if (*cli_str(get->cli, "raw"))
		return get_raw(get);
	r = select_objects(get, &err);
	if (r < 0)
		return session_fail(&err);
	if (get->watch)
		return get_watch(get);
	if (get_prints_tables(get))
		return print_tables(get) ? 1 : get->failed;
	for (size_t i = 0; i < get->selection.n; i++) {
		r = get_collect(get, &get->selection.items[i], &err);
		if (r == -ENOENT && cli_bool(get->cli, "ignore-not-found"))
			continue;
		if (r < 0)
			(void)complain(get, &err);
	}
	if (get->failed && get->selection.one_object)
		return 1;
	return get_print_collected(get) || get->failed;
}

int command_get(struct cli *cli)
{
	struct get get = { .cli = cli };
	int r = printer_open(cli, true, &get.printer);

	if (r != 0)
		return r;
	get.all_namespaces = cli_bool(cli, "all-namespaces");
	get.watch = cli_bool(cli, "watch") || cli_bool(cli, "watch-only");
	get.sort_by = cli_str(cli, "sort-by");
	r = session_open(cli, &get.session);
	if (r != 0) {
		printer_close(&get.printer);
		return r;
	}
	get.items = json_new_array();
	r = run(&get);
	(void)json_unref(get.items);
	selection_done(&get.selection);
	printer_close(&get.printer);
	session_close(&get.session);
	return r;
}
