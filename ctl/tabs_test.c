/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/tabs.h"

#include <string.h>

#include "tests/unit/test.h"

static const char *aligned(struct tabs *tabs, const char *text)
{
	static struct buf out;

	buf_clear(&out);
	CHECK(tabs_write(tabs, text, strlen(text), &out) == 0);
	return buf_str(&out);
}

TEST(tabs_align_a_table)
{
	struct tabs get = TABS_GET;

	CHECK_STR(aligned(&get, "NAME\tREADY\tAGE\nnginx\t1/1\t5s\na-longer-name\t0/1\t10m\n"),
		  "NAME            READY   AGE\n"
		  "nginx           1/1     5s\n"
		  "a-longer-name   0/1     10m\n");
}

TEST(tabs_remember_widths_between_writes)
{
	struct tabs get = TABS_GET;

	(void)aligned(&get, "a-long-first-cell\tx\n");
	CHECK_STR(aligned(&get, "b\ty\n"), "b                   y\n");
}

TEST(tabs_columns_end_where_lines_lack_them)
{
	struct tabs describe = TABS_DESCRIBE;

	CHECK_STR(aligned(&describe, "Name:\tnginx\nNamespace:\tdefault\nContainers:\n  web:\n"
				     "    Image:\tnginx\n    Image ID:\tx\n"),
		  "Name:       nginx\n"
		  "Namespace:  default\n"
		  "Containers:\n"
		  "  web:\n"
		  "    Image:     nginx\n"
		  "    Image ID:  x\n");
}

TEST(tabs_count_characters_not_bytes)
{
	struct tabs describe = TABS_DESCRIBE;

	CHECK_STR(aligned(&describe, "é\tx\nee\ty\n"), "é   x\nee  y\n");
}
