/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fixture_test.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/image_config.h"
#include "tests/unit/test.h"

static la_ssize_t on_write(struct archive *a, void *data, const void *block, size_t len)
{
	(void)a;
	return buf_append(data, block, len) < 0 ? -1 : (la_ssize_t)len;
}

static struct archive *tar_start(struct buf *out, int compression)
{
	struct archive *a = archive_write_new();

	CHECK(a && archive_write_set_format_pax(a) == ARCHIVE_OK);
	if (compression == TAR_GZIP)
		CHECK(archive_write_add_filter_gzip(a) == ARCHIVE_OK);
	if (compression == TAR_ZSTD)
		CHECK(archive_write_add_filter_zstd(a) == ARCHIVE_OK);
	CHECK(archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK);
	CHECK(archive_write_open(a, out, NULL, on_write, NULL) == ARCHIVE_OK);
	return a;
}

static void tar_end(struct archive *a)
{
	CHECK(archive_write_close(a) == ARCHIVE_OK);
	CHECK(archive_write_free(a) == ARCHIVE_OK);
}

static unsigned type_of(char type)
{
	static const struct {
		char type;
		unsigned is;
	} types[] = { { 'f', AE_IFREG }, { 'd', AE_IFDIR }, { 'l', AE_IFLNK }, { 'h', AE_IFREG },
		      { 'c', AE_IFCHR }, { 'b', AE_IFBLK }, { 'p', AE_IFIFO } };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return types[i].is;
	return 0;
}

static void tar_add(struct archive *a, const struct tar_entry *e)
{
	struct archive_entry *entry = archive_entry_new();
	size_t len = e->data ? strlen(e->data) : 0, times = e->repeat ? e->repeat : 1;

	archive_entry_copy_pathname(entry, e->path);
	archive_entry_set_filetype(entry, type_of(e->type));
	archive_entry_set_perm(entry, (__LA_MODE_T)(e->mode	     ? e->mode
						    : e->type == 'd' ? 0755
								     : 0644));
	archive_entry_set_uid(entry, e->uid);
	archive_entry_set_gid(entry, e->gid);
	archive_entry_set_mtime(entry, e->mtime, 0);
	archive_entry_set_size(entry, 0);
	if (e->type == 'l')
		archive_entry_copy_symlink(entry, e->data);
	else if (e->type == 'h')
		archive_entry_copy_hardlink(entry, e->data);
	else if (e->type == 'f')
		archive_entry_set_size(entry, (la_int64_t)(e->hole + len * times));
	if (e->hole)
		archive_entry_sparse_add_entry(entry, (la_int64_t)e->hole,
					       (la_int64_t)(len * times));
	if (e->xattr)
		archive_entry_xattr_add_entry(entry, e->xattr, e->value, strlen(e->value));
	archive_entry_set_rdevmajor(entry, e->major);
	archive_entry_set_rdevminor(entry, e->minor);
	CHECK(archive_write_header(a, entry) >= ARCHIVE_WARN);
	if (e->type == 'f') {
		static const char zeros[4096];

		for (size_t left = e->hole; left > 0; left -= MIN(left, sizeof(zeros)))
			CHECK(archive_write_data(a, zeros, MIN(left, sizeof(zeros))) >= 0);
		for (size_t i = 0; i < times && len; i++)
			CHECK(archive_write_data(a, e->data, len) == (la_ssize_t)len);
	}
	archive_entry_free(entry);
}

static void digest_of(const struct buf *bytes, char digest[IMAGE_DIGEST_MAX])
{
	char hex[SHA256_HEX];

	sha256_of(buf_str(bytes), bytes->len, hex);
	digest_set(digest, hex);
}

/* ---- layers ---- */

void test_layer_make(struct test_layer *layer, const struct tar_entry *entries, size_t n,
		     int compression)
{
	auto_buf struct buf plain = BUF_INIT(0);
	struct archive *a = tar_start(&plain, TAR_PLAIN);

	for (size_t i = 0; i < n; i++)
		tar_add(a, &entries[i]);
	tar_end(a);
	*layer = (struct test_layer){ .blob = BUF_INIT(0) };
	digest_of(&plain, layer->diff_id);
	if (compression == TAR_PLAIN) {
		CHECK(buf_append(&layer->blob, plain.data, plain.len) == 0);
	} else {
		struct archive_entry *entry = archive_entry_new();

		a = archive_write_new();
		CHECK(archive_write_set_format_raw(a) == ARCHIVE_OK);
		CHECK((compression == TAR_GZIP ? archive_write_add_filter_gzip(a)
					       : archive_write_add_filter_zstd(a)) == ARCHIVE_OK);
		CHECK(archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK);
		CHECK(archive_write_open(a, &layer->blob, NULL, on_write, NULL) == ARCHIVE_OK);
		archive_entry_set_filetype(entry, AE_IFREG);
		CHECK(archive_write_header(a, entry) == ARCHIVE_OK);
		CHECK(archive_write_data(a, plain.data, plain.len) == (la_ssize_t)plain.len);
		archive_entry_free(entry);
		tar_end(a);
	}
	digest_of(&layer->blob, layer->digest);
}

void test_layer_done(struct test_layer *layer)
{
	buf_done(&layer->blob);
}

int test_layer_fd(const struct test_layer *layer)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);

	CHECK(fd >= 0 && fd_write_all(fd, layer->blob.data, layer->blob.len) == 0);
	return fd;
}

/* ---- archives ---- */

void test_write_file(const char *path, const void *data, size_t len)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fd_write_all(fd, data, len) == 0);
}

/* A directory or a tar under way. */
struct output {
	const char *dir;
	struct archive *tar;
	struct buf bytes;
};

static void put(struct output *out, const char *name, const struct buf *content)
{
	struct archive_entry *entry;

	if (out->dir) {
		char *path = path_join(out->dir, name), *slash = strrchr(path, '/');

		*slash = '\0';
		CHECK(path_mkdirs(path, 0755, NULL) == 0);
		*slash = '/';
		test_write_file(path, buf_str(content), content->len);
		free(path);
		return;
	}
	entry = archive_entry_new();
	archive_entry_copy_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)content->len);
	CHECK(archive_write_header(out->tar, entry) == ARCHIVE_OK);
	CHECK(archive_write_data(out->tar, buf_str(content), content->len) ==
	      (la_ssize_t)content->len);
	archive_entry_free(entry);
}

static void put_blob(struct output *out, const struct buf *content, char digest[IMAGE_DIGEST_MAX])
{
	char name[128];

	digest_of(content, digest);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(digest));
	put(out, name, content);
}

static void make_config(const struct test_image *image, struct buf *text)
{
	(void)buf_printf(
		text,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":"
		"\"2026-01-02T03:04:05Z\",\"config\":{\"User\":\"tester\",\"Env\":[\"A=b\","
		"\"C=\"],\"Entrypoint\":[\"/bin/e\"],\"Cmd\":[\"c\",\"d\"],\"WorkingDir\":"
		"\"/w\",\"StopSignal\":\"SIGQUIT\",\"ExposedPorts\":{\"80/tcp\":{}},"
		"\"Volumes\":{\"/v\":{}}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		image->architecture ? image->architecture : machine_architecture());
	for (size_t i = 0; i + image->short_config < image->n_layers; i++)
		(void)buf_printf(text, "%s\"%s\"", i ? "," : "",
				 image->wrong_diff_id ? image->layers[i].digest
						      : image->layers[i].diff_id);
	(void)buf_puts(text, "]}}");
}

static void write_oci(struct output *out, struct test_image *image)
{
	auto_buf struct buf config = BUF_INIT(0), manifest = BUF_INIT(0), index = BUF_INIT(0);
	char target[IMAGE_DIGEST_MAX];
	size_t target_len;

	make_config(image, &config);
	digest_of(&config, image->id);
	if (!image->without_config)
		put_blob(out, &config, image->id);
	(void)buf_printf(
		&manifest,
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
		"vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
		image->id, config.len);
	for (size_t i = 0; i < image->n_layers; i++) {
		struct test_layer *layer = &image->layers[i];

		(void)buf_printf(&manifest,
				 "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
				 "\"digest\":\"%s\",\"size\":%zu}",
				 i ? "," : "", layer->digest, layer->blob.len + image->wrong_size);
		if (!image->without_layer) {
			char name[128];

			if (image->wrong_blob)
				layer->blob.data[layer->blob.len / 2] ^= 1;
			(void)snprintf(name, sizeof(name), "blobs/sha256/%s",
				       digest_hex(layer->digest));
			put(out, name, &layer->blob);
		}
	}
	(void)buf_puts(&manifest, "]}");
	put_blob(out, &manifest, image->manifest);
	memcpy(target, image->manifest, sizeof(target));
	target_len = manifest.len;
	if (image->nested) {
		auto_buf struct buf nested = BUF_INIT(0);

		(void)buf_printf(
			&nested,
			"{\"schemaVersion\":2,\"mediaType\":\"application/"
			"vnd.oci.image.index.v1+json\",\"manifests\":[{\"digest\":\"sha256:"
			"%064d\",\"size\":5,\"platform\":{\"os\":\"linux\","
			"\"architecture\":\"vax\"}},{\"digest\":\"%s\",\"size\":%zu,"
			"\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}]}",
			7, image->manifest, manifest.len, machine_architecture());
		put_blob(out, &nested, target);
		target_len = nested.len;
	}
	(void)buf_printf(&index,
			 "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":%zu",
			 target, target_len);
	if (image->name)
		(void)buf_printf(&index,
				 ",\"annotations\":{\"io.containerd.image.name\":\"%s\","
				 "\"org.opencontainers.image.ref.name\":\"latest\"}",
				 image->name);
	(void)buf_puts(&index, "}]}");
	put(out, "index.json", &index);
}

static void write_docker(struct output *out, struct test_image *image)
{
	auto_buf struct buf config = BUF_INIT(0), list = BUF_INIT(0);
	char name[128];

	make_config(image, &config);
	digest_of(&config, image->id);
	(void)snprintf(name, sizeof(name), "%s.json", digest_hex(image->id));
	put(out, name, &config);
	(void)buf_printf(&list, "[{\"Config\":\"%s\",\"RepoTags\":", name);
	(void)buf_printf(&list, image->name ? "[\"%s\"]" : "null", image->name);
	(void)buf_puts(&list, ",\"Layers\":[");
	for (size_t i = 0; i < image->n_layers; i++) {
		(void)snprintf(name, sizeof(name), "%zu/layer.tar", i);
		put(out, name, &image->layers[i].blob);
		(void)buf_printf(&list, "%s\"%s\"", i ? "," : "", name);
	}
	(void)buf_puts(&list, "]}]");
	put(out, "manifest.json", &list);
}

void test_image_write(const char *path, struct test_image *image)
{
	const char *format = image->format ? image->format : "oci";
	struct output out = { .bytes = BUF_INIT(0) };

	if (strcmp(format, "dir") == 0)
		out.dir = path;
	else
		out.tar = tar_start(&out.bytes, image->outer);
	if (strcmp(format, "docker") == 0)
		write_docker(&out, image);
	else
		write_oci(&out, image);
	if (out.tar) {
		tar_end(out.tar);
		test_write_file(path, out.bytes.data, out.bytes.len);
	}
	buf_done(&out.bytes);
}

/* ---- listings ---- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

void test_listing(const char *dir, struct buf *ret)
{
	char *paths[] = { (char *)dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL, by_name);
	FTSENT *e;

	CHECK(fts);
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_DP || e->fts_level == 0)
			continue;
		(void)buf_printf(
			ret, "%s %o %u:%u %lld\n", e->fts_path + strlen(dir) + 1,
			(unsigned)e->fts_statp->st_mode, e->fts_statp->st_uid, e->fts_statp->st_gid,
			S_ISREG(e->fts_statp->st_mode) ? (long long)e->fts_statp->st_size : 0);
	}
	(void)fts_close(fts);
}
