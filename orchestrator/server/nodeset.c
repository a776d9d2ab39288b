/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/nodeset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"

enum node_kind {
	NODE_KIND_NODE,
	NODE_KIND_POD,
	NODE_KIND_CONFIG_MAP,
	NODE_KIND_SECRET,
	NODE_KIND_SERVICE,
	NODE_KIND_SLICE,
	NODE_KIND_COUNT,
};
/* How a kind concerns nodes. */
enum node_scope { SCOPE_OWN, SCOPE_BOUND, SCOPE_NAMED, SCOPE_ALL };

static const struct {
	const char *kind, *group, *version, *resource;
	enum node_scope scope;
} kinds[] = {
	[NODE_KIND_NODE] = { "Node", "", "v1", "nodes", SCOPE_OWN },
	[NODE_KIND_POD] = { "Pod", "", "v1", "pods", SCOPE_BOUND },
	[NODE_KIND_CONFIG_MAP] = { "ConfigMap", "", "v1", "configmaps", SCOPE_NAMED },
	[NODE_KIND_SECRET] = { "Secret", "", "v1", "secrets", SCOPE_NAMED },
	[NODE_KIND_SERVICE] = { "Service", "", "v1", "services", SCOPE_ALL },
	[NODE_KIND_SLICE] = { "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices",
			      SCOPE_ALL },
};
_Static_assert(ARRAY_LEN(kinds) == NODE_KIND_COUNT, "every kind has a row");

#define REVISION_MAX 24

struct nodesets {
	struct core *core;
	struct map nodes;   /* struct nodeset by node name */
	struct map wanted;  /* struct wanted by key: who needs this ConfigMap or Secret */
	struct buf message; /* the one being made; its memory is kept */
	const struct schema_kind *kinds[NODE_KIND_COUNT];
};

/* A ConfigMap or Secret that pods somewhere name, existing or not. */
struct wanted {
	struct map_node node;
	struct list needs; /* struct need, one for each nodeset */
	enum node_kind kind;
	const char *namespace, *name; /* inside the key */
	char key[];		      /* "c/ns\0name": unique, and split in place */
};

struct need {
	struct list of_wanted;
	struct list of_set;
	struct wanted *wanted;
	struct nodeset *set;
	unsigned pods; /* that name it */
	bool sent;     /* the node has it */
};

struct nodeset {
	struct map_node node;
	struct nodesets *sets;
	char *name;
	nodeset_send_fn *send;
	void *data;
	bool started;
	char node_revision[REVISION_MAX]; /* of the Node object as sent */
	struct map pods;		  /* struct set_pod by "ns/name" */
	struct list needs;
};

struct set_pod {
	struct map_node node;
	char *key, *uid;
	char revision[REVISION_MAX];
	struct need **needs;
	size_t n_needs, cap_needs;
};

/* What the agent says it has, until the difference is made. */
struct have {
	struct map_node node;
	char *key; /* "Kind/ns/name" */
	const char *kind, *namespace, *name, *uid, *revision;
};

/* ---- messages ---- */

static void put_member(struct buf *out, const char *key, const char *value)
{
	(void)buf_printf(out, ",\"%s\":", key);
	(void)json_write_string(out, value, strlen(value), JSON_COMPACT);
}

static void put_head(struct buf *out, const char *op, const char *kind, const char *namespace,
		     const char *name, const char *uid, const char *revision)
{
	buf_clear(out);
	(void)buf_printf(out, "\"op\":\"%s\",\"kind\":\"%s\"", op, kind);
	if (*namespace)
		put_member(out, "namespace", namespace);
	put_member(out, "name", name);
	put_member(out, "uid", uid);
	put_member(out, "revision", revision);
}

/* NULL: it could not be made. */
static void send_message(struct nodeset *set, const struct buf *message)
{
	if (message)
		set->send(set->data, message->data, message->len);
	else
		set->send(set->data, NULL, 0);
}

/* The message that sets @object; NULL: out of memory. */
static const struct buf *set_message(struct nodesets *sets, enum node_kind kind,
				     const struct object *object, const char *revision)
{
	struct buf *out = &sets->message;

	out->failed = 0;
	put_head(out, "set", kinds[kind].kind, object_namespace(object), object_name(object),
		 object_uid(object), revision);
	(void)buf_puts(out, ",\"object\":");
	if (buf_error(out) == 0 && object_write(object, out) < 0)
		return NULL;
	(void)buf_putc(out, '}');
	return buf_error(out) < 0 ? NULL : out;
}

static void send_set(struct nodeset *set, enum node_kind kind, const struct object *object,
		     const char *revision)
{
	send_message(set, set_message(set->sets, kind, object, revision));
}

static void send_remove(struct nodeset *set, const char *kind, const char *namespace,
			const char *name, const char *uid, const char *revision)
{
	struct buf *out = &set->sets->message;

	out->failed = 0;
	put_head(out, "remove", kind, namespace, name, uid, revision);
	(void)buf_putc(out, '}');
	send_message(set, buf_error(out) == 0 ? out : NULL);
}

static const char *revision_of(const struct object *object, char text[REVISION_MAX])
{
	(void)snprintf(text, REVISION_MAX, "%" PRIu64, object_revision(object));
	return text;
}

/* A digest of what concerns the node: everything but status and managedFields. */
static int digest_of(struct json_object *json, char text[REVISION_MAX])
{
	struct json_object *metadata = json_get(json, "metadata");
	auto_buf struct buf out = { 0 };
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	json_del(json, "status");
	json_del(metadata, "managedFields");
	json_del(metadata, "resourceVersion");
	if (json_write(&out, json) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < out.len; i++)
		hash = (hash ^ (unsigned char)out.data[i]) * 0x100000001b3u;
	(void)snprintf(text, REVISION_MAX, "%016" PRIx64, hash);
	return 0;
}

/* ---- what pods name ---- */

static void need_free(struct need *need)
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
static int wanted_key(enum node_kind kind, const char *namespace, const char *name, char *key,
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
	int n = wanted_key(kind, namespace, name, key, sizeof(key));
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

static int scan_pod(struct nodeset *set, struct set_pod *pod, const char *namespace,
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
static void release_needs(struct nodeset *set, struct need **needs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct need *need = needs[i];
		struct wanted *wanted = need->wanted;

		if (--need->pods)
			continue;
		if (need->sent && set->started)
			send_remove(set, kinds[wanted->kind].kind, wanted->namespace, wanted->name,
				    "", "");
		need_free(need);
	}
	free(needs);
}

/* ---- one node's pods ---- */

static void set_pod_free(struct nodeset *set, struct set_pod *pod)
{
	map_remove(&set->pods, &pod->node);
	release_needs(set, pod->needs, pod->n_needs);
	free(pod->key);
	free(pod->uid);
	free(pod);
}

static struct set_pod *set_pod_get(struct nodeset *set, const char *namespace, const char *name)
{
	struct map_node *node;
	char key[600];

	if (snprintf(key, sizeof(key), "%s/%s", namespace, name) >= (int)sizeof(key))
		return NULL;
	node = map_find(&set->pods, key);
	return node ? map_entry(node, struct set_pod, node) : NULL;
}

static struct set_pod *set_pod_new(struct nodeset *set, const char *namespace, const char *name)
{
	struct set_pod *pod = calloc(1, sizeof(*pod));

	if (!pod)
		return NULL;
	if (asprintf(&pod->key, "%s/%s", namespace, name) < 0) {
		free(pod);
		return NULL;
	}
	(void)map_insert(&set->pods, &pod->node, pod->key);
	return pod;
}

static void send_need(struct nodeset *set, struct need *need)
{
	const struct wanted *wanted = need->wanted;
	struct object *object = core_get(set->sets->core, set->sets->kinds[wanted->kind],
					 wanted->namespace, wanted->name);
	char revision[REVISION_MAX];

	if (need->sent || !object)
		return;
	need->sent = true;
	send_set(set, wanted->kind, object, revision_of(object, revision));
}

/*
 * Take a pod into the set. Returns 1 when it differs from what the node was last told, 0 when it
 * does not, -ENOMEM.
 */
static int take_pod(struct nodeset *set, const struct object *object, struct set_pod **ret)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	auto_json struct json_object *json = object_parse(object);
	struct set_pod *pod = set_pod_get(set, namespace, name);
	char revision[REVISION_MAX];
	auto_free char *uid = NULL;
	struct need **old;
	size_t n_old;
	int r;

	if (!json || digest_of(json, revision) < 0)
		return -ENOMEM;
	if (pod && pod->uid && strcmp(pod->uid, object_uid(object)) == 0 &&
	    strcmp(pod->revision, revision) == 0)
		return 0;
	uid = strdup(object_uid(object));
	if (!pod)
		pod = set_pod_new(set, namespace, name);
	if (!pod || !uid)
		return -ENOMEM;
	old = take_ptr(&pod->needs);
	n_old = pod->n_needs;
	pod->n_needs = pod->cap_needs = 0;
	r = scan_pod(set, pod, namespace, json);
	release_needs(set, old, n_old); /* after: what both name stays */
	if (r < 0)
		return r;
	free(pod->uid);
	pod->uid = take_ptr(&uid);
	memcpy(pod->revision, revision, sizeof(revision));
	*ret = pod;
	return 1;
}

static void pod_changed(struct nodeset *set, const struct object *object)
{
	struct set_pod *pod;
	int r = take_pod(set, object, &pod);

	if (r < 0)
		send_message(set, NULL);
	if (r <= 0)
		return;
	for (size_t i = 0; i < pod->n_needs; i++)
		send_need(set, pod->needs[i]);
	send_set(set, NODE_KIND_POD, object, pod->revision);
}

static void pod_gone(struct nodeset *set, const struct object *object)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	struct set_pod *pod = set_pod_get(set, namespace, name);

	if (!pod || !pod->uid || strcmp(pod->uid, object_uid(object)) != 0)
		return;
	send_remove(set, "Pod", namespace, name, pod->uid, pod->revision);
	set_pod_free(set, pod);
}

/* ---- changes of the published state ---- */

static struct nodeset *set_of(struct nodesets *sets, const char *node_name)
{
	struct map_node *node = *node_name ? map_find(&sets->nodes, node_name) : NULL;
	struct nodeset *set = node ? map_entry(node, struct nodeset, node) : NULL;

	return set && set->started ? set : NULL;
}

static void on_pod(struct core *core, enum core_event_type type, struct object *object,
		   struct object *old, void *data)
{
	struct nodeset *set = set_of(data, object_field(object, "spec.nodeName"));

	(void)core;
	if (!set)
		return;
	/* Deleted and made again within one batch: the old one's end is not to be lost. */
	if (type == CORE_MODIFIED && old && strcmp(object_uid(old), object_uid(object)) != 0)
		pod_gone(set, old);
	if (type == CORE_DELETED)
		pod_gone(set, object);
	else
		pod_changed(set, object);
}

static int node_digest(const struct object *object, char revision[REVISION_MAX])
{
	auto_json struct json_object *json = object_parse(object);

	return json ? digest_of(json, revision) : -ENOMEM;
}

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct nodeset *set = set_of(data, object_name(object));
	char revision[REVISION_MAX];

	(void)core;
	(void)old;
	if (!set)
		return;
	if (node_digest(object, revision) < 0) {
		send_message(set, NULL);
	} else if (type == CORE_DELETED) {
		send_remove(set, "Node", "", object_name(object), object_uid(object), revision);
		*set->node_revision = '\0';
	} else if (strcmp(revision, set->node_revision) != 0) {
		memcpy(set->node_revision, revision, sizeof(revision));
		send_set(set, NODE_KIND_NODE, object, revision);
	}
}

static void named_changed(struct nodesets *sets, enum node_kind kind, enum core_event_type type,
			  struct object *object)
{
	char key[600], revision[REVISION_MAX];
	struct map_node *node;
	struct wanted *wanted;

	if (wanted_key(kind, object_namespace(object), object_name(object), key, sizeof(key)) < 0)
		return;
	node = map_find(&sets->wanted, key);
	if (!node)
		return;
	wanted = map_entry(node, struct wanted, node);
	list_for_each (at, next, &wanted->needs) {
		struct need *need = list_entry(at, struct need, of_wanted);

		if (!need->set->started)
			continue;
		need->sent = type != CORE_DELETED;
		if (need->sent)
			send_set(need->set, kind, object, revision_of(object, revision));
		else
			send_remove(need->set, kinds[kind].kind, object_namespace(object),
				    object_name(object), object_uid(object),
				    revision_of(object, revision));
	}
}

static void on_config_map(struct core *core, enum core_event_type type, struct object *object,
			  struct object *old, void *data)
{
	(void)core;
	(void)old;
	named_changed(data, NODE_KIND_CONFIG_MAP, type, object);
}

static void on_secret(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	(void)core;
	(void)old;
	named_changed(data, NODE_KIND_SECRET, type, object);
}

static void shared_changed(struct nodesets *sets, enum node_kind kind, enum core_event_type type,
			   struct object *object)
{
	const struct buf *message = NULL;
	char revision[REVISION_MAX];

	map_for_each (node, next, &sets->nodes) {
		struct nodeset *set = map_entry(node, struct nodeset, node);

		if (!set->started)
			continue;
		if (type == CORE_DELETED)
			send_remove(set, kinds[kind].kind, object_namespace(object),
				    object_name(object), object_uid(object),
				    revision_of(object, revision));
		else if (message ||
			 (message = set_message(sets, kind, object, revision_of(object, revision))))
			send_message(set, message); /* made once for all nodes */
		else
			send_message(set, NULL);
	}
}

static void on_service(struct core *core, enum core_event_type type, struct object *object,
		       struct object *old, void *data)
{
	(void)core;
	(void)old;
	shared_changed(data, NODE_KIND_SERVICE, type, object);
}

static void on_slice(struct core *core, enum core_event_type type, struct object *object,
		     struct object *old, void *data)
{
	(void)core;
	(void)old;
	shared_changed(data, NODE_KIND_SLICE, type, object);
}

/* ---- the difference at the start of a session ---- */

static void have_free(struct map *all, struct have *have)
{
	map_remove(all, &have->node);
	free(have->key);
	free(have);
}

static int have_read(struct map *all, const struct json_object *objects)
{
	for (size_t i = 0; i < json_len(objects); i++) {
		const struct json_object *one = json_idx(objects, i);
		struct have *have = calloc(1, sizeof(*have));

		if (!have)
			return -ENOMEM;
		have->kind = json_text_at(one, "kind", "");
		have->namespace = json_text_at(one, "namespace", "");
		have->name = json_text_at(one, "name", "");
		have->uid = json_text_at(one, "uid", "");
		have->revision = json_text_at(one, "revision", "");
		if (asprintf(&have->key, "%s/%s/%s", have->kind, have->namespace, have->name) < 0) {
			free(have);
			return -ENOMEM;
		}
		if (map_insert(all, &have->node,
			       have->key)) { /* twice the same: the first counts */
			free(have->key);
			free(have);
		}
	}
	return 0;
}

/* Is this what the node has already? Whatever it has under the name is accounted for. */
static bool have_take(struct map *all, enum node_kind kind, const struct object *object,
		      const char *revision)
{
	struct map_node *node;
	struct have *have;
	char key[700];
	bool same;

	(void)snprintf(key, sizeof(key), "%s/%s/%s", kinds[kind].kind, object_namespace(object),
		       object_name(object));
	node = map_find(all, key);
	if (!node)
		return false;
	have = map_entry(node, struct have, node);
	same = strcmp(have->uid, object_uid(object)) == 0 && strcmp(have->revision, revision) == 0;
	have_free(all, have);
	return same;
}

struct difference {
	struct nodeset *set;
	struct map have;
	enum node_kind kind;
	int result;
};

static void differ_need(struct difference *d, struct need *need)
{
	const struct wanted *wanted = need->wanted;
	struct object *object = core_get(d->set->sets->core, d->set->sets->kinds[wanted->kind],
					 wanted->namespace, wanted->name);
	char revision[REVISION_MAX];

	if (need->sent || !object)
		return;
	need->sent = true;
	if (!have_take(&d->have, wanted->kind, object, revision_of(object, revision)))
		send_set(d->set, wanted->kind, object, revision);
}

static bool differ_pod(struct object *object, void *data)
{
	struct difference *d = data;
	struct set_pod *pod;
	int r;

	if (strcmp(object_field(object, "spec.nodeName"), d->set->name) != 0)
		return true;
	r = take_pod(d->set, object, &pod);
	if (r <= 0) {
		d->result = r;
		return r == 0;
	}
	for (size_t i = 0; i < pod->n_needs; i++)
		differ_need(d, pod->needs[i]);
	if (!have_take(&d->have, NODE_KIND_POD, object, pod->revision))
		send_set(d->set, NODE_KIND_POD, object, pod->revision);
	return true;
}

static bool differ_shared(struct object *object, void *data)
{
	struct difference *d = data;
	char revision[REVISION_MAX];

	if (!have_take(&d->have, d->kind, object, revision_of(object, revision)))
		send_set(d->set, d->kind, object, revision);
	return true;
}

static int differ_node(struct difference *d)
{
	struct nodesets *sets = d->set->sets;
	struct object *object = core_get(sets->core, sets->kinds[NODE_KIND_NODE], "", d->set->name);

	if (!object)
		return -ENOENT;
	if (node_digest(object, d->set->node_revision) < 0)
		return -ENOMEM;
	if (!have_take(&d->have, NODE_KIND_NODE, object, d->set->node_revision))
		send_set(d->set, NODE_KIND_NODE, object, d->set->node_revision);
	return 0;
}

int nodeset_start(struct nodeset *set, const struct json_object *objects)
{
	struct nodesets *sets = set->sets;
	struct difference d = { .set = set };
	int r = have_read(&d.have, objects);

	if (r == 0)
		r = differ_node(&d);
	if (r == 0)
		for (d.kind = 0; d.kind < NODE_KIND_COUNT; d.kind++)
			if (kinds[d.kind].scope == SCOPE_ALL && sets->kinds[d.kind])
				core_each(sets->core, sets->kinds[d.kind], NULL, differ_shared, &d);
	if (r == 0) {
		core_each(sets->core, sets->kinds[NODE_KIND_POD], NULL, differ_pod, &d);
		r = d.result;
	}
	/* What is left, it should not have. */
	map_for_each (node, next, &d.have) {
		struct have *have = map_entry(node, struct have, node);

		if (r == 0)
			send_remove(set, have->kind, have->namespace, have->name, have->uid,
				    have->revision);
		have_free(&d.have, have);
	}
	set->started = r == 0;
	return r;
}

/* ---- life ---- */

int nodeset_new(struct nodesets *sets, const char *node, nodeset_send_fn *send, void *data,
		struct nodeset **ret)
{
	struct nodeset *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->sets = sets;
	set->send = send;
	set->data = data;
	list_init(&set->needs);
	set->name = strdup(node);
	if (!set->name) {
		free(set);
		return -ENOMEM;
	}
	if (map_insert(&sets->nodes, &set->node, set->name)) {
		free(set->name);
		free(set);
		return -EEXIST;
	}
	*ret = set;
	return 0;
}

struct nodeset *nodeset_free(struct nodeset *set)
{
	if (!set)
		return NULL;
	set->started = false; /* nothing more is sent */
	map_for_each (node, next, &set->pods)
		set_pod_free(set, map_entry(node, struct set_pod, node));
	list_for_each (node, next, &set->needs) /* half-taken, after out of memory */
		need_free(list_entry(node, struct need, of_set));
	map_remove(&set->sets->nodes, &set->node);
	free(set->name);
	free(set);
	return NULL;
}

struct object *nodeset_pod(const struct nodeset *set, const char *namespace, const char *name,
			   const char *uid)
{
	struct object *object =
		core_get(set->sets->core, set->sets->kinds[NODE_KIND_POD], namespace, name);

	return object && strcmp(object_uid(object), uid) == 0 &&
			       strcmp(object_field(object, "spec.nodeName"), set->name) == 0
		       ? object
		       : NULL;
}

int nodesets_new(struct core *core, struct nodesets **ret)
{
	static core_event_fn *const listeners[NODE_KIND_COUNT] = {
		[NODE_KIND_NODE] = on_node,
		[NODE_KIND_POD] = on_pod,
		[NODE_KIND_CONFIG_MAP] = on_config_map,
		[NODE_KIND_SECRET] = on_secret,
		[NODE_KIND_SERVICE] = on_service,
		[NODE_KIND_SLICE] = on_slice,
	};
	struct nodesets *sets = calloc(1, sizeof(*sets));
	int r = 0;

	if (!sets)
		return -ENOMEM;
	sets->core = core;
	for (size_t i = 0; i < NODE_KIND_COUNT && r == 0; i++) {
		sets->kinds[i] = schema_kind_of_resource(kinds[i].group, kinds[i].version,
							 kinds[i].resource);
		if (sets->kinds[i])
			r = core_listen(core, sets->kinds[i], listeners[i], sets);
	}
	*ret = sets;
	return r;
}

struct nodesets *nodesets_free(struct nodesets *sets)
{
	if (!sets)
		return NULL;
	buf_done(&sets->message);
	free(sets);
	return NULL;
}
