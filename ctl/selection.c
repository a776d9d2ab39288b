/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/selection.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/yaml.h"

#define FILE_MAX ((size_t)64 << 20)

void selection_done(struct selection *selection)
{
	for (size_t i = 0; i < selection->n; i++) {
		free(selection->items[i].namespace);
		free(selection->items[i].name);
		free(selection->items[i].source);
		(void)json_unref(selection->items[i].object);
	}
	free(selection->items);
	*selection = (struct selection){ 0 };
}

static int add(struct selection *s, const struct resource_type *type, const char *namespace,
	       const char *name, struct json_object *object, const char *source)
{
	struct selected item = { .type = *type };

	if (array_grow(&s->items, &s->cap, s->n + 1, sizeof(*s->items)) < 0)
		return -ENOMEM;
	item.namespace = strdup(type->namespaced ? namespace : "");
	item.name = name ? strdup(name) : NULL;
	item.source = source ? strdup(source) : NULL;
	item.object = json_ref(object);
	s->items[s->n++] = item;
	return !item.namespace || (name && !item.name) || (source && !item.source) ? -ENOMEM : 0;
}

int selected_path(const struct selected *item, struct buf *ret)
{
	return types_path(&item->type, item->namespace, item->name ? item->name : "", ret);
}

/* ---- words ---- */

static const char *namespace_of(const struct session *session,
				const struct selection_options *options)
{
	return options->all_namespaces ? "" : session->namespace;
}

/* "pod/a svc/b" */
static int of_slashes(struct session *session, const char *const *args, size_t n,
		      const struct selection_options *options, struct selection *s, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *slash = strchr(args[i], '/');
		struct resource_type type;
		char word[256];
		int r;

		if (!slash)
			return err_say(
				err, -EINVAL,
				"error: there is no need to specify a resource type as a separate "
				"argument when passing arguments in resource/name form (e.g. "
				"'kubectl "
				"get resource/<resource_name>' instead of 'kubectl get resource "
				"resource/<resource_name>'");
		if (slash == args[i] || !slash[1] || strchr(slash + 1, '/'))
			return err_say(err, -EINVAL,
				       "error: arguments in resource/name form must have a single "
				       "resource "
				       "and name");
		(void)snprintf(word, sizeof(word), "%.*s", (int)(slash - args[i]), args[i]);
		r = types_find(session->types, word, &type, err);
		if (r == 0 &&
		    add(s, &type, namespace_of(session, options), slash + 1, NULL, NULL) < 0)
			r = err_set(err, -ENOMEM, "select %s", args[i]);
		if (r < 0)
			return r;
		s->several_types |= i > 0;
	}
	s->one_object = n == 1;
	return 0;
}

/* Every type of the category "all" that can be listed. */
static int of_category(struct session *session, const char *category,
		       const struct selection_options *options, struct selection *s,
		       size_t *n_types, struct err *err)
{
	const struct resource_info *all;
	size_t n;
	int r = types_all(session->types, &all, &n, err);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!all[i].preferred || !types_in_list(all[i].verbs, "list", 4) ||
		    !types_in_list(all[i].categories, category, strlen(category)))
			continue;
		r = add(s, &all[i].type, namespace_of(session, options), NULL, NULL, NULL);
		++*n_types;
	}
	/* Names carry their type even if the server has but one such. */
	*n_types += *n_types == 1;
	return r;
}

/* "pods,services", each found once */
static int of_types(struct session *session, const char *list, const char *const *names,
		    size_t n_names, const struct selection_options *options, struct selection *s,
		    struct err *err)
{
	size_t n_types = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		struct resource_type type;
		char word[256];
		int r;

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, list);
		list += len + (list[len] == ',');
		if (strcmp(word, "all") == 0) {
			r = of_category(session, word, options, s, &n_types, err);
			if (r < 0)
				return r;
			continue;
		}
		r = types_find(session->types, word, &type, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < MAX(n_names, 1u); i++)
			if (add(s, &type, namespace_of(session, options), n_names ? names[i] : NULL,
				NULL, NULL) < 0)
				return err_set(err, -ENOMEM, "select %s", word);
		n_types++;
	}
	s->several_types = n_types > 1;
	s->one_object = n_types == 1 && n_names == 1;
	return 0;
}

int selection_of_args(struct session *session, const char *const *args, size_t n,
		      const struct selection_options *options, struct selection *ret,
		      struct err *err)
{
	struct selection s = { 0 };
	bool slashes = false;
	int r;

	for (size_t i = 0; i < n; i++)
		slashes |= strchr(args[i], '/') != NULL;
	if (n == 0)
		return err_say(err, -EINVAL, "error: you must specify one or more resources");
	if (slashes)
		r = of_slashes(session, args, n, options, &s, err);
	else if (n > 1 && options->all_namespaces)
		r = err_say(err, -EINVAL,
			    "error: a resource cannot be retrieved by name across all namespaces");
	else if (n > 1 && options->selector_given)
		r = err_say(err, -EINVAL,
			    "error: name cannot be provided when a selector is specified");
	else if (n == 1 && options->names_required && !options->selector_given)
		r = err_say(err, -EINVAL,
			    "error: resource(s) were provided, but no name was specified");
	else
		r = of_types(session, args[0], args + 1, n - 1, options, &s, err);
	if (r < 0) {
		selection_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

/* ---- collections ---- */

static int list_into(struct session *session, const struct selected *item, const char *labels,
		     const char *fields, struct selection *into, struct err *err)
{
	auto_json struct json_object *list = NULL;
	auto_buf struct buf path = { 0 };
	const struct json_object *items;
	char version[192];
	int r = 0;

	(void)selected_path(item, &path);
	(void)buf_puts(&path, "?limit=0");
	if (*labels) {
		(void)buf_puts(&path, "&labelSelector=");
		(void)rest_escape(&path, labels);
	}
	if (*fields) {
		(void)buf_puts(&path, "&fieldSelector=");
		(void)rest_escape(&path, fields);
	}
	r = rest_get(session->rest, buf_str(&path), NULL, &list, err);
	items = json_get(list, "items");
	(void)snprintf(version, sizeof(version), "%s%s%s", item->type.group,
		       *item->type.group ? "/" : "", item->type.version);
	for (size_t i = 0; i < json_len(items) && r == 0; i++) {
		struct json_object *object = json_idx(items, i);
		const char *namespace = json_str_at(object, "metadata.namespace");

		/* Items of a typed list carry neither. */
		(void)json_put_str(object, "apiVersion", version);
		(void)json_put_str(object, "kind", item->type.kind);
		r = add(into, &item->type, namespace ? namespace : "",
			json_str_at(object, "metadata.name"), object, NULL);
		if (r < 0)
			(void)err_set(err, r, "error: list %s", item->type.resource);
	}
	return r;
}

int selection_expand(struct session *session, struct selection *selection, const char *labels,
		     const char *fields, struct err *err)
{
	struct selection all = { .several_types = selection->several_types,
				 .one_object = selection->one_object };
	int r = 0;

	for (size_t i = 0; i < selection->n && r == 0; i++) {
		struct selected *item = &selection->items[i];

		if (item->name)
			r = add(&all, &item->type, item->namespace, item->name, item->object,
				item->source);
		else
			r = list_into(session, item, labels, fields, &all, err);
	}
	if (r < 0) {
		selection_done(&all);
		return r;
	}
	selection_done(selection);
	*selection = all;
	return 0;
}

/* ---- files ---- */

struct reading {
	struct session *session;
	struct selection *s;
	bool recursive, namespace_forced;
	struct err *err;
};

static int add_object(struct reading *rd, struct json_object *object, const char *source)
{
	const char *api_version = json_str_at(object, "apiVersion"),
		   *kind = json_str_at(object, "kind");
	const char *name = json_str_at(object, "metadata.name"), *namespace;
	const struct json_object *items = json_get(object, "items");
	struct resource_type type;
	int r = 0;

	if (json_kind(object) != JSON_OBJECT)
		return err_say(
			rd->err, -EINVAL,
			"error: error validating \"%s\": error validating data: invalid object to "
			"validate",
			source);
	if (!kind || !*kind)
		return err_say(rd->err, -EINVAL,
			       "error: error validating \"%s\": error validating data: kind not "
			       "set; if you choose to ignore these errors, turn validation off "
			       "with --validate=false",
			       source);
	if (!api_version || !*api_version)
		return err_say(rd->err, -EINVAL,
			       "error: error validating \"%s\": error validating data: apiVersion "
			       "not set; if "
			       "you choose to ignore these errors, turn validation off with "
			       "--validate=false",
			       source);
	if (json_kind(items) == JSON_ARRAY && strlen(kind) >= 4 &&
	    strcmp(kind + strlen(kind) - 4, "List") == 0) {
		for (size_t i = 0; i < json_len(items) && r == 0; i++)
			r = add_object(rd, json_idx(items, i), source);
		return r;
	}
	r = types_of_kind(rd->session->types, api_version, kind, &type, rd->err);
	if (r == -ENOENT)
		return err_say(
			rd->err, r,
			"error: resource mapping not found for name: \"%s\" namespace: \"%s\" from "
			"\"%s\": no matches for kind \"%s\" in version \"%s\"\nensure CRDs are "
			"installed first",
			name ? name : "",
			json_str_at(object, "metadata.namespace")
				? json_str_at(object, "metadata.namespace")
				: "",
			source, kind, api_version);
	if (r < 0)
		return r;
	namespace = json_str_at(object, "metadata.namespace");
	if (namespace && *namespace && rd->namespace_forced && type.namespaced &&
	    strcmp(namespace, rd->session->namespace) != 0)
		return err_say(
			rd->err, -EINVAL,
			"error: the namespace from the provided object \"%s\" does not match the "
			"namespace \"%s\". You must pass '--namespace=%s' to perform this "
			"operation.",
			namespace, rd->session->namespace, namespace);
	if (type.namespaced && (!namespace || !*namespace)) {
		namespace = rd->session->namespace;
		(void)json_put_at(object, "metadata.namespace", json_new_string(namespace));
	}
	r = add(rd->s, &type, namespace ? namespace : "", name ? name : "", object, source);
	return r < 0 ? err_set(rd->err, r, "read %s", source) : 0;
}

static int read_text(struct reading *rd, const struct buf *text, const char *source)
{
	auto_json struct json_object *documents = NULL;
	struct yaml_problem problem;
	int r = yaml_parse(buf_str(text), text->len, &documents, &problem);

	if (r == -ENOMEM)
		return err_set(rd->err, r, "read %s", source);
	if (r < 0)
		return err_say(rd->err, r,
			       "error: error parsing %s: error converting YAML to JSON: yaml: line "
			       "%u, column %u: %s",
			       source, problem.line, problem.column, problem.text);
	for (size_t i = 0; i < json_len(documents) && r == 0; i++)
		r = add_object(rd, json_idx(documents, i), source);
	return r;
}

static int read_file(struct reading *rd, const char *path)
{
	auto_buf struct buf text = BUF_INIT(FILE_MAX);
	int r = fd_read_file(path, &text, NULL);

	if (r < 0)
		return err_say(rd->err, r, "error: the path \"%s\" cannot be accessed: %s", path,
			       err_text(r));
	return read_text(rd, &text, path);
}

static bool is_manifest(const char *name)
{
	static const char *const endings[] = { ".json", ".yaml", ".yml" };
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && strcmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static int read_directory(struct reading *rd, const char *path, unsigned depth)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), r = 0;

	if (n < 0)
		return err_set(rd->err, -errno, "error: read directory %s", path);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		char full[PATH_MAX];
		struct stat st;

		(void)snprintf(full, sizeof(full), "%s/%s", path, name);
		if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    stat(full, &st) == 0) {
			if (S_ISDIR(st.st_mode) && rd->recursive && depth < 32)
				r = read_directory(rd, full, depth + 1);
			else if (!S_ISDIR(st.st_mode) && is_manifest(name))
				r = read_file(rd, full);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int read_source(struct reading *rd, const char *file)
{
	auto_buf struct buf text = BUF_INIT(FILE_MAX);
	size_t before = rd->s->n;
	struct stat st;
	int r;

	if (strncmp(file, "http://", 7) == 0 || strncmp(file, "https://", 8) == 0)
		return err_say(rd->err, -EHOSTUNREACH,
			       "error: unable to read URL \"%s\": this kubectl reads files, "
			       "directories and \"-\"; "
			       "fetch it first: curl -fsSL %s | kubectl apply -f -",
			       file, file);
	if (strcmp(file, "-") == 0) {
		r = fd_read_to_end(STDIN_FILENO, &text);
		return r < 0 ? err_set(rd->err, r, "error: read standard input")
			     : read_text(rd, &text, "STDIN");
	}
	if (stat(file, &st) < 0)
		return err_say(rd->err, -errno,
			       errno == ENOENT ? "error: the path \"%s\" does not exist"
					       : "error: the path \"%s\" cannot be accessed",
			       file);
	if (!S_ISDIR(st.st_mode))
		return read_file(rd, file);
	r = read_directory(rd, file, 0);
	if (r == 0 && rd->s->n == before)
		return err_say(rd->err, -ENOENT,
			       "error: error reading [%s]: recognized file extensions are [.json "
			       ".yaml .yml]",
			       file);
	return r;
}

int selection_of_files(struct session *session, const char *const *files, bool recursive,
		       bool namespace_forced, struct selection *ret, struct err *err)
{
	struct selection s = { 0 };
	struct reading rd = { session, &s, recursive, namespace_forced, err };
	int r = 0;

	for (; *files && r == 0; files++)
		r = read_source(&rd, *files);
	if (r == 0 && s.n == 0)
		r = err_say(err, -ENOENT, "error: no objects passed to apply");
	if (r < 0) {
		selection_done(&s);
		return r;
	}
	s.one_object = s.n == 1;
	s.several_types = s.n > 1;
	*ret = s;
	return 0;
}
