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
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/buf.h"
#include "base/crypt.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/seal.h"
#include "base/time.h"

#define APPLICATION_ID	 0x53684c70 /* "ShLp", in the file's header */
#define RESERVE_BLOCK	 10000	    /* revisions reserved at a time */
#define RESERVE_LOW	 5000	    /* … again when fewer are left */
#define CHECKPOINT_PAGES 1000
#define LAZY_WAIT_NS	 NS_PER_S
#define LAZY_RECORDS_MAX 4096
#define BALLAST_BYTES	 (256 << 10) /* given up when the disk is full, so that deletes succeed */
#define BALLAST_SUFFIX	 ".ballast"
#define KEY_SUFFIX	 ".key"
/* What is sealed: objects whose key begins so. A sealed value begins with this byte, JSON never. */
#define SEALED_PREFIX "secrets/"
#define SEALED_MARK   '\x01'
#define TEXT_OF_(x)   #x
#define TEXT_OF(x)    TEXT_OF_(x)

struct store_job {
	struct list node;
	const struct core_record *records; /* borrowed, or in ->copy */
	size_t n;
	uint64_t last_revision;
	bool durable;
	store_done_fn *done; /* NULL: already answered */
	void *data;
	struct err err;
	struct buf copy;
};

struct store_sqlite {
	struct store base;
	struct loop *loop;
	char *path;
	sqlite3 *db;
	sqlite3_stmt *put, *del, *number;
	unsigned char key[SEAL_KEY]; /* of sealed values */
	pthread_t thread;
	bool running;
	int wake_fd; /* finished jobs wait */

	/* the loop's */
	uint64_t reserved_on_disk; /* revisions up to here may be handed out */
	struct store_stats stats;

	/* the thread's */
	uint64_t reserved; /* what the last successful transaction reserved */
	int synchronous;   /* 2 FULL, 1 NORMAL: as the connection is set now */
	int wal_pages;
	int ballast_fd; /* -EBADF: there is none */
	struct buf sealed;

	/* shared, under @lock */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct list waiting, finished;
	size_t lazy_records; /* in waiting jobs that nobody waits for */
	bool urgent, stop;
	uint64_t done_reserved;
	struct store_stats done_stats;
};

/* ---- SQLite's errors as ours ---- */

static int errno_of(sqlite3 *db, int rc)
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

static int say_sqlite(const struct store_sqlite *s, int rc, const char *doing, struct err *err)
{
	int code = errno_of(s->db, rc);

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

	return rc == SQLITE_OK ? 0 : say_sqlite(s, rc, "set up", err);
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
	return rc == SQLITE_ROW ? 0 : say_sqlite(s, rc, "read", err);
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
			return say_sqlite(s, rc, "prepare", err);
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
		return say_sqlite(s, rc, "open", err);
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

/* ---- the ballast: disk space to give up when a delete must go through on a full disk ---- */

static void ballast_take(struct store_sqlite *s)
{
	char path[PATH_MAX];

	if (s->ballast_fd >= 0)
		return;
	(void)snprintf(path, sizeof(path), "%s" BALLAST_SUFFIX, s->path);
	s->ballast_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->ballast_fd >= 0 && posix_fallocate(s->ballast_fd, 0, BALLAST_BYTES) != 0) {
		(void)unlink(path); /* no room for it: then there is none */
		s->ballast_fd = fd_close(s->ballast_fd);
	}
}

static bool ballast_drop(struct store_sqlite *s)
{
	if (s->ballast_fd < 0 || ftruncate(s->ballast_fd, 0) < 0)
		return false;
	s->ballast_fd = fd_close(s->ballast_fd);
	return true;
}

/* ---- the thread ---- */

static bool is_sealed_key(const char *key)
{
	return strncmp(key, SEALED_PREFIX, strlen(SEALED_PREFIX)) == 0;
}

static int bind_json(struct store_sqlite *s, const struct core_record *record)
{
	if (!is_sealed_key(record->key))
		return sqlite3_bind_blob64(s->put, 3, record->json, record->len, SQLITE_STATIC);
	buf_clear(&s->sealed);
	s->sealed.failed = 0;
	if (buf_putc(&s->sealed, SEALED_MARK) < 0 ||
	    seal_put(s->key, record->key, record->json, record->len, &s->sealed) < 0)
		return SQLITE_NOMEM;
	return sqlite3_bind_blob64(s->put, 3, s->sealed.data, s->sealed.len, SQLITE_STATIC);
}

static int write_record(struct store_sqlite *s, const struct core_record *record)
{
	sqlite3_stmt *stmt = record->json ? s->put : s->del;
	int rc = sqlite3_bind_text(stmt, 1, record->key, -1, SQLITE_STATIC);

	if (record->json && rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 2, (sqlite3_int64)record->revision);
	if (record->json && rc == SQLITE_OK)
		rc = bind_json(s, record);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int write_number(struct store_sqlite *s, const char *name, uint64_t value)
{
	int rc = sqlite3_bind_int64(s->number, 1, (sqlite3_int64)value);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(s->number, 2, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->number);
	(void)sqlite3_reset(s->number);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void set_synchronous(struct store_sqlite *s, int level)
{
	if (s->synchronous != level &&
	    sqlite3_exec(s->db,
			 level == 2 ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
			 NULL, NULL, NULL) == SQLITE_OK)
		s->synchronous = level;
}

/* All of @jobs as one transaction. On failure nothing is kept. */
static int write_jobs(struct store_sqlite *s, struct list *jobs, bool durable, struct err *err)
{
	uint64_t last = 0, durable_revision = 0, reserve = s->reserved;
	int rc;

	set_synchronous(s, durable ? 2 : 1);
	rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	list_for_each (node, next, jobs) {
		struct store_job *job = list_entry(node, struct store_job, node);

		for (size_t i = 0; i < job->n && rc == SQLITE_OK; i++) {
			rc = write_record(s, &job->records[i]);
			if (job->records[i].durable)
				durable_revision = job->records[i].revision;
		}
		last = MAX(last, job->last_revision);
	}
	if (rc == SQLITE_OK && durable_revision)
		rc = write_number(s, "durable", durable_revision);
	if (rc == SQLITE_OK && last + RESERVE_LOW > reserve) {
		reserve = last + RESERVE_BLOCK;
		rc = write_number(s, "reserved", reserve);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		if (durable) /* without fsync it does not count */
			s->reserved = reserve;
		return 0;
	}
	(void)say_sqlite(s, rc, "write", err);
	(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err->code;
}

static bool only_deletes(struct list *jobs)
{
	list_for_each (node, next, jobs) {
		struct store_job *job = list_entry(node, struct store_job, node);

		for (size_t i = 0; i < job->n; i++)
			if (job->records[i].json && job->records[i].durable)
				return false;
	}
	return true;
}

static void do_jobs(struct store_sqlite *s, struct list *jobs)
{
	struct err err = { 0 };
	bool durable = false;
	size_t records = 0;
	int64_t start_ns = time_monotonic_ns();
	int r;

	list_for_each (node, next, jobs) {
		struct store_job *job = list_entry(node, struct store_job, node);

		durable |= job->done != NULL;
		records += job->n;
	}
	r = write_jobs(s, jobs, durable, &err);
	if (r == -ENOSPC && only_deletes(jobs) && ballast_drop(s))
		r = write_jobs(s, jobs, durable, &err);
	list_for_each (node, next, jobs) {
		struct store_job *job = list_entry(node, struct store_job, node);

		job->err = r < 0 ? err : (struct err){ 0 };
	}
	pthread_mutex_lock(&s->lock);
	s->done_reserved = s->reserved;
	if (r == 0) {
		s->done_stats.transactions++;
		s->done_stats.records += records;
	}
	if (durable)
		s->done_stats.last_ns = time_monotonic_ns() - start_ns;
	while (!list_empty(jobs)) {
		struct list *first = jobs->next;

		list_remove(first);
		list_append(&s->finished, first);
	}
	pthread_mutex_unlock(&s->lock);
	(void)eventfd_write(s->wake_fd, 1);
	/* Work that nobody waits for comes after the answer. */
	if (s->wal_pages >= CHECKPOINT_PAGES) {
		(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		s->wal_pages = 0;
	}
	if (r == 0 && s->ballast_fd < 0 && durable && !only_deletes(jobs))
		ballast_take(s);
}

/* Wait until something must be written; false: stopped and nothing is left. */
static bool next_jobs(struct store_sqlite *s, struct list *jobs)
{
	bool more;

	pthread_mutex_lock(&s->lock);
	while (!s->urgent && !s->stop) {
		struct timespec until;

		if (list_empty(&s->waiting)) {
			pthread_cond_wait(&s->cond, &s->lock);
			continue;
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += LAZY_WAIT_NS / NS_PER_S;
		if (pthread_cond_timedwait(&s->cond, &s->lock, &until) == ETIMEDOUT)
			break;
	}
	s->urgent = false;
	s->lazy_records = 0;
	while (!list_empty(&s->waiting)) {
		struct list *first = s->waiting.next;

		list_remove(first);
		list_append(jobs, first);
	}
	more = !s->stop || !list_empty(jobs);
	pthread_mutex_unlock(&s->lock);
	return more;
}

static void *writer(void *data)
{
	struct store_sqlite *s = data;
	struct list jobs;

	ballast_take(s);
	for (;;) {
		list_init(&jobs);
		if (!next_jobs(s, &jobs))
			return NULL;
		if (!list_empty(&jobs))
			do_jobs(s, &jobs);
	}
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
	s->urgent |= !lazy || s->lazy_records > LAZY_RECORDS_MAX;
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
			return say_sqlite(s, SQLITE_CORRUPT, "load", err);
		size_t len = (size_t)sqlite3_column_bytes(stmt, 2);

		if (len && *(const char *)json == SEALED_MARK) {
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
	return rc == SQLITE_DONE ? 0 : say_sqlite(s, rc, "load", err);
}

static int start_thread(struct store_sqlite *s, struct err *err)
{
	sigset_t all, before;
	int r;

	/* Signals are the loop's: a thread that lets them through would take them from it. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, writer, s);
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
			    : say_sqlite(s, rc, "load", err);
	sqlite3_finalize(stmt);
	if (r < 0)
		return r;
	highest = MAX(highest, (uint64_t)reserved);
	/* The next block is on disk before the first revision of it is handed out. */
	rc = write_number(s, "reserved", highest + RESERVE_BLOCK);
	if (rc != SQLITE_OK && errno_of(s->db, rc) != -ENOSPC)
		return say_sqlite(s, rc, "reserve revisions", err);
	/* A full disk still serves reads, and deletes. */
	s->reserved = rc == SQLITE_OK ? highest + RESERVE_BLOCK : highest;
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
