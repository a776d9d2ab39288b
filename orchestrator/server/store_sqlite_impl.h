/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two sides of the SQLite store share: the loop's (store_sqlite.c: open, load, submit) and
 * the thread's (store_writer.c: transactions, ballast).
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/seal.h"
#include "orchestrator/server/store.h"

#define STORE_RESERVE_BLOCK 10000 /* revisions reserved at a time */
#define STORE_LAZY_MAX	    4096  /* records that may wait for company */
/* What is sealed: objects whose key begins so. A sealed value begins with this byte, JSON never. */
#define STORE_SEALED_PREFIX "secrets/"
#define STORE_SEALED_MARK   '\x01'

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

int store_sqlite_errno(sqlite3 *db, int rc);
/* The sentence of a failure while @doing; its errno. */
int store_sqlite_say(const struct store_sqlite *s, int rc, const char *doing, struct err *err);

/* ---- the thread's side (store_writer.c) ---- */

void *store_sqlite_writer(void *store_sqlite); /* until ->stop */
int store_sqlite_put_number(struct store_sqlite *s, const char *name, uint64_t value);
