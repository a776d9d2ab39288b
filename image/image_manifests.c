/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_manifests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "image/layer_stream.h"
#include "image/limits.h"

static void pending_image_done(struct pending_image *image)
{
	(void)manifest_free(image->manifest);
	for (size_t i = 0; i < image->n_names; i++)
		free(image->names[i]);
	free(image->names);
	free(image->blobs);
}
static inline void own_pending_image_done(struct pending_image *image)
{
	pending_image_done(image);
}

void pending_images_done(struct pending_images *images)
{
	for (size_t i = 0; i < images->n; i++)
		pending_image_done(&images->items[i]);
	free(images->items);
	*images = (struct pending_images){ 0 };
}

int pending_image_name(struct pending_image *image, const char *name)
{
	for (size_t i = 0; i < image->n_names; i++)
		if (strcmp(image->names[i], name) == 0)
			return 0;
	if (image->n_names == IMAGE_MANIFESTS_MAX)
		return -E2BIG;
	if (array_grow(&image->names, &image->cap_names, image->n_names + 1, sizeof(char *)) < 0)
		return -ENOMEM;
	image->names[image->n_names] = strdup(name);
	if (!image->names[image->n_names])
		return -ENOMEM;
	image->n_names++;
	return 0;
}

const char *pending_image_label(const struct pending_image *image)
{
	return image->n_names ? image->names[0] : image->digest;
}

const struct source_file *pending_image_layer(const struct pending_image *image, size_t i)
{
	return image->blobs[image->n_blobs - image->manifest->n_layers + i];
}

static int need_blob(struct pending_image *image, const struct source_file *file)
{
	if (array_grow(&image->blobs, &image->cap_blobs, image->n_blobs + 1,
		       sizeof(image->blobs[0])) < 0)
		return -ENOMEM;
	image->blobs[image->n_blobs++] = file;
	return 0;
}

/* Takes *image over. */
static int add_image(struct pending_images *images, struct pending_image *image, struct err *err)
{
	if (images->n == IMAGE_MANIFESTS_MAX)
		return err_say(err, -E2BIG, "it holds more than %d images", IMAGE_MANIFESTS_MAX);
	if (array_grow(&images->items, &images->cap, images->n + 1, sizeof(*image)) < 0)
		return err_set(err, -ENOMEM, "read images");
	images->items[images->n++] = *image;
	*image = (struct pending_image){ 0 };
	return 0;
}

static int add_name(struct pending_image *image, const char *text, struct err *err)
{
	struct image_ref ref;
	int r = image_ref_parse(text, &ref, err);

	if (r < 0)
		return err_prefix(err, r, "its name \"%.100s\"", text);
	r = pending_image_name(image, ref.canonical);
	return r < 0 ? err_set(err, r, "name image %s", ref.canonical) : 0;
}

/* ---- blobs ---- */

/* Blob of @d, with the digest and the size that were promised. */
static int find_described(struct image_source *source, const struct descriptor *d,
			  const struct source_file **ret, struct err *err)
{
	int r = image_source_find_blob(source, d->digest, ret, err);

	if (r < 0)
		return r;
	if (strcmp((*ret)->digest, d->digest) != 0)
		return err_say(err, -EBADMSG, "blob %s is damaged: its content has digest %s",
			       d->digest, (*ret)->digest);
	if ((*ret)->size != d->size)
		return err_say(err, -EBADMSG, "blob %s has %llu bytes, its descriptor says %llu",
			       d->digest, (unsigned long long)(*ret)->size,
			       (unsigned long long)d->size);
	return 0;
}

/* The content of a file, checked once more if it came from the store. */
static int read_file(struct image_source *source, const struct source_file *file, struct buf *text,
		     struct err *err)
{
	char hex[SHA256_HEX];
	int r;

	if (file->size > IMAGE_JSON_MAX)
		return err_say(err, -E2BIG, "%s has %llu bytes; %zu are allowed", file->path,
			       (unsigned long long)file->size, IMAGE_JSON_MAX);
	r = image_source_read(source, file, text, err);
	if (r < 0)
		return r;
	sha256_of(buf_str(text), text->len, hex);
	if (strcmp(hex, digest_hex(file->digest)) != 0)
		return err_say(err, -EBADMSG, "%s is damaged in the store", file->path);
	return 0;
}

static int read_json(struct image_source *source, const struct source_file *file,
		     struct json_object **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(0);
	int r = read_file(source, file, &text, err);

	if (r == 0)
		r = json_parse(buf_str(&text), text.len, ret, err);
	return r < 0 ? err_prefix(err, r, "%s", file->path) : 0;
}

/* ---- OCI ---- */

struct index_walk {
	struct image_source *source;
	struct pending_images *images;
	struct err *err;
};

/* The names that a descriptor of index.json carries. */
static int read_names(struct pending_image *image, const struct json_object *descriptor,
		      struct err *err)
{
	const struct json_object *notes = json_get(descriptor, "annotations");
	const char *full = json_str(json_get(notes, "io.containerd.image.name"));
	const char *ref = json_str(json_get(notes, "org.opencontainers.image.ref.name"));

	if (full)
		return add_name(image, full, err);
	/* The second may be a bare tag, which names nothing. */
	return ref && strpbrk(ref, "/:@") ? add_name(image, ref, err) : 0;
}

/* How well a descriptor of an index fits this machine: 0 not at all, 1 says nothing, 2 exactly. */
static int platform_fit(const struct json_object *descriptor)
{
	const struct json_object *platform = json_get(descriptor, "platform");
	const char *os = json_str_at(platform, "os"), *arch = json_str_at(platform, "architecture");

	if (json_has(json_get(descriptor, "annotations"), "vnd.docker.reference.type"))
		return 0; /* an attestation */
	if (!os && !arch)
		return 1;
	return os && arch && strcmp(os, "linux") == 0 && strcmp(arch, machine_architecture()) == 0
		       ? 2
		       : 0;
}

/* The file of a blob of @image's manifest: by digest; in a docker-save archive, where names say
 * nothing about digests, by the path that manifest.json gives. @saved: its item, or NULL. */
static int find_part(struct index_walk *walk, const struct json_object *saved, const char *path,
		     const struct descriptor *d, const struct source_file **ret)
{
	return saved ? image_source_find(walk->source, path, ret, walk->err)
		     : find_described(walk->source, d, ret, walk->err);
}

static int take_manifest(struct index_walk *walk, struct pending_image *image,
			 const struct source_file *file, const struct json_object *saved)
{
	const struct json_object *paths = json_get(saved, "Layers");
	auto_buf struct buf text = BUF_INIT(0), config_text = BUF_INIT(0);
	const struct source_file *blob;
	struct err *err = walk->err;
	int r = read_file(walk->source, file, &text, err);

	if (r < 0)
		return r;
	r = manifest_parse(&text, &image->manifest, err);
	if (r < 0)
		return err_prefix(err, r, "manifest %s", file->digest);
	r = find_part(walk, saved, json_str_at(saved, "Config"), &image->manifest->config, &blob);
	if (r == 0)
		r = read_file(walk->source, blob, &config_text, err);
	if (r == 0)
		r = manifest_add_config(image->manifest, &config_text, err);
	if (r < 0)
		return err_prefix(err, r, "config %s", image->manifest->config.digest);
	r = need_blob(image, file);
	if (r == 0)
		r = need_blob(image, blob);
	for (size_t i = 0; r == 0 && i < image->manifest->n_layers; i++) {
		r = find_part(walk, saved, json_str(json_idx(paths, i)),
			      &image->manifest->layers[i], &blob);
		if (r < 0)
			return err_prefix(err, r, "layer %zu of %zu", i + 1,
					  image->manifest->n_layers);
		r = need_blob(image, blob);
	}
	return r < 0 ? err_set(err, r, "read manifest %s", file->digest) : 0;
}

/* In an index that one name points to: the manifest (or deeper index) for this machine. */
static int choose(const struct json_object *index, const struct json_object **ret, struct err *err)
{
	const struct json_object *list = json_get(index, "manifests");
	int best = 0;

	if (json_len(list) > IMAGE_MANIFESTS_MAX)
		return err_say(err, -E2BIG, "it lists more than %d manifests", IMAGE_MANIFESTS_MAX);
	for (size_t i = 0; i < json_len(list); i++) {
		int fit = platform_fit(json_idx(list, i));

		if (fit > best) {
			best = fit;
			*ret = json_idx(list, i);
		}
	}
	return best ? 0
		    : err_say(err, -ENOENT, "it has no manifest for linux/%s",
			      machine_architecture());
}

/* From a named descriptor down to one manifest. */
static int take_descriptor(struct index_walk *walk, struct pending_image *image,
			   const struct json_object *descriptor)
{
	auto_json struct json_object *document = NULL; /* what @descriptor is part of */
	struct err *err = walk->err;

	for (int depth = 0; depth < IMAGE_INDEX_DEPTH_MAX; depth++) {
		struct json_object *json = NULL;
		const struct source_file *file;
		struct descriptor d;
		bool index;
		int r = descriptor_read(descriptor, &d, err);

		if (r == 0)
			r = find_described(walk->source, &d, &file, err);
		if (r == 0)
			r = read_json(walk->source, file, &json, err);
		if (r < 0)
			return r;
		index = media_type_is_index(d.media_type, json);
		(void)json_unref(document);
		document = json;
		memcpy(image->digest, d.digest, sizeof(image->digest));
		if (depth == 0)
			memcpy(image->target, d.digest, sizeof(image->target));
		if (!index)
			return take_manifest(walk, image, file, NULL);
		r = need_blob(image, file);
		if (r < 0)
			return err_set(err, r, "read index %s", d.digest);
		r = choose(json, &descriptor, err);
		if (r < 0)
			return err_prefix(err, r, "index %s", d.digest);
	}
	return err_say(err, -ELOOP, "its indexes are nested more than %d deep",
		       IMAGE_INDEX_DEPTH_MAX);
}

static int read_index(struct image_source *source, const struct source_file *file,
		      struct pending_images *images, struct err *err)
{
	struct index_walk walk = { source, images, err };
	auto_json struct json_object *index = NULL;
	const struct json_object *list;
	bool exact = false;
	int r = read_json(source, file, &index, err);

	if (r < 0)
		return r;
	list = json_get(index, "manifests");
	if (json_kind(list) != JSON_ARRAY || json_len(list) > IMAGE_MANIFESTS_MAX)
		return err_say(err, -EINVAL,
			       "index.json has no list of manifests, or too long a one");
	for (size_t i = 0; i < json_len(list); i++)
		exact = exact || platform_fit(json_idx(list, i)) == 2;
	for (size_t i = 0; i < json_len(list); i++) {
		OWN(pending_image) struct pending_image image = { 0 };
		int fit = platform_fit(json_idx(list, i));

		/* A list for many machines: only ours. A list of many images: all. */
		if (fit == 0 && (exact || json_len(list) > 1))
			continue;
		r = read_names(&image, json_idx(list, i), err);
		if (r == 0)
			r = take_descriptor(&walk, &image, json_idx(list, i));
		if (r < 0)
			return err_prefix(err, r, "image %s",
					  image.n_names	  ? image.names[0]
					  : *image.digest ? image.digest
							  : "without a name");
		r = add_image(images, &image, err);
		if (r < 0)
			return r;
	}
	return images->n ? 0
			 : err_say(err, -ENOENT, "index.json lists no image for linux/%s",
				   machine_architecture());
}

/* ---- docker save ---- */

static const char *const docker_layer_types[] = {
	[LAYER_PLAIN] = "application/vnd.docker.image.rootfs.diff.tar",
	[LAYER_GZIP] = "application/vnd.docker.image.rootfs.diff.tar.gzip",
	[LAYER_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
};
_Static_assert(ARRAY_LEN(docker_layer_types) == LAYER_COMPRESSION_COUNT, "a type each");

static int write_descriptor(struct buf *text, const char *type, const struct source_file *file)
{
	return buf_printf(text, "{\"mediaType\":\"%s\",\"size\":%llu,\"digest\":\"%s\"}", type,
			  (unsigned long long)file->size, file->digest);
}

static int write_layer(struct image_source *source, const struct json_object *path,
		       struct buf *text, struct err *err)
{
	const struct source_file *file;
	int r;

	if (!json_str(path))
		return err_say(err, -EINVAL, "it is no path");
	r = image_source_find(source, json_str(path), &file, err);
	if (r < 0)
		return r;
	auto_close int fd = image_source_open_file(source, file);
	int compression = fd < 0 ? fd : layer_compression_of(fd);

	if (compression < 0)
		return err_set(err, compression, "read %s", file->path);
	r = write_descriptor(text, docker_layer_types[compression], file);
	return r < 0 ? err_set(err, r, "describe %s", file->path) : 0;
}

/*
 * `docker save` writes no manifest. The one made here is what a registry would get from a push of
 * the same files, so that everything after this point knows one kind of image only.
 */
static int write_manifest(struct image_source *source, const struct json_object *item,
			  struct buf *text, struct err *err)
{
	const struct json_object *layers = json_get(item, "Layers");
	const char *config = json_str_at(item, "Config");
	const struct source_file *file;
	int r;

	if (!config || json_kind(layers) != JSON_ARRAY)
		return err_say(err, -EINVAL, "manifest.json: Config or Layers is missing");
	if (json_len(layers) > IMAGE_LAYERS_MAX)
		return err_say(err, -E2BIG, "%zu layers are more than %d", json_len(layers),
			       IMAGE_LAYERS_MAX);
	r = image_source_find(source, config, &file, err);
	if (r < 0)
		return r;
	(void)buf_puts(text,
		       "{\"schemaVersion\":2,\"mediaType\":"
		       "\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":");
	(void)write_descriptor(text, "application/vnd.docker.container.image.v1+json", file);
	(void)buf_puts(text, ",\"layers\":[");
	for (size_t i = 0; i < json_len(layers); i++) {
		if (i)
			(void)buf_putc(text, ',');
		r = write_layer(source, json_idx(layers, i), text, err);
		if (r < 0)
			return err_prefix(err, r, "layer %zu of %zu", i + 1, json_len(layers));
	}
	(void)buf_puts(text, "]}");
	return buf_error(text) ? err_set(err, buf_error(text), "make a manifest") : 0;
}

static int read_tags(struct pending_image *image, const struct json_object *tags, struct err *err)
{
	for (size_t i = 0; i < json_len(tags); i++) {
		const char *tag = json_str(json_idx(tags, i));
		int r = tag ? add_name(image, tag, err)
			    : err_say(err, -EINVAL, "manifest.json: a tag is no string");

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_saved(struct image_source *source, size_t i, const struct json_object *item,
		      struct pending_images *images, struct err *err)
{
	OWN(pending_image) struct pending_image image = { 0 };
	auto_buf struct buf text = BUF_INIT(IMAGE_JSON_MAX);
	struct index_walk walk = { source, images, err };
	const struct source_file *file;
	char path[32];
	int r = read_tags(&image, json_get(item, "RepoTags"), err);

	if (r == 0)
		r = write_manifest(source, item, &text, err);
	(void)snprintf(path, sizeof(path), "//manifest-%zu", i); /* no clean path is like it */
	if (r == 0)
		r = image_source_add(source, path, &text, &file, err);
	if (r == 0) {
		memcpy(image.digest, file->digest, sizeof(image.digest));
		memcpy(image.target, file->digest, sizeof(image.target));
		r = take_manifest(&walk, &image, file, item);
	}
	if (r < 0)
		return err_prefix(err, r, "image %s",
				  image.n_names ? image.names[0] : "without a name");
	return add_image(images, &image, err);
}

static int read_saved(struct image_source *source, const struct source_file *file,
		      struct pending_images *images, struct err *err)
{
	auto_json struct json_object *list = NULL;
	int r = read_json(source, file, &list, err);

	if (r < 0)
		return r;
	if (json_kind(list) != JSON_ARRAY || json_len(list) == 0)
		return err_say(err, -EINVAL, "manifest.json lists no images");
	for (size_t i = 0; r == 0 && i < json_len(list); i++)
		r = take_saved(source, i, json_idx(list, i), images, err);
	return r;
}

int pending_images_read(struct image_source *source, struct pending_images *ret, struct err *err)
{
	static const struct {
		const char *path;
		int (*read)(struct image_source *source, const struct source_file *file,
			    struct pending_images *images, struct err *err);
	} kinds[] = {
		{ "index.json",
		  read_index }, /* newer `docker save` writes both; this has digests */
		{ "manifest.json", read_saved },
	};
	auto_pending_images struct pending_images images = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct source_file *file;
		int r = image_source_find(source, kinds[i].path, &file, err);

		if (r == -ENOENT)
			continue;
		if (r == 0)
			r = kinds[i].read(source, file, &images, err);
		if (r < 0)
			return r;
		*ret = images;
		images = (struct pending_images){ 0 };
		return 0;
	}
	return err_say(
		err, -EINVAL,
		"neither an OCI layout nor a docker-save archive: it has no index.json and no "
		"manifest.json");
}
