/* SPDX-License-Identifier: Apache-2.0 */
/* Which ConfigMaps and Secrets the pods of a node name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/server/nodeset_impl.h"

void nodeset_need_free(struct need *need)
{
	struct nodesets *sets = need->set->sets;
	struct wanted *wanted = need->wanted;

	list_remove(&need->of_wanted);
	list_remove(&need->of_set);
	free(need);
	if (list_empty(&wanted->needs)) {
		map_remove(&sets->wanted, &wanted->node);
		free(wanted);
	}
}

/* "c/namespace/name" or "s/…" */
int nodeset_wanted_key(enum node_kind kind, const char *namespace, const char *name, char *key,
		       size_t size)
{
	int n = snprintf(key, size, "%c/%s/%s", kind == NODE_KIND_SECRET ? 's' : 'c', namespace,
			 name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : n;
}

static struct wanted *wanted_get(struct nodesets *sets, enum node_kind kind, const char *namespace,
				 const char *name)
{
	struct wanted *wanted;
	struct map_node *node;
	char key[600];
	int n = nodeset_wanted_key(kind, namespace, name, key, sizeof(key));
	size_t key_len = (size_t)n + 1, namespace_len = strlen(namespace) + 1;

	if (n < 0)
		return NULL;
	node = map_find(&sets->wanted, key);
	if (node)
		return map_entry(node, struct wanted, node);
	wanted = calloc(1, sizeof(*wanted) + key_len + namespace_len);
	if (!wanted)
		return NULL;
	memcpy(wanted->key, key, key_len);
	wanted->kind = kind;
	wanted->name = wanted->key + 2 + namespace_len;
	wanted->namespace = memcpy(wanted->key + key_len, namespace, namespace_len);
	list_init(&wanted->needs);
	(void)map_insert(&sets->wanted, &wanted->node, wanted->key);
	return wanted;
}

static struct need *need_get(struct nodeset *set, struct wanted *wanted)
{
	struct need *need;

	list_for_each (node, next, &wanted->needs) {
		need = list_entry(node, struct need, of_wanted);
		if (need->set == set)
			return need;
	}
	need = calloc(1, sizeof(*need));
	if (!need)
		return NULL;
	need->set = set;
	need->wanted = wanted;
	list_append(&wanted->needs, &need->of_wanted);
	list_append(&set->needs, &need->of_set);
	return need;
}

static int pod_needs(struct nodeset *set, struct set_pod *pod, enum node_kind kind,
		     const char *namespace, const char *name)
{
	struct wanted *wanted;
	struct need *need;

	if (!name || !*name)
		return 0;
	if (array_grow(&pod->needs, &pod->cap_needs, pod->n_needs + 1, sizeof(*pod->needs)) < 0)
		return -ENOMEM;
	wanted = wanted_get(set->sets, kind, namespace, name);
	if (!wanted)
		return -ENOMEM;
	need = need_get(set, wanted);
	if (!need) {
		if (list_empty(&wanted->needs)) {
			map_remove(&set->sets->wanted, &wanted->node);
			free(wanted);
		}
		return -ENOMEM;
	}
	for (size_t i = 0; i < pod->n_needs; i++)
		if (pod->needs[i] == need)
			return 0;
	need->pods++;
	pod->needs[pod->n_needs++] = need;
	return 0;
}

/* Where a pod's spec names ConfigMaps and Secrets: an array, and in each element a path to a name. */
static const struct {
	const char *array, *path;
	enum node_kind kind;
} pod_names[] = {
	{ "volumes", "configMap.name", NODE_KIND_CONFIG_MAP },
	{ "volumes", "secret.secretName", NODE_KIND_SECRET },
	{ "imagePullSecrets", "name", NODE_KIND_SECRET },
};
static const struct {
	const char *array, *path;
	enum node_kind kind;
} container_names[] = {
	{ "envFrom", "configMapRef.name", NODE_KIND_CONFIG_MAP },
	{ "envFrom", "secretRef.name", NODE_KIND_SECRET },
	{ "env", "valueFrom.configMapKeyRef.name", NODE_KIND_CONFIG_MAP },
	{ "env", "valueFrom.secretKeyRef.name", NODE_KIND_SECRET },
};

static int scan_projected(struct nodeset *set, struct set_pod *pod, const char *namespace,
			  const struct json_object *volumes)
{
	int r = 0;

	for (size_t v = 0; v < json_len(volumes); v++) {
		const struct json_object *sources =
			json_at(json_idx(volumes, v), "projected.sources");

		for (size_t i = 0; i < json_len(sources) && r == 0; i++) {
			const struct json_object *source = json_idx(sources, i);

			r = pod_needs(set, pod, NODE_KIND_CONFIG_MAP, namespace,
				      json_str_at(source, "configMap.name"));
			if (r == 0)
				r = pod_needs(set, pod, NODE_KIND_SECRET, namespace,
					      json_str_at(source, "secret.name"));
		}
	}
	return r;
}

static int scan_containers(struct nodeset *set, struct set_pod *pod, const char *namespace,
			   const struct json_object *containers)
{
	int r = 0;

	for (size_t c = 0; c < json_len(containers); c++)
		for (size_t row = 0; row < ARRAY_LEN(container_names); row++) {
			const struct json_object *array =
				json_get(json_idx(containers, c), container_names[row].array);

			for (size_t i = 0; i < json_len(array) && r == 0; i++)
				r = pod_needs(
					set, pod, container_names[row].kind, namespace,
					json_str_at(json_idx(array, i), container_names[row].path));
		}
	return r;
}

int nodeset_scan(struct nodeset *set, struct set_pod *pod, const char *namespace,
		 const struct json_object *json)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };
	const struct json_object *spec = json_get(json, "spec");
	int r = scan_projected(set, pod, namespace, json_get(spec, "volumes"));

	for (size_t row = 0; row < ARRAY_LEN(pod_names); row++) {
		const struct json_object *array = json_get(spec, pod_names[row].array);

		for (size_t i = 0; i < json_len(array) && r == 0; i++)
			r = pod_needs(set, pod, pod_names[row].kind, namespace,
				      json_str_at(json_idx(array, i), pod_names[row].path));
	}
	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++)
		r = scan_containers(set, pod, namespace, json_get(spec, lists[i]));
	return r;
}

/* The pod no longer names them; what nobody on the node names any more is removed from it. */
void nodeset_release(struct nodeset *set, struct need **needs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct need *need = needs[i];
		struct wanted *wanted = need->wanted;

		if (--need->pods)
			continue;
		if (need->sent && set->started)
			nodeset_send_remove(set, nodeset_kinds[wanted->kind].kind,
					    wanted->namespace, wanted->name, "", "");
		nodeset_need_free(need);
	}
	free(needs);
}
