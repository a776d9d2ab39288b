/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/object.h"

#include <errno.h>
#include <string.h>

#include "orchestrator/core/objectmap.h"
#include "orchestrator/core/objectparts.h"

/* The envelope of every PartialObjectMetadata; the metadata slice and '}' follow. */
#define PARTIAL_HEAD(version)                                                                      \
	"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/" version                \
	"\",\"metadata\":"
static const char *const partial_heads[OBJECT_FORM_COUNT] = {
	[OBJECT_PARTIAL] = PARTIAL_HEAD("v1"),
	[OBJECT_PARTIAL_BETA] = PARTIAL_HEAD("v1beta1"),
};
#define RV_HEAD ",\"resourceVersion\":\""

struct map_node *object_node(struct object *object)
{
	return &object->node;
}

struct object *object_of_node(const struct map_node *node)
{
	return node ? map_entry((struct map_node *)node, struct object, node) : NULL;
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
