/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container says goes to its log and to everybody attached; what an attached client types goes to the
 * container. A client that stops reading holds the container back, as a terminal would, but not for
 * longer than ATTACH_STALL_NS: then it is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/shim_pod.h"

static char chunk[ATTACH_CHUNK_MAX];

static void attachment_free(struct attachment *a)
{
	watch_close(&a->watch);
	list_remove(&a->node);
	a->process->n_attachments--;
	free(a->held);
	free(a);
}

/* Somebody could not take what stream @stream said last. */
static bool is_held_back(struct process *p, uint8_t stream)
{
	list_for_each (node, tmp, &p->attachments) {
		struct attachment *a = list_entry(node, struct attachment, node);

		if (a->stream == stream && a->held_len)
			return true;
	}
	return false;
}

static bool has_input(struct process *p)
{
	list_for_each (node, tmp, &p->attachments) {
		struct attachment *a = list_entry(node, struct attachment, node);

		if (a->stream == 0 && a->held_len)
			return true;
	}
	return false;
}

/* What this moment asks of the container's own ends. */
static void rewatch(struct process *p)
{
	uint32_t out = is_held_back(p, 1) ? 0 : EPOLLIN;

	if (p->tty)
		out |= has_input(p) ? EPOLLOUT : 0;
	if (p->out.fd >= 0)
		watch_set(&p->out, out);
	if (p->err.fd >= 0)
		watch_set(&p->err, is_held_back(p, 2) ? 0 : EPOLLIN);
	if (p->in.fd >= 0)
		watch_set(&p->in, has_input(p) ? EPOLLOUT : 0);
}

/* Pass on what is held; true: all of it went. False: not yet, or -for @*ret_gone- never. */
static bool push(int fd, const char *data, size_t *len, bool *ret_gone)
{
	ssize_t n = write(fd, data, *len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		*ret_gone = true;
		return false;
	}
	if ((size_t)n < *len) {
		memmove((char *)data, data + n, *len - (size_t)n);
		*len -= (size_t)n;
		return false;
	}
	*len = 0;
	return true;
}

/* ---- output ---- */

static void fan_out_to(struct attachment *a, const char *data, size_t len)
{
	ssize_t n = a->held_len ? 0 : write(a->watch.fd, data, len);
	char *held;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		attachment_free(a);
		return;
	}
	if (n == (ssize_t)len)
		return;
	n = n < 0 ? 0 : n;
	held = realloc(a->held, a->held_len + len - (size_t)n);
	if (!held) {
		attachment_free(a);
		return;
	}
	memcpy(held + a->held_len, data + n, len - (size_t)n);
	a->held = held;
	a->held_len += len - (size_t)n;
	if (!a->stalled_ns)
		a->stalled_ns = shim_monotonic_ns();
	watch_set(&a->watch, EPOLLOUT);
}

/* 1: something came, 0: nothing now, -1: no more ever. */
static int read_output(struct process *p, struct watch *from, uint8_t stream)
{
	ssize_t n = read(from->fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) /* a terminal says EIO when its last user has gone */
		return -1;
	shim_log_write(&p->log, stream == 1 ? SHIM_STDOUT : SHIM_STDERR, chunk, (size_t)n,
		       shim_now_ns());
	list_for_each (node, tmp, &p->attachments) {
		struct attachment *a = list_entry(node, struct attachment, node);

		if (a->stream == stream)
			fan_out_to(a, chunk, (size_t)n);
	}
	return 1;
}

static void push_input(struct process *p, int fd)
{
	list_for_each (node, tmp, &p->attachments) {
		struct attachment *a = list_entry(node, struct attachment, node);
		bool gone = false;

		if (a->stream != 0 || !a->held_len)
			continue;
		if (push(fd, a->held, &a->held_len, &gone)) {
			free(a->held);
			a->held = NULL;
			watch_set(&a->watch, EPOLLIN);
		} else if (gone) {
			attachment_free(a);
		}
	}
}

static void on_output(struct process *p, struct watch *w, uint32_t events, uint8_t stream)
{
	if (events & EPOLLOUT)
		push_input(p, w->fd);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !is_held_back(p, stream) &&
	    read_output(p, w, stream) < 0) {
		watch_stop(w); /* closed when the process is reaped */
		return;
	}
	/* A hung-up pipe whose reader is held back would wake us for ever. */
	if (events & EPOLLHUP && is_held_back(p, stream))
		watch_stop(w);
	else
		rewatch(p);
}

static void on_stdout(struct watch *w, uint32_t events)
{
	on_output(CONTAINER_OF(w, struct process, out), w, events, 1);
}

static void on_stderr(struct watch *w, uint32_t events)
{
	on_output(CONTAINER_OF(w, struct process, err), w, events, 2);
}

/* ---- input ---- */

static void on_stdin(struct watch *w, uint32_t events)
{
	struct process *p = CONTAINER_OF(w, struct process, in);

	if (events & EPOLLERR) { /* the container has closed it */
		watch_close(w);
		return;
	}
	push_input(p, w->fd);
	rewatch(p);
}

static void on_attached_input(struct attachment *a)
{
	struct process *p = a->process;
	int to = p->tty ? p->out.fd : p->in.fd;
	ssize_t n = read(a->watch.fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || to < 0) {
		attachment_free(a);
		if (p->stdin_once && !p->tty)
			watch_close(&p->in);
		return;
	}
	a->held = malloc((size_t)n);
	if (!a->held) {
		attachment_free(a);
		return;
	}
	memcpy(a->held, chunk, (size_t)n);
	a->held_len = (size_t)n;
	watch_stop(&a->watch); /* until this has gone */
	push_input(p, to);
	rewatch(p);
}

static void on_attached_output(struct attachment *a, uint32_t events)
{
	struct process *p = a->process;
	bool gone = events & (EPOLLERR | EPOLLHUP);

	if (!gone && a->held_len && push(a->watch.fd, a->held, &a->held_len, &gone)) {
		free(a->held);
		a->held = NULL;
		a->stalled_ns = 0;
		watch_set(&a->watch, 0);
		gone = p->state == PROCESS_EXITED; /* that was all */
	}
	if (gone)
		attachment_free(a);
	rewatch(p);
}

static void on_attached(struct watch *w, uint32_t events)
{
	struct attachment *a = CONTAINER_OF(w, struct attachment, watch);

	if (a->stream == 0)
		on_attached_input(a);
	else
		on_attached_output(a, events);
}

static int attach_one(struct process *p, uint8_t stream, int fd)
{
	struct attachment *a = calloc(1, sizeof(*a));
	int copy = a ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (copy < 0) {
		free(a);
		return a ? -errno : -ENOMEM;
	}
	(void)fd_set_nonblocking(copy, true);
	a->process = p;
	a->stream = stream;
	a->watch = (struct watch){ .fd = copy, .fn = on_attached };
	list_append(&p->attachments, &a->node);
	p->n_attachments++;
	watch_set(&a->watch, stream == 0 ? EPOLLIN : 0);
	return 0;
}

int stream_attach(struct process *p, const int *fds, uint32_t fd_mask)
{
	size_t at = 0;

	if (p->n_attachments + 3 > ATTACH_MAX)
		return -EBUSY;
	if (p->state == PROCESS_EXITED)
		return -ESRCH;
	for (uint8_t i = 0; i < 3; i++) {
		int r;

		if (!(fd_mask >> i & 1))
			continue;
		/* A terminal has one output; a container without stdin takes none. */
		if ((i == 2 && p->tty) || (i == 0 && !p->tty && p->in.fd < 0)) {
			at++;
			continue;
		}
		r = attach_one(p, i, fds[at++]);
		if (r < 0)
			return r;
	}
	return 0;
}

int stream_resize(struct process *p, unsigned rows, unsigned cols)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };

	if (!p->tty || p->out.fd < 0)
		return -ENOTTY;
	return ioctl(p->out.fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

void stream_open(struct process *p)
{
	struct watch *all[] = { &p->out, &p->err, &p->in };

	p->out.fn = on_stdout;
	p->err.fn = on_stderr;
	p->in.fn = on_stdin;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i]->fd >= 0)
			(void)fd_set_nonblocking(all[i]->fd, true);
	rewatch(p);
}

void stream_drain(struct process *p)
{
	/* A pipe holds 64 KiB, a terminal 4; more could only come from a process that outlives the
	 * container's, and it has had its time. */
	for (int i = 0; i < 64 && p->out.fd >= 0 && read_output(p, &p->out, 1) > 0; i++)
		;
	for (int i = 0; i < 64 && p->err.fd >= 0 && read_output(p, &p->err, 2) > 0; i++)
		;
	shim_log_flush(&p->log, shim_now_ns());
	watch_close(&p->out);
	watch_close(&p->err);
	watch_close(&p->in);
	list_for_each (node, tmp, &p->attachments) {
		struct attachment *a = list_entry(node, struct attachment, node);

		/* A slow reader gets the last words still, in its time: on_attached_output(). */
		if (a->stream == 0 || !a->held_len)
			attachment_free(a);
	}
}

void stream_drop(struct process *p)
{
	list_for_each (node, tmp, &p->attachments)
		attachment_free(list_entry(node, struct attachment, node));
}

/* ---- readers that stall ---- */

static struct attachment *longest_stalled(void)
{
	struct attachment *worst = NULL;

	list_for_each (node, tmp, &pod.processes) {
		struct process *p = list_entry(node, struct process, node);

		list_for_each (sub, next, &p->attachments) {
			struct attachment *a = list_entry(sub, struct attachment, node);

			if (a->stalled_ns && (!worst || a->stalled_ns < worst->stalled_ns))
				worst = a;
		}
	}
	return worst;
}

int stream_next_deadline_ms(void)
{
	struct attachment *a = longest_stalled();
	int64_t left = a ? a->stalled_ns + ATTACH_STALL_NS - shim_monotonic_ns() : 0;

	if (!a)
		return -1;
	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

void stream_drop_stalled(void)
{
	struct attachment *a;

	while ((a = longest_stalled()) && a->stalled_ns + ATTACH_STALL_NS <= shim_monotonic_ns()) {
		struct process *p = a->process;

		attachment_free(a);
		rewatch(p);
	}
}
