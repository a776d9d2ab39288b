/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "image/fixture_test.h"
#include "image/image.h"
#include "tests/unit/test.h"

static const struct tar_entry bottom_entries[] = {
	{ .path = "bin/sh", .type = 'f', .data = "shell", .mode = 0755, .repeat = 1000 },
	{ .path = "etc/passwd", .type = 'f', .data = "tester:x:1000:1000::/home/t:/bin/sh\n" },
	{ .path = "etc/old", .type = 'f', .data = "old" },
};
static const struct tar_entry top_entries[] = {
	{ .path = "etc/.wh.old", .type = 'f' },
	{ .path = "app", .type = 'f', .data = "app" },
};

/* Two layers, and an image made of them. */
struct fixture {
	struct test_layer layers[2];
	struct test_image image;
	char path[PATH_MAX], store_dir[PATH_MAX];
};

static void fixture_make(struct fixture *f, int compression)
{
	const char *dir = test_dir();

	if (geteuid() != 0)
		SKIP("importing keeps owners: it needs root");
	test_layer_make(&f->layers[0], bottom_entries, ARRAY_LEN(bottom_entries), compression);
	test_layer_make(&f->layers[1], top_entries, ARRAY_LEN(top_entries), compression);
	f->image = (struct test_image){ .name = "docker.io/library/app:1",
					.layers = f->layers,
					.n_layers = 2 };
	(void)snprintf(f->path, sizeof(f->path), "%s/image.tar", dir);
	(void)snprintf(f->store_dir, sizeof(f->store_dir), "%s/images", dir);
}

static void fixture_done(struct fixture *f)
{
	test_layer_done(&f->layers[0]);
	test_layer_done(&f->layers[1]);
}

static struct image_store *open_store(const struct fixture *f)
{
	struct image_store *store;
	struct err err = { 0 };

	if (image_store_open(f->store_dir, &store, &err) < 0)
		fail_msg("open: %s", err.text);
	return store;
}

static void import_ok(struct image_store *store, const char *path)
{
	struct err err = { 0 };

	if (image_import(store, path, NULL, NULL, NULL, &err) < 0)
		fail_msg("import: %s", err.text);
}

static bool has_layer_file(const struct fixture *f, const char *hex, const char *name)
{
	char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/layers/%s/%s", f->store_dir, hex, name);
	return access(path, F_OK) == 0;
}

static int store_entries(const struct fixture *f, const char *name)
{
	char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", f->store_dir, name);
	return dir_entries(path);
}

/* ---- what comes in ---- */

static void on_imported(const char *name, const char *id, void *data)
{
	struct buf *text = data;

	(void)buf_printf(text, "%s %s\n", name ? name : "-", id);
}

TEST(import_takes_every_form_of_archive)
{
	static const struct {
		const char *format;
		int layer, outer;
		bool nested;
	} rows[] = {
		{ "oci", TAR_GZIP, TAR_PLAIN, false },	   { "oci", TAR_ZSTD, TAR_GZIP, false },
		{ "oci", TAR_PLAIN, TAR_ZSTD, true },	   { "dir", TAR_GZIP, TAR_PLAIN, true },
		{ "docker", TAR_PLAIN, TAR_PLAIN, false }, { "docker", TAR_GZIP, TAR_GZIP, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf told = BUF_INIT(0), wanted = BUF_INIT(0);
		struct err err = { 0 };
		struct fixture f;

		fixture_make(&f, rows[i].layer);
		f.image.format = rows[i].format;
		f.image.outer = rows[i].outer;
		f.image.nested = rows[i].nested;
		test_image_write(f.path, &f.image);
		auto_image_store struct image_store *store = open_store(&f);
		auto_image struct image *image = NULL;

		if (image_import(store, f.path, NULL, on_imported, &told, &err) < 0)
			fail_msg("row %zu: %s", i, err.text);
		(void)buf_printf(&wanted, "docker.io/library/app:1 %s\n", f.image.id);
		CHECK_STR(buf_str(&told), buf_str(&wanted));
		CHECK(image_find(store, "app:1", &image, &err) == 0);
		CHECK_STR(image->id, f.image.id);
		CHECK(has_layer_file(&f, digest_hex(f.layers[0].diff_id), "bin/sh"));
		CHECK(store_entries(&f, "layers") == 2 && store_entries(&f, "staging") == 0);
		CHECK(image_repair(store, NULL, NULL, &err) == 0);
		fixture_done(&f);
	}
}

TEST(imported_image_says_what_its_config_says)
{
	struct fixture f;

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);
	auto_image struct image *image = NULL, *same = NULL;
	auto_buf struct buf json = BUF_INIT(0), digest = BUF_INIT(0);

	import_ok(store, f.path);
	CHECK(image_find(store, "docker.io/library/app:1", &image, NULL) == 0);
	CHECK_STR(image->manifest, f.image.manifest);
	CHECK_STR(image->names[0], "docker.io/library/app:1");
	CHECK(!image->names[1]);
	(void)buf_printf(&digest, "docker.io/library/app@%s", f.image.manifest);
	CHECK_STR(image->repo_digests[0], buf_str(&digest));
	CHECK_STR(image->entrypoint[0], "/bin/e");
	CHECK_STR(image->cmd[1], "d");
	CHECK_STR(image->env[0], "A=b");
	CHECK_STR(image->env[1], "C=");
	CHECK_STR(image->user, "tester");
	CHECK_STR(image->working_dir, "/w");
	CHECK_STR(image->stop_signal, "SIGQUIT");
	CHECK_STR(image->exposed_ports[0], "80/tcp");
	CHECK_STR(image->volumes[0], "/v");
	CHECK_STR(image->layers[0], f.layers[0].diff_id);
	CHECK_STR(image->layers[1], f.layers[1].diff_id);
	CHECK_STR(image->os, "linux");
	CHECK(image->created_ns == 1767323045 * NS_PER_S);
	CHECK(image->size_bytes > f.layers[0].blob.len + f.layers[1].blob.len);
	/* The same one by every way of asking. */
	for (const char *const *name =
		     (const char *const[]){
			     buf_str(&digest), image->id, image->manifest,
			     (char[]){ image->id[7], image->id[8], image->id[9], image->id[10], 0 },
			     NULL };
	     *name; name++) {
		same = image_free(same);
		CHECK(image_find(store, *name, &same, NULL) == 0 && same == image);
	}
	CHECK(image_inspect(store, "app:1", &json, NULL) == 0);
	CHECK(strstr(buf_str(&json), f.image.id) && strstr(buf_str(&json), "\"/bin/e\""));
	same = image_free(same);
	CHECK(image_find(store, "app", &same, NULL) == -ENOENT);
	CHECK(image_find(store, "other/app:1", &same, NULL) == -ENOENT);
	CHECK(image_find(store, "../../etc", &same, NULL) == -ENOENT);
	fixture_done(&f);
}

TEST(import_twice_changes_nothing_and_reads_no_blob_again)
{
	struct fixture f;
	auto_buf struct buf before = BUF_INIT(0), after = BUF_INIT(0);
	char path[2 * PATH_MAX];

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);

	import_ok(store, f.path);
	(void)snprintf(path, sizeof(path), "%s/layers", f.store_dir);
	test_listing(path, &before);
	import_ok(store, f.path);
	test_listing(path, &after);
	CHECK_STR(buf_str(&before), buf_str(&after));
	CHECK(store_entries(&f, "blobs/sha256") == 5); /* 2 layers, config, manifest, names */
	fixture_done(&f);
}

TEST(an_image_without_a_name_is_kept_until_it_is_removed)
{
	const struct image_import_options named = { .name = "other:2" };
	struct image **list;
	struct fixture f;
	size_t n;

	fixture_make(&f, TAR_PLAIN);
	f.image.name = NULL;
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);

	import_ok(store, f.path);
	CHECK(image_collect(store, NULL, NULL, NULL) == 0);
	CHECK(image_list(store, &list, &n, NULL) == 0 && n == 1);
	CHECK(!list[0]->names[0] && !list[0]->repo_digests[0]);
	CHECK_STR(list[0]->id, f.image.id);
	image_list_free(list, n);
	/* A name replaces "none". */
	CHECK(image_import(store, f.path, &named, NULL, NULL, NULL) == 0);
	CHECK(image_list(store, &list, &n, NULL) == 0 && n == 1);
	CHECK_STR(list[0]->names[0], "docker.io/library/other:2");
	image_list_free(list, n);
	CHECK(image_remove(store, f.image.id, NULL) == 0);
	CHECK(store_entries(&f, "layers") == 0 && store_entries(&f, "blobs/sha256") == 0);
	fixture_done(&f);
}

TEST(a_name_moves_to_the_newer_image)
{
	struct fixture f;
	struct image **list;
	size_t n;

	fixture_make(&f, TAR_PLAIN);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);
	auto_image_store struct image_store *other = open_store(&f);

	import_ok(store, f.path);
	f.image.n_layers = 1;
	test_image_write(f.path, &f.image);
	import_ok(store, f.path);
	/* Another process sees it without being told. */
	CHECK(image_list(other, &list, &n, NULL) == 0 && n == 1);
	CHECK_STR(list[0]->id, f.image.id);
	image_list_free(list, n);
	CHECK(image_collect(store, NULL, NULL, NULL) == 0);
	CHECK(store_entries(&f, "layers") == 1); /* the bottom layer is shared */
	fixture_done(&f);
}

/* ---- what is refused ---- */

TEST(broken_archives_are_refused_with_names_and_leave_nothing)
{
	static const struct {
		struct test_image image;
		int code;
		const char *why;
	} rows[] = {
		{ { .wrong_diff_id = true },
		  -EBADMSG,
		  "image docker.io/library/app:1: layer 1 of 2 (sha256:" },
		{ { .wrong_size = true },
		  -EBADMSG,
		  "image docker.io/library/app:1: layer 1 of 2: blob" },
		{ { .wrong_blob = true },
		  -EBADMSG,
		  "image docker.io/library/app:1: layer 1 of 2: blob sha256:" },
		{ { .without_layer = true }, -ENOENT, "app:1: layer 1 of 2: blobs/sha256/" },
		{ { .without_config = true }, -ENOENT, "app:1: config sha256:" },
		{ { .short_config = true }, -EINVAL, "it lists 1 diff ids, its manifest 2 layers" },
		{ { .name = "up/CASE" }, -EINVAL, "must be lowercase" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf before = BUF_INIT(0), after = BUF_INIT(0);
		struct err err = { 0 };
		struct fixture f;
		int fds, r;

		fixture_make(&f, TAR_GZIP);
		auto_image_store struct image_store *store = open_store(&f);

		test_listing(f.store_dir, &before);
		f.image = rows[i].image;
		f.image.name = f.image.name ? f.image.name : "docker.io/library/app:1";
		f.image.layers = f.layers;
		f.image.n_layers = 2;
		test_image_write(f.path, &f.image);
		fds = open_fds();
		r = image_import(store, f.path, NULL, NULL, NULL, &err);
		if (r != rows[i].code || err.code != r || !strstr(err.text, rows[i].why) ||
		    !strstr(err.text, "image.tar"))
			fail_msg("row %zu: %d %s", i, r, err.text);
		test_listing(f.store_dir, &after);
		CHECK_STR(buf_str(&before), buf_str(&after));
		CHECK(open_fds() == fds);
		fixture_done(&f);
	}
}

TEST(what_is_no_image_archive_is_said_to_be_none)
{
	static const struct {
		const char *name, *content;
		int code;
		const char *why;
	} rows[] = {
		{ "text", "hello, this is no archive at all", -EBADMSG, "text: broken archive" },
		{ "empty", "", -EBADMSG, "empty: it is empty" },
		{ "gz", "\x1f\x8b\x08garbage", -EBADMSG, "gz: " },
		{ "zst", "\x28\xb5\x2f\xfdgarbage", -EBADMSG, "zst: " },
	};
	const char *dir = test_dir();
	struct fixture f;
	struct err err = { 0 };
	char path[PATH_MAX];

	fixture_make(&f, TAR_PLAIN);
	auto_image_store struct image_store *store = open_store(&f);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
		test_write_file(path, rows[i].content, strlen(rows[i].content));
		int r = image_import(store, path, NULL, NULL, NULL, &err);

		if (r != rows[i].code || !strstr(err.text, rows[i].why))
			fail_msg("%s: %d %s", rows[i].name, r, err.text);
	}
	CHECK(image_import(store, dir, NULL, NULL, NULL, &err) == -EINVAL);
	CHECK(strstr(err.text, "neither an OCI layout nor a docker-save archive"));
	test_write_file(f.path, f.layers[0].blob.data, f.layers[0].blob.len);
	CHECK(image_import(store, f.path, NULL, NULL, NULL, &err) == -EINVAL);
	CHECK(image_import(store, "/dev/null", NULL, NULL, NULL, &err) == -EINVAL);
	CHECK(strstr(err.text, "neither a file nor a directory"));
	CHECK(image_import(store, "/nonexistent", NULL, NULL, NULL, &err) == -ENOENT);
	fixture_done(&f);
}

TEST(archives_that_speak_of_what_they_lack_are_refused)
{
	static const struct {
		struct tar_entry entries[4];
		int code;
		const char *why;
	} rows[] = {
		{ { { .path = "manifest.json", .type = 'f', .data = "[]" } },
		  -EINVAL,
		  "manifest.json lists no images" },
		{ { { .path = "manifest.json", .type = 'f', .data = "{\"a\":1}" } },
		  -EINVAL,
		  "lists no images" },
		{ { { .path = "manifest.json", .type = 'f', .data = "[" } },
		  -EINVAL,
		  "manifest.json: offset" },
		{ { { .path = "manifest.json", .type = 'f', .data = "[{\"Config\":\"c\"}]" } },
		  -EINVAL,
		  "Config or Layers is missing" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"Config\":\"c\",\"Layers\":[]}]" } },
		  -ENOENT,
		  "image without a name: c is not in the archive" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"RepoTags\":[\"a:1\"],\"Config\":\"../c\",\"Layers\":[]}]" } },
		  -EXDEV,
		  "image docker.io/library/a:1: path ../c leads outside the archive" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"RepoTags\":[7],\"Config\":\"c\",\"Layers\":[]}]" } },
		  -EINVAL,
		  "a tag is no string" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"RepoTags\":[\"A:1\"],\"Config\":\"c\",\"Layers\":[]}]" } },
		  -EINVAL,
		  "its name \"A:1\": invalid reference format" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"Config\":\"c\",\"Layers\":[7]}]" },
		    { .path = "c", .type = 'f', .data = "{}" } },
		  -EINVAL,
		  "layer 1 of 1: it is no path" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]" },
		    { .path = "c", .type = 'f', .data = "{}" } },
		  -ENOENT,
		  "layer 1 of 1: l is not in the archive" },
		{ { { .path = "manifest.json",
		      .type = 'f',
		      .data = "[{\"Config\":\"c\",\"Layers\":[]}]" },
		    { .path = "c", .type = 'l', .data = "d" },
		    { .path = "d", .type = 'l', .data = "c" } },
		  -ELOOP,
		  "open c" },
		{ { { .path = "manifest.json", .type = 'l', .data = "/etc/passwd" } },
		  -EINVAL,
		  "no index.json and no" },
		{ { { .path = "c", .type = 'l', .data = "../../x" } }, -EXDEV, "path c" },
		{ { { .path = "../x", .type = 'f', .data = "x" } },
		  -EXDEV,
		  "path ../x leads outside the archive" },
		{ { { .path = "x", .type = 'f', .data = "x", .hole = 1 << 20 } },
		  -EBADMSG,
		  "x is a sparse file" },
		{ { { .path = "index.json", .type = 'f', .data = "{}" } },
		  -EINVAL,
		  "no list of manifests" },
		{ { { .path = "index.json", .type = 'f', .data = "{\"manifests\":[]}" } },
		  -ENOENT,
		  "lists no image for" },
		{ { { .path = "index.json", .type = 'f', .data = "{\"manifests\":[{}]}" } },
		  -EINVAL,
		  "image without a name: a descriptor has no digest" },
		/* The later of two entries counts, as for tar itself. */
		{ { { .path = "manifest.json", .type = 'f', .data = "[{}]" },
		    { .path = "manifest.json", .type = 'f', .data = "[]" } },
		  -EINVAL,
		  "lists no images" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct test_layer tar;
		struct err err = { 0 };
		struct fixture f;
		size_t n = 0;
		int r;

		while (n < 4 && rows[i].entries[n].path)
			n++;
		fixture_make(&f, TAR_PLAIN);
		auto_image_store struct image_store *store = open_store(&f);

		test_layer_make(&tar, rows[i].entries, n, TAR_PLAIN);
		test_write_file(f.path, tar.blob.data, tar.blob.len);
		test_layer_done(&tar);
		r = image_import(store, f.path, NULL, NULL, NULL, &err);
		if (r != rows[i].code || !strstr(err.text, rows[i].why))
			fail_msg("row %zu: %d %s", i, r, err.text);
		CHECK(store_entries(&f, "blobs/sha256") == 0 && store_entries(&f, "staging") == 0);
		fixture_done(&f);
	}
}

TEST(an_archive_cut_off_anywhere_is_refused)
{
	auto_buf struct buf whole = BUF_INIT(0);
	struct fixture f;

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);

	CHECK(fd_read_file(f.path, &whole, NULL) == 0);
	for (size_t len = 1; len < whole.len - 1024; len += 97) {
		struct err err = { 0 };

		test_write_file(f.path, whole.data, len);
		if (image_import(store, f.path, NULL, NULL, NULL, &err) >= 0)
			fail_msg("%zu bytes of %zu were taken", len, whole.len);
		CHECK(*err.text && store_entries(&f, "blobs/sha256") == 0);
	}
	fixture_done(&f);
}

TEST(an_image_for_another_machine_only_is_refused_by_name)
{
	struct fixture f;
	struct err err = { 0 };
	static const char index[] =
		"{\"manifests\":[{\"digest\":\"sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"vax\"}},{\"digest\":\"sha256:"
		"1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"pdp11\"}}]}";
	char path[2 * PATH_MAX];

	fixture_make(&f, TAR_PLAIN);
	auto_image_store struct image_store *store = open_store(&f);

	(void)snprintf(path, sizeof(path), "%s/../layout", f.store_dir);
	CHECK(mkdir(path, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/../layout/index.json", f.store_dir);
	test_write_file(path, index, strlen(index));
	(void)snprintf(path, sizeof(path), "%s/../layout", f.store_dir);
	CHECK(image_import(store, path, NULL, NULL, NULL, &err) == -ENOENT);
	CHECK(strstr(err.text, "index.json lists no image for linux/"));
	fixture_done(&f);
}

/* ---- when things fail, and when we die ---- */

/* refs.json may have been written again: its size tells nothing. */
static bool names_and_types_differ(const struct buf *a, const struct buf *b)
{
	const char *p = buf_str(a), *q = buf_str(b);

	while (*p && *q) {
		size_t n = strcspn(p, " "), m = strcspn(q, " ");

		if (n != m || memcmp(p, q, n) != 0)
			return true;
		p += strcspn(p, "\n") + 1;
		q += strcspn(q, "\n") + 1;
	}
	return *p || *q;
}

TEST(import_fails_clean_at_every_step)
{
	auto_buf struct buf before = BUF_INIT(0);
	struct fixture f;

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);

	test_listing(f.store_dir, &before);
	for (unsigned nth = 1;; nth++) {
		auto_buf struct buf after = BUF_INIT(0);
		struct err err = { 0 };
		int fds = open_fds(), r;
		bool failed;

		fault_arm(nth);
		r = image_import(store, f.path, NULL, NULL, NULL, &err);
		failed = fault_disarm();
		if (open_fds() != fds)
			fail_msg("%u: %s: %d %s: fds leaked", nth, fault_name(), r, err.text);
		if (!failed) {
			CHECK(r == 0);
			break;
		}
		/* Some calls are only for cleanliness: then the import has worked. */
		if (r == 0) {
			CHECK(image_remove(store, "app:1", &err) == 0);
		} else if (r != err.code || !*err.text) {
			fail_msg("%u: %s: %d %s", nth, fault_name(), r, err.text);
		}
		/* What a failed call left (a file that could not be removed) the next open sweeps. */
		auto_image_store struct image_store *again = open_store(&f);

		test_listing(f.store_dir, &after);
		if (r < 0 && names_and_types_differ(&before, &after))
			fail_msg("%u: %s: left behind:\n%s", nth, fault_name(), buf_str(&after));
		CHECK(image_collect(again, NULL, NULL, &err) == 0);
		CHECK(store_entries(&f, "layers") == 0 && store_entries(&f, "blobs/sha256") == 0);
		CHECK(store_entries(&f, "staging") == 0);
		CHECK(nth < 3000);
	}
	fixture_done(&f);
}

TEST(store_opens_clean_or_not_at_all)
{
	struct fixture f;

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	for (unsigned nth = 1;; nth++) {
		struct image_store *store = NULL;
		struct err err = { 0 };
		int fds = open_fds(), r;
		bool failed;

		CHECK(path_remove_tree_at(AT_FDCWD, f.store_dir, NULL) == 0);
		fault_arm(nth);
		r = image_store_open(f.store_dir, &store, &err);
		failed = fault_disarm();
		if (r < 0)
			CHECK(!store && r == err.code && *err.text);
		(void)image_store_close(store);
		CHECK(open_fds() == fds);
		if (!failed) {
			CHECK(r == 0);
			break;
		}
		/* The next one finds its way whatever was left. */
		store = open_store(&f);
		import_ok(store, f.path);
		(void)image_store_close(store);
	}
	fixture_done(&f);
}

TEST(remove_collect_and_repair_fail_clean_at_every_step)
{
	for (int what = 0; what < 3; what++) {
		struct fixture f;

		fixture_make(&f, TAR_GZIP);
		test_image_write(f.path, &f.image);
		auto_image_store struct image_store *store = open_store(&f);

		for (unsigned nth = 1;; nth++) {
			struct err err = { 0 };
			int fds, r;
			bool failed;

			import_ok(store, f.path);
			if (what == 2) {
				char path[2 * PATH_MAX];

				(void)snprintf(path, sizeof(path), "%s/layers/%s", f.store_dir,
					       digest_hex(f.layers[0].diff_id));
				CHECK(path_remove_tree_at(AT_FDCWD, path, NULL) == 0);
			}
			fds = open_fds();
			fault_arm(nth);
			r = what == 0	? image_remove(store, "app:1", &err)
			    : what == 1 ? image_collect(store, NULL, NULL, &err)
					: image_repair(store, NULL, NULL, &err);
			failed = fault_disarm();
			CHECK(open_fds() == fds);
			if (r < 0 && r != err.code)
				fail_msg("%u: %s: %d %s", nth, fault_name(), r, err.text);
			/* Whatever it could not do: what a name reaches is here, or can be made again. */
			auto_image_store struct image_store *again = open_store(&f);

			CHECK(image_repair(again, NULL, NULL, &err) == 0);
			if (!failed) {
				CHECK(r == 0);
				break;
			}
			CHECK(nth < 3000);
		}
		fixture_done(&f);
	}
}

/* Everything that a name reaches is whole. */
static void check_whole(const struct fixture *f)
{
	auto_image_store struct image_store *store = open_store(f);
	struct image **list;
	struct err err = { 0 };
	size_t n;

	CHECK(store_entries(f, "staging") == 0);
	CHECK(image_list(store, &list, &n, &err) == 0);
	for (size_t i = 0; i < n; i++) {
		CHECK(has_layer_file(f, digest_hex(f->layers[0].diff_id), "etc/passwd"));
		CHECK(list[i]->layers[1] && store_entries(f, "layers") == 2);
	}
	image_list_free(list, n);
	CHECK(image_repair(store, NULL, NULL, &err) == 0);
}

TEST(an_importer_killed_at_any_moment_leaves_a_whole_store)
{
	struct fixture f;
	int64_t start, whole_ns;
	unsigned random = 4711, done = 0;

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	start = time_monotonic_ns();
	{
		auto_image_store struct image_store *store = open_store(&f);

		import_ok(store, f.path);
		whole_ns = time_monotonic_ns() - start;
		CHECK(image_remove(store, "app:1", NULL) == 0);
	}
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			struct image_store *store;

			if (image_store_open(f.store_dir, &store, NULL) < 0)
				_exit(1);
			_exit(image_import(store, f.path, NULL, NULL, NULL, NULL) < 0);
		}
		random = random * 1103515245 + 12345;
		(void)usleep((useconds_t)((random >> 8) % (unsigned)(whole_ns / 1000 + 500)));
		CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
		check_whole(&f);
		if (i % 4 == 0) {
			auto_image_store struct image_store *store = open_store(&f);

			done += image_remove(store, "app:1", NULL) == 0;
		}
	}
	auto_image_store struct image_store *store = open_store(&f);

	import_ok(store, f.path);
	check_whole(&f);
	CHECK(done > 0); /* some of them had come through */
	fixture_done(&f);
}

TEST(names_and_layers_come_back_from_blobs_alone)
{
	struct fixture f;
	char path[2 * PATH_MAX];
	static const char *const lost[] = { "refs.json", "layers", "roots", "staging", "empty" };

	fixture_make(&f, TAR_ZSTD);
	test_image_write(f.path, &f.image);
	{
		auto_image_store struct image_store *store = open_store(&f);

		import_ok(store, f.path);
	}
	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f.store_dir, lost[i]);
		CHECK(path_remove_tree_at(AT_FDCWD, path, NULL) == 0);
	}
	{
		auto_image_store struct image_store *store = open_store(&f);
		auto_image struct image *image = NULL;
		struct err err = { 0 };

		CHECK(image_find(store, "app:1", &image, &err) == 0);
		CHECK(image_rootfs_open(store, image, f.store_dir, false, &err) == -ENOENT);
		CHECK(strstr(err.text, "layer 2 of 2 (sha256:") &&
		      strstr(err.text, "not unpacked"));
		CHECK(image_repair(store, NULL, NULL, &err) == 0);
	}
	CHECK(has_layer_file(&f, digest_hex(f.layers[0].diff_id), "bin/sh"));
	/* A torn refs.json is as good as none; a newer one is not touched. */
	(void)snprintf(path, sizeof(path), "%s/refs.json", f.store_dir);
	test_write_file(path, "{\"version\":1,\"na", 16);
	check_whole(&f);
	test_write_file(path, "{\"version\":9}", 13);
	struct image_store *store = NULL;
	struct err err = { 0 };

	CHECK(image_store_open(f.store_dir, &store, &err) == -EPROTONOSUPPORT && !store);
	CHECK(strstr(err.text, "version 9"));
	fixture_done(&f);
}

static void on_problem(const char *image, const char *sentence, void *data)
{
	(void)buf_printf(data, "%s: %s\n", image, sentence);
}

TEST(repair_tells_which_blob_of_which_image_is_damaged)
{
	auto_buf struct buf told = BUF_INIT(0);
	char path[2 * PATH_MAX];
	struct fixture f;

	fixture_make(&f, TAR_PLAIN);
	test_image_write(f.path, &f.image);
	auto_image_store struct image_store *store = open_store(&f);

	import_ok(store, f.path);
	(void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", f.store_dir,
		       digest_hex(f.layers[1].digest));
	test_write_file(path, "x", 1);
	CHECK(image_repair(store, on_problem, &told, NULL) == 1);
	CHECK(strstr(buf_str(&told), "docker.io/library/app:1: layer 2 of 2 (sha256:"));
	CHECK(strstr(buf_str(&told), "is damaged"));
	fixture_done(&f);
}

/* ---- several at once ---- */

TEST(importers_side_by_side_end_with_one_store)
{
	struct fixture f;
	pid_t pids[6];

	fixture_make(&f, TAR_GZIP);
	test_image_write(f.path, &f.image);
	for (int i = 0; i < 6; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			struct image_store *store;
			char name[32];
			struct image_import_options options = { .name = name, .sandbox = i == 0 };

			(void)snprintf(name, sizeof(name), "side:%d", i);
			if (image_store_open(f.store_dir, &store, NULL) < 0)
				_exit(1);
			/* Every other one takes things away meanwhile. */
			for (int k = 0; k < 10; k++) {
				if (i % 2 ? image_collect(store, NULL, NULL, NULL) < 0
					  : image_import(store, f.path, &options, NULL, NULL,
							 NULL) < 0)
					_exit(2);
				options.sandbox = false;
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 6; i++) {
		int status;

		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		/* The sandboxed one finds its path once only. */
		CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || i == 0));
	}
	check_whole(&f);
	auto_image_store struct image_store *store = open_store(&f);
	auto_image struct image *image = NULL;

	CHECK(image_find(store, "side:4", &image, NULL) == 0);
	CHECK(image->names[0] && image->names[1] && image->names[2] && image->names[3]);
	fixture_done(&f);
}

TEST(a_sandboxed_import_works_and_has_given_up_the_rest)
{
	struct fixture f;
	int status;
	pid_t pid;

	fixture_make(&f, TAR_ZSTD);
	test_image_write(f.path, &f.image);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		const struct image_import_options options = { .sandbox = true };
		struct image_store *store;

		if (image_store_open(f.store_dir, &store, NULL) < 0 ||
		    image_import(store, f.path, &options, NULL, NULL, NULL) < 0)
			_exit(1);
		/* "/" is the store now; the network is empty; chroot and mount are out of reach. */
		if (access("/refs.json", F_OK) < 0 || access("/etc/passwd", F_OK) == 0)
			_exit(2);
		if (chroot("/") == 0 || setuid(1) == 0)
			_exit(3);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 0);
	check_whole(&f);
	fixture_done(&f);
}
