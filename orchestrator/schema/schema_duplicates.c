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

/* Where the scanner is: a chain on the stack, printed only when there is something to say. */
struct place {
	const struct place *up;
	const char *key; /* NULL: element @index of a list */
	size_t len, index;
};
struct scan {
	const char *at, *end;
	struct buf *found;
	unsigned depth, n_found;
};

static int scan_value(struct scan *scan, const struct place *place);

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
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

static void write_place(struct buf *buf, const struct place *place)
{
	if (!place)
		return;
	write_place(buf, place->up);
	if (place->key)
		(void)buf_printf(buf, "%s%.*s", place->up ? "." : "", (int)place->len, place->key);
	else
		(void)buf_printf(buf, "[%zu]", place->index);
}

static void report(struct scan *scan, const struct place *place)
{
	if (scan->n_found++ >= FOUND_MAX)
		return;
	(void)buf_puts(scan->found, "duplicate field \"");
	write_place(scan->found, place);
	(void)buf_puts(scan->found, "\"\n");
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

/* The keys of one object: a few are searched, more are hashed (open addressing, at most half full),
 * since the text is hostile. */
#define FEW 16
struct key {
	const char *text; /* NULL: free */
	size_t len;
};
struct keys {
	struct key few[FEW];
	struct key *slots;
	size_t n, size;
};

static bool same_key(const struct key *a, const struct key *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static size_t slot_of(const struct keys *keys, const struct key *key)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t slot;

	for (size_t i = 0; i < key->len; i++)
		hash = (hash ^ (unsigned char)key->text[i]) * 0x100000001b3ULL;
	for (slot = (hash ^ hash >> 29) & (keys->size - 1); keys->slots[slot].text;
	     slot = (slot + 1) & (keys->size - 1))
		if (same_key(&keys->slots[slot], key))
			break;
	return slot;
}

static int grow(struct keys *keys)
{
	struct keys bigger = { .size = keys->size ? keys->size * 2 : 4 * FEW };
	const struct key *from = keys->size ? keys->slots : keys->few;
	size_t n = keys->size ? keys->size : FEW;

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (from[i].text)
			bigger.slots[slot_of(&bigger, &from[i])] = from[i];
	free(keys->slots);
	keys->slots = bigger.slots;
	keys->size = bigger.size;
	return 0;
}

/* 1: it was there before. */
static int add_key(struct keys *keys, const struct key *key)
{
	size_t slot;

	for (size_t i = 0; !keys->size && i < keys->n; i++)
		if (same_key(&keys->few[i], key))
			return 1;
	if (!keys->size && keys->n < FEW) {
		keys->few[keys->n++] = *key;
		return 0;
	}
	if (keys->n * 2 >= keys->size && grow(keys) < 0)
		return -ENOMEM;
	slot = slot_of(keys, key);
	if (keys->slots[slot].text)
		return 1;
	keys->slots[slot] = *key;
	keys->n++;
	return 0;
}

static int scan_members(struct scan *scan, const struct place *up, struct keys *keys)
{
	if (take(scan, '}'))
		return 0;
	do {
		struct place place = { .up = up };
		struct key key;
		int r = scan_string(scan, &key.text, &key.len);

		if (r < 0 || !take(scan, ':'))
			return -EINVAL;
		place.key = key.text;
		place.len = key.len;
		r = add_key(keys, &key);
		if (r == 1)
			report(scan, &place);
		if (r >= 0)
			r = scan_value(scan, &place);
		if (r < 0)
			return r;
	} while (take(scan, ','));
	return take(scan, '}') ? 0 : -EINVAL;
}

static int scan_object(struct scan *scan, const struct place *up)
{
	struct keys keys;
	int r;

	keys.slots = NULL;
	keys.n = keys.size = 0;
	r = scan_members(scan, up, &keys);
	free(keys.slots);
	return r;
}

static int scan_array(struct scan *scan, const struct place *up)
{
	struct place place = { .up = up };
	int r;

	if (take(scan, ']'))
		return 0;
	do {
		r = scan_value(scan, &place);
		place.index++;
	} while (r == 0 && take(scan, ','));
	return r == 0 && !take(scan, ']') ? -EINVAL : r;
}

static int scan_value(struct scan *scan, const struct place *place)
{
	const char *text;
	size_t len;
	int r;

	if (scan->depth == JSON_DEPTH_MAX)
		return -EINVAL;
	scan->depth++;
	if (take(scan, '{')) {
		r = scan_object(scan, place);
	} else if (take(scan, '[')) {
		r = scan_array(scan, place);
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
	int r = scan_value(&scan, NULL);

	return r < 0 ? r : buf_error(found);
}
