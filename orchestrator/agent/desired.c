/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/desired.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define LOG_NAME      "desired.log"
#define LOG_NEW	      "desired.log.new"
#define LOG_MAX	      ((size_t)1 << 30)
#define COMPACT_FLOOR ((size_t)1 << 20) /* smaller files are never worth it */

struct saved {
	struct map_node node;
	bool used;
	char *uid;
	struct json_object *state;
};

struct desired {
	int dir_fd, fd, new_fd;
	struct map objects; /* struct desired_object by key */
	struct map saved;   /* struct saved by uid */
	struct json_object *cluster;
	struct buf pending; /* lines not yet in the file */
	size_t file_bytes, live_bytes;
};

/* ---- lines: 16 hex digits of FNV-1a over the JSON, a space, the JSON ---- */

static uint64_t checksum(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3;
	return h;
}

static int put_line(struct buf *out, const struct json_object *record)
{
	auto_buf struct buf text = BUF_INIT((size_t)16 << 20);
	int r = json_write(&text, record);

	if (r < 0)
		return r;
	return buf_printf(out, "%016llx %s\n", (unsigned long long)checksum(text.data, text.len),
			  text.data);
}

/* ---- memory ---- */

static char *key_of(const char *kind, const char *namespace, const char *name)
{
	char *key = NULL;

	if (asprintf(&key, "%s/%s/%s", kind, namespace ? namespace : "", name) < 0)
		return NULL;
	return key;
}

static void object_free(struct desired_object *o)
{
	if (!o)
		return;
	free(o->key);
	free(o->uid);
	free(o->revision);
	json_unref(o->json);
	free(o);
}

static struct desired_object *find(const struct desired *d, const char *kind, const char *namespace,
				   const char *name)
{
	auto_free char *key = key_of(kind, namespace, name);
	struct map_node *node = key ? map_find(&d->objects, key) : NULL;

	return node ? map_entry(node, struct desired_object, node) : NULL;
}

const struct desired_object *desired_find(const struct desired *d, const char *kind,
					  const char *namespace, const char *name)
{
	return find(d, kind, namespace, name);
}

struct json_object *desired_get(const struct desired *d, const char *kind, const char *namespace,
				const char *name)
{
	struct desired_object *o = find(d, kind, namespace, name);

	return o ? o->json : NULL;
}

void desired_each(const struct desired *d, const char *kind, desired_fn *fn, void *data)
{
	size_t n = strlen(kind);

	for (struct map_node *node = map_seek(&d->objects, kind); node; node = map_next(node)) {
		struct desired_object *o = map_entry(node, struct desired_object, node);

		if (strncmp(o->key, kind, n) != 0)
			break;
		if (o->key[n] == '/' && !fn(o, data))
			break;
	}
}

static int put_object(struct desired *d, const char *key, const char *uid, const char *revision,
		      struct json_object *json)
{
	struct desired_object *o = calloc(1, sizeof(*o));
	struct map_node *old;

	if (!o)
		return -ENOMEM;
	o->key = strdup(key);
	o->uid = strdup(uid ? uid : "");
	o->revision = strdup(revision ? revision : "");
	o->json = json_ref(json);
	if (!o->key || !o->uid || !o->revision) {
		object_free(o);
		return -ENOMEM;
	}
	old = map_find(&d->objects, key);
	if (old) {
		map_remove(&d->objects, old);
		object_free(map_entry(old, struct desired_object, node));
	}
	(void)map_insert(&d->objects, &o->node, o->key);
	return 0;
}

static void drop_object(struct desired *d, struct map_node *node)
{
	map_remove(&d->objects, node);
	object_free(map_entry(node, struct desired_object, node));
}

static int put_saved(struct desired *d, const char *uid, struct json_object *state)
{
	struct map_node *node = map_find(&d->saved, uid);
	struct saved *s = node ? map_entry(node, struct saved, node) : NULL;

	if (s && !state) {
		map_remove(&d->saved, node);
		json_unref(s->state);
		free(s->uid);
		free(s);
		return 0;
	}
	if (!state)
		return 0;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || !(s->uid = strdup(uid))) {
			free(s);
			json_unref(state);
			return -ENOMEM;
		}
		(void)map_insert(&d->saved, &s->node, s->uid);
	}
	json_unref(s->state);
	s->state = state;
	return 0;
}

struct json_object *desired_saved(const struct desired *d, const char *uid)
{
	struct map_node *node = map_find(&d->saved, uid);

	return node ? map_entry(node, struct saved, node)->state : NULL;
}

struct json_object *desired_cluster(const struct desired *d)
{
	return d->cluster;
}

/* ---- records ---- */

static struct json_object *record_of_object(const struct desired_object *o)
{
	struct json_object *record = json_new_object();

	(void)json_put_str(record, "op", "set");
	(void)json_put_str(record, "key", o->key);
	(void)json_put_str(record, "uid", o->uid);
	(void)json_put_str(record, "revision", o->revision);
	(void)json_put(record, "object", json_ref(o->json));
	return record;
}

static struct json_object *record_of_saved(const char *uid, struct json_object *state)
{
	struct json_object *record = json_new_object();

	(void)json_put_str(record, "op", "pod");
	(void)json_put_str(record, "uid", uid);
	(void)json_put(record, "state", json_ref(state));
	return record;
}

static struct json_object *record_of_cluster(struct json_object *cluster)
{
	struct json_object *record = json_new_object();

	(void)json_put_str(record, "op", "cluster");
	(void)json_put(record, "welcome", json_ref(cluster));
	return record;
}

static int note(struct desired *d, struct json_object *record)
{
	int r = record ? put_line(&d->pending, record) : -ENOMEM;

	json_unref(record);
	return r;
}

static int apply(struct desired *d, const struct json_object *record)
{
	const char *op = json_str_at(record, "op"), *key = json_str_at(record, "key");
	const char *uid = json_str_at(record, "uid");
	struct map_node *node = key ? map_find(&d->objects, key) : NULL;

	if (!op)
		return -EPROTO;
	if (strcmp(op, "set") == 0 && key)
		return put_object(d, key, uid, json_str_at(record, "revision"),
				  json_get(record, "object"));
	if (strcmp(op, "remove") == 0 && node)
		drop_object(d, node);
	if (strcmp(op, "pod") == 0 && uid)
		return put_saved(d, uid, json_ref(json_get(record, "state")));
	if (strcmp(op, "cluster") == 0) {
		json_unref(d->cluster);
		d->cluster = json_ref(json_get(record, "welcome"));
	}
	return 0;
}

/* ---- reading the file ---- */

static int read_header(const struct json_object *record, struct err *err)
{
	int64_t version = json_int_at(record, "version", 0);

	if (version == DESIRED_VERSION)
		return 0;
	return err_say(err, -EPROTONOSUPPORT,
		       "the agent's state on disk has version %lld, this program reads version %d",
		       (long long)version, DESIRED_VERSION);
}

/* Returns how many bytes of @text hold whole, sound lines. */
static int read_lines(struct desired *d, const char *text, size_t len, size_t *ret_good,
		      struct err *err)
{
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		auto_json struct json_object *record = NULL;
		char *sum_end;
		size_t n;
		int r;

		if (!end)
			break;
		n = (size_t)(end - (text + at));
		if (n < 18 ||
		    strtoull(text + at, &sum_end, 16) != checksum(text + at + 17, n - 17) ||
		    json_parse(text + at + 17, n - 17, &record, NULL) < 0)
			break;
		r = at == 0 ? read_header(record, err) : apply(d, record);
		if (r == -ENOMEM)
			return err_set(err, r, "read " LOG_NAME);
		if (r < 0 && at == 0)
			return r;
		at += n + 1;
	}
	*ret_good = at;
	return 0;
}

static int write_header(struct buf *out)
{
	auto_json struct json_object *header = json_new_object();

	(void)json_put_str(header, "file", "shallop agent state");
	(void)json_put_int(header, "version", DESIRED_VERSION);
	return put_line(out, header);
}

static int load(struct desired *d, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(LOG_MAX);
	size_t good = 0;
	int r;

	d->fd = openat(d->dir_fd, LOG_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
	if (d->fd < 0)
		return err_set(err, -errno, "open " LOG_NAME);
	r = fd_read_to_end(d->fd, &text);
	if (r < 0)
		return err_set(err, r, "read " LOG_NAME);
	r = read_lines(d, text.data ? text.data : "", text.len, &good, err);
	if (r < 0)
		return r;
	if (good < text.len && ftruncate(d->fd, (off_t)good) < 0) /* torn by a power cut */
		return err_set(err, -errno, "mend " LOG_NAME);
	d->file_bytes = good;
	if (good == 0 && write_header(&d->pending) < 0)
		return err_set(err, -ENOMEM, LOG_NAME);
	return 0;
}

int desired_open(const char *dir, struct desired **ret, struct err *err)
{
	auto_desired struct desired *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(err, -ENOMEM, "open %s", dir);
	d->fd = d->new_fd = -EBADF;
	d->pending = BUF_INIT(LOG_MAX);
	d->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd < 0)
		return err_set(err, -errno, "open %s", dir);
	r = load(d, err);
	if (r < 0)
		return err_prefix(err, r, "%s", dir);
	*ret = take_ptr(&d);
	return 0;
}

struct desired *desired_close(struct desired *d)
{
	if (!d)
		return NULL;
	map_for_each (node, next, &d->objects)
		drop_object(d, node);
	map_for_each (node, next, &d->saved)
		(void)put_saved(d, node->key, NULL);
	json_unref(d->cluster);
	buf_done(&d->pending);
	fd_close(d->fd);
	fd_close(d->new_fd);
	fd_close(d->dir_fd);
	free(d);
	return NULL;
}

/* ---- changing ---- */

int desired_set(struct desired *d, const char *kind, const char *namespace, const char *name,
		const char *uid, const char *revision, struct json_object *json)
{
	auto_free char *key = key_of(kind, namespace, name);
	struct map_node *node;
	int r = key ? put_object(d, key, uid, revision, json) : -ENOMEM;

	if (r < 0)
		return r;
	node = map_find(&d->objects, key);
	return note(d, record_of_object(map_entry(node, struct desired_object, node)));
}

int desired_remove(struct desired *d, const char *kind, const char *namespace, const char *name)
{
	struct desired_object *o = find(d, kind, namespace, name);
	struct json_object *record;

	if (!o)
		return -ENOENT;
	record = json_new_object();
	(void)json_put_str(record, "op", "remove");
	(void)json_put_str(record, "key", o->key);
	drop_object(d, &o->node);
	return note(d, record);
}

int desired_save(struct desired *d, const char *uid, struct json_object *state)
{
	int r = note(d, record_of_saved(uid, state));

	if (r < 0) {
		json_unref(state);
		return r;
	}
	return put_saved(d, uid, state);
}

int desired_set_cluster(struct desired *d, struct json_object *welcome)
{
	if (d->cluster && json_equal(d->cluster, welcome))
		return 0;
	json_unref(d->cluster);
	d->cluster = json_ref(welcome);
	return note(d, record_of_cluster(welcome));
}

/* ---- to the disk ---- */

bool desired_dirty(const struct desired *d)
{
	return d->pending.len > 0;
}

int desired_flush(struct desired *d, struct err *err)
{
	int r;

	if (d->pending.len == 0)
		return 0;
	r = fd_write_all(d->fd, d->pending.data, d->pending.len);
	if (r < 0) {
		/* Half a line may be there now: nothing may follow it. */
		(void)!ftruncate(d->fd, (off_t)d->file_bytes);
		return err_set(err, r, "write " LOG_NAME);
	}
	if (d->new_fd >= 0)
		(void)fd_write_all(d->new_fd, d->pending.data, d->pending.len);
	d->file_bytes += d->pending.len;
	buf_clear(&d->pending);
	return 0;
}

int desired_fd(const struct desired *d)
{
	return d->fd;
}

static int put_all(const struct desired *d, struct buf *out)
{
	int r = write_header(out);

	for (struct map_node *n = map_first(&d->objects); n && r == 0; n = map_next(n)) {
		auto_json struct json_object *record =
			record_of_object(map_entry(n, struct desired_object, node));

		r = put_line(out, record);
	}
	for (struct map_node *n = map_first(&d->saved); n && r == 0; n = map_next(n)) {
		struct saved *s = map_entry(n, struct saved, node);
		auto_json struct json_object *record = record_of_saved(s->uid, s->state);

		r = put_line(out, record);
	}
	if (d->cluster && r == 0) {
		auto_json struct json_object *record = record_of_cluster(d->cluster);

		r = put_line(out, record);
	}
	return r;
}

int desired_compact(struct desired *d, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(LOG_MAX);
	auto_close int fd = -EBADF;
	int r;

	if (d->new_fd >= 0 || d->pending.len > 0 ||
	    d->file_bytes < MAX(COMPACT_FLOOR, 4 * d->live_bytes))
		return -EAGAIN;
	r = put_all(d, &text);
	if (r < 0)
		return err_set(err, r, "compact " LOG_NAME);
	d->live_bytes = text.len;
	if (d->file_bytes < 4 * d->live_bytes)
		return -EAGAIN;
	fd = openat(d->dir_fd, LOG_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "create " LOG_NEW);
	r = fd_write_all(fd, text.data, text.len);
	if (r < 0)
		return err_set(err, r, "write " LOG_NEW);
	d->new_fd = take_fd(&fd);
	return d->new_fd;
}

int desired_compacted(struct desired *d, struct err *err)
{
	struct stat st;

	if (renameat(d->dir_fd, LOG_NEW, d->dir_fd, LOG_NAME) < 0 || fstat(d->new_fd, &st) < 0)
		return err_set(err, -errno, "replace " LOG_NAME);
	fd_close(d->fd);
	d->fd = take_fd(&d->new_fd);
	d->file_bytes = (size_t)st.st_size;
	return 0;
}

/* ---- what we have ---- */

static int have_one(struct json_object *list, const struct desired_object *o)
{
	struct json_object *entry = json_new_object();
	const char *slash = strchr(o->key, '/'), *name = strchr(slash + 1, '/');

	(void)json_put(entry, "kind", json_new_string_len(o->key, (size_t)(slash - o->key)));
	if (name != slash + 1)
		(void)json_put(entry, "namespace",
			       json_new_string_len(slash + 1, (size_t)(name - slash) - 1));
	(void)json_put_str(entry, "name", name + 1);
	(void)json_put_str(entry, "uid", o->uid);
	(void)json_put_str(entry, "revision", o->revision);
	return json_add(list, entry);
}

int desired_have(const struct desired *d, struct buf *ret_json)
{
	auto_json struct json_object *have = json_new_object();
	struct json_object *list = json_new_array();
	const char *cluster = json_str_at(d->cluster, "cluster");

	for (struct map_node *n = map_first(&d->objects); n; n = map_next(n)) {
		int r = have_one(list, map_entry(n, struct desired_object, node));

		if (r < 0) {
			json_unref(list);
			return r;
		}
	}
	(void)json_put_str(have, "cluster", cluster ? cluster : "");
	(void)json_put(have, "objects", list);
	return json_write(ret_json, have);
}

static bool mark_saved(const struct desired_object *o, void *data)
{
	struct desired *d = data;
	struct map_node *node = map_find(&d->saved, o->uid);

	if (node)
		map_entry(node, struct saved, node)->used = true;
	return true;
}

void desired_prune(struct desired *d)
{
	map_for_each (node, next, &d->saved)
		map_entry(node, struct saved, node)->used = false;
	desired_each(d, "Pod", mark_saved, d);
	map_for_each (node, next, &d->saved)
		if (!map_entry(node, struct saved, node)->used)
			(void)desired_save(d, node->key, NULL);
}
