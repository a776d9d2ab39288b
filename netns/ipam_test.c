/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/ipam.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "netns/ipam_log.h"
#include "tests/unit/test.h"

static const struct cidr range = { 10u << 24 | 7 << 8, 28 }; /* 10.0.7.0/28: 13 for pods */

static struct ipam *open_in(const char *dir)
{
	struct ipam *ipam = NULL;

	CHECK(ipam_open(dir, &range, &ipam, NULL) == 0);
	return ipam;
}

static struct ipam_record *take(struct ipam *ipam, const char *uid)
{
	struct ipam_record *record = NULL;

	CHECK(ipam_take(ipam, uid, (struct in_addr){ 0 }, &record, NULL) == 0);
	CHECK(ipam_write(ipam, record, NULL) == 0);
	return record;
}

static unsigned last_byte(const struct ipam_record *record)
{
	return ntohl(record->ip.s_addr) & 255;
}

TEST(ipam_hands_out_in_turn_and_reuses_last)
{
	auto_ipam struct ipam *ipam = open_in(test_dir());
	struct ipam_record *record;
	char uid[8];

	for (unsigned i = 2; i <= 14; i++) {
		(void)snprintf(uid, sizeof(uid), "p%u", i);
		CHECK_INT(last_byte(take(ipam, uid)), i);
		if (i == 5)
			ipam_release(ipam, ipam_find(ipam, "p3"));
	}
	CHECK_INT(last_byte(take(ipam, "again")), 3);
	CHECK(ipam_take(ipam, "more", (struct in_addr){ 0 }, &record, NULL) == -ENOSPC);
	CHECK(ipam_take(ipam, "more", (struct in_addr){ htonl(range.base + 4) }, &record, NULL) ==
	      -EADDRINUSE);
	CHECK(ipam_take(ipam, "again", (struct in_addr){ 0 }, &record, NULL) == -EINVAL);
	CHECK(ipam_take(ipam, "no/uid", (struct in_addr){ 0 }, &record, NULL) == -EINVAL);
}

TEST(ipam_log_keeps_everything_through_a_restart)
{
	const char *dir = test_dir();
	struct netns_port ports[] = { { 8080, 80, IPPROTO_TCP, { 0 } },
				      { 53, 5353, IPPROTO_UDP, { htonl(0x7f000001) } } };
	struct ipam *ipam = open_in(dir);
	struct ipam_record *a = take(ipam, "a"), *b = take(ipam, "b");

	a->link = ipam_next_link(ipam);
	CHECK(ipam_set_ports(a, ports, 2) == 0 && ipam_write(ipam, a, NULL) == 0);
	ipam_release(ipam, b);
	(void)ipam_close(ipam);
	ipam = open_in(dir);
	a = ipam_find(ipam, "a");
	CHECK(a && !ipam_find(ipam, "b") && ipam_count(ipam) == 1);
	CHECK(last_byte(a) == 2 && a->link == 1 && a->n_ports == 2);
	CHECK(a->ports[0].host_port == 8080 && a->ports[0].pod_port == 80);
	CHECK(a->ports[1].protocol == IPPROTO_UDP &&
	      a->ports[1].host_ip.s_addr == htonl(0x7f000001));
	CHECK(ipam_port_owner(ipam, &ports[0], NULL) == a);
	CHECK(ipam_port_owner(ipam, &ports[0], a) == NULL);
	CHECK(ipam_next_link(ipam) == 2);
	(void)ipam_close(ipam);
}

/* What a power cut may leave: a torn end, a hole of zeroes, a release that was never written. */
TEST(ipam_log_survives_torn_lines)
{
	static const char hole[64];
	const char *dir = test_dir();
	auto_buf struct buf text = BUF_INIT(4096);
	struct ipam_record record = { .uid = "a", .ip.s_addr = htonl(range.base + 9), .link = 7 };
	struct ipam *ipam;
	int dir_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	(void)buf_puts(&text, "shallop-ipam 1\n");
	CHECK(ipam_log_put(&text, &record) == 0);
	(void)buf_append(&text, hole, sizeof(hole));
	(void)buf_puts(&text, "\n+ liar 10.0.7.10 1 #00000000\n");
	memcpy(record.uid, "b", 2);
	CHECK(ipam_log_put(&text, &record) == 0); /* the same address: a is gone */
	(void)buf_puts(&text, "+ torn 10.0.");
	CHECK(fd_write_file_at(dir_fd, "ipam", text.data, text.len, 0600, NULL) == 0);
	ipam = open_in(dir);
	CHECK(ipam_count(ipam) == 1 && ipam_find(ipam, "b"));
	CHECK_INT(last_byte(take(ipam, "c")), 10);
	(void)ipam_close(ipam);
	ipam = open_in(dir); /* written anew: nothing is joined to the torn end */
	CHECK(ipam_count(ipam) == 2 && ipam_find(ipam, "c"));
	(void)ipam_close(ipam);
	(void)fd_close(dir_fd);
}

TEST(ipam_refuses_a_newer_log)
{
	const char *dir = test_dir();
	struct ipam *ipam = NULL;
	struct err err = { 0 };
	int dir_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	CHECK(fd_write_file_at(dir_fd, "ipam", "shallop-ipam 2\n", 15, 0600, NULL) == 0);
	CHECK(ipam_open(dir, &range, &ipam, &err) == -EPROTONOSUPPORT);
	CHECK(strstr(err.text, "version 2, this program knows 1"));
	(void)fd_close(dir_fd);
}

TEST(ipam_log_is_shortened)
{
	const char *dir = test_dir();
	auto_buf struct buf text = BUF_INIT(1 << 20);
	auto_ipam struct ipam *ipam = open_in(dir);
	int dir_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	for (unsigned i = 0; i < 300; i++)
		ipam_release(ipam, take(ipam, "a"));
	(void)take(ipam, "b");
	CHECK(ipam_tidy(ipam, NULL) == 0);
	CHECK(fd_read_file_at(dir_fd, "ipam", &text, NULL) == 0 && text.len < 100);
	(void)take(ipam, "c"); /* and goes on in the new file */
	buf_clear(&text);
	CHECK(fd_read_file_at(dir_fd, "ipam", &text, NULL) == 0 && strstr(text.data, "\n+ c "));
	(void)fd_close(dir_fd);
}

TEST(ipam_log_parse_refuses_what_put_does_not_write)
{
	static const char *const bodies[] = {
		"",
		"+",
		"+ a",
		"+ a 1.2.3",
		"+ a 1.2.3.4",
		"+ a 1.2.3.4 1000000",
		"+ a 1.2.3.4 1 6/0.0.0.0/80",
		"+ a/b 1.2.3.4 1",
		"* a 1.2.3.4 1",
		"+ a 1.2.3.4 1 6/0.0.0.0/0/80",
		"- a 1.2.3.4",
		"-",
		"+ a 1.2.3.4 1 6/0.0.0.0/80/65536",
		"+ a 1.2.3.4 -1",
		"+ a 1.2.3.4 1 6 80",
		"+ a 1.2.3.4 1 256/0.0.0.0/80/80",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct ipam_record record;
		char line[128];
		bool released;
		uint32_t h = 2166136261u;

		for (const char *p = bodies[i]; *p; p++)
			h = (h ^ (uint8_t)*p) * 16777619u;
		(void)snprintf(line, sizeof(line), "%s #%08x", bodies[i], h);
		CHECK(ipam_log_parse(line, strlen(line), &record, &released) == -EBADMSG);
	}
}

TEST(ipam_open_leaves_nothing_behind_when_it_fails)
{
	const char *dir = test_dir();
	int fds = open_fds();

	(void)ipam_close(open_in(dir));
	for (unsigned nth = 1;; nth++) {
		struct ipam *ipam = NULL;
		int r;

		fault_arm(nth);
		r = ipam_open(dir, &range, &ipam, NULL);
		if (!fault_disarm()) {
			CHECK(r == 0);
			(void)ipam_close(ipam);
			break;
		}
		(void)ipam_close(ipam);
		CHECK(open_fds() == fds);
	}
}
