/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/time.h"
#include "image/limits.h"

/* ---- descriptors and media types ---- */

int descriptor_read(const struct json_object *json, struct descriptor *ret, struct err *err)
{
	const char *digest = json_str_at(json, "digest"), *type = json_str_at(json, "mediaType");
	int64_t size = json_int_at(json, "size", -1);

	if (!digest)
		return err_say(err, -EINVAL, "a descriptor has no digest");
	if (!digest_valid(digest))
		return err_say(err, -EINVAL, "digest \"%.100s\" is not sha256 and 64 hex digits",
			       digest);
	if (size < 0)
		return err_say(err, -EINVAL, "descriptor %s has no size", digest);
	(void)snprintf(ret->digest, sizeof(ret->digest), "%s", digest);
	ret->size = (uint64_t)size;
	ret->media_type = type ? type : "";
	return 0;
}

bool media_type_is_index(const char *media_type, const struct json_object *json)
{
	static const char *const types[] = {
		"application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	};

	for (size_t i = 0; media_type && i < ARRAY_LEN(types); i++)
		if (strcmp(media_type, types[i]) == 0)
			return true;
	return (!media_type || !*media_type) && json_has(json, "manifests");
}

const char *machine_architecture(void)
{
	static const struct {
		const char *kernel, *go;
	} names[] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },	 { "armv7l", "arm" },
		{ "armv6l", "arm" },   { "i686", "386" },	 { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },  { "riscv64", "riscv64" }, { "loongarch64", "loong64" },
	};
	struct utsname uts;

	if (uname(&uts) == 0)
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (strcmp(uts.machine, names[i].kernel) == 0)
				return names[i].go;
	return "unknown";
}

/* ---- manifests ---- */

struct manifest *manifest_free(struct manifest *m)
{
	if (!m)
		return NULL;
	(void)json_unref(m->json);
	(void)json_unref(m->config_json);
	free(m->layers);
	free(m->diff_ids);
	free(m->chain_ids);
	free(m);
	return NULL;
}

static int parse_object(const struct buf *text, struct json_object **ret, struct err *err)
{
	auto_json struct json_object *json = NULL;
	int r = json_parse(buf_str(text), text->len, &json, err);

	if (r < 0)
		return r;
	if (json_kind(json) != JSON_OBJECT)
		return err_say(err, -EINVAL, "not a JSON object");
	*ret = take_ptr(&json);
	return 0;
}

static int read_layers(struct manifest *m, struct err *err)
{
	const struct json_object *layers = json_get(m->json, "layers");

	m->n_layers = json_len(layers);
	if (json_kind(layers) != JSON_ARRAY)
		return err_say(err, -EINVAL, "there is no list of layers");
	if (m->n_layers > IMAGE_LAYERS_MAX)
		return err_say(err, -E2BIG, "%zu layers are more than %d", m->n_layers,
			       IMAGE_LAYERS_MAX);
	m->layers = calloc(m->n_layers + 1, sizeof(*m->layers));
	m->diff_ids = calloc(m->n_layers + 1, sizeof(*m->diff_ids));
	m->chain_ids = calloc(m->n_layers + 1, sizeof(*m->chain_ids));
	if (!m->layers || !m->diff_ids || !m->chain_ids)
		return err_set(err, -ENOMEM, "read manifest");
	for (size_t i = 0; i < m->n_layers; i++) {
		int r = descriptor_read(json_idx(layers, i), &m->layers[i], err);

		if (r < 0)
			return err_prefix(err, r, "layer %zu", i + 1);
		if (strstr(m->layers[i].media_type, "+encrypted"))
			return err_say(err, -ENOTSUP, "layer %zu is encrypted", i + 1);
	}
	return 0;
}

int manifest_parse(const struct buf *text, struct manifest **ret, struct err *err)
{
	auto_manifest struct manifest *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(err, -ENOMEM, "read manifest");
	r = parse_object(text, &m->json, err);
	if (r < 0)
		return r;
	if (json_int_at(m->json, "schemaVersion", 0) != 2)
		return err_say(err, -EINVAL, "schema version %lld is not supported",
			       (long long)json_int_at(m->json, "schemaVersion", 0));
	r = descriptor_read(json_get(m->json, "config"), &m->config, err);
	if (r < 0)
		return err_prefix(err, r, "config");
	r = read_layers(m, err);
	if (r < 0)
		return r;
	*ret = take_ptr(&m);
	return 0;
}

int manifest_add_config(struct manifest *m, const struct buf *text, struct err *err)
{
	const struct json_object *ids;
	int r = parse_object(text, &m->config_json, err);

	if (r < 0)
		return r;
	ids = json_at(m->config_json, "rootfs.diff_ids");
	if (json_len(ids) != m->n_layers)
		return err_say(err, -EINVAL, "it lists %zu diff ids, its manifest %zu layers",
			       json_len(ids), m->n_layers);
	for (size_t i = 0; i < m->n_layers; i++) {
		m->diff_ids[i] = json_str(json_idx(ids, i));
		if (!digest_valid(m->diff_ids[i]))
			return err_say(err, -EINVAL, "diff id %zu is no sha256 digest", i + 1);
		digest_chain(i ? m->chain_ids[i - 1] : "", m->diff_ids[i], m->chain_ids[i]);
	}
	return 0;
}

/* ---- images ---- */

static void strv_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

struct image_shared *image_shared_of(const struct image *image)
{
	return CONTAINER_OF((struct image *)image, struct image_shared, image);
}

struct image_shared *image_shared_ref(struct image_shared *shared)
{
	shared->refs++;
	return shared;
}

struct image_shared *image_shared_unref(struct image_shared *shared)
{
	struct image *image;

	if (!shared || --shared->refs > 0)
		return NULL;
	image = &shared->image;
	strv_free(image->names);
	strv_free(image->repo_digests);
	strv_free(image->entrypoint);
	strv_free(image->cmd);
	strv_free(image->env);
	strv_free(image->exposed_ports);
	strv_free(image->volumes);
	strv_free(image->layers);
	strv_free(shared->chain_ids);
	free(image->architecture);
	free(image->os);
	free(image->user);
	free(image->working_dir);
	free(image->stop_signal);
	free(shared);
	return NULL;
}

struct image *image_free(struct image *image)
{
	if (image)
		(void)image_shared_unref(image_shared_of(image));
	return NULL;
}

/* The elements of an array, or the keys of an object; NULL where there is neither. */
static int strv_read(const struct json_object *json, char ***ret)
{
	enum json_kind kind = json_kind(json);
	struct json_iter it;
	size_t n = 0;
	char **list;

	if (kind != JSON_ARRAY && kind != JSON_OBJECT)
		return 0;
	list = *ret = calloc(json_len(json) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (kind == JSON_OBJECT) {
		json_for_each (it, json) {
			list[n] = strdup(it.key);
			if (!list[n++])
				return -ENOMEM;
		}
		return 0;
	}
	for (size_t i = 0; i < json_len(json); i++) {
		const char *text = json_str(json_idx(json, i));

		if (!text)
			continue;
		list[n] = strdup(text);
		if (!list[n++])
			return -ENOMEM;
	}
	return 0;
}

static int str_read(const struct json_object *json, const char *path, char **ret)
{
	const char *text = json_str_at(json, path);

	if (!text || !*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int read_config(struct image *image, const struct json_object *json)
{
	const struct {
		const char *path;
		char **text;
		char ***list;
	} fields[] = {
		{ "architecture", &image->architecture, NULL },
		{ "os", &image->os, NULL },
		{ "config.User", &image->user, NULL },
		{ "config.WorkingDir", &image->working_dir, NULL },
		{ "config.StopSignal", &image->stop_signal, NULL },
		{ "config.Entrypoint", NULL, &image->entrypoint },
		{ "config.Cmd", NULL, &image->cmd },
		{ "config.Env", NULL, &image->env },
		{ "config.ExposedPorts", NULL, &image->exposed_ports },
		{ "config.Volumes", NULL, &image->volumes },
		{ "rootfs.diff_ids", NULL, &image->layers },
	};
	const char *created = json_str_at(json, "created");

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int r = fields[i].text ? str_read(json, fields[i].path, fields[i].text)
				       : strv_read(json_at(json, fields[i].path), fields[i].list);

		if (r < 0)
			return r;
	}
	if (created)
		(void)time_parse(created, &image->created_ns);
	return 0;
}

static int read_names(struct image *image, const struct image_names *names)
{
	size_t n = 0, n_digests = 0;

	image->names = calloc(names->n + 1, sizeof(char *));
	image->repo_digests = calloc(names->n + 1, sizeof(char *));
	if (!image->names || !image->repo_digests)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		const struct image_name *item = &names->items[i];
		char digest[IMAGE_REF_MAX];
		struct image_ref ref;

		if (strcmp(item->manifest, image->manifest) != 0 || !*item->name ||
		    image_ref_parse(item->name, &ref, NULL) < 0)
			continue;
		image->names[n] = strdup(item->name);
		if (!image->names[n++])
			return -ENOMEM;
		(void)snprintf(digest, sizeof(digest), "%s@%s", ref.name, item->target);
		/* Rows are sorted by name: equal ones follow each other. */
		if (n_digests && strcmp(image->repo_digests[n_digests - 1], digest) == 0)
			continue;
		image->repo_digests[n_digests] = strdup(digest);
		if (!image->repo_digests[n_digests++])
			return -ENOMEM;
	}
	return 0;
}

int image_shared_new(const struct manifest *manifest, const char *digest,
		     const struct image_names *names, struct image_shared **ret)
{
	auto_image_shared struct image_shared *shared = calloc(1, sizeof(*shared));
	struct image *image;
	int r;

	if (!shared)
		return -ENOMEM;
	shared->refs = 1;
	image = &shared->image;
	(void)snprintf(image->id, sizeof(image->id), "%s", manifest->config.digest);
	(void)snprintf(image->manifest, sizeof(image->manifest), "%s", digest);
	image->size_bytes = manifest->config.size;
	for (size_t i = 0; i < manifest->n_layers; i++)
		image->size_bytes += manifest->layers[i].size;
	r = read_config(image, manifest->config_json);
	if (r == 0)
		r = read_names(image, names);
	if (r < 0)
		return r;
	shared->chain_ids = calloc(manifest->n_layers + 1, sizeof(char *));
	if (!shared->chain_ids)
		return -ENOMEM;
	for (size_t i = 0; i < manifest->n_layers; i++) {
		shared->chain_ids[i] = strdup(manifest->chain_ids[i]);
		if (!shared->chain_ids[i])
			return -ENOMEM;
	}
	*ret = take_ptr(&shared);
	return 0;
}
