/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/shim.h"

/* "2026-11-24T10:00:00.000000000Z stdout F " */
#define PREFIX_LEN 40

int shim_log_open(struct shim_log *log, const char *path)
{
	int fd;

	log->wanted = true;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	(void)fd_close(log->fd);
	log->fd = fd;
	return 0;
}

static char *put_number(char *at, uint64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

/* Civil date from days since 1970 (proleptic Gregorian, years from March). */
static char *put_time(char *at, int64_t now_ns)
{
	int64_t seconds = now_ns / 1000000000, days = seconds / 86400, rest = seconds % 86400;
	int64_t era_day = days + 719468, era = era_day / 146097, doe = era_day % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

	at = put_number(at, (uint64_t)year, 4);
	*at++ = '-';
	at = put_number(at, (uint64_t)month, 2);
	*at++ = '-';
	at = put_number(at, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
	*at++ = 'T';
	at = put_number(at, (uint64_t)(rest / 3600), 2);
	*at++ = ':';
	at = put_number(at, (uint64_t)(rest / 60 % 60), 2);
	*at++ = ':';
	at = put_number(at, (uint64_t)(rest % 60), 2);
	*at++ = '.';
	at = put_number(at, (uint64_t)(now_ns % 1000000000), 9);
	*at++ = 'Z';
	return at;
}

static void put_prefix(char prefix[PREFIX_LEN], enum shim_stream stream, char tag, int64_t now_ns)
{
	char *at = put_time(prefix, now_ns);

	memcpy(at, stream == SHIM_STDOUT ? " stdout " : " stderr ", 8);
	at[8] = tag;
	at[9] = ' ';
}

/* One batch of whole entries on its way to the file. */
struct batch {
	struct shim_log *log;
	char prefix[PREFIX_LEN];
	char text[32768];
	size_t len, lines;
};

/*
 * All of a batch or nothing: after a short write the file is cut back, so that a full disk never
 * leaves half an entry for the next one to be glued to.
 */
static void batch_flush(struct batch *b)
{
	struct shim_log *log = b->log;
	ssize_t n;

	if (b->len == 0)
		return;
	do
		n = write(log->fd, b->text, b->len);
	while (n < 0 && errno == EINTR);
	if (n < 0 || (size_t)n < b->len) {
		off_t end = n > 0 ? lseek(log->fd, 0, SEEK_END) : 0;

		if (n > 0 && (end < n || ftruncate(log->fd, end - n) < 0))
			log->dropped_lines++; /* torn: one more that cannot be read */
		log->dropped_lines += b->lines;
	}
	b->len = b->lines = 0;
}

static void batch_put(struct batch *b, const char *data, size_t len)
{
	if (len)
		memcpy(b->text + b->len, data, len);
	b->len += len;
}

static void batch_entry(struct batch *b, char tag, const char *head, size_t head_len,
			const char *tail, size_t tail_len)
{
	if (b->len + PREFIX_LEN + head_len + tail_len + 1 > sizeof(b->text))
		batch_flush(b);
	b->prefix[PREFIX_LEN - 2] = tag;
	batch_put(b, b->prefix, PREFIX_LEN);
	batch_put(b, head, head_len);
	batch_put(b, tail, tail_len);
	batch_put(b, "\n", 1);
	b->lines += tag == 'F';
}

void shim_log_write(struct shim_log *log, enum shim_stream stream, const char *data, size_t len,
		    int64_t now_ns)
{
	static struct batch b; /* 32 KiB that the stack need not have; one thread */
	char **text = &log->partial[stream].text;
	size_t *held = &log->partial[stream].len;

	if (log->fd < 0) {
		for (size_t i = 0; i < len && log->wanted; i++)
			log->dropped_lines += data[i] == '\n';
		return;
	}
	b.log = log;
	put_prefix(b.prefix, stream, 'F', now_ns);
	while (len) {
		const char *nl = memchr(data, '\n', len);
		size_t line = nl ? (size_t)(nl - data) : len, take;

		if (*held + line >= SHIM_LOG_LINE_MAX &&
		    !(nl && *held + line == SHIM_LOG_LINE_MAX)) {
			take = SHIM_LOG_LINE_MAX - *held; /* a part, and go on behind it */
			batch_entry(&b, 'P', *text, *held, data, take);
			*held = 0;
		} else if (nl) {
			take = line + 1;
			batch_entry(&b, 'F', *text, *held, data, line);
			*held = 0;
		} else {
			if (!*text)
				*text = malloc(SHIM_LOG_LINE_MAX);
			if (*text) {
				memcpy(*text + *held, data, len);
				*held += len;
			} else {
				batch_entry(&b, 'P', NULL, 0, data, len);
			}
			break;
		}
		data += take;
		len -= take;
	}
	batch_flush(&b);
	if (*held == 0 && *text) {
		free(*text);
		*text = NULL;
	}
}

void shim_log_flush(struct shim_log *log, int64_t now_ns)
{
	for (unsigned i = 0; i < SHIM_STREAM_COUNT; i++)
		if (log->partial[i].len)
			shim_log_write(log, i, "\n", 1, now_ns);
}

void shim_log_done(struct shim_log *log)
{
	for (unsigned i = 0; i < SHIM_STREAM_COUNT; i++) {
		free(log->partial[i].text);
		log->partial[i].text = NULL;
		log->partial[i].len = 0;
	}
	log->fd = fd_close(log->fd);
}
