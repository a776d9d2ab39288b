/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/managed.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/fieldset.h"

/* Entries of updates beyond this many are merged into one, the oldest first. */
#define UPDATERS_MAX 10
#define ANCIENT	     "ancient-changes"

static const char *text_of(const struct json_object *entry, const char *key)
{
	const char *text = json_str(json_get(entry, key));

	return text ? text : "";
}

struct managed_writer managed_writer_of(const struct request *request, const char *operation)
{
	return (struct managed_writer){
		.manager = request->manager,
		.operation = operation,
		.version = request->api_version,
		.subresource = request->subresource ? request->subresource->name : "",
	};
}

bool managed_is_by(const struct json_object *entry, const struct managed_writer *writer)
{
	return strcmp(text_of(entry, "manager"), writer->manager) == 0 &&
	       strcmp(text_of(entry, "operation"), writer->operation) == 0 &&
	       strcmp(text_of(entry, "apiVersion"), writer->version) == 0 &&
	       strcmp(text_of(entry, "subresource"), writer->subresource) == 0;
}

struct json_object *managed_entry_new(const struct managed_writer *writer, int64_t now_ns)
{
	auto_json struct json_object *entry = json_new_object();
	char now[TIME_TEXT_MAX];

	if (!entry || json_put_str(entry, "manager", writer->manager) < 0 ||
	    json_put_str(entry, "operation", writer->operation) < 0 ||
	    json_put_str(entry, "apiVersion", writer->version) < 0 ||
	    json_put_str(entry, "time", time_format(now_ns, now)) < 0 ||
	    json_put_str(entry, "fieldsType", "FieldsV1") < 0 ||
	    json_put(entry, "fieldsV1", json_new_object()) < 0)
		return NULL;
	if (*writer->subresource && json_put_str(entry, "subresource", writer->subresource) < 0)
		return NULL;
	return take_ptr(&entry);
}

struct json_object *managed_fields(const struct json_object *entry)
{
	return json_get(entry, "fieldsV1");
}

int managed_set_fields(struct json_object *entry, struct json_object *set, int64_t now_ns)
{
	char now[TIME_TEXT_MAX];
	int r;

	if (json_equal(managed_fields(entry), set)) {
		json_unref(set);
		return 0;
	}
	r = json_put(entry, "fieldsV1", set);
	return r < 0 ? r : json_put_str(entry, "time", time_format(now_ns, now));
}

void managed_strip(struct json_object *set)
{
	static const char stripped[] =
		"{\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\".\":{},\"f:name\":{},"
		"\"f:namespace\":{},\"f:creationTimestamp\":{},\"f:selfLink\":{},\"f:uid\":{},"
		"\"f:generation\":{},\"f:managedFields\":{},\"f:resourceVersion\":{},"
		"\"f:deletionTimestamp\":{},\"f:deletionGracePeriodSeconds\":{}}}";
	auto_json struct json_object *without = NULL;

	json_del(json_get(set, "f:metadata"), "f:managedFields"); /* with all that is below */
	if (json_parse(stripped, sizeof(stripped) - 1, &without, NULL) == 0)
		fieldset_remove(set, without);
}

struct json_object *managed_entries(const struct json_object *json)
{
	const struct json_object *entries = json_at(json, "metadata.managedFields");

	return json_len(entries) ? json_copy(entries) : json_new_array();
}

/* ---- order ---- */

static int by_age(const void *a, const void *b)
{
	static const char *const keys[] = { "operation", "time", "manager", "apiVersion",
					    "subresource" };
	const struct json_object *x = *(struct json_object *const *)a;
	const struct json_object *y = *(struct json_object *const *)b;
	int order = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys) && order == 0; i++)
		order = strcmp(text_of(x, keys[i]), text_of(y, keys[i]));
	return order;
}

static bool is_update(const struct json_object *entry)
{
	return strcmp(text_of(entry, "operation"), "Update") == 0;
}

/* Sorted, updates come last and oldest first: merge the first two until few enough are left. */
static int cap_updaters(struct json_object **sorted, size_t *n)
{
	size_t first = 0, updaters = 0;
	int r = 0;

	for (size_t i = 0; i < *n; i++)
		updaters += is_update(sorted[i]);
	first = *n - updaters;
	for (; updaters > UPDATERS_MAX && r == 0; updaters--) {
		struct json_object *into = sorted[first + 1];

		r = fieldset_add(managed_fields(into), managed_fields(sorted[first]));
		if (r == 0)
			r = json_put_str(into, "manager", ANCIENT);
		json_del(into, "subresource");
		json_unref(sorted[first]);
		memmove(&sorted[first], &sorted[first + 1], (*n - first - 1) * sizeof(sorted[0]));
		(*n)--;
	}
	return r;
}

struct json_object *managed_finish(struct json_object *entries)
{
	auto_json struct json_object *from = entries, *ret = json_new_array();
	auto_free struct json_object **sorted = calloc(json_len(entries) + 1, sizeof(*sorted));
	size_t n = 0, done = 0;
	int r = sorted && ret ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < json_len(from); i++)
		if (!fieldset_empty(managed_fields(json_idx(from, i))))
			sorted[n++] = json_ref(json_idx(from, i));
	if (r == 0) {
		qsort(sorted, n, sizeof(sorted[0]), by_age);
		r = cap_updaters(sorted, &n);
	}
	for (; r == 0 && done < n; done++)
		r = json_add(ret, sorted[done]);
	for (; done < n; done++)
		json_unref(sorted[done]);
	return r < 0 ? NULL : take_ptr(&ret);
}

/* ---- tracking an update ---- */

static bool is_reset(const struct json_object *entries)
{
	return json_kind(entries) == JSON_ARRAY &&
	       (json_len(entries) == 0 ||
		(json_len(entries) == 1 && json_len(json_idx(entries, 0)) == 0));
}

static bool is_valid(const struct json_object *entries)
{
	for (size_t i = 0; i < json_len(entries); i++) {
		const struct json_object *entry = json_idx(entries, i);
		const char *operation = text_of(entry, "operation");

		if ((strcmp(operation, "Update") != 0 && strcmp(operation, "Apply") != 0) ||
		    strcmp(text_of(entry, "fieldsType"), "FieldsV1") != 0 ||
		    json_kind(managed_fields(entry)) != JSON_OBJECT)
			return false;
	}
	return true;
}

/* The entries that the request starts from: its own if it brings sound ones, else the object's. */
static struct json_object *entries_before(const struct json_object *json,
					  const struct json_object *old)
{
	const struct json_object *given = json_at(json, "metadata.managedFields");

	if (old && is_reset(given))
		return json_new_array();
	return managed_entries(json_len(given) && is_valid(given) ? json : old);
}

/* The writer's set: what it had, without what went, with what it wrote. */
static struct json_object *own_fields(const struct json_object *entry,
				      const struct fieldset_change *change)
{
	auto_json struct json_object *set =
		entry ? json_copy(managed_fields(entry)) : json_new_object();

	if (!set)
		return NULL;
	fieldset_remove(set, change->removed);
	if (fieldset_add(set, change->changed) < 0)
		return NULL;
	managed_strip(set);
	return fieldset_sorted(set);
}

static int note_change(struct request *request, struct json_object *entries,
		       const struct fieldset_change *change)
{
	struct managed_writer writer = managed_writer_of(request, "Update");
	struct json_object *own = NULL, *set;
	int r = 0;

	for (size_t i = 0; i < json_len(entries); i++) {
		struct json_object *entry = json_idx(entries, i);

		if (managed_is_by(entry, &writer)) {
			own = entry;
			continue;
		}
		fieldset_remove(managed_fields(entry), change->removed);
		fieldset_remove(managed_fields(entry), change->changed);
	}
	set = own_fields(own, change);
	if (!set)
		return -ENOMEM;
	if (!own) {
		own = managed_entry_new(&writer, request->now_ns);
		r = own ? json_add(entries, own) : -ENOMEM;
	}
	if (r < 0) {
		json_unref(set);
		return r;
	}
	return managed_set_fields(own, set, request->now_ns);
}

static int put_entries(struct json_object *json, struct json_object *entries)
{
	struct json_object *metadata = json_get(json, "metadata");
	struct json_object *finished = managed_finish(entries);

	if (!finished)
		return -ENOMEM;
	if (json_len(finished))
		return json_put(metadata, "managedFields", finished);
	json_unref(finished);
	json_del(metadata, "managedFields");
	return 0;
}

/* Time is no reason to look at an event or a lease field by field. */
static bool is_tracked(const struct request *request)
{
	return !(request->internal && (strcmp(request->kind->resource, "leases") == 0 ||
				       strcmp(request->kind->resource, "events") == 0));
}

/* Of kinds with a /status, nobody owns it who writes the object itself. */
static void strip(const struct request *request, struct json_object *set)
{
	managed_strip(set);
	if (request->kind->has_status && !request->subresource)
		json_del(set, "f:status");
}

int managed_track(struct request *request, struct json_object *json, const struct json_object *old)
{
	struct fieldset_change change;
	struct json_object *entries;
	int r;

	if (request->applied)
		return put_entries(json, json_ref(request->applied));
	if (!is_tracked(request))
		return 0;
	entries = entries_before(json, old);
	if (!entries)
		return -ENOMEM;
	r = fieldset_compare(request->kind->type, old, json, &change);
	if (r == 0) {
		strip(request, change.changed);
		strip(request, change.removed);
		if (!fieldset_empty(change.changed) || !fieldset_empty(change.removed))
			r = note_change(request, entries, &change);
		fieldset_change_done(&change);
	}
	if (r == 0)
		return put_entries(json, entries);
	json_unref(entries);
	return r;
}
