/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work list of a level-triggered controller: keys, each to be looked at once its time has come.
 *
 * A key stands for "see to this", never for what happened: events may be merged, come twice or be
 * made up. Adding a key that waits already can only bring its time forward.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "orchestrator/core/core.h"

struct ctl_keys {
	struct map by_key, by_time;
	struct list writes; /* under way, see ctl_keys_write() */
};
void ctl_keys_init(struct ctl_keys *keys);
void ctl_keys_done(struct ctl_keys *keys);

/* Out of memory loses the key; the next event of its object brings it again. */
void ctl_keys_add(struct ctl_keys *keys, const char *key, int64_t at_ns);
void ctl_keys_drop(struct ctl_keys *keys, const char *key);
/* Take the first that is due: heap text, or NULL. */
char *ctl_keys_take(struct ctl_keys *keys, int64_t now_ns);
int64_t ctl_keys_due_ns(const struct ctl_keys *keys); /* INT64_MAX: empty */

/*
 * What to give core_create() and its kin as data, with ctl_keys_wrote() as done: when the write
 * fails, @key is looked at again, at once if the object had only moved on, else after a second. NULL
 * (out of memory) is fine too: then nobody looks again.
 */
void *ctl_keys_write(struct ctl_keys *keys, const char *key);
void ctl_keys_wrote(struct core *core, int result, const char *sentence, struct object *object,
		    void *data);
/* How many such writes are under way for @key. */
bool ctl_keys_writing(const struct ctl_keys *keys, const char *key);

/* "namespace/name" of an object; heap, or NULL. And taken apart again: *name points into @key. */
char *ctl_key_of(const struct object *object);
const char *ctl_key_split(char *key, char **ret_name);
