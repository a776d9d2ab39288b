/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that a JSON text has twice. The parsed object shows the last one only, so the text is read
 * once more: a scanner that knows just enough JSON, for texts that have been parsed before.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

#define FOUND_MAX 100 /* lines reported at most */

struct scan {
	const char *at, *end;
	struct buf *found;
	struct buf path;
	unsigned depth, n_found;
};

static int scan_value(struct scan *scan);

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && strchr(" \t\r\n", *scan->at))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

/* A string; *ret_text is between the quotes, escapes as they are. */
static int scan_string(struct scan *scan, const char **ret_text, size_t *ret_len)
{
	if (!take(scan, '"'))
		return -EINVAL;
	*ret_text = scan->at;
	while (scan->at < scan->end && *scan->at != '"')
		scan->at += *scan->at == '\\' ? 2 : 1;
	if (scan->at >= scan->end)
		return -EINVAL;
	*ret_len = (size_t)(scan->at - *ret_text);
	scan->at++;
	return 0;
}

/* The keys of one object: open addressing, at most half full, since the text is hostile. */
struct key {
	const char *text; /* NULL: free */
	size_t len;
};
struct keys {
	struct key *slots;
	size_t n, size;
};

static size_t slot_of(const struct keys *keys, const struct key *key)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t slot;

	for (size_t i = 0; i < key->len; i++)
		hash = (hash ^ (unsigned char)key->text[i]) * 0x100000001b3ULL;
	for (slot = (hash ^ hash >> 29) & (keys->size - 1); keys->slots[slot].text;
	     slot = (slot + 1) & (keys->size - 1))
		if (keys->slots[slot].len == key->len &&
		    memcmp(keys->slots[slot].text, key->text, key->len) == 0)
			break;
	return slot;
}

static int grow(struct keys *keys)
{
	struct keys bigger = { .size = keys->size ? keys->size * 2 : 16, .n = keys->n };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < keys->size; i++)
		if (keys->slots[i].text)
			bigger.slots[slot_of(&bigger, &keys->slots[i])] = keys->slots[i];
	free(keys->slots);
	*keys = bigger;
	return 0;
}

/* 1: it was there before. */
static int add_key(struct keys *keys, const struct key *key)
{
	size_t slot;

	if (keys->n * 2 >= keys->size && grow(keys) < 0)
		return -ENOMEM;
	slot = slot_of(keys, key);
	if (keys->slots[slot].text)
		return 1;
	keys->slots[slot] = *key;
	keys->n++;
	return 0;
}

static int scan_members(struct scan *scan, struct keys *keys)
{
	size_t mark = scan->path.len;

	if (take(scan, '}'))
		return 0;
	do {
		struct key key;
		int r = scan_string(scan, &key.text, &key.len);

		if (r < 0 || !take(scan, ':'))
			return -EINVAL;
		r = add_key(keys, &key);
		if (r < 0)
			return r;
		(void)buf_printf(&scan->path, "%s%.*s", mark ? "." : "", (int)key.len, key.text);
		if (r == 1 && scan->n_found++ < FOUND_MAX)
			(void)buf_printf(scan->found, "duplicate field \"%s\"\n",
					 buf_str(&scan->path));
		r = scan_value(scan);
		buf_truncate(&scan->path, mark);
		if (r < 0)
			return r;
	} while (take(scan, ','));
	return take(scan, '}') ? 0 : -EINVAL;
}

static int scan_object(struct scan *scan)
{
	struct keys keys = { 0 };
	int r = scan_members(scan, &keys);

	free(keys.slots);
	return r;
}

static int scan_array(struct scan *scan)
{
	size_t mark = scan->path.len;

	if (take(scan, ']'))
		return 0;
	for (size_t i = 0;; i++) {
		int r;

		(void)buf_printf(&scan->path, "[%zu]", i);
		r = scan_value(scan);
		buf_truncate(&scan->path, mark);
		if (r < 0)
			return r;
		if (!take(scan, ','))
			return take(scan, ']') ? 0 : -EINVAL;
	}
}

static int scan_value(struct scan *scan)
{
	const char *text;
	size_t len;
	int r;

	if (scan->depth == JSON_DEPTH_MAX)
		return -EINVAL;
	scan->depth++;
	if (take(scan, '{')) {
		r = scan_object(scan);
	} else if (take(scan, '[')) {
		r = scan_array(scan);
	} else if (scan->at < scan->end && *scan->at == '"') {
		r = scan_string(scan, &text, &len);
	} else {
		text = scan->at;
		while (scan->at < scan->end && !strchr(",]} \t\r\n", *scan->at))
			scan->at++;
		r = scan->at > text ? 0 : -EINVAL;
	}
	scan->depth--;
	return r;
}

int schema_duplicates(const char *text, size_t len, struct buf *found)
{
	struct scan scan = { .at = text, .end = text + len, .found = found };
	int r = scan_value(&scan);

	buf_done(&scan.path);
	return r < 0 ? r : buf_error(found);
}
