/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store: one SQLite file in WAL mode, synchronous=FULL, one thread that writes.
 *
 * Message in, eventfd out: the loop appends jobs to a queue under a mutex, the thread takes all
 * that wait as one transaction, and hands them back on the finished list. Only the thread touches
 * the database once it runs. Batches without durable records wait up to a second for company and
 * are written without fsync; a later fsync covers them too.
 *
 * Secrets are sealed (base/seal.h) with a key beside the store, so that a copy of the database alone,
 * a backup or a discarded disk's sectors, gives none of them away.
 */
#include "orchestrator/server/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "orchestrator/server/store_sqlite_impl.h"

#define APPLICATION_ID 0x53684c70 /* "ShLp", in the file's header */
#define KEY_SUFFIX     ".key"
#define TEXT_OF_(x)    #x
#define TEXT_OF(x)     TEXT_OF_(x)

/* ---- SQLite's errors as ours ---- */

int store_sqlite_errno(sqlite3 *db, int rc)
{
	static const struct {
		int rc, code;
	} table[] = {
		{ SQLITE_FULL, -ENOSPC },     { SQLITE_CORRUPT, -EBADMSG },
		{ SQLITE_NOTADB, -EBADMSG },  { SQLITE_BUSY, -EBUSY },
		{ SQLITE_LOCKED, -EBUSY },    { SQLITE_NOMEM, -ENOMEM },
		{ SQLITE_READONLY, -EROFS },  { SQLITE_CANTOPEN, -ENOENT },
		{ SQLITE_TOOBIG, -EMSGSIZE }, { SQLITE_PERM, -EACCES },
	};
	int sys = db ? sqlite3_system_errno(db) : 0;

	if ((rc & 0xff) == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT))
		return -ENOSPC;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].rc == (rc & 0xff))
			return table[i].code;
	return -EIO;
}

int store_sqlite_say(const struct store_sqlite *s, int rc, const char *doing, struct err *err)
{
	int code = store_sqlite_errno(s->db, rc);

	switch (code) {
	case -EBADMSG:
		return err_say(
			err, code,
			"store %s: damaged or not a Shallop store (%s); restore a backup, or "
			"move it away to start empty",
			s->path, sqlite3_errstr(rc));
	case -EBUSY:
		return err_say(err, code, "store %s: another server uses it", s->path);
	default:
		return err_set(err, code, "store %s: %s: %s", s->path, doing,
			       s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	}
}

static int run_sql(struct store_sqlite *s, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_sqlite_say(s, rc, "set up", err);
}

static int read_number(struct store_sqlite *s, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : store_sqlite_say(s, rc, "read", err);
}

/* ---- opening ---- */

static int on_wal(void *data, sqlite3 *db, const char *name, int pages)
{
	struct store_sqlite *s = data;

	(void)db;
	(void)name;
	s->wal_pages = pages; /* checkpointed by the thread after it has answered */
	return SQLITE_OK;
}

/* A new file gets the schema; a known one is taken; a newer one refused. */
static int check_version(struct store_sqlite *s, struct err *err)
{
	int64_t application, version, tables;
	int r;

	r = read_number(s, "PRAGMA application_id", &application, err);
	if (r == 0)
		r = read_number(s, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = read_number(s, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (r < 0)
		return r;
	if (tables == 0)
		return run_sql(
			s,
			"BEGIN IMMEDIATE;"
			"CREATE TABLE object (key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,"
			" json BLOB NOT NULL);"
			"CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
			" WITHOUT ROWID;"
			"INSERT INTO number VALUES ('reserved', 0), ('durable', 0);"
			"PRAGMA application_id = " TEXT_OF(
				APPLICATION_ID) ";"
						"PRAGMA user_version = " TEXT_OF(
							STORE_VERSION) ";"
								       "COMMIT",
			err);
	if (application != APPLICATION_ID)
		return err_say(err, -EBADMSG, "store %s: not a Shallop store", s->path);
	if (version > STORE_VERSION)
		return err_say(err, -EPROTONOSUPPORT,
			       "store %s: written by a newer shallop (format %" PRId64
			       ", this one knows %d); upgrade shallop",
			       s->path, version, STORE_VERSION);
	return 0;
}

static int prepare(struct store_sqlite *s, struct err *err)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} table[] = {
		{ &s->put, "INSERT INTO object (key, revision, json) VALUES (?1, ?2, ?3) "
			   "ON CONFLICT (key) DO UPDATE SET revision = ?2, json = ?3" },
		{ &s->del, "DELETE FROM object WHERE key = ?1" },
		{ &s->number, "UPDATE number SET value = ?1 WHERE name = ?2" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		int rc = sqlite3_prepare_v3(s->db, table[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
					    table[i].stmt, NULL);
		if (rc != SQLITE_OK)
			return store_sqlite_say(s, rc, "prepare", err);
	}
	return 0;
}

/* The key of sealed values lies beside the store and is made with it. */
static int read_key(struct store_sqlite *s, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(SEAL_KEY);
	char path[PATH_MAX];
	int64_t sealed = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s" KEY_SUFFIX, s->path);
	if (access(path, F_OK) < 0) {
		r = read_number(s,
				"SELECT count(*) FROM object WHERE key >= 'secrets/' AND "
				"key < 'secrets0' AND substr(json, 1, 1) = x'01'",
				&sealed, err);
		if (r == 0 && sealed)
			r = err_say(err, -ENOENT,
				    "store %s: its key %s is lost: restore it from a backup",
				    s->path, path);
		if (r < 0)
			return r;
		random_bytes(s->key, sizeof(s->key));
		return fd_write_file_at(AT_FDCWD, path, s->key, sizeof(s->key), 0600, err);
	}
	r = fd_read_file(path, &text, err);
	if (r == 0 && text.len != sizeof(s->key))
		r = err_say(err, -EBADMSG, "%s: not a key of %d bytes", path, SEAL_KEY);
	if (r == 0)
		memcpy(s->key, text.data, sizeof(s->key));
	return r;
}

static int open_database(struct store_sqlite *s, struct err *err)
{
	auto_close int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc, r;

	if (fd < 0) /* made here, for the mode and for a plain errno */
		return err_set(err, -errno, "open store %s", s->path);
	rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return store_sqlite_say(s, rc, "open", err);
	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 512, 16);
	/* Exclusive before the first access: no shared memory file, and a second server finds out. */
	r = run_sql(
		s,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL; PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY;"
		"PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE; COMMIT",
		err);
	if (r == 0)
		r = check_version(s, err);
	if (r == 0)
		r = prepare(s, err);
	if (r == 0)
		r = read_key(s, err);
	if (r < 0)
		return r;
	(void)sqlite3_wal_hook(s->db, on_wal, s);
	s->synchronous = 2;
	return 0;
}

/* ---- the loop's side ---- */

static void job_free(struct store_job *job)
{
	buf_done(&job->copy);
	free(job);
}

static void on_wake(struct loop *loop, int fd, unsigned events, void *data)
{
	struct store_sqlite *s = data;
	struct list finished;
	eventfd_t count;

	(void)loop;
	(void)events;
	(void)eventfd_read(fd, &count);
	list_init(&finished);
	pthread_mutex_lock(&s->lock);
	while (!list_empty(&s->finished)) {
		struct list *first = s->finished.next;

		list_remove(first);
		list_append(&finished, first);
	}
	s->reserved_on_disk = s->done_reserved;
	s->stats = s->done_stats;
	pthread_mutex_unlock(&s->lock);
	list_for_each (node, next, &finished) {
		struct store_job *job = list_entry(node, struct store_job, node);

		list_remove(node);
		if (job->done)
			job->done(&job->err, job->data);
		job_free(job);
	}
}

/* Records, keys and bodies in one block of memory: they outlive the batch. */
static int job_copy(struct store_job *job, const struct core_batch *batch)
{
	size_t bytes = batch->n * sizeof(struct core_record);
	struct core_record *records;
	char *at;

	for (size_t i = 0; i < batch->n; i++)
		bytes += strlen(batch->records[i].key) + 1 + batch->records[i].len;
	if (buf_reserve(&job->copy, bytes) < 0)
		return -ENOMEM;
	records = (struct core_record *)job->copy.data;
	at = job->copy.data + batch->n * sizeof(struct core_record);
	for (size_t i = 0; i < batch->n; i++) {
		size_t key_len = strlen(batch->records[i].key) + 1;

		records[i] = batch->records[i];
		records[i].key = memcpy(at, batch->records[i].key, key_len);
		at += key_len;
		if (!records[i].json)
			continue;
		records[i].json = memcpy(at, batch->records[i].json, records[i].len);
		at += records[i].len;
	}
	job->records = records;
	return 0;
}

static void sqlite_submit(struct store *store, const struct core_batch *batch, store_done_fn *done,
			  void *data)
{
	struct store_sqlite *s = CONTAINER_OF(store, struct store_sqlite, base);
	struct store_job *job = calloc(1, sizeof(*job));
	bool lazy = !batch->durable && batch->last_revision <= s->reserved_on_disk;
	struct err err = { 0 };

	if (!job || (lazy && job_copy(job, batch) < 0)) {
		(void)err_set(&err, -ENOMEM, "store %s: queue a batch", s->path);
		free(job);
		done(&err, data);
		return;
	}
	if (!lazy) {
		job->records = batch->records;
		job->done = done;
		job->data = data;
	}
	job->n = batch->n;
	job->last_revision = batch->last_revision;
	pthread_mutex_lock(&s->lock);
	list_append(&s->waiting, &job->node);
	s->lazy_records += lazy ? job->n : 0;
	s->urgent |= !lazy || s->lazy_records > STORE_LAZY_MAX;
	/* The first lazy job too wakes the thread: it starts the second that may pass. */
	if (s->urgent || s->lazy_records == job->n)
		pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (lazy)
		done(&err, data);
}

static int unseal(struct store_sqlite *s, const char *key, const void *json, size_t len,
		  struct err *err)
{
	int r;

	buf_clear(&s->sealed);
	r = seal_take(s->key, key, (const char *)json + 1, len - 1, &s->sealed);
	if (r == -EBADMSG)
		return err_say(err, r,
			       "store %s: %s cannot be read with the key in %s" KEY_SUFFIX
			       ": restore that file from a backup",
			       s->path, key, s->path);
	return r < 0 ? err_set(err, r, "store %s: read %s", s->path, key) : 0;
}

static int load_rows(struct store_sqlite *s, sqlite3_stmt *stmt, store_load_fn *fn, void *data,
		     uint64_t *highest, struct err *err)
{
	int rc, r;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(stmt, 0);
		uint64_t revision = (uint64_t)sqlite3_column_int64(stmt, 1);
		const void *json = sqlite3_column_blob(stmt, 2);

		if (!key || !json)
			return store_sqlite_say(s, SQLITE_CORRUPT, "load", err);
		size_t len = (size_t)sqlite3_column_bytes(stmt, 2);

		if (len && *(const char *)json == STORE_SEALED_MARK) {
			r = unseal(s, key, json, len, err);
			if (r < 0)
				return r;
			json = s->sealed.data;
			len = s->sealed.len;
		}
		r = fn(key, revision, json, len, data, err);
		if (r < 0)
			return err_prefix(err, r, "store %s: load %s", s->path, key);
		*highest = MAX(*highest, revision);
	}
	return rc == SQLITE_DONE ? 0 : store_sqlite_say(s, rc, "load", err);
}

static int start_thread(struct store_sqlite *s, struct err *err)
{
	sigset_t all, before;
	int r;

	/* Signals are the loop's: a thread that lets them through would take them from it. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, store_sqlite_writer, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return err_set(err, -r, "store %s: start the writer", s->path);
	s->running = true;
	return 0;
}

static int sqlite_load(struct store *store, store_load_fn *fn, void *data, uint64_t *ret_revision,
		       uint64_t *ret_durable, struct err *err)
{
	struct store_sqlite *s = CONTAINER_OF(store, struct store_sqlite, base);
	struct err local = { 0 };
	sqlite3_stmt *stmt = NULL;
	uint64_t highest = 0;
	int64_t reserved = 0, durable = 0;
	int rc, r;

	r = read_number(s, "SELECT value FROM number WHERE name = 'reserved'", &reserved, err);
	if (r == 0)
		r = read_number(s, "SELECT value FROM number WHERE name = 'durable'", &durable,
				err);
	if (r < 0)
		return r;
	rc = sqlite3_prepare_v2(s->db, "SELECT key, revision, json FROM object", -1, &stmt, NULL);
	r = rc == SQLITE_OK ? load_rows(s, stmt, fn, data, &highest, err)
			    : store_sqlite_say(s, rc, "load", err);
	sqlite3_finalize(stmt);
	if (r < 0)
		return r;
	highest = MAX(highest, (uint64_t)reserved);
	/* The next block is on disk before the first revision of it is handed out. */
	rc = store_sqlite_put_number(s, "reserved", highest + STORE_RESERVE_BLOCK);
	if (rc != SQLITE_OK && store_sqlite_errno(s->db, rc) != -ENOSPC)
		return store_sqlite_say(s, rc, "reserve revisions", err);
	/* A full disk still serves reads, and deletes. */
	s->reserved = rc == SQLITE_OK ? highest + STORE_RESERVE_BLOCK : highest;
	s->reserved_on_disk = s->done_reserved = s->reserved;
	r = start_thread(s, err ? err : &local);
	if (r < 0)
		return r;
	*ret_revision = highest;
	*ret_durable = (uint64_t)durable;
	return 0;
}

static void sqlite_stats(struct store *store, struct store_stats *ret)
{
	*ret = CONTAINER_OF(store, struct store_sqlite, base)->stats;
}

static void sqlite_free(struct store_sqlite *s)
{
	list_for_each (node, next, &s->waiting)
		job_free(list_entry(node, struct store_job, node));
	list_for_each (node, next, &s->finished)
		job_free(list_entry(node, struct store_job, node));
	if (s->wake_fd >= 0)
		loop_unwatch(s->loop, s->wake_fd);
	(void)fd_close(s->wake_fd);
	(void)fd_close(s->ballast_fd);
	sqlite3_finalize(s->put);
	sqlite3_finalize(s->del);
	sqlite3_finalize(s->number);
	(void)sqlite3_close(s->db); /* checkpoints, and removes the WAL */
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	explicit_bzero(s->key, sizeof(s->key));
	buf_done(&s->sealed);
	free(s->path);
	free(s);
}

static void sqlite_close(struct store *store)
{
	struct store_sqlite *s = CONTAINER_OF(store, struct store_sqlite, base);

	if (s->running) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->cond);
		pthread_mutex_unlock(&s->lock);
		(void)pthread_join(s->thread, NULL);
	}
	sqlite_free(s);
}

static const struct store_ops sqlite_ops = {
	.load = sqlite_load,
	.submit = sqlite_submit,
	.stats = sqlite_stats,
	.close = sqlite_close,
};

static struct store_sqlite *sqlite_new(struct loop *loop, const char *path)
{
	struct store_sqlite *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->path = strdup(path);
	if (!s->path) {
		free(s);
		return NULL;
	}
	s->base.ops = &sqlite_ops;
	s->loop = loop;
	s->wake_fd = s->ballast_fd = -EBADF;
	list_init(&s->waiting);
	list_init(&s->finished);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	return s;
}

int store_sqlite_open(struct loop *loop, const char *path, struct store **ret, struct err *err)
{
	struct store_sqlite *s;
	int r, fd;

	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused once it runs: fine */
	s = sqlite_new(loop, path);
	if (!s)
		return err_set(err, -ENOMEM, "open store %s", path);
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = fd < 0 ? err_set(err, -errno, "open store %s: eventfd", path) : 0;
	if (r == 0) {
		r = loop_watch(loop, fd, LOOP_READ, on_wake, s);
		if (r < 0) {
			(void)fd_close(fd);
			(void)err_set(err, r, "open store %s: watch", path);
		} else {
			s->wake_fd = fd;
		}
	}
	if (r == 0)
		r = open_database(s, err);
	if (r < 0) {
		sqlite_free(s);
		return r;
	}
	*ret = &s->base;
	return 0;
}
