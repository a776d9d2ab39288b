/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/projection.h"

#include <errno.h>
#include <string.h>

#include "base/crypt.h"

#define MODE_DEFAULT 0644

struct collector {
	const struct volume_context *ctx;
	const char *namespace;
	struct atomicdir *dir;
	mode_t mode;
	bool waiting; /* for a token */
	struct err *err;
};

struct data_kind {
	const char *kind, *lower, *field, *source_name; /* field in volumes; key of the name */
	const char *key_word;				/* "references non-existent config key" */
};
static const struct data_kind data_kinds[] = {
	{ "ConfigMap", "configmap", "configMap", "name", "config" },
	{ "Secret", "secret", "secret", "secretName", "secret" },
};
static const char *const kinds[] = { "configMap", "secret", "downwardAPI", "projected" };

const char *projection_kind(const struct json_object *volume)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (json_get(volume, kinds[i]))
			return kinds[i];
	return NULL;
}

static struct atomicdir_file *add_file(struct collector *c, const char *path, mode_t mode)
{
	if (c->dir->gid >= 0)
		mode |= 0440; /* as the kubelet lets the pod's group read */
	return atomicdir_add(c->dir, path, mode, c->err);
}

/* ---- ConfigMaps and Secrets ---- */

static int put_value(struct collector *c, const char *path, mode_t mode,
		     const struct json_object *value, bool base64)
{
	struct atomicdir_file *f = add_file(c, path, mode);
	const char *text = json_str(value);
	int r;

	if (!f)
		return -EINVAL;
	if (!text)
		return 0;
	r = base64 ? base64_decode(&f->content, text, json_str_len(value))
		   : buf_append(&f->content, text, json_str_len(value));
	return r < 0 ? err_set(c->err, r, "file %s", path) : 0;
}

static int all_keys(struct collector *c, const struct json_object *data, bool base64)
{
	struct json_iter it;

	json_for_each (it, data) {
		int r = put_value(c, it.key, c->mode, it.value, base64);

		if (r < 0)
			return r;
	}
	return 0;
}

static int some_keys(struct collector *c, const struct data_kind *kind,
		     const struct json_object *object, const struct json_object *items,
		     bool optional)
{
	const bool secret = strcmp(kind->kind, "Secret") == 0;

	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *item = json_idx(items, i);
		const char *key = json_str_at(item, "key"), *path = json_str_at(item, "path");
		struct json_object *value = json_get(json_get(object, "data"), key ? key : "");
		struct json_object *binary =
			json_get(json_get(object, "binaryData"), key ? key : "");
		mode_t mode = (mode_t)json_int_at(item, "mode", c->mode) & 0777;
		int r;

		if (!value && !binary) {
			if (optional)
				continue;
			return err_say(c->err, -EINVAL, "references non-existent %s key: %s",
				       kind->key_word, key ? key : "");
		}
		r = put_value(c, path ? path : "", mode, value ? value : binary, secret || !value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int collect_data(struct collector *c, const struct data_kind *kind,
			const struct json_object *source, const char *name_key)
{
	const char *name = json_str_at(source, name_key);
	const bool optional = json_bool_at(source, "optional", false);
	const struct json_object *items = json_get(source, "items");
	const struct json_object *object =
		desired_get(c->ctx->desired, kind->kind, c->namespace, name ? name : "");
	int r;

	if (!object && optional)
		return 0;
	if (!object)
		return err_say(c->err, -ENOENT, "%s \"%s\" not found", kind->lower,
			       name ? name : "");
	if (json_len(items))
		return some_keys(c, kind, object, items, optional);
	r = all_keys(c, json_get(object, "data"), strcmp(kind->kind, "Secret") == 0);
	return r < 0 ? r : all_keys(c, json_get(object, "binaryData"), true);
}

/* ---- downward API ---- */

static int collect_downward(struct collector *c, const struct json_object *source)
{
	struct json_object *items = json_get(source, "items");

	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *item = json_idx(items, i);
		const char *path = json_str_at(item, "path");
		const char *field = json_str_at(item, "fieldRef.fieldPath");
		struct json_object *resource = json_get(item, "resourceFieldRef");
		mode_t mode = (mode_t)json_int_at(item, "mode", c->mode) & 0777;
		struct atomicdir_file *f = add_file(c, path ? path : "", mode);
		const char *name = json_str_at(resource, "containerName");
		int r;

		if (!f)
			return -EINVAL;
		r = field ? downward_field(&c->ctx->of, field, &f->content, c->err)
			  : downward_resource(&c->ctx->of, downward_container(c->ctx->of.pod, name),
					      resource, &f->content, c->err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- service account tokens ---- */

/* The user that all containers run as, if they agree on one: a token can then belong to it. */
static int64_t common_user(const struct json_object *pod)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	int64_t all = json_int_at(pod, "spec.securityContext.runAsUser", -1), common = -1;
	bool first = true;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct json_object *list = json_at(pod, lists[l]);

		for (size_t i = 0; i < json_len(list); i++) {
			int64_t uid =
				json_int_at(json_idx(list, i), "securityContext.runAsUser", all);

			if (!first && uid != common)
				return -1;
			common = uid;
			first = false;
		}
	}
	return common;
}

static int collect_token(struct collector *c, const struct json_object *source)
{
	const char *path = json_str_at(source, "path");
	int64_t seconds = json_int_at(source, "expirationSeconds", 3600);
	struct token *token = tokens_want(c->ctx->tokens, json_str_at(source, "audience"), seconds);
	int64_t user = common_user(c->ctx->of.pod);
	struct atomicdir_file *f;
	mode_t mode = c->mode;

	if (!token)
		return err_set(c->err, -ENOMEM, "token");
	if (!token->text) {
		c->waiting = true;
		return 0;
	}
	if (user >= 0 || c->dir->gid >= 0)
		mode = 0600;
	f = add_file(c, path ? path : "", mode);
	if (!f)
		return -EINVAL;
	f->uid = user;
	return buf_puts(&f->content, token->text);
}

/* ---- projected ---- */

static int collect_projected(struct collector *c, const struct json_object *source)
{
	struct json_object *sources = json_get(source, "sources");

	for (size_t i = 0; i < json_len(sources); i++) {
		struct json_object *s = json_idx(sources, i);
		int r = 0;

		if (json_get(s, "configMap"))
			r = collect_data(c, &data_kinds[0], json_get(s, "configMap"), "name");
		else if (json_get(s, "secret"))
			r = collect_data(c, &data_kinds[1], json_get(s, "secret"), "name");
		else if (json_get(s, "downwardAPI"))
			r = collect_downward(c, json_get(s, "downwardAPI"));
		else if (json_get(s, "serviceAccountToken"))
			r = collect_token(c, json_get(s, "serviceAccountToken"));
		else
			r = err_say(c->err, -EOPNOTSUPP,
				    "this source of a projected volume is not supported by this "
				    "node (configMap, secret, downwardAPI and "
				    "serviceAccountToken are)");
		if (r < 0)
			return r;
	}
	return 0;
}

int projection_collect(const struct volume_context *ctx, const struct json_object *volume,
		       struct atomicdir *dir, struct err *err)
{
	const char *kind = projection_kind(volume);
	const struct json_object *source = json_get(volume, kind);
	struct collector c = { .ctx = ctx, .dir = dir, .err = err };
	int r;

	c.namespace = json_str_at(ctx->of.pod, "metadata.namespace");
	c.mode = (mode_t)json_int_at(source, "defaultMode", MODE_DEFAULT) & 0777;
	if (strcmp(kind, "projected") == 0)
		r = collect_projected(&c, source);
	else if (strcmp(kind, "downwardAPI") == 0)
		r = collect_downward(&c, source);
	else if (strcmp(kind, "secret") == 0)
		r = collect_data(&c, &data_kinds[1], source, data_kinds[1].source_name);
	else
		r = collect_data(&c, &data_kinds[0], source, data_kinds[0].source_name);
	if (r < 0)
		return r;
	return c.waiting ? -EAGAIN : 0;
}

/* ---- who uses what ---- */

static bool names(const struct json_object *source, const char *key, const char *name)
{
	const char *text = json_str_at(source, key);

	return text && strcmp(text, name) == 0;
}

bool projection_uses(const struct json_object *volume, const char *kind, const char *name)
{
	struct json_object *sources = json_at(volume, "projected.sources");

	for (size_t k = 0; k < ARRAY_LEN(data_kinds); k++) {
		const struct data_kind *d = &data_kinds[k];

		if (strcmp(d->kind, kind) != 0)
			continue;
		if (names(json_get(volume, d->field), d->source_name, name))
			return true;
		for (size_t i = 0; i < json_len(sources); i++)
			if (names(json_get(json_idx(sources, i), d->field), "name", name))
				return true;
	}
	return false;
}
