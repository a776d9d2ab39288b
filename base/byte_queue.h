/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes a stream still has to send: a queue of pieces, small writes gathered, shared bytes
 * (struct bytes, base/stream.h) by reference. For base/stream*.c only.
 */
#pragma once

#include <stddef.h>
#include <sys/uio.h>

#include "base/stream.h"

struct byte_piece {
	struct bytes *bytes;
	size_t off, end; /* what is left of it */
	size_t cap;	 /* bytes that fit in all; 0: shared, not to be written to */
	int64_t at_ns;	 /* memory streams: when it arrives */
};

struct byte_queue {
	struct byte_piece *pieces; /* a ring; cap is a power of two */
	size_t head, n, cap;
	size_t len; /* bytes in all pieces */
};

void byte_queue_done(struct byte_queue *queue);
/* Copy bytes to the end. -ENOMEM: nothing was taken. */
int byte_queue_add(struct byte_queue *queue, const void *data, size_t len, int64_t at_ns);
int byte_queue_add_shared(struct byte_queue *queue, struct bytes *bytes, int64_t at_ns);
/* The first piece; the queue must not be empty. */
const char *byte_queue_peek(const struct byte_queue *queue, size_t *ret_len);
int64_t byte_queue_at_ns(const struct byte_queue *queue);
/* Up to @max pieces as an iovec; returns how many. */
int byte_queue_iov(const struct byte_queue *queue, struct iovec *iov, int max);
/* The first @len bytes (or all) copied together; returns how many. */
size_t byte_queue_copy(const struct byte_queue *queue, void *to, size_t len);
void byte_queue_drop(struct byte_queue *queue, size_t len); /* the first @len bytes have left */
