/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/admission.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/objectmeta.h"
#include "orchestrator/core/serviceip.h"
#include "orchestrator/core/write.h"

#define TOKEN_MOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_VOLUME	 "kube-api-access-"
#define ACCOUNT_WAIT_NS	 NS_PER_S

/* ---- NamespaceLifecycle ---- */

static void fail_terminating(struct request *request)
{
	struct apistatus status = { .code = 403,
				    .name = request->name,
				    .group = request->kind->group,
				    .kind = request->kind->resource };
	auto_json struct json_object *causes = json_new_array();
	struct json_object *cause = json_new_object();
	auto_buf struct buf text = { 0 };
	char resource[256];

	(void)buf_printf(&text, "namespace %s is being terminated", request->namespace);
	if (cause && json_put_str(cause, "reason", "NamespaceTerminating") == 0 &&
	    json_put_str(cause, "message", buf_str(&text)) == 0 &&
	    json_put_str(cause, "field", "metadata.namespace") == 0)
		(void)json_add(causes, cause);
	else
		json_unref(cause);
	status.causes = causes;
	request_fail_status(request, &status,
			    "%s \"%s\" is forbidden: unable to create new content in namespace %s "
			    "because it is being terminated",
			    request_resource_text(request, resource, sizeof(resource)),
			    request->name, request->namespace);
}

bool admission_namespace(struct request *request, const struct json_object *json)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Namespace");
	const char *name = json_str_at(json, "metadata.name");
	struct object *namespace;

	if (!request->kind->namespaced || !kind)
		return true;
	namespace = state_see(state_resource(request->core, kind), request->namespace,
			      &request->saw_staged);
	if (!namespace) {
		request->kind = kind;
		request->name = request->namespace;
		request_not_found(request);
		return false;
	}
	if (!object_deleting(namespace))
		return true;
	if (name && !*request->name)
		request->name = name;
	fail_terminating(request);
	return false;
}

/* ---- ServiceAccount ---- */

static bool is_mirror(const struct json_object *pod)
{
	return json_has(json_at(pod, "metadata.annotations"), "kubernetes.io/config.mirror");
}

static struct json_object *token_volume(const char *name)
{
	static const char sources[] =
		"{\"defaultMode\":420,\"sources\":[{\"serviceAccountToken\":{\"expirationSeconds\":"
		"3607,\"path\":\"token\"}},{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":"
		"[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}},{\"downwardAPI\":{\"items\":[{"
		"\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":"
		"\"metadata.namespace\"}}]}}]}";
	auto_json struct json_object *volume = json_new_object();
	struct json_object *projected = NULL;

	if (!volume || json_parse(sources, sizeof(sources) - 1, &projected, NULL) < 0 ||
	    json_put_str(volume, "name", name) < 0) {
		json_unref(projected);
		return NULL;
	}
	return json_put(volume, "projected", projected) < 0 ? NULL : take_ptr(&volume);
}

static bool has_mount(const struct json_object *container)
{
	const struct json_object *mounts = json_get(container, "volumeMounts");

	for (size_t i = 0; i < json_len(mounts); i++) {
		const char *path = json_str(json_get(json_idx(mounts, i), "mountPath"));

		if (path && strcmp(path, TOKEN_MOUNT_PATH) == 0)
			return true;
	}
	return false;
}

static struct json_object *array_member(struct json_object *object, const char *key)
{
	struct json_object *array = json_get(object, key);

	if (json_kind(array) == JSON_ARRAY)
		return array;
	array = json_new_array();
	return array && json_put(object, key, array) == 0 ? array : NULL;
}

static int add_mount(struct json_object *container, const char *volume)
{
	struct json_object *mounts = array_member(container, "volumeMounts");
	struct json_object *mount = mounts ? json_new_object() : NULL;

	if (!mount || json_put_str(mount, "name", volume) < 0 ||
	    json_put_bool(mount, "readOnly", true) < 0 ||
	    json_put_str(mount, "mountPath", TOKEN_MOUNT_PATH) < 0) {
		json_unref(mount);
		return -ENOMEM;
	}
	return json_add(mounts, mount);
}

/* How many mounts were added, or -ENOMEM. */
static int add_mounts(struct json_object *spec, const char *volume)
{
	static const char *const lists[] = { "initContainers", "containers" };
	int added = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct json_object *containers = json_get(spec, lists[l]);

		for (size_t i = 0; i < json_len(containers); i++) {
			struct json_object *container = json_idx(containers, i);

			if (json_kind(container) != JSON_OBJECT || has_mount(container))
				continue;
			if (add_mount(container, volume) < 0)
				return -ENOMEM;
			added++;
		}
	}
	return added;
}

/* The name of a token volume that the pod brought along, or NULL. */
static const char *own_token_volume(const struct json_object *spec)
{
	const struct json_object *volumes = json_get(spec, "volumes");

	for (size_t i = 0; i < json_len(volumes); i++) {
		const char *name = json_str(json_get(json_idx(volumes, i), "name"));

		if (name && strncmp(name, TOKEN_VOLUME, strlen(TOKEN_VOLUME)) == 0)
			return name;
	}
	return NULL;
}

static int mount_token(struct core *core, struct json_object *spec)
{
	const char *own = own_token_volume(spec);
	char name[sizeof(TOKEN_VOLUME) + 6] = TOKEN_VOLUME;
	struct json_object *volume;
	int added;

	if (!own)
		objectmeta_random_suffix(core, name + strlen(TOKEN_VOLUME));
	added = add_mounts(spec, own ? own : name);
	if (added <= 0 || own)
		return added < 0 ? added : 0;
	volume = token_volume(name);
	if (!volume || !array_member(spec, "volumes")) {
		json_unref(volume);
		return -ENOMEM;
	}
	return json_add(json_get(spec, "volumes"), volume);
}

/* *ret NULL: there is none. */
static int find_account(struct request *request, const char *name, struct object **ret)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "ServiceAccount");
	auto_buf struct buf tail = { 0 };

	*ret = NULL;
	if (!kind)
		return 0;
	if (object_tail_write(&tail, kind, request->namespace, name) < 0)
		return -ENOMEM;
	*ret = state_see(state_resource(request->core, kind), buf_str(&tail), &request->saw_staged);
	return 0;
}

static int use_account(struct request *request, struct json_object *spec,
		       const struct object *account)
{
	auto_json struct json_object *json = object_parse(account);
	struct json_object *secrets = json_get(json, "imagePullSecrets");
	struct json_object *own = json_get(spec, "automountServiceAccountToken");
	int r = json ? 0 : -ENOMEM;

	if (r == 0 && json_len(secrets) && !json_len(json_get(spec, "imagePullSecrets")))
		r = json_put(spec, "imagePullSecrets", json_ref(secrets));
	if (r < 0 || !json_truth(own, json_bool_at(json, "automountServiceAccountToken", true)))
		return r;
	return mount_token(request->core, spec);
}

/* The default account of a new namespace is made by its controller in a moment: wait for it. */
static bool may_park(struct request *request, const char *name)
{
	return !request->was_parked && strcmp(name, "default") == 0 &&
	       request_park(request, ACCOUNT_WAIT_NS) == 0;
}

static struct request *parked_in(struct core *core, const char *namespace)
{
	list_for_each (node, next, &core->parked) {
		struct request *request = list_entry(node, struct request, waiter.node);

		if (strcmp(request->namespace, namespace) == 0)
			return request;
	}
	return NULL;
}

/* An account has come: those who wait for it have another try. */
static void on_account(struct core *core, enum core_event_type type, struct object *account,
		       struct object *old, void *data)
{
	struct request *request;

	(void)old;
	(void)data;
	if (type != CORE_ADDED)
		return;
	/* each that goes on may end others that wait: look again from the start */
	while ((request = parked_in(core, object_namespace(account))))
		request_unpark(request);
}

int admission_start(struct core *core)
{
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "ServiceAccount");

	return kind ? core_listen(core, kind, on_account, NULL) : 0;
}

static bool admit_account(struct request *request, struct json_object *pod,
			  const struct json_object *old)
{
	struct json_object *spec = json_get(pod, "spec");
	const char *name = json_str(json_get(spec, "serviceAccountName"));
	struct object *account;
	int r;

	if (old || json_kind(spec) != JSON_OBJECT || is_mirror(pod))
		return true;
	if (!name || !*name) {
		if (json_put_str(spec, "serviceAccountName", "default") < 0 ||
		    json_put_str(spec, "serviceAccount", "default") < 0) {
			request_fail_error(request, -ENOMEM, NULL);
			return false;
		}
		name = "default";
	}
	r = find_account(request, name, &account);
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return false;
	}
	if (!account && may_park(request, name))
		return false;
	if (!account) {
		const char *pod_name = json_str_at(pod, "metadata.name");

		request->name = pod_name ? pod_name : "";
		request_forbid(request,
			       "error looking up service account %s/%s: serviceaccount \"%s\" not "
			       "found",
			       request->namespace, name, name);
		return false;
	}
	r = use_account(request, spec, account);
	if (r < 0)
		request_fail_error(request, r, NULL);
	return r == 0;
}

/* ---- TaintNodesByCondition ---- */

static bool admit_taint(struct request *request, struct json_object *node,
			const struct json_object *old)
{
	static const char key[] = "node.kubernetes.io/not-ready";
	struct json_object *spec = json_get(node, "spec"), *taints, *taint;

	if (old)
		return true;
	if (json_kind(spec) != JSON_OBJECT) {
		spec = json_new_object();
		if (!spec || json_put(node, "spec", spec) < 0)
			goto out_of_memory;
	}
	taints = array_member(spec, "taints");
	if (!taints)
		goto out_of_memory;
	for (size_t i = 0; i < json_len(taints); i++) {
		const char *have = json_str(json_get(json_idx(taints, i), "key"));

		if (have && strcmp(have, key) == 0)
			return true;
	}
	taint = json_new_object();
	if (!taint || json_add(taints, taint) < 0 || json_put_str(taint, "key", key) < 0 ||
	    json_put_str(taint, "effect", "NoSchedule") < 0)
		goto out_of_memory;
	return true;
out_of_memory:
	request_fail_error(request, -ENOMEM, NULL);
	return false;
}

/* ---- Priority ---- */

static const struct {
	const char *class;
	int64_t value;
} system_classes[] = {
	{ "system-cluster-critical", 2000000000 },
	{ "system-node-critical", 2000001000 },
};

/* false: there is no such class. */
static bool class_value(struct request *request, const char *name, int64_t *ret)
{
	const struct schema_kind *kind =
		schema_kind_of_kind("scheduling.k8s.io", "v1", "PriorityClass");
	auto_json struct json_object *json = NULL;
	struct object *class = NULL;

	if (kind)
		class = state_see(state_resource(request->core, kind), name, &request->saw_staged);
	json = class ? object_parse(class) : NULL;
	if (json) {
		*ret = json_int(json_get(json, "value"), 0);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(system_classes); i++)
		if (strcmp(system_classes[i].class, name) == 0) {
			*ret = system_classes[i].value;
			return true;
		}
	return false;
}

static bool admit_priority(struct request *request, struct json_object *pod,
			   const struct json_object *old)
{
	struct json_object *spec = json_get(pod, "spec");
	const char *class = json_str(json_get(spec, "priorityClassName"));
	int64_t value = 0;

	if (old || json_kind(spec) != JSON_OBJECT)
		return true;
	if (class && *class && !class_value(request, class, &value)) {
		const char *name = json_str_at(pod, "metadata.name");

		request->name = name ? name : "";
		request_forbid(request, "no PriorityClass with name %s was found", class);
		return false;
	}
	if (json_put_int(spec, "priority", value) < 0 ||
	    (!json_get(spec, "preemptionPolicy") &&
	     json_put_str(spec, "preemptionPolicy", "PreemptLowerPriority") < 0)) {
		request_fail_error(request, -ENOMEM, NULL);
		return false;
	}
	return true;
}

/* ---- DefaultTolerationSeconds ---- */

static bool tolerates(const struct json_object *tolerations, const char *key)
{
	for (size_t i = 0; i < json_len(tolerations); i++) {
		const struct json_object *toleration = json_idx(tolerations, i);
		const char *have = json_str(json_get(toleration, "key"));
		const char *effect = json_str(json_get(toleration, "effect"));

		if ((!have || !*have || strcmp(have, key) == 0) &&
		    (!effect || !*effect || strcmp(effect, "NoExecute") == 0))
			return true;
	}
	return false;
}

static int add_toleration(struct json_object *spec, const char *key)
{
	struct json_object *tolerations = array_member(spec, "tolerations");
	struct json_object *toleration = tolerations ? json_new_object() : NULL;

	if (!toleration || json_put_str(toleration, "key", key) < 0 ||
	    json_put_str(toleration, "operator", "Exists") < 0 ||
	    json_put_str(toleration, "effect", "NoExecute") < 0 ||
	    json_put_int(toleration, "tolerationSeconds", 300) < 0) {
		json_unref(toleration);
		return -ENOMEM;
	}
	return json_add(tolerations, toleration);
}

static bool admit_tolerations(struct request *request, struct json_object *pod,
			      const struct json_object *old)
{
	static const char *const keys[] = { "node.kubernetes.io/not-ready",
					    "node.kubernetes.io/unreachable" };
	struct json_object *spec = json_get(pod, "spec");

	if (json_kind(spec) != JSON_OBJECT || (old && request->subresource))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (tolerates(json_get(spec, "tolerations"), keys[i]))
			continue;
		if (add_toleration(spec, keys[i]) < 0) {
			request_fail_error(request, -ENOMEM, NULL);
			return false;
		}
	}
	return true;
}

/* ---- NodeRestriction: what a node may say about pods ---- */

static bool admit_node(struct request *request, struct json_object *pod,
		       const struct json_object *old)
{
	static const char prefix[] = "system:node:";
	const char *node = json_str_at(old ? old : pod, "spec.nodeName");
	const char *self;

	if (request->internal || !request->user_name ||
	    strncmp(request->user_name, prefix, strlen(prefix)) != 0 ||
	    request_in_group(request, "system:masters"))
		return true;
	self = request->user_name + strlen(prefix);
	if (node && strcmp(node, self) == 0 && (old || is_mirror(pod)))
		return true;
	request_forbid(request, "node \"%s\" can only %s pods with spec.nodeName set to itself",
		       self, old ? "update status for" : "create mirror");
	return false;
}

/* ---- all of them ---- */

static const struct {
	const char *resource; /* of the core group */
	bool (*admit)(struct request *request, struct json_object *json,
		      const struct json_object *old);
} plugins[] = {
	{ "pods", admit_account },     { "nodes", admit_taint }, { "pods", admit_priority },
	{ "pods", admit_tolerations }, { "pods", admit_node },	 { "services", serviceip_admit },
};

bool admission_mutate(struct request *request, struct json_object *json,
		      const struct json_object *old)
{
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		if (!*request->kind->group &&
		    strcmp(plugins[i].resource, request->kind->resource) == 0 &&
		    !plugins[i].admit(request, json, old))
			return false;
	return true;
}
