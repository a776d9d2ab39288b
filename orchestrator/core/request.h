/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request on its way through the core. Reads end inside core_request(). Writes are parsed at
 * once; the rest of their way (admission, validation, staging) is one step without a wait, taken
 * when no batch is in flight, and their answer comes with the batch.
 *
 * Whoever handles a request ends it with exactly one of: request_fail…(), an answer function of
 * answer.h, or request_stage(); afterwards it must not be touched.
 */
#pragma once

#include "base/list.h"
#include "orchestrator/core/accept.h"
#include "orchestrator/core/apipath.h"
#include "orchestrator/core/apiquery.h"
#include "orchestrator/core/apistatus.h"
#include "orchestrator/core/core.h"
#include "orchestrator/core/state.h"

#define REQUEST_BODY_MAX ((size_t)3 << 20)
#define WARNINGS_MAX	 32

enum request_verb {
	REQUEST_GET,
	REQUEST_LIST,
	REQUEST_WATCH,
	REQUEST_CREATE,
	REQUEST_UPDATE,
	REQUEST_PATCH,
	REQUEST_DELETE,
	REQUEST_DELETECOLLECTION,
	REQUEST_VERB_COUNT,
};
enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

struct request {
	struct core *core;
	struct waiter waiter; /* its node is also the link in core->queue */
	uint64_t ticket;
	bool queued;	    /* in core->queue */
	struct timer timer; /* while parked */
	bool was_parked;
	bool *answered;		/* where core_request() looks whether it is over already, or NULL */
	core_answer_fn *answer; /* NULL: cancelled, or internal without one */
	core_done_fn *done;	/* of an internal write */
	void *data;
	bool internal;
	int64_t now_ns;

	struct apipath path;
	struct apiquery query;
	struct accept accept;
	enum request_verb verb;
	enum patch_type patch;
	const struct schema_kind *kind;
	struct resource *resource;
	const struct schema_subresource *subresource; /* NULL: the object itself */
	const char *namespace, *name;		      /* "" when none */
	char *manager;		  /* field manager: the option, else the user agent's first word */
	char api_version[128];	  /* of the kind: "apps/v1" */
	struct buf managed;	  /* managedFields of the state to be written, by managed_track() */
	bool applied;		  /* an apply has made ->managed already */
	struct json_object *body; /* NULL: none */
	struct buf duplicates;	  /* "duplicate field …" lines of the body */
	size_t body_len;
	char *user_name, *user_uid;
	char **groups;
	size_t n_groups;

	char *made_name;	   /* of an object whose name the body gave */
	const char *document_path; /* of a document: borrowed for the call */
	struct buf tail;	   /* "default/nginx" */
	bool saw_staged;	   /* its outcome rests on writes that are not durable yet */
	char *warnings[WARNINGS_MAX + 1];
	size_t n_warnings;

	struct snapshot *sweep; /* of a collection that is being deleted, some at a time */
	size_t sweep_at;

	/* what it comes to, when its batch is durable */
	int status;
	struct object *object;	/* referenced */
	struct bytes *body_out; /* instead of the object */
	unsigned retry_after_s;
	int result; /* of an internal write */
	char *sentence;
};

/* ---- ends ---- */

/* All of @status; the message from @fmt. */
void request_fail_status(struct request *request, struct apistatus *status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* A status with the code's usual reason and no details. */
void request_fail(struct request *request, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* About the object or resource of the request; @reason NULL: the code's usual one. Details name it. */
void request_fail_named(struct request *request, int code, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void request_not_found(struct request *request);
void request_forbid(struct request *request, const char *fmt, ...) PRINTF_LIKE(2, 3);
void request_invalid(struct request *request, const struct schema_problems *problems);
/* Out of memory, or whatever @code and @err say: 500. */
void request_fail_error(struct request *request, int code, const struct err *err);

void request_done(struct request *request, int status); /* with ->object or ->body_out */
/* An object or the bytes of one; @object is borrowed. At once, or with the batch if need be. */
void request_done_object(struct request *request, int status, struct object *object);
void request_done_bytes(struct request *request, int status, struct bytes *body);
void request_done_buf(struct request *request, int status, struct buf *body); /* taken, emptied */
/* Stage (@object NULL: a deletion of @old) and answer when it is durable: with what request->object
 * or ->body_out has been set to, else with what was staged. */
void request_stage(struct request *request, int status, struct object *old, struct object *object,
		   bool durable);
void request_end(struct request *request, const struct core_answer *answer); /* calls and frees */

/* ---- on the way ---- */

/* Set a write aside, to be run again from its start: by request_unpark(), or @delay_ns from now. */
int request_park(struct request *request, int64_t delay_ns);
void request_unpark(struct request *request);
/* It has done a piece of its work: run it again before any other write. */
void request_again(struct request *request);

void request_warn(struct request *request, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "pods" or "deployments.apps", as messages name the resource; returns @text. */
const char *request_resource_text(const struct request *request, char *text, size_t size);
bool request_dry_run(const struct request *request);
bool request_in_group(const struct request *request, const char *group);
/* The object that the request names, or NULL; request_tail() comes first, and when the name changes. */
struct object *request_see(struct request *request);
int request_tail(struct request *request); /* 0 or -ENOMEM */
/* Parse, authorize and route; for internal writes the fields are filled in by internal.c. */
void request_start(struct request *request); /* now, or when its turn comes */
struct request *request_new(struct core *core);
struct request *request_free(struct request *request);
OWN_DEFINE(request, struct request *, request_free)

/* ---- by state.c, after a commit or an abort: those who wait get their turn ---- */
void request_drain(struct core *core);
