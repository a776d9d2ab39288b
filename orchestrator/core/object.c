/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/object.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/jsonskim.h"
#include "orchestrator/core/objectmap.h"

/* The envelope of every PartialObjectMetadata; the metadata slice and '}' follow. */
#define PARTIAL_HEAD(version)                                                                      \
	"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/" version                \
	"\",\"metadata\":"
static const char *const partial_heads[OBJECT_FORM_COUNT] = {
	[OBJECT_PARTIAL] = PARTIAL_HEAD("v1"),
	[OBJECT_PARTIAL_BETA] = PARTIAL_HEAD("v1beta1"),
};
#define RV_HEAD ",\"resourceVersion\":\""

/*
 * One allocation: this head, then @pool. All texts are offsets into the pool, which starts with
 * the key and ends with the serialized bytes.
 */
struct object {
	struct map_node node; /* in the published map of its resource: objectmap.h */
	const struct schema_kind *kind;
	uint64_t revision;
	int64_t created_ns;
	unsigned refs;
	uint32_t size;				/* of the pool */
	uint32_t tail, namespace, name, uid;	/* the key is at 0 */
	uint32_t labels, fields, owners, cells; /* runs of texts; cells 0: none */
	uint32_t json, json_len;
	uint32_t rv_at, item_at, meta_at, meta_end; /* offsets into the JSON */
	uint32_t managed_at, managed_end;	    /* the value of managedFields; 0: none */
	bool deleting, finalizers;
	char pool[];
};

struct map_node *object_node(struct object *object)
{
	return &object->node;
}

struct object *object_of_node(const struct map_node *node)
{
	return node ? map_entry((struct map_node *)node, struct object, node) : NULL;
}

/* ---- building ---- */

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

#define MANAGED_HEAD	 ",\"managedFields\":"
#define MANAGED_HEAD_LEN ((uint32_t)sizeof(MANAGED_HEAD) - 1)

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

struct object *object_at_revision(const struct object *object, uint64_t revision)
{
	struct object *copy = malloc(sizeof(*copy) + object->size);

	if (!copy)
		return NULL;
	memcpy(copy, object, sizeof(*copy) + object->size);
	copy->node = (struct map_node){ 0 };
	copy->refs = 1;
	copy->revision = revision;
	return copy;
}

void object_set_revision(struct object *object, uint64_t revision)
{
	object->revision = revision;
}

struct object *object_ref(struct object *object)
{
	object->refs++;
	return object;
}

struct object *object_unref(struct object *object)
{
	if (object && --object->refs == 0)
		free(object);
	return NULL;
}

/* ---- reading the index ---- */

const struct schema_kind *object_kind(const struct object *object)
{
	return object->kind;
}

const char *object_key(const struct object *object)
{
	return object->pool;
}

const char *object_tail(const struct object *object)
{
	return object->pool + object->tail;
}

const char *object_namespace(const struct object *object)
{
	return object->pool + object->namespace;
}

const char *object_name(const struct object *object)
{
	return object->pool + object->name;
}

const char *object_uid(const struct object *object)
{
	return object->pool + object->uid;
}

uint64_t object_revision(const struct object *object)
{
	return object->revision;
}

bool object_deleting(const struct object *object)
{
	return object->deleting;
}

bool object_has_finalizers(const struct object *object)
{
	return object->finalizers;
}

int64_t object_created_ns(const struct object *object)
{
	return object->created_ns;
}

size_t object_memory(const struct object *object)
{
	return sizeof(*object) + object->size;
}

const char *object_labels(const struct object *object)
{
	return object->pool + object->labels;
}

const char *object_cells(const struct object *object)
{
	return object->cells ? object->pool + object->cells : NULL;
}

const char *object_bytes(const struct object *object, size_t *ret_len)
{
	*ret_len = object->json_len;
	return object->pool + object->json;
}

/* Walk a run of pairs: the second text of the pair whose first is @key. */
static const char *run_find(const char *run, const char *key)
{
	while (*run) {
		const char *value = run + strlen(run) + 1;

		if (strcmp(run, key) == 0)
			return value;
		run = value + strlen(value) + 1;
	}
	return NULL;
}

const char *object_label(const struct object *object, const char *key)
{
	return run_find(object->pool + object->labels, key);
}

const char *object_owner_uid(const struct object *object, size_t i, bool *ret_controller)
{
	const char *run = object->pool + object->owners;

	for (; *run; i--) {
		const char *flag = run + strlen(run) + 1;

		if (i == 0) {
			if (ret_controller)
				*ret_controller = *flag == 'c';
			return run;
		}
		run = flag + strlen(flag) + 1;
	}
	return NULL;
}

enum { FIELD_NAME = 1000, FIELD_NAMESPACE };

int object_field_index(const struct schema_kind *kind, const char *path)
{
	if (strcmp(path, "metadata.name") == 0)
		return FIELD_NAME;
	if (strcmp(path, "metadata.namespace") == 0 && kind->namespaced)
		return FIELD_NAMESPACE;
	for (int i = 0; kind->field_selectors && kind->field_selectors[i]; i++)
		if (strcmp(kind->field_selectors[i], path) == 0)
			return i;
	return -ENOENT;
}

const char *object_field_at(const struct object *object, int index)
{
	const char *run = object->pool + object->fields;

	if (index == FIELD_NAME)
		return object_name(object);
	if (index == FIELD_NAMESPACE)
		return object_namespace(object);
	while (index-- > 0)
		run += strlen(run) + 1;
	return run;
}

const char *object_field(const struct object *object, const char *path)
{
	int index = object_field_index(object->kind, path);

	return index < 0 ? "" : object_field_at(object, index);
}

/* ---- writing out ---- */

static size_t digits_of(uint64_t n, char digits[21])
{
	char *p = digits + 20;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	size_t len = (size_t)(digits + 20 - p);

	memmove(digits, p, len + 1);
	return len;
}

static char *put(char *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

/* The stored bytes from @at to @end with resourceVersion behind the uid. */
static char *put_spliced(const struct object *object, uint32_t at, uint32_t end, char *to)
{
	const char *json = object->pool + object->json;
	char digits[21];
	size_t n = digits_of(object->revision, digits);

	if (!object->rv_at || !object->revision) /* a dry run's has none */
		return put(to, json + at, end - at);
	to = put(to, json + at, object->rv_at - at);
	to = put(to, RV_HEAD, sizeof(RV_HEAD) - 1);
	to = put(to, digits, n);
	*to++ = '"';
	return put(to, json + object->rv_at, end - object->rv_at);
}

static size_t spliced_len(const struct object *object)
{
	char digits[21];

	return object->rv_at && object->revision
		       ? sizeof(RV_HEAD) + digits_of(object->revision, digits)
		       : 0;
}

size_t object_form_len(const struct object *object, enum object_form form)
{
	size_t len = spliced_len(object);

	if (form == OBJECT_FULL)
		return len + object->json_len;
	if (form == OBJECT_ITEM)
		return len + 1 + object->json_len - object->item_at;
	return len + strlen(partial_heads[form]) + object->meta_end - object->meta_at + 1;
}

char *object_form_put(const struct object *object, enum object_form form, char *to)
{
	if (form == OBJECT_FULL)
		return put_spliced(object, 0, object->json_len, to);
	if (form == OBJECT_ITEM) {
		*to++ = '{';
		return put_spliced(object, object->item_at, object->json_len, to);
	}
	to = put(to, partial_heads[form], strlen(partial_heads[form]));
	to = put_spliced(object, object->meta_at, object->meta_end, to);
	*to++ = '}';
	return to;
}

int object_form_write(const struct object *object, enum object_form form, struct buf *buf)
{
	size_t len = object_form_len(object, form);
	int r = buf_reserve(buf, len);

	if (r < 0)
		return r;
	(void)object_form_put(object, form, buf->data + buf->len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int object_write(const struct object *object, struct buf *buf)
{
	return object_form_write(object, OBJECT_FULL, buf);
}

/* The bytes without managedFields, with or without resourceVersion. */
static int write_short(const struct object *object, bool revision, struct buf *buf)
{
	const char *json = object->pool + object->json;
	uint32_t cut = object->managed_at ? object->managed_at - MANAGED_HEAD_LEN : 0;
	uint32_t end = cut ? cut : object->json_len;
	char *p;

	if (buf_reserve(buf, object_form_len(object, OBJECT_FULL)) < 0)
		return buf_error(buf);
	p = revision ? put_spliced(object, 0, end, buf->data) : put(buf->data, json, end);
	if (cut)
		p = put(p, json + object->managed_end, object->json_len - object->managed_end);
	*p = '\0';
	buf->len = (size_t)(p - buf->data);
	return 0;
}

struct json_object *object_parse(const struct object *object)
{
	auto_buf struct buf text = { 0 };
	struct json_object *json = NULL;

	if (write_short(object, true, &text) < 0 ||
	    json_parse(text.data, text.len, &json, NULL) < 0)
		return NULL;
	return json;
}

struct json_object *object_parse_stored(const struct object *object)
{
	auto_buf struct buf text = { 0 };
	struct json_object *json = NULL;

	if (write_short(object, false, &text) < 0 ||
	    json_parse(text.data, text.len, &json, NULL) < 0)
		return NULL;
	return json;
}

struct json_object *object_parse_all(const struct object *object)
{
	auto_buf struct buf text = { 0 };
	struct json_object *json = NULL;

	if (object_write(object, &text) < 0 || json_parse(text.data, text.len, &json, NULL) < 0)
		return NULL;
	return json;
}

const char *object_managed(const struct object *object, size_t *ret_len)
{
	*ret_len = object->managed_end - object->managed_at;
	return object->pool + object->json + object->managed_at;
}

int object_tail_write(struct buf *buf, const struct schema_kind *kind, const char *namespace,
		      const char *name)
{
	if (kind->namespaced)
		(void)buf_printf(buf, "%s/", namespace);
	(void)buf_puts(buf, name);
	return buf_error(buf);
}
