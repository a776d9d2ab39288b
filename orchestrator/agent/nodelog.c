/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/nodelog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "orchestrator/agent/crilog.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestream.h"

#define CHUNK	       ((size_t)32 << 10)
#define LINE_MAX_BYTES ((size_t)64 << 10) /* longer ones are cut; the shim writes 16 KiB at most */
#define CHUNKS_A_TURN  8
#define HIGH_WATER     ((size_t)64 << 10)
#define ROTATE_BYTES   ((int64_t)10 << 20)
#define FILES_MAX      5

/* ---- finding the last lines ---- */

/* The offset where the last @lines lines of the file begin. */
static off_t tail_offset(int fd, uint64_t lines)
{
	char chunk[8192];
	struct stat st;
	off_t at;
	uint64_t seen = 0;

	if (fstat(fd, &st) < 0)
		return 0;
	at = st.st_size;
	if (lines == 0)
		return at;
	while (at > 0) {
		size_t n = (size_t)MIN(at, (off_t)sizeof(chunk));
		ssize_t got = pread(fd, chunk, n, at - (off_t)n);

		if (got != (ssize_t)n)
			return 0;
		for (size_t i = n; i > 0; i--) {
			off_t pos = at - (off_t)n + (off_t)i;

			/* a newline ends the line before it; the very last one does not count */
			if (chunk[i - 1] == '\n' && pos != st.st_size && ++seen == lines)
				return pos;
		}
		at -= (off_t)n;
	}
	return 0;
}

int nodelog_tail(const char *dir, int attempt, unsigned lines, size_t bytes, struct buf *out)
{
	char path[1500], *text;
	auto_close int fd = -EBADF;
	auto_buf struct buf raw = BUF_INIT((size_t)1 << 20), plain = BUF_INIT((size_t)1 << 20);
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%d.log", dir, attempt);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (lseek(fd, tail_offset(fd, lines), SEEK_SET) < 0)
		return -errno;
	if (buf_reserve(&raw, bytes * 4) < 0)
		return -ENOMEM;
	n = fd_read_all(fd, raw.data, bytes * 4);
	if (n < 0)
		return (int)n;
	raw.len = (size_t)n;
	for (text = raw.data; text < raw.data + raw.len;) {
		char *end = memchr(text, '\n', (size_t)(raw.data + raw.len - text));
		struct crilog_line line;

		if (!end)
			break;
		(void)crilog_parse(text, (size_t)(end - text), &line);
		(void)buf_append(&plain, line.text, line.len);
		if (!line.partial)
			(void)buf_putc(&plain, '\n');
		text = end + 1;
	}
	if (plain.len > bytes)
		buf_consume(&plain, plain.len - bytes);
	return buf_append(out, buf_str(&plain), plain.len);
}

/* ---- serving ---- */

struct log_reader {
	struct nodestream base;
	char path[1500];
	int fd, inotify_fd;
	char container[256];
	char id[PODMACHINE_ID_MAX]; /* of the instance whose log it is */
	bool follow, timestamps, previous;
	int64_t since_ns;
	int64_t bytes_left; /* limitBytes; negative: no limit */
	struct buf line;    /* the beginning of one that has not ended in the file */
	bool in_partial;    /* the last piece sent was not the end of its line */
	bool queued;	    /* a turn is due at the end of the round */
	bool over;
};

static void reader_free(struct loop *loop, void *data)
{
	struct log_reader *r = data;

	(void)loop;
	buf_done(&r->line);
	free(r);
}

static void reader_end(struct log_reader *r, const struct err *err, bool tell)
{
	if (r->over)
		return;
	r->over = true;
	list_remove(&r->base.link);
	if (r->inotify_fd >= 0) {
		loop_unwatch(r->base.agent->loop, r->inotify_fd);
		r->inotify_fd = fd_close(r->inotify_fd);
	}
	r->fd = fd_close(r->fd);
	if (tell && r->base.channel)
		wire_close(r->base.channel, err);
	r->base.channel = NULL;
	if (!r->queued)
		loop_defer(r->base.agent->loop, reader_free, r);
}

static bool instance_runs(const struct log_reader *r)
{
	struct podmachine_instance instance;
	const char *why;

	if (podmachine_instance(r->base.pod->machine, r->container, false, &instance, &why) < 0)
		return false;
	return instance.running && strcmp(instance.id, r->id) == 0;
}

/* Returns false when the limit was reached. */
static bool send_bytes(struct log_reader *r, const char *bytes, size_t len)
{
	if (r->bytes_left >= 0)
		len = MIN(len, (size_t)r->bytes_left);
	while (len) {
		size_t n = MIN(len, WIRE_DATA_MAX);

		if (wire_write(r->base.channel, WIRE_STDIN, bytes, n) < 0)
			return false;
		if (r->bytes_left >= 0)
			r->bytes_left -= (int64_t)n;
		bytes += n;
		len -= n;
	}
	return r->bytes_left != 0;
}

static bool send_line(struct log_reader *r, const char *text, size_t len, struct buf *out)
{
	struct crilog_line line;

	(void)crilog_parse(text, len, &line);
	if (r->since_ns && line.ns && line.ns < r->since_ns)
		return true;
	if (r->timestamps && !r->in_partial && line.time) {
		(void)buf_append(out, line.time, line.time_len);
		(void)buf_putc(out, ' ');
	}
	(void)buf_append(out, line.text, line.len);
	if (!line.partial)
		(void)buf_putc(out, '\n');
	r->in_partial = line.partial;
	return true;
}

/* All whole lines that have been read, made plain and sent. */
static bool send_lines(struct log_reader *r)
{
	auto_buf struct buf out = BUF_INIT((size_t)1 << 20);
	size_t at = 0;

	while (at < r->line.len) {
		char *end = memchr(r->line.data + at, '\n', r->line.len - at);
		size_t n;

		if (!end && r->line.len - at < LINE_MAX_BYTES)
			break;
		n = end ? (size_t)(end - (r->line.data + at)) : r->line.len - at;
		(void)send_line(r, r->line.data + at, n, &out);
		at += n + (end ? 1 : 0);
	}
	buf_consume(&r->line, at);
	return out.len == 0 || send_bytes(r, out.data, out.len);
}

/* Has the file been rotated away? Then the one in its place is read next. */
static bool reopen(struct log_reader *r)
{
	struct stat ours, theirs;
	int fd;

	if (fstat(r->fd, &ours) < 0 || stat(r->path, &theirs) < 0 ||
	    (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev))
		return false;
	fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	fd_close(r->fd);
	r->fd = fd;
	(void)inotify_add_watch(r->inotify_fd, r->path, IN_MODIFY | IN_MOVE_SELF);
	return true;
}

static void turn(struct log_reader *r);

static void on_turn(struct loop *loop, void *data)
{
	struct log_reader *r = data;

	r->queued = false;
	if (r->over)
		reader_free(loop, r);
	else
		turn(r);
}

/* Read and send until the channel has enough, the file is at its end, or others want their share. */
static void turn(struct log_reader *r)
{
	for (int i = 0; i < CHUNKS_A_TURN; i++) {
		ssize_t n;

		if (wire_channel_queued(r->base.channel) >= HIGH_WATER)
			return; /* on_writable comes */
		if (buf_reserve(&r->line, CHUNK) < 0)
			n = -1;
		else
			n = read(r->fd, r->line.data + r->line.len, CHUNK);
		if (n > 0) {
			r->line.len += (size_t)n;
			if (!send_lines(r)) {
				reader_end(r, NULL, true);
				return;
			}
			continue;
		}
		if (n == 0 && r->follow && reopen(r))
			continue;
		if (n == 0 && r->follow && instance_runs(r))
			return;	 /* inotify tells of more */
		if (r->line.len) /* an end without a newline */
			(void)send_bytes(r, r->line.data, r->line.len);
		reader_end(r, NULL, true);
		return;
	}
	if (!r->queued) {
		r->queued = true;
		loop_defer(r->base.agent->loop, on_turn, r);
	}
}

static void on_inotify(struct loop *loop, int fd, unsigned events, void *data)
{
	char buffer[4096] __attribute__((aligned(8)));

	(void)loop;
	(void)events;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	turn(data);
}

static void on_writable(struct wire_channel *channel, void *data)
{
	(void)channel;
	turn(data);
}

static void on_data(struct wire_channel *channel, enum wire_sub sub, const void *bytes, size_t len,
		    void *data)
{
	(void)sub;
	(void)bytes;
	(void)data;
	wire_consumed(channel, len);
}

static void on_end(struct wire_channel *channel, enum wire_sub sub, void *data)
{
	(void)channel;
	(void)sub;
	(void)data;
}

static void on_close(struct wire_channel *channel, const struct err *err, void *data)
{
	struct log_reader *r = data;

	(void)channel;
	(void)err;
	r->base.channel = NULL;
	reader_end(r, NULL, false);
}

static const struct wire_channel_events channel_events = {
	.on_data = on_data,
	.on_writable = on_writable,
	.on_end = on_end,
	.on_close = on_close,
};

/* The pod is torn down: its logs stay until it is forgotten, but nothing will be added. */
static void on_pod_gone(struct nodestream *base)
{
	struct log_reader *r = (struct log_reader *)base;

	r->follow = false;
	turn(r);
}

static void on_poke(struct nodestream *base)
{
	struct log_reader *r = (struct log_reader *)base;

	if (!r->queued) {
		r->queued = true;
		loop_defer(r->base.agent->loop, on_turn, r);
	}
}

static const struct nodestream_ops ops = { .end = on_pod_gone, .poke = on_poke };

/* ---- opening ---- */

static int find_log(struct log_reader *r, struct nodepod *pod, struct err *err)
{
	struct podmachine_instance instance;
	const char *why = NULL;
	char dir[1400];
	int result = podmachine_instance(pod->machine, r->container, r->previous, &instance, &why);

	if (result == -ENOENT)
		return err_say(err, result, "container %s is not valid for pod %s", r->container,
			       pod->name);
	if (result < 0 && r->previous)
		return err_say(err, -EINVAL,
			       "previous terminated container \"%s\" in pod \"%s\" not found",
			       r->container, pod->name);
	if (result < 0)
		return err_say(err, -EINVAL,
			       "container \"%s\" in pod \"%s\" is waiting to start: %s",
			       r->container, pod->name, why);
	(void)snprintf(r->id, sizeof(r->id), "%s", instance.id);
	nodepod_log_dir(pod, r->container, dir, sizeof(dir));
	(void)snprintf(r->path, sizeof(r->path), "%s/%d.log", dir, instance.attempt);
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return r->fd < 0 ? err_set(err, -errno, "open %s", r->path) : 0;
}

static void read_options(struct log_reader *r, const struct json_object *open, int64_t now_ns)
{
	const char *container = json_str_at(open, "container");
	const char *since = json_str_at(open, "sinceTime");
	int64_t seconds = json_int_at(open, "sinceSeconds", 0);
	int64_t limit = json_int_at(open, "limitBytes", 0);

	(void)snprintf(r->container, sizeof(r->container), "%s", container ? container : "");
	r->follow = json_bool_at(open, "follow", false);
	r->previous = json_bool_at(open, "previous", false);
	r->timestamps = json_bool_at(open, "timestamps", false);
	r->bytes_left = limit > 0 ? limit : -1;
	if (since)
		(void)time_parse(since, &r->since_ns);
	else if (seconds > 0)
		r->since_ns = now_ns - seconds * NS_PER_S;
}

static int watch_file(struct log_reader *r, struct err *err)
{
	r->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify_fd < 0)
		return err_set(err, -errno, "inotify");
	if (inotify_add_watch(r->inotify_fd, r->path, IN_MODIFY | IN_MOVE_SELF) < 0)
		return err_set(err, -errno, "watch %s", r->path);
	return loop_watch(r->base.agent->loop, r->inotify_fd, LOOP_READ, on_inotify, r);
}

int nodelog_open(struct agent *agent, struct nodepod *pod, struct wire_channel *channel,
		 const struct json_object *open, struct err *err)
{
	struct log_reader *r = calloc(1, sizeof(*r));
	int64_t lines = json_int_at(open, "tailLines", -1);
	int result;

	if (!r)
		return err_set(err, -ENOMEM, "logs");
	r->base =
		(struct nodestream){ .ops = &ops, .agent = agent, .pod = pod, .channel = channel };
	r->fd = r->inotify_fd = -EBADF;
	r->line = BUF_INIT(2 * LINE_MAX_BYTES + CHUNK);
	read_options(r, open, agent_now_ns(agent));
	result = find_log(r, pod, err);
	if (result == 0 && lines >= 0)
		(void)lseek(r->fd, tail_offset(r->fd, (uint64_t)lines), SEEK_SET);
	if (result == 0 && r->follow)
		result = watch_file(r, err);
	if (result < 0) {
		fd_close(r->inotify_fd);
		fd_close(r->fd);
		free(r);
		return result;
	}
	list_append(&pod->streams, &r->base.link);
	wire_channel_bind(channel, &channel_events, r);
	(void)wire_accept(channel, NULL, 0);
	turn(r);
	return 0;
}

/* ---- rotation ---- */

static int newest_last(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of "N.log.*" only the newest few stay. */
static void drop_oldest(const char *dir, int attempt)
{
	char prefix[32], *names[64];
	size_t n = 0, len;
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	len = (size_t)snprintf(prefix, sizeof(prefix), "%d.log.", attempt);
	while ((entry = readdir(d)) && n < ARRAY_LEN(names))
		if (strncmp(entry->d_name, prefix, len) == 0 && (names[n] = strdup(entry->d_name)))
			n++;
	qsort(names, n, sizeof(names[0]), newest_last);
	for (size_t i = 0; i < n; i++) {
		if (i + FILES_MAX - 1 < n)
			(void)unlinkat(dirfd(d), names[i], 0);
		free(names[i]);
	}
	(void)closedir(d);
}

static void rotate(struct nodepod *pod, const char *container,
		   const struct podmachine_instance *instance)
{
	char dir[1400], path[1500], aside[1600], stamp[32];
	time_t now = (time_t)(agent_now_ns(pod->agent) / NS_PER_S);
	struct stat st;
	struct tm tm;

	nodepod_log_dir(pod, container, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/%d.log", dir, instance->attempt);
	if (stat(path, &st) < 0 || st.st_size < ROTATE_BYTES)
		return;
	(void)gmtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(aside, sizeof(aside), "%s.%s", path, stamp);
	if (rename(path, aside) < 0) {
		log_warn("rotate %s: %s", path, strerror(errno));
		return;
	}
	if (pod->sandbox)
		(void)sandbox_reopen_log(pod->sandbox, instance->id, NULL);
	drop_oldest(dir, instance->attempt);
}

void nodelog_rotate(struct nodepod *pod)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers",
					     "spec.ephemeralContainers" };
	const struct json_object *json = podmachine_pod(pod->machine);

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_len(json_at(json, lists[l])); i++) {
			const char *name =
				json_str_at(json_idx(json_at(json, lists[l]), i), "name");
			struct podmachine_instance instance;
			const char *why;

			if (name &&
			    podmachine_instance(pod->machine, name, false, &instance, &why) == 0 &&
			    instance.running)
				rotate(pod, name, &instance);
		}
}
