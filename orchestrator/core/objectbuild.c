/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to an object: the index, the canonical bytes, and where things are in them. */
#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/jsonskim.h"
#include "orchestrator/core/objectparts.h"

/* Texts go to @pool as they come; their offsets are noted in a head on the builder's stack. */
struct builder {
	struct buf pool;
	struct object head;
};

static uint32_t pool_text(struct builder *b, const char *text)
{
	uint32_t at = (uint32_t)b->pool.len;

	(void)buf_append(&b->pool, text ? text : "", (text ? strlen(text) : 0) + 1);
	return at;
}

static void pool_key(struct builder *b, const struct schema_kind *kind, const char *namespace,
		     const char *name)
{
	if (kind->group[0])
		(void)buf_printf(&b->pool, "%s/", kind->group);
	(void)buf_printf(&b->pool, "%s/", kind->resource);
	b->head.tail = (uint32_t)b->pool.len;
	if (kind->namespaced)
		(void)buf_printf(&b->pool, "%s/", namespace);
	b->head.name = pool_text(b, name);
	b->head.namespace = pool_text(b, kind->namespaced ? namespace : "");
}

static uint32_t pool_labels(struct builder *b, const struct json_object *labels)
{
	uint32_t at = (uint32_t)b->pool.len;
	struct json_iter it;

	json_for_each (it, labels) {
		(void)pool_text(b, it.key);
		(void)pool_text(b, json_str(it.value));
	}
	(void)pool_text(b, "");
	return at;
}

/* What a selector compares with when the field is absent: the zero value of its Go type. */
static const char *zero_of(const struct schema_type *type, const char *path)
{
	char part[128];

	while (type) {
		size_t n = strcspn(path, ".");
		const struct schema_field *field;

		if (n >= sizeof(part))
			break;
		memcpy(part, path, n);
		part[n] = '\0';
		field = schema_field_find(type, part);
		if (!field)
			break;
		if (path[n] == '\0')
			return field->shape != SCHEMA_ONE    ? ""
			       : field->value == SCHEMA_BOOL ? "false"
			       : field->value == SCHEMA_INT32 || field->value == SCHEMA_INT64 ? "0"
											      : "";
		path += n + 1;
		type = field->ref;
	}
	return "";
}

/* Selectors whose name is not the path of their value. */
static const struct {
	const char *selector, *path;
} field_paths[] = {
	{ "source", "source.component" },
	{ "status.successful", "status.succeeded" },
};

static uint32_t pool_fields(struct builder *b, const struct schema_kind *kind,
			    const struct json_object *json)
{
	uint32_t at = (uint32_t)b->pool.len;

	for (size_t i = 0; kind->field_selectors && kind->field_selectors[i]; i++) {
		const char *path = kind->field_selectors[i];
		struct json_object *value;

		for (size_t j = 0; j < ARRAY_LEN(field_paths); j++)
			if (strcmp(path, field_paths[j].selector) == 0)
				path = field_paths[j].path;
		value = json_at(json, path);
		if (json_kind(value) == JSON_STRING) {
			(void)pool_text(b, json_str(value));
		} else if (json_kind(value) == JSON_BOOL || json_kind(value) == JSON_INT) {
			(void)json_write(&b->pool, value);
			(void)pool_text(b, "");
		} else {
			(void)pool_text(b, zero_of(kind->type, path));
		}
	}
	return at;
}

/* uid, then "c" for the managing controller or "" for another owner. */
static uint32_t pool_owners(struct builder *b, const struct json_object *owners)
{
	uint32_t at = (uint32_t)b->pool.len;

	for (size_t i = 0; i < json_len(owners); i++) {
		struct json_object *owner = json_idx(owners, i);
		const char *uid = json_str(json_get(owner, "uid"));

		if (!uid || !*uid)
			continue;
		(void)pool_text(b, uid);
		(void)pool_text(b, json_truth(json_get(owner, "controller"), false) ? "c" : "");
	}
	(void)pool_text(b, "");
	return at;
}

static uint32_t pool_cells(struct builder *b, const struct schema_kind *kind,
			   const struct json_object *json)
{
	auto_json struct json_object *cells = NULL;
	uint32_t at = (uint32_t)b->pool.len;

	if (!kind->columns)
		return 0;
	cells = schema_cells(kind, json);
	if (!cells) {
		b->pool.failed = -ENOMEM;
		return 0;
	}
	(void)json_write(&b->pool, cells);
	(void)pool_text(b, "");
	return at;
}

/* ---- where things are in canonical text ---- */

/* The text is our own, compact and valid: "{" or "," stands before each key. */
static void find_metadata(struct builder *b, const char *text)
{
	const char *p = text + b->head.meta_at;

	while (*p != '}' || p == text + b->head.meta_at) {
		const char *key = p + 1, *value;

		if (*key == '}') {
			p = key;
			break;
		}
		value = jsonskim_string(key) + 1;
		p = jsonskim_value(value);
		if (jsonskim_key_is(key, "\"uid\":"))
			b->head.rv_at = (uint32_t)(p - text);
	}
	b->head.meta_end = (uint32_t)(p + 1 - text);
}

static void find_parts(struct builder *b, const char *text)
{
	const char *p = text;

	while (p[1] != '}' && *p != '}') {
		const char *key = p + 1, *value = jsonskim_string(key) + 1;

		if (!b->head.item_at && !jsonskim_key_is(key, "\"kind\":") &&
		    !jsonskim_key_is(key, "\"apiVersion\":"))
			b->head.item_at = (uint32_t)(key - text);
		if (jsonskim_key_is(key, "\"metadata\":")) {
			b->head.meta_at = (uint32_t)(value - text);
			find_metadata(b, text);
			return;
		}
		p = jsonskim_value(value);
	}
}

/* managedFields is the last member of metadata: its text is put before the closing brace. */
static void insert_managed(struct builder *b, const struct buf *managed)
{
	uint32_t at = b->head.meta_end - 1, extra = (uint32_t)managed->len + MANAGED_HEAD_LEN;
	char *p;

	if (buf_reserve(&b->pool, extra) < 0)
		return;
	p = b->pool.data + b->head.json + at;
	memmove(p + extra, p, b->pool.len - b->head.json - at + 1);
	memcpy(p, MANAGED_HEAD, MANAGED_HEAD_LEN);
	memcpy(p + MANAGED_HEAD_LEN, managed->data, managed->len);
	b->pool.len += extra;
	b->head.managed_at = at + MANAGED_HEAD_LEN;
	b->head.managed_end = at + extra;
	b->head.meta_end += extra;
}

static void pool_json(struct builder *b, const struct schema_kind *kind,
		      const struct json_object *json, const struct buf *managed)
{
	b->head.json = (uint32_t)b->pool.len;
	(void)schema_write(&b->pool, kind->type, json);
	if (!buf_error(&b->pool))
		find_parts(b, b->pool.data + b->head.json);
	if (!buf_error(&b->pool) && managed && managed->len)
		insert_managed(b, managed);
	b->head.json_len = (uint32_t)b->pool.len - b->head.json;
	(void)buf_putc(&b->pool, '\0');
}

int object_new(const struct schema_kind *kind, uint64_t revision, const struct json_object *json,
	       const struct buf *managed, struct object **ret)
{
	const struct json_object *metadata = json_get(json, "metadata");
	const char *name = json_str(json_get(metadata, "name")), *created;
	const char *namespace = json_str(json_get(metadata, "namespace"));
	struct builder b = { .head = { .kind = kind, .revision = revision, .refs = 1 } };
	struct object *object;

	if (!name || !*name || (kind->namespaced && (!namespace || !*namespace)))
		return -EINVAL;
	b.pool = BUF_INIT((size_t)64 << 20);
	(void)buf_reserve(&b.pool, 1024);
	pool_key(&b, kind, namespace, name);
	b.head.uid = pool_text(&b, json_str(json_get(metadata, "uid")));
	b.head.labels = pool_labels(&b, json_get(metadata, "labels"));
	b.head.fields = pool_fields(&b, kind, json);
	b.head.owners = pool_owners(&b, json_get(metadata, "ownerReferences"));
	b.head.cells = pool_cells(&b, kind, json);
	b.head.deleting = json_get(metadata, "deletionTimestamp") != NULL;
	b.head.finalizers = json_len(json_get(metadata, "finalizers")) > 0;
	created = json_str(json_get(metadata, "creationTimestamp"));
	if (created)
		(void)time_parse(created, &b.head.created_ns);
	pool_json(&b, kind, json, managed);
	object = buf_error(&b.pool) ? NULL : malloc(sizeof(*object) + b.pool.len);
	if (!object) {
		int r = buf_error(&b.pool) ? buf_error(&b.pool) : -ENOMEM;

		buf_done(&b.pool);
		return r;
	}
	b.head.size = (uint32_t)b.pool.len;
	*object = b.head;
	memcpy(object->pool, b.pool.data, b.pool.len);
	buf_done(&b.pool);
	*ret = object;
	return 0;
}

int object_replace(const struct object *old, const struct json_object *json, struct object **ret)
{
	auto_buf struct buf managed = { 0 };
	size_t len;
	const char *text = object_managed(old, &len);

	if (len && buf_append(&managed, text, len) < 0)
		return -ENOMEM;
	return object_new(old->kind, 0, json, &managed, ret);
}
