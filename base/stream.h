/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordered bytes both ways with back pressure, over TCP, unix sockets, TLS, pipes or memory: what
 * HTTP, WebSocket, SPDY and the node protocol are spoken on.
 *
 * Reading: bytes gather in stream_input(); on_data consumes what it can use and is called again
 * when more has come. Once input_max bytes have gathered (64 KiB by default; it may be exceeded by
 * one read) the peer waits. stream_pause() stops reading, stream_resume() goes on, and calls
 * on_data at the end of the round if bytes are waiting; so call it also after having consumed
 * bytes outside of on_data.
 *
 * Writing: stream_write() copies, stream_write_shared() takes a reference on bytes that many
 * streams send. Both queue and never block or call back; what was written in a round leaves
 * together at its end. The queue drains as the peer reads. stream_queued() says how much waits,
 * on_drain is called when it has fallen to 0 after having been at or above STREAM_HIGH_WATER.
 *
 * End: on_end. reason 0: the peer has finished sending (half-close: we may still write), after all
 * its bytes were given; negative: the connection is gone, with its errno (and stream_error() has
 * the sentence). Each comes once at most, the negative one last. A TLS peer that just goes away has
 * finished too. stream_free() closes at once, stream_finish() after the queue has been sent (and
 * frees by itself). Both are fine in every callback.
 *
 * Pipes and the like work as well: of an fd that is open for reading only nothing is written, and
 * shutting one down that is for writing only closes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"

struct stream;
struct tls; /* base/tls.h */

#define STREAM_HIGH_WATER ((size_t)64 << 10)

/* Immutable bytes that several queues share; freed with the last reference. */
struct bytes {
	unsigned refs;
	size_t len;
	char data[];
};
struct bytes *bytes_new(const void *data, size_t len); /* @data NULL: uninitialised */
struct bytes *bytes_ref(struct bytes *bytes);
struct bytes *bytes_unref(struct bytes *bytes);
OWN_DEFINE(bytes, struct bytes *, bytes_unref)
#define auto_bytes OWN(bytes)

struct stream_events {
	void (*on_open)(struct stream *stream, void *data); /* connected, TLS done; may be NULL */
	void (*on_data)(struct stream *stream, void *data);
	void (*on_drain)(struct stream *stream, void *data); /* may be NULL */
	void (*on_end)(struct stream *stream, int reason, void *data);
};

/* @fd: connected, taken over, as is @tls, also on failure. @tls NULL: plain. on_open comes at the end
 * of the round, or when the handshake is done. */
int stream_of_fd(struct loop *loop, int fd, struct tls *tls, struct stream **ret, struct err *err);
/* Connect; the answer comes by on_open or on_end. @name is for errors. @tls is taken over. */
int stream_connect(struct loop *loop, const struct sockaddr *addr, socklen_t addr_len,
		   struct tls *tls, const char *name, struct stream **ret, struct err *err);
/* Two ends in memory, for any loop; @delay_ns on the way. Freeing one is what closing a socket is:
 * what was written still arrives, then the end. */
int stream_pair(struct loop *loop, int64_t delay_ns, struct stream **ret_a, struct stream **ret_b);
struct stream *stream_free(struct stream *stream);

void stream_set_events(struct stream *stream, const struct stream_events *events, void *data);
void stream_set_input_max(struct stream *stream, size_t bytes);
void *stream_data(const struct stream *stream);
struct loop *stream_loop(const struct stream *stream);

struct buf *stream_input(struct stream *stream);
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

int stream_write(struct stream *stream, const void *data, size_t len);
int stream_write_shared(struct stream *stream, struct bytes *bytes); /* takes its own reference */
size_t stream_queued(const struct stream *stream);
/* What is queued leaves now, not at the end of the round: for a question whose answer is to be made
 * while this round goes on. Calls nobody back. */
void stream_flush(struct stream *stream);
/* No more writes; the peer sees the end after the queue. */
void stream_shutdown(struct stream *stream);
void stream_finish(struct stream *stream); /* send what is queued (10 s at most), close, free */

const struct err *stream_error(const struct stream *stream);
struct tls *stream_tls(const struct stream *stream);
int stream_fd(const struct stream *stream); /* -EBADF for memory */
/* The kernel holds at most so many unsent bytes (TCP_NOTSENT_LOWAT), so that what is put in front
 * of our own queue soon leaves. Nothing happens where that does not exist. */
void stream_set_unsent_max(struct stream *stream, unsigned bytes);
/* "10.0.0.7:41234", "unix", "memory" */
const char *stream_peer(const struct stream *stream);

/* ---- listening ---- */
struct listener;
typedef void listener_fn(struct listener *listener, int fd, const struct sockaddr *peer,
			 void *data);
/* @fd: bound, listening, taken over. @fn gets each connection's non-blocking fd and owns it. */
int listener_open(struct loop *loop, int fd, listener_fn *fn, void *data, struct listener **ret);
struct listener *listener_close(struct listener *listener);
/* A TCP socket that listens on "IP" ("" or "::" for all) and port; or a unix path socket. */
int listen_tcp(const char *ip, unsigned port, int *ret_fd, struct err *err);
int listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *err);
