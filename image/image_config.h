/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests, indexes and configurations: OCI image-spec v1.1 and Docker's schema 2, which differ in
 * their media types only. What is read here may be hostile; sizes are bounded before parsing.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "image/image_names.h"

struct descriptor {
	char digest[IMAGE_DIGEST_MAX];
	uint64_t size;
	const char *media_type; /* borrowed from the JSON; "" if there is none */
};
int descriptor_read(const struct json_object *json, struct descriptor *ret, struct err *err);

/* One manifest and its configuration, taken apart. */
struct manifest {
	struct json_object *json, *config_json;
	struct descriptor config;
	struct descriptor *layers; /* bottom first, as many as diff_ids */
	const char **diff_ids;	   /* borrowed from config_json */
	char (*chain_ids)[IMAGE_DIGEST_MAX];
	size_t n_layers;
};
/* Reads the manifest only; -EINVAL is told as a sentence. */
int manifest_parse(const struct buf *text, struct manifest **ret, struct err *err);
/* Then its configuration: @text has the digest that ->config names. */
int manifest_add_config(struct manifest *manifest, const struct buf *text, struct err *err);
struct manifest *manifest_free(struct manifest *manifest);
OWN_DEFINE(manifest, struct manifest *, manifest_free)
#define auto_manifest OWN(manifest)

/* What a blob that an index points to is. */
bool media_type_is_index(const char *media_type, const struct json_object *json);
/* "amd64", "arm64": this machine, in Go's words. */
const char *machine_architecture(void);

/* ---- images in memory: immutable and counted ---- */
struct image_shared {
	struct image image;
	unsigned refs;
	char **chain_ids; /* as image.layers */
};
/* @manifest with config; @digest is its own; names as in the store. */
int image_shared_new(const struct manifest *manifest, const char *digest,
		     const struct image_names *names, struct image_shared **ret);
struct image_shared *image_shared_of(const struct image *image);
struct image_shared *image_shared_ref(struct image_shared *shared);
struct image_shared *image_shared_unref(struct image_shared *shared); /* NULL is fine */
OWN_DEFINE(image_shared, struct image_shared *, image_shared_unref)
#define auto_image_shared OWN(image_shared)
