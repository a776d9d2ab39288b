/* SPDX-License-Identifier: Apache-2.0 */
/* A core with a store in memory and virtual time, asked in one line each. */
#pragma once

#include "orchestrator/core/core.h"

#define TEST_START_NS ((int64_t)1795514400 * 1000000000) /* 2026-11-24T10:00:00Z */

struct stored;
struct bench {
	struct core *core;
	int64_t now_ns;
	struct stored *store; /* what is durable */
	size_t n_stored, cap_stored;
	uint64_t last_revision;
	unsigned commits;
	uint64_t random;
};
struct reply {
	bool answered;
	enum core_answer_type type;
	int status;
	char *body;		  /* NULL: none */
	struct json_object *json; /* of the body, or NULL */
	char *warnings;		  /* joined by '|' */
	char *etag;
	const char *content_type;
	unsigned retry_after_s;
	struct core_watch *watch;
	char *stream; /* "exec n1 default/p c {…}" */
	uint64_t ticket;
};
struct ask {
	const char *method, *path, *body; /* @path with its query; in @body ' stands for " */
	const char *type, *accept, *agent, *user, *group;
};

/* The nth allocation inside the next core_request() fails; afterwards: whether it came that far. */
extern unsigned bench_fault;
extern bool bench_fault_hit;

struct bench *bench_new(void);
struct bench *bench_free(struct bench *bench);
OWN_DEFINE(bench, struct bench *, bench_free)
#define auto_bench OWN(bench)
/* Start again from what is stored: a crash. */
void bench_restart(struct bench *bench);
/* Run until nothing is staged and nothing more is due now. */
void bench_settle(struct bench *bench);
void bench_pass(struct bench *bench, int64_t seconds);		/* of time */
const char *bench_stored(struct bench *bench, const char *key); /* JSON, or NULL */

void reply_done(struct reply *reply);
static inline void own_reply_done(struct reply *reply)
{
	reply_done(reply);
}
/* Often it is only made, to be freed. */
#define auto_reply __attribute__((cleanup(own_reply_done), unused))
/* Send, without letting a batch become durable: *ret is filled when the answer comes. */
void bench_send(struct bench *bench, const struct ask *ask, struct reply *ret);
/* Send and settle. */
struct reply bench_ask(struct bench *bench, const struct ask *ask);
struct reply bench_call(struct bench *bench, const char *method, const char *path,
			const char *body);
const char *reply_text(const struct reply *reply, const char *path); /* "" when missing */
/* All frames that wait, one a line, as "TYPE name revision"; heap. */
char *bench_frames(struct bench *bench, struct core_watch *watch);
char *bench_raw_frames(struct bench *bench, struct core_watch *watch);
/* The minimal pod of a name, with 'extra' members behind spec.containers. Static buffer. */
const char *bench_pod(const char *name, const char *extra);
