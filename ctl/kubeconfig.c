/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/yaml.h"

#define KUBECONFIG_MAX ((size_t)4 << 20)

/* The lists of a Config and what an entry of each holds. */
static const struct {
	const char *list, *member;
} lists[] = { { "clusters", "cluster" }, { "users", "user" }, { "contexts", "context" } };

/* ---- reading ---- */

static int read_one(const char *file, bool must_exist, struct json_object **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(KUBECONFIG_MAX);
	auto_json struct json_object *documents = NULL;
	struct yaml_problem problem;
	int r;

	*ret = NULL;
	r = fd_read_file(file, &text, NULL);
	if (r == -ENOENT && !must_exist)
		return 0;
	if (r < 0)
		return err_say(err, r, "stat %s: %s", file,
			       r == -ENOENT ? "no such file or directory" : err_text(r));
	r = yaml_parse(buf_str(&text), text.len, &documents, &problem);
	if (r == -ENOMEM)
		return err_set(err, r, "read %s", file);
	if (r < 0)
		return err_say(err, r, "error loading config file \"%s\": yaml: line %u: %s", file,
			       problem.line, problem.text);
	*ret = json_ref(json_idx(documents, 0));
	if (*ret && json_kind(*ret) != JSON_OBJECT)
		return err_say(err, -EINVAL, "error loading config file \"%s\": not a Config",
			       file);
	return 0;
}

/* File names inside a kubeconfig are relative to it. */
static void make_absolute(struct json_object *entry, const char *key, const char *file)
{
	const char *path = json_str(json_get(entry, key)), *slash = strrchr(file, '/');
	char full[PATH_MAX];

	if (!path || !*path || *path == '/' || !slash)
		return;
	(void)snprintf(full, sizeof(full), "%.*s/%s", (int)(slash - file), file, path);
	(void)json_put_str(entry, key, full);
}

static int merge_list(struct json_object *into, const struct json_object *from, size_t which,
		      const char *file)
{
	const char *list = lists[which].list;
	const struct json_object *theirs = json_get(from, list);
	struct json_object *ours = json_get(into, list);

	for (size_t i = 0; i < json_len(theirs); i++) {
		struct json_object *entry = json_idx(theirs, i);
		const char *name = json_str_at(entry, "name");
		struct json_object *inner = json_get(entry, lists[which].member), *command;

		if (!name || kubeconfig_entry(into, list, name))
			continue;
		make_absolute(inner, "certificate-authority", file);
		make_absolute(inner, "client-certificate", file);
		make_absolute(inner, "client-key", file);
		command = json_get(inner, "exec");
		if (json_str_at(command, "command") && strchr(json_str_at(command, "command"), '/'))
			make_absolute(command, "command", file);
		if (json_add(ours, json_ref(entry)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int merge(struct json_object *into, const struct json_object *from, const char *file)
{
	const char *current = json_str(json_get(from, "current-context"));
	const char *have = json_str(json_get(into, "current-context"));
	int r = 0;

	if (current && *current && (!have || !*have))
		r = json_put_str(into, "current-context", current);
	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++)
		r = merge_list(into, from, i, file);
	return r;
}

static int add_file(struct kubeconfig *config, size_t *n, size_t *cap, const char *file, size_t len)
{
	int r = array_grow(&config->files, cap, *n + 2, sizeof(*config->files));

	if (r < 0)
		return r;
	config->files[*n] = strndup(file, len);
	if (!config->files[*n])
		return -ENOMEM;
	config->files[++*n] = NULL;
	return 0;
}

static int list_files(const char *explicit_file, struct kubeconfig *config)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	char path[PATH_MAX];
	size_t n = 0, cap = 0;
	int r = 0;

	if (explicit_file && *explicit_file)
		return add_file(config, &n, &cap, explicit_file, strlen(explicit_file));
	while (env && *env && r == 0) {
		size_t len = strcspn(env, ":");

		if (len)
			r = add_file(config, &n, &cap, env, len);
		env += len + (env[len] == ':');
	}
	if (n == 0 && r == 0) {
		(void)snprintf(path, sizeof(path), "%s/.kube/config", home ? home : "");
		r = add_file(config, &n, &cap, path, strlen(path));
	}
	return r;
}

int kubeconfig_load(const char *explicit_file, struct kubeconfig *ret, struct err *err)
{
	struct kubeconfig config = { .merged = json_new_object() };
	int r = config.merged ? list_files(explicit_file, &config) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++)
		r = json_put(config.merged, lists[i].list, json_new_array());
	if (r < 0)
		(void)err_set(err, r, "load kubeconfig");
	for (char **file = config.files; r == 0 && *file; file++) {
		auto_json struct json_object *one = NULL;
		bool must = explicit_file && *explicit_file;

		r = read_one(*file, must, &one, err);
		if (r == 0 && one && merge(config.merged, one, *file) < 0)
			r = err_set(err, -ENOMEM, "load %s", *file);
		/* Writing goes to the first file that is there, else the last of the list. */
		if (r == 0 && (!config.write_file || !file[1]) && (one || !file[1]) &&
		    !config.write_file) {
			config.write_file = strdup(*file);
			if (!config.write_file)
				r = err_set(err, -ENOMEM, "load %s", *file);
		}
	}
	if (r < 0) {
		kubeconfig_done(&config);
		return r;
	}
	*ret = config;
	return 0;
}

void kubeconfig_done(struct kubeconfig *config)
{
	for (char **file = config->files; file && *file; file++)
		free(*file);
	free(config->files);
	free(config->write_file);
	(void)json_unref(config->merged);
	*config = (struct kubeconfig){ 0 };
}

struct json_object *kubeconfig_entry(const struct json_object *config, const char *list,
				     const char *name)
{
	const struct json_object *entries = json_get(config, list);

	for (size_t i = 0; i < json_len(entries); i++) {
		const struct json_object *entry = json_idx(entries, i);
		const char *has = json_str_at(entry, "name");

		if (!has || strcmp(has, name) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			if (strcmp(lists[k].list, list) == 0)
				return json_get(entry, lists[k].member);
	}
	return NULL;
}

int kubeconfig_save(const struct json_object *config, const char *file, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(KUBECONFIG_MAX);
	auto_free char *dir = strdup(file), *lock = NULL;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd, r;

	if (!dir || asprintf(&lock, "%s.lock", file) < 0)
		return err_set(err, -ENOMEM, "write %s", file);
	if (slash && slash != dir) {
		*slash = '\0';
		r = path_mkdirs(dir, 0750, err);
		if (r < 0)
			return r;
	}
	r = yaml_write(&text, config);
	if (r < 0)
		return err_set(err, r, "write %s", file);
	fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_say(err, -errno, "open %s: %s", lock,
			       errno == EEXIST ? "file exists" : strerror(errno));
	(void)fd_close(fd);
	r = fd_write_file_at(AT_FDCWD, file, text.data, text.len, 0600, err);
	(void)unlink(lock);
	return r;
}

/* ---- resolving ---- */

static int copy(char **to, const char *from)
{
	free(*to);
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

/* The flag if it was given, else the entry's value. */
static int choose(char **to, const char *flag, const struct json_object *entry, const char *key)
{
	return copy(to, flag && *flag ? flag : json_str(json_get(entry, key)));
}

/* PEM from "KEY-data" (base64) or the file named by "KEY" or by the flag. */
static int load_pem(char **to, const char *flag, const struct json_object *entry, const char *key,
		    struct err *err)
{
	auto_buf struct buf pem = BUF_INIT(KUBECONFIG_MAX);
	const char *file = flag && *flag ? flag : NULL, *data;
	char data_key[64];
	int r = 0;

	(void)snprintf(data_key, sizeof(data_key), "%s-data", key);
	data = json_str(json_get(entry, data_key));
	if (!file && (!data || !*data))
		file = json_str(json_get(entry, key));
	if (file && *file) {
		r = fd_read_file(file, &pem, NULL);
		if (r < 0)
			return err_say(err, r, "unable to read %s %s: %s", key, file, err_text(r));
	} else if (data && *data) {
		r = base64_decode(&pem, data, strlen(data));
		if (r < 0)
			return err_say(err, r, "%s is not base64", data_key);
	} else {
		return 0;
	}
	free(*to);
	*to = buf_take(&pem);
	return *to ? 0 : err_set(err, -ENOMEM, "read %s", key);
}

static int resolve_user(const struct json_object *user, const struct kubeconfig_overrides *o,
			struct kubeconfig_target *t, struct err *err)
{
	auto_buf struct buf token = BUF_INIT(65536);
	const char *token_file = json_str(json_get(user, "tokenFile"));
	int r;

	r = load_pem(&t->cert_pem, o->client_certificate, user, "client-certificate", err);
	if (r == 0)
		r = load_pem(&t->key_pem, o->client_key, user, "client-key", err);
	if (r < 0)
		return r;
	if (choose(&t->token, o->token, user, "token") < 0 ||
	    choose(&t->username, o->username, user, "username") < 0 ||
	    choose(&t->password, o->password, user, "password") < 0 ||
	    choose(&t->impersonate, o->as, user, "as") < 0)
		return err_set(err, -ENOMEM, "read user");
	if (!t->token && token_file) {
		r = fd_read_file(token_file, &token, err);
		if (r < 0)
			return r;
		(void)buf_str(&token);
		buf_truncate(&token, strcspn(buf_str(&token), "\r\n"));
		t->token = buf_take(&token);
	}
	t->exec = json_get(user, "exec");
	return 0;
}

static int resolve_cluster(const struct json_object *cluster, const struct kubeconfig_overrides *o,
			   struct kubeconfig_target *t, struct err *err)
{
	int r = load_pem(&t->ca_pem, o->certificate_authority, cluster, "certificate-authority",
			 err);

	if (r < 0)
		return r;
	t->insecure = o->insecure_given
			      ? o->insecure
			      : json_truth(json_get(cluster, "insecure-skip-tls-verify"), false);
	if (choose(&t->server, o->server, cluster, "server") < 0 ||
	    choose(&t->tls_server_name, o->tls_server_name, cluster, "tls-server-name") < 0 ||
	    choose(&t->proxy_url, o->proxy_url, cluster, "proxy-url") < 0)
		return err_set(err, -ENOMEM, "read cluster");
	if (!t->server || !*t->server)
		return copy(&t->server, KUBECONFIG_NO_SERVER);
	return 0;
}

/* The named entry; NULL without an error when no name is given at all. */
static int find_named(const struct json_object *config, const char *list, const char *what,
		      const char *name, const struct json_object **ret, struct err *err)
{
	*ret = NULL;
	if (!name || !*name)
		return 0;
	*ret = kubeconfig_entry(config, list, name);
	return *ret ? 0 : err_say(err, -ENOENT, "%s \"%s\" does not exist", what, name);
}

int kubeconfig_resolve(const struct kubeconfig *config, const struct kubeconfig_overrides *o,
		       struct kubeconfig_target *ret, struct err *err)
{
	const struct json_object *m = config->merged, *context, *cluster, *user;
	struct kubeconfig_target t = { 0 };
	const char *name =
		o->context && *o->context ? o->context : json_str(json_get(m, "current-context"));
	const char *namespace;
	int r;

	if (o->context && *o->context && !kubeconfig_entry(m, "contexts", o->context))
		return err_say(
			err, -ENOENT,
			"Error in configuration: context was not found for specified context: %s",
			o->context);
	context = name ? kubeconfig_entry(m, "contexts", name) : NULL;
	r = find_named(m, "clusters", "cluster",
		       o->cluster && *o->cluster ? o->cluster
						 : json_str(json_get(context, "cluster")),
		       &cluster, err);
	if (r < 0 && o->cluster && *o->cluster)
		return err_say(err, r, "no server found for cluster \"%s\"", o->cluster);
	if (r == 0)
		r = find_named(m, "users", "auth info",
			       o->user && *o->user ? o->user : json_str(json_get(context, "user")),
			       &user, err);
	if (r == 0)
		r = resolve_cluster(cluster, o, &t, err);
	if (r == 0)
		r = resolve_user(user, o, &t, err);
	namespace = o->namespace && *o->namespace ? o->namespace
						  : json_str(json_get(context, "namespace"));
	t.namespace_given = namespace && *namespace;
	if (r == 0 && (copy(&t.namespace, t.namespace_given ? namespace : "default") < 0 ||
		       copy(&t.context, name ? name : "") < 0))
		r = err_set(err, -ENOMEM, "read kubeconfig");
	if (r < 0) {
		kubeconfig_target_done(&t);
		return r;
	}
	*ret = t;
	return 0;
}

void kubeconfig_target_done(struct kubeconfig_target *t)
{
	char **texts[] = { &t->server,	 &t->namespace, &t->tls_server_name, &t->proxy_url,
			   &t->ca_pem,	 &t->cert_pem,	&t->key_pem,	     &t->token,
			   &t->username, &t->password,	&t->impersonate,     &t->context };

	if (t->key_pem)
		explicit_bzero(t->key_pem, strlen(t->key_pem));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*texts[i]);
	*t = (struct kubeconfig_target){ 0 };
}
