/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest, then configuration, then index and references: what an archive says about itself. The
 * input is cut at its NUL bytes: manifest, configuration, reference.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/image_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_reference(const char *text)
{
	struct image_ref ref, again;

	if (image_ref_parse(text, &ref, NULL) < 0)
		return;
	assert(strlen(ref.canonical) < IMAGE_REF_MAX &&
	       strncmp(ref.canonical, ref.name, strlen(ref.name)) == 0);
	assert(image_ref_parse(ref.canonical, &again, NULL) == 0);
	assert(strcmp(ref.canonical, again.canonical) == 0);
}

static void try_manifest(const struct buf *text, const struct buf *config)
{
	auto_manifest struct manifest *m = NULL;
	auto_image_names struct image_names names = { 0 };
	auto_image_shared struct image_shared *image = NULL;
	struct err err = { 0 };
	int r = manifest_parse(text, &m, &err);

	if (r == 0)
		r = manifest_add_config(m, config, &err);
	if (r < 0) {
		assert(err.code == r && *err.text);
		return;
	}
	for (size_t i = 0; i < m->n_layers; i++)
		assert(digest_valid(m->layers[i].digest) && digest_valid(m->chain_ids[i]));
	assert(image_names_set(&names, "docker.io/library/a:1", m->config.digest,
			       m->config.digest) == 0);
	assert(image_shared_new(m, m->config.digest, &names, &image) == 0);
	assert(strcmp(image->image.names[0], "docker.io/library/a:1") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf parts[3] = { BUF_INIT(0), BUF_INIT(0), BUF_INIT(0) };

	for (size_t i = 0; i < 3; i++) {
		const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
		size_t n = nul ? (size_t)(nul - data) : size;

		(void)buf_append(&parts[i], data, n);
		data += n + (nul != NULL);
		size -= n + (nul != NULL);
	}
	try_manifest(&parts[0], &parts[1]);
	try_reference(buf_str(&parts[2]));
	try_reference(buf_str(&parts[0]));
	for (size_t i = 0; i < 3; i++)
		buf_done(&parts[i]);
	return 0;
}
