/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that writes: all jobs that wait are one transaction, answered together. Nobody else
 * touches the database while it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/fd.h"
#include "base/time.h"
#include "orchestrator/server/store_sqlite_impl.h"

#define RESERVE_LOW	 5000 /* revisions are reserved again when fewer are left */
#define CHECKPOINT_PAGES 1000
#define LAZY_WAIT_NS	 NS_PER_S
#define BALLAST_BYTES	 (256 << 10) /* given up when the disk is full, so that deletes succeed */
#define BALLAST_SUFFIX	 ".ballast"

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
	return strncmp(key, STORE_SEALED_PREFIX, strlen(STORE_SEALED_PREFIX)) == 0;
}

static int bind_json(struct store_sqlite *s, const struct core_record *record)
{
	if (!is_sealed_key(record->key))
		return sqlite3_bind_blob64(s->put, 3, record->json, record->len, SQLITE_STATIC);
	buf_clear(&s->sealed);
	s->sealed.failed = 0;
	if (buf_putc(&s->sealed, STORE_SEALED_MARK) < 0 ||
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

int store_sqlite_put_number(struct store_sqlite *s, const char *name, uint64_t value)
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
		rc = store_sqlite_put_number(s, "durable", durable_revision);
	if (rc == SQLITE_OK && last + RESERVE_LOW > reserve) {
		reserve = last + STORE_RESERVE_BLOCK;
		rc = store_sqlite_put_number(s, "reserved", reserve);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		if (durable) /* without fsync it does not count */
			s->reserved = reserve;
		return 0;
	}
	(void)store_sqlite_say(s, rc, "write", err);
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

void *store_sqlite_writer(void *data)
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
