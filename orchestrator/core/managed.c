/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/managed.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/jsonskim.h"

/* Entries of updates beyond this many are merged into one, the oldest first. */
#define UPDATERS_MAX 10
#define ANCIENT	     "ancient-changes"

struct managed_writer managed_writer_of(const struct request *request, const char *operation)
{
	return (struct managed_writer){
		.manager = request->manager,
		.operation = operation,
		.version = request->api_version,
		.subresource = request->subresource ? request->subresource->name : "",
	};
}

bool managed_is_by(const struct managed_entry *entry, const struct managed_writer *writer)
{
	return strcmp(entry->writer.manager, writer->manager) == 0 &&
	       strcmp(entry->writer.operation, writer->operation) == 0 &&
	       strcmp(entry->writer.version, writer->version) == 0 &&
	       strcmp(entry->writer.subresource, writer->subresource) == 0;
}

static bool is_update(const struct managed_entry *entry)
{
	return strcmp(entry->writer.operation, "Update") == 0;
}

/* ---- reading ---- */

/* A string value of ours, unescaped. */
static const char *read_text(struct arena *arena, const char *p)
{
	const char *end = jsonskim_string(p);
	size_t len = (size_t)(end - p);
	auto_json struct json_object *json = NULL;

	if (!memchr(p, '\\', len))
		return arena_text(arena, p + 1, len - 2);
	if (json_parse(p, len, &json, NULL) < 0)
		return NULL;
	return arena_text(arena, json_str(json), json_str_len(json));
}

static int read_member(struct arena *arena, struct managed_entry *entry, const char *key,
		       const char *value, size_t len)
{
	const struct {
		const char *key;
		const char **text;
	} texts[] = {
		{ "\"manager\":", &entry->writer.manager },
		{ "\"operation\":", &entry->writer.operation },
		{ "\"apiVersion\":", &entry->writer.version },
		{ "\"time\":", &entry->time },
		{ "\"subresource\":", &entry->writer.subresource },
	};

	if (jsonskim_key_is(key, "\"fieldsV1\":")) {
		entry->text = value;
		entry->text_len = len;
		return fieldset_read(arena, value, len, &entry->fields);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!jsonskim_key_is(key, texts[i].key) || *value != '"')
			continue;
		*texts[i].text = read_text(arena, value);
		return *texts[i].text ? 0 : -ENOMEM;
	}
	return 0;
}

int managed_read(struct arena *arena, const char *text, size_t len, struct managed_entry **ret)
{
	struct managed_entry **tail = ret;
	const char *p = text;

	*ret = NULL;
	if (len < 2 || text[1] == ']')
		return 0;
	while (*p != ']') { /* at "[" or "," before an entry */
		struct managed_entry *entry = arena_alloc(arena, sizeof(*entry));

		if (!entry)
			return -ENOMEM;
		entry->time = "";
		entry->writer = (struct managed_writer){ "", "", "", "" };
		for (p++; *p != '}' && p[1] != '}';) { /* at "{" or "," before a member */
			const char *key = p + 1, *value = jsonskim_string(key) + 1;
			int r;

			p = jsonskim_value(value);
			r = read_member(arena, entry, key, value, (size_t)(p - value));
			if (r < 0)
				return r;
		}
		p += *p == '{' ? 2 : 1;
		*tail = entry;
		tail = &entry->next;
	}
	return 0;
}

/* ---- writing ---- */

static void put_text(struct buf *buf, const char *key, const char *text)
{
	(void)buf_printf(buf, ",\"%s\":", key);
	(void)json_write_string(buf, text, strlen(text), JSON_HTML_SAFE);
}

static void put_entry(struct buf *buf, const struct managed_entry *entry)
{
	(void)buf_puts(buf, "{\"manager\":");
	(void)json_write_string(buf, entry->writer.manager, strlen(entry->writer.manager),
				JSON_HTML_SAFE);
	put_text(buf, "operation", entry->writer.operation);
	put_text(buf, "apiVersion", entry->writer.version);
	if (*entry->time)
		put_text(buf, "time", entry->time);
	(void)buf_puts(buf, ",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
	if (entry->text)
		(void)buf_append(buf, entry->text, entry->text_len);
	else
		(void)fieldset_write(buf, entry->fields);
	if (*entry->writer.subresource)
		put_text(buf, "subresource", entry->writer.subresource);
	(void)buf_putc(buf, '}');
}

static int by_age(const struct managed_entry *a, const struct managed_entry *b)
{
	const char *const pairs[][2] = {
		{ a->writer.operation, b->writer.operation },
		{ a->time, b->time },
		{ a->writer.manager, b->writer.manager },
		{ a->writer.version, b->writer.version },
		{ a->writer.subresource, b->writer.subresource },
	};
	int order = 0;

	for (size_t i = 0; i < ARRAY_LEN(pairs) && order == 0; i++)
		order = strcmp(pairs[i][0], pairs[i][1]);
	return order;
}

/* Few entries: each is put where it belongs. Empty ones are left out. */
static struct managed_entry *sorted(struct managed_entry *entries)
{
	struct managed_entry *head = NULL;

	while (entries) {
		struct managed_entry *entry = entries, **at = &head;

		entries = entries->next;
		if (!entry->fields)
			continue;
		while (*at && by_age(*at, entry) <= 0)
			at = &(*at)->next;
		entry->next = *at;
		*at = entry;
	}
	return head;
}

/* Updates come last, oldest first: merge the first two until few enough are left. */
static int cap_updaters(struct arena *arena, struct managed_entry *entries)
{
	size_t updaters = 0;
	struct managed_entry *first = NULL;
	int r = 0;

	for (struct managed_entry *entry = entries; entry; entry = entry->next)
		if (is_update(entry) && updaters++ == 0)
			first = entry;
	for (; updaters > UPDATERS_MAX && r == 0; updaters--) {
		struct managed_entry *second = first->next;

		r = fieldset_union(arena, first->fields, second->fields, &first->fields);
		first->text = NULL;
		first->time = second->time;
		first->writer.manager = ANCIENT;
		first->writer.subresource = "";
		first->next = second->next;
	}
	return r;
}

int managed_write(struct arena *arena, struct buf *buf, struct managed_entry *entries)
{
	int r;

	entries = sorted(entries);
	r = cap_updaters(arena, entries);
	if (r < 0 || !entries)
		return r;
	for (const struct managed_entry *entry = entries; entry; entry = entry->next) {
		(void)buf_putc(buf, entry == entries ? '[' : ',');
		put_entry(buf, entry);
	}
	return buf_putc(buf, ']');
}

/* ---- entries ---- */

static const char *time_now(struct arena *arena, int64_t now_ns)
{
	char now[TIME_TEXT_MAX];

	time_format(now_ns, now);
	return arena_text(arena, now, strlen(now));
}

int managed_entry_add(struct arena *arena, struct managed_entry **entries,
		      const struct managed_writer *writer, int64_t now_ns,
		      struct managed_entry **ret)
{
	struct managed_entry *entry = arena_alloc(arena, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->writer = *writer;
	entry->time = time_now(arena, now_ns);
	entry->next = *entries;
	*entries = entry;
	*ret = entry;
	return entry->time ? 0 : -ENOMEM;
}

int managed_set_fields(struct arena *arena, struct managed_entry *entry, struct fieldset *set,
		       int64_t now_ns)
{
	auto_buf struct buf text = { 0 };

	if (fieldset_write(&text, set) < 0)
		return -ENOMEM;
	entry->fields = set;
	if (entry->text && entry->text_len == text.len &&
	    memcmp(entry->text, text.data, text.len) == 0)
		return 0;
	entry->text = NULL;
	entry->time = time_now(arena, now_ns);
	return entry->time ? 0 : -ENOMEM;
}

int managed_strip(struct arena *arena, struct fieldset **set)
{
	static const char stripped[] =
		"{\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\".\":{},"
		"\"f:creationTimestamp\":{},\"f:deletionGracePeriodSeconds\":{},"
		"\"f:deletionTimestamp\":{},\"f:generation\":{},\"f:name\":{},\"f:namespace\":{},"
		"\"f:resourceVersion\":{},\"f:selfLink\":{},\"f:uid\":{}}}";
	struct fieldset *without;
	int r;

	if (!*set)
		return 0;
	r = fieldset_read(arena, stripped, sizeof(stripped) - 1, &without);
	return r < 0 ? r : fieldset_minus(arena, *set, without, set);
}

/* ---- managedFields in the JSON of a request ---- */

static bool is_reset(const struct json_object *entries)
{
	return json_kind(entries) == JSON_ARRAY &&
	       (json_len(entries) == 0 ||
		(json_len(entries) == 1 && json_len(json_idx(entries, 0)) == 0));
}

static bool is_set(const struct json_object *node)
{
	struct json_iter it;

	if (json_kind(node) != JSON_OBJECT)
		return false;
	json_for_each (it, node)
		if (!is_set(it.value) || (strcmp(it.key, ".") != 0 && strlen(it.key) < 2))
			return false;
	return true;
}

static bool is_valid(const struct json_object *entries)
{
	for (size_t i = 0; i < json_len(entries); i++) {
		const struct json_object *entry = json_idx(entries, i);
		const char *operation = json_text_at(entry, "operation", "");

		if ((strcmp(operation, "Update") != 0 && strcmp(operation, "Apply") != 0) ||
		    strcmp(json_text_at(entry, "fieldsType", ""), "FieldsV1") != 0 ||
		    !is_set(json_get(entry, "fieldsV1")))
			return false;
	}
	return json_len(entries) > 0;
}

int managed_take(struct json_object *json, bool sorted, struct buf *ret_text)
{
	struct json_object *metadata = json_get(json, "metadata");
	const struct json_object *entries = json_get(metadata, "managedFields");
	int r = 0;

	if (is_valid(entries))
		r = json_write_style(ret_text, entries,
				     JSON_HTML_SAFE | (sorted ? JSON_SORTED : 0));
	if (r == 0)
		json_del(metadata, "managedFields");
	return r;
}

/* The entries that the request starts from: its own if it brings sound ones (1), else the object's (0). */
static int entries_before(const struct object *old, struct json_object *json, struct buf *text)
{
	bool reset = old && is_reset(json_at(json, "metadata.managedFields"));
	const char *stored;
	size_t len;
	int r;

	r = managed_take(json, true, text);
	if (r < 0 || text->len || reset || !old)
		return r < 0 ? r : text->len > 0;
	stored = object_managed(old, &len);
	return len ? buf_append(text, stored, len) : 0;
}

/* ---- tracking an update ---- */

/* What others lose, the writer gains. */
static int note_change(struct request *request, struct managed_entry **entries,
		       const struct fieldset_change *change)
{
	struct managed_writer writer = managed_writer_of(request, "Update");
	struct arena *arena = &request->core->arena;
	struct managed_entry *own = NULL;
	struct fieldset *set, *gone;
	int r = fieldset_union(arena, change->changed, change->removed, &gone);

	for (struct managed_entry *entry = *entries; entry && r == 0; entry = entry->next) {
		if (managed_is_by(entry, &writer)) {
			own = entry;
			continue;
		}
		r = fieldset_common(arena, entry->fields, gone, &set);
		if (r < 0 || !set)
			continue;
		entry->text = NULL;
		r = fieldset_minus(arena, entry->fields, gone, &entry->fields);
	}
	if (r == 0 && !own)
		r = managed_entry_add(arena, entries, &writer, request->now_ns, &own);
	if (r == 0)
		r = fieldset_minus(arena, own->fields, change->removed, &set);
	if (r == 0)
		r = fieldset_union(arena, set, change->changed, &set);
	return r < 0 ? r : managed_set_fields(arena, own, set, request->now_ns);
}

/* Of kinds with a /status, nobody owns it who writes the object itself. */
static int strip(const struct request *request, struct fieldset **set)
{
	static const char status[] = "f:status";
	struct fieldset **at = set;
	int r = managed_strip(&request->core->arena, set);

	if (r < 0 || !request->kind->has_status || request->subresource)
		return r;
	while (*at && strcmp((*at)->key, status) != 0)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
	return 0;
}

/* Our own heartbeats and events are not looked at field by field. */
static bool is_tracked(const struct request *request)
{
	return !(request->internal && (strcmp(request->kind->resource, "leases") == 0 ||
				       strcmp(request->kind->resource, "events") == 0));
}

/* @foreign: @before is a client's, so that it is put into our form in any case. */
static int track(struct request *request, const struct json_object *old_json,
		 const struct json_object *json, const struct buf *before, bool foreign)
{
	struct arena *arena = &request->core->arena;
	struct managed_entry *entries;
	struct fieldset_change change;
	int r = fieldset_compare(arena, request->kind->type, old_json, json, &change);

	if (r == 0)
		r = strip(request, &change.changed);
	if (r == 0)
		r = strip(request, &change.removed);
	if (r < 0)
		return r;
	if (!change.changed && !change.removed && !foreign)
		return before->len ? buf_append(&request->managed, before->data, before->len) : 0;
	r = managed_read(arena, buf_str(before), before->len, &entries);
	if (r == 0 && (change.changed || change.removed))
		r = note_change(request, &entries, &change);
	return r < 0 ? r : managed_write(arena, &request->managed, entries);
}

int managed_track(struct request *request, const struct object *old,
		  const struct json_object *old_json, struct json_object *json)
{
	auto_buf struct buf before = { 0 };
	int r;

	if (request->applied)
		return managed_take(json, true, &before);
	r = entries_before(old, json, &before);
	if (r >= 0 && (r > 0 || is_tracked(request)))
		r = track(request, old_json, json, &before, r > 0);
	else if (r == 0 && before.len)
		r = buf_append(&request->managed, before.data, before.len);
	arena_clear(&request->core->arena);
	return r;
}
