/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "tests/unit/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(references_are_normalised_as_the_distribution_project_does)
{
	static const struct {
		const char *text, *canonical, *name;
	} rows[] = {
		{ "nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx" },
		{ "nginx:1.27", "docker.io/library/nginx:1.27", "docker.io/library/nginx" },
		{ "foo/bar", "docker.io/foo/bar:latest", "docker.io/foo/bar" },
		{ "docker.io/nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx" },
		{ "index.docker.io/nginx", "docker.io/library/nginx:latest",
		  "docker.io/library/nginx" },
		{ "docker.io/library/nginx:latest", "docker.io/library/nginx:latest",
		  "docker.io/library/nginx" },
		{ "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9",
		  "registry.k8s.io/pause" },
		{ "localhost/x", "localhost/x:latest", "localhost/x" },
		{ "localhost:5000/x/y:z", "localhost:5000/x/y:z", "localhost:5000/x/y" },
		{ "localhost:5000", "docker.io/library/localhost:5000",
		  "docker.io/library/localhost" },
		{ "host.example:5000/a", "host.example:5000/a:latest", "host.example:5000/a" },
		{ "[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a" },
		{ "Host/a", "Host/a:latest", "Host/a" }, /* an upper-case letter makes it a host */
		{ "a/b/c/d", "docker.io/a/b/c/d:latest", "docker.io/a/b/c/d" },
		{ "a.b/c", "a.b/c:latest", "a.b/c" },
		{ "a__b/c---d.e_f", "docker.io/a__b/c---d.e_f:latest", "docker.io/a__b/c---d.e_f" },
		{ "nginx@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX,
		  "docker.io/library/nginx" },
		{ "nginx:1@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX,
		  "docker.io/library/nginx" },
		{ "x:_.-A1", "docker.io/library/x:_.-A1", "docker.io/library/x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { 0 };
		struct image_ref ref;

		if (image_ref_parse(rows[i].text, &ref, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		CHECK_STR(ref.canonical, rows[i].canonical);
		CHECK_STR(ref.name, rows[i].name);
		/* Canonical names are their own canonical names. */
		CHECK(image_ref_parse(ref.canonical, &ref, NULL) == 0);
		CHECK_STR(ref.canonical, rows[i].canonical);
	}
}

TEST(reference_says_what_was_given)
{
	struct image_ref ref;

	CHECK(image_ref_parse("nginx", &ref, NULL) == 0);
	CHECK(!ref.has_tag && !ref.has_digest);
	CHECK_STR(ref.tag, "latest");
	CHECK(image_ref_parse("nginx:latest", &ref, NULL) == 0);
	CHECK(ref.has_tag && !ref.has_digest);
	CHECK(image_ref_parse("nginx:1@sha256:" HEX, &ref, NULL) == 0);
	CHECK(ref.has_tag && ref.has_digest);
	CHECK_STR(ref.tag, "1");
	CHECK_STR(ref.digest, "sha256:" HEX);
	CHECK(image_ref_parse("nginx@sha256:" HEX, &ref, NULL) == 0);
	CHECK_STR(ref.tag, "");
}

TEST(bad_references_are_refused_in_the_known_words)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "invalid reference format" },
		{ ":1", "invalid reference format" },
		{ "a b", "invalid reference format" },
		{ "nginx:", "invalid reference format" },
		{ "nginx:-a", "invalid reference format" },
		{ "nginx:a b", "invalid reference format" },
		{ "nginx@", "invalid reference format" },
		{ "nginx@sha256:abc", "invalid reference format" },
		{ "nginx@sha256:0123456789abcdef0123456789abcdef",
		  "invalid checksum digest length" },
		{ "nginx@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		  "invalid checksum digest format" },
		{ "nginx@md5:0123456789abcdef0123456789abcdef", "unsupported digest algorithm" },
		{ "NGINX",
		  "invalid reference format: repository name (library/NGINX) must be lowercase" },
		{ "foo/Bar:1",
		  "invalid reference format: repository name (foo/Bar) must be lowercase" },
		{ HEX,
		  "invalid repository name (" HEX "), cannot specify 64-byte hexadecimal strings" },
		{ "a//b", "invalid reference format" },
		{ "a/", "invalid reference format" },
		{ "/a", "invalid reference format" },
		{ "-a", "invalid reference format" },
		{ "a..b", "invalid reference format" },
		{ "a___b", "invalid reference format" },
		{ "a-/b", "invalid reference format" },
		{ "-x.y/b", "invalid reference format" },
		{ "x.y:port/b", "invalid reference format" },
		{ "[::1/b.c", "invalid reference format" },
		{ "a\n", "invalid reference format" },
		{ "../../etc/passwd", "invalid reference format" },
		{ "http://a/b", "invalid reference format" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { 0 };
		struct image_ref ref = { .tag = "untouched" };

		if (image_ref_parse(rows[i].text, &ref, &err) != -EINVAL)
			fail_msg("%s was taken", rows[i].text);
		CHECK_STR(err.text, rows[i].why);
		CHECK_STR(ref.tag, "untouched");
	}
}

TEST(reference_length_is_bounded)
{
	char text[1200];
	struct image_ref ref;
	struct err err = { 0 };

	memset(text, 'a', sizeof(text));
	text[255 - strlen("docker.io/library/")] = '\0';
	CHECK(image_ref_parse(text, &ref, NULL) == 0);
	CHECK(strlen(ref.name) == 255);
	text[255 - strlen("docker.io/library/")] = 'a';
	text[256 - strlen("docker.io/library/")] = '\0';
	CHECK(image_ref_parse(text, &ref, &err) == -EINVAL);
	CHECK_STR(err.text, "repository name must not be more than 255 characters");
	text[256 - strlen("docker.io/library/")] = 'a';
	text[sizeof(text) - 1] = '\0';
	CHECK(image_ref_parse(text, &ref, NULL) == -EINVAL);
	memcpy(text, "x:", 2);
	text[2 + 128] = '\0';
	CHECK(image_ref_parse(text, &ref, NULL) == 0);
	text[2 + 128] = 'a';
	text[2 + 129] = '\0';
	CHECK(image_ref_parse(text, &ref, NULL) == -EINVAL);
}
