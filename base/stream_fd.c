/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams on fds, plain or with TLS. The engine of TLS (base/tls.h) has no fd of its own: what is
 * received is fed to it, what it makes is gathered and sent, so that a whole answer of several
 * records is one system call.
 */
#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/stream_impl.h"
#include "base/tls.h"

#define READ_SIZE    ((size_t)64 << 10) /* one recv */
#define SCRATCH_SIZE (READ_SIZE + TLS_RECORD_MAX)
#define READS_MAX    4			/* of one stream in one round */
#define SEND_MAX     ((size_t)1 << 20)	/* likewise */
#define CIPHER_MAX   ((size_t)64 << 10) /* encrypted ahead of a send */
#define IOV_COUNT    32

struct fd_stream {
	struct stream stream;
	int fd;
	bool is_socket, may_read, may_write;
	bool connecting, blocked; /* waits for LOOP_WRITE */
	unsigned watched;
	bool is_watched;
	struct tls *tls;
	struct buf cipher_in;  /* received, not decrypted, because the user did not want more */
	struct buf cipher_out; /* encrypted, not sent */
};

static void on_event(struct loop *loop, int fd, unsigned events, void *data);

static struct fd_stream *fd_stream_of(const struct stream *stream)
{
	return CONTAINER_OF(stream, struct fd_stream, stream);
}

/* ---- which events to wait for ---- */

static unsigned wanted_events(const struct fd_stream *f)
{
	unsigned events = 0;

	if (f->connecting)
		return LOOP_WRITE;
	if (f->may_read && (stream_wants_input(&f->stream) || (f->tls && !f->stream.open)))
		events |= LOOP_READ;
	if (f->blocked)
		events |= LOOP_WRITE;
	return events;
}

static void fd_update(struct stream *stream)
{
	struct fd_stream *f = fd_stream_of(stream);
	unsigned events;
	int r;

	if (f->fd < 0)
		return;
	if (stream->err.code < 0) {
		loop_unwatch(stream->loop, f->fd);
		f->is_watched = false;
		return;
	}
	if (f->cipher_in.len && stream_wants_input(stream))
		stream_later(stream);
	events = wanted_events(f);
	if (f->is_watched && events == f->watched)
		return;
	r = loop_watch(stream->loop, f->fd, events, on_event, f);
	f->is_watched = r == 0;
	f->watched = events;
	if (r < 0)
		stream_fail(stream, r, "watch connection with %s", stream->peer);
}

/* ---- sending ---- */

/* Bytes sent; -EAGAIN: wait; other errors have failed the stream. */
static ssize_t fd_send_iov(struct fd_stream *f, struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };
	ssize_t sent;

	do {
		if (f->is_socket)
			sent = sendmsg(f->fd, &msg, MSG_NOSIGNAL);
		else
			sent = writev(f->fd, iov, n);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return sent;
	if (errno == EAGAIN) {
		f->blocked = true;
		return -EAGAIN;
	}
	return stream_fail(&f->stream, -errno, "send to %s", f->stream.peer);
}

static void flush_plain(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	size_t total = 0;

	while (stream->out.len && !f->blocked) {
		struct iovec iov[IOV_COUNT];
		int n = byte_queue_iov(&stream->out, iov, IOV_COUNT);
		ssize_t sent = fd_send_iov(f, iov, n);

		if (sent < 0)
			return;
		byte_queue_drop(&stream->out, (size_t)sent);
		total += (size_t)sent;
		if (total >= SEND_MAX && stream->out.len)
			f->blocked = true; /* others' turn; we are called again soon */
	}
}

static void send_cipher(struct fd_stream *f)
{
	while (f->cipher_out.len && !f->blocked) {
		struct iovec iov = { f->cipher_out.data, f->cipher_out.len };
		ssize_t sent = fd_send_iov(f, &iov, 1);

		if (sent < 0)
			return;
		buf_consume(&f->cipher_out, (size_t)sent);
	}
	if (!f->cipher_out.len && f->cipher_out.cap > 1024)
		buf_done(&f->cipher_out);
}

/* Encrypt up to CIPHER_MAX bytes of the queue, in records as large as can be. */
static int encrypt_some(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	char *gathered = (char *)loop_scratch(stream->loop, SCRATCH_SIZE) + READ_SIZE;
	size_t ahead = MIN(stream->out.len, CIPHER_MAX);
	struct err err = { 0 };

	if (buf_reserve(&f->cipher_out, ahead + (ahead / TLS_RECORD_MAX + 1) * 64) < 0)
		return stream_fail(stream, -ENOMEM, "encrypt for %s", stream->peer);
	for (size_t done = 0; done < ahead;) {
		size_t len;
		const char *from = byte_queue_peek(&stream->out, &len);
		int r;

		if (len >= TLS_RECORD_MAX) {
			len = TLS_RECORD_MAX;
		} else if (len < stream->out.len) {
			len = byte_queue_copy(&stream->out, gathered, TLS_RECORD_MAX);
			from = gathered;
		}
		r = tls_write(f->tls, from, len, &err);
		if (r < 0)
			return stream_fail(stream, r, "encrypt for %s: %s", stream->peer, err.text);
		byte_queue_drop(&stream->out, len);
		done += len;
	}
	return 0;
}

static void flush_tls(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	size_t total = 0;

	for (;;) {
		send_cipher(f);
		if (stream->err.code < 0 || f->blocked || !stream->open || !stream->out.len)
			return;
		if (total >= SEND_MAX) {
			f->blocked = true;
			return;
		}
		total += MIN(stream->out.len, CIPHER_MAX);
		if (encrypt_some(f) < 0)
			return;
	}
}

static void finish_sending(struct fd_stream *f)
{
	struct stream *stream = &f->stream;

	if (f->tls && !f->cipher_out.len) {
		tls_shutdown(f->tls);
		send_cipher(f);
		if (stream->err.code < 0)
			return;
	}
	if (f->cipher_out.len)
		return; /* blocked: comes here again, and a second tls_shutdown() does nothing */
	if (f->is_socket) {
		(void)shutdown(f->fd, SHUT_WR);
	} else if (!f->may_read) {
		loop_unwatch(stream->loop, f->fd);
		f->fd = fd_close(f->fd);
	}
	stream_shut_done(stream);
}

static void fd_flush(struct stream *stream)
{
	struct fd_stream *f = fd_stream_of(stream);

	if (f->connecting || f->blocked || f->fd < 0)
		return;
	if (f->tls)
		flush_tls(f);
	else
		flush_plain(f);
	if (stream->err.code < 0)
		return;
	stream_drained(stream);
	if (stream->open && stream->shut_asked && !stream->shut_done && !stream->out.len &&
	    !f->blocked)
		finish_sending(f);
	if (f->fd >= 0 && !stream->dead)
		fd_update(stream);
}

/* ---- receiving ---- */

/* Bytes received; 0: the end; -EAGAIN: nothing now; else -errno. */
static ssize_t fd_receive(struct fd_stream *f, void *to, size_t len)
{
	ssize_t n;

	do
		n = f->is_socket ? recv(f->fd, to, len, 0) : read(f->fd, to, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int handshake(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	struct err err = { 0 };
	int r = tls_handshake(f->tls, &err);

	send_cipher(f); /* also the alert that says why not */
	if (stream->err.code < 0)
		return stream->err.code;
	if (r < 0) {
		(void)stream_fail(stream, r, "TLS with %s", stream->peer);
		stream->err = err;
		return err_prefix(&stream->err, r, "TLS with %s", stream->peer);
	}
	if (r > 0)
		stream_opened(stream);
	return 0;
}

/* Decrypt what is fed as long as it is wanted; an error fails the stream. */
static int decrypt(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	char *plain = (char *)loop_scratch(stream->loop, SCRATCH_SIZE) + READ_SIZE;
	struct err err = { 0 };

	if (!stream->open) {
		int r = handshake(f);

		if (r < 0 || !stream->open)
			return r;
	}
	while (stream->input.len < stream->input_max || stream->finishing) {
		ssize_t n = tls_read(f->tls, plain, TLS_RECORD_MAX, &err);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return stream_fail(stream, (int)n, "TLS with %s: %s", stream->peer,
					   err.text);
		if (n == 0) {
			stream->input_ended = true;
			break;
		}
		if (stream->finishing)
			continue;
		if (buf_append(&stream->input, plain, (size_t)n) < 0)
			return stream_fail(stream, -ENOMEM, "receive from %s", stream->peer);
	}
	send_cipher(f);
	return stream->err.code;
}

/* What was received earlier and has been waiting. */
static void fd_pull(struct stream *stream)
{
	struct fd_stream *f = fd_stream_of(stream);

	if (!f->cipher_in.len)
		return;
	tls_feed(f->tls, f->cipher_in.data, f->cipher_in.len);
	(void)decrypt(f);
	buf_consume(&f->cipher_in, f->cipher_in.len - tls_fed(f->tls));
	tls_feed(f->tls, NULL, 0);
	if (!f->cipher_in.len)
		buf_done(&f->cipher_in);
	if (stream->input.len || stream->input_ended)
		stream->owes_data = true;
}

static int take_plain(struct fd_stream *f, const char *from, size_t len)
{
	if (f->stream.finishing)
		return 0;
	if (buf_append(&f->stream.input, from, len) < 0)
		return stream_fail(&f->stream, -ENOMEM, "receive from %s", f->stream.peer);
	return 0;
}

static int take_cipher(struct fd_stream *f, const char *from, size_t len)
{
	int r, kept = 0;

	tls_feed(f->tls, from, len);
	r = decrypt(f);
	if (tls_fed(f->tls))
		kept = buf_append(&f->cipher_in, from + len - tls_fed(f->tls), tls_fed(f->tls));
	tls_feed(f->tls, NULL, 0);
	if (kept < 0)
		return stream_fail(&f->stream, -ENOMEM, "receive from %s", f->stream.peer);
	return r;
}

static void on_readable(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	char *scratch = loop_scratch(stream->loop, SCRATCH_SIZE);
	ssize_t n = -EAGAIN;
	int r = 0;

	fd_pull(stream);
	/* What came earlier goes first: with some of it left, nothing is received, not even the end. */
	for (int i = 0; i < READS_MAX && r == 0 && stream->err.code == 0 && !f->cipher_in.len;
	     i++) {
		if (i > 0 && !stream_wants_input(stream) && !stream->finishing)
			break;
		n = fd_receive(f, scratch, READ_SIZE);
		if (n <= 0)
			break;
		r = f->tls ? take_cipher(f, scratch, (size_t)n) : take_plain(f, scratch, (size_t)n);
		if ((size_t)n < READ_SIZE || stream->input_ended)
			break; /* the kernel has no more, or epoll will tell */
	}
	if (n == 0) {
		if (f->tls && !stream->open) {
			(void)stream_fail(stream, -ECONNRESET, "TLS with %s: closed by the peer",
					  stream->peer);
			return;
		}
		stream->input_ended = true;
	}
	if (stream->input.len || stream->input_ended)
		stream_deliver(stream);
	if (stream->dead || stream->err.code < 0)
		return;
	if (n < 0 && n != -EAGAIN) {
		(void)stream_fail(stream, (int)n, "receive from %s", stream->peer);
		return;
	}
	fd_update(stream);
}

/* ---- connecting ---- */

static void connected(struct fd_stream *f)
{
	struct stream *stream = &f->stream;
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code) {
		(void)stream_fail(stream, -code, "connect to %s", stream->peer);
		return;
	}
	f->connecting = false;
	if (f->tls)
		(void)handshake(f);
	else
		stream_opened(stream);
	fd_update(stream);
}

static void on_event(struct loop *loop, int fd, unsigned events, void *data)
{
	struct fd_stream *f = data;

	(void)loop;
	(void)fd;
	if (f->connecting) {
		connected(f);
		return;
	}
	if (events & LOOP_WRITE) {
		f->blocked = false;
		fd_flush(&f->stream);
		if (!f->stream.dead && f->stream.err.code == 0)
			fd_update(&f->stream);
	}
	if (events & LOOP_READ && !f->stream.dead && f->stream.err.code == 0)
		on_readable(f);
}

/* ---- life ---- */

static void fd_stream_close(struct stream *stream)
{
	struct fd_stream *f = fd_stream_of(stream);

	if (f->fd >= 0) {
		loop_unwatch(stream->loop, f->fd);
		f->fd = fd_close(f->fd);
	}
	f->tls = tls_free(f->tls);
	buf_done(&f->cipher_in);
	buf_done(&f->cipher_out);
}

static const struct stream_kind fd_kind = {
	.flush = fd_flush,
	.update = fd_update,
	.pull = fd_pull,
	.close = fd_stream_close,
};

static void name_peer(struct stream *stream, const struct sockaddr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

		(void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		(void)snprintf(stream->peer, sizeof(stream->peer), "%s:%u", ip,
			       ntohs(in->sin_port));
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

		(void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			(void)snprintf(stream->peer, sizeof(stream->peer), "%s:%u", ip + 7,
				       ntohs(in6->sin6_port));
		else
			(void)snprintf(stream->peer, sizeof(stream->peer), "[%s]:%u", ip,
				       ntohs(in6->sin6_port));
	} else {
		(void)snprintf(stream->peer, sizeof(stream->peer), "unix");
	}
}

/* No waiting for more to send, and a peer that has lost its power is noticed within a minute and a
 * half even if nobody ever sends: a watch, an exec that waits. */
static void set_tcp_options(int fd)
{
	static const struct {
		int level, name, value;
	} rows[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },   { SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 }, { IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
			       sizeof(rows[i].value)) < 0)
			return; /* not TCP */
	}
}

/* @fd and @tls are the new stream's, or gone. */
static int fd_stream_new(struct loop *loop, int fd, struct tls *tls, struct fd_stream **ret)
{
	struct fd_stream *f = calloc(1, sizeof(*f));
	int flags = fcntl(fd, F_GETFL);
	int type, r;
	socklen_t len = sizeof(type);

	if (!f || flags < 0 || !loop_scratch(loop, SCRATCH_SIZE)) {
		r = flags < 0 ? -EBADF : -ENOMEM;
		goto fail;
	}
	r = stream_init(&f->stream, loop, &fd_kind);
	if (r < 0)
		goto fail;
	f->fd = fd;
	f->tls = tls;
	f->may_read = (flags & O_ACCMODE) != O_WRONLY;
	f->may_write = (flags & O_ACCMODE) != O_RDONLY;
	f->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	f->stream.input_ended = f->stream.end_told = f->stream.write_only = !f->may_read;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		r = -errno;
		stream_abandon(&f->stream);
		return r;
	}
	if (f->is_socket)
		set_tcp_options(fd);
	if (tls)
		tls_set_output(tls, &f->cipher_out);
	*ret = f;
	return 0;
fail:
	free(f);
	(void)tls_free(tls);
	(void)fd_close(fd);
	return r;
}

int stream_of_fd(struct loop *loop, int fd, struct tls *tls, struct stream **ret, struct err *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
	} addr = { 0 };
	socklen_t len = sizeof(addr);
	struct fd_stream *f;
	int r = fd_stream_new(loop, fd, tls, &f);

	if (r < 0)
		return err_set(err, r, "make stream");
	if (f->is_socket && getpeername(fd, &addr.any, &len) == 0)
		name_peer(&f->stream, &addr.any);
	else
		(void)snprintf(f->stream.peer, sizeof(f->stream.peer), "fd %d", fd);
	if (!tls)
		stream_opened(&f->stream);
	fd_update(&f->stream);
	if (f->stream.err.code == 0 && tls)
		(void)handshake(f); /* a client speaks first */
	if (f->stream.err.code < 0) {
		if (err)
			*err = f->stream.err;
		r = f->stream.err.code;
		stream_abandon(&f->stream);
		return r;
	}
	*ret = &f->stream;
	return 0;
}

int stream_connect(struct loop *loop, const struct sockaddr *addr, socklen_t addr_len,
		   struct tls *tls, const char *name, struct stream **ret, struct err *err)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct fd_stream *f;
	int r;

	if (fd < 0) {
		r = -errno;
		(void)tls_free(tls);
		return err_set(err, r, "connect to %s", name);
	}
	r = fd_stream_new(loop, fd, tls, &f);
	if (r < 0)
		return err_set(err, r, "connect to %s", name);
	if (name)
		(void)snprintf(f->stream.peer, sizeof(f->stream.peer), "%s", name);
	else
		name_peer(&f->stream, addr);
	f->connecting = true;
	r = connect(fd, addr, addr_len) < 0 && errno != EINPROGRESS ? -errno : 0;
	if (r == 0)
		fd_update(&f->stream);
	else
		(void)stream_fail(&f->stream, r, "connect to %s", f->stream.peer);
	if (f->stream.err.code < 0) {
		r = f->stream.err.code;
		if (err)
			*err = f->stream.err;
		stream_abandon(&f->stream);
		return r;
	}
	*ret = &f->stream;
	return 0;
}

struct tls *stream_tls(const struct stream *stream)
{
	return stream->kind == &fd_kind ? fd_stream_of(stream)->tls : NULL;
}

int stream_fd(const struct stream *stream)
{
	return stream->kind == &fd_kind ? fd_stream_of(stream)->fd : -EBADF;
}

void stream_set_unsent_max(struct stream *stream, unsigned bytes)
{
	if (stream->kind == &fd_kind)
		(void)setsockopt(stream_fd(stream), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes,
				 sizeof(bytes));
}
