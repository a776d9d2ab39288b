/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/fixture_test.h"
#include "tests/unit/test.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define N "docker.io/library/nginx:latest"
#define M "docker.io/library/other:1"

static int open_dir(void)
{
	return open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

TEST(names_have_one_holder_and_survive_the_disk)
{
	auto_image_names struct image_names names = { 0 }, loaded = { 0 };
	auto_close int dir = open_dir();

	CHECK(image_names_set(&names, N, A, A) == 0);
	CHECK(image_names_set(&names, M, A, B) == 0);
	CHECK(image_names_set(&names, N, B, B) == 0);
	CHECK(names.n == 2 && names.generation == 3);
	CHECK_STR(image_names_find(&names, N)->manifest, B);
	CHECK(!image_names_find(&names, "docker.io/library/none:1"));
	CHECK(image_names_save(dir, &names, NULL) == 0);
	CHECK(image_names_load(dir, &loaded, NULL) == 0);
	CHECK(loaded.n == 2 && loaded.generation == 3);
	CHECK_STR(image_names_find(&loaded, M)->target, B);
}

TEST(nameless_images_each_have_a_row_until_they_get_a_name)
{
	auto_image_names struct image_names names = { 0 };

	CHECK(image_names_set(&names, "", A, A) == 0);
	CHECK(image_names_set(&names, "", B, B) == 0);
	CHECK(image_names_set(&names, "", A, A) == 0);
	CHECK(names.n == 2);
	CHECK(image_names_set(&names, N, A, A) == 0);
	CHECK(names.n == 2 && image_names_manifest(&names, B));
	CHECK_STR(names.items[0].manifest, B); /* the "" row that is left */
}

TEST(the_younger_row_wins_when_names_are_rebuilt)
{
	auto_image_names struct image_names old = { 0 }, new = { 0 }, built = { 0 };
	auto_close int dir = open_dir();

	CHECK(image_names_set(&old, N, A, A) == 0);
	CHECK(image_names_save_beside(dir, &old, A, NULL) == 0);
	CHECK(image_names_copy(&old, &new) == 0);
	CHECK(image_names_set(&new, N, B, B) == 0 && image_names_set(&new, M, B, B) == 0);
	/* A crash before the old manifest's rows were taken away. */
	CHECK(image_names_save_beside(dir, &new, B, NULL) == 0);
	CHECK(image_names_rebuild(dir, &built, NULL) == 0);
	CHECK(built.n == 2 && built.generation == 3);
	CHECK_STR(image_names_find(&built, N)->manifest, B);
	CHECK(image_names_save_beside(dir, &new, A, NULL) == 0); /* no row: no file */
	CHECK(faccessat(dir, A + 7, F_OK, 0) < 0);
}

TEST(unreadable_names_are_told_from_missing_and_from_newer_ones)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "", -EBADMSG },
		{ "{", -EBADMSG },
		{ "[]", -EBADMSG },
		{ "{}", -EBADMSG },
		{ "{\"version\":1,\"names\":[{}]}", -EBADMSG },
		{ "{\"version\":1,\"names\":[{\"name\":\"nginx\",\"manifest\":\"" A
		  "\",\"target\":\"" A "\",\"generation\":1}]}",
		  -EBADMSG }, /* not canonical */
		{ "{\"version\":1,\"names\":[{\"name\":\"" N "\",\"manifest\":\"sha256:..\","
		  "\"target\":\"" A "\",\"generation\":1}]}",
		  -EBADMSG },
		{ "{\"version\":2,\"names\":[]}", -EPROTONOSUPPORT },
		{ "{\"version\":1,\"names\":[]}", 0 },
		{ "{\"version\":1,\"names\":[{\"name\":\"" N "\",\"manifest\":\"" A
		  "\",\"target\":\"" A "\",\"generation\":1}]}",
		  0 },
	};
	auto_close int dir = open_dir();
	struct image_names names = { 0 };

	CHECK(image_names_load(dir, &names, NULL) == -ENOENT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { 0 };
		int r;

		CHECK(fd_write_file_at(dir, "refs.json", rows[i].text, strlen(rows[i].text), 0600,
				       NULL) == 0);
		r = image_names_load(dir, &names, &err);
		if (r != rows[i].r || (r < 0 && !strstr(err.text, "refs.json")))
			fail_msg("%s: %d %s", rows[i].text, r, err.text);
		if (r == 0)
			image_names_done(&names);
	}
}
