/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "orchestrator/core/state.h"

#define EVENT_TTL_NS	 (3600 * NS_PER_S)
#define REMEMBERED_MAX	 1024 /* event sources that equal ones are merged with */
#define FORGOTTEN_A_STEP 32

/* One that an equal event will be merged with. */
struct remembered {
	struct map_node node;
	struct list age; /* in recorder->ages, oldest use first */
	char *name, *namespace;
	char key[];
};
/* An event as it was published: it goes an hour later, unless it has been written again. */
struct passing {
	struct list node;
	uint64_t revision;
	int64_t at_ns;
	size_t name_at;
	char namespace[]; /* then the name */
};
struct recorder {
	const struct schema_kind *kind;
	struct map remembered;
	struct list ages;
	struct list passing;  /* oldest first */
	int64_t last_name_ns; /* names are times: two events of one round need two */
};

struct recorder *recorder_new(void)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	if (!recorder)
		return NULL;
	list_init(&recorder->ages);
	list_init(&recorder->passing);
	recorder->kind = schema_kind_of_kind("", "v1", "Event");
	return recorder;
}

static void forget(struct recorder *recorder, struct remembered *row)
{
	map_remove(&recorder->remembered, &row->node);
	list_remove(&row->age);
	free(row->name);
	free(row->namespace);
	free(row);
}

struct recorder *recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return NULL;
	list_for_each (node, next, &recorder->ages)
		forget(recorder, list_entry(node, struct remembered, age));
	list_for_each (node, next, &recorder->passing)
		free(list_entry(node, struct passing, node));
	free(recorder);
	return NULL;
}

/* ---- the hour ---- */

static void on_event(struct core *core, enum core_event_type type, struct object *object,
		     struct object *old, void *data)
{
	struct recorder *recorder = data;
	size_t namespace_len = strlen(object_namespace(object)) + 1;
	size_t name_len = strlen(object_name(object)) + 1;
	struct passing *passing;

	(void)old;
	if (type == CORE_DELETED)
		return;
	passing = malloc(sizeof(*passing) + namespace_len + name_len);
	if (!passing)
		return; /* this one stays longer than an hour */
	passing->revision = object_revision(object);
	passing->at_ns = core->now_ns;
	passing->name_at = namespace_len;
	memcpy(passing->namespace, object_namespace(object), namespace_len);
	memcpy(passing->namespace + namespace_len, object_name(object), name_len);
	list_append(&recorder->passing, &passing->node);
}

int recorder_start(struct core *core, struct recorder *recorder)
{
	return recorder->kind ? core_listen(core, recorder->kind, on_event, recorder) : 0;
}

int64_t recorder_step(struct core *core, struct recorder *recorder, bool *ret_more)
{
	for (unsigned n = 0; !list_empty(&recorder->passing); n++) {
		struct passing *passing = list_entry(recorder->passing.next, struct passing, node);
		const char *name = passing->namespace + passing->name_at;
		struct object *object;

		if (passing->at_ns + EVENT_TTL_NS > core->now_ns)
			return passing->at_ns + EVENT_TTL_NS;
		if (n == FORGOTTEN_A_STEP) {
			*ret_more = true;
			return core->now_ns;
		}
		list_remove(&passing->node);
		object = core_get(core, recorder->kind, passing->namespace, name);
		if (object && object_revision(object) == passing->revision)
			core_delete(core, recorder->kind, passing->namespace, name,
				    &(struct core_delete_options){ .grace_s = -1 }, NULL, NULL);
		free(passing);
	}
	return INT64_MAX;
}

/* ---- recording ---- */

static int put_involved(struct json_object *event, const struct object *object)
{
	char version[256], revision[24];
	struct json_object *involved = json_new_object();
	int r = involved ? json_put(event, "involvedObject", involved) : -ENOMEM;

	(void)snprintf(revision, sizeof(revision), "%" PRIu64, object_revision(object));
	schema_api_version(object_kind(object), version, sizeof(version));
	if (r == 0)
		r = json_put_str(involved, "kind", object_kind(object)->kind);
	if (r == 0 && *object_namespace(object))
		r = json_put_str(involved, "namespace", object_namespace(object));
	if (r == 0)
		r = json_put_str(involved, "name", object_name(object));
	if (r == 0)
		r = json_put_str(involved, "uid", object_uid(object));
	if (r == 0)
		r = json_put_str(involved, "apiVersion", version);
	return r < 0 ? r : json_put_str(involved, "resourceVersion", revision);
}

/* Events about cluster objects live in the namespace default. */
static const char *namespace_for(const struct object *object)
{
	return *object_namespace(object) ? object_namespace(object) : "default";
}

static struct json_object *new_event(struct recorder *recorder, const struct object *object,
				     const char *type, const char *reason, const char *component,
				     const char *message, int64_t now_ns)
{
	auto_json struct json_object *event = json_new_object();
	char name[320], now[TIME_TEXT_MAX];
	const struct {
		const char *path, *text;
	} texts[] = {
		{ "metadata.name", name },
		{ "metadata.namespace", namespace_for(object) },
		{ "reason", reason },
		{ "message", message },
		{ "source.component", component },
		{ "type", type },
		{ "firstTimestamp", now },
		{ "lastTimestamp", now },
		{ "reportingComponent", component },
	};

	recorder->last_name_ns = MAX(now_ns, recorder->last_name_ns + 1);
	time_format(now_ns, now);
	(void)snprintf(name, sizeof(name), "%.253s.%" PRIx64, object_name(object),
		       (uint64_t)recorder->last_name_ns);
	if (!event || put_involved(event, object) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (json_put_at(event, texts[i].path, json_new_string(texts[i].text)) < 0)
			return NULL;
	return json_put_int(event, "count", 1) < 0 ? NULL : take_ptr(&event);
}

static void remember(struct recorder *recorder, const char *key, const char *namespace,
		     const char *name)
{
	size_t len = strlen(key) + 1;
	struct remembered *row = calloc(1, sizeof(*row) + len);

	if (!row)
		return;
	memcpy(row->key, key, len);
	row->name = strdup(name);
	row->namespace = strdup(namespace);
	if (!row->name || !row->namespace ||
	    map_insert(&recorder->remembered, &row->node, row->key)) {
		free(row->name);
		free(row->namespace);
		free(row);
		return;
	}
	list_append(&recorder->ages, &row->age);
	if (recorder->remembered.count > REMEMBERED_MAX)
		forget(recorder, list_entry(recorder->ages.next, struct remembered, age));
}

/* Count an equal one up; false: there is none any more. */
static bool merge(struct core *core, struct recorder *recorder, const char *key, int64_t now_ns)
{
	struct map_node *node = map_find(&recorder->remembered, key);
	struct remembered *row = node ? map_entry(node, struct remembered, node) : NULL;
	struct object *object =
		row ? core_get(core, recorder->kind, row->namespace, row->name) : NULL;
	auto_json struct json_object *event = object ? object_parse(object) : NULL;
	char now[TIME_TEXT_MAX];

	if (!event) {
		if (row)
			forget(recorder, row);
		return false;
	}
	list_remove(&row->age);
	list_append(&recorder->ages, &row->age);
	if (json_put_int(event, "count", json_int(json_get(event, "count"), 1) + 1) < 0 ||
	    json_put_str(event, "lastTimestamp", time_format(now_ns, now)) < 0)
		return true;
	json_del(json_get(event, "metadata"), "resourceVersion");
	core_update(core, recorder->kind, "", take_ptr(&event), NULL, NULL);
	return true;
}

void core_event(struct core *core, const struct object *object, const char *type,
		const char *reason, const char *component, const char *message, int64_t now_ns)
{
	struct recorder *recorder = core->recorder;
	struct json_object *event;
	auto_buf struct buf key = { 0 };

	if (!recorder->kind)
		return;
	(void)buf_printf(&key, "%s\n%s\n%s\n%s\n%s\n%s", object_key(object), object_uid(object),
			 type, reason, component, message);
	if (buf_error(&key) || merge(core, recorder, buf_str(&key), now_ns))
		return;
	event = new_event(recorder, object, type, reason, component, message, now_ns);
	if (!event)
		return;
	remember(recorder, buf_str(&key), namespace_for(object),
		 json_str_at(event, "metadata.name"));
	core_create(core, recorder->kind, event, NULL, NULL);
}
