/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl api-resources and api-versions: what discovery says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/session.h"
#include "ctl/tabs.h"

struct listing {
	struct cli *cli;
	const char *output, *sort_by;
};

static void api_version(const struct resource_type *type, char *text, size_t size)
{
	(void)snprintf(text, size, "%s%s%s", type->group, *type->group ? "/" : "", type->version);
}

static bool has_all(const char *list, const char *const *words)
{
	for (; *words; words++)
		if (!types_in_list(list, *words, strlen(*words)))
			return false;
	return true;
}

static bool is_wanted(const struct listing *l, const struct resource_info *info)
{
	struct cli *cli = l->cli;

	if (!info->preferred)
		return false;
	if (cli_given(cli, "api-group") && strcmp(cli_str(cli, "api-group"), info->type.group) != 0)
		return false;
	if (cli_given(cli, "namespaced") && cli_bool(cli, "namespaced") != info->type.namespaced)
		return false;
	return has_all(info->verbs, cli_list(cli, "verbs")) &&
	       has_all(info->categories, cli_list(cli, "categories"));
}

static int by_group(const void *a, const void *b)
{
	const struct resource_info *x = *(const struct resource_info *const *)a,
				   *y = *(const struct resource_info *const *)b;
	int order = strcmp(x->type.group, y->type.group);

	return order ? order : strcmp(x->type.resource, y->type.resource);
}

static int by_name(const void *a, const void *b)
{
	const struct resource_info *x = *(const struct resource_info *const *)a,
				   *y = *(const struct resource_info *const *)b;
	int order = strcmp(x->type.resource, y->type.resource);

	return order ? order : strcmp(x->type.group, y->type.group);
}

static int by_kind(const void *a, const void *b)
{
	const struct resource_info *x = *(const struct resource_info *const *)a,
				   *y = *(const struct resource_info *const *)b;
	int order = strcmp(x->type.kind, y->type.kind);

	return order ? order : strcmp(x->type.group, y->type.group);
}

static void put_row(const struct listing *l, const struct resource_info *info, struct buf *rows)
{
	char text[256];

	if (strcmp(l->output, "name") == 0) {
		types_plural(&info->type, text, sizeof(text));
		(void)buf_printf(rows, "%s\n", text);
		return;
	}
	api_version(&info->type, text, sizeof(text));
	(void)buf_printf(rows, "%s\t%s\t%s\t%s\t%s", info->type.resource, info->short_names, text,
			 info->type.namespaced ? "true" : "false", info->type.kind);
	if (strcmp(l->output, "wide") == 0)
		(void)buf_printf(rows, "\t%s\t%s", info->verbs, info->categories);
	(void)buf_putc(rows, '\n');
}

static int print_all(const struct listing *l, const struct resource_info **sorted, size_t n)
{
	auto_buf struct buf rows = { 0 }, out = { 0 };
	struct tabs tabs = TABS_GET;

	qsort(sorted, n, sizeof(*sorted),
	      strcmp(l->sort_by, "name") == 0	? by_name
	      : strcmp(l->sort_by, "kind") == 0 ? by_kind
						: by_group);
	if (strcmp(l->output, "name") != 0 && !cli_bool(l->cli, "no-headers"))
		(void)buf_printf(&rows, "NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND%s\n",
				 strcmp(l->output, "wide") == 0 ? "\tVERBS\tCATEGORIES" : "");
	for (size_t i = 0; i < n; i++)
		put_row(l, sorted[i], &rows);
	if (strcmp(l->output, "name") == 0)
		return command_print(&rows);
	if (tabs_write(&tabs, buf_str(&rows), rows.len, &out) < 0)
		return command_fail("out of memory");
	return command_print(&out);
}

static int unexpected_args(const struct cli *cli)
{
	auto_buf struct buf words = { 0 };

	for (size_t i = 0; i < cli->n_args; i++)
		(void)buf_printf(&words, "%s%s", i ? " " : "", cli->args[i]);
	return command_fail("unexpected arguments: [%s]\nSee 'kubectl %s -h' for help and examples",
			    buf_str(&words), cli->command->name);
}

static int list(const struct listing *l, struct session *session)
{
	auto_free const struct resource_info **wanted = NULL;
	const struct resource_info *all;
	struct err err = { 0 };
	size_t n, n_wanted = 0;
	int r = types_all(session->types, &all, &n, &err);

	if (r < 0)
		return session_fail(&err);
	wanted = calloc(n ? n : 1, sizeof(*wanted));
	if (!wanted)
		return command_fail("out of memory");
	for (size_t i = 0; i < n; i++)
		if (is_wanted(l, &all[i]))
			wanted[n_wanted++] = &all[i];
	return print_all(l, wanted, n_wanted);
}

int command_api_resources(struct cli *cli)
{
	struct listing l = { cli, cli_str(cli, "output"), cli_str(cli, "sort-by") };
	struct session session;
	int r;

	if (cli->n_args)
		return unexpected_args(cli);
	if (*l.output && strcmp(l.output, "wide") != 0 && strcmp(l.output, "name") != 0)
		return command_fail("unable to match a printer suitable for the output format "
				    "\"%s\", allowed formats are: json,kyaml,name,wide,yaml",
				    l.output);
	if (*l.sort_by && strcmp(l.sort_by, "name") != 0 && strcmp(l.sort_by, "kind") != 0)
		return command_fail("--sort-by accepts only name or kind");
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = list(&l, &session);
	session_close(&session);
	return r;
}

/* ---- versions ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int print_versions(const struct resource_info *all, size_t n)
{
	char(*versions)[192] = calloc(n ? n : 1, sizeof(*versions));

	if (!versions)
		return command_fail("out of memory");
	for (size_t i = 0; i < n; i++)
		api_version(&all[i].type, versions[i], sizeof(versions[i]));
	qsort(versions, n, sizeof(*versions), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(versions[i], versions[i - 1]) != 0)
			(void)puts(versions[i]);
	free(versions);
	return 0;
}

int command_api_versions(struct cli *cli)
{
	const struct resource_info *all;
	struct session session;
	struct err err = { 0 };
	size_t n;
	int r;

	if (cli->n_args)
		return unexpected_args(cli);
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = types_all(session.types, &all, &n, &err);
	r = r < 0 ? session_fail(&err) : print_versions(all, n);
	session_close(&session);
	return r;
}
