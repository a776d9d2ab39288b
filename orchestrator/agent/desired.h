/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node shall run, and what its pods were like: in memory, and in D/agent/state/desired.log.
 *
 * The file is a log of lines, each with its own checksum, written by one append per round. A line
 * torn by a power cut is the last one and is dropped. Objects that the server sent are acknowledged
 * after an fsync, which a helper process does (helper.h); the saved states of pods ride along without
 * one, for they matter only while containers live. When the file has grown to several times what
 * lives in it, it is written anew aside and put in its place once it is on the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"

#define DESIRED_VERSION 1

struct desired;

struct desired_object {
	struct map_node node;
	char *key; /* "Pod/default/web" */
	char *uid, *revision;
	struct json_object *json;
};

/* Make or read @dir/desired.log. -EPROTONOSUPPORT: written by a newer agent. */
int desired_open(const char *dir, struct desired **ret, struct err *err);
struct desired *desired_close(struct desired *desired);
OWN_DEFINE(desired, struct desired *, desired_close)
#define auto_desired OWN(desired)

/* ---- reading; values are borrowed until the object changes ---- */

struct json_object *desired_get(const struct desired *desired, const char *kind,
				const char *namespace, const char *name); /* or NULL */
const struct desired_object *desired_find(const struct desired *desired, const char *kind,
					  const char *namespace, const char *name);
/* In order of namespace and name; @fn returns false to stop. It must not change anything. */
typedef bool desired_fn(const struct desired_object *object, void *data);
void desired_each(const struct desired *desired, const char *kind, desired_fn *fn, void *data);
/* The payload of `have` (docs/protocol.md, section 5). */
int desired_have(const struct desired *desired, struct buf *ret_json);
/* What podmachine_save() gave for @uid, or NULL. */
struct json_object *desired_saved(const struct desired *desired, const char *uid);
/* What the server's last welcome said, or NULL before the first. */
struct json_object *desired_cluster(const struct desired *desired);

/* ---- changing: in memory at once, on disk with the next desired_flush() ---- */

int desired_set(struct desired *desired, const char *kind, const char *namespace, const char *name,
		const char *uid, const char *revision, struct json_object *json /* a reference */);
/* -ENOENT: it was not there. */
int desired_remove(struct desired *desired, const char *kind, const char *namespace,
		   const char *name);
/* @state is taken over; NULL: forget it. */
int desired_save(struct desired *desired, const char *uid, struct json_object *state);
/* Forget saved states of pods that are not desired any more. */
void desired_prune(struct desired *desired);
int desired_set_cluster(struct desired *desired, struct json_object *welcome /* a reference */);

bool desired_dirty(const struct desired *desired);
/* Append what changed. The file can be handed to fsync now (desired_fd()). */
int desired_flush(struct desired *desired, struct err *err);
int desired_fd(const struct desired *desired);
/* Is it time to write the log anew? If so it is written aside, and the fd that has to be synced
 * before desired_compacted() is returned; -EAGAIN: not now. */
int desired_compact(struct desired *desired, struct err *err);
int desired_compacted(struct desired *desired, struct err *err);
