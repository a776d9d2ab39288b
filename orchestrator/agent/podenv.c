/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podenv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"

struct maker {
	const struct desired *desired;
	const struct downward *of;
	const struct json_object *container;
	const char *namespace;
	struct envlist *env, services;
	struct err *err;
};

/* ---- ConfigMaps and Secrets ---- */

struct source_kind {
	const char *kind, *ref, *key_ref, *lower; /* lower: as in 'configmap "x" not found' */
	bool base64;
};
static const struct source_kind source_kinds[] = {
	{ "ConfigMap", "configMapRef", "configMapKeyRef", "configmap", false },
	{ "Secret", "secretRef", "secretKeyRef", "secret", true },
};

/* -ENOENT without a sentence: it is missing and may be. */
static int find_source(const struct maker *m, const struct source_kind *kind,
		       const struct json_object *ref, const struct json_object **ret)
{
	const char *name = json_str_at(ref, "name");

	*ret = desired_get(m->desired, kind->kind, m->namespace, name ? name : "");
	if (*ret)
		return 0;
	if (json_bool_at(ref, "optional", false))
		return -ENOENT;
	return err_say(m->err, -EINVAL, "%s \"%s\" not found", kind->lower, name ? name : "");
}

static int set_data(struct envlist *env, const struct source_kind *kind, const char *name,
		    const struct json_object *value)
{
	const char *text = json_str(value);
	auto_buf struct buf plain = BUF_INIT((size_t)2 << 20);

	if (!text)
		return 0;
	if (kind->base64) {
		int r = base64_decode(&plain, text, strlen(text));

		if (r < 0)
			return r;
		text = buf_str(&plain);
	}
	envlist_set(env, name, text);
	return env->failed;
}

static int add_all(struct maker *m, const struct source_kind *kind, const struct json_object *ref,
		   const char *prefix)
{
	const struct json_object *object;
	struct json_iter it;
	int r = find_source(m, kind, ref, &object);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	json_for_each (it, json_get(object, "data")) {
		char name[512];

		(void)snprintf(name, sizeof(name), "%s%s", prefix ? prefix : "", it.key);
		r = set_data(m->env, kind, name, it.value);
		if (r < 0)
			return err_set(m->err, r, "%s %s", kind->lower, json_str_at(ref, "name"));
	}
	return 0;
}

static int add_env_from(struct maker *m)
{
	struct json_object *list = json_get(m->container, "envFrom");

	for (size_t i = 0; i < json_len(list); i++)
		for (size_t k = 0; k < ARRAY_LEN(source_kinds); k++) {
			struct json_object *from = json_idx(list, i);
			struct json_object *ref = json_get(from, source_kinds[k].ref);
			int r = ref ? add_all(m, &source_kinds[k], ref, json_str_at(from, "prefix"))
				    : 0;

			if (r < 0)
				return r;
		}
	return 0;
}

/* ---- single variables ---- */

static int add_key(struct maker *m, const char *name, const struct source_kind *kind,
		   const struct json_object *ref)
{
	const char *key = json_str_at(ref, "key");
	const struct json_object *object, *value;
	int r = find_source(m, kind, ref, &object);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	value = json_get(json_get(object, "data"), key ? key : "");
	if (!value && json_bool_at(ref, "optional", false))
		return 0;
	if (!value)
		return err_say(m->err, -EINVAL, "couldn't find key %s in %s %s/%s", key ? key : "",
			       kind->kind, m->namespace, json_str_at(ref, "name"));
	r = set_data(m->env, kind, name, value);
	return r < 0 ? err_set(m->err, r, "%s %s", kind->lower, json_str_at(ref, "name")) : 0;
}

static int add_value_from(struct maker *m, const char *name, const struct json_object *from)
{
	const struct json_object *field = json_get(from, "fieldRef");
	const struct json_object *resource = json_get(from, "resourceFieldRef");
	auto_buf struct buf value = BUF_INIT((size_t)1 << 20);
	const char *path;
	int r = 0;

	for (size_t k = 0; k < ARRAY_LEN(source_kinds); k++) {
		const struct json_object *ref = json_get(from, source_kinds[k].key_ref);

		if (ref)
			return add_key(m, name, &source_kinds[k], ref);
	}
	if (json_has(from, "fileKeyRef"))
		return err_say(m->err, -EOPNOTSUPP,
			       "env %s: fileKeyRef is not supported by this node", name);
	path = json_str_at(field, "fieldPath");
	if (field) {
		r = downward_field(m->of, path ? path : "", &value, m->err);
	} else if (resource) {
		const char *other = json_str_at(resource, "containerName");
		const struct json_object *container =
			other ? downward_container(m->of->pod, other) : m->container;

		r = downward_resource(m->of, container, resource, &value, m->err);
	}
	if (r < 0)
		return r;
	envlist_set(m->env, name, buf_str(&value));
	return m->env->failed;
}

static int add_env(struct maker *m)
{
	struct json_object *list = json_get(m->container, "env");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *var = json_idx(list, i);
		const char *name = json_str_at(var, "name"), *value = json_str_at(var, "value");
		struct json_object *from = json_get(var, "valueFrom");
		int r = 0;

		if (!name)
			continue;
		if (from && !(value && *value)) {
			r = add_value_from(m, name, from);
		} else {
			auto_free char *text =
				envlist_expand(value ? value : "", m->env, &m->services);

			if (!text)
				return err_set(m->err, -ENOMEM, "env %s", name);
			envlist_set(m->env, name, text);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

void podenv_static(const struct json_object *container, struct envlist *env)
{
	struct json_object *list = json_get(container, "env");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_str_at(json_idx(list, i), "name");
		const char *value = json_str_at(json_idx(list, i), "value");
		auto_free char *text = name && value ? envlist_expand(value, env, NULL) : NULL;

		if (text)
			envlist_set(env, name, text);
	}
}

/* ---- services: NAME_SERVICE_HOST and kin, and Docker's link variables ---- */

static void service_name(const char *name, char *out, size_t size)
{
	size_t i = 0;

	for (; name[i] && i + 1 < size; i++)
		out[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	out[i] = '\0';
}

static void put_service(struct envlist *env, const char *value, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void put_service(struct envlist *env, const char *value, const char *fmt, ...)
{
	char name[700];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	envlist_set(env, name, value);
}

static void link_variables(struct envlist *env, const char *prefix, const char *ip,
			   const struct json_object *port, bool first)
{
	const char *given = json_str_at(port, "protocol");
	char protocol[8], lower[8], number[24], url[128], base[700];
	size_t i = 0;

	(void)snprintf(protocol, sizeof(protocol), "%s", given ? given : "TCP");
	for (; protocol[i]; i++)
		lower[i] = (char)tolower((unsigned char)protocol[i]);
	lower[i] = '\0';
	(void)snprintf(number, sizeof(number), "%lld", (long long)json_int_at(port, "port", 0));
	(void)snprintf(url, sizeof(url), strchr(ip, ':') ? "%s://[%s]:%s" : "%s://%s:%s", lower, ip,
		       number);
	(void)snprintf(base, sizeof(base), "%s_PORT_%s_%s", prefix, number, protocol);
	if (first)
		put_service(env, url, "%s_PORT", prefix);
	put_service(env, url, "%s", base);
	put_service(env, lower, "%s_PROTO", base);
	put_service(env, number, "%s_PORT", base);
	put_service(env, ip, "%s_ADDR", base);
}

static void service_variables(struct envlist *env, const struct json_object *service)
{
	const char *ip = json_str_at(service, "spec.clusterIP");
	const char *name = json_str_at(service, "metadata.name");
	struct json_object *ports = json_at(service, "spec.ports");
	char prefix[300], number[24];

	if (!name || !ip || !*ip || strcmp(ip, "None") == 0 || json_len(ports) == 0)
		return;
	service_name(name, prefix, sizeof(prefix));
	put_service(env, ip, "%s_SERVICE_HOST", prefix);
	for (size_t i = 0; i < json_len(ports); i++) {
		const struct json_object *port = json_idx(ports, i);
		const char *port_name = json_str_at(port, "name");

		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_int_at(port, "port", 0));
		if (i == 0)
			put_service(env, number, "%s_SERVICE_PORT", prefix);
		if (port_name && *port_name) {
			char upper[128];

			service_name(port_name, upper, sizeof(upper));
			put_service(env, number, "%s_SERVICE_PORT_%s", prefix, upper);
		}
	}
	for (size_t i = 0; i < json_len(ports); i++)
		link_variables(env, prefix, ip, json_idx(ports, i), i == 0);
}

static bool add_service(const struct desired_object *object, void *data)
{
	struct maker *m = data;
	const char *namespace = json_str_at(object->json, "metadata.namespace");
	const char *name = json_str_at(object->json, "metadata.name");
	bool links = json_bool_at(m->of->pod, "spec.enableServiceLinks", true);

	if (!name || !namespace)
		return true;
	if ((strcmp(namespace, "default") == 0 && strcmp(name, "kubernetes") == 0) ||
	    (links && strcmp(namespace, m->namespace) == 0))
		service_variables(&m->services, object->json);
	return true;
}

int podenv_make(const struct desired *desired, const struct downward *of,
		const struct json_object *container, struct envlist *env, struct err *err)
{
	const char *namespace = json_str_at(of->pod, "metadata.namespace");
	struct maker m = { .desired = desired,
			   .of = of,
			   .container = container,
			   .namespace = namespace ? namespace : "",
			   .env = env,
			   .err = err };
	int r;

	desired_each(desired, "Service", add_service, &m);
	r = add_env_from(&m);
	if (r == 0)
		r = add_env(&m);
	for (size_t i = 0; i < m.services.n; i++)
		if (!envlist_get(env, m.services.items[i].name))
			envlist_set(env, m.services.items[i].name, m.services.items[i].value);
	envlist_done(&m.services);
	if (r == 0 && env->failed)
		return err_set(err, env->failed, "environment");
	return r;
}
