/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/limits.h"
#include "tests/unit/test.h"

#define D(c)                                                                                       \
	"sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
		c c c c c c c c c c c c c c c c c c c c c c c c
#define A      D("a")
#define B      D("b")
#define CONFIG "\"config\":{\"digest\":\"" A "\",\"size\":1}"

static int parse(const char *manifest, const char *config, struct manifest **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(0), config_text = BUF_INIT(0);
	auto_manifest struct manifest *m = NULL;
	int r;

	CHECK(buf_puts(&text, manifest) == 0 && buf_puts(&config_text, config) == 0);
	r = manifest_parse(&text, &m, err);
	if (r == 0)
		r = manifest_add_config(m, &config_text, err);
	if (r == 0)
		*ret = take_ptr(&m);
	return r;
}

TEST(manifests_that_are_none_are_told_why)
{
	static const struct {
		const char *manifest, *config;
		int code;
		const char *why;
	} rows[] = {
		{ "", "{}", -EINVAL, "offset 0" },
		{ "[]", "{}", -EINVAL, "not a JSON object" },
		{ "{}", "{}", -EINVAL, "schema version 0" },
		{ "{\"schemaVersion\":1}", "{}", -EINVAL, "schema version 1 is not supported" },
		{ "{\"schemaVersion\":2}", "{}", -EINVAL, "config: a descriptor has no digest" },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"md5:1\"}}", "{}", -EINVAL,
		  "digest \"md5:1\" is not sha256" },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../../x\"}}", "{}", -EINVAL,
		  "is not sha256 and 64 hex digits" },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\"}}", "{}", -EINVAL,
		  "has no size" },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":-1}}", "{}",
		  -EINVAL, "has no size" },
		{ "{\"schemaVersion\":2," CONFIG "}", "{}", -EINVAL, "no list of layers" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{}]}", "{}", -EINVAL,
		  "layer 1: a descriptor has no digest" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A
		  "\",\"size\":1,\"mediaType\":\"x+encrypted\"}]}",
		  "{}", -ENOTSUP, "layer 1 is encrypted" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "7", -EINVAL,
		  "not a JSON object" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}",
		  "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", -EINVAL,
		  "it lists 1 diff ids, its manifest 0 layers" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A "\",\"size\":1}]}",
		  "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", -EINVAL, "diff id 1 is no sha256" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct manifest *m = NULL;
		struct err err = { 0 };
		int r = parse(rows[i].manifest, rows[i].config, &m, &err);

		if (r != rows[i].code || !strstr(err.text, rows[i].why) || m)
			fail_msg("row %zu: %d %s", i, r, err.text);
	}
}

TEST(layers_are_bounded)
{
	for (size_t n = IMAGE_LAYERS_MAX; n <= IMAGE_LAYERS_MAX + 1; n++) {
		auto_buf struct buf text = BUF_INIT(0), config = BUF_INIT(0);
		auto_manifest struct manifest *m = NULL;
		struct err err = { 0 };
		int r;

		(void)buf_puts(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
		(void)buf_puts(&config, "{\"rootfs\":{\"diff_ids\":[");
		for (size_t i = 0; i < n; i++) {
			(void)buf_printf(&text, "%s{\"digest\":\"" B "\",\"size\":1}",
					 i ? "," : "");
			(void)buf_printf(&config, "%s\"" B "\"", i ? "," : "");
		}
		(void)buf_puts(&text, "]}");
		(void)buf_puts(&config, "]}}");
		r = parse(buf_str(&text), buf_str(&config), &m, &err);
		CHECK(n == IMAGE_LAYERS_MAX ? r == 0 && m->n_layers == n : r == -E2BIG);
		CHECK(r == 0 || strcmp(err.text, "128 layers are more than 127") == 0);
	}
}

/* The example of the OCI image specification, "Layer ChainID": C(A, B) = sha256(C(A) + " " + B). */
TEST(chain_ids_name_a_layer_with_all_below)
{
	auto_manifest struct manifest *m = NULL;
	struct err err = { 0 };
	char chain[IMAGE_DIGEST_MAX];

	CHECK(parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A
		    "\",\"size\":1},{\"digest\":\"" A "\",\"size\":1}]}",
		    "{\"rootfs\":{\"diff_ids\":[\"" A "\",\"" B "\"]}}", &m, &err) == 0);
	CHECK_STR(m->chain_ids[0], A);
	digest_chain(A, B, chain);
	CHECK_STR(m->chain_ids[1], chain);
	/* printf '%s %s' sha256:aaa… sha256:bbb… | sha256sum */
	CHECK_STR(chain, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
}

TEST(odd_configurations_make_plain_images)
{
	static const char *const configs[] = {
		"{\"rootfs\":{\"diff_ids\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[]},\"config\":null,\"created\":\"never\"}",
		"{\"rootfs\":{\"diff_ids\":[]},\"config\":{\"Env\":\"A=b\",\"Cmd\":{},\"User\":7,"
		"\"Entrypoint\":[1,null,[]],\"ExposedPorts\":[],\"WorkingDir\":\"\"}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		auto_image_names struct image_names names = { 0 };
		auto_image_shared struct image_shared *image = NULL;
		auto_manifest struct manifest *m = NULL;
		struct err err = { 0 };

		CHECK(parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", configs[i], &m,
			    &err) == 0);
		CHECK(image_shared_new(m, A, &names, &image) == 0);
		CHECK(!image->image.user && !image->image.working_dir && !image->image.names[0]);
		CHECK(!image->image.env && (!image->image.cmd || !image->image.cmd[0]));
		CHECK(!image->image.entrypoint || !image->image.entrypoint[0]);
		CHECK(image->image.created_ns == 0 && !image->image.layers[0]);
	}
}

TEST(image_shared_new_fails_clean_at_every_step)
{
	auto_image_names struct image_names names = { 0 };
	auto_manifest struct manifest *m = NULL;
	struct err err = { 0 };

	CHECK(image_names_set(&names, "docker.io/library/a:1", A, B) == 0);
	CHECK(image_names_set(&names, "docker.io/library/a:2", A, B) == 0);
	CHECK(parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A
		    "\",\"size\":1}]}",
		    "{\"architecture\":\"x\",\"config\":{\"Env\":[\"A=b\"],\"Volumes\":{\"/v\":{}},"
		    "\"User\":\"u\"},\"rootfs\":{\"diff_ids\":[\"" A "\"]}}",
		    &m, &err) == 0);
	for (unsigned nth = 1;; nth++) {
		auto_image_shared struct image_shared *image = NULL;
		int r;

		fault_arm(nth);
		r = image_shared_new(m, A, &names, &image);
		if (!fault_disarm()) {
			CHECK(r == 0 && image->image.names[1]);
			/* Two tags of one repository have one digest. */
			CHECK_STR(image->image.repo_digests[0], "docker.io/library/a@" B);
			CHECK(!image->image.repo_digests[1]);
			break;
		}
		CHECK(r == -ENOMEM && !image);
	}
}
