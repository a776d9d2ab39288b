/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the address log (see ipam.h):
 *
 *	+ UID ADDRESS LINK [PROTOCOL/HOST_IP/HOST_PORT/POD_PORT]… #CHECKSUM
 *	- UID #CHECKSUM
 */
#include "netns/ipam_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: to notice a torn line, not an enemy's. */
static uint32_t checksum(const char *data, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)data[i]) * 16777619u;
	return h;
}

static int finish_line(struct buf *buf, size_t start)
{
	(void)buf_printf(buf, " #%08" PRIx32 "\n", checksum(buf->data + start, buf->len - start));
	return buf_error(buf);
}

int ipam_log_put(struct buf *buf, const struct ipam_record *record)
{
	size_t start = buf->len;
	char ip[INET_ADDRSTRLEN];

	(void)inet_ntop(AF_INET, &record->ip, ip, sizeof(ip));
	(void)buf_printf(buf, "+ %s %s %" PRIu32, record->uid, ip, record->link);
	for (size_t i = 0; i < record->n_ports; i++) {
		const struct netns_port *p = &record->ports[i];

		(void)inet_ntop(AF_INET, &p->host_ip, ip, sizeof(ip));
		(void)buf_printf(buf, " %u/%s/%u/%u", p->protocol, ip, p->host_port, p->pod_port);
	}
	return buf_error(buf) ? buf_error(buf) : finish_line(buf, start);
}

int ipam_log_put_released(struct buf *buf, const char *uid)
{
	size_t start = buf->len;

	(void)buf_printf(buf, "- %s", uid);
	return buf_error(buf) ? buf_error(buf) : finish_line(buf, start);
}

bool ipam_uid_ok(const char *uid)
{
	size_t n = strspn(uid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return n > 0 && n < IPAM_UID_MAX && !uid[n];
}

/* The next word of *@at, at most @size - 1 bytes; false: there is none, or it is too long. */
static bool word(const char **at, const char *end, char *out, size_t size)
{
	const char *p = *at, *stop;

	while (p < end && *p == ' ')
		p++;
	for (stop = p; stop < end && *stop != ' ' && *stop != '/'; stop++)
		;
	if (stop == p || (size_t)(stop - p) >= size)
		return false;
	memcpy(out, p, (size_t)(stop - p));
	out[stop - p] = '\0';
	*at = stop;
	return true;
}

static bool number(const char **at, const char *end, uint32_t max, uint32_t *ret)
{
	char text[12];
	uint64_t v = 0;

	if (!word(at, end, text, sizeof(text)))
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*ret = (uint32_t)v;
	return v <= max;
}

static bool address(const char **at, const char *end, struct in_addr *ret)
{
	char text[INET_ADDRSTRLEN];

	return word(at, end, text, sizeof(text)) && inet_pton(AF_INET, text, ret) == 1;
}

static bool slash(const char **at, const char *end)
{
	return *at < end && *(*at)++ == '/';
}

static bool port(const char **at, const char *end, struct netns_port *ret)
{
	uint32_t protocol, host_port, pod_port;

	if (!number(at, end, 255, &protocol) || !slash(at, end) ||
	    !address(at, end, &ret->host_ip) || !slash(at, end) ||
	    !number(at, end, 65535, &host_port) || !slash(at, end) ||
	    !number(at, end, 65535, &pod_port) || !host_port || !pod_port)
		return false;
	ret->protocol = (uint8_t)protocol;
	ret->host_port = (uint16_t)host_port;
	ret->pod_port = (uint16_t)pod_port;
	return true;
}

/* Cut the checksum off and verify it; the new length, or -EBADMSG. */
static ssize_t verified(const char *line, size_t len)
{
	char text[9];
	char *end;
	size_t body;

	if (len < 12 || memcmp(line + len - 10, " #", 2) != 0)
		return -EBADMSG;
	body = len - 10;
	memcpy(text, line + len - 8, 8);
	text[8] = '\0';
	if (strspn(text, "0123456789abcdef") != 8 ||
	    strtoul(text, &end, 16) != checksum(line, body))
		return -EBADMSG;
	return (ssize_t)body;
}

int ipam_log_parse(const char *line, size_t len, struct ipam_record *ret, bool *ret_released)
{
	struct netns_port ports[IPAM_PORTS_MAX];
	ssize_t body = verified(line, len);
	const char *at = line + 1, *end = line + body;
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	if (body < 0)
		return -EBADMSG;
	if (!word(&at, end, ret->uid, sizeof(ret->uid)) || !ipam_uid_ok(ret->uid))
		return -EBADMSG;
	*ret_released = line[0] == '-';
	if (*ret_released)
		return at == end ? 0 : -EBADMSG;
	if (line[0] != '+' || !address(&at, end, &ret->ip) ||
	    !number(&at, end, IPAM_LINK_MAX - 1, &ret->link))
		return -EBADMSG;
	while (at < end)
		if (n == IPAM_PORTS_MAX || !port(&at, end, &ports[n++]))
			return -EBADMSG;
	return ipam_set_ports(ret, ports, n);
}
