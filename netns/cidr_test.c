/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/cidr.h"

#include <errno.h>

#include "base/own.h"
#include "tests/unit/test.h"

TEST(cidr_reads_what_it_writes)
{
	static const char *const good[] = { "10.244.0.0/16", "0.0.0.0/0", "10.244.3.0/24",
					    "192.168.7.9/32", "10.0.0.0/8" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char text[CIDR_TEXT_MAX];
		struct cidr c;

		CHECK(cidr_parse(good[i], &c) == 0);
		CHECK_STR(cidr_format(&c, text), good[i]);
	}
}

TEST(cidr_refuses_anything_else)
{
	static const char *const bad[] = { "",
					   "10.244.0.0",
					   "10.244.0.0/",
					   "10.244.0.0/33",
					   "10.244.0/16",
					   "10.244.0.1/16",
					   "a.b.c.d/8",
					   "10.244.0.0/8x",
					   "10.0.0.0/-1",
					   "10.0.0.0/008",
					   "/8",
					   "::/0",
					   "10.0.0.0/8/8",
					   " 10.0.0.0/8",
					   "1.2.3.4.5.6.7.8.9/8" };
	struct cidr c;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(cidr_parse(bad[i], &c) == -EINVAL);
}

TEST(cidr_overlap_is_symmetric)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{ "10.244.0.0/16", "10.244.7.0/24", true },
		{ "10.244.0.0/24", "10.244.1.0/24", false },
		{ "0.0.0.0/0", "192.0.2.0/24", true },
		{ "10.244.0.0/16", "10.244.0.0/16", true },
		{ "10.244.0.5/32", "10.244.0.4/31", true },
		{ "10.96.0.0/12", "10.112.0.0/16", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cidr a, b;

		CHECK(cidr_parse(cases[i].a, &a) == 0 && cidr_parse(cases[i].b, &b) == 0);
		CHECK(cidr_overlaps(&a, &b) == cases[i].overlap);
		CHECK(cidr_overlaps(&b, &a) == cases[i].overlap);
	}
}
