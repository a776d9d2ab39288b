/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control plane's decisions, pure: requests and events in, answers and effects out. No system
 * call happens below this door; `now` comes with each call, randomness through struct core_env.
 *
 * Objects. An object is its serialized JSON (without resourceVersion, which is spliced in on the way
 * out) plus an index made at write time; published objects are immutable and refcounted.
 *
 * Requests. core_request() decodes, admits, validates and answers reads at once; writes are staged
 * and answered when their batch is durable. A watch or a stream is an answer too.
 *
 * Batches. core_batch() gives what is staged; the server makes it durable and calls core_commit().
 * Then, in this order: state is published, watchers and internal listeners get their events, the
 * waiting requests their answers. core_abort() drops the batch and answers with the store's sentence.
 *
 * Controllers and the scheduler run in core_step() over published state, and write through the same
 * staging, with the resourceVersion they saw.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/stream.h" /* struct bytes */
#include "orchestrator/core/object.h"
#include "orchestrator/schema/schema.h"

struct core;

struct core_env {
	void (*random)(void *data, void *bytes, size_t len); /* uids, generated names */
	/* Sign a service-account token; appends it to @ret_token. */
	int (*sign)(void *data, const char *claims_json, struct buf *ret_token, struct err *err);
	void *data;
};
struct core_options {
	struct core_env env;
	const char *cluster_domain, *service_cidr;
	const char *server_address; /* the IP that the endpoints of default/kubernetes name */
	unsigned server_port;
	const char *ca_pem; /* for kube-root-ca.crt */
	const char *
		token_issuer; /* "https://kubernetes.default.svc.cluster.local", also the audience */
};
int core_new(const struct core_options *options, struct core **ret, struct err *err);
struct core *core_free(struct core *core);
OWN_DEFINE(core, struct core *, core_free)
#define auto_core OWN(core)

/* ---- start: what the store holds, in any order; core_loaded() then makes what must exist ---- */

int core_load(struct core *core, const char *key, uint64_t revision, const void *json, size_t len,
	      struct err *err);
/*
 * @revision: the floor that the store reserved; the next write gets a greater one.
 * @durable_revision: of the last durable record, deletions included; watches of kinds that lose
 * nothing in a crash resume from there, all others get 410.
 */
int core_loaded(struct core *core, uint64_t revision, uint64_t durable_revision, int64_t now_ns,
		struct err *err);

/* ---- requests ---- */

struct core_user {
	const char *name, *uid; /* "system:anonymous" when nobody */
	const char *const *groups;
	size_t n_groups;
};
struct core_request {
	const char *method, *path, *query;		/* path decoded, query raw */
	const char *accept, *content_type, *user_agent; /* "" when absent */
	const char *if_none_match;			/* or NULL */
	const void *body;
	size_t body_len;
	struct core_user user; /* borrowed for the call */
	int64_t now_ns;
};
enum core_answer_type {
	CORE_ANSWER, /* status, content type, body */
	CORE_PAGES,  /* the same, but a long body: take its pieces with core_pages_next() */
	CORE_WATCH,  /* a stream of frames: take them with core_watch_next() */
	CORE_STREAM, /* exec, attach, log, port-forward, proxy: the server connects it to the node */
};
enum core_stream_kind {
	CORE_EXEC,
	CORE_ATTACH,
	CORE_LOG,
	CORE_PORTFORWARD,
	CORE_PROXY,
	CORE_STREAM_COUNT,
};
struct core_stream {
	enum core_stream_kind kind;
	const char *node, *namespace, *pod, *uid,
		*container; /* container resolved, "" for port-forward */
	/* The validated query: command[], stdin, stdout, stderr, tty, follow, previous, tailLines,
	 * limitBytes, sinceSeconds, sinceTime, timestamps, ports[], path. Borrowed. */
	struct json_object *options;
};
struct core_watch;
struct core_pages;
struct core_answer {
	enum core_answer_type type;
	int status;
	const char *content_type;    /* static */
	struct bytes *body;	     /* the answer's; the callback takes a reference to keep it */
	const char *const *warnings; /* Warning header texts, NULL-terminated, or NULL */
	const char *etag;	     /* or NULL */
	unsigned retry_after_s;	     /* 0: no such header */
	struct core_pages *pages;    /* of CORE_PAGES: the receiver owns it */
	struct core_watch *watch;    /* of CORE_WATCH: the receiver owns it */
	const struct core_stream *stream; /* of CORE_STREAM: borrowed for the call */
};
typedef void core_answer_fn(const struct core_answer *answer, void *data);

/* @answer is called exactly once, now or later, unless cancelled. Returns a ticket for
 * core_cancel() while it waits, else 0. */
uint64_t core_request(struct core *core, const struct core_request *request, core_answer_fn *answer,
		      void *data);
void core_cancel(struct core *core, uint64_t ticket); /* the client left; no answer will come */

/* ---- long bodies: a list of many objects, written out a piece at a time ---- */

/* The next piece (about 64 KiB; owned reference), or NULL after the last. The list is a snapshot:
 * it holds references on its objects, so take the pieces as the client reads. -ENOMEM ends it. */
struct bytes *core_pages_next(struct core_pages *pages);
int64_t core_pages_length(const struct core_pages *pages); /* of the whole body; -1: not known */
struct core_pages *core_pages_free(struct core_pages *pages);

/* ---- watches ---- */

/* The next piece of the stream (one or more frames), or NULL: nothing waits. Owned reference. */
struct bytes *core_watch_next(struct core_watch *watch, int64_t now_ns);
/* @fn: something waits after core_watch_next() gave NULL, or the watch has ended. */
typedef void core_watch_fn(struct core_watch *watch, void *data);
void core_watch_notify(struct core_watch *watch, core_watch_fn *fn, void *data);
bool core_watch_ended(const struct core_watch *watch); /* time-out, or too far behind */
struct core_watch *core_watch_free(struct core_watch *watch);

/* ---- batches ---- */

struct core_record {
	const char *
		key; /* "pods/default/nginx", "nodes/n1"; other groups "apps/deployments/ns/name" */
	uint64_t revision;
	const void *json; /* NULL: deleted */
	size_t len;
	bool durable; /* false: may be lost in a crash (Events, heartbeats) */
};
struct core_batch {
	const struct core_record *records;
	size_t n;
	uint64_t last_revision;
	bool durable; /* at least one record is */
};
/* The staged batch, or NULL: nothing staged, or one is under way. Valid until commit or abort. */
const struct core_batch *core_batch(struct core *core);
void core_commit(struct core *core, int64_t now_ns);
void core_abort(struct core *core, int code, const char *sentence, int64_t now_ns);

/* ---- the clockwork ---- */

/* Run what is due: controllers, scheduler, watch time-outs. Bounded; *ret_more: call again soon.
 * Returns when to call at the latest (absolute, ns). Call it after each core_commit() too. */
int64_t core_step(struct core *core, int64_t now_ns, bool *ret_more);

/* ---- published state, for the node front, controllers and the scheduler ---- */

enum core_event_type { CORE_ADDED, CORE_MODIFIED, CORE_DELETED };
typedef void core_event_fn(struct core *core, enum core_event_type type, struct object *object,
			   struct object *old, void *data);
/* Every published change of @kind from now on; existing objects come first, as CORE_ADDED. */
int core_listen(struct core *core, const struct schema_kind *kind, core_event_fn *fn, void *data);
/* Borrowed until the next commit (object_ref() to keep), or NULL. */
struct object *core_get(struct core *core, const struct schema_kind *kind, const char *namespace,
			const char *name);
/* In key order; @namespace NULL: all. The callback may not write. */
typedef bool core_each_fn(struct object *object, void *data); /* false: stop */
void core_each(struct core *core, const struct schema_kind *kind, const char *namespace,
	       core_each_fn *fn, void *data);
uint64_t core_revision(const struct core *core);

/*
 * Writes from inside (controllers, scheduler, node front): through defaulting, validation and
 * staging like a request of a trusted user. @done (may be NULL) gets 0, or -errno with the sentence
 * (-ESTALE: resourceVersion moved on, -ENOENT, -EEXIST), when the batch is durable. @object is taken.
 */
typedef void core_done_fn(struct core *core, int result, const char *sentence,
			  struct object *object, void *data);
void core_create(struct core *core, const struct schema_kind *kind, struct json_object *object,
		 core_done_fn *done, void *data);
/* Update with the resourceVersion inside @object (none: unconditional). @subresource "" or "status":
 * the latter writes nothing but the status, so that it may be unconditional where it has one owner. */
void core_update(struct core *core, const struct schema_kind *kind, const char *subresource,
		 struct json_object *object, core_done_fn *done, void *data);
struct core_delete_options {
	int64_t grace_s;	 /* -1: the object's own */
	const char *uid;	 /* precondition, or NULL */
	const char *propagation; /* NULL: the kind's default */
};
void core_delete(struct core *core, const struct schema_kind *kind, const char *namespace,
		 const char *name, const struct core_delete_options *options, core_done_fn *done,
		 void *data);
/* pods/binding: sets nodeName and PodScheduled; -EEXIST when already bound. */
void core_bind(struct core *core, const char *namespace, const char *pod, const char *uid,
	       const char *node, core_done_fn *done, void *data);
/* An Event about @object, merged with an equal recent one as client-go's recorder does (count). */
void core_event(struct core *core, const struct object *object, const char *type,
		const char *reason, const char *component, const char *message, int64_t now_ns);

struct core_stats {
	size_t objects, watchers, staged;
	uint64_t requests, commits, revision;
};
void core_stats(const struct core *core, struct core_stats *ret);
