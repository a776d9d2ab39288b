/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/limits.h"

#define NAMES_VERSION 1
#define NAMES_FILE    "refs.json"
#define NAMES_SUFFIX  ".names"

void image_names_done(struct image_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i].name);
	free(names->items);
	*names = (struct image_names){ 0 };
}

static int compare(const char *name, const char *manifest, const struct image_name *item)
{
	int r = strcmp(name, item->name);

	return r ? r : strcmp(manifest, item->manifest);
}

/* The first row not before (name, manifest). */
static size_t seek(const struct image_names *names, const char *name, const char *manifest)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (compare(name, manifest, &names->items[mid]) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int insert(struct image_names *names, const char *name, const char *manifest,
		  const char *target, uint64_t generation)
{
	size_t i = seek(names, name, manifest);
	struct image_name *item;
	char *copy;

	if (names->n >= IMAGE_NAMES_MAX)
		return -E2BIG;
	if (array_grow(&names->items, &names->cap, names->n + 1, sizeof(*names->items)) < 0)
		return -ENOMEM;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	item = &names->items[i];
	memmove(item + 1, item, (names->n - i) * sizeof(*item));
	names->n++;
	*item = (struct image_name){ .name = copy, .generation = generation };
	memcpy(item->manifest, manifest, strlen(manifest) + 1);
	memcpy(item->target, target, strlen(target) + 1);
	names->generation = MAX(names->generation, generation);
	return 0;
}

void image_names_drop(struct image_names *names, size_t i)
{
	free(names->items[i].name);
	names->n--;
	memmove(&names->items[i], &names->items[i + 1], (names->n - i) * sizeof(*names->items));
}

const struct image_name *image_names_find(const struct image_names *names, const char *name)
{
	size_t i = seek(names, name, "");

	return i < names->n && strcmp(names->items[i].name, name) == 0 ? &names->items[i] : NULL;
}

bool image_names_manifest(const struct image_names *names, const char *manifest)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i].manifest, manifest) == 0)
			return true;
	return false;
}

/* A row made elsewhere: the younger one has the name. */
static int merge(struct image_names *names, const char *name, const char *manifest,
		 const char *target, uint64_t generation)
{
	size_t i = seek(names, name, *name ? "" : manifest);

	if (i < names->n && strcmp(names->items[i].name, name) == 0 &&
	    (*name || strcmp(names->items[i].manifest, manifest) == 0)) {
		if (names->items[i].generation >= generation)
			return 0;
		image_names_drop(names, i);
	}
	return insert(names, name, manifest, target, generation);
}

int image_names_set(struct image_names *names, const char *name, const char *manifest,
		    const char *target)
{
	int r;

	if (!*name && image_names_manifest(names, manifest))
		return 0;
	r = merge(names, name, manifest, target, names->generation + 1);
	if (r < 0 || !*name)
		return r;
	size_t i = seek(names, "", manifest);

	if (i < names->n && compare("", manifest, &names->items[i]) == 0)
		image_names_drop(names, i);
	return 0;
}

int image_names_copy(const struct image_names *names, struct image_names *ret)
{
	auto_image_names struct image_names copy = { .generation = names->generation };

	for (size_t i = 0; i < names->n; i++) {
		const struct image_name *item = &names->items[i];
		int r = insert(&copy, item->name, item->manifest, item->target, item->generation);

		if (r < 0)
			return r;
	}
	*ret = copy;
	copy = (struct image_names){ 0 };
	return 0;
}

/* ---- text ---- */

static int row_read(struct image_names *names, const struct json_object *row)
{
	const char *name = json_str_at(row, "name"), *manifest = json_str_at(row, "manifest");
	const char *target = json_str_at(row, "target");
	int64_t generation = json_int_at(row, "generation", -1);
	struct image_ref ref;

	if (!name || !digest_valid(manifest) || !digest_valid(target) || generation < 0)
		return -EBADMSG;
	if (*name && (image_ref_parse(name, &ref, NULL) < 0 || strcmp(ref.canonical, name) != 0))
		return -EBADMSG;
	return merge(names, name, manifest, target, (uint64_t)generation);
}

static int names_read(int dir_fd, const char *path, struct image_names *names, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(IMAGE_NAMES_BYTES_MAX);
	auto_json struct json_object *json = NULL;
	const struct json_object *rows;
	int64_t version;
	int r = fd_read_file_at(dir_fd, path, &text, err);

	if (r < 0)
		return r;
	r = json_parse(buf_str(&text), text.len, &json, err);
	if (r < 0)
		return r == -ENOMEM ? r : err_prefix(err, -EBADMSG, "%s", path);
	version = json_int_at(json, "version", 0);
	if (version > NAMES_VERSION)
		return err_say(err, -EPROTONOSUPPORT,
			       "%s has version %lld; this program knows %d and older", path,
			       (long long)version, NAMES_VERSION);
	if (version < 1)
		return err_say(err, -EBADMSG, "%s has no version", path);
	rows = json_at(json, "names");
	for (size_t i = 0; i < json_len(rows); i++) {
		r = row_read(names, json_idx(rows, i));
		if (r < 0)
			return r == -EBADMSG ? err_say(err, r, "%s: row %zu is unreadable", path, i)
					     : err_set(err, r, "%s", path);
	}
	names->generation = MAX(names->generation, (uint64_t)json_int_at(json, "generation", 0));
	return 0;
}

int image_names_load(int dir_fd, struct image_names *ret, struct err *err)
{
	auto_image_names struct image_names names = { 0 };
	int r = names_read(dir_fd, NAMES_FILE, &names, err);

	if (r < 0)
		return r;
	*ret = names;
	names = (struct image_names){ 0 };
	return 0;
}

static struct json_object *row_new(const struct image_name *item)
{
	auto_json struct json_object *row = json_new_object();

	if (!row || json_put_str(row, "name", item->name) < 0 ||
	    json_put_str(row, "manifest", item->manifest) < 0 ||
	    json_put_str(row, "target", item->target) < 0 ||
	    json_put_int(row, "generation", (int64_t)item->generation) < 0)
		return NULL;
	return take_ptr(&row);
}

/* @manifest NULL: all rows. Returns how many. */
static int names_text(const struct image_names *names, const char *manifest, struct buf *text)
{
	auto_json struct json_object *json = json_new_object();
	struct json_object *rows = json_new_array();
	int n = 0;

	if (!json || json_put_int(json, "version", NAMES_VERSION) < 0 ||
	    json_put_int(json, "generation", (int64_t)names->generation) < 0) {
		(void)json_unref(rows);
		return -ENOMEM;
	}
	if (!rows || json_put(json, "names", rows) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		struct json_object *row;

		if (manifest && strcmp(names->items[i].manifest, manifest) != 0)
			continue;
		row = row_new(&names->items[i]);
		if (!row || json_add(rows, row) < 0)
			return -ENOMEM;
		n++;
	}
	if (json_write_style(text, json, JSON_INDENT_2) < 0 || buf_putc(text, '\n') < 0)
		return buf_error(text) ? buf_error(text) : -ENOMEM;
	return n;
}

int image_names_save(int dir_fd, const struct image_names *names, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(IMAGE_NAMES_BYTES_MAX);
	int r = names_text(names, NULL, &text);

	if (r < 0)
		return err_set(err, r, "write %s", NAMES_FILE);
	return fd_write_file_at(dir_fd, NAMES_FILE, text.data, text.len, 0600, err);
}

int image_names_save_beside(int blobs_fd, const struct image_names *names, const char *manifest,
			    struct err *err)
{
	auto_buf struct buf text = BUF_INIT(IMAGE_NAMES_BYTES_MAX);
	char path[DIGEST_HEX + sizeof(NAMES_SUFFIX)];
	int r = names_text(names, manifest, &text);

	(void)snprintf(path, sizeof(path), "%s" NAMES_SUFFIX, digest_hex(manifest));
	if (r < 0)
		return err_set(err, r, "write %s", path);
	if (r == 0)
		return unlinkat(blobs_fd, path, 0) < 0 && errno != ENOENT
			       ? err_set(err, -errno, "remove %s", path)
			       : 0;
	return fd_write_file_at(blobs_fd, path, text.data, text.len, 0600, err);
}

int image_names_rebuild(int blobs_fd, struct image_names *ret, struct err *err)
{
	auto_image_names struct image_names names = { 0 };
	auto_close int fd = openat(blobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir)
		return err_set(err, -errno, "read the blobs");
	(void)take_fd(&fd);
	while (r == 0 && (e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len != DIGEST_HEX + strlen(NAMES_SUFFIX) ||
		    strcmp(e->d_name + DIGEST_HEX, NAMES_SUFFIX) != 0)
			continue;
		r = names_read(blobs_fd, e->d_name, &names, err);
		if (r == -EBADMSG)
			r = 0;
	}
	(void)closedir(dir);
	if (r < 0)
		return r;
	*ret = names;
	names = (struct image_names){ 0 };
	return 0;
}
