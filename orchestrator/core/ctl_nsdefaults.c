/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every namespace has: ServiceAccount "default" and ConfigMap "kube-root-ca.crt". Made when
 * the namespace is, put back when somebody deletes or changes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"

#define CA_KEY "ca.crt"
#define CA_DESCRIPTION                                                                             \
	"The certificate authority of this cluster's API server, for its addresses inside the "    \
	"cluster (kubernetes.default.svc)."

struct nsdefaults {
	struct ctl_keys keys; /* namespaces */
	const struct schema_kind *namespaces;
};

static int fill_nothing(struct core *core, struct json_object *json)
{
	(void)core;
	(void)json;
	return 0;
}

static int fill_ca(struct core *core, struct json_object *json)
{
	struct json_object *annotations = json_new_object();
	int r = json_put_at(json, "metadata.annotations", annotations);

	if (r == 0)
		r = json_put_str(annotations, "kubernetes.io/description", CA_DESCRIPTION);
	if (r == 0)
		r = json_put_at(json, "data", json_new_object());
	return r < 0 ? r
		     : json_put_str(json_get(json, "data"), CA_KEY, core_options_of(core)->ca_pem);
}

static bool always_right(struct core *core, const struct json_object *json)
{
	(void)core;
	(void)json;
	return true;
}

static bool ca_is_right(struct core *core, const struct json_object *json)
{
	const struct json_object *data = json_get(json, "data");
	const char *ca = json_str(json_get(data, CA_KEY));

	return ca && json_len(data) == 1 && strcmp(ca, core_options_of(core)->ca_pem) == 0;
}

static const struct {
	const char *kind, *name;
	int (*fill)(struct core *core, struct json_object *json);
	bool (*is_right)(struct core *core, const struct json_object *json);
} wanted[] = {
	{ "ServiceAccount", "default", fill_nothing, always_right },
	{ "ConfigMap", "kube-root-ca.crt", fill_ca, ca_is_right },
};

static const struct schema_kind *kind_of(size_t row)
{
	return schema_kind_of_kind("", "v1", wanted[row].kind);
}

/* ---- events ---- */

static void on_namespace(struct core *core, enum core_event_type type, struct object *object,
			 struct object *old, void *data)
{
	struct nsdefaults *n = data;

	(void)old;
	if (type == CORE_ADDED)
		ctl_keys_add(&n->keys, object_name(object), core_now_ns(core));
}

static void on_wanted(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	struct nsdefaults *n = data;

	(void)type;
	(void)old;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (object_kind(object) == kind_of(i) &&
		    strcmp(object_name(object), wanted[i].name) == 0)
			ctl_keys_add(&n->keys, object_namespace(object), core_now_ns(core));
}

/* ---- work ---- */

static void make(struct core *core, struct nsdefaults *n, const char *namespace, size_t row)
{
	auto_json struct json_object *json = json_new_object();
	int r = json ? 0 : -ENOMEM;

	if (r == 0)
		r = json_put_at(json, "metadata.name", json_new_string(wanted[row].name));
	if (r == 0)
		r = json_put_at(json, "metadata.namespace", json_new_string(namespace));
	if (r == 0)
		r = wanted[row].fill(core, json);
	if (r == 0)
		core_create(core, kind_of(row), take_ptr(&json), ctl_keys_wrote,
			    ctl_keys_write(&n->keys, namespace));
}

static void correct(struct core *core, struct nsdefaults *n, const char *namespace, size_t row,
		    struct object *object)
{
	auto_json struct json_object *json = object_parse(object);

	if (!json || wanted[row].is_right(core, json) || wanted[row].fill(core, json) < 0)
		return;
	core_update(core, kind_of(row), "", take_ptr(&json), ctl_keys_wrote,
		    ctl_keys_write(&n->keys, namespace));
}

static void see_to(struct core *core, struct nsdefaults *n, const char *namespace)
{
	struct object *object = core_get(core, n->namespaces, "", namespace);

	if (!object || object_deleting(object))
		return;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct object *have = core_get(core, kind_of(i), namespace, wanted[i].name);

		if (!have)
			make(core, n, namespace, i);
		else
			correct(core, n, namespace, i, have);
	}
}

/* ---- the controller ---- */

static void stop(void *data)
{
	struct nsdefaults *n = data;

	if (!n)
		return;
	ctl_keys_done(&n->keys);
	free(n);
}
OWN_DEFINE(nsdefaults, struct nsdefaults *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(nsdefaults) struct nsdefaults *n = calloc(1, sizeof(*n));
	int r;

	(void)now_ns;
	if (!n)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&n->keys);
	n->namespaces = schema_kind_of_kind("", "v1", "Namespace");
	r = core_listen(core, n->namespaces, on_namespace, n);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(wanted); i++)
		r = core_listen(core, kind_of(i), on_wanted, n);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&n);
	return 0;
}

#define KEYS_PER_STEP 16

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct nsdefaults *n = data;

	for (unsigned i = 0; i < KEYS_PER_STEP; i++) {
		auto_free char *namespace = ctl_keys_take(&n->keys, now_ns);

		if (!namespace)
			return ctl_keys_due_ns(&n->keys);
		see_to(core, n, namespace);
	}
	*ret_more = true;
	return now_ns;
}

const struct controller ctl_nsdefaults = { "namespace defaults", start, step, stop };
