/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/serverapply.h"

#include <errno.h>
#include <string.h>

#include "orchestrator/core/applymerge.h"
#include "orchestrator/core/managed.h"
#include "orchestrator/core/write.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* An apply under way: the object as it is, as it will be, and who owns what. */
struct apply {
	struct request *request;
	struct arena *arena;
	struct object *old;
	const struct json_object *live;
	struct json_object *merged;
	struct managed_writer writer;
	struct managed_entry *entries, *own;
	struct fieldset *last; /* what the applier owned before */
};

/* ---- conflicts ---- */

struct conflict {
	struct conflict *next;
	const struct managed_entry *entry;
	struct fieldset *fields;
};

static void put_manager(struct buf *buf, const struct managed_entry *entry)
{
	const struct managed_writer *writer = &entry->writer;

	(void)buf_printf(buf, "\"%s\"", writer->manager);
	if (*writer->subresource)
		(void)buf_printf(buf, " with subresource \"%s\"", writer->subresource);
	if (strcmp(writer->operation, "Update") == 0)
		(void)buf_printf(buf, " using %s", writer->version);
}

static int add_cause(struct json_object *causes, const char *message, const char *field,
		     size_t field_len)
{
	struct json_object *cause = json_new_object();

	if (!cause || json_put_str(cause, "reason", "FieldManagerConflict") < 0 ||
	    json_put_str(cause, "message", message) < 0 ||
	    json_put(cause, "field", json_new_string_len(field, field_len)) < 0) {
		json_unref(cause);
		return -ENOMEM;
	}
	return json_add(causes, cause);
}

/* The paths of one conflict: into the causes, and into the list of the message. */
static size_t put_conflict(const struct conflict *conflict, struct json_object *causes,
			   struct buf *list)
{
	auto_buf struct buf paths = { 0 }, message = { 0 };
	size_t n = 0;

	(void)fieldset_paths(conflict->fields, &paths);
	(void)buf_puts(&message, "conflict with ");
	put_manager(&message, conflict->entry);
	(void)buf_printf(list, "%sconflicts with ", list->len ? "\n" : "");
	put_manager(list, conflict->entry);
	(void)buf_putc(list, ':');
	for (const char *p = buf_str(&paths); *p; n++) {
		size_t len = strcspn(p, "\n");

		(void)add_cause(causes, buf_str(&message), p, len);
		(void)buf_printf(list, "\n- %.*s", (int)len, p);
		p += len + 1;
	}
	return n;
}

static void fail_conflicts(struct apply *apply, const struct conflict *conflicts)
{
	auto_json struct json_object *causes = json_new_array();
	struct apistatus status = { .code = 409, .causes = causes };
	auto_buf struct buf list = { 0 };
	size_t n = 0;

	for (const struct conflict *c = conflicts; c; c = c->next)
		n += put_conflict(c, causes, &list);
	if (n == 1)
		request_fail_status(apply->request, &status, "Apply failed with 1 conflict: %s: %s",
				    json_str_at(json_idx(causes, 0), "message"),
				    json_str_at(json_idx(causes, 0), "field"));
	else
		request_fail_status(apply->request, &status, "Apply failed with %zu conflicts: %s",
				    n, buf_str(&list));
}

/*
 * What kubectl has applied from the client's side and nobody has changed since: an apply by
 * kubectl from the server's side may take it over.
 */
static int find_allowed(struct apply *apply, struct fieldset **ret)
{
	const char *text =
		json_str(json_get(json_at(apply->live, "metadata.annotations"), LAST_APPLIED));
	const struct schema_type *type = apply->request->kind->type;
	auto_json struct json_object *applied = NULL;
	struct fieldset_change change;
	struct fieldset *set;
	int r;

	*ret = NULL;
	if (!text || json_parse(text, strlen(text), &applied, NULL) < 0 ||
	    schema_decode(type, applied, NULL, NULL) < 0)
		return 0;
	r = fieldset_of(apply->arena, type, applied, &set);
	if (r == 0)
		r = fieldset_compare(apply->arena, type, apply->live, applied, &change);
	return r < 0 ? r : fieldset_minus(apply->arena, set, change.changed, ret);
}

/* What others own of the change, in their order. */
static int find_conflicts(struct apply *apply, struct fieldset *changed, struct conflict **ret)
{
	struct fieldset *allowed = NULL;
	int r = 0;

	if (strcmp(apply->writer.manager, "kubectl") == 0)
		r = find_allowed(apply, &allowed);
	for (struct managed_entry *entry = apply->entries; entry && r == 0; entry = entry->next) {
		struct conflict *conflict;
		struct fieldset *fields;

		if (entry == apply->own)
			continue;
		r = fieldset_common(apply->arena, entry->fields, changed, &fields);
		if (r == 0)
			r = fieldset_minus(apply->arena, fields, allowed, &fields);
		if (r < 0 || !fields)
			continue;
		conflict = arena_alloc(apply->arena, sizeof(*conflict));
		if (!conflict)
			return -ENOMEM;
		*conflict = (struct conflict){ NULL, entry, fields };
		*ret = conflict;
		ret = &conflict->next;
	}
	return r;
}

/* ---- the steps ---- */

static int read_entries(struct apply *apply)
{
	size_t len;
	const char *text = object_managed(apply->old, &len);
	int r = managed_read(apply->arena, text, len, &apply->entries);

	for (struct managed_entry *entry = apply->entries; entry && r == 0; entry = entry->next)
		if (managed_is_by(entry, &apply->writer))
			apply->own = entry;
	apply->last = apply->own ? apply->own->fields : NULL;
	return r;
}

/* The applier owns what its configuration says, neither more nor less. */
static int own_config(struct apply *apply, const struct json_object *config)
{
	struct request *request = apply->request;
	struct fieldset *set;
	int r = fieldset_of(apply->arena, request->kind->type, config, &set);

	if (r == 0)
		r = managed_strip(apply->arena, &set);
	if (r == 0 && !apply->own)
		r = managed_entry_add(apply->arena, &apply->entries, &apply->writer,
				      request->now_ns, &apply->own);
	return r < 0 ? r : managed_set_fields(apply->arena, apply->own, set, request->now_ns);
}

/* What it owned and says no more goes, unless somebody else owns it. */
static int prune(struct apply *apply)
{
	struct fieldset *kept = NULL;
	int r = 0;

	for (struct managed_entry *entry = apply->entries; entry && r == 0; entry = entry->next)
		r = fieldset_union(apply->arena, kept, entry->fields, &kept);
	return r < 0 ? r
		     : applymerge_prune(apply->request->kind->type, apply->merged, apply->last,
					kept);
}

static int take_from_others(struct apply *apply, const struct fieldset_change *change)
{
	struct fieldset *gone;
	int r = fieldset_union(apply->arena, change->changed, change->removed, &gone);

	for (struct managed_entry *entry = apply->entries; entry && r == 0; entry = entry->next) {
		struct fieldset *set;

		if (entry == apply->own)
			continue;
		r = fieldset_common(apply->arena, entry->fields, gone, &set);
		if (r < 0 || !set)
			continue;
		entry->text = NULL;
		r = fieldset_minus(apply->arena, entry->fields, gone, &entry->fields);
	}
	return r;
}

/* Only the half of the configuration that the endpoint writes counts. */
static void cut_config(const struct request *request, struct json_object *config)
{
	struct json_iter it;

	json_del(json_get(config, "metadata"), "managedFields");
	if (!request->subresource) {
		if (request->kind->has_status)
			json_del(config, "status");
		return;
	}
	json_for_each (it, config)
		if (strcmp(it.key, "status") != 0 && strcmp(it.key, "metadata") != 0 &&
		    strcmp(it.key, "kind") != 0 && strcmp(it.key, "apiVersion") != 0)
			json_del(config, it.key);
}

/* -EBUSY: conflicts, and the request has been ended. */
static int merge(struct apply *apply, const struct json_object *config)
{
	struct request *request = apply->request;
	struct conflict *conflicts = NULL;
	struct fieldset_change change;
	int r = read_entries(apply);

	if (r == 0)
		r = own_config(apply, config);
	if (r == 0)
		r = applymerge(request->kind->type, apply->merged, config);
	if (r == 0)
		r = prune(apply);
	if (r == 0)
		r = fieldset_compare(apply->arena, request->kind->type, apply->live, apply->merged,
				     &change);
	if (r == 0 && !request->query.force)
		r = find_conflicts(apply, change.changed, &conflicts);
	if (r == 0 && conflicts) {
		fail_conflicts(apply, conflicts);
		return -EBUSY;
	}
	if (r == 0)
		r = take_from_others(apply, &change);
	return r < 0 ? r : managed_write(apply->arena, &request->managed, apply->entries);
}

static void apply_to(struct apply *apply)
{
	struct request *request = apply->request;
	auto_json struct json_object *live = object_parse_stored(apply->old), *merged = NULL;
	int r = live ? 0 : -ENOMEM;

	if (r == 0) {
		merged = json_copy(live);
		apply->live = live;
		apply->merged = merged;
		r = merged ? merge(apply, request->body) : -ENOMEM;
	}
	arena_clear(apply->arena);
	if (r == -EBUSY)
		return;
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	request->applied = true;
	write_update(request, 200, apply->old, live, merged);
}

static void apply_new(struct apply *apply)
{
	struct request *request = apply->request;
	const char *uid = json_str_at(request->body, "metadata.uid");
	int r;

	if (uid && *uid) {
		char resource[256];

		request_fail_named(request, 409, NULL,
				   "Operation cannot be fulfilled on %s \"%s\": uid mismatch: the "
				   "provided object specified uid %s, and no existing object was "
				   "found",
				   request_resource_text(request, resource, sizeof(resource)),
				   request->name, uid);
		return;
	}
	r = own_config(apply, request->body);
	if (r == 0)
		r = managed_write(apply->arena, &request->managed, apply->entries);
	arena_clear(apply->arena);
	if (r == 0)
		r = json_put_at(request->body, "metadata.name", json_new_string(request->name));
	if (r < 0) {
		request_fail_error(request, r, NULL);
		return;
	}
	request->applied = true;
	write_create(request, request->body);
}

void serverapply_run(struct request *request)
{
	struct apply apply = { .request = request, .arena = &request->core->arena };

	if (json_kind(request->body) == JSON_OBJECT &&
	    json_has(json_get(request->body, "metadata"), "managedFields")) {
		request_fail(request, 400, "metadata.managedFields must be nil");
		return;
	}
	if (!write_decode(request, request->kind, request->body))
		return;
	schema_api_version(request->kind, request->api_version, sizeof(request->api_version));
	apply.writer = managed_writer_of(request, "Apply");
	cut_config(request, request->body);
	apply.old = request_see(request);
	if (apply.old)
		apply_to(&apply);
	else if (request->subresource)
		request_not_found(request);
	else
		apply_new(&apply);
}
