/* SPDX-License-Identifier: Apache-2.0 */
#include "base/byte_queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Small writes gather in pieces of this size, so that a head and its body leave together; what
 * stands around shared bytes, a chunk's size or end, is alone and takes less. */
#define PIECE_SIZE ((size_t)2048 - sizeof(struct bytes))
#define TINY	   ((size_t)32)
#define TINY_SIZE  ((size_t)128 - sizeof(struct bytes))

struct bytes *bytes_new(const void *data, size_t len)
{
	struct bytes *bytes;

	if (len > BUF_MAX_DEFAULT)
		return NULL;
	bytes = malloc(sizeof(*bytes) + len);
	if (!bytes)
		return NULL;
	bytes->refs = 1;
	bytes->len = len;
	if (data && len)
		memcpy(bytes->data, data, len);
	return bytes;
}

struct bytes *bytes_ref(struct bytes *bytes)
{
	bytes->refs++;
	return bytes;
}

struct bytes *bytes_unref(struct bytes *bytes)
{
	if (bytes && --bytes->refs == 0)
		free(bytes);
	return NULL;
}

static struct byte_piece *piece_at(const struct byte_queue *queue, size_t i)
{
	return &queue->pieces[(queue->head + i) & (queue->cap - 1)];
}

void byte_queue_done(struct byte_queue *queue)
{
	for (size_t i = 0; i < queue->n; i++)
		(void)bytes_unref(piece_at(queue, i)->bytes);
	free(queue->pieces);
	*queue = (struct byte_queue){ 0 };
}

static int grow(struct byte_queue *queue)
{
	size_t cap = queue->cap ? queue->cap * 2 : 4;
	struct byte_piece *pieces;

	if (queue->n < queue->cap)
		return 0;
	pieces = reallocarray(NULL, cap, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	for (size_t i = 0; i < queue->n; i++)
		pieces[i] = *piece_at(queue, i);
	free(queue->pieces);
	queue->pieces = pieces;
	queue->cap = cap;
	queue->head = 0;
	return 0;
}

static void push(struct byte_queue *queue, struct byte_piece piece)
{
	queue->n++;
	queue->len += piece.end - piece.off;
	*piece_at(queue, queue->n - 1) = piece;
}

int byte_queue_add(struct byte_queue *queue, const void *data, size_t len, int64_t at_ns)
{
	struct byte_piece *last = queue->n ? piece_at(queue, queue->n - 1) : NULL;
	struct bytes *bytes;

	if (!len)
		return 0;
	if (last && last->at_ns == at_ns && last->cap && last->cap - last->end >= len) {
		memcpy(last->bytes->data + last->end, data, len);
		last->end += len;
		queue->len += len;
		return 0;
	}
	if (grow(queue) < 0)
		return -ENOMEM;
	bytes = bytes_new(NULL, len <= TINY ? TINY_SIZE : MAX(len, PIECE_SIZE));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes->data, data, len);
	push(queue,
	     (struct byte_piece){ .bytes = bytes, .end = len, .cap = bytes->len, .at_ns = at_ns });
	return 0;
}

int byte_queue_add_shared(struct byte_queue *queue, struct bytes *bytes, int64_t at_ns)
{
	if (!bytes->len)
		return 0;
	if (grow(queue) < 0)
		return -ENOMEM;
	push(queue,
	     (struct byte_piece){ .bytes = bytes_ref(bytes), .end = bytes->len, .at_ns = at_ns });
	return 0;
}

const char *byte_queue_peek(const struct byte_queue *queue, size_t *ret_len)
{
	const struct byte_piece *first = piece_at(queue, 0);

	assert(queue->n);
	*ret_len = first->end - first->off;
	return first->bytes->data + first->off;
}

int64_t byte_queue_at_ns(const struct byte_queue *queue)
{
	assert(queue->n);
	return piece_at(queue, 0)->at_ns;
}

int byte_queue_iov(const struct byte_queue *queue, struct iovec *iov, int max)
{
	int n = 0;

	for (; n < max && (size_t)n < queue->n; n++) {
		const struct byte_piece *piece = piece_at(queue, (size_t)n);

		iov[n].iov_base = piece->bytes->data + piece->off;
		iov[n].iov_len = piece->end - piece->off;
	}
	return n;
}

size_t byte_queue_copy(const struct byte_queue *queue, void *to, size_t len)
{
	size_t got = 0;

	for (size_t i = 0; i < queue->n && got < len; i++) {
		const struct byte_piece *piece = piece_at(queue, i);
		size_t n = MIN(piece->end - piece->off, len - got);

		memcpy((char *)to + got, piece->bytes->data + piece->off, n);
		got += n;
	}
	return got;
}

void byte_queue_drop(struct byte_queue *queue, size_t len)
{
	assert(len <= queue->len);
	queue->len -= len;
	while (len) {
		struct byte_piece *first = piece_at(queue, 0);
		size_t n = MIN(first->end - first->off, len);

		first->off += n;
		len -= n;
		if (first->off < first->end)
			break;
		(void)bytes_unref(first->bytes);
		queue->head = (queue->head + 1) & (queue->cap - 1);
		queue->n--;
	}
	/* An idle stream holds little; a ring that has grown once is given back. */
	if (!queue->n && queue->cap > 64) {
		free(queue->pieces);
		*queue = (struct byte_queue){ 0 };
	}
}
