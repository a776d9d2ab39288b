/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl config …: reading and changing kubeconfig files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/yaml.h"
#include "ctl/command.h"
#include "ctl/tabs.h"

/* ---- the shape that kubectl writes: known keys in their order, entries by name ---- */

static const char *const cluster_keys[] = { "server",
					    "tls-server-name",
					    "insecure-skip-tls-verify",
					    "certificate-authority",
					    "certificate-authority-data",
					    "proxy-url",
					    "disable-compression",
					    "extensions",
					    NULL };
static const char *const user_keys[] = { "client-certificate",
					 "client-certificate-data",
					 "client-key",
					 "client-key-data",
					 "token",
					 "tokenFile",
					 "as",
					 "as-uid",
					 "as-groups",
					 "as-user-extra",
					 "username",
					 "password",
					 "auth-provider",
					 "exec",
					 "extensions",
					 NULL };
static const char *const context_keys[] = { "cluster", "user", "namespace", "extensions", NULL };
static const char *const exec_keys[] = { "command",	    "args",	   "env",
					 "apiVersion",	    "installHint", "provideClusterInfo",
					 "interactiveMode", NULL };

static const struct list_shape {
	const char *list, *member;
	const char *const *keys;
} shapes[] = {
	{ "clusters", "cluster", cluster_keys },
	{ "users", "user", user_keys },
	{ "contexts", "context", context_keys },
};

static bool is_empty(const struct json_object *value)
{
	const char *text = json_str(value);

	return !value || (text && !*text) ||
	       (json_kind(value) == JSON_BOOL && !json_truth(value, false));
}

static struct json_object *pick(const struct json_object *from, const char *const *keys)
{
	struct json_object *to = json_new_object();

	for (; to && *keys; keys++) {
		struct json_object *value = json_get(from, *keys);

		if (!is_empty(value))
			(void)json_put(to, *keys, json_copy(value));
	}
	return to;
}

static struct json_object *shape_exec(const struct json_object *exec)
{
	struct json_object *to = json_new_object();

	for (const char *const *key = exec_keys; to && *key; key++) {
		struct json_object *value = json_get(exec, *key);

		/* These three are written even when empty, the others are not. */
		if (strcmp(*key, "args") == 0 || strcmp(*key, "env") == 0)
			(void)json_put(to, *key, json_copy(value));
		else if (strcmp(*key, "provideClusterInfo") == 0)
			(void)json_put_bool(to, *key, json_truth(value, false));
		else if (!is_empty(value))
			(void)json_put(to, *key, json_copy(value));
	}
	return to;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(json_str_at(*(struct json_object *const *)a, "name"),
		      json_str_at(*(struct json_object *const *)b, "name"));
}

static struct json_object *shape_list(const struct json_object *entries,
				      const struct list_shape *shape)
{
	size_t n = json_len(entries), kept = 0;
	auto_free struct json_object **sorted = calloc(n ? n : 1, sizeof(*sorted));
	struct json_object *list =
		n ? json_new_array() : NULL; /* an empty list is written as null */

	for (size_t i = 0; sorted && i < n; i++)
		if (json_str_at(json_idx(entries, i), "name"))
			sorted[kept++] = json_idx(entries, i);
	if (sorted)
		qsort(sorted, kept, sizeof(*sorted), by_name);
	for (size_t i = 0; list && sorted && i < kept; i++) {
		struct json_object *entry = json_new_object();
		struct json_object *inner = pick(json_get(sorted[i], shape->member), shape->keys);

		if (json_get(inner, "exec"))
			(void)json_put(inner, "exec", shape_exec(json_get(inner, "exec")));
		(void)json_put_str(entry, "name", json_str_at(sorted[i], "name"));
		(void)json_put(entry, shape->member, inner);
		(void)json_add(list, entry);
	}
	return list;
}

/* The config as kubectl would write it. */
static struct json_object *shape_config(const struct json_object *config)
{
	struct json_object *to = json_new_object();
	const char *current = json_str(json_get(config, "current-context"));

	(void)json_put_str(to, "kind", "Config");
	(void)json_put_str(to, "apiVersion", "v1");
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		(void)json_put(to, shapes[i].list,
			       shape_list(json_get(config, shapes[i].list), &shapes[i]));
	(void)json_put_str(to, "current-context", current ? current : "");
	return to;
}

/* ---- loading and saving ---- */

static int load(const struct cli *cli, struct kubeconfig *config)
{
	struct err err = { 0 };

	return command_kubeconfig(cli, config, &err) < 0 ? command_fail("%s", err.text) : 0;
}

/*
 * Changes go to the file that defines what changes; to keep it simple and right for one file (the usual
 * case) the file that is written is read alone, changed, and written whole.
 */
static int load_for_change(const struct cli *cli, struct kubeconfig *config)
{
	struct kubeconfig all = { 0 };
	struct err err = { 0 };
	const char *file;
	int r;

	if (load(cli, &all) != 0)
		return 1;
	file = all.write_file;
	r = kubeconfig_load(NULL, config, &err);
	if (r == 0) {
		kubeconfig_done(config);
		r = kubeconfig_load(file, config, &err);
	}
	if (r == -ENOENT) { /* not there yet: an empty one is made */
		*config = all;
		return 0;
	}
	kubeconfig_done(&all);
	return r < 0 ? command_fail("%s", err.text) : 0;
}

static int save(const struct kubeconfig *config)
{
	auto_json struct json_object *shaped = shape_config(config->merged);
	struct err err = { 0 };

	return kubeconfig_save(shaped, config->write_file, &err) < 0 ? command_fail("%s", err.text)
								     : 0;
}

/* ---- view ---- */

static void redact(struct json_object *config)
{
	static const struct {
		const char *key, *instead;
	} secrets[] = { { "certificate-authority-data", "DATA+OMITTED" },
			{ "client-certificate-data", "DATA+OMITTED" },
			{ "client-key-data", "DATA+OMITTED" },
			{ "token", "REDACTED" },
			{ "password", "REDACTED" } };

	for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
		for (size_t i = 0; i < json_len(json_get(config, shapes[s].list)); i++) {
			struct json_object *inner = json_get(
				json_idx(json_get(config, shapes[s].list), i), shapes[s].member);

			for (size_t k = 0; k < ARRAY_LEN(secrets); k++)
				if (json_has(inner, secrets[k].key))
					(void)json_put_str(inner, secrets[k].key,
							   secrets[k].instead);
		}
}

/* Drop the entries of @list that are not called @name. */
static void keep_only(struct json_object *config, const char *list, const char *name)
{
	struct json_object *entries = json_get(config, list);

	for (size_t i = json_len(entries); i-- > 0;)
		if (!name || strcmp(json_str_at(json_idx(entries, i), "name"), name) != 0)
			json_del_idx(entries, i);
}

/* --flatten: files become data inside. */
static int flatten(struct json_object *config)
{
	static const char *const files[] = { "certificate-authority", "client-certificate",
					     "client-key" };

	for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
		for (size_t i = 0; i < json_len(json_get(config, shapes[s].list)); i++) {
			struct json_object *inner = json_get(
				json_idx(json_get(config, shapes[s].list), i), shapes[s].member);

			for (size_t k = 0; k < ARRAY_LEN(files); k++) {
				const char *path = json_str(json_get(inner, files[k]));
				auto_buf struct buf raw = BUF_INIT(1 << 20), text = { 0 };
				struct err err = { 0 };
				char key[64];

				if (!path)
					continue;
				if (fd_read_file(path, &raw, &err) < 0)
					return command_fail("%s", err.text);
				(void)base64_encode(&text, raw.data, raw.len);
				(void)snprintf(key, sizeof(key), "%s-data", files[k]);
				(void)json_put_str(inner, key, buf_str(&text));
				json_del(inner, files[k]);
			}
		}
	return 0;
}

int command_config_view(struct cli *cli)
{
	auto_json struct json_object *shaped = NULL;
	auto_buf struct buf text = { 0 };
	const char *output = cli_str(cli, "output"), *name;
	struct kubeconfig config;
	int r = 0;

	if (cli->n_args > 0)
		return command_fail("unexpected arguments: [%s]", cli->args[0]);
	if (load(cli, &config) != 0)
		return 1;
	if (*cli_str(cli, "context"))
		(void)json_put_str(config.merged, "current-context", cli_str(cli, "context"));
	if (cli_bool(cli, "minify")) {
		const struct json_object *context;

		name = json_str(json_get(config.merged, "current-context"));
		context = name ? kubeconfig_entry(config.merged, "contexts", name) : NULL;
		if (!name || !*name)
			r = command_fail("current-context must exist in order to minify");
		else if (!context)
			r = command_fail("cannot locate context %s", name);
		keep_only(config.merged, "contexts", name);
		keep_only(config.merged, "clusters", json_str_at(context, "cluster"));
		keep_only(config.merged, "users", json_str_at(context, "user"));
	}
	if (r == 0 && cli_bool(cli, "flatten"))
		r = flatten(config.merged);
	shaped = shape_config(config.merged);
	kubeconfig_done(&config);
	if (r != 0)
		return r;
	if (!cli_bool(cli, "raw") && !cli_bool(cli, "flatten"))
		redact(shaped);
	if (strcmp(output, "json") == 0) {
		(void)json_write_style(&text, shaped, JSON_INDENT_4 | JSON_HTML_SAFE);
		(void)buf_putc(&text, '\n');
	} else if (strcmp(output, "yaml") == 0) {
		(void)yaml_write(&text, shaped);
	} else {
		return command_fail(
			"unable to match a printer suitable for the output format \"%s\", "
			"allowed formats are: json,yaml",
			output);
	}
	return command_print(&text);
}

/* ---- lists ---- */

static void put_cell(struct buf *text, const struct json_object *context, const char *key)
{
	const char *value = json_str(json_get(context, key));

	(void)buf_puts(text, value ? value : "");
	(void)buf_putc(text, '\t');
}

static bool asked_for(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->n_args; i++)
		if (strcmp(cli->args[i], name) == 0)
			return true;
	return cli->n_args == 0;
}

int command_config_get_contexts(struct cli *cli)
{
	auto_json struct json_object *shaped = NULL;
	auto_buf struct buf text = { 0 }, out = { 0 };
	bool names = strcmp(cli_str(cli, "output"), "name") == 0;
	const struct json_object *contexts;
	struct tabs tabs = TABS_GET;
	struct kubeconfig config;
	const char *current;
	int r = 0;

	if (*cli_str(cli, "output") && !names)
		return command_fail(
			"--output %s is not available in kubectl config get-contexts; valid "
			"values: name",
			cli_str(cli, "output"));
	if (load(cli, &config) != 0)
		return 1;
	shaped = shape_config(config.merged);
	kubeconfig_done(&config);
	contexts = json_get(shaped, "contexts");
	current = json_str(json_get(shaped, "current-context"));
	if (!names && !cli_bool(cli, "no-headers"))
		(void)buf_puts(&text, "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n");
	for (size_t i = 0; i < json_len(contexts); i++) {
		const struct json_object *entry = json_idx(contexts, i),
					 *inner = json_get(entry, "context");
		const char *name = json_str_at(entry, "name"), *namespace;

		if (!asked_for(cli, name))
			continue;
		if (names) {
			(void)buf_printf(&text, "%s\n", name);
			continue;
		}
		(void)buf_printf(&text, "%s\t%s\t", strcmp(current, name) == 0 ? "*" : "", name);
		put_cell(&text, inner, "cluster");
		put_cell(&text, inner, "user");
		namespace = json_str(json_get(inner, "namespace"));
		(void)buf_printf(&text, "%s\n", namespace ? namespace : "");
	}
	if (tabs_write(&tabs, buf_str(&text), text.len, &out) < 0)
		return command_fail("out of memory");
	r = command_print(&out);
	for (size_t i = 0; i < cli->n_args; i++)
		if (!kubeconfig_entry(shaped, "contexts", cli->args[i]))
			r = command_fail("context %s not found", cli->args[i]);
	return r;
}

static int print_names(struct cli *cli, const char *list)
{
	auto_json struct json_object *shaped = NULL;
	struct kubeconfig config;

	if (load(cli, &config) != 0)
		return 1;
	shaped = shape_config(config.merged);
	kubeconfig_done(&config);
	(void)puts("NAME");
	for (size_t i = 0; i < json_len(json_get(shaped, list)); i++)
		(void)puts(json_str_at(json_idx(json_get(shaped, list), i), "name"));
	return 0;
}

int command_config_get_clusters(struct cli *cli)
{
	return print_names(cli, "clusters");
}

int command_config_get_users(struct cli *cli)
{
	return print_names(cli, "users");
}

int command_config_current_context(struct cli *cli)
{
	struct kubeconfig config;
	const char *current;
	int r = 0;

	if (load(cli, &config) != 0)
		return 1;
	current = json_str(json_get(config.merged, "current-context"));
	if (current && *current)
		(void)puts(current);
	else
		r = command_fail("current-context is not set");
	kubeconfig_done(&config);
	return r;
}

/* ---- changes ---- */

int command_config_use_context(struct cli *cli)
{
	struct kubeconfig config;
	int r = 0;

	if (cli->n_args != 1)
		return command_fail("Unexpected args: %s", cli->n_args ? cli->args[0] : "[]");
	if (load_for_change(cli, &config) != 0)
		return 1;
	if (!kubeconfig_entry(config.merged, "contexts", cli->args[0]))
		r = command_fail("no context exists with the name: \"%s\"", cli->args[0]);
	if (r == 0) {
		(void)json_put_str(config.merged, "current-context", cli->args[0]);
		r = save(&config);
	}
	if (r == 0)
		(void)printf("Switched to context \"%s\".\n", cli->args[0]);
	kubeconfig_done(&config);
	return r;
}

/* The inner object of entry @name, made if it is missing. */
static struct json_object *entry_to_change(struct json_object *config,
					   const struct list_shape *shape, const char *name,
					   bool *ret_made)
{
	struct json_object *inner = kubeconfig_entry(config, shape->list, name), *entry;

	*ret_made = inner == NULL;
	if (inner)
		return inner;
	entry = json_new_object();
	inner = json_new_object();
	(void)json_put_str(entry, "name", name);
	(void)json_put(entry, shape->member, inner);
	(void)json_add(json_get(config, shape->list), entry);
	return inner;
}

/* Flags whose values go into keys of the entry under the same or another name. */
struct setting {
	const char *flag, *key;
};

/* @shape picks the list; @said is "Context", "Cluster" or "User". */
static int set_entry(struct cli *cli, const struct list_shape *shape, const char *name,
		     const struct setting *settings, size_t n, const char *said, bool tell_made)
{
	struct kubeconfig config;
	struct json_object *inner;
	bool made;
	int r;

	if (load_for_change(cli, &config) != 0)
		return 1;
	if (!name) { /* set-context --current */
		name = json_str(json_get(config.merged, "current-context"));
		if (!name || !*name) {
			kubeconfig_done(&config);
			return command_fail("no current context is set");
		}
	}
	inner = entry_to_change(config.merged, shape, name, &made);
	for (size_t i = 0; i < n; i++)
		if (cli_given(cli, settings[i].flag)) {
			const char *value = cli_str(cli, settings[i].flag);

			if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
				(void)json_put_bool(inner, settings[i].key, *value == 't');
			else
				(void)json_put_str(inner, settings[i].key, value);
		}
	if (cli_given(cli, shape == &shapes[2] ? "namespace" : "kubeconfig") && shape == &shapes[2])
		(void)json_put_str(inner, "namespace", cli_str(cli, "namespace"));
	r = save(&config);
	if (r == 0 && !tell_made)
		(void)printf("%s \"%s\" set.\n", said, name);
	else if (r == 0)
		(void)printf("%s \"%s\" %s.\n", said, name, made ? "created" : "modified");
	kubeconfig_done(&config);
	return r;
}

int command_config_set_context(struct cli *cli)
{
	static const struct setting settings[] = { { "cluster", "cluster" }, { "user", "user" } };
	bool current = cli_bool(cli, "current");

	if (cli->n_args > 1 || (cli->n_args == 0 && !current) || (cli->n_args == 1 && current))
		return command_fail("you must specify a non-empty context name or --current");
	return set_entry(cli, &shapes[2], current ? NULL : cli->args[0], settings,
			 ARRAY_LEN(settings), "Context", true);
}

int command_config_set_cluster(struct cli *cli)
{
	static const struct setting settings[] = {
		{ "server", "server" },
		{ "tls-server-name", "tls-server-name" },
		{ "certificate-authority", "certificate-authority" },
		{ "insecure-skip-tls-verify", "insecure-skip-tls-verify" },
		{ "proxy-url", "proxy-url" },
	};

	if (cli->n_args != 1)
		return command_fail("Unexpected args: %s", cli->n_args ? cli->args[1] : "[]");
	return set_entry(cli, &shapes[0], cli->args[0], settings, ARRAY_LEN(settings), "Cluster",
			 false);
}

int command_config_set_credentials(struct cli *cli)
{
	static const struct setting settings[] = {
		{ "client-certificate", "client-certificate" },
		{ "client-key", "client-key" },
		{ "token", "token" },
		{ "username", "username" },
		{ "password", "password" },
	};

	if (cli->n_args != 1)
		return command_fail("Unexpected args: %s", cli->n_args ? cli->args[1] : "[]");
	return set_entry(cli, &shapes[1], cli->args[0], settings, ARRAY_LEN(settings), "User",
			 false);
}

/* The index of entry @name, or SIZE_MAX. */
static size_t index_of(const struct json_object *entries, const char *name)
{
	for (size_t i = 0; i < json_len(entries); i++) {
		const char *has = json_str_at(json_idx(entries, i), "name");

		if (has && strcmp(has, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

int command_config_rename_context(struct cli *cli)
{
	struct kubeconfig config;
	struct json_object *contexts;
	const char *current;
	size_t at;
	int r = 0;

	if (cli->n_args != 2)
		return command_fail("Unexpected args: %zu", cli->n_args);
	if (load_for_change(cli, &config) != 0)
		return 1;
	contexts = json_get(config.merged, "contexts");
	at = index_of(contexts, cli->args[0]);
	if (at == SIZE_MAX)
		r = command_fail("cannot rename the context \"%s\", it's not in %s", cli->args[0],
				 config.write_file);
	else if (index_of(contexts, cli->args[1]) != SIZE_MAX)
		r = command_fail(
			"cannot rename the context \"%s\", the context \"%s\" already exists in %s",
			cli->args[0], cli->args[1], config.write_file);
	if (r == 0) {
		(void)json_put_str(json_idx(contexts, at), "name", cli->args[1]);
		current = json_str(json_get(config.merged, "current-context"));
		if (current && strcmp(current, cli->args[0]) == 0)
			(void)json_put_str(config.merged, "current-context", cli->args[1]);
		r = save(&config);
	}
	if (r == 0)
		(void)printf("Context \"%s\" renamed to \"%s\".\n", cli->args[0], cli->args[1]);
	kubeconfig_done(&config);
	return r;
}

static int delete_entry(struct cli *cli, const char *list, const char *what)
{
	struct kubeconfig config;
	const char *current;
	size_t at;
	int r;

	if (cli->n_args != 1)
		return command_fail("you must specify the name of the %s to delete", what);
	if (load_for_change(cli, &config) != 0)
		return 1;
	at = index_of(json_get(config.merged, list), cli->args[0]);
	if (at == SIZE_MAX) {
		r = command_fail("cannot delete %s %s, not in %s", what, cli->args[0],
				 config.write_file);
		kubeconfig_done(&config);
		return r;
	}
	current = json_str(json_get(config.merged, "current-context"));
	if (strcmp(what, "context") == 0 && current && strcmp(current, cli->args[0]) == 0)
		(void)fputs("warning: this removed your active context, use \"kubectl config "
			    "use-context\" "
			    "to select a different one\n",
			    stderr);
	json_del_idx(json_get(config.merged, list), at);
	r = save(&config);
	if (r == 0)
		(void)printf("deleted %s %s from %s\n", what, cli->args[0], config.write_file);
	kubeconfig_done(&config);
	return r;
}

int command_config_delete_context(struct cli *cli)
{
	return delete_entry(cli, "contexts", "context");
}

int command_config_delete_cluster(struct cli *cli)
{
	return delete_entry(cli, "clusters", "cluster");
}

int command_config_delete_user(struct cli *cli)
{
	return delete_entry(cli, "users", "user");
}
