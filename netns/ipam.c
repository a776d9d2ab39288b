/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/ipam.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "netns/ipam_log.h"

#define FILE_NAME      "ipam"
#define FILE_MAX_BYTES (64u << 20)
#define PREFIX_MIN     12 /* a million addresses on one node: the map of bits stays 128 KiB */
#define PREFIX_MAX     30

struct ipam {
	struct cidr range;
	int dir_fd, log_fd;
	struct map by_uid;
	uint8_t *taken;	    /* a bit per address of the range */
	uint32_t next;	    /* where the search for a free address goes on */
	uint32_t last_link; /* handed out last */
	bool links_wrapped; /* numbers come round again: look whether one is in use */
	size_t lines;	    /* in the log, dead ones included */
	bool torn;	    /* the last append may have left half a line */
};

static uint32_t range_size(const struct ipam *ipam)
{
	return (uint32_t)1 << (32 - ipam->range.prefix);
}

static bool offset_taken(const struct ipam *ipam, uint32_t offset)
{
	return ipam->taken[offset / 8] & (1u << (offset % 8));
}

static void mark(struct ipam *ipam, struct in_addr ip, bool taken)
{
	uint32_t offset = ntohl(ip.s_addr) - ipam->range.base;

	if (!cidr_holds(&ipam->range, ntohl(ip.s_addr)))
		return;
	if (taken)
		ipam->taken[offset / 8] |= (uint8_t)(1u << (offset % 8));
	else
		ipam->taken[offset / 8] &= (uint8_t) ~(1u << (offset % 8));
}

struct in_addr ipam_node_address(const struct ipam *ipam)
{
	return (struct in_addr){ htonl(ipam->range.base + 1) };
}

struct ipam_record *ipam_find(const struct ipam *ipam, const char *uid)
{
	struct map_node *node = map_find(&ipam->by_uid, uid);

	return node ? map_entry(node, struct ipam_record, by_uid) : NULL;
}

struct ipam_record *ipam_first(const struct ipam *ipam)
{
	struct map_node *node = map_first(&ipam->by_uid);

	return node ? map_entry(node, struct ipam_record, by_uid) : NULL;
}

struct ipam_record *ipam_next(const struct ipam_record *record)
{
	struct map_node *node = map_next(&record->by_uid);

	return node ? map_entry(node, struct ipam_record, by_uid) : NULL;
}

size_t ipam_count(const struct ipam *ipam)
{
	return ipam->by_uid.count;
}

static void record_free(struct ipam_record *record)
{
	free(record->ports);
	free(record);
}

static void drop(struct ipam *ipam, struct ipam_record *record)
{
	mark(ipam, record->ip, false);
	map_remove(&ipam->by_uid, &record->by_uid);
	record_free(record);
}

struct ipam *ipam_close(struct ipam *ipam)
{
	if (!ipam)
		return NULL;
	while (ipam->by_uid.root)
		drop(ipam, map_entry(ipam->by_uid.root, struct ipam_record, by_uid));
	free(ipam->taken);
	(void)fd_close(ipam->dir_fd);
	(void)fd_close(ipam->log_fd);
	free(ipam);
	return NULL;
}

/* ---- loading ---- */

static struct ipam_record *record_at(const struct ipam *ipam, struct in_addr ip)
{
	for (struct ipam_record *r = ipam_first(ipam); r; r = ipam_next(r))
		if (r->ip.s_addr == ip.s_addr)
			return r;
	return NULL;
}

static bool usable(const struct ipam *ipam, struct in_addr ip)
{
	uint32_t host = ntohl(ip.s_addr), offset = host - ipam->range.base;

	return cidr_holds(&ipam->range, host) && offset >= 2 && offset < range_size(ipam) - 1;
}

/* Replay one line; @line's ports become the record's. */
static int replay(struct ipam *ipam, struct ipam_record *line, bool released)
{
	struct ipam_record *record = ipam_find(ipam, line->uid), *rival;

	if (record)
		drop(ipam, record);
	if (released || !usable(ipam, line->ip)) {
		free(line->ports);
		return 0;
	}
	if (offset_taken(ipam, ntohl(line->ip.s_addr) - ipam->range.base)) {
		rival = record_at(ipam,
				  line->ip); /* its release was lost: the later line is right */
		if (rival)
			drop(ipam, rival);
	}
	record = malloc(sizeof(*record));
	if (!record) {
		free(line->ports);
		return -ENOMEM;
	}
	*record = *line;
	mark(ipam, record->ip, true);
	ipam->next = ntohl(record->ip.s_addr) - ipam->range.base + 1;
	ipam->last_link = MAX(ipam->last_link, record->link);
	(void)map_insert(&ipam->by_uid, &record->by_uid, record->uid);
	return 0;
}

static int check_version(const struct buf *buf, struct err *err)
{
	size_t name = strlen(IPAM_LOG_NAME);
	unsigned long version;

	/* An empty file, or one whose first line a power cut took: nothing in it can be trusted. */
	if (buf->len <= name || memcmp(buf->data, IPAM_LOG_NAME, name) != 0)
		return 0;
	version = strtoul(buf->data + name, NULL, 10);
	if (version > IPAM_LOG_VERSION)
		return err_say(
			err, -EPROTONOSUPPORT,
			"address log " FILE_NAME
			" is of version %lu, this program knows %d: it was written by a newer one",
			version, IPAM_LOG_VERSION);
	return 1;
}

/* 1: the log is good to append to; 0: it must be written anew. */
static int load(struct ipam *ipam, struct err *err)
{
	auto_buf struct buf buf = BUF_INIT(FILE_MAX_BYTES);
	bool clean = true;
	int r = fd_read_file_at(ipam->dir_fd, FILE_NAME, &buf, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, r, "read address log");
	r = check_version(&buf, err);
	if (r <= 0)
		return r;
	for (const char *at = buf.data, *end = buf.data + buf.len, *stop; at < end; at = stop + 1) {
		struct ipam_record line;
		bool released = false;

		stop = memchr(at, '\n', (size_t)(end - at));
		if (!stop) {
			clean = false;
			break;
		}
		if (ipam->lines++ == 0)
			continue;
		r = ipam_log_parse(at, (size_t)(stop - at), &line, &released);
		if (r == 0)
			r = replay(ipam, &line, released);
		else if (r == -EBADMSG)
			clean = false, r = 0;
		if (r < 0)
			return err_set(err, r, "read address log");
	}
	return clean;
}

static int rewrite(struct ipam *ipam, struct err *err)
{
	auto_buf struct buf buf = BUF_INIT(FILE_MAX_BYTES);
	int r;

	(void)buf_printf(&buf, IPAM_LOG_NAME "%d\n", IPAM_LOG_VERSION);
	for (struct ipam_record *rec = ipam_first(ipam); rec; rec = ipam_next(rec))
		(void)ipam_log_put(&buf, rec);
	r = buf_error(&buf);
	if (r < 0)
		return err_set(err, r, "write address log");
	r = fd_write_file_at(ipam->dir_fd, FILE_NAME, buf.data, buf.len, 0600, err);
	if (r < 0)
		return r;
	ipam->lines = 1 + ipam->by_uid.count;
	return 0;
}

static int open_log(struct ipam *ipam, struct err *err)
{
	int fd = openat(ipam->dir_fd, FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set(err, -errno, "open address log");
	(void)fd_close(ipam->log_fd);
	ipam->log_fd = fd;
	ipam->torn = false;
	return 0;
}

static bool mostly_history(const struct ipam *ipam)
{
	return ipam->lines > 256 + 4 * ipam->by_uid.count;
}

static struct ipam *ipam_new(const struct cidr *range)
{
	struct ipam *ipam = calloc(1, sizeof(*ipam));

	if (!ipam)
		return NULL;
	ipam->dir_fd = ipam->log_fd = -EBADF;
	ipam->range = *range;
	ipam->next = 2;
	ipam->taken = calloc(1, (range_size(ipam) + 7) / 8);
	return ipam->taken ? ipam : ipam_close(ipam);
}

int ipam_open(const char *state_dir, const struct cidr *range, struct ipam **ret, struct err *err)
{
	auto_ipam struct ipam *ipam = NULL;
	char text[CIDR_TEXT_MAX];
	int r;

	if (range->prefix < PREFIX_MIN || range->prefix > PREFIX_MAX)
		return err_say(err, -EINVAL, "pod range %s: a node's share is a /%d to a /%d",
			       cidr_format(range, text), PREFIX_MIN, PREFIX_MAX);
	ipam = ipam_new(range);
	if (!ipam)
		return err_set(err, -ENOMEM, "read address log");
	r = path_mkdirs(state_dir, 0700, err);
	if (r < 0)
		return r;
	ipam->dir_fd = open(state_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (ipam->dir_fd < 0)
		return err_set(err, -errno, "open %s", state_dir);
	r = load(ipam, err);
	if (r == 0 || (r > 0 && mostly_history(ipam)))
		r = rewrite(ipam, err);
	if (r >= 0)
		r = open_log(ipam, err);
	if (r < 0)
		return r;
	*ret = take_ptr(&ipam);
	return 0;
}

/* ---- handing out ---- */

/* The next free offset after the last one given, or 0: none. */
static uint32_t free_offset(struct ipam *ipam)
{
	uint32_t size = range_size(ipam), span = size - 3;

	for (uint32_t i = 0; i < span; i++) {
		uint32_t offset = 2 + (ipam->next - 2 + i) % span;

		if (i % 8 == 0 && offset % 8 == 0 && offset + 8 < size &&
		    ipam->taken[offset / 8] == 0xff) {
			i += 7; /* a full byte: past it */
			continue;
		}
		if (!offset_taken(ipam, offset))
			return offset;
	}
	return 0;
}

int ipam_take(struct ipam *ipam, const char *uid, struct in_addr wanted, struct ipam_record **ret,
	      struct err *err)
{
	struct ipam_record *record;
	char text[CIDR_TEXT_MAX];
	uint32_t offset;

	if (!ipam_uid_ok(uid) || ipam_find(ipam, uid))
		return err_say(err, -EINVAL, "pod %.80s: not a new uid", uid);
	if (wanted.s_addr && !usable(ipam, wanted))
		return err_say(err, -EINVAL, "pod %s: its address is outside of %s", uid,
			       cidr_format(&ipam->range, text));
	offset = wanted.s_addr ? ntohl(wanted.s_addr) - ipam->range.base : free_offset(ipam);
	if (!offset)
		return err_say(err, -ENOSPC, "pod %s: all %u addresses of %s are taken", uid,
			       range_size(ipam) - 3, cidr_format(&ipam->range, text));
	if (wanted.s_addr && record_at(ipam, wanted))
		return err_say(err, -EADDRINUSE, "pod %s: its address belongs to pod %s", uid,
			       record_at(ipam, wanted)->uid);
	record = calloc(1, sizeof(*record));
	if (!record)
		return err_set(err, -ENOMEM, "pod %s", uid);
	memcpy(record->uid, uid, strlen(uid));
	record->ip.s_addr = htonl(ipam->range.base + offset);
	mark(ipam, record->ip, true);
	ipam->next = offset + 1 < range_size(ipam) - 1 ? offset + 1 : 2;
	(void)map_insert(&ipam->by_uid, &record->by_uid, record->uid);
	*ret = record;
	return 0;
}

void ipam_block(struct ipam *ipam, struct in_addr ip)
{
	mark(ipam, ip, true);
}

void ipam_unblock(struct ipam *ipam, struct in_addr ip)
{
	if (!record_at(ipam, ip))
		mark(ipam, ip, false);
}

static bool link_taken(const struct ipam *ipam, uint32_t link)
{
	for (struct ipam_record *r = ipam_first(ipam); r; r = ipam_next(r))
		if (r->link == link)
			return true;
	return false;
}

uint32_t ipam_next_link(struct ipam *ipam)
{
	static_assert(((uint32_t)1 << (32 - PREFIX_MIN)) < 2 * IPAM_LINK_MAX, "numbers suffice");
	do {
		ipam->links_wrapped |= ipam->last_link == IPAM_LINK_MAX - 1;
		ipam->last_link = ipam->last_link % (IPAM_LINK_MAX - 1) + 1;
	} while (ipam->links_wrapped && link_taken(ipam, ipam->last_link));
	return ipam->last_link;
}

int ipam_set_ports(struct ipam_record *record, const struct netns_port *ports, size_t n)
{
	struct netns_port *copy = NULL;

	if (n > IPAM_PORTS_MAX)
		return -E2BIG;
	if (n) {
		copy = reallocarray(NULL, n, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, ports, n * sizeof(*copy));
	}
	free(record->ports);
	record->ports = copy;
	record->n_ports = n;
	return 0;
}

static bool collide(const struct netns_port *a, const struct netns_port *b)
{
	return a->host_port == b->host_port && a->protocol == b->protocol &&
	       (!a->host_ip.s_addr || !b->host_ip.s_addr || a->host_ip.s_addr == b->host_ip.s_addr);
}

const struct ipam_record *ipam_port_owner(const struct ipam *ipam, const struct netns_port *port,
					  const struct ipam_record *but)
{
	for (struct ipam_record *r = ipam_first(ipam); r; r = ipam_next(r))
		for (size_t i = 0; r != but && i < r->n_ports; i++)
			if (collide(&r->ports[i], port))
				return r;
	return NULL;
}

/* ---- the log ---- */

static int append(struct ipam *ipam, const char *line, size_t len)
{
	int r;

	if (ipam->torn && fd_write_all(ipam->log_fd, "\n", 1) == 0)
		ipam->torn = false;
	r = fd_write_all(ipam->log_fd, line, len);
	if (r < 0)
		ipam->torn = true;
	else
		ipam->lines++;
	return r;
}

int ipam_write(struct ipam *ipam, const struct ipam_record *record, struct err *err)
{
	auto_buf struct buf buf = BUF_INIT(64 * 1024);
	int r = ipam_log_put(&buf, record);

	if (r == 0)
		r = append(ipam, buf.data, buf.len);
	return r < 0 ? err_set(err, r, "pod %s: write address log", record->uid) : 0;
}

void ipam_release(struct ipam *ipam, struct ipam_record *record)
{
	auto_buf struct buf buf = BUF_INIT(1024);

	if (ipam_log_put_released(&buf, record->uid) == 0)
		(void)append(ipam, buf.data, buf.len);
	drop(ipam, record);
}

int ipam_tidy(struct ipam *ipam, struct err *err)
{
	int r;

	if (!ipam->torn && !mostly_history(ipam))
		return 0;
	r = rewrite(ipam, err);
	return r < 0 ? r : open_log(ipam, err);
}
