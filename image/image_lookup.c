/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_lookup.h"

#include <errno.h>
#include <string.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "image/limits.h"

int image_blob_read(int blobs_fd, const char *digest, const char *what, struct buf *ret,
		    struct err *err)
{
	char hex[SHA256_HEX];
	struct err why = { 0 };
	int r;

	ret->max = IMAGE_JSON_MAX;
	r = fd_read_file_at(blobs_fd, digest_hex(digest), ret, &why);
	if (r == -ENOENT)
		return err_say(err, r, "%s %s is not here", what, digest);
	if (r < 0)
		return err_say(err, r, "%s %s: %s", what, digest, why.text);
	sha256_of(buf_str(ret), ret->len, hex);
	if (strcmp(hex, digest_hex(digest)) != 0)
		return err_say(err, -EBADMSG, "%s %s is damaged: its content has digest sha256:%s",
			       what, digest, hex);
	return 0;
}

int image_manifest_load(int blobs_fd, const char *digest, struct manifest **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(0), config_text = BUF_INIT(0);
	auto_manifest struct manifest *m = NULL;
	int r = image_blob_read(blobs_fd, digest, "manifest", &text, err);

	if (r < 0)
		return r;
	r = manifest_parse(&text, &m, err);
	if (r < 0)
		return err_prefix(err, r, "manifest %s", digest);
	r = image_blob_read(blobs_fd, m->config.digest, "config", &config_text, err);
	if (r < 0)
		return r;
	r = manifest_add_config(m, &config_text, err);
	if (r < 0)
		return err_prefix(err, r, "config %s", m->config.digest);
	*ret = take_ptr(&m);
	return 0;
}

/* Borrowed from the cache. */
static int load(struct image_store *store, const char *digest, struct image_shared **ret,
		struct err *err)
{
	auto_manifest struct manifest *m = NULL;
	int r;

	for (size_t i = 0; i < store->n_cache; i++)
		if (strcmp(store->cache[i]->image.manifest, digest) == 0) {
			*ret = store->cache[i];
			return 0;
		}
	r = image_manifest_load(store->blobs_fd, digest, &m, err);
	if (r < 0)
		return r;
	if (array_grow(&store->cache, &store->cap_cache, store->n_cache + 1,
		       sizeof(struct image_shared *)) < 0)
		return err_set(err, -ENOMEM, "load image %s", digest);
	r = image_shared_new(m, digest, &store->names, ret);
	if (r < 0)
		return err_set(err, r, "load image %s", digest);
	store->cache[store->n_cache++] = *ret;
	return 0;
}

/* ---- names ---- */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "…/nginx@sha256:…": a name of that repository with that digest. */
static const char *by_repo_digest(const struct image_names *names, const struct image_ref *ref)
{
	size_t n = strlen(ref->name);

	for (size_t i = 0; i < names->n; i++) {
		const struct image_name *item = &names->items[i];

		if (starts_with(item->name, ref->name) && strchr(":@", item->name[n]) &&
		    (strcmp(item->manifest, ref->digest) == 0 ||
		     strcmp(item->target, ref->digest) == 0))
			return item->manifest;
	}
	return NULL;
}

static const char *by_name(const struct image_names *names, const char *name)
{
	const struct image_name *item;
	struct image_ref ref;

	if (image_ref_parse(name, &ref, NULL) < 0)
		return NULL;
	item = image_names_find(names, ref.canonical);
	if (item)
		return item->manifest;
	return ref.has_digest ? by_repo_digest(names, &ref) : NULL;
}

/* A digest of manifest, target or config, or the beginning of an id's hex digits. */
static int by_digest(struct image_store *store, const char *name, const char **ret, struct err *err)
{
	const char *hex = starts_with(name, "sha256:") ? name + 7 : name, *found = NULL;
	size_t len = strlen(hex);

	if (len < 3 || len > DIGEST_HEX || strspn(hex, "0123456789abcdef") != len)
		return -ENOENT;
	for (size_t i = 0; i < store->names.n; i++) {
		const struct image_name *item = &store->names.items[i];
		struct image_shared *shared;
		bool match = len == DIGEST_HEX && (strcmp(digest_hex(item->manifest), hex) == 0 ||
						   strcmp(digest_hex(item->target), hex) == 0);

		if (!match && load(store, item->manifest, &shared, NULL) == 0)
			match = starts_with(digest_hex(shared->image.id), hex);
		if (!match)
			continue;
		if (found && strcmp(found, item->manifest) != 0)
			return err_say(err, -EINVAL, "image %s: the id is ambiguous", name);
		found = item->manifest;
	}
	*ret = found;
	return found ? 0 : -ENOENT;
}

int image_resolve(struct image_store *store, const char *name, char ret_manifest[IMAGE_DIGEST_MAX],
		  struct err *err)
{
	const char *found = by_name(&store->names, name);
	int r = found ? 0 : by_digest(store, name, &found, err);

	if (r == -ENOENT)
		return err_say(err, r, "image %.200s: no such image", name);
	if (r < 0)
		return r;
	memcpy(ret_manifest, found, IMAGE_DIGEST_MAX);
	return 0;
}

/* ---- the door's functions ---- */

int image_find(struct image_store *store, const char *name, struct image **ret, struct err *err)
{
	char digest[IMAGE_DIGEST_MAX];
	struct image_shared *shared;
	int r = image_store_refresh(store, err);

	if (r == 0)
		r = image_resolve(store, name, digest, err);
	if (r < 0)
		return r;
	r = load(store, digest, &shared, err);
	if (r < 0)
		return err_prefix(err, r, "image %s", name);
	*ret = &image_shared_ref(shared)->image;
	return 0;
}

void image_list_free(struct image **images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)image_free(images[i]);
	free(images);
}

int image_list(struct image_store *store, struct image ***ret, size_t *ret_n, struct err *err)
{
	struct image **list;
	size_t n = 0;
	int r = image_store_refresh(store, err);

	if (r < 0)
		return r;
	list = calloc(store->names.n + 1, sizeof(struct image *));
	if (!list)
		return err_set(err, -ENOMEM, "list images");
	for (size_t i = 0; i < store->names.n; i++) {
		struct image_shared *shared;
		bool seen = false;

		/* One damaged image must not hide the others: image_find() tells about it. */
		r = load(store, store->names.items[i].manifest, &shared, err);
		if (r == -ENOMEM) {
			image_list_free(list, n);
			return r;
		}
		if (r < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			seen = seen || list[k] == &shared->image;
		if (!seen)
			list[n++] = &image_shared_ref(shared)->image;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int image_inspect(struct image_store *store, const char *name, struct buf *ret_json,
		  struct err *err)
{
	auto_json struct json_object *json = json_new_object();
	auto_manifest struct manifest *m = NULL;
	auto_image struct image *image = NULL;
	struct json_object *names = json_new_array();
	int r = image_find(store, name, &image, err);

	if (r == 0)
		r = image_manifest_load(store->blobs_fd, image->manifest, &m, err);
	if (r < 0) {
		(void)json_unref(names);
		return r;
	}
	if (!json || !names) {
		(void)json_unref(names);
		return err_set(err, -ENOMEM, "inspect %s", name);
	}
	for (size_t i = 0; image->names[i]; i++)
		r = r ? r : json_add(names, json_new_string(image->names[i]));
	if (json_put_str(json, "id", image->id) < 0 ||
	    json_put_str(json, "digest", image->manifest) < 0)
		r = -ENOMEM;
	r = json_put(json, "names", names) < 0 ? -ENOMEM : r;
	r = r ? r : json_put(json, "manifest", json_ref(m->json));
	r = r ? r : json_put(json, "config", json_ref(m->config_json));
	r = r ? r : json_write_style(ret_json, json, JSON_INDENT_4);
	return r < 0 ? err_set(err, r, "inspect %s", name) : 0;
}
