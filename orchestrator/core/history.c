/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/history.h"

#include <errno.h>

static void drop_oldest(struct history *history)
{
	struct past *past = &history->ring[history->head];

	history->floor = object_revision(past->object);
	history->bytes -= object_memory(past->object);
	object_unref(past->object);
	object_unref(past->old);
	history->head = (history->head + 1) & (history->cap - 1);
	history->n--;
}

static int grow(struct history *history)
{
	size_t cap = history->cap ? history->cap * 2 : 16;
	struct past *ring = calloc(cap, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < history->n; i++)
		ring[i] = history->ring[(history->head + i) & (history->cap - 1)];
	free(history->ring);
	history->ring = ring;
	history->cap = cap;
	history->head = 0;
	return 0;
}

int history_add(struct history *history, enum core_event_type type, struct object *object,
		struct object *old, int64_t now_ns)
{
	if (history->n == history->cap && grow(history) < 0) {
		while (history->n)
			drop_oldest(history);
		if (!history->cap) {
			history->floor = object_revision(object);
			return -ENOMEM;
		}
	}
	history->ring[(history->head + history->n) & (history->cap - 1)] =
		(struct past){ type, object_ref(object), old ? object_ref(old) : NULL, now_ns };
	history->n++;
	history->bytes += object_memory(object);
	history_trim(history, now_ns);
	return 0;
}

void history_trim(struct history *history, int64_t now_ns)
{
	while (history->n && (history->bytes > HISTORY_BYTES_MAX ||
			      now_ns - history->ring[history->head].at_ns > HISTORY_NS_MAX))
		drop_oldest(history);
}

void history_done(struct history *history)
{
	while (history->n)
		drop_oldest(history);
	free(history->ring);
	*history = (struct history){ 0 };
}

const struct past *history_at(const struct history *history, size_t i)
{
	return &history->ring[(history->head + i) & (history->cap - 1)];
}

size_t history_after(const struct history *history, uint64_t revision)
{
	size_t low = 0, high = history->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (object_revision(history_at(history, middle)->object) > revision)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
