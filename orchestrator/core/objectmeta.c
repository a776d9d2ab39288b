/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/objectmeta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

/* A name is cut so that five random characters still fit into 63. */
#define GENERATED_BASE_MAX 58
#define GENERATED_TRIES	   8

void objectmeta_random_suffix(struct core *core, char suffix[6])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char random[5];

	core->options.env.random(core->options.env.data, random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		suffix[i] = letters[random[i] % (sizeof(letters) - 1)];
	suffix[5] = '\0';
}

void objectmeta_uid(struct core *core, char uid[37])
{
	unsigned char b[16];

	core->options.env.random(core->options.env.data, b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(uid, 37,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
}

static int generate_name(struct request *request, struct json_object *metadata)
{
	const char *base = json_str(json_get(metadata, "generateName"));
	char name[GENERATED_BASE_MAX + 6];
	bool saw = false;

	for (unsigned i = 0; i < GENERATED_TRIES; i++) {
		auto_buf struct buf tail = { 0 };
		char suffix[6];

		objectmeta_random_suffix(request->core, suffix);
		(void)snprintf(name, sizeof(name), "%.*s%s", GENERATED_BASE_MAX, base, suffix);
		if (object_tail_write(&tail, request->kind, request->namespace, name) < 0)
			return -ENOMEM;
		if (!state_see(request->resource, buf_str(&tail), &saw))
			break;
	}
	return json_put_str(metadata, "name", name);
}

/* The metadata object, made if need be. */
static struct json_object *metadata_of(struct json_object *json)
{
	struct json_object *metadata = json_get(json, "metadata");

	if (json_kind(metadata) == JSON_OBJECT)
		return metadata;
	metadata = json_new_object();
	return metadata && json_put(json, "metadata", metadata) == 0 ? metadata : NULL;
}

int objectmeta_set_namespace(const struct schema_kind *kind, struct json_object *json,
			     const char *namespace)
{
	struct json_object *metadata = metadata_of(json);

	if (!metadata)
		return -ENOMEM;
	if (!kind->namespaced) {
		json_del(metadata, "namespace");
		return 0;
	}
	return json_put_str(metadata, "namespace", namespace);
}

int objectmeta_on_create(struct request *request, struct json_object *json)
{
	static const char *const dropped[] = { "resourceVersion", "deletionTimestamp",
					       "deletionGracePeriodSeconds", "selfLink",
					       "managedFields" };
	struct json_object *metadata = metadata_of(json);
	const char *name, *base;
	char uid[37], now[TIME_TEXT_MAX];
	int r = metadata ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
		json_del(metadata, dropped[i]);
	name = json_str(json_get(metadata, "name"));
	base = json_str(json_get(metadata, "generateName"));
	if ((!name || !*name) && base && *base)
		r = generate_name(request, metadata);
	objectmeta_uid(request->core, uid);
	if (r == 0)
		r = json_put_str(metadata, "uid", uid);
	if (r == 0)
		r = json_put_str(metadata, "creationTimestamp", time_format(request->now_ns, now));
	if (r == 0 && request->kind->has_generation)
		r = json_put_int(metadata, "generation", 1);
	return r;
}

int objectmeta_on_update(const struct schema_kind *kind, struct json_object *json,
			 const struct json_object *old)
{
	static const struct {
		const char *key;
		bool always; /* also over what the client sent */
	} kept[] = {
		{ "name", false },
		{ "generateName", false },
		{ "namespace", false },
		{ "uid", false },
		{ "creationTimestamp", false },
		{ "deletionTimestamp", false },
		{ "generation", true },
		{ "deletionGracePeriodSeconds", false },
		{ "selfLink", true },
	};
	const struct json_object *from = json_get(old, "metadata");
	struct json_object *metadata = metadata_of(json);
	int r = metadata ? 0 : -ENOMEM;

	if (r == 0)
		json_del(metadata, "resourceVersion");
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(kept); i++) {
		struct json_object *value = json_get(from, kept[i].key);
		bool always = kept[i].always && (kind->has_generation || value);

		if (value && (always || !json_get(metadata, kept[i].key)))
			r = json_put(metadata, kept[i].key, json_ref(value));
		else if (always && !value)
			json_del(metadata, kept[i].key);
	}
	return r;
}

/* Anything beside metadata and status; for some kinds labels count too. */
static bool counts(const char *key)
{
	return strcmp(key, "metadata") != 0 && strcmp(key, "status") != 0;
}

static bool content_changed(const struct json_object *a, const struct json_object *b)
{
	struct json_iter it;

	json_for_each (it, a)
		if (counts(it.key) && !json_equal(it.value, json_get(b, it.key)))
			return true;
	json_for_each (it, b)
		if (counts(it.key) && !json_has(a, it.key) && !schema_is_zero(it.value))
			return true;
	return false;
}

int objectmeta_generation(const struct schema_kind *kind, struct json_object *json,
			  const struct json_object *old)
{
	struct json_object *metadata = json_get(json, "metadata");
	int64_t before = json_int_at(old, "metadata.generation", 0);
	bool labels_count = strcmp(kind->resource, "endpointslices") == 0;

	if (!kind->has_generation)
		return 0;
	if (!content_changed(old, json) &&
	    (!labels_count ||
	     json_equal(json_at(old, "metadata.labels"), json_at(json, "metadata.labels"))))
		return 0;
	return json_put_int(metadata, "generation", before + 1);
}

static bool managed_entry_equal(const struct json_object *a, const struct json_object *b)
{
	return objectmeta_equal_but(a, b, "time");
}

static bool managed_equal(const struct json_object *a, const struct json_object *b)
{
	if (json_len(a) != json_len(b))
		return false;
	for (size_t i = 0; i < json_len(a); i++)
		if (!managed_entry_equal(json_idx(a, i), json_idx(b, i)))
			return false;
	return true;
}

static bool objects_equal_but(const struct json_object *a, const struct json_object *b,
			      const char *key)
{
	struct json_iter it;

	json_for_each (it, a) {
		const struct json_object *other = json_get(b, it.key);

		if (strcmp(it.key, key) == 0)
			continue;
		if (strcmp(it.key, "managedFields") == 0
			    ? !managed_equal(it.value, other)
			    : !objectmeta_equal_but(it.value, other, key))
			return false;
	}
	json_for_each (it, b)
		if (strcmp(it.key, key) != 0 && !json_has(a, it.key))
			return false;
	return true;
}

bool objectmeta_equal_but(const struct json_object *a, const struct json_object *b, const char *key)
{
	if (json_kind(a) == JSON_OBJECT && json_kind(b) == JSON_OBJECT)
		return objects_equal_but(a, b, key);
	if (json_kind(a) != JSON_ARRAY || json_kind(b) != JSON_ARRAY)
		return json_equal(a, b);
	if (json_len(a) != json_len(b))
		return false;
	for (size_t i = 0; i < json_len(a); i++)
		if (!objectmeta_equal_but(json_idx(a, i), json_idx(b, i), key))
			return false;
	return true;
}
